"""The lobby's state during one business day.

It is changed in place, only by events (`actions.registry.evolve`), which never consult the rules: everything a rule
decided is in the event, so a journal replays to the same state under any configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from sortedcontainers import SortedList

from controller.lobby.model.knowledge import Knowledge, WaitError
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.units import NEVER, UNSET, Ms, Seconds, in_ms

CALLS_KEPT = 12
"""Calls kept for boards, newest first."""


class Stage(StrEnum):
    """Where a ticket is in its life."""

    WAITING = "waiting"
    CALLED = "called"
    SERVING = "serving"
    HELD = "held"
    MISSED = "missed"
    FINISHED = "finished"
    CANCELLED = "cancelled"


IN_HAND = (Stage.CALLED, Stage.SERVING)
ENDED = (Stage.FINISHED, Stage.CANCELLED)


class Print(StrEnum):
    """What is known about the printing of a ticket."""

    NONE = "none"
    QUEUED = "queued"
    SENT = "sent"
    PRINTED = "printed"
    UNKNOWN = "unknown"


class LineKey(NamedTuple):
    """The key of a line of waiting tickets: those for which any counter has the same handicap."""

    service: str
    klass: str
    only: str
    slot: bool = False
    """Whether it is the line of appointments that count from their slot: its head may be one that may not be called
    yet."""


class Place(NamedTuple):
    """A ticket's place in its line: ordered by seniority, ties by order of issue."""

    seniority: Seconds
    order: int
    ticket: str


class Before(NamedTuple):
    """What a ticket was before a promotion or reassignment; see `Ticket`."""

    service: str
    klass: str
    only: str
    slot: Seconds
    not_before: Seconds
    reassigned: bool
    seniority: Seconds


class Given(NamedTuple):
    """What a ticket was before it was given to other counters, since its own had gone; see `Ticket`. `at`: when that
    was; `held_at`: since when a counter held it; both in ms since 1970, UTC."""

    at: Ms
    only: str
    reassigned: bool
    moved: bool
    before: Before | None
    held_at: Ms


@dataclass(slots=True)
class Ticket:
    """A customer's number. `seniority` in seconds since 1970, UTC; times in ms since 1970, UTC."""

    id: str
    order: int
    """1-based order of issue on this day."""
    service: str
    klass: str
    seniority: Seconds
    issued_at: Ms
    number: int
    stage: Stage = Stage.WAITING
    only: str = ""
    """Which counters may serve it: a counter's id (only that one), `ANY` (all that know the service, as own work), or
    empty (as configured)."""
    counter: str = ""
    """The counter that has it in hand or holds it, or that had it last."""
    passed: int = 0
    """How often it was passed while it was the head of its line (the rule's guard)."""
    reassigned: bool = False
    recalls: int = 0
    returns: int = 0
    missed_at: Ms = NEVER
    finished_at: Ms = NEVER
    unstarted: bool = False
    """It was finished without its service having started: it can come back."""
    held_at: Ms = NEVER
    rated: bool = False
    copies: int = 0
    print: Print = Print.NONE
    printer: str = ""
    """The printer of its last copy; empty: the first."""
    late: bool = False
    """It was taken while its printer could not print."""
    slot: Seconds = UNSET
    """The start of its appointment in seconds since 1970, UTC; 0: none (or promoted since)."""
    booked: Seconds = UNSET
    """The start of the appointment whose place it takes up, also after a promotion."""
    not_before: Seconds = UNSET
    """Appointments: when it may be called, in seconds since 1970, UTC; before that, only by a counter that is idle."""
    expected: tuple[int, ...] = ()
    """The wait that the customer was told: least, middle, most seconds; empty: none, a counter was free."""
    rolled: int = 0
    moved: bool = False
    """It was promoted, transferred or reassigned: the wait that the customer was told no longer holds."""
    before: Before | None = None
    """What the last promotion or reassignment changed, until the ticket is called: what can be undone."""
    given: Given | None = None
    """What it goes back to if the going of its counter is taken back, until it moves again."""
    form: bool = False
    needs: tuple[str, ...] = ()
    language: str = ""
    """The language that its customer has chosen; empty: none, which is the branch's."""
    why: str = ""
    """Why it was last called."""
    called_at: Ms = NEVER
    """When it was first called, and `since` when it was last: ms since 1970, UTC; 0: never."""
    since: Ms = NEVER
    recalled_at: Ms = NEVER
    roll: bool = False
    """Its number is from the paper roll."""
    untimed: bool = False
    """It is not known when its number was taken: `issued_at` is when it was entered, and its wait counts nowhere."""

    @property
    def waits_from(self) -> Ms:
        """Since when its customer has waited: since the issue, or the slot of the appointment; ms since 1970, UTC."""
        return max(self.issued_at, in_ms(self.slot))

    def returns_until(self, rules: Rules) -> Ms:
        """Until when it may return after a missed call, or after it was finished without having been started, in ms
        since 1970, UTC; 0: it may not, or was neither.

        A customer who was called before the slot of their appointment may return until after it.
        """
        if self.stage is Stage.FINISHED and self.unstarted:
            return Ms(self.finished_at + rules.return_within * 1000)
        if self.stage is not Stage.MISSED or self.returns >= rules.returns:
            return NEVER
        return Ms(max(self.missed_at, in_ms(self.booked)) + rules.return_within * 1000)

    @property
    def line(self) -> LineKey:
        """The line it waits in."""
        return LineKey(self.service, self.klass, self.only, self.not_before > 0)

    @property
    def place(self) -> Place:
        """Its place in that line."""
        return Place(self.seniority, self.order, self.id)


