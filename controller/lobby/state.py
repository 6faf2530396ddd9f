"""The lobby's state during one business day, and `evolve`, the only code that changes it.

`evolve` is a pure function of the state and one event, applied in place (the engine is the state's only owner, and a
copy per press would cost more than everything else). It never consults the rules: whatever a rule decided stands in
the event, so a journal replays to the same state under any configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from sortedcontainers import SortedList

from controller.lobby import events as ev
from controller.lobby.learning import Knowledge
from controller.lobby.rules import ANY, Counter, Rules

CALLS_KEPT = 12
"""Calls remembered for boards, newest first."""


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
    """What is known of a ticket's paper."""

    NONE = "none"
    QUEUED = "queued"
    SENT = "sent"
    PRINTED = "printed"
    UNKNOWN = "unknown"


class LineKey(NamedTuple):
    """A line of waiting tickets: those one counter has one handicap for."""

    service: str
    klass: str
    only: str
    slot: bool = False
    """Appointments that count from their slot have a line of their own: its head may be one that is not to be called
    yet."""


class Place(NamedTuple):
    """A ticket's place in its line: first come (by seniority), first served; ties by order of issue."""

    seniority: int
    order: int
    ticket: str


class Before(NamedTuple):
    """What a ticket was; see `Ticket`."""

    service: str
    klass: str
    only: str
    slot: int
    not_before: int
    reassigned: bool
    seniority: int


@dataclass(slots=True)
class Ticket:
    """A customer's number. `seniority` in seconds since 1970, UTC; times in ms since 1970, UTC."""

    id: str
    order: int
    """The how-manieth ticket of the day."""
    service: str
    klass: str
    seniority: int
    issued_at: int
    number: int
    stage: Stage = Stage.WAITING
    only: str = ""
    """Who alone may serve it: a counter's id, `ANY` that knows its service (as own work), or empty: as configured."""
    counter: str = ""
    """The counter that has it in hand or holds it, or had it last."""
    passed: int = 0
    """How often it was passed while it was the head of its line (the rule's guard)."""
    reassigned: bool = False
    recalls: int = 0
    returns: int = 0
    missed_at: int = 0
    finished_at: int = 0
    unstarted: bool = False
    """It was finished without its service having started: it can come back."""
    held_at: int = 0
    rated: bool = False
    copies: int = 0
    print: Print = Print.NONE
    slot: int = 0
    """An appointment's start in seconds since 1970, UTC; 0: it has none (any more, once it is promoted)."""
    booked: int = 0
    """The start of the appointment whose place it takes, whatever became of it."""
    not_before: int = 0
    """An appointment's early window in seconds since 1970, UTC: before it, it is called only by an idle counter."""
    expected: tuple[int, ...] = ()
    """The wait that the customer was told: least, middle, most seconds; empty: none, a counter was free."""
    rolled: int = 0
    moved: bool = False
    """It was promoted, transferred or reassigned: what it was told does not hold any more."""
    before: Before | None = None
    """What the last promotion or reassignment changed, until the ticket is called: what can be undone."""
    form: bool = False
    needs: tuple[str, ...] = ()
    why: str = ""
    """Why it was last called."""
    called_at: int = 0
    """When it was first called, and `since` when it was last: ms since 1970, UTC; 0: never."""
    since: int = 0
    recalled_at: int = 0

    @property
    def waits_from(self) -> int:
        """From when its customer waits: since they took it, or since their appointment; ms since 1970, UTC."""
        return max(self.issued_at, self.slot * 1000)

    def returns_until(self, rules: Rules) -> int:
        """Until when it may come back after a missed call, or after it was finished without having been started, in ms
        since 1970, UTC; 0: it may not, or there is nothing to come back from.

        Who was called before the slot that they have booked may come back after it, too.
        """
        if self.stage is Stage.FINISHED and self.unstarted:
            return self.finished_at + rules.return_within * 1000
        if self.stage is not Stage.MISSED or self.returns >= rules.returns:
            return 0
        return max(self.missed_at, self.booked * 1000) + rules.return_within * 1000

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


@dataclass(slots=True)
class CounterState:
    """A counter today."""

    stage: CounterStage = CounterStage.CLOSED
    reason: str = ""
    ticket: str = ""
    """The ticket in hand."""
    last_ticket: str = ""
    """The one served before it."""
    since: int = 0
    """When it opened, paused or closed; ms since 1970, UTC."""


