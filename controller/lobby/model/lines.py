"""How a ticket enters and leaves lines, counters and the hall board. Only events change the state, through these."""

from __future__ import annotations

from sortedcontainers import SortedList

from controller.lobby.model.state import (
    CALLS_KEPT,
    IN_HAND,
    Before,
    Call,
    CounterState,
    Left,
    Stage,
    State,
    Ticket,
    Visit,
)
from controller.lobby.model.units import Ms, between


def enter_line(state: State, ticket: Ticket) -> None:
    ticket.stage, ticket.given = Stage.WAITING, None
    line = state.lines.get(ticket.line)
    if line is None:
        line = state.lines[ticket.line] = SortedList()
    line.add(ticket.place)


def leave_line(state: State, ticket: Ticket) -> None:
    line = state.lines[ticket.line]
    line.remove(ticket.place)
    if not line:
        del state.lines[ticket.line]


def leave(state: State, at: Ms, ticket: Ticket, *, missed: bool = False) -> None:
    """Remove a ticket from wherever it is: its line, or the counter that has it in hand."""
    if ticket.stage is Stage.WAITING:
        leave_line(state, ticket)
    elif ticket.stage in IN_HAND:
        counter = state.counters[ticket.counter]
        is_first = ticket.since == ticket.called_at and not ticket.untimed
        waited = between(ticket.issued_at, ticket.called_at) if is_first else None
        visit = Visit(ticket.service, ticket.klass, between(ticket.since, at), missed, waited)
        learn_visit(state, visit)
        counter.ticket, counter.last_ticket, counter.call = "", ticket.id, None
        counter.left = Left(
            ticket.id,
            at,
            ticket.stage,
            ticket.since,
            ticket.service,
            ticket.only,
            ticket.seniority,
            ticket.returns,
            counter.since,
            visit,
        )


def learn_visit(state: State, visit: Visit, times: int = 1) -> None:
    """Learn from a visit to a counter; `times` -1: forget it again."""
    if not visit.missed:
        state.knowledge.served(visit.service, visit.klass, visit.seconds, times)
    if visit.waited is not None:
        state.knowledge.came(visit.waited, visit.seconds, times, missed=visit.missed)


def end(state: State, ticket: Ticket, stage: Stage) -> None:
    ticket.stage = stage
    state.unknown_prints.pop(ticket.id, None)


def remove_from_board(state: State, ticket: str) -> None:
    """Remove a call from the board: its customer is not expected at the counter any more."""
    state.calls = [call for call in state.calls if call.ticket != ticket]


def own_counter(state: State, id: str) -> CounterState:
    return state.counters.setdefault(id, CounterState())


def count_wait(state: State, ticket: Ticket, until: Ms) -> int | None:
    """Count a wait among the day's; the seconds of it. None: it is not known since when its customer has waited."""
    if ticket.untimed:
        return None
    seconds = max(0, until - ticket.waits_from) // 1000
    state.waits.setdefault(ticket.klass, SortedList()).add(seconds)
    return seconds


def forget_wait(state: State, klass: str, seconds: int) -> None:
    """Remove a wait from the day's again."""
    waits = state.waits.get(klass, SortedList())
    waits.discard(seconds)
    if not waits:
        state.waits.pop(klass, None)


def add_to_board(state: State, call: Call) -> None:
    remove_from_board(state, call.ticket)
    state.calls = [call, *state.calls[: CALLS_KEPT - 1]]
    state.called.pop(call.counter, None)
    state.called[call.counter] = call


def show_on_board(state: State, call: Call) -> None:
    """Put a call where it stands by its time, if it is not on the board: it is its counter's last one again."""
    state.called[call.counter] = call
    if any(shown.ticket == call.ticket and shown.at == call.at for shown in state.calls):
        return
    remove_from_board(state, call.ticket)
    # Where the clock was set back, calls are not in the order of their times.
    place = next((n for n, shown in enumerate(state.calls) if shown.at <= call.at), len(state.calls))
    state.calls = [*state.calls[:place], call, *state.calls[place:]][:CALLS_KEPT]


def snapshot(ticket: Ticket) -> Before:
    return Before(
        ticket.service,
        ticket.klass,
        ticket.only,
        ticket.slot,
        ticket.not_before,
        ticket.reassigned,
        ticket.seniority,
    )
