"""The time of the simulated people: it changes its speed and stops, and to the controller just goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from controller.clock import ClockWatch
from simulators.clock import SPEEDS, PeoplesClock


class Real:
    """Monotonic seconds that the test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def real() -> Real:
    return Real()


@pytest.fixture
def clock(real: Real) -> PeoplesClock:
    return PeoplesClock(ZoneInfo("Asia/Shanghai"), 60, real)


def test_it_begins_at_nine_and_runs_as_fast_as_it_is_told(clock: PeoplesClock, real: Real) -> None:
    assert clock.hands() == "09:00"
    real.now += 10
    assert (clock.seconds(), clock.hands()) == (600, "09:10")
    clock.speed = 1
    real.now += 60
    assert (clock.seconds(), clock.hands()) == (660, "09:11")
    clock.set_by = 3_600_000
    assert (clock.seconds(), clock.hands()) == (660, "10:11")


def test_while_it_is_stopped_minutes_are_nothing_but_no_two_presses_have_one_time(
    clock: PeoplesClock, real: Real
) -> None:
    real.now += 10
    clock.stopped = True
    before, awake = clock.wall(), clock.awake()
    real.now += 0.2
    assert clock.wall() > before
    real.now += 300
    assert clock.wall() - before < 5000
    assert clock.awake() - awake < 5
    clock.speed = 20
    assert clock.wall() - before < 5000
    clock.stopped = False
    real.now += 3
    assert 60_000 <= clock.wall() - before < 65_000


def test_somebody_who_does_the_peoples_work_has_real_time(clock: PeoplesClock, real: Real) -> None:
    clock.by_hand = True
    real.now += 300
    assert clock.seconds() == 300
    clock.by_hand = False
    real.now += 1
    assert clock.seconds() == 360


def test_the_wires_seconds_are_found_again_across_every_change(clock: PeoplesClock, real: Real) -> None:
    moments = []
    for change in ({"speed": 1}, {"stopped": True}, {"speed": 20}, {"stopped": False}, {"by_hand": True}, {}):
        moments.append((real.now, clock.wall()))
        real.now += 7
        moments.append((real.now, clock.wall()))
        for name, value in change.items():
            setattr(clock, name, value)
    for wires, wall in moments:
        assert clock.wires(wall) == pytest.approx(wires, abs=0.11)


def test_the_controller_does_not_take_it_for_a_clock_that_was_set(clock: PeoplesClock, real: Real) -> None:
    steps: list[tuple[int, int]] = []
    watch = ClockWatch(replace(clock.clock(), wall=clock.wall), lambda at, by: steps.append((at, by)))
    for speed in SPEEDS:
        for stopped in (False, True):
            clock.speed, clock.stopped = speed, stopped
            real.now += 500
            watch.wall()
    assert steps == []
    clock.set_by = 3_600_000
    watch.wall()
    assert [by for _, by in steps] == [3_600_000]


async def test_who_sleeps_wakes_by_the_speed_of_now() -> None:
    clock = PeoplesClock(ZoneInfo("Asia/Shanghai"), 1)
    sleeping = [asyncio.create_task(clock.sleep(3600)), asyncio.create_task(clock.rest(0.01))]
    clock.stopped = True
    await asyncio.sleep(0)
    assert not any(task.done() for task in sleeping)
    clock.speed, clock.stopped = 1e6, False
    async with asyncio.timeout(30):
        await asyncio.gather(*sleeping)
    assert clock.seconds() >= 3600
