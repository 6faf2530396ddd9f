"""Far ends on pseudo-terminals without line speed: bytes arrive at once, so that only the daemon is timed."""

from __future__ import annotations

import os
import select
import time
import tty
from collections.abc import Callable, Collection, Mapping

from simulators.devices.farend import FarEnd

CHUNK = 65536
PATIENCE = 5.0
"""Seconds after which something that must come counts as lost."""


class FarEnds:
    """Simulated devices by id, each on its own pseudo-terminal; they only act inside `serve` and `time`.

    The wires of those in `echoing` echo.
    """

    def __init__(self, far_ends: Mapping[str, FarEnd], echoing: Collection[str] = ()) -> None:
        self.far_ends = far_ends
        self._echoing = echoing
        self.paths: dict[str, str] = {}
        self._masters: dict[str, int] = {}
        self._by_fd: dict[int, FarEnd] = {}
        self._slaves: list[int] = []
        self._poll = select.poll()
        for id, far_end in far_ends.items():
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._masters[id], self.paths[id] = master, os.ttyname(slave)
            self._by_fd[master] = far_end
            self._slaves.append(slave)
            self._poll.register(master, select.POLLIN)
            far_end.plugged(time.monotonic())

    def close(self) -> None:
        """Take the ports away."""
        for fd in (*self._masters.values(), *self._slaves):
            os.close(fd)

    def serve(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let the devices act for so long, or until something has happened; whether it has."""
        end = time.monotonic() + seconds
        while not until():
            now = time.monotonic()
            if now >= end:
                return False
            dues = [due for far_end in self.far_ends.values() if (due := far_end.next_deadline()) is not None]
            wait = max(0.0, min([end, *dues]) - now)
            ready = {fd for fd, _ in self._poll.poll(wait * 1000 + 0.5)}
            now = time.monotonic()
            for id, fd in self._masters.items():
                far_end = self._by_fd[fd]
                if fd in ready:
                    data = os.read(fd, CHUNK)
                    far_end.receive(data, now)
                    if id in self._echoing:
                        os.write(fd, data)
                due = far_end.next_deadline()
                if due is not None and due <= now:
                    far_end.tick(now)
                for message in far_end.data_to_send(now):
                    os.write(fd, message)
        return True

    def time(self, say: str, message: bytes, hear: str) -> float:
        """Seconds from writing `message` on the wire of `say` to the first byte on the wire of `hear`."""
        return echo_time(self._masters[say], message, self._masters[hear])


def echo_time(say: int, message: bytes, hear: int) -> float:
    """Seconds from writing `message` to one descriptor to the first byte that can be read from another."""
    poll = select.poll()
    poll.register(hear, select.POLLIN)
    started = time.perf_counter()
    os.write(say, message)
    if not poll.poll(PATIENCE * 1000):
        raise RuntimeError("nothing came")
    return time.perf_counter() - started
