"""The fewest counter-hours that keep the target wait.

First a descent: from all counters, runs of half-hours are left out, long ones first and the idlest first, as long as
the target is met. Then a walk with a budget of simulated days: it leaves out, moves from one counter or time to
another, or exchanges more half-hours for fewer, and goes wherever the target is met for no more. A search by few days
finds what suits those; so it is mended by more of them, and goes on (see `plan`). The same seed finds the same roster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from simulators.rosters.expected import period_of
from simulators.rosters.judge import Judge
from simulators.rosters.quick import NEVER_CALLED
from simulators.rosters.roster import Roster

RUNS = (8, 4, 2, 1)
"""Half-hours that the descent leaves out at a time."""
NEAR = 3
"""Periods around one with customers who wait too long in which mending opens counters."""
OPENING = 60
"""Seconds of a counter that one opening is worth: of rosters that cost the same, the one with fewer is better."""


@dataclass(slots=True)
class Search:
    """A search among the rosters that a judge can tell apart. `told` is told how many days have been simulated."""

    judge: Judge
    random: Random
    told: Callable[[int], None] = lambda days: None

    def cost(self, roster: Roster) -> int:
        """What a roster costs: counter-seconds, and a little for each opening."""
        grid = self.judge.grid
        return grid.seconds(roster) + OPENING * sum(len(grid.spans(mask)) for mask in roster)

    # -- the descent ---------------------------------------------------------------------------------------------

    def descend(self, roster: Roster) -> Roster:
        """Leave out what can be left out."""
        for run in RUNS:
            while found := self._leave_out(roster, run):
                roster = found
        return roster

    def _leave_out(self, roster: Roster, run: int) -> Roster | None:
        """The roster without the idlest run of half-hours that can be left out; None: none can."""
        busy = self.judge.busy(roster)
        length = len(self.judge.grid.periods)
        runs = []
        for counter, mask in enumerate(roster):
            for first in range(length - run + 1):
                bits = ((1 << run) - 1) << first
                if mask & bits == bits:
                    runs.append((sum(busy[counter][first : first + run]), counter, bits))
        for _, counter, bits in sorted(runs):
            fewer = _with(roster, counter, roster[counter] & ~bits)
            if self._may(fewer):
                return fewer
        return None

    # -- mending -------------------------------------------------------------------------------------------------

    def mend(self, roster: Roster) -> Roster | None:
        """Open what helps most until the target is met; None: nothing helps."""
        judge = self.judge
        while not judge.meets(roster):
            failing = [day for day in range(len(judge.days)) if judge.excess(roster, day) > 0]
            now = sum(judge.excess(roster, day) for day in failing)
            found = []
            for more in self._longer(roster, failing):
                then = sum(max(0, judge.excess(more, day)) for day in failing)
                self.told(judge.run_so_far)
                if then < now:
                    added = judge.grid.seconds(more) - judge.grid.seconds(roster)
                    found.append(((then - now) / added, self.cost(more), more))
            if not found:
                return None
            roster = min(found)[-1]
        return roster

    def _longer(self, roster: Roster, failing: list[int]) -> Iterator[Roster]:
        """The roster with one counter open for one or two half-hours more, near those who wait too long."""
        judge, length = self.judge, len(self.judge.grid.periods)
        near: set[int] = set()
        for day in failing:
            for who, wait in zip(judge.days[day], judge.simulate(roster, day).waits, strict=True):
                if wait > judge.target or wait == NEVER_CALLED:
                    period = period_of(judge.grid.periods, who.at / 1000)
                    near.update(range(max(0, period - NEAR), min(length, period + NEAR + 1)))
        for counter, mask in enumerate(roster):
            others = {
                mask | ((((1 << run) - 1) << first) & judge.grid.available[counter])
                for run in (1, 2)
                for first in near
                if first + run <= length
            }
            for other in sorted(others - {mask}):
                longer = _with(roster, counter, other)
                if judge.grid.fits(longer):
                    yield longer

    # -- the walk ------------------------------------------------------------------------------------------------

    def walk(self, roster: Roster, budget: int) -> Roster:
        """Go on from a roster as long as the budget lasts."""
        best, end = roster, self.judge.run_so_far + budget
        for _ in range(2 * budget):
            if self.judge.run_so_far >= end:
                break
            other = self._change(roster)
            if (
                other != roster
                and self.judge.grid.seconds(other) <= self.judge.grid.seconds(roster)
                and self._may(other)
            ):
                roster = other
                if self.cost(roster) < self.cost(best):
                    best = roster
        return best

    def _change(self, roster: Roster) -> Roster:
        """A roster beside this one that costs no more."""
        chance = self.random.random()
        if chance < 0.3:
            return self._flip(roster, self.random.choice((1, 1, 2, 3)), on=False)
        if chance < 0.5:
            return self._hand_over(roster)
        run = self.random.choice((1, 1, 2))
        more = self._flip(roster, run, on=True)
        fewer = self._flip(more, run, on=False)
        return self._flip(fewer, 1, on=False) if chance > 0.8 else fewer

    def _flip(self, roster: Roster, run: int, *, on: bool) -> Roster:
        """Open or close a counter for a run of half-hours, where it opens or closes already, or anywhere."""
        counter = self.random.randrange(len(roster))
        mask = roster[counter]
        places = [n for n, edge in self._edges(mask, run, on=on)] if self.random.random() < 0.8 else []
        first = self.random.choice(places) if places else self.random.randrange(len(self.judge.grid.periods))
        bits = (((1 << run) - 1) << first) & self.judge.grid.available[counter]
        return _with(roster, counter, mask | bits if on else mask & ~bits)

    def _edges(self, mask: int, run: int, *, on: bool) -> Iterator[tuple[int, int]]:
        """Where a run may begin so that it makes an opening longer, or shorter."""
        length = len(self.judge.grid.periods)
        for n in range(length + 1):
            before, here = bool(mask >> n - 1 & 1) if n else False, bool(mask >> n & 1) if n < length else False
            if before != here:
                after = (here != on) if n < length else False
                yield (n if after else max(0, n - run)), n

    def _hand_over(self, roster: Roster) -> Roster:
        """One counter takes over another's half-hours."""
        if len(roster) < 2:
            return roster
        one, other = self.random.sample(range(len(roster)), 2)
        length = len(self.judge.grid.periods)
        first = self.random.randrange(length)
        run = self.random.randint(1, length)
        bits = ((1 << run) - 1) << first
        moved = roster[one] & bits & ~roster[other] & self.judge.grid.available[other]
        return _with(_with(roster, one, roster[one] & ~moved), other, roster[other] | moved)

    def _may(self, roster: Roster) -> bool:
        fits = self.judge.grid.fits(roster) and self.judge.meets(roster)
        self.told(self.judge.run_so_far)
        return fits


def _with(roster: Roster, counter: int, mask: int) -> Roster:
    return (*roster[:counter], mask, *roster[counter + 1 :])
