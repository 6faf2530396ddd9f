"""The interface of all simulated devices: behaviour that receives and sends bytes, with time passed in.

A far end is the device itself (paper, keys, pixels). It knows nothing of pseudo-terminals, line speed or asyncio:
`simulators.wire` connects it. `now` is a monotonic time in seconds.
"""

from __future__ import annotations

from typing import Protocol


class FarEnd(Protocol):
    """A device at the other end of a byte link."""

    def plugged(self, now: float) -> None:
        """The cable is in and power is on: RAM is empty, nothing is shown."""

    def receive(self, data: bytes, now: float) -> None:
        """Bytes from the host, in chunks of any size."""

    def tick(self, now: float) -> None:
        """Time has passed; called at or after `next_deadline`."""

    def data_to_send(self, now: float) -> list[bytes]:
        """What the device sends now, one message per item (the unit that the `loss` fault drops), each once."""

    def next_deadline(self) -> float | None:
        """When `tick` or `data_to_send` next has something to do by itself; None: not before another call."""
