"""A counter opens."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import WindowCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.press import COUNTER, Press, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import own_counter
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, State
from controller.lobby.model.units import Ms, between


@key("OPEN", Where.COUNTER)
@dataclass(frozen=True, slots=True, kw_only=True)
class Open(WindowCommand):
    """Serve customers (again), without calling one yet."""


@key("OPEN", Where.PANEL, COUNTER)
def _by_the_manager(press: Press) -> Open:
    """Open a counter, or end its pause, without calling anybody there yet."""
    return Open(**press.by_hand, counter=press[COUNTER])


@dataclass(frozen=True, slots=True)
class CounterOpened(Event):
    """A counter serves customers (again). `by`: set when the lobby manager opened it. `undone`: it had paused or closed
    by mistake, which was taken back."""

    counter: str
    by: str | None = None
    undone: bool | None = None


@decides(Open)
def _open(state: State, rules: Rules, command: Open) -> Decision:
    counter = counter_of(rules, command)
    if state.counter(counter.id).stage is CounterStage.OPEN:
        raise Refused("already_open", counter=counter.id)
    return [CounterOpened(counter.id, command.by or None)]


@evolves(CounterOpened)
def _counter_opened(state: State, at: Ms, event: CounterOpened) -> None:
    counter = own_counter(state, event.counter)
    if counter.stage is CounterStage.PAUSED and not event.undone:
        state.knowledge.paused(between(counter.since, at))
    since = counter.left.opened if event.undone and counter.left else at
    counter.stage, counter.reason, counter.since = CounterStage.OPEN, "", since
    state.windows.done("open", event.counter)
