"""A plan for a coming day: the roster that is found, what it is worth, and what else there is to compare it with.

Three sets of simulated days, which have nothing in common but what is expected: one to search by, one by which what was
found is mended, since a search finds what suits its own days, and one by which everything is judged that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

from controller.lobby.actions.registry import evolve
from controller.lobby.model.percentile import percentile
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from simulators.days.record import Day
from simulators.days.replay import never_called
from simulators.days.simulation import DayTally, Tally
from simulators.days.virtual import WALK as TO_THE_COUNTER
from simulators.rosters import erlang
from simulators.rosters.expected import Expected, Past, expect, period_of
from simulators.rosters.judge import Judge, Waits, late, may_be_late
from simulators.rosters.quick import NEVER_CALLED, Arrival, Branch, Outcome, run
from simulators.rosters.roster import Grid, Roster
from simulators.rosters.search import Search

SEARCHED, MENDED, JUDGED = 60, 140, 100
"""Simulated days of each set."""
WALK, LEAST = (20, 40), (1_500, 4_000)
"""Days that each of the two walks simulates for each half-hour of a counter, and at least."""
LIMITS = ("beyond", "counters", "skills", "roster", "cover")
"""What may limit: the target is beyond reach; at the worst time all counters are open; those that serve the service
are; or neither, and one half-hour less anywhere is too much; or nobody waits too long, and each service needs
somebody."""

Told = Callable[[str, float], None]
"""Is told of the progress: which part, and how much of all is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What keeps the roster from being cheaper: one of `LIMITS`; when, and for which service, most wait too long."""

    kind: str
    period: int
    service: str


@dataclass(frozen=True, slots=True)
class Side:
    """A roster and what it is worth; no roster: there is none."""

    roster: Roster
    seconds: int
    waits: Waits
    by_period: Sequence[float]
    """For those who come in each period, the minutes that nine in ten of them wait at most; those who are never called
    count as waiting for ever."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan. `constant` is None if no constant staffing meets the target."""

    branch: Branch
    grid: Grid
    expected: Expected
    reachable: bool
    """Whether the target is met with all counters open."""
    found: Side
    one_less: Side
    without: str
    """The counter that `one_less` is without, the one that is missed least."""
    everything: Side
    constant: Side | None
    erlang: Side
    limit: Limit
    by_service: dict[str, float]
    """The share of each service's customers who wait no longer than the target."""
    judge: Judge
    """That of the days by which the roster was found."""
    simulated: int
    """Days that were simulated to find it."""


@dataclass(slots=True)
class _Planner:
    rules: Rules
    branch: Branch
    grid: Grid
    expected: Expected
    seed: str
    told: Told

    def days(self, number: int, what: str) -> list[list[Arrival]]:
        return [self.branch.admitted(each) for each in self.expected.days(number, f"{self.seed}:{what}")]

    def judge(self, days: list[list[Arrival]]) -> Judge:
        return Judge(self.branch, self.grid, days, self.rules.target * 1000)

    def search(self) -> tuple[Roster, Judge, bool, int]:
        """The roster, the judge of the days it was found by, whether the target is met with all counters, and how many
        days were simulated."""
        first = self.days(SEARCHED, "search")
        few, many = self.judge(first), self.judge([*first, *self.days(MENDED, "mend")])
        everything = self.grid.available
        reachable = many.meets(everything) and few.meets(everything)
        if not reachable:
            few.as_good_as(everything)
            many.as_good_as(everything)
        chance = Random(f"{self.seed}:walk")
        roster = everything
        for part, judge in enumerate((few, many)):
            budget = self._budget(part)
            search = Search(judge, chance, lambda days, part=part: self._step(part, days))  # type: ignore[misc]
            roster = search.descend(search.mend(roster) or everything)
            roster = search.walk(roster, budget)
        return roster, many, reachable, few.run_so_far + many.run_so_far

    def _budget(self, part: int) -> int:
        cells = sum(mask.bit_count() for mask in self.grid.available)
        return max(LEAST[part], WALK[part] * cells)

    def _step(self, part: int, days: int) -> None:
        # How long the descent takes is not known: it counts as half of the walk.
        self.told("search", (part + min(1.0, days / (1.5 * self._budget(part)))) / len(WALK))


def make(rules: Rules, day: date, history: Sequence[Past], seed: int = 1, told: Told = lambda part, done: None) -> Plan:
    """The plan for a day, from the branch's days before it, oldest first."""
    branch = Branch(rules, day)
    grid = Grid.of(branch)
    expected = expect(rules, day, grid.periods, history)
    planner = _Planner(rules, branch, grid, expected, str(seed), told)
    roster, judge, reachable, simulated = planner.search()
    fresh = planner.judge(planner.days(JUDGED, "judge"))
    steps = 4 + len(grid.counters)
    done = iter(range(1, steps + 1))

    def side(roster: Roster) -> Side:
        outcomes = fresh.outcomes(roster)
        told("judge", next(done, steps) / steps)
        return Side(
            roster, grid.seconds(roster), fresh.waits_of(outcomes), _by_period(fresh, [o.waits for o in outcomes])
        )

    found = side(roster)
    fewer = [(n, side((*roster[:n], 0, *roster[n + 1 :]))) for n, mask in enumerate(roster) if mask]
    n, one_less = max(fewer, key=lambda each: (each[1].waits.within, -each[0]))
    constant = _constant(judge, reachable=reachable)
    return Plan(
        branch,
        grid,
        expected,
        reachable,
        found,
        one_less,
        grid.counters[n],
        side(grid.available),
        side(constant) if constant else None,
        side(erlang.staff(branch, grid, expected, rules.target)),
        _limit(fresh, roster, reachable=reachable),
        _by_service(fresh, roster),
        judge,
        simulated,
    )


