"""All faults of simulated hardware, in one place.

A test or the demo turns these knobs while the simulation runs. Randomness comes from the seeded `random` given, so that
runs are reproducible.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal


@dataclass(slots=True)
class Faults:
    """The knobs of one device. The first group is the wire's, the second a printer's, the third
    of devices with keys."""

    random: Random = field(default_factory=lambda: Random(0))

    loss: float = 0.0
    """Probability that a message is lost, in either direction."""
    garble: float = 0.0
    """Probability that a message has one byte changed, in either direction."""
    mute: float = 0.0
    """Probability that a message of the device is lost, while it receives everything."""
    delay: float = 0.0
    """Seconds by which the device answers late."""
    dribble: bool = False
    """The device's bytes arrive one at a time."""
    hang: bool = False
    """The device neither reads nor answers, but the port stays open."""
    unplugged: bool = False
    """The port is gone."""
    keeps_power: bool = False
    """Whether the device keeps its power when the cable is pulled, and then continues where it was."""
    cut_after: int = 0
    """The cable is pulled after so many further bytes have reached the device; 0: never."""
    echo: bool = False
    """The adapter echoes: every byte that the host sends comes back, at the line's speed."""
    collision: float = 0.0
    """Probability that host and device corrupt each other's bytes when they send at the same time; with `echo`."""
    speed: int = 0
    """The device's own line speed in bits a second, if it is another than the host's; 0: it is the same."""
    xoff: bool = False
    """The device has sent XOFF and reads nothing; when this ends it sends XON."""
    keeps: bool = False
    """The device server buffers what the device sends while nobody is connected, for the next connection."""
    half_open: bool = False
    """The peer of a TCP wire has vanished, as in a power failure: nothing is acknowledged."""

    paper: Literal["ok", "low", "out"] = "ok"
    cover_open: bool = False
    flicker: float = 0.0
    """How often per second, on average, the near-end sensor changes its state while `paper` is "ok"."""

    bounce: float = 0.0
    """Seconds after which each press of a key is made once more, by a bad contact or an impatient finger; 0: never."""
    stuck: bool = False
    """A key that is pressed stays down: it repeats until it is freed."""
    deaf: bool = False
    """The device does not receive the host's messages, and so keeps sending what waits for an answer."""

    @property
    def out_of_reach(self) -> bool:
        """Whether what the host says may not reach the device, or not in time."""
        parts = self.loss + self.garble + self.mute + self.delay
        return parts > 0 or self.hang or self.unplugged or self.half_open or self.xoff or self.deaf

    def lost(self) -> bool:
        """Whether this message is lost."""
        return self.loss > 0 and self.random.random() < self.loss

    def muted(self) -> bool:
        """Whether this message of the device is lost."""
        return self.mute > 0 and self.random.random() < self.mute

    def before_cut(self, data: bytes) -> bytes:
        """The part of the message that still reaches the device; after the last byte the port is gone."""
        if not self.cut_after:
            return data
        reaching = data[: self.cut_after]
        self.cut_after -= len(reaching)
        self.unplugged = not self.cut_after
        return reaching

    def touched(self, data: bytes) -> bytes:
        """The message as it arrives: unchanged, or with one byte replaced."""
        if not data or self.garble <= 0 or self.random.random() >= self.garble:
            return data
        spoiled = bytearray(data)
        position = self.random.randrange(len(spoiled))
        spoiled[position] ^= self.random.randrange(1, 256)
        return bytes(spoiled)

    def misread(self, data: bytes) -> bytes:
        """What is read of a message at another line speed than its own."""
        return self.random.randbytes(len(data))

    def collides(self) -> bool:
        """Whether two that send at the same time corrupt each other's bytes."""
        return self.collision > 0 and self.random.random() < self.collision

    def broken(self, data: bytes) -> bytes:
        """What a collision leaves of a message: one to three bytes changed, lost or added."""
        pieces = bytearray(data)
        for _ in range(self.random.randint(1, 3)):
            position = self.random.randrange(max(1, len(pieces)))
            match self.random.choice(("changed", "lost", "added")):
                case "changed" if pieces:
                    pieces[position] ^= self.random.randrange(1, 256)
                case "lost":
                    del pieces[position : position + 1]
                case _:
                    pieces.insert(position, self.random.randrange(256))
        return bytes(pieces)


@dataclass(slots=True)
class ButtonFaults:
    """The knobs of MQTT devices."""

    fast: float | None = None
    """Seconds by which their clock is fast (below 0: slow), told with each press; None: they have no clock."""
    retain: bool = False
    """Presses are published to be retained."""
    bounce: float = 0.0
    """Seconds after which each press is made once more, as a press of its own; 0: never."""
    twice: bool = False
    """What devices that are not ours publish is delivered twice."""
