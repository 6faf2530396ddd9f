"""A counter opens."""

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
from controller.lobby.model.units import Ms, between


@key("OPEN", Where.COUNTER)
@dataclass(frozen=True, slots=True, kw_only=True)
class Open(CounterCommand):
    """Serve customers (again), without calling one yet."""


@dataclass(frozen=True, slots=True)
class CounterOpened(Event):
    """A counter serves customers (again)."""

    counter: str


@decides(Open)
def _open(state: State, rules: Rules, command: Open) -> Decision:
    counter = counter_of(rules, command)
    if state.counter(counter.id).stage is CounterStage.OPEN:
        raise Refused("already_open", counter=counter.id)
    return [CounterOpened(counter.id)]


@evolves(CounterOpened)
def _counter_opened(state: State, at: Ms, event: CounterOpened) -> None:
    counter = own_counter(state, event.counter)
    if counter.stage is CounterStage.PAUSED:
        state.knowledge.paused(between(counter.since, at))
    counter.stage, counter.reason, counter.since = CounterStage.OPEN, "", at
    state.windows.done("open", event.counter)
