"""The one definition of a percentile: the day's figures, simulated days and measurements all use it."""

from __future__ import annotations

from collections.abc import Iterable


def percentile(samples: Iterable[float], percent: int) -> float:
    """The smallest sample that more than `percent` percent (0 to 99) of all do not exceed.

    An order statistic, the upper one where two would do: always one of the samples, nothing in between. Of fewer than
    20 samples the 95th is the largest. The samples come in any order; IndexError if there are none.
    """
    ordered = sorted(samples)
    return ordered[len(ordered) * percent // 100]
