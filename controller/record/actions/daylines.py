"""What the day's log drafts from events: devices' faults, repairs, alarms, advice to the manager, green channel.

It keeps kinds and figures, and of each at most `LISTED`; what is more is counted. The sentences are made when they are
shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from controller.lobby.actions.emergency import EmergencyDeclared, EmergencyEnded
from controller.lobby.actions.press import REMARK
from controller.lobby.actions.promote import TicketPromoted
from controller.lobby.actions.report_device import DeviceChanged
from controller.lobby.actions.take_ticket import GRANTED, TicketIssued
from controller.lobby.actions.windows import WindowAdviceAnswered, WindowsChecked
from controller.lobby.aggregate import Row
from controller.lobby.model.units import NEVER, Ms
from controller.record.actions.alarms import AlarmEnded, AlarmRaised
from controller.record.actions.complaints import ComplaintAnswered, ComplaintEscalated, ComplaintOpened
from controller.record.actions.reminders import today
from controller.record.actions.repairs import STAFF_CURE, RepairConfirmed, RepairOpened
from controller.record.registry import Line, applies, drafted
from controller.record.state import Facts, Part

LISTED = 20
"""Lines of one heading."""


@dataclass(slots=True)
class Trouble:
    """How often a device did not work, and for how long in all (ms) up to `until`; `since`: NEVER, if it works now;
    `first`: when it began. Times in ms since 1970, UTC."""

    detail: str
    first: Ms
    since: Ms
    times: int = 1
    lasted: int = 0
    until: Ms = NEVER


@dataclass(slots=True)
class Happened:
    """Something that is listed: when, until when (NEVER: it lasts, or is a moment), which, how often, and what its
    sentence names."""

    at: Ms
    key: str
    about: dict[str, Any] = field(default_factory=dict)
    until: Ms = NEVER
    times: int = 1
    words: str = ""


@dataclass(slots=True)
class DayLines(Part):
    """What has happened today: devices' troubles by device; what is listed, by heading and its own id; how much more
    there was, by heading."""

    NAME = "daylines"

    troubles: dict[str, Trouble] = field(default_factory=dict)
    listed: dict[str, dict[str, Happened]] = field(default_factory=dict)
    more: dict[str, int] = field(default_factory=dict)
    advised: set[tuple[str, str]] = field(default_factory=set)
    given: int = 0
    taken: int = 0
    declined: int = 0

    def carried(self) -> Mapping[str, Any]:
        lasting = {id: [each.detail, each.since] for id, each in self.troubles.items() if each.since}
        return {"troubles": lasting} if lasting else {}

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        found = carried.get("troubles", {})
        return cls({id: Trouble(detail, since, since) for id, (detail, since) in found.items()})

    def add(self, heading: str, id: str, happened: Happened) -> None:
        """List something, or count it if there is no room for it."""
        under = self.listed.setdefault(heading, {})
        if (known := under.get(id)) is not None:
            known.times, known.until, known.about = known.times + 1, NEVER, happened.about
        elif len(under) < LISTED:
            under[id] = happened
        else:
            self.more[heading] = self.more.get(heading, 0) + 1


# -- what is followed --------------------------------------------------------------------------------------------


@applies(DayLines, DeviceChanged)
def _device_changed(part: DayLines, event: DeviceChanged, row: Row) -> None:
    known = part.troubles.get(event.device)
    works = event.state == "ok" or event.detail in STAFF_CURE  # paper that is put in is no fault
    if works and known and known.since:
        known.lasted += max(0, row.at - known.since)
        known.since, known.until = NEVER, row.at
    elif not works and known is None:
        part.troubles[event.device] = Trouble(event.detail, row.at, row.at)
    elif not works and known and not known.since:
        known.since, known.detail, known.times = row.at, event.detail, known.times + 1


@applies(DayLines, RepairOpened)
def _repair_opened(part: DayLines, event: RepairOpened, row: Row) -> None:
    words = row.cause if event.worded else ""
    part.add("repairs", f"{event.repair} opened", Happened(row.at, "log.repair", _of_repair(event), words=words))


@applies(DayLines, RepairConfirmed)
def _repair_confirmed(part: DayLines, event: RepairConfirmed, row: Row) -> None:
    key = "log.repaired_late" if event.late else "log.repaired"
    part.add("repairs", f"{event.repair} confirmed", Happened(row.at, key, _of_repair(event)))


def _of_repair(event: RepairOpened | RepairConfirmed) -> dict[str, Any]:
    return {"repair": event.repair, "thing": event.thing}


@applies(DayLines, AlarmRaised)
def _alarm_raised(part: DayLines, event: AlarmRaised, row: Row) -> None:
    part.add("alarms", event.alarm, Happened(row.at, f"alarm.{event.kind}", dict(event.about)))


@applies(DayLines, AlarmEnded)
def _alarm_ended(part: DayLines, event: AlarmEnded, row: Row) -> None:
    if known := part.listed.get("alarms", {}).get(event.alarm):
        known.until = row.at


@applies(DayLines, ComplaintOpened, ComplaintEscalated, ComplaintAnswered)
def _complaint(part: DayLines, event: ComplaintOpened | ComplaintEscalated | ComplaintAnswered, row: Row) -> None:
    key = f"log.{event.KIND}"
    part.add("complaints", f"{event.complaint} {event.KIND}", Happened(row.at, key, {"complaint": event.complaint}))


@applies(DayLines, EmergencyDeclared)
def _emergency_declared(part: DayLines, event: EmergencyDeclared, row: Row) -> None:
    part.add("emergency", event.plan, Happened(row.at, "log.emergency", {"plan": event.plan}))


@applies(DayLines, EmergencyEnded)
def _emergency_ended(part: DayLines, event: EmergencyEnded, row: Row) -> None:
    if known := part.listed.get("emergency", {}).get(event.plan):
        known.until = row.at


@applies(DayLines, WindowsChecked)
def _windows_checked(part: DayLines, event: WindowsChecked, row: Row) -> None:
    standing = {(each["action"], each["counter"]) for each in event.advice}
    part.given += len(standing - part.advised)
    part.advised = standing


@applies(DayLines, WindowAdviceAnswered)
def _advice_answered(part: DayLines, event: WindowAdviceAnswered, row: Row) -> None:
    part.advised.discard((event.action, event.counter))
    part.taken, part.declined = part.taken + event.accepted, part.declined + (not event.accepted)
    key = f"log.advice_{event.action}_{'taken' if event.accepted else 'declined'}"
    part.add("advice", row.cause, Happened(row.at, key, {"counter": event.counter}))


@applies(DayLines, TicketIssued, TicketPromoted)
def _granted(part: DayLines, event: TicketIssued | TicketPromoted, row: Row) -> None:
    """Those whose reason is a person's own words; how many there were for each reason is a figure of the day."""
    if event.klass in GRANTED and event.reason == REMARK:
        about = {"ticket": event.ticket, "klass": event.klass}
        part.add("grants", event.ticket, Happened(row.at, "log.grant", about, words=row.cause))


