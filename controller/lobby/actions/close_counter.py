"""A counter closes."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import WindowCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.finish import finish_in_hand
from controller.lobby.actions.press import COUNTER, Press, TerminalKey, Where, key
from controller.lobby.actions.reassign import TicketReassigned, overflow, overflow_without
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.model.lines import own_counter
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, Dropped, Stage, State, Ticket
from controller.lobby.model.units import NEVER, Ms


@key("CLOSE", Where.COUNTER, terminal=TerminalKey("PAUSE", "9"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Close(WindowCommand):
    """Finish the ticket in hand and close the counter."""


@key("CLOSE", Where.PANEL, COUNTER)
def _by_the_manager(press: Press) -> Close:
    """Finish the ticket that a counter has in hand and close the counter."""
    return Close(**press.by_hand, counter=press[COUNTER])


@dataclass(frozen=True, slots=True)
class CounterClosed(Event):
    """A counter has closed, until it is opened again. `dropped`: it is no longer configured, and these tickets, which
    it had in hand or held or which were assigned to it, wait for other counters again. `by`: set when the lobby manager
    closed it."""

    counter: str
    dropped: tuple[str, ...] | list[str] | None = None
    by: str | None = None


@decides(Close)
def _close(state: State, rules: Rules, command: Close) -> Decision:
    counter = counter_of(rules, command)
    if state.counter(counter.id).stage is CounterStage.CLOSED:
        raise Refused("counter_closed", counter=counter.id)
    # Nobody may be left waiting for a closed counter: what it holds, and what only it may serve, goes back to the
    # line of its service.
    taken_over = overflow_without(state, rules, counter)
    moved = {event.ticket for event in taken_over if isinstance(event, TicketReassigned)}
    back_in_line: Events = []
    for t in stranded(state, counter.id):
        if t.id not in moved:
            back = TicketReassigned(t.id, by=f"counter/{counter.id}", service=t.service)
            back_in_line += overflow(state, rules, t.service, t.id, command.at, without=counter.id) or [back]
    return [
        *finish_in_hand(state, rules, command),
        *back_in_line,
        *taken_over,
        CounterClosed(counter.id, by=command.by or None),
    ]


def stranded(state: State, counter: str) -> list[Ticket]:
    """What a counter holds, and what only it may serve."""
    return [
        t
        for t in state.tickets.values()
        if (t.stage is Stage.HELD and t.counter == counter) or (t.stage is Stage.WAITING and t.only == counter)
    ]


@evolves(CounterClosed)
def _counter_closed(state: State, at: Ms, event: CounterClosed) -> None:
    counter = own_counter(state, event.counter)
    counter.stage, counter.reason, counter.since = CounterStage.CLOSED, "", at
    counter.asks_help, counter.asked_at = False, NEVER
    if event.dropped is not None:
        state.dropped.append(Dropped(at, event.counter, tuple(event.dropped)))
    state.windows.done("close", event.counter)