class Call(NamedTuple):
    """A line of the hall board; `at` in ms since 1970, UTC."""

    ticket: str
    counter: str
    at: int


class Take(NamedTuple):
    """The last ticket taken at one button for one service, by which answer of the triage."""

    at: int
    ticket: str
    choice: str


@dataclass(slots=True)
class Effect:
    """Whom a class's calls have passed today thanks to its privilege: customers, and by how many seconds in all and at
    most."""

    passed: int = 0
    seconds: int = 0
    most: int = 0


class Advice(NamedTuple):
    """What the lobby manager is advised: to open or close a counter; waits in seconds without and with it."""

    action: Literal["open", "close"]
    counter: str
    group: str
    before: int
    after: int
    unless: tuple[str, ...] = ()
    """Counters each of which makes it false: by opening, if this one is to open; by going away, if it is to close."""


@dataclass(slots=True)
class Windows:
    """What the last checks of the windows said."""

    checks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Group -> checks in a row that wanted one window more, and that could do with one less."""
    advice: list[Advice] = field(default_factory=list)
    declined: dict[tuple[str, str], int] = field(default_factory=dict)
    """(action, counter) -> when the manager last declined it."""
    accepted: dict[tuple[str, str], int] = field(default_factory=dict)
    """(action, counter) -> when they last accepted it, until it has happened."""
    checked_at: int = 0
    """When the last check was; ms since 1970, UTC; 0: none yet."""


AGREES = 3600 * 1000
"""Milliseconds for which a clock that was set must say the same day before that is believed without being asked."""


class Doubt(NamedTuple):
    """The clock says another business day than the one that is open; since when, in ms since 1970, UTC."""

    day: str
    since: int


class Dropped(NamedTuple):
    """A counter that is no longer configured: since when (ms since 1970, UTC), and the tickets that it had."""

    at: int
    counter: str
    tickets: tuple[str, ...]


class Step(NamedTuple):
    """The wall clock was set: when, by the new time, and by how much; both in ms."""

    at: int
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
    last_seniority: int = 0
    first_issued: int = 0
    """When the day's first ticket was taken; ms since 1970, UTC."""
    takes: dict[tuple[str, str], Take] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    unknown_prints: dict[str, None] = field(default_factory=dict)
    """Tickets that may not be on paper, and have neither ended nor been printed again."""
    lines: dict[LineKey, SortedList] = field(default_factory=dict)
    """The waiting tickets' places, by line; an empty line is not there."""
    knowledge: Knowledge = field(default_factory=Knowledge)
    waits: dict[str, SortedList] = field(default_factory=dict)
    """Class -> seconds from issue to the first call, or until they gave up."""
    effects: dict[str, Effect] = field(default_factory=dict)
    advised: dict[tuple[str, str], int] = field(default_factory=dict)
    """(button, answer of the triage) -> when it last sent a customer to a machine."""
    sent_away: dict[str, int] = field(default_factory=dict)
    """Answer of the triage -> customers sent to a machine."""
    insisted: dict[str, int] = field(default_factory=dict)
    """Answer of the triage -> of them, those who wanted a ticket all the same."""
    slots: dict[int, int] = field(default_factory=dict)
    """Appointments that have checked in, by their start in seconds since 1970, UTC."""
    windows: Windows = field(default_factory=Windows)

    boot: str = ""
    """The machine's last start, as far as is known, and what the wall clock would have said then, as it goes now (ms
    since 1970, UTC)."""
    origin: int = 0
    started_at: int = 0
    """When the controller started after the machine had, by the wall clock; 0: before the first row of this day."""
    issued: int = 0
    """Tickets issued today."""
    doubt: Doubt | None = None
    dropped: list[Dropped] = field(default_factory=list)
    """Counters of today that are no longer configured."""
    step: Step | None = None
    """The last time that the clock was set."""

    def counter(self, id: str) -> CounterState:
        """A counter's state; one that nothing has happened to today is closed."""
        return self.counters.get(id) or CounterState()

    def heads(self) -> Iterator[Ticket]:
        """The first ticket of each line."""
        for line in self.lines.values():
            yield self.tickets[line[0].ticket]

    def become(self, other: State) -> None:
        """Be the same as `other`, for all who hold this one; `other` is not used any more."""
        for name in State.__slots__:
            setattr(self, name, getattr(other, name))

    def picture(self) -> dict[str, Any]:
        """Everything, as plain data: two states are the same if and only if their pictures are."""
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


