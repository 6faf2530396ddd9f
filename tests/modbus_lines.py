"""What tests of Modbus share: a driver and the units of its line, in a time of their own, with what lines do."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf

from drivers.modbus import Modbus
from simulators.devices.modbus import ModbusFarEnd

BYTE = 10 / 9600
DELAY = 0.008
"""Seconds after which a unit answers."""


@dataclass(slots=True)
class Line:
    """`echo`: whether the adapter returns what is sent; `pieces`: most bytes that arrive at once; `spoil`: what becomes
    of bytes of the units on their way."""

    driver: Modbus
    far_end: ModbusFarEnd
    echo: bool = False
    pieces: int = 1000
    spoil: Callable[[bytes], bytes] = lambda data: data
    delay: float = DELAY
    now: float = 0.0
    facts: list[object] = field(default_factory=list)
    sent: list[tuple[float, bytes]] = field(default_factory=list)
    _coming: list[tuple[float, int, bool, bytes]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def plug(self) -> None:
        self.far_end.plugged(self.now)
        self.connect()

    def connect(self) -> None:
        self.facts += self.driver.connected(self.now)
        self._flush()

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        ends = self.now + seconds
        while True:
            deadline = self.driver.next_deadline()
            own = self.far_end.next_deadline()
            times = [deadline if deadline is not None else inf, own if own is not None else inf]
            if self._coming:
                times.append(self._coming[0][0])
            at = max(self.now, min(times))
            if at > ends:
                break
            self.now = at + 1e-6
            self._turn()
        self.now = ends

    def noise(self, data: bytes, after: float = 0.0) -> None:
        """Bytes that nobody has sent."""
        heapq.heappush(self._coming, (self.now + after, next(self._order), True, data))

    def of(self, kind: type) -> list[object]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def _turn(self) -> None:
        while self._coming and self._coming[0][0] <= self.now:
            _, _, to_driver, data = heapq.heappop(self._coming)
            if to_driver:
                self.facts += self.driver.receive(data, self.now)
            else:
                self.far_end.receive(data, self.now)
        due = self.driver.next_deadline()
        if due is not None and due <= self.now:
            self.facts += self.driver.tick(self.now)
        self.far_end.tick(self.now)
        for reply in self.far_end.data_to_send(self.now):
            self._arrives(self.spoil(reply), self.now + self.delay)
        self._flush()

    def _flush(self) -> None:
        while data := self.driver.data_to_send(self.now):
            self.sent.append((self.now, data))
            if self.echo:
                self._arrives(data, self.now)
            heapq.heappush(self._coming, (self.now + len(data) * BYTE, next(self._order), False, data))

    def _arrives(self, data: bytes, begins: float) -> None:
        for start in range(0, len(data), self.pieces):
            piece = data[start : start + self.pieces]
            heapq.heappush(self._coming, (begins + (start + len(piece)) * BYTE, next(self._order), True, piece))
