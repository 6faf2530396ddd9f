"""Repeated presses count once: keys bounce, people press twice, and a held key repeats.

A press that is *delivered* again has the same cause, and is found in the journal. This module handles presses with
causes of their own that must come from the same press of a key:

* within `grace` seconds after a counter has called, CALL there is the press that called, from whichever keypad;
* the same press again less than `HELD` seconds after its last copy, with no other key between, is a key that is still
  held down, however long.

Only what has been done is not repeated: a press that was refused, or found nobody waiting, is decided again. But where
the lobby asked whether it is meant, the next press answers: the same one means yes, unless it comes so soon that it
must be the same press of the key; any other means no. Intervals are measured by the monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command, CounterCommand, ManagerCommand
from controller.lobby.actions.rating import Rate
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.model.state import State
from controller.lobby.model.units import NEVER, between

HELD = 1.0
"""Seconds between two copies of a press up to which the key counts as held down."""
ANSWERED_WITHIN = 6.0
"""Seconds within which a press must be repeated to be meant."""
BOUNCE = 0.5
"""Seconds in which nobody has read what a press was answered and pressed again."""
A = TypeVar("A")


@dataclass(slots=True)
class _Call:
    """The ticket that a counter has in hand, and when it was called, in monotonic seconds."""

    ticket: str
    heard: float


@dataclass(slots=True)
class _Press(Generic[A]):
    """What was done last at a counter, or by a button."""

    command: Command
    heard: float
    answer: A


class Repeats(Generic[A]):
    """Recent presses, with answers of type A. `grace` in seconds; 0: each press counts."""

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self._calls: dict[str, _Call] = {}
        self._presses: dict[str, _Press[A]] = {}
        self._asked: dict[str, _Press[A]] = {}
        """The press after which a counter was asked whether it is meant."""

    def again(self, command: Command, now: float) -> A | None:
        """The answer that the press has already been given, if its key is still held down; else None."""
        where = _where(command)
        if not where:
            return None
        what = _what(command)
        for press, still in ((self._asked.get(where), BOUNCE), (self._presses.get(where), HELD)):
            if press is not None and press.command == what and now - press.heard < still:
                press.heard = now
                return press.answer
        return None

    def called(self, state: State, command: Command, now: float) -> str:
        """The ticket that this press has called already, if it is a call within the grace; else empty."""
        if not isinstance(command, CallNext):
            return ""
        ticket = state.counter(command.counter).ticket
        if not ticket:
            return ""
        call = self._calls.get(command.counter)
        # For one that was called before a restart only the wall clock is known.
        known = call is not None and call.ticket == ticket
        ago = now - call.heard if known and call else between(state.tickets[ticket].since, command.at)
        return ticket if 0 <= ago < self.grace else ""

    def asked(self, command: Command, answer: A, now: float) -> None:
        """The lobby has asked whether the press is meant, with this answer."""
        if where := _where(command):
            self._asked[where] = _Press(_what(command), now, answer)

    def confirms(self, command: Command, now: float) -> bool:
        """Whether this press is meant, since it repeats one that was asked about. Any press answers what was asked."""
        asked = self._asked.pop(_where(command), None)
        return asked is not None and asked.command == _what(command) and now - asked.heard < ANSWERED_WITHIN

    def done(self, state: State, command: Command, answer: A, now: float) -> None:
        """A press has been decided, and something was done; `state` is the one after it."""
        where = _where(command)
        if not self.grace or not where:
            return
        counter = getattr(command, "counter", "")
        ticket = state.counter(counter).ticket if counter else ""
        if not ticket:
            self._calls.pop(counter, None)
        elif state.tickets[ticket].since == command.at:
            self._calls[counter] = _Call(ticket, now)
        self._presses[where] = _Press(_what(command), now, answer)


def _where(command: Command) -> str:
    """The counter, its rater or the manager's button of a press; empty: one whose copies are recognised in another way.
    A customer who rates does not answer what the clerk was asked."""
    match command:
        case Rate(counter=counter):
            return f"rater/{counter}"
        case CounterCommand(counter=counter):
            return f"counter/{counter}"
        case ManagerCommand(by=by) | TakeTicket(by=by, granted=True):
            return by
    return ""  # `hold_off` says when a ticket button is pressed twice by one customer


def _what(command: Command) -> Command:
    """The part of a command that is equal in all copies of a press."""
    if isinstance(command, CounterCommand):
        return replace(command, at=NEVER, cause="", sure=False)
    return replace(command, at=NEVER, cause="")
