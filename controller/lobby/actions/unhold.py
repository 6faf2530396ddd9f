"""A counter calls back a ticket that it holds."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.call_next import called_by_hand, ready
from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.finding import counter_of, fitting, one
from controller.lobby.actions.press import DIGITS, TerminalKey, Where, key
from controller.lobby.actions.registry import Decision, decides
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State, held_by


@key("UNHOLD", Where.COUNTER, DIGITS, terminal=TerminalKey("CONFIRM", "3"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Unhold(CounterCommand):
    """Call the counter's own held ticket back: the one with these digits, else the one held longest."""

    digits: str = ""


@decides(Unhold)
def _unhold(state: State, rules: Rules, command: Unhold) -> Decision:
    counter = counter_of(rules, command)
    held = held_by(state, counter)
    if not held:
        raise Refused("none_held", counter=counter.id)
    ticket = one(rules, fitting(rules, held, command.digits), command.digits) if command.digits else held[0]
    return [*ready(state, rules, command), called_by_hand(state, rules, counter, ticket, command.at)]
