"""Opinions and complaints (意见、投诉): whoever hears one first owns it (首问负责), and it is answered in time (限时).

The staff enter what they hear; customers write at the opinion form (`opinions`). The way to reach a customer stays on
paper, beside the reference number that the complaint has here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Self

from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import named
from controller.lobby.actions.press import COUNTER, TICKET, WORDS, Field, Press, Where, key
from controller.lobby.actions.registry import Decision
from controller.lobby.aggregate import Row
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import NEVER, Ms
from controller.record.personal import looks_personal
from controller.record.registry import RecordCommand, applies, decides, due, outstanding
from controller.record.state import Facts, Part, RecordEvent
from controller.record.times import ReckonedFrom

FORM = "form"
"""The `source` of a complaint that a customer has written at the opinion form."""
OTHER = "other"
CAUSES = ("waiting", "attitude", "fees", "equipment", "rules", OTHER)
OUTCOMES = ("explained", "solved", "apologised", "passed_on", "unfounded")
AT_ONCE = 200
"""Most open complaints, of which at most `OF_FORM` are the form's: strangers cannot keep the staff from entering
one."""
OF_FORM = 100
DATES_KEPT = 10
"""Dates whose last number is remembered, so that none is given twice when the clock is set back."""
NOTES_KEPT = 3

ABOUT = Field("about", "", "what it is about: a cause of [complaints] causes; empty: other", longest=32)
CONTACT = Field("contact", False, "the customer has left on paper how to reach them; they are answered the same day")
COMPLAINT = Field(
    "complaint", "", "its reference, T20261201-3, or 3 for one of today; empty: the only one that is open", longest=16
)
OUTCOME = Field("outcome", "", f"what came of it: {', '.join(OUTCOMES)}", longest=16)
OWNER = Field(
    "owner", "", "who owns it from now on: an account or a counter; empty: you", pattern=r"^[A-Za-z0-9/_-]{0,32}$"
)


@dataclass(frozen=True, slots=True)
class ComplaintSettings:
    """`answer_within`: seconds of working time until the first answer; `causes`: names by language, those missing are
    the wording's; `form`: whether customers may write at the opinion form."""

    answer_within: int = 30 * 60
    causes: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: {id: {} for id in CAUSES})
    form: bool = True

    def name_of(self, cause: str, rules: Rules) -> str:
        """A cause's name in the language of the rules."""
        wording = rules.wording
        own = self.causes.get(cause, {}).get(wording.language, "")
        return own or wording.templates.get(f"complaint.{cause}", cause)


@dataclass(slots=True)
class Complaint:
    """A complaint that is open. Times in ms since 1970, UTC; 0: not yet. `notes`: the causes of the rows that a person
    has written about it, the first and the newest."""

    about: str
    owner: str
    opened: Ms
    due: Annotated[Ms, ReckonedFrom("opened")]
    counter: str = ""
    ticket: str = ""
    contact: bool = False
    source: str = ""
    notes: list[str] = field(default_factory=list)
    answered: Ms = NEVER
    outcome: str = ""
    escalated: Ms = NEVER

    def note(self, cause: str) -> None:
        """Somebody has written more about it."""
        self.notes = [*self.notes[:1], *self.notes[1:][-(NOTES_KEPT - 2) :], cause]


@dataclass(slots=True)
class OfCause:
    """A month's complaints about one thing: how many were opened, had a contact, were answered, late, were escalated
    and settled; and after how many seconds they were answered in all."""

    opened: int = 0
    contact: int = 0
    answered: int = 0
    late: int = 0
    escalated: int = 0
    settled: int = 0
    seconds: int = 0

    @property
    def minutes(self) -> int | None:
        """Whole minutes to the answer on average; None: none was answered."""
        return round(self.seconds / self.answered / 60) if self.answered else None


