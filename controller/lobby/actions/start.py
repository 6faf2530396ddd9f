"""The customer of the ticket in hand has come."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of, in_hand
from controller.lobby.actions.press import Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Stage, State
from controller.lobby.model.units import Ms


@key("START", Where.COUNTER)
@dataclass(frozen=True, slots=True, kw_only=True)
class Start(CounterCommand):
    """The customer of the ticket in hand has come."""


@dataclass(frozen=True, slots=True)
class ServiceStarted(Event):
    """The customer has come to the counter."""

    ticket: str
    counter: str


@decides(Start)
def _start(state: State, rules: Rules, command: Start) -> Decision:
    counter = counter_of(rules, command)
    ticket = in_hand(state, counter)
    if ticket.stage is Stage.SERVING:
        raise Refused("being_served", ticket=ticket.id)
    return [ServiceStarted(ticket.id, counter.id)]


@evolves(ServiceStarted)
def _started(state: State, at: Ms, event: ServiceStarted) -> None:
    state.tickets[event.ticket].stage = Stage.SERVING
