"""What the lobby has learned of itself: how long customers are at the counter, and how far its estimates were off.

Today's state learns from today's events, and what it knows when the day ends stands in the row that opens the next: so
a day's journal alone rebuilds it, and the estimates with it. The older a day, the less it counts, and a day that is
unlike all before it does not count, unless the next is as odd.

The range that people are told is made here, in whole minutes; hits and misses are those of that very range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, floor, log
from typing import Any, NamedTuple

PRIOR_WEIGHT = 20
"""How many customers the configured mean counts for, and a service's mean for each of its classes."""
FADES = 0.95
"""What remains of a day's weight on the next."""
NOTHING = 0.05
"""The weight below which something is forgotten."""
LONGEST = 2 * 3600
"""Seconds at a counter above which a ticket was forgotten there, or the clock was set."""
SETTLED = 1.5
"""Days, fading, from which it is known what is usual."""
BAND = 6.0
"""The factor by which one service may be shorter or longer than usual, for what is learned from it; and a day's on the
mean than what is configured, as long as it is not known what is usual."""
ODD = 2.0
"""The factor by which a day's mean may be shorter or longer than usual; beyond it, the day is an odd one."""
SPREAD = 0.75
"""Coefficient of variation of the time at the counter: what published studies of bank branches found."""
BUCKETS = (30, 90, 3 * 60, 5 * 60, 15 * 60, 30 * 60)
"""Where the buckets of predicted waits part, in seconds."""
OLD_BUCKETS = (5 * 60, 15 * 60, 30 * 60)
"""The same in summaries that do not say where."""
BIN = 80
"""Width in thousandths of a bin in which errors are counted."""
OLD_BIN = 40
"""The same in summaries that name each bin."""
FURTHEST = 30
"""Bins on either side of no error; what is further off counts as in the last."""
ENOUGH = 35
"""Errors of a cell from which it has ends of its own, and for which the wider cell around it counts in it."""
STEP = 0.006
"""How far one estimate that was too high or too low moves the share that may be (adaptive conformal inference, Gibbs
and Candes 2021)."""
TAIL = 0.1
"""The share of waits that may be above the range, and below it: a range of 80 %."""
OFFSET = 60
"""Seconds added on both sides before errors are taken as ratios: a minute matters more at two than at forty."""
OPENING = 30 * 60
"""Seconds from the day's first ticket in which errors are of a kind of their own: a crowd, and windows still closed."""
COARSE = 20 * 60
"""Seconds above which a range is told in fives of minutes."""
POOL = "*"
"""In the place of a service or class: all of them."""
FIRST_GUESS = (
    (-320, -260, -190, -120, -60, -20, 0, 20, 30, 30, 40, 60, 100, 190, 430),
    (-650, -520, -440, -380, -300, -230, -160, -100, -30, 50, 140, 230, 350, 530, 850),
    (-1020, -810, -650, -520, -420, -310, -220, -110, -10, 80, 190, 310, 470, 660, 1000),
    (-1260, -940, -710, -540, -400, -290, -180, -90, 0, 100, 210, 320, 450, 650, 1050),
    (-1060, -580, -400, -280, -190, -110, -50, 10, 70, 130, 200, 270, 380, 520, 830),
    (-470, -270, -190, -130, -80, -40, 0, 30, 60, 100, 140, 190, 260, 350, 540),
    (-370, -250, -190, -150, -120, -90, -60, -30, -10, 20, 50, 80, 120, 180, 300),
)
"""Errors to start from in each bucket, before there are any (from simulated days)."""
FIRST_WEIGHT = 30
"""How many errors they count for."""
LEFT = (15 * 60, 30 * 60, 60 * 60)
"""Where the four lengths of waiting part, in seconds, after which people may have left without a word."""
MISSES = 0.05
"""The part of calls that nobody answers, as long as the journal knows no better."""
MISSED_TIME = 60.0
"""Seconds that a call takes which nobody answers, as long as the journal knows no better."""
BREAK = 10 * 60
"""Seconds that a paused counter is away, as long as the journal knows no better."""
LONGEST_BREAK = 3 * BREAK
"""Seconds beyond which a pause is no usual one."""


class WaitError(NamedTuple):
    """A wait that can be compared to what was told: [least, middle, most] seconds `told`, `into_day` seconds after the
    day's first ticket, for a `predicted` wait, and the `actual` one."""

    service: str
    klass: str
    predicted: int
    told: Sequence[int]
    into_day: float
    actual: int


