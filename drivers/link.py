"""Byte links to devices: serial ports, TCP gateways, character devices and keys, opened under a time-out.

A link is an asyncio transport; its receiver is an `asyncio.Protocol`. What a link never does: block the loop, share a
port with a second program, or end in an exception other than `LinkError`.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import stat
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import serial

from drivers.descriptor import DescriptorTransport
from drivers.owner import EndedError, owned

OPEN_TIMEOUT = 1.0
"""Seconds an attempt to open may take."""

KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 8000),
)
"""Socket options of a TCP link, so that a vanished peer is noticed within 10 s: keep-alive probes after 3 s of silence
and then every 2 s, given up at the first of these after 8 s (user time-out, in ms); the same 8 s apply to data that is
not acknowledged."""

Receiver = Callable[[], asyncio.Protocol]


class LinkError(Exception):
    """The link cannot be opened; the text is a wording key (`CAUSES`, `slow`, `ended`), else the system's message."""


CAUSES = {
    errno.ENOENT: "no_path",
    errno.ENXIO: "no_device",
    errno.ENODEV: "no_device",
    errno.EIO: "no_device",
    errno.ENOTTY: "no_port",
    errno.EISDIR: "no_port",
    errno.EACCES: "no_permission",
    errno.EPERM: "forbidden",
    errno.EBUSY: "port_taken",
    errno.EAGAIN: "port_taken",
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ETIMEDOUT: "unreachable",
}
"""The system's error number -> the wording key of what an installer can do about it."""


class LinkSyntaxError(ValueError):
    """The link's text in the configuration is wrong; the text says what would be right."""


_BITS = {"5": serial.FIVEBITS, "6": serial.SIXBITS, "7": serial.SEVENBITS, "8": serial.EIGHTBITS}
_PARITIES = {"N": serial.PARITY_NONE, "E": serial.PARITY_EVEN, "O": serial.PARITY_ODD}
_STOPS = {"1": serial.STOPBITS_ONE, "2": serial.STOPBITS_TWO}


@dataclass(frozen=True, slots=True)
class SerialLink:
    """`serial:PATH?baud=9600&bits=8&parity=N&stop=1`"""

    path: str
    baud: int = 9600
    bits: str = "8"
    parity: str = "N"
    stop: str = "1"
    xonxoff: bool = False
    """Whether the device stops and resumes the line by XOFF and XON; the kernel handles it."""

    async def open(self, receiver: Receiver) -> asyncio.Transport:
        def open_port() -> int:
            # pyserial finds and sets up the port, and drops what came in before; its descriptor is used without it.
            with (
                owned(self.path),
                serial.Serial(
                    self.path,
                    baudrate=self.baud,
                    bytesize=_BITS[self.bits],
                    parity=_PARITIES[self.parity],
                    stopbits=_STOPS[self.stop],
                    xonxoff=self.xonxoff,
                    exclusive=True,
                ) as port,
            ):
                fd = os.dup(port.fileno())
            try:
                os.set_blocking(fd, False)
                attributes = termios.tcgetattr(fd)
                attributes[6][termios.VMIN] = 1  # nothing there is "not now": an empty read means a hang-up
                termios.tcsetattr(fd, termios.TCSANOW, attributes)
            except BaseException:
                os.close(fd)
                raise
            return fd

        return await _transport(open_port, receiver)

    @property
    def address(self) -> str:
        """What it opens, for people."""
        return self.path

    @property
    def byte_time(self) -> float:
        """Seconds that a byte takes on the line, with its start bit, parity and stop bits."""
        return (1 + int(self.bits) + (self.parity != "N") + int(self.stop)) / self.baud


