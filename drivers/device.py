"""What every device driver has in common: bytes in, meaning out, no I/O.

A driver is a class that is told what happened on its wire and when, and answers with *facts* (small frozen
dataclasses in the device's own terms). It never reads a clock, opens a port or starts a task: `drivers.session`
does that for all of them. `now` is always a monotonic time in seconds.

Two kinds of output, never mixed:

* **levels** (what a display should show): the driver keeps the wanted one and sends it again after every outage;
* **edges** (a print, a beep): sent once, and answered by a fact that says what became of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a device.

    `detail` is a wording key (`paper_end`, `no_answer`, ..), empty if there is no fault; the controller turns it into
    a sentence in the branch's language.
    """

    state: Literal["ok", "degraded", "offline"]
    detail: str = ""


OK = Health("ok")


@dataclass(frozen=True, slots=True)
class UnknownAddress:
    """A valid frame from an address of a bus that is not configured; reported once per address and connection."""

    address: int


@dataclass(frozen=True, slots=True)
class Echoing:
    """The line has begun to echo (the echo is kept from the lobby), or has stopped; reported on each change."""

    on: bool


class OwnEchoes:
    """A driver below this tells echoes from answers itself, and reports `Echoing`: the session passes all on to it."""


class Driver(Protocol):
    """The interface between a device's protocol and the session that runs it.

    The session calls `connected` when the link is up, then `receive` and `tick`, and after each call sends what
    `data_to_send` returns. Everything that the others return is a fact for the controller.
    """

    def connected(self, now: float) -> Sequence[object]:
        """A new link: discard incomplete input, start probing, queue the current level again."""

    def disconnected(self, now: float) -> Sequence[object]:
        """The link is gone; whatever was under way on it is now unknown."""

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        """Take a chunk of any size, of anything; never raises."""

    def tick(self, now: float) -> Sequence[object]:
        """Time has passed; called at or after `next_deadline`."""

    def data_to_send(self, now: float) -> bytes:
        """The bytes to put on the wire now (empty: none), each returned once."""

    def next_deadline(self) -> float | None:
        """When `tick` or `data_to_send` next has something to do by itself; None: not before another call."""
