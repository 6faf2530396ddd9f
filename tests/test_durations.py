"""How services that are under way last on, and when the counters are free, against drawing lots many times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from heapq import heapify, heapreplace
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.lobby.forecast.durations import EVEN, LONG, STILL, frees, left, of_several
from controller.lobby.model.knowledge import SPREAD

DRAWN = 20_000


def lasting(mean: float, elapsed: float, spread: float, chance: Random) -> Iterator[float]:
    """Seconds for which services last on that have lasted so long, without end."""
    variance = math.log(1 + spread**2)
    while True:
        took = chance.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance))
        if took > elapsed:
            yield took - elapsed


@pytest.mark.parametrize("spread", [0.3, SPREAD, 1.2])
@pytest.mark.parametrize("elapsed", [0, 30, 120, 240, 500])
def test_what_is_left_of_a_service(elapsed: float, spread: float) -> None:
    draws = lasting(240, elapsed, spread, Random(f"left {elapsed} {spread}"))
    drawn = fmean(next(draws) for _ in range(3000))
    assert left(240, elapsed, spread) == pytest.approx(drawn, rel=0.1)


def test_one_that_has_lasted_long_lasts_on_for_longer_but_not_for_ever() -> None:
    lefts = [left(240, elapsed, SPREAD) for elapsed in (240, 480, 720, LONG * 240)]
    assert lefts == sorted(lefts)
    assert lefts[-1] < 300
    assert left(240, 10**6, SPREAD) == lefts[-1], "it was forgotten there, or the clock was set"
    assert left(240, -(10**6), SPREAD) == 240


def test_where_all_last_their_mean_nothing_is_left_to_chance() -> None:
    assert [left(240, elapsed, 0.0) for elapsed in (-5, 0, 100, 239, 10**6)] == [240, 240, 140, *[STILL * 240] * 2]
    assert frees([(240, 0), (240, 100), (600, 30)], 0.0) == [140, 240, 570]


@pytest.mark.parametrize(
    "services",
    [
        [(240, 0), (240, 300)],
        [(240, 100), (240, 10), (540, 200), (420, 0)],
        [(240, 60)] * 8,
        [(240, 0)] * 12,
        [(60, 10), (3600, 10)],
    ],
)
def test_when_the_counters_are_free(services: list[tuple[float, float]]) -> None:
    """The j-th time that one is, each of them calling the next one at once, for as long as who was there."""
    chance = Random(f"frees {services}")
    begun = [lasting(mean, elapsed, SPREAD, chance) for mean, elapsed in services]
    fresh = [lasting(mean, 0, SPREAD, chance) for mean, _ in services]
    drawn: list[list[float]] = [[] for _ in services]
    for _ in range(DRAWN // len(services)):
        ends = [(next(each), n) for n, each in enumerate(begun)]
        heapify(ends)
        for times in drawn:
            time, n = ends[0]
            times.append(time)
            heapreplace(ends, (time + next(fresh[n]), n))
    expected = [fmean(times) for times in drawn]
    found = frees(services, SPREAD)
    print([f"{a:.0f}/{b:.0f}" for a, b in zip(found, expected, strict=True)])
    assert found[0] == pytest.approx(expected[0], rel=0.04)
    assert found == [pytest.approx(each, rel=0.06, abs=3) for each in expected]


def test_the_first_of_several_that_begin_at_once() -> None:
    """In means: alone it takes one, and the more there are, the sooner."""
    firsts = [of_several(number, SPREAD)[0] for number in (1, 2, 4, 10)]
    assert firsts == [1.0, *(pytest.approx(each, abs=0.01) for each in (0.635, 0.447, 0.305))]
    assert frees([], SPREAD) == []


@given(
    st.lists(st.tuples(st.floats(1, 7200), st.floats(-(10**4), 10**7)), max_size=15),
    st.one_of(st.floats(0, EVEN), st.floats(EVEN, 1.0)),
)
def test_whatever_is_under_way_the_times_are_in_order(services: list[tuple[float, float]], spread: float) -> None:
    found = frees(services, spread)
    assert len(found) == len(services)
    assert found == sorted(found)
    assert all(math.isfinite(each) and each >= 0 for each in found)
    if services:
        assert found[0] <= min(left(mean, elapsed, spread) for mean, elapsed in services)
