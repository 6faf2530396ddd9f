"""Links on real pseudo-terminals, sockets and files: what opens, what does not and why, and what flows."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import Pty, eventually, open_files
from pytest_mock import MockerFixture

from drivers import descriptor
from drivers import link as link_module
from drivers.descriptor import DescriptorTransport
from drivers.link import (
    KEEP_ALIVE,
    FileLink,
    Link,
    LinkError,
    LinkSyntaxError,
    SerialLink,
    TcpLink,
    _in_thread,
    open_link,
    parse_link,
)

ALL_BYTES = bytes(range(256))


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    pty = Pty(tmp_path / "port")
    yield pty
    pty.unplug()


class Ear(asyncio.Protocol):
    """Notes everything a transport tells."""

    def __init__(self) -> None:
        self.made = 0
        self.heard = b""
        self.lost: list[Exception | None] = []
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made += 1

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def pause_writing(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_writing(self) -> None:
        assert self.paused
        self.paused = False

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)


def noticed_within(options: Iterable[tuple[int, int, int]]) -> float:
    """Seconds from the last word of a peer to the first question after the user time-out."""
    of = {option: value for level, option, value in options if level == socket.IPPROTO_TCP}
    asked, patience = float(of[socket.TCP_KEEPIDLE]), of[socket.TCP_USER_TIMEOUT] / 1000
    while asked < patience:
        asked += of[socket.TCP_KEEPINTVL]
    return asked


async def closed(transport: asyncio.Transport, ear: Ear) -> None:
    transport.abort()
    await eventually(lambda: ear.lost)
    assert len(ear.lost) == 1


# -- the configuration's text ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("serial:/dev/lobby/printer", SerialLink("/dev/lobby/printer", 9600, "8", "N", "1")),
        ("serial:/dev/lobby/hall?baud=57600", SerialLink("/dev/lobby/hall", 57600)),
        ("serial:/dev/x?baud=2400&bits=7&parity=E&stop=2", SerialLink("/dev/x", 2400, "7", "E", "2")),
        ("serial:/dev/x?parity=O", SerialLink("/dev/x", parity="O")),
        ("serial:/dev/x?", SerialLink("/dev/x")),
        ("serial:port with space", SerialLink("port with space")),
        ("tcp:10.0.0.7:5005", TcpLink("10.0.0.7", 5005)),
        ("tcp:board.lan:1", TcpLink("board.lan", 1)),
        ("tcp:[fe80::1]:65535", TcpLink("fe80::1", 65535)),
        ("tcp:::1:5005", TcpLink("::1", 5005)),
        ("file:/dev/usb/lp0", FileLink("/dev/usb/lp0")),
        ("file:/dev/a?b:c", FileLink("/dev/a?b:c")),
    ],
)
def test_links_in_the_configuration(text: str, link: Link) -> None:
    assert parse_link(text) == link


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a link is serial:PATH"),
        ("/dev/ttyS0", "a link is serial:PATH"),
        ("serial", "a link is serial:PATH"),
        ("serial:", "a link is serial:PATH"),
        ("tcp:", "a link is serial:PATH"),
        ("file:", "a link is serial:PATH"),
        ("usb:/dev/x", "'usb' is no kind of link; use serial:, tcp:, file: or input:"),
        ("SERIAL:/dev/x", "'SERIAL' is no kind of link"),
        ("serial:?baud=9600", "needs a path"),
        ("serial:/dev/x?baud=fast", "baud=fast is no line speed"),
        ("serial:/dev/x?baud=", "baud= is no line speed"),
        ("serial:/dev/x?baud=-9600", "baud=-9600 is no line speed"),
        ("serial:/dev/x?baud=49", "baud=49 is no line speed"),
        ("serial:/dev/x?baud=4000001", "no line speed"),
        ("serial:/dev/x?bits=9", "bits=9 is not possible; use one of 5, 6, 7, 8"),
        ("serial:/dev/x?parity=even", "parity=even is not possible; use one of N, E, O"),
        ("serial:/dev/x?stop=1.5", "stop=1.5 is not possible; use one of 1, 2"),
        ("serial:/dev/x?speed=9600", "unknown option 'speed'; a serial link knows baud, bits, parity and stop"),
        ("serial:/dev/x?9600", "unknown option '9600'"),
        ("tcp:10.0.0.7", "needs a host and a port from 1 to 65535"),
        ("tcp::5005", "needs a host and a port"),
        ("tcp:[]:5005", "needs a host and a port"),
        ("tcp:host:", "needs a host and a port"),
        ("tcp:host:0", "needs a host and a port"),
        ("tcp:host:65536", "needs a host and a port"),
        ("tcp:host:-1", "needs a host and a port"),
        ("tcp:host:http", "needs a host and a port"),
    ],
)
def test_wrong_links_and_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(LinkSyntaxError) as caught:
        parse_link(text)
    assert says in str(caught.value)


# -- what does not open ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["serial", "file"])
@pytest.mark.parametrize(
    ("what", "serial_says", "file_says"),
    [
        ("missing", "no_path", "no_path"),
        ("fifo", "no_port", "no_port"),
        ("regular", "no_port", "no_port"),
        ("directory", "no_port", "no_port"),
        ("null", "no_port", "no_port"),
        ("dangling", "no_path", "no_path"),
    ],
)
async def test_what_is_no_device_says_why_and_leaves_nothing_open(
    tmp_path: Path, kind: str, what: str, serial_says: str, file_says: str
) -> None:
    path = tmp_path / "device"
    match what:
        case "fifo":
            os.mkfifo(path)
        case "regular":
            path.write_bytes(b"kept")
        case "directory":
            path.mkdir()
        case "null":
            path.symlink_to("/dev/null")
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
    before = open_files()
    for _ in range(3):
        with pytest.raises(LinkError) as caught:
            await open_link(parse_link(f"{kind}:{path}"), Ear)
        assert str(caught.value) == (serial_says if kind == "serial" else file_says)
    assert open_files() == before
    if what == "regular":
        assert path.read_bytes() == b"kept"


async def test_a_usb_printer_that_another_program_has_is_busy(tmp_path: Path, mocker: MockerFixture) -> None:
    mocker.patch("os.open", side_effect=OSError(errno.EBUSY, os.strerror(errno.EBUSY)))
    with pytest.raises(LinkError, match=r"^port_taken$"):
        await open_link(FileLink("/dev/usb/lp0"), Ear)


async def test_nobody_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(LinkError, match=r"^refused$"):
            await open_link(TcpLink("127.0.0.1", reserved.getsockname()[1]), Ear)


async def test_a_host_without_an_address_says_so() -> None:
    with pytest.raises(LinkError) as caught:
        await open_link(TcpLink("not a host", 5005), Ear)
    assert str(caught.value) == "unknown_host"


async def test_a_host_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "OPEN_TIMEOUT", 0.2)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        fillers = []
        for _ in range(3):  # once its queue is full, the kernel drops who knocks
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        before = open_files()
        with pytest.raises(LinkError, match=r"^slow$"):
            await open_link(TcpLink(*address), Ear)
        await eventually(lambda: open_files() == before)
        for filler in fillers:
            filler.close()


async def test_what_opens_too_late_is_closed_again() -> None:
    released, discarded = threading.Event(), asyncio.Queue[str]()

    def blocked() -> str:
        released.wait(10)
        return "port"

    opening = asyncio.create_task(_in_thread(blocked, discarded.put_nowait))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await opening
    assert discarded.empty()
    released.set()
    assert await discarded.get() == "port"


@pytest.mark.parametrize("second", ["serial", "file"])
@pytest.mark.parametrize("first", ["serial", "file"])
async def test_a_port_in_use_is_refused(pty: Pty, first: str, second: str) -> None:
    ear = Ear()
    transport = await open_link(parse_link(f"{first}:{pty.path}"), lambda: ear)
    before = open_files()
    with pytest.raises(LinkError, match=r"^port_taken$"):
        await open_link(parse_link(f"{second}:{pty.path}"), Ear)
    assert open_files() == before
    await closed(transport, ear)
    ear = Ear()
    await closed(await open_link(parse_link(f"{second}:{pty.path}"), lambda: ear), ear)


# -- what flows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["serial", "file"])
async def test_every_byte_passes_as_it_is_both_ways(pty: Pty, kind: str) -> None:
    before, ear = open_files(), Ear()
    transport = await open_link(parse_link(f"{kind}:{pty.path}"), lambda: ear)
    pty.say(ALL_BYTES)
    await eventually(lambda: len(ear.heard) >= len(ALL_BYTES))
    assert ear.heard == ALL_BYTES
    transport.write(ALL_BYTES)
    assert await pty.hear(len(ALL_BYTES)) == ALL_BYTES
    assert ear.made == 1
    await closed(transport, ear)
    assert open_files() == before


async def test_file_links_switch_off_what_a_terminal_does_to_bytes(tmp_path: Path) -> None:
    """Even to a line that was left cooked: echo, CR LF translation and the interrupt keys would spoil them."""
    master, slave = os.openpty()
    os.set_blocking(master, False)
    ear = Ear()
    transport = await open_link(FileLink(os.ttyname(slave)), lambda: ear)
    os.write(master, b"\x03\r\n\x04")
    transport.write(b"\n")
    await eventually(lambda: len(ear.heard) >= 4)
    assert ear.heard == b"\x03\r\n\x04"
    await eventually(lambda: os.read(master, 100) == b"\n")
    await closed(transport, ear)
    os.close(master)
    os.close(slave)


async def test_tcp_both_ways() -> None:
    taken: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda *streams: taken.put_nowait(streams), "127.0.0.1", 0)
    ear = Ear()
    transport = await open_link(TcpLink("127.0.0.1", server.sockets[0].getsockname()[1]), lambda: ear)
    connection = transport.get_extra_info("socket")
    for level, option, value in KEEP_ALIVE:
        assert connection.getsockopt(level, option) == value
    assert noticed_within(KEEP_ALIVE) <= 10
    reader, writer = await taken.get()
    writer.write(ALL_BYTES)
    transport.write(ALL_BYTES)
    assert await reader.readexactly(256) == ALL_BYTES
    await eventually(lambda: len(ear.heard) >= 256)
    assert ear.heard == ALL_BYTES
    writer.close()
    await eventually(lambda: ear.lost)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("kind", ["serial", "file"])
@pytest.mark.parametrize("chunk", [1, 64, 3000, 100_000])
async def test_a_full_port_pauses_its_writer_and_stops_nobody_else(pty: Pty, kind: str, chunk: int) -> None:
    """What a device that stops reading must not do is hold up the loop, whatever the chunks just fill."""
    ear, written = Ear(), 0
    transport = await open_link(parse_link(f"{kind}:{pty.path}"), lambda: ear)
    data = b"".join(number.to_bytes(4, "big") for number in range(50_000))
    while not ear.paused:
        transport.write(data[written : written + chunk])
        written += chunk
        assert written < len(data), "nobody reads: it must be full some time"
    await asyncio.sleep(0)
    assert ear.paused
    assert transport.get_write_buffer_size() > 0
    heard = await pty.hear(written)
    assert heard == data[:written]
    await eventually(lambda: not ear.paused)
    assert transport.get_write_buffer_size() == 0
    await closed(transport, ear)


@pytest.mark.parametrize("kind", ["serial", "file"])
async def test_a_full_port_can_be_given_up(pty: Pty, kind: str) -> None:
    before, ear = open_files(), Ear()
    transport = await open_link(parse_link(f"{kind}:{pty.path}"), lambda: ear)
    while not ear.paused:
        transport.write(bytes(4096))
    await closed(transport, ear)
    transport.write(b"ignored")
    assert open_files() == before
    assert transport.is_closing()


@pytest.mark.parametrize("kind", ["serial", "file"])
@pytest.mark.parametrize("writing", [False, True])
async def test_an_unplugged_port_is_noticed_once(pty: Pty, kind: str, writing: bool) -> None:
    before, ear = open_files(), Ear()
    transport = await open_link(parse_link(f"{kind}:{pty.path}"), lambda: ear)
    pty.say(b"last words")
    await eventually(lambda: ear.heard == b"last words")
    pty.unplug()
    if writing:
        transport.write(b"into the void")
    await eventually(lambda: ear.lost)
    transport.write(b"ignored")
    pty.plug()
    await asyncio.sleep(0)
    assert len(ear.lost) == 1
    assert len(open_files()) == len(before)


@pytest.mark.parametrize("kind", ["serial", "file"])
async def test_a_write_that_had_to_wait_leaves_nothing_turning(pty: Pty, kind: str) -> None:
    """A third of the time would be a processor at work."""
    ear = Ear()
    transport = await open_link(parse_link(f"{kind}:{pty.path}"), lambda: ear)
    spells: list[float] = []
    for _ in range(3):
        while not ear.paused:
            transport.write(bytes(3000))
        waiting = transport.get_write_buffer_size()
        while ear.paused or waiting:
            waiting = len(pty.read()) and 1
            await asyncio.sleep(0)
        worked = time.process_time()
        await asyncio.sleep(0.2)
        spells.append(time.process_time() - worked)
    assert min(spells) < 0.2 * (1 / 3)
    await closed(transport, ear)


@pytest.mark.parametrize("kind", ["serial", "file"])
async def test_a_port_that_is_pulled_while_it_is_full_is_lost_once(pty: Pty, kind: str) -> None:
    before, ear = open_files(), Ear()
    transport = await open_link(parse_link(f"{kind}:{pty.path}"), lambda: ear)
    while not ear.paused:
        transport.write(bytes(4096))
    pty.unplug()
    await eventually(lambda: ear.lost)
    transport.close()
    pty.plug()
    assert len(ear.lost) == 1
    assert len(open_files()) == len(before)


async def test_a_stopped_port_is_closed_at_once_and_can_be_opened_again(pty: Pty) -> None:
    for ear in (Ear(), Ear()):
        transport = await open_link(SerialLink(str(pty.path), xonxoff=True), lambda ear=ear: ear)  # type: ignore[misc]
        pty.say(b"\x13")
        while not ear.paused:
            transport.write(bytes(100))
            await asyncio.sleep(0)
        await closed(transport, ear)
        pty.say(b"\x11")


class Scripted:
    """A device as the system calls show it: what reading and writing come to, one after the other."""

    def __init__(self, mocker: MockerFixture, fd: int) -> None:
        self.fd = fd
        self.reads: list[bytes | OSError] = []
        self.writes: list[int | OSError] = []
        read, write = os.read, os.write

        def scripted_read(fd: int, size: int) -> bytes:
            return _come_to(self.reads) if fd == self.fd and self.reads else read(fd, size)

        def scripted_write(fd: int, data: bytes) -> int:
            return _come_to(self.writes) if fd == self.fd and self.writes else write(fd, data)

        mocker.patch.object(os, "read", side_effect=scripted_read)
        mocker.patch.object(os, "write", side_effect=scripted_write)


def _come_to(outcomes: list[Any]) -> Any:
    outcome = outcomes.pop(0)
    if isinstance(outcome, OSError):
        raise outcome
    return outcome


@pytest.fixture
async def pair(mocker: MockerFixture) -> AsyncIterator[tuple[Scripted, socket.socket, asyncio.Transport, Ear]]:
    """A transport over one end of a pair of sockets; the test has the other."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ear = Ear()
    fd = ours.detach()
    transport = DescriptorTransport(fd, ear)
    yield Scripted(mocker, fd), theirs, transport, ear
    transport.abort()
    theirs.close()
    await eventually(lambda: ear.lost)


