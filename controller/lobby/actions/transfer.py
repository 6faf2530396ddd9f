"""A counter sends its ticket on, to a service or to another counter."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of, in_hand
from controller.lobby.actions.press import DIGITS, TerminalKey, Where, key
from controller.lobby.actions.reassign import overflow
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import enter_line, leave, remove_from_board
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms


@key("TRANSFER", Where.COUNTER, DIGITS, terminal=TerminalKey("TRANSFER"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(CounterCommand):
    """Send the ticket in hand on: one digit is a service's key, two are a counter's id."""

    digits: str


@dataclass(frozen=True, slots=True)
class TicketTransferred(Event):
    """A counter sent its ticket on: to a service, or to one counter. Seniority is kept."""

    ticket: str
    service: str
    from_counter: str
    counter: str | None = None


@decides(Transfer)
def _transfer(state: State, rules: Rules, command: Transfer) -> Decision:
    counter = counter_of(rules, command)
    ticket = in_hand(state, counter)
    if len(command.digits) == 1:
        service = next((s for s in rules.services.values() if s.key == int(command.digits)), None)
        if service is None:
            raise Refused("no_service_key", digits=command.digits)
        if service.id == ticket.service:
            raise Refused("same_service", ticket=ticket.id, service=service.name)
        others = overflow(state, rules, service.id, ticket.id, command.at)
        return [TicketTransferred(ticket.id, service.id, counter.id), *others]
    target = next((c for c in rules.counters.values() if c.id.zfill(2) == command.digits), None)
    if target is None:
        raise Refused("transfer_where", digits=command.digits)
    if target.id == counter.id:
        raise Refused("same_counter", ticket=ticket.id, counter=counter.id)
    return [TicketTransferred(ticket.id, ticket.service, counter.id, target.id)]


@evolves(TicketTransferred)
def _transferred(state: State, at: Ms, event: TicketTransferred) -> None:
    ticket = state.tickets[event.ticket]
    leave(state, at, ticket)
    remove_from_board(state, ticket.id)
    ticket.service, ticket.only, ticket.moved = event.service, event.counter or "", True
    enter_line(state, ticket)
