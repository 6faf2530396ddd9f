"""One device behind one link, for real: what is told of it, and when."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from ports import Pty, eventually, open_files
from sessions import Echo, Says, bench

from drivers import link as link_module
from drivers import session as session_module
from drivers.link import KEEP_ALIVE, SerialLink, TcpLink
from drivers.session import LinkDown, LinkUp, Session, Stale
from simulators.faults import Faults
from simulators.wire import TcpWire

KINDS = ["serial", "file"]


@pytest.fixture(autouse=True)
async def nothing_left_open() -> AsyncIterator[None]:
    before = open_files()
    yield
    await eventually(lambda: open_files() == before)


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    pty = Pty(tmp_path / "port")
    yield pty
    pty.unplug()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "BACK_OFF", (0.01, 0.02, 0.03))


# -- a link that works -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_facts_come_in_order_and_what_the_driver_says_leaves_at_once(pty: Pty, kind: str) -> None:
    driver = Echo()
    driver.out.extend([b"hello ", b"world"])
    async with bench(f"{kind}:{pty.path}", driver) as b:
        assert not b.session.settled.is_set()
        await b.session.settled.wait()
        await b.told(LinkUp(), "connected", "ready")
        assert await pty.hear(11) == b"hello world"
        pty.say(b"ABC")
        await b.told(b"A", b"B", b"C")
        driver.out.append(b"x" * 2000)
        b.session.flush()
        assert await pty.hear(2000) == b"x" * 2000


async def test_answers_to_what_was_received_need_no_flush(pty: Pty) -> None:
    class Parrot(Echo):
        def receive(self, data: bytes, now: float) -> Sequence[object]:
            self.out.append(data.upper())
            return []

    async with bench(f"serial:{pty.path}", Parrot()) as b:
        await b.session.settled.wait()
        for word in (b"a", b"bc", b"def"):
            pty.say(word)
            assert await pty.hear(len(word)) == word.upper()


async def test_flush_before_and_after_the_link_is_harmless(pty: Pty) -> None:
    driver = Echo()
    driver.out.append(b"kept")
    pty.unplug()
    async with bench(f"serial:{pty.path}", driver) as b:
        b.session.flush()
        await b.session.settled.wait()
        b.session.flush()
        assert list(driver.out) == [b"kept"], "the driver is asked only when there is a link"
        pty.plug()
        assert await pty.hear(4) == b"kept"
    driver.out.append(b"late")
    b.session.flush()
    assert list(driver.out) == [b"late"]


# -- time --------------------------------------------------------------------------------------------------------


async def test_tick_is_called_at_the_deadline_and_not_before(pty: Pty) -> None:
    driver = Echo()
    async with bench(f"serial:{pty.path}", driver) as b:
        await b.session.settled.wait()
        await b.told(LinkUp(), "connected", "ready")
        due = driver.due = time.monotonic() + 0.05
        driver.saying_when_due = b"now"
        b.session.flush()
        assert pty.read() == b""
        await b.until(lambda facts: len(facts) >= 1)
        assert all(now >= due for _, now in b.facts)  # type: ignore[misc]
        assert await pty.hear(3) == b"now", "what is said only at a deadline leaves without a flush"


async def test_a_deadline_brought_forward_replaces_the_alarm(pty: Pty) -> None:
    driver = Echo()
    async with bench(f"serial:{pty.path}", driver) as b:
        await b.session.settled.wait()
        driver.saying_when_due = b"now"
        driver.due = time.monotonic() + 3600
        b.session.flush()
        driver.due = time.monotonic() + 0.01
        b.session.flush()
        assert await pty.hear(3) == b"now"


async def test_a_deadline_that_is_withdrawn_rings_no_alarm(pty: Pty) -> None:
    driver = Echo()
    async with bench(f"serial:{pty.path}", driver) as b:
        await b.told(LinkUp(), "connected", "ready")
        due = driver.due = time.monotonic() + 0.02
        b.session.flush()
        driver.due = None
        b.session.flush()
        await eventually(lambda: time.monotonic() > due + 0.02)
        assert b.facts == []


async def test_no_alarm_rings_while_the_link_is_down(pty: Pty) -> None:
    driver = Echo()
    async with bench(f"serial:{pty.path}", driver) as b:
        await b.session.settled.wait()
        driver.saying_when_due = b"now"
        driver.due = time.monotonic() + 0.05
        b.session.flush()
        pty.unplug()
        await b.until(lambda facts: LinkDown("lost") in facts)
        await eventually(lambda: time.monotonic() > (driver.due or 0) + 0.02)
        assert not any(isinstance(fact, tuple) for fact in b.facts)
        pty.plug()
        assert await pty.hear(3) == b"now"


# -- outages -----------------------------------------------------------------------------------------------------


async def test_a_link_that_cannot_be_opened_is_told_once_and_settles(pty: Pty) -> None:
    pty.unplug()
    async with bench(f"serial:{pty.path}") as b:
        await b.session.settled.wait()
        await b.told(LinkDown("no_path", str(pty.path)))
        pty.path.mkdir()  # another reason is no news
        for _ in range(5):
            await asyncio.sleep(max(session_module.BACK_OFF))
        assert b.facts == []
        pty.path.rmdir()
        pty.plug()
        await b.told(LinkUp(), "connected", "ready")


@pytest.mark.parametrize("kind", KINDS)
async def test_each_outage_is_told_once_and_each_return(pty: Pty, kind: str) -> None:
    async with bench(f"{kind}:{pty.path}") as b:
        await b.told(LinkUp(), "connected", "ready")
        for _ in range(3):
            pty.say(b"!")
            await b.told(b"!")
            pty.unplug()
            await b.told("disconnected", LinkDown("lost"))
            for _ in range(3):
                await asyncio.sleep(max(session_module.BACK_OFF))
            pty.plug()
            await b.told(LinkUp(), "connected", "ready")


async def test_a_port_that_moves_is_found_behind_its_symlink(pty: Pty) -> None:
    """As when an adapter is pulled and put into another socket: the old number is taken, udev moves the link."""
    async with bench(f"serial:{pty.path}") as b:
        await b.told(LinkUp(), "connected", "ready")
        first = pty.path.readlink()
        pty.unplug()
        squatter = Pty(pty.path.with_name("squatter"))
        pty.plug()
        assert pty.path.readlink() != first
        await b.told("disconnected", LinkDown("lost"), LinkUp(), "connected", "ready")
        pty.say(b"!")
        await b.told(b"!")
        squatter.unplug()


async def test_a_gateway_that_restarts() -> None:
    peers: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def serve(port: int) -> asyncio.Server:
        return await asyncio.start_server(lambda _, writer: peers.put_nowait(writer), "127.0.0.1", port)

    server = await serve(0)
    port = server.sockets[0].getsockname()[1]
    async with bench(TcpLink("127.0.0.1", port)) as b:
        await b.told(LinkUp(), "connected", "ready")
        server.close()
        (await peers.get()).transport.abort()
        await b.told("disconnected", LinkDown("lost"))
        server = await serve(port)
        await b.told(LinkUp(), "connected", "ready")
        writer = await peers.get()
        writer.write(b"!")
        await b.told(b"!")
        server.close()
    writer.transport.abort()


async def test_a_link_that_closes_at_once_is_not_reopened_in_a_rush(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a gateway does that serves somebody else. Once it holds for the longest pause, pauses begin anew."""
    pauses = (0.01, 0.02, 0.04, 0.5)
    monkeypatch.setattr(session_module, "BACK_OFF", pauses)
    accepted: list[float] = []
    kept: list[asyncio.StreamWriter] = []

    def taken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(time.monotonic())
        if len(accepted) == 5:
            kept.append(writer)
        else:
            writer.transport.abort()

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    async with bench(TcpLink("127.0.0.1", server.sockets[0].getsockname()[1])) as b:
        await eventually(lambda: kept)
        gaps = [later - earlier for earlier, later in pairwise(accepted)]
        assert all(gap >= pause for gap, pause in zip(gaps, pauses, strict=True))
        await b.until(lambda facts: facts.count(LinkUp()) == 5)
        assert b.facts.count("disconnected") == b.facts.count(LinkDown("lost")) == 4
        await eventually(lambda: time.monotonic() > accepted[-1] + pauses[-1] + 0.02)
        kept.pop().transport.abort()
        lost = time.monotonic()
        await eventually(lambda: len(accepted) >= 6)
        assert accepted[5] - lost < pauses[-1], "it may soon be back"
        server.close()
    await server.wait_closed()