@dataclass(slots=True)
class Complaints(Part):
    """The open complaints by reference; the last number of each date; the causes of a month (YYYY-MM) so far.
    `forgotten`: the last date whose numbers are not remembered any more."""

    NAME = "complaints"

    open: dict[str, Complaint] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    forgotten: str = ""
    month: str = ""
    causes: dict[str, OfCause] = field(default_factory=dict)

    def carried(self) -> Mapping[str, Any]:
        if not self.numbers:
            return {}
        return {
            "open": {id: asdict(complaint) for id, complaint in self.open.items()},
            "numbers": self.numbers,
            "forgotten": self.forgotten,
            "month": self.month,
            "causes": {cause: asdict(count) for cause, count in self.causes.items()},
        }

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        return cls(
            {id: Complaint(**about) for id, about in carried.get("open", {}).items()},
            dict(carried.get("numbers", {})),
            carried.get("forgotten", ""),
            carried.get("month", ""),
            {cause: OfCause(**about) for cause, about in carried.get("causes", {}).items()},
        )

    def next_reference(self, day: str) -> str:
        """A reference that was never given: of this business day (YYYY-MM-DD), or of the last one that is remembered
        if the numbers of this day are not."""
        if day <= self.forgotten:
            day = max(self.numbers)
        return f"T{day.replace('-', '')}-{self.numbers.get(day, 0) + 1}"

    def given(self, reference: str) -> None:
        """A reference has been given."""
        date, _, number = reference.removeprefix("T").partition("-")
        self.numbers[f"{date[:4]}-{date[4:6]}-{date[6:]}"] = int(number)
        while len(self.numbers) > DATES_KEPT:
            self.forgotten = min(self.numbers)
            del self.numbers[self.forgotten]


# -- what is done ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HearComplaint(RecordCommand):
    """A complaint that somebody of the staff has heard, who owns it."""

    about: str = ""
    counter: str = ""
    ticket: str = ""
    contact: bool = False
    words: str = ""


@key("COMPLAINT", Where.RECORD, ABOUT, COUNTER, TICKET, CONTACT, WORDS)
def _heard(press: Press) -> HearComplaint:
    """Enter a complaint that you have heard: you own it until it is answered or passed on."""
    about, counter, ticket = press[ABOUT], press[COUNTER], press[TICKET]
    contact, words = press[CONTACT], press[WORDS]
    return HearComplaint(**press.by_hand, about=about, counter=counter, ticket=ticket, contact=contact, words=words)


@key("COMPLAINT", Where.COUNTER, ABOUT, CONTACT, WORDS)
def _heard_at_counter(press: Press) -> HearComplaint:
    """Enter a complaint that was heard at the counter, of the ticket in hand: the counter owns it."""
    by, about, contact, words = f"counter/{press.counter}", press[ABOUT], press[CONTACT], press[WORDS]
    return HearComplaint(**press.at_counter, by=by, about=about, contact=contact, words=words)


