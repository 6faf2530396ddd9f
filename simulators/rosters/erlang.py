"""Staffing by the textbook, to compare with: Erlang C for each half-hour by itself.

Each half-hour is taken as a system of its own in a steady state, with all open counters in one pool (M/M/s, FIFO): as
many counters as it takes for `SHARE` of the customers to wait no longer than the target. Who still waits from before,
whom a counter may serve and how long it is open at a time does not come into it (Erlang 1917; for half-hours as
"stationary independent period by period", Green, Kolesar and Soares 2001).
"""

from __future__ import annotations

import math

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
    rules = branch.rules
    masks = [0] * len(grid.counters)
    before: set[int] = set()
    for n, slot in enumerate(grid.slots):
        work = {s: reserve * k * expected.seconds(s) / (slot.end - slot.start) for s, k in expected.customers(n).items()}
        customers = reserve * sum(expected.customers(n).values())
        load = sum(work.values())
        mean = load * (slot.end - slot.start) / customers if customers else 1.0
        there = [place for place, mask in enumerate(grid.available) if mask >> n & 1]
        wanted = needed(load, target / mean, len(there))
        serving = branch.serving(slot.start * 1000)
        chosen: set[int] = set()
        while there and (len(chosen) < wanted or not _covers(grid, n, chosen)):
            # The next counter is one whose own work has most of the load that the others leave to it.
            def helps(place: int, chosen: set[int] = chosen, work: dict[str, float] = work) -> tuple[int, float, bool]:
                lacks = sum(
                    1 for one_of in grid.needed[n] if one_of >> place & 1 and not any(one_of >> c & 1 for c in chosen)
                )
                own = {branch.lines[line][0] for line, handicap in serving[place] if handicap == 0}
                shares = [
                    work[service]
                    / (1 + sum(any(branch.lines[k][0] == service and not h for k, h in serving[c]) for c in chosen))
                    for service in own
                ]
                return lacks, sum(shares), place in before

            best = max(there, key=helps)
            there.remove(best)
            chosen.add(best)
        for place in chosen:
            masks[place] |= 1 << n
        before = chosen
    assert len(masks) == len(rules.counters)
    return tuple(masks)


def _covers(grid: Grid, slot: int, chosen: set[int]) -> bool:
    """Whether each service has somebody."""
    return all(any(one_of >> place & 1 for place in chosen) for one_of in grid.needed[slot])
