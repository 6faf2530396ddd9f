"""The controller's clocks, and what it does when the wall clock is set.

A mini-PC without a clock battery starts with a past time, and is corrected by the network while customers are already
waiting; a broken time server can set any clock to any time. The time since boot cannot be set, so a step of the wall
clock against it is noticed as soon as the time is asked for, and reported before anything else happens at the new time.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.lobby.actions.clock import STEP as STEP_MS
from controller.lobby.model.units import Ms

STEP = STEP_MS / 1000
"""Seconds of difference from which the wall clock counts as set; less is a time server's fine adjustment."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BOOT_VARIABLE = "LOBBY_BOOT"
"""The environment variable by which systemd hands the boot's id over (specifier %b, systemd.unit(5)): the service
cannot see `BOOT_ID` (ProcSubset=pid)."""
NEW_MACHINE = 600.0
"""Seconds after boot in which the clock may still have to be set."""
TIMESYNC = Path("/run/systemd/timesync/synchronized")
"""There once systemd-timesyncd has set the clock (systemd-timesyncd.service(8), Files)."""
_UNSYNCHRONISED = 0x40
"""STA_UNSYNC of adjtimex(2): no time server has set the clock since the machine was started."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The sources of time, passed in: `wall` in ms since 1970, UTC; `steady` in monotonic seconds.

    `running`: seconds since boot, suspension included; None: the wall clock is not watched. `boot` identifies the boot;
    empty: it is not known.
    `rate`: speed of the wall clock (1: real time).
    """

    wall: Callable[[], Ms] = lambda: Ms(time.time_ns() // 1_000_000)
    steady: Callable[[], float] = time.monotonic
    running: Callable[[], float] | None = None
    boot: str = ""
    rate: float = 1.0


def boot_id(environment: Mapping[str, str] = os.environ, file: Path = BOOT_ID) -> str:
    """What identifies this boot, 32 hexadecimal digits; empty: nothing tells."""
    said = environment.get(BOOT_VARIABLE, "")
    if not said:
        try:
            said = file.read_text("ascii").strip()
        except OSError:
            return ""
    return said.replace("-", "")


def system_clock() -> Clock:
    """The machine's own."""
    boot = boot_id()
    return Clock(running=lambda: time.clock_gettime(time.CLOCK_BOOTTIME), boot=boot)


class ClockWatch:
    """Gives the wall time, and notices when it was set: then `stepped(new time, ms of the step)` is called first."""

    def __init__(self, clock: Clock, stepped: Callable[[Ms, int], None]) -> None:
        self._clock = clock
        self._stepped = stepped
        self._last = (clock.wall(), clock.running()) if clock.running else None

    @property
    def origin(self) -> Ms | None:
        """The time of the boot by the present wall clock, in ms since 1970, UTC; None: not watched."""
        if self._clock.running is None:
            return None
        return Ms(round(self._clock.wall() - self._clock.running() * 1000 * self._clock.rate))

    def wall(self) -> Ms:
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


def kernel_says() -> bool | None:
    """Whether a time server has set the clock since boot, by adjtimex(2); None: it may not be asked."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(512)  # struct timex has 208 bytes; all 0: only ask
        if libc.adjtimex(buffer) < 0:
            return None
    except (OSError, AttributeError):
        return None
    # long offset, freq, maxerror, esterror follow `modes`, aligned; then int status.
    size = ctypes.sizeof(ctypes.c_long)
    return not int.from_bytes(buffer.raw[5 * size : 5 * size + 4], "little") & _UNSYNCHRONISED


def synchronised(kernel: Callable[[], bool | None] = kernel_says, sign: Path = TIMESYNC) -> bool | None:
    """Whether a time server has set the clock since boot; None: nobody can tell.

    Where the service may not ask the kernel (`ProtectClock=` forbids adjtimex(2), also for reading), it is
    systemd-timesyncd's own `sign` that tells.
    """
    if (right := kernel()) is not None:
        return right
    return sign.exists() if sign.parent.is_dir() else None


def may_be_wrong() -> bool:
    """Whether the machine has just booted, and no time server has set its clock yet."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) < NEW_MACHINE and synchronised() is False
