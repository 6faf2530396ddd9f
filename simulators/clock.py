"""The time of the simulated people, by which the daemon's wall clock goes as well: its speed changes, and it stops.

Wires and devices keep real time, since they cannot be hurried.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from operator import attrgetter

from controller.clock import Clock
from controller.lobby.model.units import Ms

SPEEDS = (1.0, 5.0, 20.0, 60.0)
"""The speeds that are offered."""
STANDSTILL = 0.01
"""The speed while it is stopped. It is not 0, because the controller tells causes apart by their millisecond: five
minutes are three seconds."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """From `real` (monotonic seconds) on it runs at `rate`; people's and waking seconds until then."""

    real: float
    people: float
    awake: float
    rate: float

    @property
    def wakes(self) -> float:
        """Waking seconds a real second."""
        return min(self.rate, 1.0)


class PeoplesClock:
    """A clock that starts at nine today. `real`: monotonic seconds."""

    def __init__(self, zone: tzinfo, speed: float, real: Callable[[], float] = time.monotonic) -> None:
        self._zone = zone
        self._nine = int(datetime.now(zone).replace(hour=9, minute=0, second=0, microsecond=0).timestamp() * 1000)
        self._real = real
        self._turns = [_Turn(real(), 0.0, 0.0, speed)]
        self._turned = asyncio.Event()
        self._speed = speed
        self._stopped = self._by_hand = False
        self._scale = max(speed, *SPEEDS)
        self.set_by = 0
        """Milliseconds by which somebody has set the clock: a knob."""

    # -- how fast it runs ------------------------------------------------------------------------------------

    @property
    def rate(self) -> float:
        """People's seconds a real second, now."""
        return self._turns[-1].rate

    @property
    def speed(self) -> float:
        """The speed while it runs and the people are about."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._speed = speed
        self._turn()

    @property
    def stopped(self) -> bool:
        """Whether somebody has stopped it."""
        return self._stopped

    @stopped.setter
    def stopped(self, stopped: bool) -> None:
        self._stopped = stopped
        self._turn()

    @property
    def by_hand(self) -> bool:
        """Whether somebody does the people's work: then it runs no faster than they do."""
        return self._by_hand

    @by_hand.setter
    def by_hand(self, by_hand: bool) -> None:
        self._by_hand = by_hand
        self._turn()

    def _turn(self) -> None:
        rate = STANDSTILL if self._stopped else 1.0 if self._by_hand else self._speed
        if rate == self.rate:
            return
        real = self._real()
        self._turns.append(_Turn(real, self._people(real), self._awake(real), rate))
        self._turned.set()
        self._turned = asyncio.Event()

    # -- what it says ----------------------------------------------------------------------------------------

    def _people(self, real: float) -> float:
        last = self._turns[-1]
        return last.people + (real - last.real) * last.rate

    def _awake(self, real: float) -> float:
        last = self._turns[-1]
        return last.awake + (real - last.real) * last.wakes

    def seconds(self) -> float:
        """People's seconds since nine."""
        return self._people(self._real())

    def awake(self) -> float:
        """Real seconds since the start in which it was not stopped: how long wires may take."""
        return self._awake(self._real())

    async def sleep(self, seconds: float) -> None:
        """Let people's seconds pass."""
        end = self.seconds() + seconds
        while (left := end - self.seconds()) > 0:
            await self._look_again(left / self.rate)

    async def rest(self, seconds: float) -> None:
        """Let real seconds pass in which it is not stopped."""
        end = self.awake() + seconds
        while (left := end - self.awake()) > 0:
            await self._look_again(left / self._turns[-1].wakes)

    async def _look_again(self, seconds: float) -> None:
        """Wait so many real seconds, or until the speed has changed."""
        try:
            async with asyncio.timeout(seconds):
                await self._turned.wait()
        except TimeoutError:
            pass

    def wires(self, ms: float) -> float:
        """The wires' seconds at a time of the wall clock, as it would go if nobody had set it."""
        people = (ms - self._nine) / 1000
        turn = self._turns[max(0, bisect_right(self._turns, people, key=attrgetter("people")) - 1)]
        return turn.real + (people - turn.people) / turn.rate

    def wall(self) -> Ms:
        """The wall clock, in ms since 1970, UTC."""
        return Ms(self._nine + self.set_by + int(self.seconds() * 1000))

    def hands(self) -> str:
        """The wall clock as people read it: 09:41."""
        return datetime.fromtimestamp(self.wall() / 1000, self._zone).strftime("%H:%M")

    def clock(self) -> Clock:
        """The clock for the daemon: neither its speed nor that it stops looks like a clock that was set."""
        return Clock(self.wall, time.monotonic, lambda: self.seconds() / self._scale, "simulated", self._scale)
