"""Pseudo-terminals for tests, what a process has open, and waiting for what must come without a fixed sleep."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Callable
from pathlib import Path

PATIENCE = 30.0
"""Seconds after which what must come has not come."""
GLANCE = 0.002


class Pty:
    """A pseudo-terminal linked at `path`; the test is at its far end and nobody reads unless it does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plugged = False
        self.plug()

    def plug(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self.master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        self._slave = slave
        self.plugged = True

    def unplug(self) -> None:
        """The port vanishes under whoever has it open."""
        if self.plugged:
            self.plugged = False
            self.path.unlink()
            os.close(self._slave)
            os.close(self.master)

    def say(self, data: bytes) -> None:
        assert os.write(self.master, data) == len(data)

    def read(self, size: int = 65536) -> bytes:
        """What is there now."""
        try:
            return os.read(self.master, size)
        except BlockingIOError:
            return b""

    async def hear(self, size: int) -> bytes:
        """The next `size` bytes."""
        heard = b""

        def complete() -> bool:
            nonlocal heard
            heard += self.read(size - len(heard))
            return len(heard) == size

        await eventually(complete)
        return heard


async def eventually(condition: Callable[[], object]) -> None:
    """Until `condition` holds, which it must within `PATIENCE`."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(GLANCE)


def open_files() -> dict[str, str]:
    """What this process has open: descriptor -> what it is."""
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            pass  # the listing's own
    return found