async def test_a_port_in_use_is_taken_when_it_is_free(pty: Pty) -> None:
    async with bench(f"serial:{pty.path}") as first:
        await first.told(LinkUp(), "connected", "ready")
        async with bench(f"file:{pty.path}") as second:
            await second.told(LinkDown("port_taken", str(pty.path)))
            await first.stop()
            await second.told(LinkUp(), "connected", "ready")
            # As the outer bench expects of a session that was not stopped by its test.
            first.task = asyncio.create_task(asyncio.sleep(3600))


async def test_the_end_of_an_earlier_link_that_comes_late_costs_a_reconnection_and_no_more(pty: Pty) -> None:
    async with bench(f"serial:{pty.path}") as b:
        await b.told(LinkUp(), "connected", "ready")
        b.session.connection_lost(None)
        await b.told("disconnected", LinkDown("lost"), LinkUp(), "connected", "ready")
        pty.say(b"!")
        await b.told(b"!")


# -- stalls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk", [1, 64, 70_000])
async def test_a_device_that_stops_reading_is_aborted_and_opened_again(pty: Pty, kind: str, chunk: int) -> None:
    driver = Echo(flood=chunk)
    async with bench(f"{kind}:{pty.path}", driver, write_timeout=0.03) as b:
        await b.told(LinkUp(), "connected", "ready", "disconnected", LinkDown("stalled"))
        driver.flood = 0
        await b.told(LinkUp(), "connected", "ready")
        while pty.read():
            pass
        driver.out.append(b"well again")
        b.session.flush()
        await eventually(lambda: pty.read().endswith(b"well again"))


