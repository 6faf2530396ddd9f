"""A counter asks the lobby manager to come, for an approval, a translation, or a customer who needs two."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.press import Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import own_counter
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, State
from controller.lobby.model.units import NEVER, Ms


@key("HELP", Where.COUNTER)
@dataclass(frozen=True, slots=True, kw_only=True)
class AskHelp(CounterCommand):
    """Ask the lobby manager to come to the counter; again: they have come, or need not."""


@dataclass(frozen=True, slots=True)
class HelpAsked(Event):
    """A counter asks the lobby manager to come."""

    counter: str


@dataclass(frozen=True, slots=True)
class HelpEnded(Event):
    """The lobby manager has come to the counter, or need not come any more."""

    counter: str


@decides(AskHelp)
def _ask_help(state: State, rules: Rules, command: AskHelp) -> Decision:
    counter = counter_of(rules, command)
    here = state.counter(counter.id)
    if here.stage is CounterStage.CLOSED:
        raise Refused("counter_closed", counter=counter.id)
    return [HelpEnded(counter.id) if here.asks_help else HelpAsked(counter.id)]


@evolves(HelpAsked)
def _help_asked(state: State, at: Ms, event: HelpAsked) -> None:
    counter = own_counter(state, event.counter)
    counter.asks_help, counter.asked_at = True, at


@evolves(HelpEnded)
def _help_ended(state: State, at: Ms, event: HelpEnded) -> None:
    counter = own_counter(state, event.counter)
    counter.asks_help, counter.asked_at = False, NEVER
