"""A clerk says by staff number that they are at a counter (柜员签到); the journal has an alias for it."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.press import DIGITS, Press, TerminalKey, Where, key
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.model.lines import own_counter
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(CounterCommand):
    """A clerk is at this counter now, or (no number) leaves it."""

    KEEPS_PRESS = False

    number: str = ""


@key("SIGNIN", Where.COUNTER, DIGITS, terminal=TerminalKey("CONFIRM", "8", more=True))
def _key(press: Press) -> SignIn:
    """Say by staff number who is at the counter; no number: nobody any more."""
    return SignIn(**press.at_counter, number=press[DIGITS])


@dataclass(frozen=True, slots=True)
class ClerkSignedIn(Event):
    """A clerk is at a counter; `clerk` is the alias of the staff number."""

    counter: str
    clerk: str


@dataclass(frozen=True, slots=True)
class ClerkSignedOut(Event):
    """A clerk has left a counter."""

    counter: str
    clerk: str


@decides(SignIn)
def _sign_in(state: State, rules: Rules, command: SignIn) -> Decision:
    counter = counter_of(rules, command)
    here = state.counter(counter.id).clerk
    if not command.number:
        if not here:
            raise Refused("nobody_signed_in", counter=counter.id)
        return [ClerkSignedOut(counter.id, here)]
    clerk = rules.clerks.get(command.number)
    if clerk is None:
        raise Refused("unknown_clerk")
    if clerk == here:
        raise Refused("signed_in_already", counter=counter.id, clerk=clerk)
    left: Events = [ClerkSignedOut(id, clerk) for id, other in state.counters.items() if other.clerk == clerk]
    gone: Events = [ClerkSignedOut(counter.id, here)] if here else []
    return [*left, *gone, ClerkSignedIn(counter.id, clerk)]


@evolves(ClerkSignedIn)
def _signed_in(state: State, at: Ms, event: ClerkSignedIn) -> None:
    own_counter(state, event.counter).clerk = event.clerk


@evolves(ClerkSignedOut)
def _signed_out(state: State, at: Ms, event: ClerkSignedOut) -> None:
    own_counter(state, event.counter).clerk = ""
