"""Everything that can be made to go wrong with simulated hardware, in one place.

A test or the demo turns these knobs while things run. Chance comes from the seeded `random` given, so that one seed
is one run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal


@dataclass(slots=True)
class Faults:
    """The knobs of one device. The first group is the wire's, the second a printer's."""

    random: Random = field(default_factory=lambda: Random(0))

    loss: float = 0.0
    """Probability that a message is lost, in either direction."""
    garble: float = 0.0
    """Probability that a message has one byte changed, in either direction."""
    delay: float = 0.0
    """Seconds by which the device answers late."""
    dribble: bool = False
    """The device's bytes arrive one at a time."""
    hang: bool = False
    """The device neither reads nor answers, but the port stays open."""
    unplugged: bool = False
    """The port is gone."""

    paper: Literal["ok", "low", "out"] = "ok"
    cover_open: bool = False

    def lost(self) -> bool:
        """Whether this message is lost."""
        return self.loss > 0 and self.random.random() < self.loss

    def touched(self, data: bytes) -> bytes:
        """The message as it arrives: unchanged, or with one byte replaced."""
        if not data or self.garble <= 0 or self.random.random() >= self.garble:
            return data
        spoiled = bytearray(data)
        position = self.random.randrange(len(spoiled))
        spoiled[position] ^= self.random.randrange(1, 256)
        return bytes(spoiled)


@dataclass(slots=True)
class ButtonFaults:
    """The knobs of MQTT devices."""

    fast: float | None = None
    """Seconds by which their clock is fast (below 0: slow), told with each press; None: they have no clock."""
    retain: bool = False
    """Presses are published to be retained."""