@key("ANSWER", Where.RECORD, COMPLAINT, OUTCOME, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerComplaint(RecordCommand):
    """Note that a complaint was answered, and what came of it."""

    complaint: str = ""
    outcome: str = ""
    words: str = ""


@key("PASS", Where.RECORD, COMPLAINT, OWNER, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class PassComplaint(RecordCommand):
    """Pass a complaint to another owner, or take it over."""

    complaint: str = ""
    owner: str = ""
    words: str = ""


@key("ESCALATE", Where.RECORD, COMPLAINT, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class EscalateComplaint(RecordCommand):
    """Tell the branch's head of a complaint that its owner cannot answer."""

    complaint: str = ""
    words: str = ""


@key("SETTLE", Where.RECORD, COMPLAINT, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class SettleComplaint(RecordCommand):
    """Close a complaint that has been answered."""

    complaint: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class ComplaintOpened(RecordEvent):
    """Somebody complains. `complaint`: its reference, which is never given again; `about`: the code of its cause;
    `owner`: who heard it first; `due`: until when it is to be answered, in ms since 1970, UTC; `contact`: how to reach
    the customer is on paper; `worded`: what was said stands in the table of remarks; `source`: "form" or, missing, the
    staff."""

    complaint: str
    about: str
    owner: str
    due: Ms
    contact: bool
    counter: str | None = None
    ticket: str | None = None
    source: str | None = None
    worded: bool | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class ComplaintAnswered(RecordEvent):
    """A complaint of `since` (ms since 1970, UTC) was answered: the first time, or (`again`) once more."""

    complaint: str
    about: str
    outcome: str
    by: str
    since: Ms
    late: bool
    again: bool | None = None
    worded: bool | None = None


@dataclass(frozen=True, slots=True)
class ComplaintPassed(RecordEvent):
    """A complaint has another owner."""

    complaint: str
    owner: str
    by: str
    worded: bool | None = None


@dataclass(frozen=True, slots=True)
class ComplaintEscalated(RecordEvent):
    """The branch's head is told of a complaint: by a person, or (`late`) since its time is over."""

    complaint: str
    about: str
    by: str
    late: bool
    worded: bool | None = None


@dataclass(frozen=True, slots=True)
class ComplaintSettled(RecordEvent):
    """A complaint of `since` (ms since 1970, UTC) is closed."""

    complaint: str
    about: str
    by: str
    since: Ms
    worded: bool | None = None


def cause_of(facts: Facts, about: str) -> str:
    """The code of a cause that somebody has chosen. Refused: there is none."""
    causes = facts.of(ComplaintSettings).causes
    if not about:
        return OTHER
    if about not in causes:
        raise Refused("unknown_complaint_cause", about=about, causes=" ".join(causes))
    return about


def written(words: str) -> bool | None:
    """Whether a row has words: True, or None. Refused: there is a number of a person's in them."""
    if looks_personal(words):
        raise Refused("words_are_personal")
    return bool(words.strip()) or None


def due_of(facts: Facts, *, contact: bool) -> Ms:
    """Until when a complaint of now is to be answered: within some working time, or by the end of that day's work where
    a contact was left."""
    first = facts.rules.after_working_hours(facts.at, facts.of(ComplaintSettings).answer_within / 3600)
    return facts.rules.end_of_work(first) if contact else first


def opened(facts: Facts, about: str, owner: str, *, contact: bool, **more: Any) -> ComplaintOpened:
    """The event by which a complaint is opened. Refused: there are too many."""
    part = facts.part(Complaints)
    if len(part.open) >= AT_ONCE:
        raise Refused("complaints_full", most=AT_ONCE)
    reference = part.next_reference(facts.lobby.day)
    return ComplaintOpened(reference, about, owner, due_of(facts, contact=contact), contact, **more)


@decides(HearComplaint)
def _hear(facts: Facts, command: HearComplaint) -> Decision:
    lobby, rules = facts.lobby, facts.rules.lobby
    if command.counter and command.counter not in rules.counters:
        raise Refused("unknown_counter", counter=command.counter)
    ticket = named(lobby, rules, command.ticket) if command.ticket else None
    here = lobby.counter(command.counter) if command.by.startswith("counter/") else None
    if ticket is None and here:
        ticket = lobby.tickets.get(here.ticket or here.last_ticket)
    counter = command.counter or (ticket.counter if ticket else "")
    about, worded = cause_of(facts, command.about), written(command.words)
    return [
        opened(
            facts,
            about,
            command.by,
            contact=command.contact,
            counter=counter or None,
            ticket=ticket.id if ticket else None,
            worded=worded,
        )
    ]


@decides(AnswerComplaint)
def _answer(facts: Facts, command: AnswerComplaint) -> Decision:
    id, complaint = _meant(facts, command.complaint)
    outcome = command.outcome or OUTCOMES[0]
    if outcome not in OUTCOMES:
        raise Refused("unknown_outcome", outcome=outcome, outcomes=" ".join(OUTCOMES))
    again, worded = bool(complaint.answered), written(command.words)
    late = command.at > complaint.due and not again
    common = (id, complaint.about, outcome, command.by, complaint.opened)
    return [ComplaintAnswered(*common, late, again or None, worded)]


@decides(PassComplaint)
def _pass(facts: Facts, command: PassComplaint) -> Decision:
    id, complaint = _meant(facts, command.complaint)
    owner = command.owner or command.by
    if owner == complaint.owner:
        raise Refused("complaint_owner", complaint=id, owner=owner)
    return [ComplaintPassed(id, owner, command.by, written(command.words))]


@decides(EscalateComplaint)
def _escalate(facts: Facts, command: EscalateComplaint) -> Decision:
    id, complaint = _meant(facts, command.complaint)
    worded = written(command.words)
    if complaint.escalated:
        raise Refused("escalated_already", complaint=id)
    return [ComplaintEscalated(id, complaint.about, command.by, late=False, worded=worded)]


@decides(SettleComplaint)
def _settle(facts: Facts, command: SettleComplaint) -> Decision:
    id, complaint = _meant(facts, command.complaint)
    if not complaint.answered:
        raise Refused("not_answered", complaint=id)
    worded = written(command.words)
    return [ComplaintSettled(id, complaint.about, command.by, complaint.opened, worded)]


def _meant(facts: Facts, reference: str) -> tuple[str, Complaint]:
    """The open complaint with this reference, or with this number of today; empty: the only one."""
    found, asked = facts.part(Complaints).open, reference.strip().upper()
    if asked.isdecimal():
        asked = f"T{facts.lobby.day.replace('-', '')}-{int(asked)}"
    if not asked and len(found) == 1:
        asked = next(iter(found))
    if asked not in found:
        known = " ".join([*found][:10]) or "-"
        if not asked:
            raise Refused("which_complaint", complaints=known)
        raise Refused("unknown_complaint", complaint=asked, complaints=known)
    return asked, found[asked]


@due
def _too_late(facts: Facts) -> Iterator[Event]:
    """What has not been answered in time is escalated, once."""
    for id, complaint in facts.part(Complaints).open.items():
        if is_overdue(complaint, facts.at) and not complaint.escalated:
            yield ComplaintEscalated(id, complaint.about, "controller", late=True)


def is_overdue(complaint: Complaint, at: Ms) -> bool:
    """Whether the time is over in which it was to be answered, and it has not been."""
    return not complaint.answered and at >= complaint.due


# -- what it changes ---------------------------------------------------------------------------------------------


def counted(causes: dict[str, OfCause], row: Row) -> None:
    """Count a row among the causes of its month."""
    event = row.event
    if not isinstance(event, ComplaintOpened | ComplaintAnswered | ComplaintEscalated | ComplaintSettled):
        return
    count = causes.setdefault(event.about, OfCause())
    match event:
        case ComplaintOpened():
            count.opened += 1
            count.contact += event.contact
        case ComplaintAnswered() if not event.again:
            count.answered += 1
            count.late += event.late
            count.seconds += max(0, row.at - event.since) // 1000
        case ComplaintEscalated():
            count.escalated += 1
        case ComplaintSettled():
            count.settled += 1


@applies(Complaints, ComplaintOpened, ComplaintAnswered, ComplaintEscalated, ComplaintSettled)
def _count(part: Complaints, event: Event, row: Row) -> None:
    if part.month != row.day[:7]:
        part.month, part.causes = row.day[:7], {}
    counted(part.causes, row)


@applies(Complaints, ComplaintOpened)
def _opened(part: Complaints, event: ComplaintOpened, row: Row) -> None:
    part.given(event.complaint)
    part.open[event.complaint] = Complaint(
        event.about,
        event.owner,
        row.at,
        event.due,
        event.counter or "",
        event.ticket or "",
        event.contact,
        event.source or "",
        [row.cause] if event.worded else [],
    )


@applies(Complaints, ComplaintAnswered, ComplaintPassed, ComplaintEscalated)
def _changed(part: Complaints, event: Any, row: Row) -> None:
    complaint = part.open[event.complaint]
    if event.worded:
        complaint.note(row.cause)
    match event:
        case ComplaintAnswered():
            complaint.answered, complaint.outcome = complaint.answered or row.at, event.outcome
            if complaint.owner == FORM:
                complaint.owner = event.by
        case ComplaintPassed():
            complaint.owner = event.owner
        case ComplaintEscalated():
            complaint.escalated = row.at


@applies(Complaints, ComplaintSettled)
def _settled(part: Complaints, event: ComplaintSettled, row: Row) -> None:
    part.open.pop(event.complaint, None)


@outstanding
def _not_answered(facts: Facts) -> Iterator[str]:
    open = [id for id, each in facts.part(Complaints).open.items() if not each.answered]
    if open:
        yield facts.say("log.open_complaints", count=len(open))
