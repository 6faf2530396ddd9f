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
FADES = 0.95
"""What remains of a day's weight on the next."""
NOTHING = 0.05
"""The weight below which something is forgotten."""
LONGEST = 2 * 3600
"""Seconds at a counter above which a ticket was forgotten there, or the clock was set."""
BUCKETS = (5 * 60, 15 * 60, 30 * 60)
"""Where the four buckets of predicted waits part, in seconds."""
BIN = 40
"""Width in thousandths of a bin in which errors are counted."""
ENOUGH = 60
"""Errors of a class from which its own are taken alone; before, those of all classes help."""
STEP = 0.003
"""How far one estimate that was too high or too low moves the share that may be (adaptive conformal inference, Gibbs
and Candes 2021)."""
TAIL = 0.1
"""The share of waits that may be above the range, and below it: a range of 80 %."""
OFFSET = 60
"""Seconds added on both sides before errors are taken as ratios: a minute matters more at two than at forty."""
OPENING = 30 * 60
"""Seconds from the day's first ticket in which errors are of a kind of their own: a crowd, and windows still closed."""
POOL = "*"
"""In the place of a class: all of them."""
FIRST_GUESS = (-1000, -680, -480, -340, -220, -130, -50, 0, 60, 130, 220, 320, 430, 560, 760)
"""Errors to start from, before there are any (from simulated days)."""
LEFT = (15 * 60, 30 * 60, 60 * 60)
"""Where the four lengths of waiting part, in seconds, after which people may have left without a word."""
MISSES = 0.05
"""The part of calls that nobody answers, as long as the journal knows no better."""
MISSED_TIME = 60.0
"""Seconds that a call takes which nobody answers, as long as the journal knows no better."""


