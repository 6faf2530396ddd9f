"""Simulated wires on pseudo-terminals and sockets: bytes travel at the line's speed, with the faults of `faults`.

A pseudo-terminal has no baud rate, so the wire times the bytes itself, both ways: a far end receives a byte when a real
line would have delivered it, and its answers leave no faster. The terminal is set to raw mode, or the kernel would turn
0A into 0D 0A.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import os
import socket
import struct
import termios
import tty
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path

from simulators.devices.farend import FarEnd
from simulators.faults import Faults

CHUNK = 4096
XON, XOFF = b"\x11", b"\x13"
KEPT = 4096
"""Most bytes that a device server buffers while nobody is connected."""
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A socket's packet filter (one instruction: take 0 bytes) that loses all that comes, before it is acknowledged."""


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
        self._outgoing: list[tuple[float, int, bool, bytes]] = []  # a heap: when, in which order, whether echo, what
        self._order = count()
        self._stopped = False  # the far end has sent XOFF
        self._in_free_at = self._out_free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._powered = False
        self._spells: list[tuple[float, float]] = []
        self._spell: float | None = None

    # -- the cable -------------------------------------------------------------------------------------------

    def plug(self) -> None:
        """Put the cable in."""
        self.faults.unplugged = False
        self._open()
        self._incoming.clear()
        self._outgoing.clear()
        self._stopped = False
        self._in_free_at = self._out_free_at = 0.0
        if not (self._powered and self.faults.keeps_power):
            self.far_end.plugged(self._clock())
        self._powered = True
        self.poke()

    def unplug(self) -> None:
        """Pull the cable: the port vanishes while programs may have it open."""
        self.faults.unplugged = True
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self.plugged:
            self._shut()

    def _open(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        self._listen(True)

    def _shut(self) -> None:
        assert self._master is not None
        assert self._slave is not None
        self._listen(False)
        self.path.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = None

    def _listen(self, on: bool) -> None:
        """Whether what the host sends is taken; if not, its buffer fills up."""
        if self._master is None:
            return
        loop = asyncio.get_running_loop()
        if on:
            loop.add_reader(self._master, self._readable)
        else:
            loop.remove_reader(self._master)

    @property
    def where(self) -> str:
        """Its path or link."""
        return str(self.path)

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._master is not None

    def poke(self) -> None:
        """A key was pressed or a knob turned: let the far end act."""
        self._note_reach()
        if self.faults.unplugged and self.plugged:
            self.unplug()
        elif not self.faults.unplugged and not self.plugged:
            self.plug()
        elif self.plugged:
            self._turn()

    def out_of_reach(self) -> list[tuple[float, float]]:
        """The periods in which bytes of the host may not have reached the device: (from, to) by the clock."""
        self._note_reach()
        return [*self._spells, *([(self._spell, self._clock())] if self._spell is not None else [])]

    def _note_reach(self) -> None:
        if self.faults.out_of_reach:
            self._spell = self._clock() if self._spell is None else self._spell
        elif self._spell is not None:
            self._spells.append((self._spell, self._clock()))
            self._spell = None

    # -- bytes -----------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        if self._master is None:
            return
        if self.faults.hang or self.faults.xoff:
            self._listen(False)
            self._schedule(0.05)
            return
        data = self._read(self._master)
        if not data:
            return
        now = self._clock()
        starts = max(now, self._in_free_at)
        self._in_free_at = starts + len(data) * self._byte_time
        heard, back = data, data
        if self.faults.echo:
            if self._out_free_at > now and self.faults.collides():
                heard, back = self.faults.broken(data), self.faults.broken(data)
                self._break(echo=False)
            self._return(self.faults.touched(back), starts)
        if self._at_another_speed():
            heard = self.faults.misread(heard)
        if not self.faults.lost():
            self._incoming.append((self._in_free_at, self.faults.touched(heard)))
        self._turn()

    def _at_another_speed(self) -> bool:
        """Whether the host has set its port to another speed than the device has."""
        if not self.faults.speed or self._master is None:
            return False
        try:
            return bool(termios.tcgetattr(self._master)[5] != getattr(termios, f"B{self.faults.speed}"))
        except termios.error:
            return False  # a socket has no speed

    def _turn(self) -> None:
        """Deliver what is due, let the far end act, send its output, and set the timer."""
        now = self._clock()
        if self.faults.hang:
            self._schedule(0.05)
            return
        self._obey_flow()
        # An echoing adapter returns what was sent, whether or not the device reads it.
        self._listen(not self._stopped or self.faults.echo)
        while self._incoming and self._incoming[0][0] <= now and not self._stopped:
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
            self._write(heapq.heappop(self._outgoing)[3])
        times = [self._outgoing[0][0]] if self._outgoing else []
        if self._incoming and not self._stopped:
            times.append(self._incoming[0][0])
        deadline = self.far_end.next_deadline()
        if deadline is not None:
            times.append(deadline)
        if times:
            self._schedule(min(times) - now)

    def _obey_flow(self) -> None:
        if self._stopped != self.faults.xoff:
            self._stopped = self.faults.xoff
            self._write(XOFF if self._stopped else XON)

    def _say(self, message: bytes, now: float) -> None:
        if self.faults.lost() or self.faults.muted():
            return
        message = self.faults.touched(message)
        if self._at_another_speed():
            message = self.faults.misread(message)
        at = max(now + self.faults.delay, self._out_free_at)
        if self.faults.echo and self._in_free_at > at:  # one pair of wires for both
            if self.faults.collides():
                message = self.faults.broken(message)
                self._break(echo=True)
            else:
                at = self._in_free_at
        pieces = [message[i : i + 1] for i in range(len(message))] if self.faults.dribble else [message]
        for piece in pieces:
            at += len(piece) * self._byte_time
            heapq.heappush(self._outgoing, (at, next(self._order), False, piece))
        self._out_free_at = at

    def _return(self, data: bytes, at: float) -> None:
        """Echo what the host has sent, byte by byte as it goes out."""
        pieces = [data[i : i + 1] for i in range(len(data))] if self._byte_time or self.faults.dribble else [data]
        for piece in pieces:
            at += len(piece) * self._byte_time
            heapq.heappush(self._outgoing, (at, next(self._order), True, piece))

    def _break(self, *, echo: bool) -> None:
        """A collision with the echo, or with the device's output: corrupt what is still to come of it."""
        broken = [
            (at, order, of_echo, self.faults.broken(data) if of_echo == echo else data)
            for at, order, of_echo, data in self._outgoing
        ]
        self._outgoing = broken  # neither times nor order have changed: still a heap

    def _read(self, fd: int) -> bytes:
        try:
            return os.read(fd, CHUNK)
        except OSError:
            return b""

    def _write(self, data: bytes) -> None:
        if self._master is None:
            return
        try:
            os.write(self._master, data)
        except OSError:
            pass  # no reader: a real device's bytes are lost as well

    def _schedule(self, delay: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(0.0005, delay), self._alarm)

    def _alarm(self) -> None:
        self._timer = None
        if self.plugged:
            self._turn()


class TcpWire(Wire):
    """One device behind a device server at `port` on 127.0.0.1, which talks to whoever connected last."""

    def __init__(self, far_end: FarEnd, faults: Faults, *, baud: int | None, clock: Callable[[], float]) -> None:
        super().__init__(far_end, faults, Path(), baud=baud, clock=clock)
        self._server: socket.socket | None = None
        self._client: socket.socket | None = None
        self._kept = b""
        self._half_open = False
        self._vanished: list[socket.socket] = []
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            self.port: int = chosen.getsockname()[1]

    @property
    def where(self) -> str:
        return f"tcp:127.0.0.1:{self.port}"

    @property
    def plugged(self) -> bool:
        """Whether the device server is there."""
        return self._server is not None

    def _open(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._server.setblocking(False)
        asyncio.get_running_loop().add_reader(self._server, self._accept)

    def _shut(self) -> None:
        assert self._server is not None
        self._hang_up()
        asyncio.get_running_loop().remove_reader(self._server)
        self._server.close()
        self._server = None
        self._kept = b""
        self._half_open = False
        self._close_vanished()

    def poke(self) -> None:
        if self._server and self.faults.half_open != self._half_open:
            self._half_open = self.faults.half_open
            if self._half_open:
                self._vanish(self._server)
            else:
                self._server.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
                self._close_vanished()
        super().poke()

    def _vanish(self, server: socket.socket) -> None:
        """From now on nothing that arrives is acknowledged, and nothing is sent."""
        _drop_all(server)
        if self._client:
            _drop_all(self._client)
            self._vanished.append(self._client)  # closing it would send a FIN
            self._forget_client()

    def _close_vanished(self) -> None:
        for connection in self._vanished:
            connection.close()
        self._vanished.clear()

    def _accept(self) -> None:
        assert self._server is not None
        try:
            connection, _ = self._server.accept()
        except OSError:
            return
        self._hang_up()
        connection.setblocking(False)
        self._client, self._master = connection, connection.fileno()
        kept, self._kept = self._kept, b""
        if kept:
            self._write(kept)
        self._turn()

    def _hang_up(self) -> None:
        client = self._client
        self._forget_client()
        if client:
            client.close()

    def _forget_client(self) -> None:
        self._listen(False)
        self._client = self._master = None

    def _read(self, fd: int) -> bytes:
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._hang_up()
        return data

    def _write(self, data: bytes) -> None:
        if self._master is None and self.faults.keeps and not self.faults.half_open:
            self._kept = (self._kept + data)[-KEPT:]
        super()._write(data)


def _drop_all(connection: socket.socket) -> None:
    instruction = ctypes.create_string_buffer(DROP_ALL)
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(instruction)))