class CounterStage(StrEnum):
    """What a counter is doing."""

    CLOSED = "closed"
    OPEN = "open"
    PAUSED = "paused"


class Visit(NamedTuple):
    """What a visit to a counter has taught: how many seconds it took, and whether the customer did not come (`missed`).
    `waited`: the seconds before it, if it was the ticket's first."""

    service: str
    klass: str
    seconds: float
    missed: bool
    waited: float | None


class Left(NamedTuple):
    """How the last customer left a counter: when (`at`), and what they were until then; times in ms since 1970, UTC.
    `opened`: since when the counter was open."""

    ticket: str
    at: Ms
    stage: Stage
    since: Ms
    service: str
    only: str
    seniority: Seconds
    returns: int
    opened: Ms
    visit: Visit


@dataclass(slots=True)
class LastCall:
    """What the call of the ticket in hand has changed, so that it can be taken back."""

    was: Ticket
    """The ticket as it was before."""
    passed: tuple[str, ...] = ()
    """Tickets whose `passed` it has increased by one."""
    effect: Effect | None = None
    """What it has added to the effect of its class; and `most_before`: the most seconds until then."""
    most_before: int = 0
    waited: int | None = None
    """The seconds of waiting that it has added to the day's; None: it was not the ticket's first."""
    error: WaitError | None = None
    """What it has taught of how far estimates are off."""


@dataclass(slots=True)
class CounterState:
    """A counter today."""

    stage: CounterStage = CounterStage.CLOSED
    reason: str = ""
    ticket: str = ""
    """The ticket in hand."""
    last_ticket: str = ""
    """The one served before it."""
    since: Ms = NEVER
    """When it opened, paused or closed; ms since 1970, UTC."""
    asks_help: bool = False
    """It asks the lobby manager to come."""
    profile: str = ""
    """The counter profile that it has; empty: it serves what it is configured to."""
    clerk: str = ""
    """The alias of the clerk who is signed in; empty: nobody is."""
    call: LastCall | None = None
    """The call of the ticket in hand; None: there is none, or its last visit here was resumed."""
    left: Left | None = None
    """The last customer's leaving, until it is undone."""
    asked_at: Ms = NEVER
    """When it asked; ms since 1970, UTC; 0: it does not."""


class Call(NamedTuple):
    """A line of the hall board; `at` in ms since 1970, UTC."""

    ticket: str
    counter: str
    at: Ms


class Notice(NamedTuple):
    """A notice that the lobby manager has posted: when, and until when (ms since 1970, UTC), and by whom."""

    at: Ms
    until: Ms
    by: str


class Emergency(NamedTuple):
    """An emergency that the lobby manager has declared: the failure, since when (ms since 1970, UTC), and by whom."""

    plan: str
    at: Ms
    by: str


class Take(NamedTuple):
    """The last ticket taken at one button for one service; `choice`: the answer of the triage."""

    at: Ms
    ticket: str
    choice: str