def evolve(state: State, at: int, event: ev.Event) -> None:
    """Apply one event that happened at `at` (ms since 1970, UTC)."""
    _EVOLVE[type(event)](state, at, event)


# -- lines ---------------------------------------------------------------------------------------------------


def _enter_line(state: State, ticket: Ticket) -> None:
    ticket.stage = Stage.WAITING
    line = state.lines.get(ticket.line)
    if line is None:
        line = state.lines[ticket.line] = SortedList()
    line.add(ticket.place)


def _leave_line(state: State, ticket: Ticket) -> None:
    line = state.lines[ticket.line]
    line.remove(ticket.place)
    if not line:
        del state.lines[ticket.line]


def _leave(state: State, at: int, ticket: Ticket, *, missed: bool = False) -> None:
    """Take a ticket from wherever it is: its line, or the hands of a counter."""
    if ticket.stage is Stage.WAITING:
        _leave_line(state, ticket)
    elif ticket.stage in IN_HAND:
        counter = state.counters[ticket.counter]
        counter.ticket, counter.last_ticket = "", ticket.id
        if not missed:
            state.knowledge.served(ticket.service, ticket.klass, (at - ticket.since) / 1000)
        if ticket.since == ticket.called_at:
            waited = (ticket.called_at - ticket.issued_at) / 1000
            state.knowledge.came(waited, (at - ticket.since) / 1000, missed=missed)


def _end(state: State, ticket: Ticket, stage: Stage) -> None:
    ticket.stage = stage
    state.unknown_prints.pop(ticket.id, None)


def _off_the_board(state: State, ticket: str) -> None:
    """Nobody shall go to a counter that does not expect them any more."""
    state.calls = [call for call in state.calls if call.ticket != ticket]


def _own_counter(state: State, id: str) -> CounterState:
    return state.counters.setdefault(id, CounterState())


# -- one function a kind -------------------------------------------------------------------------------------


def _day_opened(state: State, at: int, event: ev.DayOpened) -> None:
    state.day, state.profile = event.day, event.profile or ""
    state.boot, state.origin = event.boot or state.boot, event.origin or state.origin
    state.doubt = None
    if event.continues is None:
        state.knowledge = Knowledge.from_summary(event.learned)
    elif event.kept is not None:
        _keep(state, set(event.kept))


def _keep(state: State, kept: set[str]) -> None:
    """Go on with these tickets alone: the others were the day's before."""
    for id in [id for id in state.tickets if id not in kept]:
        ticket = state.tickets.pop(id)
        if ticket.stage is Stage.WAITING:
            _leave_line(state, ticket)
        state.unknown_prints.pop(id, None)
        _off_the_board(state, id)
    for counter in state.counters.values():
        counter.last_ticket = counter.last_ticket if counter.last_ticket in kept else ""
    state.takes = {key: take for key, take in state.takes.items() if take.ticket in kept}
    state.waits.clear()
    state.effects.clear()
    for ticket in state.tickets.values():
        if ticket.called_at:
            _waited(state, ticket, ticket.called_at)
    state.first_issued = min((t.issued_at for t in state.tickets.values()), default=0)


def _day_closed(state: State, at: int, event: ev.DayClosed) -> None:
    if not event.continued:
        state.become(State(day=state.day, boot=state.boot, origin=state.origin))


def _controller_started(state: State, at: int, event: ev.ControllerStarted) -> None:
    state.boot, state.origin, state.started_at = event.boot, event.origin, at
    if event.clock_day < state.day:
        state.doubt = Doubt(event.clock_day, at)


