"""What a roster is worth: the same simulated days for each, and whether they meet the target.

A day meets the target if at least `SHARE` of its customers are called within the branch's target wait; who is never
called is not. A roster meets it if at least `DAYS` of the simulated days do.

Where not even all counters together meet it, a day counts as met if not many more are late than with all of them
(`as_good_as`): then the search finds the fewest counter-hours that are as good as all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from controller.lobby.model.percentile import percentile
from controller.lobby.show.figures import FELT
from simulators.rosters.quick import NEVER_CALLED, Arrival, Branch, Outcome, run
from simulators.rosters.roster import Grid, Roster

SHARE = 0.9
"""The share of a day's customers who are to wait no longer than the target."""
DAYS = 0.9
"""The share of days on which that is to be so."""
WORSE = 0.01
"""The share of a day's customers who may be late beyond those who are with all counters, where the target is beyond
reach."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits on some days under a roster, in ms, those who are never called last (`NEVER_CALLED` as it is)."""

    waits: Sequence[int]
    met: int
    """Days on which the target is met."""
    days: int
    target: int
    """In ms."""

    def share_above(self, ms: int) -> float:
        """The share of customers who wait longer, or are never called."""
        return sum(wait > ms or wait == NEVER_CALLED for wait in self.waits) / len(self.waits) if self.waits else 0.0

    @property
    def within(self) -> float:
        """The share of customers who wait no longer than the target."""
        return 1 - self.share_above(self.target)

    @property
    def above_3(self) -> float:
        """The share of customers who wait longer than three minutes."""
        return self.share_above(FELT * 1000)

    @property
    def never_called(self) -> int:
        """How many are never called."""
        return self.waits.count(NEVER_CALLED)

    def minutes(self, percent: int) -> float:
        """The wait that so many percent do not exceed; infinite, if so many are not called."""
        waits = (math.inf if wait == NEVER_CALLED else wait / 60_000 for wait in self.waits)
        return percentile(waits, percent) if self.waits else 0.0


def late(outcome: Outcome, target: int) -> int:
    """Customers who wait longer than `target` ms, or are never called."""
    return sum(wait > target or wait == NEVER_CALLED for wait in outcome.waits)


def may_be_late(customers: int) -> int:
    """How many customers of a day may be late on a day that meets the target."""
    return math.floor((1 - SHARE) * customers + 1e-9)


@dataclass(slots=True)
class Judge:
    """Judges rosters by the same days (common random numbers). `target` in ms."""

    branch: Branch
    grid: Grid
    days: list[list[Arrival]]
    target: int
    run_so_far: int = 0
    """Days that have been simulated."""
    limits: list[int] = field(default_factory=list)
    """How many customers of each day may be late; by default as `may_be_late`."""
    _order: list[int] = field(default_factory=list)
    """The days, those first that a roster has failed on lately."""
    _known: dict[Roster, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._order = list(range(len(self.days)))
        self.limits = self.limits or [may_be_late(len(day)) for day in self.days]

    @property
    def may_fail(self) -> int:
        """How many days may miss the target."""
        return math.floor((1 - DAYS) * len(self.days) + 1e-9)

    def as_good_as(self, roster: Roster) -> None:
        """Have a day count as met if not many more are late than with this roster."""
        for day, outcome in enumerate(self.outcomes(roster)):
            customers = len(outcome.waits)
            much = late(outcome, self.target) + math.floor(WORSE * customers)
            self.limits[day] = max(may_be_late(customers), much)
        self._known.clear()

    def simulate(self, roster: Roster, day: int) -> Outcome:
        """One of the days under a roster."""
        self.run_so_far += 1
        return run(self.branch, self.days[day], self.grid.shifts(roster))

    def meets(self, roster: Roster) -> bool:
        """Whether a roster meets the target; given up as soon as it is known not to."""
        found = self._known.get(roster)
        if found is None:
            found = self._known[roster] = self._meets(roster)
        return found

    def _meets(self, roster: Roster) -> bool:
        failed = 0
        for place, day in enumerate(self._order):
            if self.excess(roster, day) > 0:
                failed += 1
                # The days that decide come first the next time.
                self._order.insert(0, self._order.pop(place))
                if failed > self.may_fail:
                    return False
        return True

    def excess(self, roster: Roster, day: int) -> int:
        """How many customers more than may be are late on a day; negative: fewer."""
        return late(self.simulate(roster, day), self.target) - self.limits[day]

    def outcomes(self, roster: Roster) -> list[Outcome]:
        """Every day under a roster."""
        return [self.simulate(roster, day) for day in range(len(self.days))]

    def waits(self, roster: Roster) -> Waits:
        """The waits on all days."""
        return self.waits_of(self.outcomes(roster))

    def waits_of(self, outcomes: Sequence[Outcome]) -> Waits:
        """The waits of days that have been simulated."""
        met = sum(late(outcome, self.target) <= may_be_late(len(outcome.waits)) for outcome in outcomes)
        return Waits([wait for outcome in outcomes for wait in outcome.waits], met, len(outcomes), self.target)

    def busy(self, roster: Roster) -> list[list[float]]:
        """For each counter, how many ms it has customers in each period, over all days."""
        periods = self.grid.periods
        found = [[0.0] * len(periods) for _ in roster]
        for outcome in self.outcomes(roster):
            for counter, start, end in outcome.busy:
                for n, period in enumerate(periods):
                    if start < period.end * 1000 and period.start * 1000 < end:
                        found[counter][n] += min(end, period.end * 1000) - max(start, period.start * 1000)
        return found
