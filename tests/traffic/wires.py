"""Links and a network without a system beneath them: what is written is there at once, or when its line is through.

A `Cable` is between a driver's session and a far end of the simulators, as `simulators.wire` is, but in memory. The
`Broker` is the least that a client of MQTT 3.1.1 or 5 needs, at one end of a pair of sockets of the kernel's own.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from simulators.devices.farend import FarEnd
from simulators.faults import Faults

ROOM = 4096
"""Bytes that a line takes while the device reads nothing; with more the writer has to pause."""

Tell = Callable[[bytes], None]


class Cable:
    """One device's; opening it takes `opens_in` seconds, for no two the same.

    `said` and `heard` are told what the controller and the device say, as it is put on the line.
    """

    def __init__(
        self, far_end: FarEnd, faults: Faults, byte_time: float, opens_in: float, said: Tell, heard: Tell
    ) -> None:
        self.far_end, self.faults = far_end, faults
        self._byte_time, self._opens_in = byte_time, opens_in
        self._said, self._heard = said, heard
        self._end: _End | None = None
        self._to_device: deque[tuple[float, bytes]] = deque()
        self._to_host: deque[tuple[float, bytes]] = deque()
        self._device_free = self._host_free = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.refuses = 0
        """An error number with which the port cannot be opened; 0: it can."""
        self._powered = False

    def run_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on in another loop: the one before is no more, and with it whoever had the port open."""
        self._loop, self._end, self._timer = loop, None, None
        self._to_device.clear()
        self._to_host.clear()
        if not self._powered:
            self._powered = True
            self.far_end.plugged(loop.time())

    async def open(self, receiver: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        """The controller's end. Raises OSError."""
        await asyncio.sleep(self._opens_in)
        if self.refuses or self.faults.unplugged:
            number = self.refuses or errno.ENOENT
            raise OSError(number, os.strerror(number))
        self._end = _End(self, receiver(), self._loop)
        self.poke()
        return self._end

    def unplug(self) -> None:
        """Pull the cable."""
        self.faults.unplugged = True
        if self._end:
            self._end.abort()

    def plug(self) -> None:
        """Put it in again; the device has lost its power meanwhile."""
        self.faults.unplugged = False
        self.far_end.plugged(self._loop.time())
        self.poke()

    def write(self, data: bytes) -> None:
        """The controller says something."""
        self._said(data)
        now = self._loop.time()
        if not self.faults.lost():
            self._device_free = max(now, self._device_free) + len(data) * self._byte_time
            self._to_device.append((self._device_free, self.faults.touched(data)))
        self.poke()

    def unread(self) -> int:
        """Bytes that the device has not read."""
        return sum(len(data) for _, data in self._to_device)

    def closed(self, end: _End) -> None:
        """The controller has closed its end."""
        if self._end is end:
            self._end = None
            self._to_device.clear()
            self._to_host.clear()

    def poke(self) -> None:
        """Deliver what is due, let the device act, and set the alarm."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        now = self._loop.time()
        if self.faults.unplugged or self.faults.hang:
            return  # whoever ends that pokes again
        while self._to_device and self._to_device[0][0] <= now:
            self.far_end.receive(self._to_device.popleft()[1], now)
        deadline = self.far_end.next_deadline()
        if deadline is not None and deadline <= now:
            self.far_end.tick(now)
        for message in self.far_end.data_to_send(now):
            if self._end and not self.faults.lost():
                self._host_free = max(now, self._host_free) + len(message) * self._byte_time
                self._to_host.append((self._host_free, self.faults.touched(message)))
        while self._to_host and self._to_host[0][0] <= now:
            data = self._to_host.popleft()[1]
            self._heard(data)
            if self._end:
                self._end.hears(data)
        if self._end:
            self._end.has_room()
        times = [line[0][0] for line in (self._to_device, self._to_host) if line]
        deadline = self.far_end.next_deadline()
        if deadline is not None:
            times.append(max(deadline, now + 0.001))
        if times:
            self._timer = self._loop.call_at(min(times), self.poke)


class _End(asyncio.Transport):
    """The controller's end of a cable."""

    def __init__(self, cable: Cable, protocol: asyncio.Protocol, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._cable, self._protocol, self._loop = cable, protocol, loop
        self._closing = self._paused = False
        loop.call_soon(protocol.connection_made, self)

    def write(self, data: Any) -> None:
        if self._closing:
            return
        self._cable.write(bytes(data))
        if not self._paused and self.get_write_buffer_size():
            self._paused = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return max(0, self._cable.unread() - ROOM)

    def hears(self, data: bytes) -> None:
        """The device says something."""
        self._loop.call_soon(self._received, data)

    def _received(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)

    def has_room(self) -> None:
        """The device may have read something."""
        if self._paused and not self.get_write_buffer_size():
            self._paused = False
            self._protocol.resume_writing()

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            self._cable.closed(self)
            self._loop.call_soon(self._protocol.connection_lost, None)

    def close(self) -> None:
        self.abort()

    def is_closing(self) -> bool:
        return self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is but one."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


# -- MQTT ----------------------------------------------------------------------------------------------------------

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 1, 2, 3, 4, 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14


class _Socket(socket.socket):
    """An end of a pair; what is asked of a network's socket beside that is granted."""

    def setsockopt(self, *args: Any) -> None:
        pass


class Broker:
    """`told` is told (what, topic, retained, payload) of everything that the controller, its one client, says."""

    def __init__(self, told: Callable[[str, str, bool, bytes], None]) -> None:
        self._told = told
        self.is_up = True
        self.kept: dict[str, bytes] = {}
        """What is retained."""
        self._client: _Client | None = None

    def run_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on in another loop."""
        self._loop = loop

    def connect(self, *args: Any, **options: Any) -> socket.socket:
        """In the place of `socket.create_connection`."""
        if not self.is_up:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        ours, theirs = socket.socketpair()
        theirs.setblocking(True)
        ours.setblocking(False)
        self._loop.call_soon_threadsafe(self._take, ours)
        return _Socket(fileno=theirs.detach())

    def _take(self, connection: socket.socket) -> None:
        self.drop()
        self._client = _Client(self, connection, self._loop)

    def drop(self) -> None:
        """End the connection without a word."""
        if self._client:
            self._client.close()
            self._client = None

    def stop(self) -> None:
        """Be away."""
        self.is_up = False
        self.drop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Somebody else says something."""
        if retain and payload:
            self.kept[topic] = payload
        elif retain:
            self.kept.pop(topic, None)
        if self._client:
            self._client.deliver(topic, payload, retain=retain)

    def said(self, what: str, topic: str = "", retain: bool = False, payload: bytes = b"") -> None:
        """The controller says something."""
        self._told(what, topic, retain, payload)
        if what == "publish" and retain:
            if payload:
                self.kept[topic] = payload
            else:
                self.kept.pop(topic, None)


class _Client:
    def __init__(self, broker: Broker, connection: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._broker, self._connection, self._loop = broker, connection, loop
        self._buffer = bytearray()
        self._is_5 = False
        self._filters: dict[str, int] = {}
        """Topic filters -> the options byte of their subscription."""
        self._number = 0
        self._will: tuple[str, bool, bytes] | None = None
        loop.add_reader(connection, self._readable)

    def close(self) -> None:
        self._filters.clear()
        if self._connection.fileno() >= 0:
            self._loop.remove_reader(self._connection)
            self._connection.close()

    def deliver(self, topic: str, payload: bytes, *, retain: bool, kept: bool = False) -> None:
        """Send a message that fits a subscription; `kept`: from before it."""
        for pattern, options in self._filters.items():
            if _fits(pattern, topic):
                self._number = self._number % 65535 + 1
                flag = kept or (self._is_5 and retain and bool(options & 8))
                body = _text(topic) + self._number.to_bytes(2, "big") + b"\0" * self._is_5 + payload
                self._send(PUBLISH, 2 | flag, body)
                return

    def _readable(self) -> None:
        try:
            data = self._connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._buffer += data
        while packet := self._packet():
            self._obey(*packet)

    def _packet(self) -> tuple[int, int, bytes] | None:
        size, place = 0, 1
        while True:
            if place >= len(self._buffer):
                return None
            byte = self._buffer[place]
            size |= (byte & 127) << 7 * (place - 1)
            place += 1
            if byte < 128:
                break
        if len(self._buffer) < place + size:
            return None
        first, body = self._buffer[0], bytes(self._buffer[place : place + size])
        del self._buffer[: place + size]
        return first >> 4, first & 15, body

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        size, length = len(body), b""
        while True:
            length += bytes([size & 127 | (128 if size > 127 else 0)])
            size >>= 7
            if not size:
                break
        if self._connection.fileno() < 0:
            return
        self._connection.setblocking(True)
        try:
            self._connection.sendall(bytes([kind << 4 | flags]) + length + body)
        except OSError:
            pass
        finally:
            self._connection.setblocking(False)

    def _obey(self, kind: int, flags: int, body: bytes) -> None:
        reader = _Reader(body)
        broker, is_5 = self._broker, self._is_5
        if kind == CONNECT:
            self._connects(reader)
        elif kind == PUBLISH:
            topic = reader.text()
            number = reader.take(2) if flags & 6 else b""
            if is_5:
                reader.properties()
            broker.said("publish", topic, bool(flags & 1), reader.rest())
            if number:
                self._send(PUBACK, 0, number)
        elif kind == SUBSCRIBE:
            number = reader.take(2)
            if is_5:
                reader.properties()
            granted = b""
            asked = []
            while reader.left():
                pattern, options = reader.text(), reader.take(1)[0]
                broker.said("subscribe", pattern, payload=f"{options:#04x}".encode())
                self._filters[pattern] = options
                asked.append((pattern, options))
                granted += bytes([options & 3])
            self._send(SUBACK, 0, number + b"\0" * is_5 + granted)
            for pattern, options in asked:
                if not (is_5 and options >> 4 & 3 == 2):
                    for topic, payload in list(broker.kept.items()):
                        if _fits(pattern, topic):
                            self.deliver(topic, payload, retain=True, kept=True)
        elif kind == UNSUBSCRIBE:
            number = reader.take(2)
            if is_5:
                reader.properties()
            codes = b""
            while reader.left():
                pattern = reader.text()
                broker.said("unsubscribe", pattern)
                self._filters.pop(pattern, None)
                codes += b"\0"
            self._send(UNSUBACK, 0, number + (b"\0" + codes if is_5 else b""))
        elif kind == PINGREQ:
            self._send(PINGRESP, 0, b"")
        elif kind == DISCONNECT:
            broker.said("disconnect")
            self.close()

    def _connects(self, reader: _Reader) -> None:
        reader.text()
        version, flags = reader.take(2)
        keepalive = int.from_bytes(reader.take(2), "big")
        self._is_5 = version == 5
        if self._is_5:
            reader.properties()
        name = reader.text()
        will = ""
        if flags & 4:
            if self._is_5:
                reader.properties()
            will = f" will {reader.text()} {reader.bytes().decode()} flags {flags & 0x3C:#04x}"
        user = f" user {reader.text()}" if flags & 0x80 else ""
        about = f"version {version} keepalive {keepalive} clean {flags >> 1 & 1}{will}{user}"
        self._broker.said("connect", name, payload=about.encode())
        self._send(CONNACK, 0, b"\0\0" + b"\0" * self._is_5)


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body, self._place = body, 0

    def take(self, size: int) -> bytes:
        self._place += size
        return self._body[self._place - size : self._place]

    def bytes(self) -> bytes:
        return self.take(int.from_bytes(self.take(2), "big"))

    def text(self) -> str:
        return self.bytes().decode()

    def properties(self) -> None:
        self.take(self.take(1)[0])

    def rest(self) -> bytes:
        return self._body[self._place :]

    def left(self) -> bool:
        return self._place < len(self._body)


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def _fits(pattern: str, topic: str) -> bool:
    wanted, parts = pattern.split("/"), topic.split("/")
    return len(wanted) == len(parts) and all(w in ("+", p) for w, p in zip(wanted, parts, strict=True))