# -- what is shown -----------------------------------------------------------------------------------------------


@drafted
def _faults(facts: Facts) -> Iterator[Line]:
    templates = facts.rules.lobby.wording.templates
    for id, each in facts.part(DayLines).troubles.items():
        lasted = each.lasted + (max(0, facts.at - each.since) if each.since else 0)
        about = {
            "name": facts.rules.name_of(id),
            "detail": templates.get(f"device.{each.detail}", each.detail),
            "times": each.times,
            "minutes": -(-lasted // 60_000),
            "since": _time(facts, each.since or each.first),
            "until": _time(facts, each.until),
        }
        how = "lasts" if each.since else "fault" if each.times == 1 else "faults"
        yield Line("faults", facts.say(f"log.{how}", **about), each.first)


def _time(facts: Facts, at: Ms) -> str:
    """A time of day; of another business day with its date."""
    rules = facts.rules
    return rules.clock(at) if rules.lobby.day_of(at) == today(facts) else rules.moment(at)


@drafted
def _listed(facts: Facts) -> Iterator[Line]:
    part = facts.part(DayLines)
    for heading, under in part.listed.items():
        for each in under.values():
            text = _sentence(facts, each)
            if each.until:
                text = facts.say("log.over", text=text, time=_time(facts, each.until))
            if each.times > 1:
                text = facts.say("log.times", text=text, times=each.times)
            yield Line(heading, text, each.at, each.words)
    last = Ms(facts.at + 1)  # below the others
    for heading, count in part.more.items():
        yield Line(heading, facts.say("log.more", count=count), last)
    if part.given:
        ignored = max(0, part.given - part.taken - part.declined)
        about = {"given": part.given, "taken": part.taken, "declined": part.declined, "ignored": ignored}
        yield Line("advice", facts.say("log.advice", **about))


def _sentence(facts: Facts, each: Happened) -> str:
    """An alarm of an older program may name what the sentence of today does not, or the other way round."""
    about = dict(each.about)
    if "thing" in about:
        about["name"] = facts.rules.name_of(about["thing"])
    if plan := facts.rules.lobby.emergency_plans.get(str(about.get("plan"))):
        about["plan"] = plan.name
    if "klass" in about:
        about["class"] = facts.rules.lobby.class_name(about["klass"])
    try:
        return facts.say(each.key, **about)
    except KeyError:
        return each.key.rpartition(".")[2]