def _by_period(judge: Judge, days: Sequence[Sequence[int]]) -> list[float]:
    waits: list[list[float]] = [[] for _ in judge.grid.periods]
    for arrivals, found in zip(judge.days, days, strict=True):
        for who, wait in zip(arrivals, found, strict=True):
            period = period_of(judge.grid.periods, who.at / 1000)
            waits[period].append(float("inf") if wait == NEVER_CALLED else wait / 60_000)
    return [percentile(each, 90) if each else 0.0 for each in waits]


def _by_service(judge: Judge, roster: Roster) -> dict[str, float]:
    known: dict[str, list[bool]] = {}
    for arrivals, outcome in zip(judge.days, judge.outcomes(roster), strict=True):
        for who, wait in zip(arrivals, outcome.waits, strict=True):
            service = judge.branch.lines[who.line][0]
            known.setdefault(service, []).append(0 <= wait <= judge.target)
    return {service: sum(found) / len(found) for service, found in sorted(known.items())}


def _constant(judge: Judge, *, reachable: bool) -> Roster | None:
    """A cheap staffing with the same counters all day that meets the target, found by leaving out, one after the other,
    the counter that is missed least; None: none does."""
    if not reachable:
        return None
    grid = judge.grid
    roster = grid.available
    while judge.meets(roster):
        best = roster
        fewer = [(*roster[:n], 0, *roster[n + 1 :]) for n, mask in enumerate(roster) if mask]
        fewer = [each for each in fewer if grid.covers(each)]
        if not fewer:
            break
        days = range(0, len(judge.days), 4)
        roster = min(fewer, key=lambda each: (sum(max(0, judge.excess(each, day)) for day in days), grid.seconds(each)))
    return best


def _limit(judge: Judge, roster: Roster, *, reachable: bool) -> Limit:
    """What keeps the roster from being cheaper."""
    waits: dict[tuple[int, str], int] = {}
    for arrivals, outcome in zip(judge.days, judge.outcomes(roster), strict=True):
        for who, wait in zip(arrivals, outcome.waits, strict=True):
            if wait > judge.target or wait == NEVER_CALLED:
                place = period_of(judge.grid.periods, who.at / 1000), judge.branch.lines[who.line][0]
                waits[place] = waits.get(place, 0) + 1
    if not waits:
        return Limit("cover", 0, "")
    periods: dict[int, int] = {}
    for (period, _), number in waits.items():
        periods[period] = periods.get(period, 0) + number
    period = max(periods, key=lambda each: (periods[each], -each))
    service = max((each for each in waits if each[0] == period), key=lambda each: waits[each])[1]
    if not reachable:
        return Limit("beyond", period, service)
    grid = judge.grid
    closed = [n for n, mask in enumerate(grid.available) if mask & ~roster[n] & 1 << period]
    if not closed:
        return Limit("counters", period, service)
    serving = judge.branch.serving(grid.periods[period].start * 1000)
    helps = [n for n in closed if any(judge.branch.lines[line][0] == service for line, _ in serving[n])]
    return Limit("roster" if helps else "skills", period, service)


# -- a day that has been ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What a plan says of a day that is in the journal, and what came of it."""

    came: Sequence[dict[str, int]]
    """Tickets by service in each period."""
    was: Waits
    """Their waits as they were."""
    was_seconds: float
    """Counter-seconds as they were."""
    would_be: Waits
    """Their waits under the plan's roster."""

    @property
    def total(self) -> int:
        """Tickets of the day."""
        return sum(sum(each.values()) for each in self.came)


def look_back(plan: Plan, past: Past, events: Day) -> Hindsight:
    """The people of a day that has been, as it was by its `events`, and under the plan's roster: each at the counter
    for as long as they were."""
    place = {line: n for n, line in enumerate(plan.branch.lines)}
    arrivals = []
    for (at, service, klass), stay, missed in zip(past.taken, past.stays, past.missed, strict=True):
        usual = plan.expected.rules.services[service].minutes * 60
        seconds = stay - TO_THE_COUNTER / 1000 if stay else usual
        arrivals.append(
            Arrival(
                round(at * 1000),
                place[service, klass],
                max(1000, round(seconds * 1000)),
                missed,
                missed if stay else 0,
                float("inf"),
            )
        )
    target = plan.branch.rules.target * 1000
    outcome = run(plan.branch, sorted(arrivals), plan.grid.shifts(plan.found.roster))
    state, tally = State(), Tally()
    counts = DayTally(state, tally)
    for at, event in events:
        evolve(state, at, event)
        counts.heard(at, event)
    counts.over(events[-1][0])
    was = [round(1000 * waited.seconds) for waited in tally.waits] + [NEVER_CALLED] * never_called(events)
    return Hindsight(
        [dict(each) for each in past.counts(plan.grid.periods)],
        _waits(was, target),
        tally.window_seconds,
        _waits(outcome.waits, target),
    )


def _waits(waits: list[int], target: int) -> Waits:
    return Waits(waits, int(late(Outcome(waits, []), target) <= may_be_late(len(waits))), 1, target)
