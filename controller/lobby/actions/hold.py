"""A counter parks the ticket in hand."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of, in_hand
from controller.lobby.actions.press import TerminalKey, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import leave, remove_from_board
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Stage, State
from controller.lobby.model.units import Ms


@key("HOLD", Where.COUNTER, terminal=TerminalKey("CONFIRM", "0"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(CounterCommand):
    """Park the ticket in hand."""


@dataclass(frozen=True, slots=True)
class TicketHeld(Event):
    """A counter parked its ticket, to call it back later."""

    ticket: str
    counter: str


@decides(Hold)
def _hold(state: State, rules: Rules, command: Hold) -> Decision:
    counter = counter_of(rules, command)
    return [TicketHeld(in_hand(state, counter).id, counter.id)]


@evolves(TicketHeld)
def _held(state: State, at: Ms, event: TicketHeld) -> None:
    ticket = state.tickets[event.ticket]
    leave(state, at, ticket)
    ticket.stage, ticket.held_at = Stage.HELD, at
    remove_from_board(state, ticket.id)