@dataclass(slots=True)
class Effect:
    """The effect of a class's privilege today: customers who would have been called before its calls without it, and
    by how many seconds in all and at most."""

    passed: int = 0
    seconds: int = 0
    most: int = 0


class Advice(NamedTuple):
    """Advice to the lobby manager to open or close a counter, or to give it a profile; expected waits in seconds
    without and with it."""

    action: Literal["open", "close", "profile"]
    counter: str
    group: str
    before: int
    after: int
    unless: tuple[str, ...] = ()
    """Counters any of which makes it obsolete: by opening, for advice to open; by closing or pausing, else."""
    profile: str = ""


@dataclass(slots=True)
class Windows:
    """What the last checks of the windows said."""

    checks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Group -> checks in a row that wanted one window more, and that could do with one less."""
    advice: list[Advice] = field(default_factory=list)
    declined: dict[tuple[str, str], Ms] = field(default_factory=dict)
    """(action, counter) -> when the manager last declined it."""
    accepted: dict[tuple[str, str], Ms] = field(default_factory=dict)
    """(action, counter) -> when they last accepted it, until it has happened."""
    checked_at: Ms = NEVER
    """When the last check was; ms since 1970, UTC; 0: none yet."""

    def done(self, action: Literal["open", "close", "profile"], counter: str) -> None:
        """A counter has opened, has closed or paused, or serves something else: remove the advice that this fulfils or
        makes obsolete."""
        self.advice = [
            a for a in self.advice if a.counter != counter and not (a.action == action and counter in a.unless)
        ]
        self.accepted.pop((action, counter), None)


AGREES = 3600 * 1000
"""Milliseconds for which a clock that was set must show the same day before that is accepted without confirmation."""


class Doubt(NamedTuple):
    """The business day by the clock, if it differs from the open one; since when, in ms since 1970, UTC."""

    day: str
    since: Ms


class Dropped(NamedTuple):
    """A counter that is no longer configured: when it was dropped (ms since 1970, UTC), and the tickets it had."""

    at: Ms
    counter: str
    tickets: tuple[str, ...]


class Note(NamedTuple):
    """A clerk's note: where it was left, and about which ticket; empty: for whoever takes over the counter. When: in ms
    since 1970, UTC, and on which business day."""

    counter: str
    ticket: str
    at: Ms
    day: str


class Step(NamedTuple):
    """The wall clock was set: when, by the new time, and by how much; both in ms."""

    at: Ms
    by: int


@dataclass(slots=True)
class State:
    """The lobby on one business day. Only `evolve` changes it."""

    day: str = ""
    profile: str = ""
    tickets: dict[str, Ticket] = field(default_factory=dict)
    counters: dict[str, CounterState] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    """The last number issued for each service."""
    last_seniority: Seconds = UNSET
    first_issued: Ms = NEVER
    """When the day's first ticket was taken; ms since 1970, UTC."""
    takes: dict[tuple[str, str], Take] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    called: dict[str, Call] = field(default_factory=dict)
    """Each counter's last call today, also if it is on the board no more; the newest is last."""
    unknown_prints: dict[str, None] = field(default_factory=dict)
    """Tickets that may not be on paper, and have neither ended nor been printed again."""
    lines: dict[LineKey, SortedList] = field(default_factory=dict)
    """The waiting tickets' places, by line; empty lines are absent."""
    knowledge: Knowledge = field(default_factory=Knowledge)
    waits: dict[str, SortedList] = field(default_factory=dict)
    """Class -> seconds from issue to the first call, or until they gave up."""
    effects: dict[str, Effect] = field(default_factory=dict)
    advised: dict[tuple[str, str], Ms] = field(default_factory=dict)
    """(button, answer of the triage) -> when it last sent a customer to a machine."""
    sent_away: dict[str, int] = field(default_factory=dict)
    """Answer of the triage -> customers sent to a machine."""
    insisted: dict[str, int] = field(default_factory=dict)
    """Answer of the triage -> of them, those who wanted a ticket all the same."""
    slots: dict[Seconds, int] = field(default_factory=dict)
    """Appointments that have checked in, by their start in seconds since 1970, UTC."""
    windows: Windows = field(default_factory=Windows)
    notices: dict[str, Notice] = field(default_factory=dict)
    """The lobby manager's notices by id, in the order in which they were posted."""
    noticed: int = 0
    """Notices posted today."""

    emergency: Emergency | None = None
    emergencies: int = 0
    """Emergencies declared today, with one that was taken over from the day before."""

    boot: str = ""
    """Identifies the machine's last known boot; `origin`: the time of that boot by the present wall clock (ms since
    1970, UTC)."""
    origin: Ms = NEVER
    started_at: Ms = NEVER
    """When the controller first started after that boot, by the wall clock; 0: before the first row of this day."""
    issued: int = 0
    """Tickets issued today."""
    doubt: Doubt | None = None
    dropped: list[Dropped] = field(default_factory=list)
    """Counters of today that are no longer configured."""
    notes: dict[str, Note] = field(default_factory=dict)
    noted: int = 0
    """The number in the id of the last note."""
    serving: dict[str, Mapping[str, int]] = field(default_factory=dict)
    """What counters with a profile serve, as `Counter.serves`."""
    planned: dict[str, str] = field(default_factory=dict)
    """Counter -> the profile that the calendar gave it last; empty: none."""
    step: Step | None = None
    """The last setting of the clock."""

    def counter(self, id: str) -> CounterState:
        """A counter's state; closed, if nothing has happened there today."""
        return self.counters.get(id) or CounterState()

    def heads(self) -> Iterator[Ticket]:
        """The first ticket of each line."""
        for line in self.lines.values():
            yield self.tickets[line[0].ticket]

    def become(self, other: State) -> None:
        """Take over the contents of `other`, which must not be used any more; references to this state stay valid."""
        for name in State.__slots__:
            setattr(self, name, getattr(other, name))

    def picture(self) -> dict[str, Any]:
        """Everything, as plain data: two states are equal if and only if their pictures are."""
        picture = asdict(self)
        picture["lines"] = sorted((list(key), [list(place) for place in line]) for key, line in self.lines.items())
        picture["takes"] = sorted([*key, *take] for key, take in self.takes.items())
        picture["advised"] = sorted([*key, at] for key, at in self.advised.items())
        picture["waits"] = {klass: list(waits) for klass, waits in self.waits.items()}
        for answer in ("declined", "accepted"):
            picture["windows"][answer] = sorted([*key, at] for key, at in getattr(self.windows, answer).items())
        return picture


