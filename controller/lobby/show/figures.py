"""The day's figures so far: how long people waited, the effect of each class on the others, use of machines."""

from __future__ import annotations

from typing import Any

from sortedcontainers import SortedList

from controller.lobby.model.percentile import percentile
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Effect, Stage, State
from controller.lobby.model.units import Ms

FELT = 3 * 60
"""Seconds from which a wait is perceived as longer than it is."""


def day(state: State, rules: Rules, at: Ms | None = None) -> dict[str, Any]:
    """The figures at `at` (ms since 1970, UTC): waits in minutes, shares from 0 to 1.

    Those who still wait count with the time that they have waited so far, so that a long line does not look good;
    without `at` they are left out: the day is over, and it is not known when they left.
    """
    waits = {klass: SortedList(called) for klass, called in state.waits.items()}
    for ticket in state.tickets.values():
        if at is not None and ticket.stage is Stage.WAITING and not ticket.called_at and not ticket.untimed:
            waits.setdefault(ticket.klass, SortedList()).add(max(0, at - ticket.waits_from) // 1000)
    everybody = SortedList(seconds for each in waits.values() for seconds in each)
    return {
        "day": state.day,
        "profile": state.profile,
        "target": rules.target / 60,
        **level(everybody, rules),
        "classes": {
            klass: level(each, rules) | _effect(state, klass, len(each), len(everybody))
            for klass, each in waits.items()
        },
        "self_service": {
            choice: {"advised": state.sent_away.get(choice, 0), "insisted": state.insisted.get(choice, 0)}
            for choice in {**state.sent_away, **state.insisted}
        },
    }


def level(waits: SortedList, rules: Rules) -> dict[str, Any]:
    """The figures of some waits, which are in seconds: how many, shares from 0 to 1, minutes."""
    count = len(waits)
    if not count:
        return {"customers": 0, "above_3": 0.0, "above_target": 0.0, "mean": 0.0, "p95": 0.0, "max": 0.0}
    return {
        "customers": count,
        "above_3": round((count - waits.bisect_right(FELT)) / count, 3),
        "above_target": round((count - waits.bisect_right(rules.target)) / count, 3),
        "mean": round(sum(waits) / count / 60, 1),
        "p95": round(percentile(waits, 95) / 60, 1),
        "max": round(waits[-1] / 60, 1),
    }


def _effect(state: State, klass: str, count: int, everybody: int) -> dict[str, Any]:
    """A class's share, and the effect of its privilege: how many customers its calls passed, by how many minutes on
    average and at most."""
    effect = state.effects.get(klass, Effect())
    return {
        "share": round(count / everybody, 3) if everybody else 0.0,
        "passed": effect.passed,
        "passed_by_mean": round(effect.seconds / effect.passed / 60, 1) if effect.passed else 0.0,
        "passed_by_max": round(effect.most / 60, 1),
    }