async def test_a_peer_that_stops_reading_is_aborted() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen()
        async with bench(TcpLink(*server.getsockname()), Echo(flood=100_000), write_timeout=0.1) as b:
            await b.told(LinkUp(), "connected", "ready", "disconnected", LinkDown("stalled"))


async def test_a_device_that_stopped_the_line_and_is_then_gone_is_told_to_be_gone(pty: Pty) -> None:
    async with bench(f"serial:{pty.path}", Echo(flood=64), write_timeout=0.3) as b:
        await b.until(lambda heard: LinkDown("stalled") in heard)
        pty.unplug()
        await b.until(lambda heard: type(heard[-1]) is LinkDown and heard[-1] != LinkDown("stalled"))
        downs = [fact for fact in b.facts if isinstance(fact, LinkDown)]
        assert len(downs) == len(set(downs)) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_slow_device_is_not_a_stalled_one(pty: Pty, kind: str) -> None:
    """Even if exactly as much waits to be sent at each look: each round takes one chunk whole and begins the next."""
    driver, size, write_timeout = Echo(), 30_000, 0.5
    async with bench(f"{kind}:{pty.path}", driver, write_timeout=write_timeout) as b:
        await b.told(LinkUp(), "connected", "ready")
        for _ in range(8):
            driver.out.extend([bytes(size), b"!"])
            b.session.flush()
            await asyncio.sleep(0.7 * write_timeout)
            assert list(driver.out) == [b"!"], "it was full all the while: nobody was asked for more"
            assert await pty.hear(size + 1) == bytes(size) + b"!"
        assert b.facts == []


# -- a line that is stopped --------------------------------------------------------------------------------------


async def write_until_stopped(session: Session, driver: Echo) -> int:
    """Write dots until the line takes no more; how many were given to the driver."""
    sent = 0

    def stopped() -> bool:
        nonlocal sent
        sent += 1
        driver.out.append(b".")
        session.flush()
        return bool(driver.out)

    await eventually(stopped)
    return sent


async def test_a_spell_of_xoff_is_a_short_pause_and_no_more(pty: Pty) -> None:
    """Neither while it lasts nor afterwards does anything turn: a third of the time would be a processor at work."""
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    driver = Echo()
    async with bench(SerialLink(str(pty.path), xonxoff=True), driver) as b:
        await b.told(LinkUp(), "connected", "ready")
        spells: list[float] = []
        for _ in range(3):
            pty.say(b"\x13")
            sent = await write_until_stopped(b.session, driver)
            driver.out.append(b"ticket " * 50)
            worked = time.process_time()
            b.session.flush()
            await asyncio.sleep(0.2)
            assert driver.out[-1] == b"ticket " * 50, "the line is stopped"
            pty.say(b"\x11")
            assert await pty.hear(sent + 350) == b"." * sent + b"ticket " * 50
            await asyncio.sleep(0.2)
            spells.append(time.process_time() - worked)
        assert min(spells) < 0.4 * (1 / 3)
        pty.say(b"!")
        await b.told(b"!")
    assert complaints == []


# -- what is older than the link ---------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"stale", b"s" * 3000])
async def test_what_a_device_server_kept_is_dropped_and_counted(said: bytes) -> None:
    faults = Faults(keeps=True)
    recorder = Says()
    wire = TcpWire(recorder, faults, baud=None, clock=time.monotonic)
    wire.plug()
    recorder.say(wire, said)
    try:
        async with bench(TcpLink("127.0.0.1", wire.port), quiet=0.2) as b:
            await b.told(LinkUp(), Stale(len(said)), "connected", "ready")
            recorder.say(wire, b"!")
            await b.told(b"!")
    finally:
        wire.unplug()


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_old_is_nothing_to_tell(pty: Pty, kind: str) -> None:
    async with bench(f"{kind}:{pty.path}", quiet=0.05) as b:
        await b.told(LinkUp(), "connected", "ready")
        pty.say(b"!")
        await b.told(b"!")