def open_counters(state: State, rules: Rules) -> list[Counter]:
    """The configured counters that are open now."""
    return [c for id, c in rules.counters.items() if state.counter(id).stage is CounterStage.OPEN]


def held_by(state: State, counter: Counter) -> list[Ticket]:
    """The tickets that a counter has parked, the one held longest first."""
    held = [t for t in state.tickets.values() if t.stage is Stage.HELD and t.counter == counter.id]
    return sorted(held, key=lambda t: (t.held_at, t.order))


def undoes(state: State, rules: Rules, counter: Counter, at: Ms) -> Left | None:
    """The leaving that UNDO at a counter would take back at `at` (ms since 1970, UTC); None: there is none, it was too
    long ago, or the ticket has since been cancelled, or has been to another counter."""
    left = state.counter(counter.id).left
    if left is None or not 0 <= at - left.at <= rules.undo_within * 1000:
        return None
    ticket = state.tickets.get(left.ticket)
    if ticket is None or ticket.stage is Stage.CANCELLED:
        return None
    return left if ticket.stage in IN_HAND or ticket.since == left.since else None


def undoes_going(state: State, rules: Rules, counter: Counter, at: Ms) -> bool:
    """Whether UNDO at a counter that has nobody to bring back would open it again at `at` (ms since 1970, UTC): it has
    paused or closed seconds ago."""
    here = state.counter(counter.id)
    return here.stage is not CounterStage.OPEN and bool(here.since) and 0 <= at - here.since <= rules.undo_within * 1000


def last_unstarted(state: State, counter: Counter) -> Ticket | None:
    """The ticket that a counter finished last, if its service had not started; else None."""
    finished = [t for t in state.tickets.values() if t.counter == counter.id and t.stage is Stage.FINISHED]
    last = max(finished, key=lambda t: (t.finished_at, t.since), default=None)
    return last if last is not None and last.unstarted else None


def notes_at(state: State, counter: str) -> list[str]:
    """The ids of the notes that a counter is shown: about the ticket in hand, and those left at the counter."""
    ticket = state.counter(counter).ticket
    return [id for id, n in state.notes.items() if (n.ticket == ticket if n.ticket else n.counter == counter)]