Pair = tuple[Scripted, socket.socket, asyncio.Transport, Ear]


@pytest.mark.parametrize("error", [errno.EIO, errno.ENODEV, errno.ENXIO])
async def test_an_error_while_reading_ends_the_link(pair: Pair, error: int) -> None:
    script, theirs, _, ear = pair
    script.reads.append(OSError(error, "gone"))
    theirs.send(b"!")
    await eventually(lambda: ear.lost)
    assert [lost.errno for lost in ear.lost if isinstance(lost, OSError)] == [error]


@pytest.mark.parametrize("later", [False, True])
async def test_an_error_while_writing_ends_the_link(pair: Pair, later: bool) -> None:
    script, _, transport, ear = pair
    script.writes += [*[BlockingIOError()] * later, OSError(errno.EIO, "gone")]
    transport.write(b"!")
    await eventually(lambda: ear.lost)
    assert [lost.errno for lost in ear.lost if isinstance(lost, OSError)] == [errno.EIO]
    transport.write(b"ignored")


async def test_interruptions_and_parts_are_no_errors(pair: Pair) -> None:
    script, theirs, transport, ear = pair
    script.reads += [InterruptedError(), BlockingIOError()]
    script.writes += [InterruptedError(), BlockingIOError()]
    theirs.send(b"heard")
    transport.write(b"sent")
    assert ear.paused
    await eventually(lambda: ear.heard == b"heard" and not ear.paused)
    assert theirs.recv(100) == b"sent"


async def test_an_end_of_file_without_a_hang_up_is_looked_at_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a USB printer that has nothing to say."""
    monkeypatch.setattr(descriptor, "END_OF_FILE_PAUSE", 0.01)
    script, theirs, _, ear = pair
    script.reads += [b"", b""]
    theirs.send(b"after all")
    await eventually(lambda: ear.heard == b"after all")
    assert script.reads == []
    theirs.close()
    await eventually(lambda: ear.lost == [None])


async def test_a_file_link_can_be_given_up_twice(pty: Pty) -> None:
    ear = Ear()
    transport = await open_link(FileLink(str(pty.path)), lambda: ear)
    transport.abort()
    transport.close()
    await eventually(lambda: ear.lost)
    transport.abort()
    await asyncio.sleep(0)
    assert ear.lost == [None]