@dataclass(slots=True)
class Errors:
    """log((actual + 60) / (predicted + 60)) of one bucket and class: bin -> how many, fading.

    `below` and `above`: the shares at which the range's ends are now taken so that `TAIL` is outside on each side.
    """

    bins: dict[int, float] = field(default_factory=dict)
    below: float = TAIL
    above: float = TAIL

    @property
    def count(self) -> float:
        """How many."""
        return sum(self.bins.values())

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The errors below which these shares lie; together with the first guess as long as there are few."""
        bins = dict(self.bins)
        if self.count < ENOUGH:
            for error in FIRST_GUESS:
                bins[error // BIN] = bins.get(error // BIN, 0) + 1
        total = sum(bins.values())
        ordered = sorted(bins.items())
        found = []
        for share in shares:
            before = 0.0
            for bin, weight in ordered:
                if before + weight >= share * total:
                    found.append(BIN * (bin + (share * total - before) / weight))
                    break
                before += weight
            else:
                found.append(BIN * (ordered[-1][0] + 1.0))
        return found


@dataclass(slots=True)
class Knowledge:
    """What is known. `times`: service -> class -> [customers, seconds at the counter], both fading."""

    times: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    errors: dict[str, Errors] = field(default_factory=dict)
    calls: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0] for _ in range(len(LEFT) + 1)])
    """For each length of waiting: [calls, of them those that nobody answered]."""
    missed: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """[calls that nobody answered, the seconds they took]."""

    # -- learning ------------------------------------------------------------------------------------------------

    def served(self, service: str, klass: str, seconds: float) -> None:
        """A customer was at the counter for so long, from the call on."""
        if 0 <= seconds <= LONGEST:
            _add(self.times.setdefault(service, {}).setdefault(klass, [0.0, 0.0]), seconds)

    def came(self, waited: float, seconds: float, *, missed: bool) -> None:
        """Somebody who had waited so long came to the counter, or did not, for which the clerk waited so long."""
        _add(self.calls[_length(waited)], float(missed))
        if missed and 0 <= seconds <= LONGEST:
            _add(self.missed, seconds)

    def waited(self, klass: str, rolled: int, told: Sequence[int], into_day: float, actual: int) -> None:
        """A customer who was told [least, middle, most], `into_day` seconds after the day's first ticket, has been
        called after `actual` seconds. One that no range could have told is the clock's, not ours."""
        if actual > 3 * told[2] + 3600:
            return
        error = round(1000 * log((max(0, actual) + OFFSET) / (rolled + OFFSET))) // BIN
        for cell in _cells(klass, rolled, into_day):
            errors = self.errors.setdefault(cell, Errors())
            errors.bins[error] = errors.bins.get(error, 0.0) + 1
            errors.below = _within(errors.below + STEP * (TAIL - (actual < told[0])))
            errors.above = _within(errors.above + STEP * (TAIL - (actual > told[2])))

    # -- knowing -------------------------------------------------------------------------------------------------

    def mean(self, service: str, klass: str, prior: float) -> float:
        """Seconds that a customer is expected to be at the counter. `prior`: the configured mean."""
        classes = self.times.get(service, {})
        count = sum(known[0] for known in classes.values())
        seconds = sum(known[1] for known in classes.values())
        of_service = (seconds + PRIOR_WEIGHT * prior) / (count + PRIOR_WEIGHT)
        count, seconds = classes.get(klass, (0.0, 0.0))
        return (seconds + PRIOR_WEIGHT * of_service) / (count + PRIOR_WEIGHT)

    def misses(self, waited: float) -> float:
        """The part of calls that nobody answers after such a wait in seconds."""
        count, missed = self.calls[_length(waited)]
        return (missed + PRIOR_WEIGHT * MISSES) / (count + PRIOR_WEIGHT)

    @property
    def missed_time(self) -> float:
        """Seconds that a call takes which nobody answers."""
        count, seconds = self.missed
        return (seconds + PRIOR_WEIGHT * MISSED_TIME) / (count + PRIOR_WEIGHT)

    def range(self, klass: str, rolled: int, into_day: float) -> tuple[int, int, int]:
        """[least, middle, most] seconds of an honest range, from the predicted wait."""
        cells = [self.errors.get(cell) or Errors() for cell in _cells(klass, rolled, into_day)]
        source = next((errors for errors in cells if errors.count >= ENOUGH), cells[-1])
        ends = source.quantiles((source.below, 0.5, 1 - source.above))
        low, middle, high = (max(0, round((rolled + OFFSET) * exp(end / 1000) - OFFSET)) for end in ends)
        return low, middle, high

    # -- from day to day -----------------------------------------------------------------------------------------

    def summary(self) -> dict[str, Any]:
        """All of it as plain data, a day older."""
        return {
            "times": {
                service: {klass: _older(known) for klass, known in classes.items() if known[0] > NOTHING}
                for service, classes in self.times.items()
            },
            "errors": {
                cell: [
                    round(errors.below, 4),
                    round(errors.above, 4),
                    {str(bin): old for bin, weight in sorted(errors.bins.items()) if (old := _aged(weight)) > NOTHING},
                ]
                for cell, errors in self.errors.items()
                if errors.count > NOTHING
            },
            "calls": [_older(known) for known in self.calls],
            "missed": _older(self.missed),
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
            {
                cell: Errors({int(bin): weight for bin, weight in bins.items()}, below, above)
                for cell, (below, above, bins) in data["errors"].items()
            },
            [list(known) for known in data["calls"]],
            list(data["missed"]),
        )


def _add(known: list[float], value: float) -> None:
    known[0] += 1
    known[1] += value


def _aged(weight: float) -> float:
    return round(weight * FADES, 3)


def _older(known: Sequence[float]) -> list[float]:
    return [_aged(part) for part in known]


def _length(waited: float) -> int:
    return sum(waited >= edge for edge in LEFT)


def _cells(klass: str, rolled: int, into_day: float) -> list[str]:
    """The kinds of errors that one is of, the closest first."""
    bucket = sum(rolled >= edge for edge in BUCKETS)
    cells = [f"{bucket}:{klass}", f"{bucket}:{POOL}"]
    return [f"opening:{cell}" for cell in cells] if into_day < OPENING else cells


def _within(share: float) -> float:
    return min(0.4, max(0.005, share))