def _clock_stepped(state: State, at: int, event: ev.ClockStepped) -> None:
    """Move what the wrong clock has said: what happened since the controller started, before the clock was set."""
    first, last, by = state.started_at, at - event.by, event.by

    def right(ms: int) -> int:
        return ms + by if ms and first <= ms <= last else ms

    for ticket in state.tickets.values():
        for name in ("issued_at", "missed_at", "finished_at", "held_at", "called_at", "since", "recalled_at"):
            setattr(ticket, name, right(getattr(ticket, name)))
        if ticket.seniority != ticket.slot:
            ticket.seniority = right(ticket.seniority * 1000) // 1000
        before = ticket.before
        if before and before.seniority != before.slot:
            ticket.before = before._replace(seniority=right(before.seniority * 1000) // 1000)
    state.lines.clear()
    for ticket in state.tickets.values():
        if ticket.stage is Stage.WAITING:
            _enter_line(state, ticket)
    for counter in state.counters.values():
        counter.since = right(counter.since)
    state.calls = [call._replace(at=right(call.at)) for call in state.calls]
    state.takes = {key: take._replace(at=right(take.at)) for key, take in state.takes.items()}
    state.advised = {key: right(when) for key, when in state.advised.items()}
    state.windows.declined = {key: right(when) for key, when in state.windows.declined.items()}
    state.windows.accepted = {key: right(when) for key, when in state.windows.accepted.items()}
    state.windows.checked_at = right(state.windows.checked_at)
    state.last_seniority = right(state.last_seniority * 1000) // 1000
    state.first_issued = right(state.first_issued)
    state.started_at = right(state.started_at)
    state.origin += by
    state.step = Step(at, by)
    state.doubt = Doubt(event.clock_day, at) if event.clock_day != state.day else None


def _issued(state: State, at: int, event: ev.TicketIssued) -> None:
    state.issued += 1
    ticket = Ticket(event.ticket, state.issued, event.service, event.klass, event.seniority, at, event.number)
    if event.paper:
        ticket.copies, ticket.print = 1, Print.QUEUED
    ticket.expected, ticket.rolled = tuple(event.expected or ()), event.rolled or 0
    ticket.form, ticket.needs = bool(event.form), tuple(event.needs or ())
    ticket.slot, ticket.not_before = event.slot or 0, event.not_before or 0
    ticket.booked = ticket.slot
    state.tickets[ticket.id] = ticket
    state.numbers[event.service] = event.number
    state.first_issued = state.first_issued or at
    if not event.not_before:  # an appointment that is too late counts as anybody else
        state.last_seniority = max(state.last_seniority, event.seniority)
    if event.slot is not None:
        state.slots[event.slot] = state.slots.get(event.slot, 0) + 1
    if event.insisted and event.choice:
        state.insisted[event.choice] = state.insisted.get(event.choice, 0) + 1
        # The next to press is somebody else. A screen may have given the advice by itself: it was given all the same.
        if state.advised.pop((event.by, event.choice), None) is None:
            state.sent_away[event.choice] = state.sent_away.get(event.choice, 0) + 1
    state.takes[event.by, event.service] = Take(at, ticket.id, event.choice or "")
    _enter_line(state, ticket)


def _sent_away(state: State, at: int, event: ev.SelfServiceAdvised) -> None:
    state.advised[event.by, event.choice] = at
    state.sent_away[event.choice] = state.sent_away.get(event.choice, 0) + 1


def _printed(state: State, at: int, event: ev.TicketPrinted) -> None:
    state.tickets[event.ticket].print = Print.PRINTED


def _sent(state: State, at: int, event: ev.PrintSent) -> None:
    state.tickets[event.ticket].print = Print.SENT


def _print_unknown(state: State, at: int, event: ev.PrintUnknown) -> None:
    ticket = state.tickets[event.ticket]
    ticket.print = Print.UNKNOWN
    if ticket.stage not in ENDED:
        state.unknown_prints[ticket.id] = None


def _reprinted(state: State, at: int, event: ev.TicketReprinted) -> None:
    ticket = state.tickets[event.ticket]
    ticket.copies, ticket.print = event.copy, Print.QUEUED
    state.unknown_prints.pop(ticket.id, None)


def _called(state: State, at: int, event: ev.TicketCalled) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, at, ticket)
    ticket.stage, ticket.counter, ticket.recalls, ticket.before = Stage.CALLED, event.counter, 0, None
    ticket.since, ticket.why = at, str(event.why.get("text", ""))
    if not ticket.called_at:
        ticket.called_at = at
        _first_called(state, ticket, event.forced)
    _own_counter(state, event.counter).ticket = ticket.id
    for passed in event.passed:
        state.tickets[passed].passed += 1
    if event.effect:
        customers, seconds, most = event.effect
        effect = state.effects.setdefault(ticket.klass, Effect())
        effect.passed += customers
        effect.seconds += seconds
        effect.most = max(effect.most, most)
    if event.seniority is not None:
        ticket.seniority = event.seniority
    elif ticket.not_before:  # rows that do not say so mean the same
        ticket.seniority = min(ticket.seniority, at // 1000)
    ticket.not_before = 0
    _on_the_board(state, Call(ticket.id, event.counter, at))


def _first_called(state: State, ticket: Ticket, forced: bool) -> None:
    """Count its wait, and learn from it unless people have interfered."""
    _waited(state, ticket, ticket.called_at)
    if ticket.expected and not ticket.moved and not forced:
        into_day = (ticket.issued_at - state.first_issued) / 1000
        since_told = max(0, ticket.called_at - ticket.issued_at) // 1000
        state.knowledge.waited(ticket.service, ticket.klass, ticket.rolled, ticket.expected, into_day, since_told)


def _waited(state: State, ticket: Ticket, until: int) -> None:
    state.waits.setdefault(ticket.klass, SortedList()).add(max(0, until - ticket.waits_from) // 1000)


def _on_the_board(state: State, call: Call) -> None:
    _off_the_board(state, call.ticket)
    state.calls = [call, *state.calls[: CALLS_KEPT - 1]]


def _recalled(state: State, at: int, event: ev.TicketRecalled) -> None:
    ticket = state.tickets[event.ticket]
    ticket.recalls, ticket.recalled_at = event.times, at
    ticket.stage = Stage.CALLED  # whoever is called again is not there
    _on_the_board(state, Call(event.ticket, event.counter, at))


def _started(state: State, at: int, event: ev.ServiceStarted) -> None:
    state.tickets[event.ticket].stage = Stage.SERVING


def _finished(state: State, at: int, event: ev.TicketFinished) -> None:
    ticket = state.tickets[event.ticket]
    ticket.finished_at, ticket.unstarted = at, ticket.stage is Stage.CALLED
    _leave(state, at, ticket)
    _end(state, ticket, Stage.FINISHED)


def _missed(state: State, at: int, event: ev.TicketMissed) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, at, ticket, missed=True)
    ticket.stage, ticket.missed_at = Stage.MISSED, at
    _off_the_board(state, ticket.id)


def _returned(state: State, at: int, event: ev.TicketReturned) -> None:
    ticket = state.tickets[event.ticket]
    ticket.seniority = event.seniority
    ticket.returns += not event.finished
    _enter_line(state, ticket)


def _held(state: State, at: int, event: ev.TicketHeld) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, at, ticket)
    ticket.stage, ticket.held_at = Stage.HELD, at
    _off_the_board(state, ticket.id)