@dataclass(slots=True)
class Errors:
    """log((actual + 60) / (predicted + 60)) of one cell: bin -> how many, fading.

    `below` and `above`: the shares at which the range's ends are now taken so that `TAIL` is outside on each side.
    """

    bins: dict[int, float] = field(default_factory=dict)
    below: float = TAIL
    above: float = TAIL
    count: float = 0.0
    """How many."""

    def __post_init__(self) -> None:
        self.count = sum(self.bins.values())

    def add(self, bin: int, times: int = 1) -> None:
        """One more; `times` -1: one less."""
        self.bins[bin] = self.bins.get(bin, 0.0) + times
        self.count += times


def whole_minutes(least: int, most: int) -> tuple[int, int]:
    """A range in seconds as it is told: in whole minutes, above 20 in fives, the least rounded down and the most up.

    The same again for one that is as it is told."""
    least = max(0, least)
    least -= least % (300 if least >= COARSE else 60)
    most = max(most, least + 60)
    return least, -(-most // 60) * 60 if most <= COARSE else -(-most // 300) * 300


def _quantiles(ordered: Sequence[tuple[int, float]], total: float, shares: Sequence[float]) -> list[float]:
    """The errors below which these shares lie, the shares in ascending order. `ordered`: (bin, how many), `total` in
    all. Bins have no samples to choose one of, as `percentile` does: within a bin they lie evenly."""
    bins = iter(ordered)
    found: list[float] = []
    before, (bin, weight) = 0.0, next(bins)
    for share in shares:
        while before + weight < share * total:
            before += weight
            bin, weight = next(bins, (bin + 1, total))
        found.append(BIN * (bin + (share * total - before) / weight))
    return found


def _share(ordered: Sequence[tuple[int, float]], error: float) -> float:
    """How many errors lie below this one."""
    whole, part = divmod(error / BIN, 1)
    return sum(weight if bin < whole else part * weight for bin, weight in ordered if bin <= whole)


def _guess(errors: Sequence[int]) -> Errors:
    guess = Errors()
    for error in errors:
        bin = error // BIN
        guess.bins[bin] = guess.bins.get(bin, 0.0) + FIRST_WEIGHT / len(errors)
    guess.count = FIRST_WEIGHT
    return guess


_GUESSES = tuple(_guess(errors) for errors in FIRST_GUESS)


@dataclass(slots=True)
class Knowledge:
    """What is known. `times`: service -> class -> [customers, seconds at the counter], both fading."""

    times: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    errors: dict[str, Errors] = field(default_factory=dict)
    calls: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0] for _ in range(len(LEFT) + 1)])
    """For each length of waiting: [calls, of them those that nobody answered]."""
    missed: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """[calls that nobody answered, the seconds they took]."""
    pauses: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """[pauses that have ended, the seconds they took]."""
    days: float = 0.0
    """Days that have taught something, fading."""
    odd: bool = False
    """Whether the day before was an odd one."""
    spread: float = SPREAD
    """Coefficient of variation of the time at the counter; assumed, not learned."""
    morning: Knowledge | None = None
    """What was known when the day began: what is usual."""

    # -- learning ------------------------------------------------------------------------------------------------

    def served(self, service: str, klass: str, seconds: float, times: int = 1) -> None:
        """A customer was at the counter for so long, from the call on; `times` -1: they were not after all."""
        if 0 <= seconds <= LONGEST:
            usual = self._usual(service)
            if usual:
                seconds = min(max(seconds, usual / BAND), usual * BAND)
            _add(self.times.setdefault(service, {}).setdefault(klass, [0.0, 0.0]), seconds, times)

    def came(self, waited: float, seconds: float, times: int = 1, *, missed: bool) -> None:
        """Somebody who had waited so long came to the counter, or did not, for which the clerk waited so long; `times`
        -1: that was not so."""
        _add(self.calls[_length(waited)], float(missed), times)
        if missed and 0 <= seconds <= LONGEST:
            _add(self.missed, seconds, times)

    def paused(self, seconds: float) -> None:
        """A counter was away for so long. Longer ones are lunch, or something that nobody expects of a pause."""
        if 0 <= seconds <= LONGEST_BREAK:
            _add(self.pauses, seconds)

    def waited(
        self,
        service: str,
        klass: str,
        predicted: int,
        told: Sequence[int],
        into_day: float,
        actual: int,
        *,
        times: int = 1,
    ) -> None:
        """A customer who was told [least, middle, most], `into_day` seconds after the day's first ticket, has been
        called after `actual` seconds; `times` -1: they were not after all. One that no range could have told is the
        clock's, not ours; where it has no width, nothing was told but that it is beyond what can be told."""
        if actual > 3 * told[2] + 3600 or told[0] == told[2]:
            return
        error = round(1000 * log((max(0, actual) + OFFSET) / (predicted + OFFSET))) // BIN
        error = min(max(error, -FURTHEST), FURTHEST)
        # Nobody can come before a range that begins with 0: all that may be outside is above it.
        tail = TAIL if told[0] else 2 * TAIL
        for cell in _cells(service, klass, predicted, into_day):
            errors = self.errors.setdefault(cell, Errors())
            errors.add(error, times)
            if told[0]:
                errors.below = _within(errors.below + times * STEP * (TAIL - (actual < told[0])))
            errors.above = _within(errors.above + times * STEP * (tail - (actual > told[2])))

    # -- knowing -------------------------------------------------------------------------------------------------

    def mean(self, service: str, klass: str, prior: float) -> float:
        """Seconds that a customer is expected to be at the counter. `prior`: the configured mean."""
        classes = self.times.get(service, {})
        count, seconds = _sum(classes)
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

    @property
    def pause(self) -> float:
        """Seconds that a paused counter is expected to be away."""
        count, seconds = self.pauses
        return (seconds + PRIOR_WEIGHT * BREAK) / (count + PRIOR_WEIGHT)

    def range(self, service: str, klass: str, predicted: int, into_day: float) -> tuple[int, int, int]:
        """[least, middle, most] seconds of an honest range, as it is told, from the predicted wait."""
        bins, finest = self._errors(service, klass, predicted, into_day)
        ordered, total = sorted(bins.items()), sum(bins.values())

        def ends(*shares: float) -> list[int]:
            found = _quantiles(ordered, total, sorted(shares))
            return [max(0, round((predicted + OFFSET) * exp(end / 1000) - OFFSET)) for end in found]

        low, middle, high = ends(finest.below, 0.5, 1 - finest.above)
        least, most = whole_minutes(low, high)
        if not least:
            inside = max(0.5, 1 - finest.below - finest.above)
            middle, high = ends(0.5, inside)
            least, most = whole_minutes(0, high)
            shorter = most - 60
            if max(60, middle) <= shorter < COARSE:
                # A minute is much here: of the two, the one that holds more nearly as many as it should.
                shares = [_share(ordered, 1000 * log((end + OFFSET) / (predicted + OFFSET))) for end in (shorter, most)]
                if sum(shares) > 2 * inside * total:
                    most = shorter
        return least, middle, most

    def _errors(self, service: str, klass: str, predicted: int, into_day: float) -> tuple[dict[int, float], Errors]:
        """Errors to expect: of the cell itself, and with the weight of a few those of the wider ones around it, and of
        the first guess. And the finest cell that has enough to know where the ends are."""
        cells = [self.errors.get(cell) for cell in _cells(service, klass, predicted, into_day)]
        known, finest = [_GUESSES[_bucket(predicted)], *(errors for errors in cells if errors)], Errors()
        parts, weight = [], 0.0
        for errors in known:
            parts.append(min(1.0, ENOUGH / weight) if weight else 1.0)
            weight = parts[-1] * weight + errors.count
            if errors.count >= ENOUGH and errors is not known[0]:
                finest = errors
        bins: dict[int, float] = {}
        part = 1.0
        for errors, wider in zip(reversed(known), reversed(parts), strict=True):
            for bin, many in errors.bins.items():
                bins[bin] = bins.get(bin, 0.0) + part * many
            part *= wider
        return bins, finest

    def _usual(self, service: str) -> float:
        """The mean seconds of all classes as it was this morning; 0: not known yet."""
        if not self.morning or self.days < SETTLED:
            return 0.0
        count, seconds = _sum(self.morning.times.get(service, {}))
        return seconds / count if count >= PRIOR_WEIGHT else 0.0

    # -- from day to day -----------------------------------------------------------------------------------------

    def _is_odd(self, priors: Mapping[str, float]) -> bool:
        """Whether customers have been at the counter much longer today than usual, or shorter."""
        before = self.morning.times if self.morning else {}
        for service, classes in self.times.items():
            usual, factor = self._usual(service), ODD
            if not usual:
                usual, factor = priors.get(service, 0.0), BAND
            then, seconds_then = _sum(before.get(service, {}))
            now, seconds_now = _sum(classes)
            count, seconds = now - then, seconds_now - seconds_then
            if usual and count >= PRIOR_WEIGHT and not usual / factor <= seconds / count <= usual * factor:
                return True
        return False

    def summary(self, priors: Mapping[str, float] | None = None) -> dict[str, Any]:
        """All of it as plain data, a day older. `priors`: service -> the configured mean in seconds."""
        before = self.morning or Knowledge()
        taught = _customers(self) - _customers(before) >= PRIOR_WEIGHT
        # A day with hardly anybody says nothing of whether the branch has changed.
        odd = self._is_odd(priors or {}) if taught else self.odd
        # An odd day teaches nothing, unless the day before was odd as well: then it is the branch that has changed.
        known = before if odd and not self.odd else self
        errors = {}
        for cell, each in known.errors.items():
            first = min(each.bins, default=0)
            bins = range(first, max(each.bins, default=-1) + 1)
            weights = [old if (old := _aged(each.bins.get(bin, 0.0))) > NOTHING else 0 for bin in bins]
            if any(weights):
                errors[cell] = [round(each.below, 4), round(each.above, 4), first, weights]
        return {
            "times": {
                service: {klass: _older(each) for klass, each in classes.items() if each[0] > NOTHING}
                for service, classes in known.times.items()
            },
            "buckets": list(BUCKETS),
            "errors": errors,
            "calls": [_older(each) for each in known.calls],
            "missed": _older(known.missed),
            "pauses": _older(known.pauses),
            "days": _aged(known.days + (taught and known is self)),
            "odd": odd,
        }

    @classmethod
    def from_summary(cls, data: Mapping[str, Any] | None) -> Knowledge:
        """What a summary tells; nothing is known without one."""
        known = cls._read(data or {})
        known.morning = cls._read(data) if data else None
        return known

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> Knowledge:
        known = cls()
        for service, classes in data.get("times", {}).items():
            known.times[service] = {klass: list(each) for klass, each in classes.items()}
        edges = data.get("buckets", OLD_BUCKETS)
        for cell, (below, above, *bins) in data.get("errors", {}).items():
            names = _in_our_buckets(cell, edges)
            for name in names:
                parts = {bin: weight / len(names) for bin, weight in _bins(*bins).items()}
                known.errors[name] = Errors(parts, below, above)
        known.calls = [list(each) for each in data.get("calls", known.calls)]
        known.missed = list(data.get("missed", known.missed))
        known.pauses = list(data.get("pauses", known.pauses))
        known.days, known.odd = data.get("days", 0.0), data.get("odd", False)
        return known


