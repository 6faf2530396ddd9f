"""The customer of the ticket in hand did not come."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of, in_hand
from controller.lobby.actions.press import TerminalKey, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import leave, remove_from_board
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Stage, State
from controller.lobby.model.units import Ms


@key("NOSHOW", Where.COUNTER, terminal=TerminalKey("CONFIRM", "6"))
@dataclass(frozen=True, slots=True, kw_only=True)
class NoShow(CounterCommand):
    """The customer of the ticket in hand did not come; call nobody."""


@dataclass(frozen=True, slots=True)
class TicketMissed(Event):
    """The customer did not come (no-show)."""

    ticket: str
    counter: str


@decides(NoShow)
def _no_show(state: State, rules: Rules, command: NoShow) -> Decision:
    counter = counter_of(rules, command)
    ticket = in_hand(state, counter)
    if ticket.stage is Stage.SERVING:
        raise Refused("being_served", ticket=ticket.id)
    return [TicketMissed(ticket.id, counter.id)]


@evolves(TicketMissed)
def _missed(state: State, at: Ms, event: TicketMissed) -> None:
    ticket = state.tickets[event.ticket]
    leave(state, at, ticket, missed=True)
    ticket.stage, ticket.missed_at = Stage.MISSED, at
    remove_from_board(state, ticket.id)
