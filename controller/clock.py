"""The controller's clocks, and what it does when the wall clock is set.

A mini-PC whose clock has no battery wakes up in the past, and is put right by the network while customers are already
waiting; a broken time server can send any clock anywhere. The time since the machine was started cannot be set, so a
step of the one against the other is seen as soon as anybody asks for the time, and told before anything else happens
at the new time.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.lobby.actions.clock import STEP as STEP_MS

STEP = STEP_MS / 1000
"""Seconds by which the wall clock must have moved by itself to have been set; less is the network's fine adjustment."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NEW_MACHINE = 600.0
"""Seconds after the machine's start in which its clock may still have to be set."""
_UNSYNCHRONISED = 0x40
"""STA_UNSYNC of adjtimex(2): no time server has set the clock since the machine was started."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The time, passed in: `wall` in ms since 1970, UTC; `steady` in seconds, never set.

    `running`: seconds since the machine was started, whether it was awake or not; None: a clock that is not watched.
    `boot` names that start. `rate`: how fast the wall clock goes.
    """

    wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    steady: Callable[[], float] = time.monotonic
    running: Callable[[], float] | None = None
    boot: str = ""
    rate: float = 1.0


def system_clock() -> Clock:
    """The machine's own."""
    try:
        boot = BOOT_ID.read_text("ascii").strip()
    except OSError:
        boot = ""
    return Clock(running=lambda: time.clock_gettime(time.CLOCK_BOOTTIME), boot=boot)


class ClockWatch:
    """Gives the time, and notices that it was set: `stepped` is told (the new time, by how many ms) first."""

    def __init__(self, clock: Clock, stepped: Callable[[int, int], None]) -> None:
        self._clock = clock
        self._stepped = stepped
        self._last = (clock.wall(), clock.running()) if clock.running else None

    @property
    def origin(self) -> int | None:
        """What the wall clock would have said when the machine was started, as it goes now: ms since 1970, UTC."""
        if self._clock.running is None:
            return None
        return round(self._clock.wall() - self._clock.running() * 1000 * self._clock.rate)

    def wall(self) -> int:
        """The time in ms since 1970, UTC."""
        wall = self._clock.wall()
        if self._last is not None and self._clock.running:
            running = self._clock.running()
            then, since = self._last
            by = round(wall - then - (running - since) * 1000 * self._clock.rate)
            self._last = (wall, running)
            if abs(by) >= STEP_MS * self._clock.rate:
                self._stepped(wall, by)
        return wall


def synchronised() -> bool:
    """Whether a time server has set the clock since the machine was started, as far as the kernel tells."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(512)  # struct timex has 208 bytes; all 0: only ask
        if libc.adjtimex(buffer) < 0:
            return True
        # long offset, freq, maxerror, esterror follow `modes`, aligned; then int status.
        size = ctypes.sizeof(ctypes.c_long)
        return not int.from_bytes(buffer.raw[5 * size : 5 * size + 4], "little") & _UNSYNCHRONISED
    except (OSError, AttributeError):
        return True


def may_be_wrong() -> bool:
    """Whether the machine was started a moment ago, and no time server has set its clock yet."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) < NEW_MACHINE and not synchronised()