async def test_what_lay_in_a_file_links_device_is_dropped(pty: Pty) -> None:
    pty.say(b"old")
    async with bench(f"file:{pty.path}", quiet=0.1) as b:
        await b.told(LinkUp(), Stale(3), "connected", "ready")


async def test_old_bytes_that_keep_pouring_in_are_old_but_not_for_ever(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "QUIET_LIMIT", 0.4)
    monkeypatch.setattr(session_module, "QUIET_GAP", 0.3)
    async with bench(f"file:{pty.path}", quiet=0.1) as b:
        started, said = time.monotonic(), 0
        while not b.facts:
            pty.say(b"x")
            said += 1
            await asyncio.sleep(0.01)
        assert time.monotonic() - started >= 0.4, "longer than the quiet moment"
        await b.until(lambda facts: len(facts) >= 4)
        assert b.facts[0] == LinkUp()
        assert isinstance(b.facts[1], Stale)
        assert said - 2 <= b.facts[1].size <= said


async def test_a_link_lost_in_its_first_moment_was_none(pty: Pty) -> None:
    port = str(pty.path.readlink())
    async with bench(f"file:{pty.path}", quiet=0.2) as b:
        await eventually(lambda: list(open_files().values()).count(port) == 2)
        pty.say(b"old")
        pty.unplug()
        await b.told(LinkDown("lost"))
        pty.plug()
        await b.told(LinkUp(), "connected", "ready")


# -- a peer that vanishes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("speaking", [False, True])
async def test_a_peer_that_vanishes_without_a_word_is_missed(monkeypatch: pytest.MonkeyPatch, speaking: bool) -> None:
    """Also by who never writes to it. Its packets are really lost; the times are a tenth of the real ones."""
    quick = {socket.TCP_KEEPIDLE: 1, socket.TCP_KEEPINTVL: 1, socket.TCP_KEEPCNT: 2, socket.TCP_USER_TIMEOUT: 800}
    monkeypatch.setattr(
        link_module, "KEEP_ALIVE", [(level, option, quick.get(option, value)) for level, option, value in KEEP_ALIVE]
    )
    faults, recorder, driver = Faults(), Says(), Echo()
    wire = TcpWire(recorder, faults, baud=None, clock=time.monotonic)
    wire.plug()
    try:
        async with bench(TcpLink("127.0.0.1", wire.port), driver) as b:
            await b.told(LinkUp(), "connected", "ready")
            recorder.say(wire, b"!")
            await b.told(b"!")
            faults.half_open = True
            wire.poke()
            if speaking:
                driver.out.append(b"is anybody there")
                b.session.flush()
            await b.told("disconnected", LinkDown("lost"))
            faults.half_open = False
            wire.poke()
            await b.told(LinkUp(), "connected", "ready")
            recorder.say(wire, b"!")
            await b.told(b"!")
    finally:
        wire.unplug()


async def test_a_silent_device_that_is_owed_nothing_is_left_alone(pty: Pty) -> None:
    async with bench(f"serial:{pty.path}", write_timeout=0.005) as b:
        await b.told(LinkUp(), "connected", "ready")
        for _ in range(10):
            await asyncio.sleep(0.006)
        pty.say(b"!")
        await b.told(b"!")


async def test_a_stalled_device_delays_no_other(tmp_path: Path, pty: Pty) -> None:
    other = Pty(tmp_path / "other")
    try:
        async with bench(f"serial:{pty.path}", Echo(flood=64)) as stalled, bench(f"serial:{other.path}") as b:
            await stalled.session.settled.wait()
            await b.told(LinkUp(), "connected", "ready")
            for _ in range(20):
                other.say(b"!")
                await b.told(b"!")
    finally:
        other.unplug()


# -- the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["opening", "open", "stalled", "backing off", "lost"])
async def test_a_session_can_be_ended_in_every_state_and_leaves_nothing(pty: Pty, state: str) -> None:
    """Every test here checks that no descriptor and no task is left; this one, that none is when `run` has ended."""
    ours = [*open_files().values()]
    if state == "backing off":
        pty.unplug()
    async with bench(f"serial:{pty.path}", Echo(flood=64 if state == "stalled" else 0)) as b:
        if state == "opening":
            await asyncio.sleep(0)
        else:
            await b.session.settled.wait()
        if state == "lost":
            pty.unplug()
            await b.until(lambda facts: "disconnected" in facts)
    assert b.task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    if state != "opening":  # the thread that opens is left to itself, and closes what it has opened
        assert set(open_files().values()) <= set(ours)
        assert len(open_files()) <= len(ours)
    if state in ("open", "stalled"):
        async with bench(f"serial:{pty.path}") as again:
            await again.told(LinkUp(), "connected", "ready")
