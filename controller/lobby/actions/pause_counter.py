"""A counter goes away for a while, and comes back."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import WindowCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.finish import finish_in_hand
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.press import COUNTER, DIGITS, REASON, Press, TerminalKey, Where, key
from controller.lobby.actions.reassign import overflow_without
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import own_counter
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, State
from controller.lobby.model.units import Ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(WindowCommand):
    """Finish the ticket in hand and go away for a while; again, at the counter itself: come back."""

    reason: str = ""


@key("PAUSE", Where.COUNTER, DIGITS, terminal=TerminalKey("PAUSE"))
def _key(press: Press) -> Pause:
    """Finish the ticket in hand and go away for a while, for the reason that a digit stands for; again: come back."""
    return Pause(**press.at_counter, reason=press[DIGITS])


@key("PAUSE", Where.PANEL, COUNTER, DIGITS, REASON)
def _by_the_manager(press: Press) -> Pause:
    """Finish the ticket that a counter has in hand and pause it, for the reason that a digit stands for, or another."""
    return Pause(**press.by_hand, counter=press[COUNTER], reason=press[DIGITS] or press[REASON])


@dataclass(frozen=True, slots=True)
class CounterPaused(Event):
    """A counter is away for a while; `reason` is the digit typed, or the code of another reason, empty if there was
    none. `by`: set when the lobby manager paused it."""

    counter: str
    reason: str
    by: str | None = None


@decides(Pause)
def _pause(state: State, rules: Rules, command: Pause) -> Decision:
    counter = counter_of(rules, command)
    stage = state.counter(counter.id).stage
    if stage is CounterStage.PAUSED and command.by:
        raise Refused("already_paused", counter=counter.id)
    if stage is CounterStage.PAUSED:
        return [CounterOpened(counter.id)]
    if stage is CounterStage.CLOSED:
        raise Refused("counter_closed", counter=counter.id)
    return [
        *finish_in_hand(state, rules, command),
        *overflow_without(state, rules, counter),
        CounterPaused(counter.id, command.reason, command.by or None),
    ]


@evolves(CounterPaused)
def _counter_paused(state: State, at: Ms, event: CounterPaused) -> None:
    counter = own_counter(state, event.counter)
    counter.stage, counter.reason, counter.since = CounterStage.PAUSED, event.reason, at
    state.windows.done("close", event.counter)
