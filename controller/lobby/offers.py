"""What the lobby manager could do now about a ticket or a counter: each of the panel's keys is put to its own decision.

Nothing is changed by asking, since decisions are pure; so what is offered is what will be accepted, and no page needs a
table of its own of what is possible when.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import controller.lobby.actions  # noqa: F401 - every key is declared there
from controller.lobby.actions.press import COUNTER, KEYS, REASON, SERVICE, TICKET, Key, Press, Where
from controller.lobby.actions.registry import decide
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.paper import Paper, Printers
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms


@dataclass(frozen=True, slots=True)
class Offer:
    """A key of the panel that would be accepted, with this service or counter chosen."""

    key: str
    service: str = ""
    counter: str = ""


def for_ticket(
    state: State, rules: Rules, ticket: str, at: Ms, by: str, paper: Paper, printers: Printers = ()
) -> list[Offer]:
    """What would be accepted for a ticket at `at` (ms since 1970, UTC), with each service and each counter; `paper`,
    `printers`: see `Press`.

    Only keys that are pressed for a reason: a question changes nothing, and may always be asked.
    """
    press = Press(at=at, cause="", by=by, paper=paper, printers=printers)
    return [
        Offer(key.name, **where)
        for key in _keys()
        if TICKET in key.fields and REASON in key.fields
        for where in _choices(rules, key)
        if _accepted(state, rules, key, replace(press, typed={"ticket": ticket} | where))
    ]


def for_counter(state: State, rules: Rules, counter: str, at: Ms, by: str) -> list[Offer]:
    """What would be accepted for a counter at `at` (ms since 1970, UTC)."""
    press = Press(at=at, cause="", by=by, typed={"counter": counter})
    return [
        Offer(key.name, counter=counter)
        for key in _keys()
        if COUNTER in key.fields and TICKET not in key.fields and _accepted(state, rules, key, press)
    ]


def _keys() -> Iterator[Key]:
    return (key for (where, _), key in KEYS.items() if where is Where.PANEL)


def _choices(rules: Rules, key: Key) -> list[dict[str, str]]:
    """What can be chosen with a key beside the ticket: nothing, a service or a counter."""
    return [
        {},
        *({"service": id} for id in rules.services if SERVICE in key.fields),
        *({"counter": id} for id in rules.counters if COUNTER in key.fields),
    ]


def _accepted(state: State, rules: Rules, key: Key, press: Press) -> bool:
    decision = decide(state, rules, key.command(press))
    return not isinstance(decision, Refusal) or decision.asks  # what is asked about is done when it is pressed again
