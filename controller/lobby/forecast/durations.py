"""Remaining time of services under way, and when the first of several counters is expected to be free, the second, ..

A service time is lognormal, with a mean and a coefficient of variation (`spread`): one that has lasted a while is
expected to last longer than what is left of the mean. Of several it is not known which ends first, but the first of
them ends far sooner than each is expected to.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import erfc, log, sqrt

ROOT_2 = sqrt(2)
LONG = 4.0
"""A service longer than this many means is ignored: its ticket was left open by mistake, or the clock was set."""
STILL = 0.45
"""With constant service times: the remaining time of a service that has exceeded its mean, as a fraction of it."""
EVEN = 0.2
"""The spread below which service times are taken as constant."""
STEPS = 16
"""Points in time at which the number ended is computed; more of them change the result by less than a second."""


def left(mean: float, elapsed: float, spread: float) -> float:
    """Expected remaining seconds of a service that has lasted `elapsed` seconds."""
    return _Service(mean, elapsed, spread).left if spread >= EVEN else max(mean - max(elapsed, 0.0), STILL * mean)


def frees(services: Sequence[tuple[float, float]], spread: float) -> list[float]:
    """Expected seconds until a counter is free for the first time, the second, .., once for each counter; at each, a
    service is under way: (mean, elapsed) in seconds.

    A counter that is free calls the next customer, and may be free again before another has been free at all. So the
    last of these times is not when the longest service ends, but far sooner.
    """
    if len(services) < 2 or spread < EVEN:
        return sorted(left(mean, elapsed, spread) for mean, elapsed in services)
    known = [_Service(mean, elapsed, spread) for mean, elapsed in services]
    # By then each counter has been free more than once. The points lie closer where the first ones end.
    furthest = (2 + 14 * spread**2) * max(mean for mean, _ in services)
    first, times, counts = 0.0, [0.0], [0.0]
    for step in range(STEPS):
        x = (step + 0.5) / STEPS
        time = furthest * x**3
        none, ended = 1.0, 0.0
        for service in known:
            lasts, followed = service.by(time)
            none *= lasts
            ended += 1 - lasts + followed
        first += none * furthest * 3 * x * x / STEPS
        times.append(time)
        counts.append(ended)
    # Where means differ a hundredfold, the points lie too far apart for the shortest.
    first = min(first, *(service.left for service in known))
    found, at = [first], 1
    for n in range(1, len(known)):
        # The mean of the time at which so many have ended lies before that at which so many are expected to have ended,
        # and the more so the less they differ (from renewal theory).
        wanted = n + (1 + spread**2) / 2
        while at < STEPS and counts[at] < wanted:
            at += 1
        part = (wanted - counts[at - 1]) / (counts[at] - counts[at - 1])
        found.append(max(first, times[at - 1] + part * (times[at] - times[at - 1])))
    return found


@cache
def of_several(number: int, spread: float) -> tuple[float, ...]:
    """The same for counters that begin together, in means."""
    return tuple(frees([(1.0, 0.0)] * number, spread))


class _Service:
    """A service under way."""

    __slots__ = ("_beyond", "_elapsed", "_lag", "_longer", "_mean", "_shift", "_sigma")

    def __init__(self, mean: float, elapsed: float, spread: float) -> None:
        variance = log(1 + spread**2)
        self._mean = mean
        self._sigma = sqrt(variance)
        self._shift = log(mean) - variance / 2
        self._lag = mean * (1 - spread**2) / 2
        self._elapsed = min(max(elapsed, 0.0), LONG * mean)
        self._longer, self._beyond = self._after(self._elapsed)

    def _after(self, seconds: float) -> tuple[float, float]:
        """Of all such services: the share that lasts longer than that, and the mean excess (0 for the others)."""
        if not seconds:
            return 1.0, self._mean
        z = (log(seconds) - self._shift) / self._sigma
        longer = _above(z)
        return longer, self._mean * _above(z - self._sigma) - seconds * longer

    @property
    def left(self) -> float:
        """Expected remaining seconds."""
        return self._beyond / self._longer

    def by(self, seconds: float) -> tuple[float, float]:
        """The chance that it lasts on for longer than so many seconds, and how many of those after it are expected to
        have ended by then: in the long run one in each mean, and at first none, for as long as makes that up.

        Written out, since each ticket that is taken asks for hundreds of these.
        """
        mean, sigma, shift, longer = self._mean, self._sigma, self._shift, self._longer
        lasts = 0.5 * erfc((log(self._elapsed + seconds) - shift) / sigma / ROOT_2) / longer
        time = seconds - self._lag
        if time <= 0:
            return lasts, 0.0
        whole = self._elapsed + time
        z = (log(whole) - shift) / sigma
        beyond = mean * (0.5 * erfc((z - sigma) / ROOT_2)) - whole * (0.5 * erfc(z / ROOT_2))
        return lasts, (time - (self._beyond - beyond) / longer) / mean


def _above(z: float) -> float:
    """The probability of exceeding `z` under the standard normal distribution."""
    return 0.5 * erfc(z / ROOT_2)
