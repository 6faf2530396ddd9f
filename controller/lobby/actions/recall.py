"""Call the ticket in hand again."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of, in_hand
from controller.lobby.actions.press import TerminalKey, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import add_to_board
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Call, Stage, State
from controller.lobby.model.units import Ms, between


@key("RECALL", Where.COUNTER, terminal=TerminalKey("RECALL"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Recall(CounterCommand):
    """Call the ticket in hand again."""


@dataclass(frozen=True, slots=True)
class TicketRecalled(Event):
    """The ticket in hand was called again; `times`: recalls so far."""

    ticket: str
    counter: str
    times: int


@decides(Recall)
def _recall(state: State, rules: Rules, command: Recall) -> Decision:
    counter = counter_of(rules, command)
    ticket = in_hand(state, counter)
    if ticket.recalls >= rules.recalls:
        raise Refused("recall_limit", ticket=ticket.id, times=ticket.recalls)
    ago = between(ticket.recalled_at, command.at)
    if ticket.recalls and 0 <= ago < rules.recall_gap:
        raise Refused("recall_gap", ticket=ticket.id, seconds=max(1, round(rules.recall_gap - ago)))
    return [TicketRecalled(ticket.id, counter.id, ticket.recalls + 1)]


@evolves(TicketRecalled)
def _recalled(state: State, at: Ms, event: TicketRecalled) -> None:
    ticket = state.tickets[event.ticket]
    ticket.recalls, ticket.recalled_at = event.times, at
    ticket.stage = Stage.CALLED  # a customer who is called again is not at the counter
    add_to_board(state, Call(event.ticket, event.counter, at))
