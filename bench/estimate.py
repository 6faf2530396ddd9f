"""One estimated wait, with few and with many waiting before it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.branch import configuration
from bench.figures import Figure
from controller.config import read
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.forecast import waiting
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms, Seconds, in_seconds

FEW, MANY = 50, 500
MOST = 10.0
"""Milliseconds that an estimate may take with many waiting."""
AT = Ms(1_790_000_000_000)
"""Some moment."""


def measure(directory: Path, rounds: int, done: Callable[[], None]) -> list[Figure]:
    """Both, alternating, for the last ticket of the line: all others are called before it."""
    config = directory / "estimate.toml"
    config.write_text(configuration(12, directory / "estimate.db", {}), "utf-8")
    rules = read(config).rules
    states = {size: _state(rules, size) for size in (FEW, MANY)}
    times: dict[int, list[float]] = {FEW: [], MANY: []}
    for n in range(rounds):
        for size in (FEW, MANY) if n % 2 else (MANY, FEW):
            times[size].append(_time(states[size], rules))
        done()
    floor, value = median(times[FEW]), median(times[MANY])
    return [
        Figure(f"one estimated wait, {MANY} waiting", value, "ms", most=MOST),
        Figure(f"the same, beside {FEW} waiting", value, "ms", floor, value / floor),
    ]


def _state(rules: Rules, tickets: int) -> State:
    state = State()
    evolve(state, AT, DayOpened(rules.day_of(AT), rules.profile(rules.day_of(AT)).id))
    services, classes = list(rules.services), list(rules.classes)
    for n, counter in enumerate(rules.counters):
        evolve(state, AT, TicketIssued(f"X{n}", services[0], classes[0], in_seconds(AT), n, "bench", False))
        evolve(state, AT, CounterOpened(counter))
        evolve(state, AT, TicketCalled(f"X{n}", counter, False, {}))
    for n in range(tickets):
        service, klass = services[n % len(services)], classes[n % len(classes)]
        evolve(state, AT, TicketIssued(f"{service}{n}", service, klass, Seconds(in_seconds(AT) + n), n, "bench", False))
    return state


def _time(state: State, rules: Rules) -> float:
    """Milliseconds for the estimate of a normal ticket that is taken now."""
    service = next(iter(rules.services))
    started = time.perf_counter()
    ticket = waiting.newcomer(state, rules, AT, service)
    told = waiting.expected(state, rules, AT, ticket)
    taken = (time.perf_counter() - started) * 1e3
    assert told is not None
    return taken
