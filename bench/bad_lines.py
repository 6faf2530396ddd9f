"""Three serial lines as bad as lines get: one that takes nothing, one that floods, one that is unplugged and plugged.

A program of its own, so that the one that measures has time: `python -m bench.bad_lines HANGS FLOODS FLAPS` makes the
three ports at these paths, says `plugged`, and runs until its input ends.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from pathlib import Path
from random import Random

GARBAGE = 1_000_000
"""Bytes a second."""
EVERY = 0.005
"""Seconds between two bursts of garbage: more than a pseudo-terminal takes at a time would be lost."""
FLAP = 1.0
"""Seconds plugged, and as many unplugged."""


class _Port:
    """A pseudo-terminal, linked at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plugged = False
        self.plug()

    def plug(self) -> None:
        """It is there."""
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self.slave))
        self.plugged = True

    def unplug(self) -> None:
        """It is gone, also for who has it open."""
        self.path.unlink(missing_ok=True)
        os.close(self.slave)
        os.close(self.master)
        self.plugged = False

    def say(self, data: bytes) -> None:
        """As much of it as the line takes."""
        try:
            os.write(self.master, data)
        except BlockingIOError:
            pass


def main() -> None:
    """Until the input ends."""
    hangs, floods, flaps = (_Port(Path(path)) for path in sys.argv[1:4])
    termios.tcflow(hangs.slave, termios.TCOOFF)
    garbage = Random(1).randbytes(1 << 16)
    size = int(GARBAGE * EVERY)
    print("plugged", flush=True)
    burst, flap, at = time.monotonic(), time.monotonic() + FLAP, 0
    while not select.select([sys.stdin], [], [], max(0.0, min(burst, flap) - time.monotonic()))[0]:
        now = time.monotonic()
        if now >= burst:
            floods.say(garbage[at : at + size])
            at = (at + size) % (len(garbage) - size)
            burst = max(burst + EVERY, now - EVERY)
        if now >= flap:
            flaps.unplug() if flaps.plugged else flaps.plug()
            flap = now + FLAP
    for port in (hangs, floods, flaps):
        port.path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