def _transferred(state: State, at: int, event: ev.TicketTransferred) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, at, ticket)
    _off_the_board(state, ticket.id)
    ticket.service, ticket.only, ticket.moved = event.service, event.counter or "", True
    _enter_line(state, ticket)


def _reassigned(state: State, at: int, event: ev.TicketReassigned) -> None:
    ticket = state.tickets[event.ticket]
    if ticket.stage in IN_HAND:  # its counter has been dropped: that teaches nothing
        state.counters[ticket.counter].ticket = ""
        _off_the_board(state, ticket.id)
    else:
        _leave(state, at, ticket)
    before = _as_it_is(ticket)
    ticket.reassigned = ticket.moved = True
    ticket.service = event.service or ticket.service
    ticket.only = ANY if event.any else event.counter or ""
    if event.by_hand:
        ticket.before = before
    elif ticket.before:
        # Its counters have gone. A promotion can still be undone, but not to where nobody is.
        if ticket.before.klass != ticket.klass:
            ticket.before = ticket.before._replace(service=ticket.service, only=ticket.only)
        if ticket.before._replace(reassigned=True) == _as_it_is(ticket):
            ticket.before = None
    _enter_line(state, ticket)


def _promoted(state: State, at: int, event: ev.TicketPromoted) -> None:
    ticket = state.tickets[event.ticket]
    waits = ticket.stage is Stage.WAITING
    if waits:
        _leave_line(state, ticket)
    ticket.before = _as_it_is(ticket)
    ticket.klass, ticket.moved, ticket.not_before, ticket.slot = event.klass, True, 0, 0
    if event.seniority is not None:
        ticket.seniority = event.seniority
    if waits:
        _enter_line(state, ticket)


def _as_it_is(ticket: Ticket) -> Before:
    return Before(
        ticket.service,
        ticket.klass,
        ticket.only,
        ticket.slot,
        ticket.not_before,
        ticket.reassigned,
        ticket.seniority,
    )


def _restored(state: State, at: int, event: ev.TicketRestored) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, at, ticket)
    if ticket.before:
        ticket.reassigned = ticket.before.reassigned
    ticket.service, ticket.klass, ticket.only, ticket.before = event.service, event.klass, event.only, None
    ticket.slot, ticket.not_before = event.slot or 0, event.not_before or 0
    if event.seniority is not None:
        ticket.seniority = event.seniority
    _enter_line(state, ticket)


