"""The table of what the lobby can do: which function decides a command, and which applies an event.

`decide` reads the state and the rules and changes nothing; `evolve` changes the state, and never reads the rules:
everything a rule decided is in the event, so that a journal replays to the same state under any configuration. Both
are pure: time comes in with the command, and nothing here uses a clock, file, socket, random number or log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from controller.lobby.actions.command import Command
from controller.lobby.actions.event import Event
from controller.lobby.model.outcome import AlreadyDone, QueryResult, Refusal, Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms

Events = list[Event]
Decision = Events | Refusal | AlreadyDone | QueryResult
Decide = Callable[[State, Rules, Any], Decision]
Evolve = Callable[[State, Ms, Any], None]

_DECIDE: dict[type[Command], Decide] = {}
_EVOLVE: dict[type[Event], Evolve] = {}
D = TypeVar("D", bound=Decide)
E = TypeVar("E", bound=Evolve)
F = TypeVar("F", bound=Callable[..., Any])
K = TypeVar("K")
V = TypeVar("V", bound=Callable[..., Any])


def marks(table: dict[type[K], V], what: type[K], done: str) -> Callable[[F], F]:
    """What marks a function as the one by which `what` is `done`, in a table. TypeError: it is there already."""

    def mark(function: F) -> F:
        if what in table:
            raise TypeError(f"{what.__name__} is {done} twice")
        table[what] = cast(V, function)
        return function

    return mark


def decides(command: type[Command]) -> Callable[[D], D]:
    """Marks the function that decides a command: it returns events or a refusal (or raises `Refused`).

    A refusal is a value with a reason for people; a refused command leaves no row in the journal.
    """

    return marks(_DECIDE, command, "decided")


def evolves(event: type[Event]) -> Callable[[E], E]:
    """Marks the function that applies an event of this kind to the state, in place: the state has one owner, and a copy
    per press would cost more than everything else."""

    return marks(_EVOLVE, event, "evolved")


def for_the_record(event: type[Event]) -> None:
    """Declares that an event of this kind changes nothing in the state."""
    evolves(event)(lambda state, at, event: None)


def commands() -> frozenset[type[Command]]:
    """Every command that can be decided."""
    return frozenset(_DECIDE)


def events() -> frozenset[type[Event]]:
    """Every event that can happen."""
    return frozenset(_EVOLVE)


def decide(state: State, rules: Rules, command: Command) -> Decision:
    """The events that `command` leads to (none: nothing to write), a refusal, or the ticket it gave already."""
    try:
        return _DECIDE[type(command)](state, rules, command)
    except Refused as refused:
        return refused.refusal


def evolve(state: State, at: Ms, event: Event) -> None:
    """Apply one event that happened at `at` (ms since 1970, UTC)."""
    if event.OF_LOBBY:
        _EVOLVE[type(event)](state, at, event)
