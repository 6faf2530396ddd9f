"""The lamp itself, simulated: what it shows in the virtual lobby, and what the demo expects of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from red_lamp.device import LampSettings
from simulators.devices.kit import Count, Day, Wired
from simulators.faults import Faults


class LampFarEnd:
    """A lamp on a wire. `lit`: whether it burns; `times`: how often it was lit."""

    def __init__(self) -> None:
        self.lit = False
        self.times = 0

    def plugged(self, now: float) -> None:
        self.lit = False

    def receive(self, data: bytes, now: float) -> None:
        for byte in data:
            self.times += byte and not self.lit
            self.lit = bool(byte)

    def tick(self, now: float) -> None:
        """It does nothing by itself."""

    def data_to_send(self, now: float) -> list[bytes]:
        return []

    def next_deadline(self) -> float | None:
        return None


class SimulatedLamp(Wired):
    """A red lamp above a counter."""

    TITLE = "Red lamp"
    device: LampSettings
    far_end: LampFarEnd

    def make(self, faults: Faults) -> LampFarEnd:
        return LampFarEnd()

    def shows(self) -> tuple[str, Any]:
        lit = self.wire.plugged and self.far_end.lit
        return "others", {"lamps": [{"name": f"counter {self.device.counter}", "on": lit}]}

    def counts(self, day: Day) -> Iterator[Count]:
        here = any(call.counter == self.device.counter for call in self.owed(day.calls))
        yield Count(f"lit for a call, {self.device.id}", int(here), int(self.far_end.times > 0), True)
