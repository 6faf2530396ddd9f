"""The ticket in hand is served."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of, in_hand
from controller.lobby.actions.press import Where, key
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.model.lines import end, leave
from controller.lobby.model.outcome import Unsure
from controller.lobby.model.rules import Rules
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


def finish_in_hand(state: State, rules: Rules, command: CounterCommand) -> Events:
    """What finishes the ticket in hand, if there is one. Nobody is served within seconds of being called: a customer
    who cannot have come yet is finished only if the press is repeated."""
    id = state.counter(command.counter).ticket
    if not id:
        return []
    ticket = state.tickets[id]
    ago = (command.at - ticket.since) / 1000
    if ticket.stage is Stage.CALLED and not command.sure and 0 <= ago < rules.confirm_finish:
        raise Unsure("just_called", ticket=id, seconds=max(1, round(ago)))
    return [TicketFinished(id, command.counter)]


@decides(Finish)
def _finish(state: State, rules: Rules, command: Finish) -> Decision:
    in_hand(state, counter_of(rules, command))
    return finish_in_hand(state, rules, command)


@evolves(TicketFinished)
def _finished(state: State, at: Ms, event: TicketFinished) -> None:
    ticket = state.tickets[event.ticket]
    ticket.finished_at, ticket.unstarted = at, ticket.stage is Stage.CALLED
    leave(state, at, ticket)
    end(state, ticket, Stage.FINISHED)