def _cancelled(state: State, at: int, event: ev.TicketCancelled) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, at, ticket)
    _off_the_board(state, ticket.id)
    _end(state, ticket, Stage.CANCELLED)
    if not ticket.called_at:
        # Who gives up has waited as well: a day is not better for it.
        _waited(state, ticket, at)
        if ticket.booked:
            state.slots[ticket.booked] -= 1  # somebody else may have its place


def _counter_opened(state: State, at: int, event: ev.CounterOpened) -> None:
    counter = _own_counter(state, event.counter)
    if counter.stage is CounterStage.PAUSED:
        state.knowledge.paused((at - counter.since) / 1000)
    counter.stage, counter.reason, counter.since = CounterStage.OPEN, "", at
    _advice_is_done(state, "open", event.counter)


def _counter_paused(state: State, at: int, event: ev.CounterPaused) -> None:
    counter = _own_counter(state, event.counter)
    counter.stage, counter.reason, counter.since = CounterStage.PAUSED, event.reason, at
    _advice_is_done(state, "close", event.counter)


def _counter_closed(state: State, at: int, event: ev.CounterClosed) -> None:
    counter = _own_counter(state, event.counter)
    counter.stage, counter.reason, counter.since = CounterStage.CLOSED, "", at
    if event.dropped is not None:
        state.dropped.append(Dropped(at, event.counter, tuple(event.dropped)))
    _advice_is_done(state, "close", event.counter)


def _windows_checked(state: State, at: int, event: ev.WindowsChecked) -> None:
    state.windows.checks = {group: (more, less) for group, (_, _, more, less) in event.groups.items()}
    unless = event.unless or [()] * len(event.advice)
    state.windows.advice = [Advice(**a, unless=tuple(u)) for a, u in zip(event.advice, unless, strict=True)]
    state.windows.checked_at = at


def _advice_answered(state: State, at: int, event: ev.WindowAdviceAnswered) -> None:
    answered = [a for a in state.windows.advice if (a.action, a.counter) == (event.action, event.counter)]
    state.windows.advice = [a for a in state.windows.advice if a not in answered]
    answers = state.windows.accepted if event.accepted else state.windows.declined
    answers |= {(a.action, a.counter): at for a in answered}


def _advice_is_done(state: State, action: Literal["open", "close"], counter: str) -> None:
    """A counter has opened, or gone away (also for a pause): what was advised of it, or is false now, is no more."""
    windows = state.windows
    windows.advice = [
        a for a in windows.advice if a.counter != counter and not (a.action == action and counter in a.unless)
    ]
    windows.accepted.pop((action, counter), None)


def _rated(state: State, at: int, event: ev.Rated) -> None:
    state.tickets[event.ticket].rated = True


def _nothing(state: State, at: int, event: ev.Event) -> None:
    """For the record only."""


_EVOLVE: dict[type[ev.Event], Callable[[State, int, Any], None]] = {
    ev.DayOpened: _day_opened,
    ev.DayClosed: _day_closed,
    ev.ControllerStarted: _controller_started,
    ev.ClockStepped: _clock_stepped,
    ev.TicketIssued: _issued,
    ev.SelfServiceAdvised: _sent_away,
    ev.TicketPrinted: _printed,
    ev.PrintSent: _sent,
    ev.PrintUnknown: _print_unknown,
    ev.TicketReprinted: _reprinted,
    ev.TicketCalled: _called,
    ev.TicketRecalled: _recalled,
    ev.ServiceStarted: _started,
    ev.TicketFinished: _finished,
    ev.TicketMissed: _missed,
    ev.TicketReturned: _returned,
    ev.TicketHeld: _held,
    ev.TicketTransferred: _transferred,
    ev.TicketReassigned: _reassigned,
    ev.TicketPromoted: _promoted,
    ev.TicketRestored: _restored,
    ev.TicketCancelled: _cancelled,
    ev.CounterOpened: _counter_opened,
    ev.CounterPaused: _counter_paused,
    ev.CounterClosed: _counter_closed,
    ev.WindowsChecked: _windows_checked,
    ev.WindowAdviceAnswered: _advice_answered,
    ev.DeviceChanged: _nothing,
    ev.RatingAsked: _nothing,
    ev.Rated: _rated,
}
