"""Displays on a bus that show what a frame of a template tells them.

They never answer: that they work can only be inferred from the port. What each should show is sent when it changes,
after every outage, and again every `refresh` seconds, since nobody tells of a lost frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from drivers.device import Health

PORT_ONLY = Health("ok", "port_only")
"""The port is open; nothing more can be known."""
GAP = 0.05
"""Seconds of silence after each frame, by which displays find the next."""


class FrameDisplays:
    """The driver of the displays at these addresses. `baud`: the line's speed; None: not known; `alternate`: seconds
    for which each frame of a display that has several is shown."""

    def __init__(
        self,
        addresses: Collection[int],
        *,
        baud: int | None,
        refresh: float = 60.0,
        gap: float = GAP,
        alternate: float = 4.0,
    ) -> None:
        self._shown: dict[int, Sequence[bytes]] = dict.fromkeys(addresses, ())
        self._sent: dict[int, bytes] = {}
        self._byte_time = 10 / baud if baud else 0.0
        self._gap = gap
        self._alternate = alternate
        self._connected = False
        self._free_at = 0.0
        self._refresh_next = deque(addresses)
        self._pause = refresh / max(1, len(self._shown))
        self._refresh_at = 0.0
        self._turn = 0
        self._turn_at = 0.0

    def show(self, address: int, *frames: bytes) -> None:
        """The frame of what a display shows (level); several: in turn."""
        self._shown[address] = tuple(dict.fromkeys(frames))

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = True
        self._free_at = now
        self._refresh_at = now + self._pause
        self._turn_at = now + self._alternate
        self._sent.clear()
        return [PORT_ONLY]

    def disconnected(self, now: float) -> Sequence[object]:
        self._connected = False
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        """They send nothing that is known: any input is noise."""
        return []

    def tick(self, now: float) -> Sequence[object]:
        if now >= self._refresh_at:
            self._refresh_at = now + self._pause
            self._sent.pop(self._refresh_next[0], None)
            self._refresh_next.rotate(-1)
        if now >= self._turn_at:
            self._turn_at = now + self._alternate
            self._turn += 1
        return []

    def data_to_send(self, now: float) -> bytes:
        address = self._owed()
        if not self._connected or now < self._free_at or address is None:
            return b""
        frame = self._sent[address] = self._wanted(address)
        self._free_at = now + len(frame) * self._byte_time + self._gap
        return frame

    def next_deadline(self) -> float | None:
        if not self._connected:
            return None
        times = [self._refresh_at]
        if self._owed() is not None:
            times.append(self._free_at)
        if any(len(frames) > 1 for frames in self._shown.values()):
            times.append(self._turn_at)
        return min(times)

    def _wanted(self, address: int) -> bytes:
        frames = self._shown[address]
        return frames[self._turn % len(frames)] if frames else b""

    def _owed(self) -> int | None:
        """A display that shows something else than it should, as far as is known; None: there is none."""
        return next((each for each in self._shown if self._wanted(each) != self._sent.get(each, b"")), None)
