"""Simulated wires: the line's speed both ways, and each thing that can go wrong with a cable.

Speed is judged on a clock that only the test moves: at time t no more than t x speed bytes may have arrived.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest
from ports import eventually, open_files

from simulators.faults import Faults
from simulators.wire import TcpWire, Wire

BAUD = 9600
SPEED = BAUD / 10
"""Bytes a second."""
ALL_BYTES = bytes(range(256))
MESSAGES = [f"message {number:03d} ".encode() for number in range(100)]


class Clock:
    """Stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Recorder:
    """A far end that notes what it hears and when, and says what it is given."""

    def __init__(self) -> None:
        self.plugs: list[float] = []
        self.chunks: list[tuple[float, bytes]] = []
        self.ticks: list[float] = []
        self.out: list[bytes] = []
        self.due: float | None = None

    @property
    def heard(self) -> bytes:
        return b"".join(chunk for _, chunk in self.chunks)

    def plugged(self, now: float) -> None:
        self.plugs.append(now)

    def receive(self, data: bytes, now: float) -> None:
        self.chunks.append((now, data))

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self.due = None

    def data_to_send(self, now: float) -> list[bytes]:
        out, self.out = self.out, []
        return out

    def next_deadline(self) -> float | None:
        return self.due


class Host:
    """Whoever has the port open."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        self.heard = b""

    def read(self) -> bytes:
        """All that was heard so far."""
        try:
            while data := os.read(self.fd, 4096):
                self.heard += data
        except BlockingIOError:
            pass
        return self.heard

    def write(self, data: bytes) -> int:
        """How much of it the port takes now."""
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        os.close(self.fd)


Plug = Callable[..., tuple[Wire, Recorder, Host]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def plug(tmp_path: Path, clock: Clock) -> AsyncIterator[Plug]:
    """Makes a wire, plugs it in and opens its port."""
    made: list[tuple[Wire, Host]] = []

    def make(
        baud: int | None = BAUD, clock: Callable[[], float] = clock, **faults: object
    ) -> tuple[Wire, Recorder, Host]:
        wire = Wire(Recorder(), Faults(**faults), tmp_path / "port", baud=baud, clock=clock)  # type: ignore[arg-type]
        wire.plug()
        host = Host(wire.path)
        made.append((wire, host))
        return wire, wire.far_end, host  # type: ignore[return-value]

    yield make
    for wire, host in made:
        host.close()
        wire.unplug()


# -- bytes as they are -------------------------------------------------------------------------------------------


async def test_every_byte_passes_as_it_is_both_ways(plug: Plug) -> None:
    wire, far_end, host = plug(baud=None)
    assert os.write(host.fd, ALL_BYTES) == 256
    await eventually(lambda: len(far_end.heard) >= 256)
    far_end.out.append(ALL_BYTES)
    wire.poke()
    await eventually(lambda: len(host.read()) >= 256)
    assert far_end.heard == host.heard == ALL_BYTES, "0A neither becomes 0D 0A nor is anything echoed"


# -- the line's speed --------------------------------------------------------------------------------------------


async def test_the_far_end_hears_no_faster_than_the_line(plug: Plug, clock: Clock) -> None:
    wire, far_end, host = plug()
    start, sent = clock.now, bytes(range(10)) * 48
    for at in range(0, len(sent), 16):
        os.write(host.fd, sent[at : at + 16])

    def step() -> bool:
        clock.now += 0.01
        wire.poke()
        return len(far_end.heard) == len(sent)

    await eventually(step)
    assert far_end.heard == sent
    arrived = 0
    for now, chunk in far_end.chunks:
        arrived += len(chunk)
        assert arrived <= (now - start) * SPEED + 1e-6


async def test_what_arrives_later_starts_a_line_of_its_own(plug: Plug, clock: Clock) -> None:
    """An idle line owes nothing: its speed holds from the first byte, not from the start of time."""
    wire, far_end, host = plug()
    for now in (2000.0, 3000.0):
        clock.now = now
        far_end.chunks.clear()
        os.write(host.fd, bytes(48))

        def step() -> bool:
            clock.now += 0.001
            wire.poke()
            return bool(far_end.chunks)

        await eventually(step)
        assert far_end.chunks[0][0] >= now + len(far_end.chunks[0][1]) / SPEED - 1e-9


@pytest.mark.parametrize("dribble", [False, True])
async def test_the_host_hears_no_faster_than_the_line(plug: Plug, clock: Clock, dribble: bool) -> None:
    wire, far_end, host = plug(dribble=dribble)
    start, message = clock.now, bytes(range(96))
    far_end.out = [message[:32], message[32:]]
    wire.poke()
    for time_passed, whole, in_bytes in ((0.0, 0, 0), (0.02, 0, 19), (0.034, 32, 32), (0.09, 32, 86), (0.11, 96, 96)):
        clock.now = start + time_passed
        wire.poke()
        expected = in_bytes if dribble else whole
        await eventually(lambda expected=expected: len(host.read()) >= expected)  # type: ignore[misc]
        assert host.heard == message[:expected]


async def test_without_a_speed_there_is_no_wait(plug: Plug, clock: Clock) -> None:
    wire, far_end, host = plug(baud=None)
    far_end.out = list(MESSAGES)
    wire.poke()
    os.write(host.fd, b"".join(MESSAGES))
    await eventually(lambda: len(host.read()) == len(far_end.heard) == len(b"".join(MESSAGES)))
    assert {now for now, _ in far_end.chunks} == {clock.now}


async def test_the_wire_delivers_by_itself_as_real_time_passes(plug: Plug) -> None:
    _, far_end, host = plug(clock=time.monotonic)
    start = time.monotonic()
    os.write(host.fd, bytes(96))
    await eventually(lambda: len(far_end.heard) == 96)
    assert time.monotonic() - start >= 96 / SPEED


async def test_a_far_ends_deadline_is_kept_without_a_poke(plug: Plug) -> None:
    wire, far_end, host = plug(baud=None, clock=time.monotonic)
    due = far_end.due = time.monotonic() + 0.03
    wire.poke()
    assert far_end.ticks == []
    far_end.out = []
    await eventually(lambda: far_end.ticks)
    assert far_end.ticks[0] >= due
    far_end.out.append(b"said after the tick")
    wire.poke()
    await eventually(lambda: host.read() == b"said after the tick")


async def test_a_late_answer(plug: Plug, clock: Clock) -> None:
    wire, far_end, host = plug(baud=None, delay=2.0)
    far_end.out.append(b"late")
    wire.poke()
    clock.now += 1.999
    wire.poke()
    assert host.read() == b""
    clock.now += 0.001
    wire.poke()
    await eventually(lambda: host.read() == b"late")


# -- what goes wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [0.0, 0.3, 1.0])
async def test_a_seed_decides_which_messages_are_lost(plug: Plug, loss: float) -> None:
    seed = 7
    print(f"seed {seed}")
    wire, far_end, host = plug(baud=None, random=Random(seed), loss=loss)
    far_end.out = list(MESSAGES)
    wire.poke()
    chance = Random(seed)
    kept = [message for message in MESSAGES if loss == 0 or chance.random() >= loss]
    assert len(kept) == {0.0: 100, 0.3: len(kept), 1.0: 0}[loss]
    wire.faults.loss = 0.0
    far_end.out = [b"end"]
    wire.poke()
    await eventually(lambda: host.read().endswith(b"end"))
    assert host.heard == b"".join([*kept, b"end"]), "whole messages, never parts"


class Counting(Random):
    """Counts how often chance was asked."""

    asked = 0

    def random(self) -> float:
        self.asked += 1
        return super().random()


async def test_what_the_host_says_is_lost_too(plug: Plug) -> None:
    chance = Counting(7)
    wire, far_end, host = plug(baud=None, random=chance, loss=1.0)
    os.write(host.fd, b"into the void")
    await eventually(lambda: chance.asked)
    wire.faults.loss = 0.0
    os.write(host.fd, b"heard")
    await eventually(lambda: far_end.heard)
    assert far_end.heard == b"heard"


def test_a_changed_byte_is_never_the_same_byte() -> None:
    faults = Faults(Counting(7), garble=1.0)
    assert all(faults.touched(b"\x00") != b"\x00" for _ in range(5000))
    assert faults.touched(b"") == b""


@pytest.mark.parametrize("outwards", [True, False])
async def test_a_garbled_message_has_one_byte_changed(plug: Plug, outwards: bool) -> None:
    seed = 7
    print(f"seed {seed}")
    wire, far_end, host = plug(baud=None, random=Random(seed), garble=1.0)
    for message in MESSAGES[:20]:
        if outwards:
            before = len(host.heard)
            far_end.out.append(message)
            wire.poke()
            await eventually(lambda: len(host.read()) - before == len(message))  # noqa: B023
            heard = host.heard[before:]
        else:
            before = len(far_end.heard)
            os.write(host.fd, message)
            await eventually(lambda: len(far_end.heard) - before == len(message))  # noqa: B023
            heard = far_end.heard[before:]
        assert sum(a != b for a, b in zip(heard, message, strict=True)) == 1


async def test_a_hung_device_neither_hears_nor_speaks_until_it_comes_back(plug: Plug) -> None:
    wire, far_end, host = plug(baud=None)
    wire.faults.hang = True
    far_end.out.append(b"held back")
    wire.poke()
    written = refused = 0
    while refused < 20:  # as much as the port takes, and then no more
        taken = host.write(bytes(1000))
        written += taken
        refused = 0 if taken else refused + 1
        assert written < 1_000_000
        await asyncio.sleep(0.001)
    assert far_end.heard == b""
    assert host.read() == b""
    wire.faults.hang = False
    wire.poke()
    await eventually(lambda: len(far_end.heard) == written)
    await eventually(lambda: host.read() == b"held back")


async def test_a_host_that_does_not_read_loses_bytes_and_harms_nobody(plug: Plug) -> None:
    wire, far_end, host = plug(baud=None)
    for _ in range(300):
        far_end.out.append(bytes(1000))
        wire.poke()
    os.write(host.fd, b"still heard")
    await eventually(lambda: far_end.heard == b"still heard")
    far_end.out.append(b"end")

    def well_again() -> bool:
        wire.poke()
        if not host.read().endswith(b"end"):
            far_end.out.append(b"end")
        return host.heard.endswith(b"end")

    await eventually(well_again)
    assert len(host.heard) < 300_000


# -- the cable ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["hand", "knob"])
async def test_unplugging_takes_the_port_away_and_plugging_makes_a_new_one(plug: Plug, clock: Clock, by: str) -> None:
    wire, far_end, host = plug(baud=None)
    for round in range(3):
        assert wire.plugged
        assert wire.path.is_symlink()
        if by == "hand":
            wire.unplug()
        else:
            wire.faults.unplugged = True
            wire.poke()
        assert not wire.plugged
        assert not wire.path.is_symlink()
        with pytest.raises(OSError, match="Input/output error") as caught:
            os.write(host.fd, b"x")
        assert caught.value.errno == errno.EIO
        wire.poke()
        assert not wire.plugged
        clock.now += 1
        if by == "hand":
            wire.plug()
        else:
            wire.faults.unplugged = False
            wire.poke()
        assert len(far_end.plugs) == 2 + round
        assert far_end.plugs[-1] == clock.now
        host.close()
        host.fd = os.open(wire.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        os.write(host.fd, b"hello")
        await eventually(lambda: far_end.heard == b"hello" * (round + 1))  # noqa: B023


async def test_unplugging_twice_is_harmless(plug: Plug) -> None:
    wire, _, _ = plug()
    wire.unplug()
    wire.unplug()
    assert not wire.plugged


async def test_what_was_on_the_line_is_gone_with_the_cable(plug: Plug, clock: Clock) -> None:
    """And what follows does not wait for it."""
    chance = Counting(7)
    wire, far_end, host = plug(random=chance, loss=1e-12)
    os.write(host.fd, bytes(960))
    await eventually(lambda: chance.asked)
    far_end.out.append(bytes(960))
    wire.poke()
    wire.unplug()
    host.close()
    wire.plug()
    host.fd = os.open(wire.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    os.write(host.fd, b"new")
    asked = chance.asked
    await eventually(lambda: chance.asked > asked)
    far_end.out.append(b"news")
    wire.poke()
    clock.now += 5 / SPEED
    wire.poke()
    await eventually(lambda: host.read() == b"news")
    assert far_end.heard == b"new"
    clock.now += 10
    wire.poke()
    assert far_end.heard == b"new"


@pytest.mark.parametrize("keeps_power", [True, False])
async def test_a_cable_lost_after_so_many_bytes(plug: Plug, keeps_power: bool) -> None:
    wire, far_end, host = plug(baud=None, cut_after=7, keeps_power=keeps_power)
    os.write(host.fd, b"abcde")
    await eventually(lambda: far_end.heard == b"abcde")
    os.write(host.fd, b"fghij")
    await eventually(lambda: not wire.plugged)
    assert far_end.heard == b"abcdefg"
    host.close()
    wire.plug()
    assert len(far_end.plugs) == (1 if keeps_power else 2)
    host.fd = os.open(wire.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    os.write(host.fd, bytes(100))
    await eventually(lambda: far_end.heard == b"abcdefg" + bytes(100))
    assert wire.plugged


async def test_a_leftover_link_of_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.symlink_to("/dev/pts/does-not-exist")
    wire = Wire(Recorder(), Faults(), path, baud=None, clock=time.monotonic)
    wire.plug()
    Host(path).close()
    wire.unplug()


async def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = open_files()
    wire = Wire(Recorder(), Faults(), tmp_path / "port", baud=BAUD, clock=time.monotonic)
    for _ in range(5):
        wire.plug()
        wire.unplug()
    assert open_files() == before


# -- what a line does to bytes, and device servers --------------------------------------------------------------


@pytest.mark.parametrize("dribble", [False, True])
async def test_an_echoing_line_returns_what_the_host_sends_at_the_lines_speed(
    plug: Plug, clock: Clock, dribble: bool
) -> None:
    wire, far_end, host = plug(echo=True, dribble=dribble)
    sent = bytes(range(96))
    os.write(host.fd, sent)
    start = clock.now

    def step() -> bool:
        clock.now += 0.001
        wire.poke()
        assert len(host.read()) <= (clock.now - start) * SPEED + 1e-6
        return len(host.heard) == len(sent)

    await eventually(step)
    assert host.heard == far_end.heard == sent


async def test_who_speaks_on_an_echoing_line_waits_for_the_other(plug: Plug, clock: Clock) -> None:
    wire, far_end, host = plug(echo=True)
    os.write(host.fd, b"from the host")
    await eventually(lambda: _on(clock) or wire.poke() or host.read())
    far_end.out.append(b"from the device")
    await eventually(lambda: _on(clock) or wire.poke() or len(host.read()) >= 28)
    assert host.heard == b"from the hostfrom the device"


async def test_a_collision_breaks_both(plug: Plug, clock: Clock) -> None:
    wire, far_end, host = plug(echo=True, collision=1.0, random=Random(7))
    far_end.out.append(b"from the device, and long enough")
    wire.poke()
    os.write(host.fd, b"from the host, and long enough")
    await eventually(lambda: _on(clock) or wire.poke() or (len(host.read()) > 50 and far_end.heard))
    assert b"from the device, and long enough" not in host.heard
    assert b"from the host, and long enough" not in host.heard
    assert far_end.heard != b"from the host, and long enough"


def _on(clock: Clock) -> bool:
    clock.now += 0.001
    return False


async def test_a_stopped_device_says_so_and_reads_nothing_until_it_goes_on(plug: Plug) -> None:
    wire, far_end, host = plug(baud=None)
    wire.faults.xoff = True
    wire.poke()
    await eventually(lambda: host.read() == b"\x13")
    os.write(host.fd, b"later")
    far_end.out.append(b"said")
    wire.poke()
    await eventually(lambda: host.read() == b"\x13said")
    assert far_end.heard == b""
    wire.faults.xoff = False
    wire.poke()
    await eventually(lambda: far_end.heard == b"later")
    assert host.read() == b"\x13said\x11"


@pytest.fixture
async def server() -> AsyncIterator[tuple[TcpWire, Recorder]]:
    """A device behind a device server, plugged in."""
    far_end = Recorder()
    wire = TcpWire(far_end, Faults(), baud=None, clock=time.monotonic)
    wire.plug()
    yield wire, far_end
    wire.unplug()


async def connect(wire: TcpWire) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", wire.port)


@pytest.mark.parametrize("keeps", [False, True])
async def test_a_device_server_passes_bytes_and_may_keep_what_nobody_hears(
    server: tuple[TcpWire, Recorder], keeps: bool
) -> None:
    wire, far_end = server
    wire.faults.keeps = keeps
    far_end.out.append(b"old ")
    wire.poke()
    reader, writer = await connect(wire)
    writer.write(ALL_BYTES)
    await eventually(lambda: far_end.heard == ALL_BYTES)
    far_end.out.append(ALL_BYTES)
    wire.poke()
    assert await reader.readexactly(256 + 4 * keeps) == b"old " * keeps + ALL_BYTES
    writer.close()


async def test_a_device_server_talks_to_who_came_last_and_can_be_pulled(server: tuple[TcpWire, Recorder]) -> None:
    wire, far_end = server
    first, writer = await connect(wire)
    writer.write(b"1")
    await eventually(lambda: far_end.heard == b"1")
    second, other = await connect(wire)
    assert await first.read() == b""
    far_end.out.append(b"2")
    wire.poke()
    assert await second.readexactly(1) == b"2"
    wire.unplug()
    assert await second.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await connect(wire)
    wire.plug()
    _, again = await connect(wire)
    again.write(b"3")
    await eventually(lambda: far_end.heard == b"13")
    for each in (writer, other, again):
        each.close()


async def test_a_far_end_that_vanishes_says_nothing_and_hears_nothing(server: tuple[TcpWire, Recorder]) -> None:
    wire, far_end = server
    reader, writer = await connect(wire)
    writer.write(b"1")
    await eventually(lambda: far_end.heard == b"1")
    wire.faults.half_open = True
    wire.poke()
    writer.write(b"lost")
    with socket.socket() as knocking:
        knocking.setblocking(False)
        knocking.connect_ex(("127.0.0.1", wire.port))
        await asyncio.sleep(0.05)
        assert knocking.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x02", "no answer: still SYN_SENT"
    assert not reader.at_eof()
    assert far_end.heard == b"1"
    wire.faults.half_open = False
    wire.poke()
    _, again = await connect(wire)
    again.write(b"2")
    await eventually(lambda: far_end.heard == b"12")
    writer.close()
    again.close()