@dataclass(frozen=True, slots=True)
class TcpLink:
    """`tcp:HOST:PORT`, a serial device server or a networked board."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """What it opens, for people."""
        return f"{self.host}:{self.port}"

    async def open(self, receiver: Receiver) -> asyncio.Transport:
        transport, _ = await asyncio.get_running_loop().create_connection(receiver, self.host, self.port)
        transport.set_write_buffer_limits(0)
        connection = transport.get_extra_info("socket")
        for level, option, value in KEEP_ALIVE:
            connection.setsockopt(level, option, value)
        return transport


@dataclass(frozen=True, slots=True)
class FileLink:
    """`file:PATH`, a character device such as /dev/usb/lp0."""

    path: str

    @property
    def address(self) -> str:
        """What it opens, for people."""
        return self.path

    async def open(self, receiver: Receiver) -> asyncio.Transport:
        def open_file() -> int:
            with owned(self.path):
                fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
            if not stat.S_ISCHR(os.fstat(fd).st_mode):
                os.close(fd)
                raise OSError(errno.ENOTTY, "not a character device")

            def prepare() -> None:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.isatty(fd):
                    _set_raw(fd)

            return _prepared(fd, prepare)

        return await _transport(open_file, receiver)


EVIOCGRAB = 0x40044590
"""The request that gives all keys of an input device to one program alone (_IOW('E', 0x90, int))."""
INPUTS = Path("/sys/class/input")
"""Where the kernel tells of its input devices."""


@dataclass(frozen=True, slots=True)
class InputLink:
    """`input:PATH` or `input:phys=PHYS`: the keys of a keypad, or of a reader that types.

    Of `path` and `phys` one is empty. The device is grabbed: its keys reach nobody else, neither a console nor a page;
    not so if it is not `alone`. A pseudo-terminal may stand for it, as the simulators have one.
    """

    path: str = ""
    phys: str = ""
    alone: bool = True

    @property
    def address(self) -> str:
        """What it opens, for people."""
        return self.path or self.phys

    async def open(self, receiver: Receiver) -> asyncio.Transport:
        def open_node() -> int:
            path = self.path or node_of(self.phys)
            with owned(path):
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)

            def prepare() -> None:
                if os.isatty(fd):
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _set_raw(fd)
                elif self.alone:
                    _grab(fd)

            return _prepared(fd, prepare)

        return await _transport(open_node, receiver)


def node_of(phys: str, inputs: Path = INPUTS) -> str:
    """The node of the input device that is plugged in there; FileNotFoundError: none is. `inputs`: see `INPUTS`."""
    for said in sorted(inputs.glob("event*/device/phys")):
        if said.read_text("ascii", "replace").strip() == phys:
            return f"/dev/input/{said.parts[-3]}"
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _grab(fd: int) -> None:
    try:
        fcntl.ioctl(fd, EVIOCGRAB, 1)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise OSError(errno.ENOTTY, "not an input device") from None
        raise


def _prepared(fd: int, prepare: Callable[[], None]) -> int:
    """An open descriptor after `prepare`; closed if that fails."""
    try:
        prepare()
    except BaseException:
        os.close(fd)
        raise
    return fd


def _set_raw(fd: int) -> None:
    attributes = termios.tcgetattr(fd)
    attributes[0] = attributes[1] = attributes[3] = 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


Link = SerialLink | TcpLink | FileLink | InputLink


async def open_link(link: Link, receiver: Receiver) -> asyncio.Transport:
    """Open a link whose data go to `receiver()`; LinkError within `OPEN_TIMEOUT` if that fails."""
    try:
        async with asyncio.timeout(OPEN_TIMEOUT):
            return await link.open(receiver)
    except TimeoutError:
        raise LinkError("slow") from None
    except EndedError:
        raise LinkError("ended") from None
    except (OSError, termios.error, ValueError, serial.SerialException) as error:
        raise LinkError(_reason(error)) from error


def parse_link(text: str) -> Link:
    """A link from the configuration's `serial:..`, `tcp:..`, `file:..` or `input:..`; LinkSyntaxError says what is
    wrong."""
    kind, colon, rest = text.partition(":")
    if not colon or not rest:
        raise LinkSyntaxError("a link is serial:PATH?baud=9600, tcp:HOST:PORT, file:PATH or input:PATH")
    if kind == "serial":
        return _parse_serial(rest)
    if kind == "tcp":
        host, colon, port = rest.rpartition(":")
        if not colon or not host.strip("[]") or not port.isdecimal() or not 0 < int(port) < 65536:
            raise LinkSyntaxError(f"{text!r} needs a host and a port from 1 to 65535, as in tcp:10.0.0.7:5005")
        return TcpLink(host.strip("[]"), int(port))
    if kind == "file":
        return FileLink(rest)
    if kind == "input":
        name, sign, phys = rest.partition("=")
        return InputLink(phys=phys) if name == "phys" and sign else InputLink(rest)
    raise LinkSyntaxError(f"{kind!r} is no kind of link; use serial:, tcp:, file: or input:")


def _parse_serial(rest: str) -> SerialLink:
    path, _, query = rest.partition("?")
    if not path:
        raise LinkSyntaxError("a serial link needs a path, as in serial:/dev/lobby/printer?baud=9600")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name, allowed in (("bits", _BITS), ("parity", _PARITIES), ("stop", _STOPS)):
        if name in options and options[name] not in allowed:
            raise LinkSyntaxError(f"{name}={options[name]} is not possible; use one of {', '.join(allowed)}")
    baud = options.pop("baud", "9600")
    if not baud.isdecimal() or not 50 <= int(baud) <= 4_000_000:
        raise LinkSyntaxError(f"baud={baud} is no line speed; use one such as 9600")
    unknown = options.keys() - {"bits", "parity", "stop"}
    if unknown:
        raise LinkSyntaxError(f"unknown option {min(unknown)!r}; a serial link knows baud, bits, parity and stop")
    return SerialLink(path, int(baud), options.get("bits", "8"), options.get("parity", "N"), options.get("stop", "1"))


async def _transport(open_it: Callable[[], int], receiver: Receiver) -> asyncio.Transport:
    fd = await _in_thread(open_it, os.close)
    try:
        return DescriptorTransport(fd, receiver())
    except OSError as error:  # /dev/null and its like cannot be waited for
        os.close(fd)
        raise OSError(errno.ENOTTY, "cannot be waited for") from error


async def _in_thread(open_it: Callable[[], Any], discard: Callable[[Any], object]) -> Any:
    """Open in a thread, since a broken port can block; what opens after the time-out is closed again."""
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(None, open_it)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:

        def late(future: asyncio.Future[Any]) -> None:
            if not future.cancelled() and future.exception() is None:
                discard(future.result())

        opening.add_done_callback(late)
        raise


def _reason(error: Exception) -> str:
    # pyserial and the system wrap a plain errno in many words; the plain words are the ones people know.
    if isinstance(error, socket.gaierror):
        return "unknown_host"
    if "exclusively lock" in str(error):
        return "port_taken"
    for cause in (error, error.__context__):
        if cause and cause.args and isinstance(cause.args[0], int):
            return CAUSES.get(cause.args[0]) or os.strerror(cause.args[0])
    return str(error)
