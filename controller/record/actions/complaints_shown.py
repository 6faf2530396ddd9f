"""What is shown of opinions and complaints: the alarms, and the section of the record's page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

from controller.record.actions.complaints import FORM, OUTCOMES, Complaints, ComplaintSettings, OfCause, is_overdue
from controller.record.registry import Alarm, alarms, pictured
from controller.record.state import Facts


@alarms
def _overdue(facts: Facts) -> Iterator[Alarm]:
    """One for each complaint of the staff's, and one for all of the form's, which strangers may have flooded."""
    late = {id: each for id, each in facts.part(Complaints).open.items() if is_overdue(each, facts.at)}
    for id, complaint in late.items():
        if complaint.source != FORM:
            by = facts.rules.moment(complaint.due)
            about = {"complaint": id, "owner": _called(facts, complaint.owner), "due": by}
            yield Alarm(f"complaint:{id}", "complaint_overdue", about, complaint.due)
    if of_form := [id for id, complaint in late.items() if complaint.source == FORM]:
        several = {"complaint": of_form[0], "count": len(of_form)}
        yield Alarm("complaint:form", "opinions_overdue", several, late[of_form[0]].due)


@pictured("complaints")
def _picture(facts: Facts) -> Mapping[str, Any]:
    """The open complaints, the most urgent first; what can be chosen; and the month so far by cause."""
    part, settings = facts.part(Complaints), facts.of(ComplaintSettings)
    rules = facts.rules.lobby
    listed = sorted(part.open.items(), key=lambda item: (bool(item[1].answered), item[1].due))
    return {
        "open": [
            asdict(complaint)
            | {
                "id": id,
                "cause": settings.name_of(complaint.about, rules),
                "owned_by": _called(facts, complaint.owner) if complaint.owner != FORM else "",
                "overdue": is_overdue(complaint, facts.at),
                "notes": [{"words": cause} for cause in complaint.notes],
                "result": facts.say(f"complaint.outcome_{complaint.outcome}") if complaint.outcome else "",
            }
            for id, complaint in listed
        ],
        "causes": [{"id": cause, "name": settings.name_of(cause, rules)} for cause in settings.causes],
        "outcomes": [{"id": each, "name": facts.say(f"complaint.outcome_{each}")} for each in OUTCOMES],
        "counters": [*rules.counters],
        "month": month_of(facts, part.causes) if part.month == facts.lobby.day[:7] else [],
    }


def _called(facts: Facts, owner: str) -> str:
    """What people call an owner: an account by its name, a counter by its number."""
    kind, _, name = owner.rpartition("/")
    return facts.say("labels.counter", counter=name) if kind == "counter" else name


def month_of(facts: Facts, causes: Mapping[str, OfCause]) -> list[dict[str, Any]]:
    """A month's complaints by cause, most first."""
    settings = facts.of(ComplaintSettings)
    order = sorted(causes.items(), key=lambda item: (-item[1].opened, item[0]))
    numbers = [each.name for each in fields(OfCause) if each.name != "seconds"]
    return [
        {"id": cause, "name": settings.name_of(cause, facts.rules.lobby), "minutes": count.minutes}
        | {name: getattr(count, name) for name in numbers}
        for cause, count in order
    ]
