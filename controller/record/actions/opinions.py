"""What customers write at the opinion form: by the code at a counter, or from their ticket's own page.

A bad one becomes an open complaint, as does one whose writer has left how to reach them. The door is open to everybody,
so that there is a limit to the rows of a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from controller.lobby.actions.event import Event
from controller.lobby.actions.rating import SCORES
from controller.lobby.actions.registry import Decision
from controller.lobby.aggregate import Row
from controller.lobby.model.outcome import Refused
from controller.record.actions.complaints import FORM, OF_FORM, Complaints, ComplaintSettings, cause_of, opened, written
from controller.record.actions.satisfaction import may_rate, rating_of
from controller.record.registry import Alarm, RecordCommand, alarms, applies, decides
from controller.record.state import Facts, Part, RecordEvent

BAD = 2
"""The highest score that makes an opinion a complaint."""
A_DAY = 200
"""Most opinions of a business day."""
LONGEST = 200
"""Most characters of an opinion."""


@dataclass(slots=True)
class Opinions(Part):
    """How many came today, and of which tickets."""

    NAME = "opinions"

    today: int = 0
    tickets: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveOpinion(RecordCommand):
    """A customer's opinion: `ticket` from its own page, else the `counter` whose code was read, if any. A stranger
    begins no business day."""

    BEGINS_DAY: ClassVar[bool] = False

    score: int
    about: str = ""
    counter: str = ""
    ticket: str = ""
    contact: bool = False
    words: str = ""
    language: str = ""  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class OpinionGiven(RecordEvent):
    """A customer has written at the opinion form: a score (1 to 5), what it is about, at which counter or of which
    ticket, and (`worded`) words, which stand in the table of remarks. `complaint`: the one that it has become.
    `language`: the customer's, where it is not the branch's."""

    score: int
    about: str
    counter: str | None = None
    ticket: str | None = None
    complaint: str | None = None
    worded: bool | None = None
    language: str | None = None


@decides(GiveOpinion)
def _give(facts: Facts, command: GiveOpinion) -> Decision:
    part, lobby = facts.part(Opinions), facts.lobby
    if not facts.of(ComplaintSettings).form or not lobby.day:
        raise Refused("opinions_closed")
    if command.score not in SCORES:
        raise Refused("bad_score", score=command.score)
    about, worded = cause_of(facts, command.about), written(command.words)
    if command.ticket in part.tickets:
        raise Refused("opinion_given_already")
    if part.today >= A_DAY:
        raise Refused("opinions_full")
    ticket = lobby.tickets.get(command.ticket)
    counter = (ticket.counter if ticket else command.counter) or None
    language = command.language or None
    of_ticket = ticket.id if ticket else None
    events: list[Event] = []
    if ticket and may_rate(facts, ticket):
        events.append(rating_of(ticket, command.score))
    if command.score > BAD and not command.contact:
        return [*events, OpinionGiven(command.score, about, counter, of_ticket, None, worded, language)]
    if sum(each.source == FORM for each in facts.part(Complaints).open.values()) >= OF_FORM:
        raise Refused("opinions_full")
    complaint = opened(
        facts,
        about,
        FORM,
        contact=command.contact,
        counter=counter,
        ticket=of_ticket,
        source=FORM,
        worded=worded,
        language=language,
    )
    given = OpinionGiven(command.score, about, counter, of_ticket, complaint.complaint, worded, language)
    return [*events, given, complaint]


@applies(Opinions, OpinionGiven)
def _given(part: Opinions, event: OpinionGiven, row: Row) -> None:
    part.today += 1
    if event.ticket:
        part.tickets.add(event.ticket)


@alarms
def _full(facts: Facts) -> Iterator[Alarm]:
    if facts.part(Opinions).today >= A_DAY:
        yield Alarm("opinions", "opinions_full", {"most": A_DAY}, severity="warning")
