"""Pseudo-terminals as wires: what a far end says arrives at the line's speed, and what can go wrong with a wire does.

A pseudo-terminal knows no baud rate, so the wire paces the bytes itself, both ways: a far end hears a byte when a real
line would have delivered it, and its answers leave no faster. Unless told to be raw, the kernel would turn 0A into
0D 0A on the way.
"""

from __future__ import annotations

import asyncio
import os
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path

from simulators.farend import FarEnd
from simulators.faults import Faults

CHUNK = 4096


class Wire:
    """One device on one pseudo-terminal, linked at `path`.

    `baud` is the line's speed in bits a second (ten to a byte); None: as fast as it goes. `clock` gives monotonic
    seconds. Turning `faults.unplugged` takes effect at the next `poke`, as does everything done to the far end.
    """

    def __init__(
        self, far_end: FarEnd, faults: Faults, path: Path, *, baud: int | None, clock: Callable[[], float]
    ) -> None:
        self.far_end = far_end
        self.faults = faults
        self.path = path
        self._byte_time = 10 / baud if baud else 0.0
        self._clock = clock
        self._master: int | None = None
        self._slave: int | None = None
        self._incoming: deque[tuple[float, bytes]] = deque()
        self._outgoing: deque[tuple[float, bytes]] = deque()
        self._in_free_at = self._out_free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._powered = False

    # -- the cable -------------------------------------------------------------------------------------------

    def plug(self) -> None:
        """Put the cable in."""
        self.faults.unplugged = False
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        self._incoming.clear()
        self._outgoing.clear()
        self._in_free_at = self._out_free_at = 0.0
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        if not (self._powered and self.faults.keeps_power):
            self.far_end.plugged(self._clock())
        self._powered = True
        self.poke()

    def unplug(self) -> None:
        """Pull the cable: the port vanishes under whoever has it open."""
        self.faults.unplugged = True
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._master is None or self._slave is None:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self.path.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = None

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._master is not None

    def poke(self) -> None:
        """Somebody has pressed a key or turned a knob: let the far end speak."""
        if self.faults.unplugged and self.plugged:
            self.unplug()
        elif not self.faults.unplugged and not self.plugged:
            self.plug()
        elif self.plugged:
            self._turn()

    # -- bytes -----------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        if self._master is None or self.faults.hang:
            # A hung device leaves the bytes where they are, and the writer's buffer fills up.
            if self._master is not None:
                asyncio.get_running_loop().remove_reader(self._master)
                self._schedule(0.05)
            return
        try:
            data = os.read(self._master, CHUNK)
        except (BlockingIOError, OSError):
            return
        now = self._clock()
        self._in_free_at = max(now, self._in_free_at) + len(data) * self._byte_time
        if not self.faults.lost():
            self._incoming.append((self._in_free_at, self.faults.touched(data)))
        self._turn()

    def _turn(self) -> None:
        """Deliver what is due, let the far end act, send what it says, and set the alarm."""
        now = self._clock()
        if self.faults.hang:
            self._schedule(0.05)
            return
        if self._master is not None:
            asyncio.get_running_loop().add_reader(self._master, self._readable)
        while self._incoming and self._incoming[0][0] <= now:
            self.far_end.receive(self.faults.before_cut(self._incoming.popleft()[1]), now)
            if self.faults.unplugged:
                self.unplug()
                return
        deadline = self.far_end.next_deadline()
        if deadline is not None and deadline <= now:
            self.far_end.tick(now)
        for message in self.far_end.data_to_send(now):
            self._say(message, now)
        while self._outgoing and self._outgoing[0][0] <= now:
            self._write(self._outgoing.popleft()[1])
        times = [queue[0][0] for queue in (self._incoming, self._outgoing) if queue]
        deadline = self.far_end.next_deadline()
        if deadline is not None:
            times.append(deadline)
        if times:
            self._schedule(min(times) - now)

    def _say(self, message: bytes, now: float) -> None:
        if self.faults.lost():
            return
        message = self.faults.touched(message)
        pieces = [message[i : i + 1] for i in range(len(message))] if self.faults.dribble else [message]
        for piece in pieces:
            start = max(now + self.faults.delay, self._out_free_at)
            self._out_free_at = start + len(piece) * self._byte_time
            self._outgoing.append((self._out_free_at, piece))

    def _write(self, data: bytes) -> None:
        if self._master is None:
            return
        try:
            os.write(self._master, data)
        except OSError:
            pass  # nobody reads: a real device's bytes are lost as well

    def _schedule(self, delay: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(0.0005, delay), self._alarm)

    def _alarm(self) -> None:
        self._timer = None
        if self.plugged:
            self._turn()
