"""Devices that send without end: their link is closed, that is told once, and no other device waits for them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ports import Pty, eventually, open_files
from sessions import bench

from drivers import session as session_module
from drivers.session import ECHO_MOST, FLOOD_BURST, FLOOD_RATE, STALE_MOST, Allowance, LinkDown, LinkUp


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


def test_a_line_may_carry_what_devices_say_and_no_more() -> None:
    busy = Allowance(0.0)
    assert all(busy.covers(1152, n / 10) for n in range(36_000)), "an hour of a line of 115200 baud"
    burst = Allowance(0.0)
    assert burst.covers(FLOOD_BURST, 0.0)
    assert not burst.covers(1, 0.0)
    assert burst.covers(FLOOD_RATE, 1.0)
    fast = Allowance(0.0)
    taken = [fast.covers(10_000, n / 100) for n in range(100)]
    assert taken.index(False) == 3, "a megabyte a second"


def test_what_was_sent_may_come_back_but_a_year_of_it_allows_no_flood() -> None:
    line = Allowance(0.0)
    line.sent(100_000)
    assert line.covers(100_000 + FLOOD_BURST, 0.0)
    assert not line.covers(1, 0.0)
    for _ in range(1000):
        line.sent(100_000)
    assert not line.covers(FLOOD_BURST + ECHO_MOST + 1, 1.0)


@pytest.mark.parametrize("kind", ["serial", "tcp"])
async def test_a_flood_closes_the_link_is_told_once_and_ends(
    pty: Pty, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "QUIET_LIMIT", 0.1)
    flooding, served, serving, poured = asyncio.Event(), [], [], 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        serving.append(asyncio.current_task())
        with suppress(ConnectionError):
            await flooding.wait()
            while flooding.is_set():
                writer.write(bytes(1 << 18))
                await writer.drain()

    async def pour() -> None:
        nonlocal poured
        await flooding.wait()
        while flooding.is_set():
            with suppress(BlockingIOError):
                poured += os.write(pty.master, bytes(4096))
            await asyncio.sleep(0)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    pouring = asyncio.create_task(pour())
    try:
        link = f"serial:{pty.path}" if kind == "serial" else f"tcp:127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with bench(link, quiet=0.05) as b:
            await b.told(LinkUp(), "connected", "ready")
            flooding.set()
            await b.until(lambda facts: LinkDown("flooding") in facts)
            heard = [fact for fact in b.facts if isinstance(fact, bytes)]
            assert len(heard) <= FLOOD_BURST
            b.facts = []
            received = b.session.measured.received
            assert received > FLOOD_BURST
            tried, before = len(served), poured
            await eventually(lambda: len(served) > tried + 2 or (kind == "serial" and poured > before + 3 * STALE_MOST))
            assert not {LinkDown("flooding"), "connected"} & set(b.facts), "one state, told once"
            assert b.session.measured.received == received, "what comes meanwhile is only dropped"
            flooding.clear()
            await pouring
            await b.until(lambda facts: facts[-2:] == ["connected", "ready"])
            assert b.facts[0] == LinkUp()
            pty.say(b"!") if kind == "serial" else served[-1].write(b"!")
            await b.until(lambda facts: facts[-1] == b"!")
    finally:
        flooding.clear()
        pouring.cancel()
        server.close()
        for writer in served:
            writer.transport.abort()
        flooding.set()
        await asyncio.gather(*serving)


async def test_other_devices_are_heard_while_one_floods(tmp_path: Path, pty: Pty) -> None:
    other, flooding = Pty(tmp_path / "other"), True

    async def pour() -> None:
        while flooding:
            with suppress(BlockingIOError):
                os.write(pty.master, bytes(4096))
            await asyncio.sleep(0)

    pouring = asyncio.create_task(pour())
    try:
        async with bench(f"serial:{pty.path}") as bad, bench(f"serial:{other.path}") as b:
            await bad.until(lambda facts: LinkDown("flooding") in facts)
            await b.told(LinkUp(), "connected", "ready")
            for _ in range(20):
                other.say(b"!")
                await b.told(b"!")
    finally:
        flooding = False
        await pouring
        other.unplug()
