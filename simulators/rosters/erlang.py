"""Staffing by the textbook, to compare with: Erlang C for each half-hour by itself.

Each half-hour is taken as a system of its own in a steady state, with all open counters in one pool (M/M/s, FIFO): as
many counters as it takes for `SHARE` of the customers to wait no longer than the target. Who still waits from before,
whom a counter may serve and how long it is open at a time does not come into it (Erlang 1917; for half-hours as
"stationary independent period by period", Green, Kolesar and Soares 2001).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from simulators.rosters.expected import Expected
from simulators.rosters.judge import SHARE
from simulators.rosters.quick import Branch
from simulators.rosters.roster import Grid, Roster


def waits_longer(servers: int, load: float, patience: float) -> float:
    """The chance to wait longer than `patience` mean service times with so many servers and a load in erlangs."""
    if load <= 0:
        return 0.0
    if servers <= load:
        return 1.0
    blocked = 1.0  # Erlang B, by its recursion
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    queued = blocked / (1 - load / servers * (1 - blocked))
    return queued * math.exp(-(servers - load) * patience)


def needed(load: float, patience: float, most: int) -> int:
    """How many servers it takes, at most `most`."""
    return next((n for n in range(1, most) if waits_longer(n, load, patience) <= 1 - SHARE), most)


def staff(branch: Branch, grid: Grid, expected: Expected, target: float, reserve: float = 1.0) -> Roster:
    """The roster; `target` in seconds. `reserve`: how many times as many customers are reckoned with."""
    masks = [0] * len(grid.counters)
    before: set[int] = set()
    for n, period in enumerate(grid.periods):
        seconds = period.end - period.start
        customers = {service: reserve * number for service, number in expected.customers(n).items()}
        work = {service: number * expected.seconds(service) / seconds for service, number in customers.items()}
        load, number = sum(work.values()), sum(customers.values())
        mean = load * seconds / number if number else 1.0
        most = sum(mask >> n & 1 for mask in grid.available)
        before = _choose(branch, grid, n, work, needed(load, target / mean, most), before)
        for place in before:
            masks[place] |= 1 << n
    return tuple(masks)


def _choose(
    branch: Branch, grid: Grid, period: int, work: Mapping[str, float], wanted: int, before: Collection[int]
) -> set[int]:
    """So many counters for a period, or as many as it takes for each service to have one: each time the one whose own
    work has most of the load that the others leave to it; `before` are those that are open already."""
    there = [place for place, mask in enumerate(grid.available) if mask >> period & 1]
    serving = branch.serving(grid.periods[period].start * 1000)
    own = {place: {branch.lines[line][0] for line, handicap in serving[place] if handicap == 0} for place in there}
    chosen: set[int] = set()

    def helps(place: int) -> tuple[int, float, bool]:
        lacking = [one_of for one_of in grid.needed[period] if not any(one_of >> other & 1 for other in chosen)]
        left = [work[service] / (1 + sum(service in own[other] for other in chosen)) for service in own[place]]
        return sum(one_of >> place & 1 for one_of in lacking), sum(sorted(left)), place in before

    while there and (len(chosen) < wanted or not _covers(grid, period, chosen)):
        best = max(there, key=helps)
        there.remove(best)
        chosen.add(best)
    return chosen


def _covers(grid: Grid, period: int, chosen: Collection[int]) -> bool:
    """Whether each service has somebody."""
    return all(any(one_of >> place & 1 for place in chosen) for one_of in grid.needed[period])
