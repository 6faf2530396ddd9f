"""Whole days in virtual time on one core: customers, clerks, estimates and the window advice, without devices."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.figures import Figure
from controller.config import read
from simulators.days.simulation import simulate

CONFIG = Path(__file__).parents[1] / "config" / "demo.toml"
"""The branch that is simulated; each day is a pension day, the busiest."""
LEAST = 100
"""Branch-days a minute."""


def measure(days: int, runs: int, done: Callable[[], None]) -> list[Figure]:
    """Runs of so many days, each without prior knowledge. In CPU time, so that other load does not count."""
    rules = read(CONFIG).rules
    rates = []
    tickets = 0
    for run in range(runs):
        started = time.process_time()
        tickets += simulate(rules, "pension", days, run, done=done).customers
        rates.append(60 * days / (time.process_time() - started))
    detail = {"runs": rates, "days": days, "tickets": tickets}
    return [Figure("branch-days a minute on one core", median(rates), "days", least=LEAST, detail=detail)]
