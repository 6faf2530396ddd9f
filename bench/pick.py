"""One pick of the next ticket, with few and with many waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.branch import configuration
from bench.figures import Figure
from controller.config import read
from controller.lobby import rule
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms, Seconds

FEW, MANY = 100, 100_000
PICKS = 200
"""Picks timed together."""
MOST = 1.5


def measure(directory: Path, rounds: int, done: Callable[[], None]) -> list[Figure]:
    """Both, alternating; both states have the same lines."""
    config = directory / "pick.toml"
    config.write_text(configuration(12, directory / "pick.db", {}), "utf-8")
    rules = read(config).rules
    few, many = _state(rules, FEW), _state(rules, MANY)
    times: dict[int, list[float]] = {FEW: [], MANY: []}
    for n in range(rounds):
        for size, state in ((FEW, few), (MANY, many)) if n % 2 else ((MANY, many), (FEW, few)):
            times[size].append(_time(state, rules))
        done()
    floor, value = median(times[FEW]), median(times[MANY])
    return [Figure(f"one pick, {MANY:,} waiting beside {FEW}", value, "us", floor, value / floor, most=MOST)]


def _state(rules: Rules, tickets: int) -> State:
    state = State()
    services, classes = list(rules.services), list(rules.classes)
    lines = [(service, klass) for service in services for klass in classes]
    for n in range(tickets):
        service, klass = lines[n % len(lines)]
        evolve(state, Ms(n), TicketIssued(f"{service}{n}", service, klass, Seconds(n), n, "bench", False))
    return state


def _time(state: State, rules: Rules) -> float:
    """Microseconds for one pick."""
    counters = list(rules.counters.values())
    started = time.perf_counter()
    for n in range(PICKS):
        rule.pick(state, rules, counters[n % len(counters)], Ms(0))
    return (time.perf_counter() - started) / PICKS * 1e6
