"""The lobby manager calls a ticket to a free counter."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.call_next import called_by_hand
from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.finding import must_wait, named
from controller.lobby.actions.press import COUNTER, REASON, TICKET, Where, key
from controller.lobby.actions.registry import Decision, decides
from controller.lobby.actions.return_ticket import comes_back
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, Stage, State


@key("CALL", Where.PANEL, TICKET, COUNTER, REASON)
@dataclass(frozen=True, slots=True, kw_only=True)
class CallByHand(ManagerCommand):
    """Call this ticket to a counter that is free, whoever is before it."""

    counter: str


@decides(CallByHand)
def _call_by_hand(state: State, rules: Rules, command: CallByHand) -> Decision:
    """Unlike CALL at the counter itself: the ticket in hand is not finished for it, and the counter must be open."""
    if not command.ticket:
        raise Refused("which_ticket")
    counter = rules.counters.get(command.counter)
    if counter is None:
        raise Refused("unknown_counter", counter=command.counter)
    ticket = named(state, rules, command.ticket)
    must_wait(ticket, Stage.MISSED)
    here = state.counter(counter.id)
    if here.stage is not CounterStage.OPEN:
        raise Refused("counter_not_open", counter=counter.id)
    if here.ticket:
        raise Refused("counter_busy", counter=counter.id, ticket=here.ticket)
    if counter.handicap(ticket.service, ticket.klass, ticket.only) is None:
        raise Refused("not_served_there", counter=counter.id, ticket=ticket.id)
    back = [comes_back(rules, ticket, command.at, command.by)] if ticket.stage is Stage.MISSED else []
    return [*back, called_by_hand(state, rules, counter, ticket, command.at, command.by, command.reason)]
