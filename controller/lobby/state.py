"""The lobby's state during one business day, and `evolve`, the only code that changes it.

`evolve` is a pure function of the state and one event, applied in place (the engine is the state's only owner, and a
copy per press would cost more than everything else). It never consults the rules: whatever a rule decided stands in
the event, so a journal replays to the same state under any configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from sortedcontainers import SortedList

from controller.lobby import events as ev
from controller.lobby.rules import ANY

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


class Place(NamedTuple):
    """A ticket's place in its line: first come (by seniority), first served; ties by order of issue."""

    seniority: int
    order: int
    ticket: str


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
    held_at: int = 0
    rated: bool = False
    copies: int = 0
    print: Print = Print.NONE

    @property
    def line(self) -> LineKey:
        """The line it waits in."""
        return LineKey(self.service, self.klass, self.only)

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


class Call(NamedTuple):
    """A line of the hall board; `at` in ms since 1970, UTC."""

    ticket: str
    counter: str
    at: int


class Take(NamedTuple):
    """The last ticket taken at one button for one service."""

    at: int
    ticket: str


@dataclass(slots=True)
class State:
    """The lobby on one business day. Only `evolve` changes it."""

    day: str = ""
    tickets: dict[str, Ticket] = field(default_factory=dict)
    counters: dict[str, CounterState] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    """The last number issued for each service."""
    last_seniority: int = 0
    takes: dict[tuple[str, str], Take] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    unknown_prints: dict[str, None] = field(default_factory=dict)
    """Tickets that may not be on paper, and have neither ended nor been printed again."""
    lines: dict[LineKey, SortedList] = field(default_factory=dict)
    """The waiting tickets' places, by line; an empty line is not there."""

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
        return picture


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


def _leave(state: State, ticket: Ticket) -> None:
    """Take a ticket from wherever it is: its line, or the hands of a counter."""
    if ticket.stage is Stage.WAITING:
        _leave_line(state, ticket)
    elif ticket.stage in IN_HAND:
        counter = state.counters[ticket.counter]
        counter.ticket, counter.last_ticket = "", ticket.id


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
    state.day = event.day


def _day_closed(state: State, at: int, event: ev.DayClosed) -> None:
    state.become(State(day=state.day))


def _issued(state: State, at: int, event: ev.TicketIssued) -> None:
    ticket = Ticket(event.ticket, len(state.tickets) + 1, event.service, event.klass, event.seniority, at, event.number)
    if event.paper:
        ticket.copies, ticket.print = 1, Print.QUEUED
    state.tickets[ticket.id] = ticket
    state.numbers[event.service] = event.number
    state.last_seniority = max(state.last_seniority, event.seniority)
    state.takes[event.by, event.service] = Take(at, ticket.id)
    _enter_line(state, ticket)


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
    _leave(state, ticket)
    ticket.stage, ticket.counter, ticket.recalls = Stage.CALLED, event.counter, 0
    _own_counter(state, event.counter).ticket = ticket.id
    for passed in event.passed:
        state.tickets[passed].passed += 1
    _on_the_board(state, Call(ticket.id, event.counter, at))


def _on_the_board(state: State, call: Call) -> None:
    _off_the_board(state, call.ticket)
    state.calls = [call, *state.calls[: CALLS_KEPT - 1]]


def _recalled(state: State, at: int, event: ev.TicketRecalled) -> None:
    state.tickets[event.ticket].recalls = event.times
    _on_the_board(state, Call(event.ticket, event.counter, at))


def _started(state: State, at: int, event: ev.ServiceStarted) -> None:
    state.tickets[event.ticket].stage = Stage.SERVING


def _finished(state: State, at: int, event: ev.TicketFinished) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, ticket)
    _end(state, ticket, Stage.FINISHED)


def _missed(state: State, at: int, event: ev.TicketMissed) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, ticket)
    ticket.stage, ticket.missed_at = Stage.MISSED, at
    _off_the_board(state, ticket.id)


def _returned(state: State, at: int, event: ev.TicketReturned) -> None:
    ticket = state.tickets[event.ticket]
    ticket.seniority = event.seniority
    ticket.returns += 1
    _enter_line(state, ticket)


def _held(state: State, at: int, event: ev.TicketHeld) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, ticket)
    ticket.stage, ticket.held_at = Stage.HELD, at
    _off_the_board(state, ticket.id)


def _transferred(state: State, at: int, event: ev.TicketTransferred) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, ticket)
    _off_the_board(state, ticket.id)
    ticket.service, ticket.only = event.service, event.counter or ""
    _enter_line(state, ticket)


def _reassigned(state: State, at: int, event: ev.TicketReassigned) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, ticket)
    ticket.reassigned = True
    ticket.service = event.service or ticket.service
    ticket.only = ANY if event.any else event.counter or ""
    _enter_line(state, ticket)


def _promoted(state: State, at: int, event: ev.TicketPromoted) -> None:
    ticket = state.tickets[event.ticket]
    waits = ticket.stage is Stage.WAITING
    if waits:
        _leave_line(state, ticket)
    ticket.klass = event.klass
    if waits:
        _enter_line(state, ticket)


def _cancelled(state: State, at: int, event: ev.TicketCancelled) -> None:
    ticket = state.tickets[event.ticket]
    _leave(state, ticket)
    _off_the_board(state, ticket.id)
    _end(state, ticket, Stage.CANCELLED)


def _counter_opened(state: State, at: int, event: ev.CounterOpened) -> None:
    counter = _own_counter(state, event.counter)
    counter.stage, counter.reason = CounterStage.OPEN, ""


def _counter_paused(state: State, at: int, event: ev.CounterPaused) -> None:
    counter = _own_counter(state, event.counter)
    counter.stage, counter.reason = CounterStage.PAUSED, event.reason


def _counter_closed(state: State, at: int, event: ev.CounterClosed) -> None:
    counter = _own_counter(state, event.counter)
    counter.stage, counter.reason = CounterStage.CLOSED, ""


def _rated(state: State, at: int, event: ev.Rated) -> None:
    state.tickets[event.ticket].rated = True


def _nothing(state: State, at: int, event: ev.Event) -> None:
    """For the record only."""


_EVOLVE: dict[type[ev.Event], Callable[[State, int, Any], None]] = {
    ev.DayOpened: _day_opened,
    ev.DayClosed: _day_closed,
    ev.TicketIssued: _issued,
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
    ev.TicketCancelled: _cancelled,
    ev.CounterOpened: _counter_opened,
    ev.CounterPaused: _counter_paused,
    ev.CounterClosed: _counter_closed,
    ev.DeviceChanged: _nothing,
    ev.RatingAsked: _nothing,
    ev.Rated: _rated,
}
