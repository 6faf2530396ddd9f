"""What the lobby has learned of itself: how long customers are at the counter, and how far its estimates were off.

Today's state learns from today's events, and what it knows when the day ends stands in the row that opens the next: so
a day's journal alone rebuilds it, and the estimates with it. The older a day, the less it counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log
from typing import Any

PRIOR_WEIGHT = 20
"""How many customers the configured mean counts for, and a service's mean for each of its classes."""
FADES = 0.8
"""What remains of a day's weight on the next."""
LONGEST = 2 * 3600
"""Seconds at a counter above which a ticket was forgotten there, or the clock was set."""
BUCKETS = (5 * 60, 15 * 60, 30 * 60)
"""Where the four buckets of predicted waits part, in seconds."""
KEPT = 150
"""Errors remembered for each bucket and class."""
ENOUGH = 40
"""Errors of a class from which its own are taken alone; before, those of all classes help."""
STEP = 0.02
"""How far one estimate that was too high or too low moves the share that may be (adaptive conformal inference, Gibbs
and Candes 2021)."""
TAIL = 0.1
"""The share of waits that may be above the range, and below it: a range of 80 %."""
OFFSET = 60
"""Seconds added on both sides before errors are taken as ratios: a minute matters more at two than at forty."""
POOL = "*"
"""In the place of a class: all of them."""
FIRST_GUESS = (-900, -600, -420, -300, -200, -120, -50, 0, 60, 120, 180, 250, 340, 460, 640)
"""Errors to start from, before there are any (from simulated days)."""


@dataclass(slots=True)
class Errors:
    """log((actual + 60) / (predicted + 60)) of one bucket and class, in thousandths, the latest last.

    `below` and `above`: the shares at which the range's ends are now taken so that `TAIL` is outside on each side.
    """

    latest: list[int] = field(default_factory=list)
    below: float = TAIL
    above: float = TAIL


@dataclass(slots=True)
class Knowledge:
    """What is known. `times`: service -> class -> [customers, seconds at the counter], both fading."""

    times: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    errors: dict[str, Errors] = field(default_factory=dict)

    # -- learning ------------------------------------------------------------------------------------------------

    def served(self, service: str, klass: str, seconds: float) -> None:
        """A customer was at the counter for so long, from the call on."""
        if not 0 <= seconds <= LONGEST:
            return
        known = self.times.setdefault(service, {}).setdefault(klass, [0.0, 0.0])
        known[0] += 1
        known[1] += seconds

    def waited(self, klass: str, rolled: int, told: Sequence[int], actual: int) -> None:
        """A customer who was told [least, middle, most] has been called after `actual` seconds."""
        error = round(1000 * log((max(0, actual) + OFFSET) / (rolled + OFFSET)))
        for errors in (self._cell(rolled, klass), self._cell(rolled, POOL)):
            errors.latest.append(error)
            del errors.latest[:-KEPT]
            errors.below = _within(errors.below + STEP * (TAIL - (actual < told[0])))
            errors.above = _within(errors.above + STEP * (TAIL - (actual > told[2])))

    def _cell(self, rolled: int, klass: str) -> Errors:
        return self.errors.setdefault(_name(rolled, klass), Errors())

    # -- knowing -------------------------------------------------------------------------------------------------

    def mean(self, service: str, klass: str, prior: float) -> float:
        """Seconds that a customer is expected to be at the counter. `prior`: the configured mean."""
        classes = self.times.get(service, {})
        count = sum(known[0] for known in classes.values())
        seconds = sum(known[1] for known in classes.values())
        of_service = (seconds + PRIOR_WEIGHT * prior) / (count + PRIOR_WEIGHT)
        count, seconds = classes.get(klass, (0.0, 0.0))
        return (seconds + PRIOR_WEIGHT * of_service) / (count + PRIOR_WEIGHT)

    def range(self, klass: str, rolled: int) -> tuple[int, int, int]:
        """[least, middle, most] seconds of an honest range, from the predicted wait."""
        own = self.errors.get(_name(rolled, klass)) or Errors()
        pool = self.errors.get(_name(rolled, POOL)) or Errors()
        source = own if len(own.latest) >= ENOUGH else pool
        errors = source.latest if len(source.latest) >= ENOUGH else [*FIRST_GUESS, *source.latest]
        errors = sorted(errors)
        ends = (_quantile(errors, source.below), _quantile(errors, 0.5), _quantile(errors, 1 - source.above))
        low, middle, high = (max(0, round((rolled + OFFSET) * exp(end / 1000) - OFFSET)) for end in ends)
        return low, middle, high

    # -- from day to day -----------------------------------------------------------------------------------------

    def summary(self) -> dict[str, Any]:
        """All of it as plain data, a day older."""
        return {
            "times": {
                service: {klass: [round(part * FADES, 3) for part in known] for klass, known in classes.items()}
                for service, classes in self.times.items()
            },
            "errors": {
                cell: [round(errors.below, 4), round(errors.above, 4), errors.latest]
                for cell, errors in self.errors.items()
            },
        }

    @classmethod
    def from_summary(cls, data: Mapping[str, Any] | None) -> Knowledge:
        """What a summary tells; nothing is known without one."""
        if not data:
            return cls()
        return cls(
            {
                service: {klass: list(known) for klass, known in classes.items()}
                for service, classes in data["times"].items()
            },
            {cell: Errors(list(latest), below, above) for cell, (below, above, latest) in data["errors"].items()},
        )


def _name(rolled: int, klass: str) -> str:
    return f"{sum(rolled >= edge for edge in BUCKETS)}:{klass}"


def _within(share: float) -> float:
    return min(0.4, max(0.005, share))


def _quantile(ordered: Sequence[int], share: float) -> float:
    """The quantile between the two nearest values."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