def _bins(first: int | Mapping[str, float], weights: Sequence[float] = ()) -> dict[int, float]:
    """Bins as a summary has them: the weights from the first on; or each by its name, of an older width."""
    if isinstance(first, int):
        return {first + n: weight for n, weight in enumerate(weights) if weight}
    bins: dict[int, float] = {}
    for name, weight in first.items():
        bin = (int(name) * OLD_BIN + OLD_BIN // 2) // BIN
        bins[bin] = bins.get(bin, 0.0) + weight
    return bins


def _sum(classes: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """[customers, seconds] of all classes."""
    return sum(known[0] for known in classes.values()), sum(known[1] for known in classes.values())


def _customers(known: Knowledge) -> float:
    return sum(_sum(classes)[0] for classes in known.times.values())


def _add(known: list[float], value: float, times: int = 1) -> None:
    known[0] += times
    known[1] += times * value


def _aged(weight: float) -> float:
    """Rounded down, so that nothing stays for ever."""
    return floor(weight * FADES * 100) / 100


def _older(known: Sequence[float]) -> list[float]:
    return [_aged(part) for part in known]


def _length(waited: float) -> int:
    return sum(waited >= edge for edge in LEFT)


def _bucket(predicted: int, edges: Sequence[int] = BUCKETS) -> int:
    return sum(predicted >= edge for edge in edges)


def _cells(service: str, klass: str, predicted: int, into_day: float) -> list[str]:
    """The kinds of errors that one is of, the widest first."""
    bucket = f"opening:{_bucket(predicted)}" if into_day < OPENING else str(_bucket(predicted))
    return [f"{bucket}:{POOL}", f"{bucket}:{klass}", f"{bucket}:{service}:{POOL}", f"{bucket}:{service}:{klass}"]


def _in_our_buckets(cell: str, edges: Sequence[int]) -> list[str]:
    """The cells that one of a summary is now, whose buckets part elsewhere: each of those that begin in its bucket."""
    opening = "opening:" if cell.startswith("opening:") else ""
    bucket, _, kind = cell.removeprefix("opening:").partition(":")
    ours = [n for n, begin in enumerate((0, *BUCKETS)) if _bucket(begin, edges) == int(bucket)]
    return [f"{opening}{n}:{kind}" for n in ours]


def _within(share: float) -> float:
    return min(0.4, max(0.005, share))
