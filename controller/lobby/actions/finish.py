"""The ticket in hand is served."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of, in_hand
from controller.lobby.actions.press import Where, key
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.model.lines import end, leave
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import Stage, State
from controller.lobby.model.units import Ms


@key("FINISH", Where.COUNTER)
@dataclass(frozen=True, slots=True, kw_only=True)
class Finish(CounterCommand):
    """The ticket in hand is served; call nobody."""


@dataclass(frozen=True, slots=True)
class TicketFinished(Event):
    """The customer has been served. `none_waiting`: the counter called the next, and there was none."""

    ticket: str
    counter: str
    none_waiting: bool | None = None


def finish_in_hand(state: State, counter: Counter) -> Events:
    ticket = state.counter(counter.id).ticket
    return [TicketFinished(ticket, counter.id)] if ticket else []


@decides(Finish)
def _finish(state: State, rules: Rules, command: Finish) -> Decision:
    counter = counter_of(rules, command)
    return [TicketFinished(in_hand(state, counter).id, counter.id)]


@evolves(TicketFinished)
def _finished(state: State, at: Ms, event: TicketFinished) -> None:
    ticket = state.tickets[event.ticket]
    ticket.finished_at, ticket.unstarted = at, ticket.stage is Stage.CALLED
    leave(state, at, ticket)
    end(state, ticket, Stage.FINISHED)
