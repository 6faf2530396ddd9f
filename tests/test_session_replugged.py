"""One session whose link is unplugged and plugged a thousand times, as by a loose plug in a year: nothing adds up."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from ports import PATIENCE, Pty, open_files

from drivers import session as session_module
from drivers.device import Driver
from drivers.escpos import EscposPrinter
from drivers.link import parse_link
from drivers.session import LinkDown, LinkUp, Session
from drivers.terminal68 import Terminal68

TIMES, WARM_UP = 1000, 50
"""How often, and how often before that, until pools of threads and caches are full."""
GROWTH = 32_000
"""Bytes by which memory may differ: that is less than 32 a time."""

Replug = Callable[[], None]


@asynccontextmanager
async def far_end(kind: str, path: Path) -> AsyncIterator[tuple[str, Replug, Replug]]:
    """A link of a kind, and how its device is unplugged and plugged."""
    if kind != "tcp":
        pty = Pty(path)
        try:
            yield f"{kind}:{path}", pty.unplug, pty.plug
        finally:
            pty.unplug()
        return
    connected: list[asyncio.Transport] = []

    class Device(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            connected.append(transport)

    server = await asyncio.get_running_loop().create_server(Device, "127.0.0.1", 0)

    def unplug() -> None:
        for transport in connected:
            transport.abort()
        connected.clear()

    try:
        yield f"tcp:127.0.0.1:{server.sockets[0].getsockname()[1]}", unplug, lambda: None
    finally:
        unplug()
        server.close()


class Times:
    """Waits until a fact has been told so often."""

    def __init__(self) -> None:
        self._told: Counter[type] = Counter()
        self._heard = asyncio.Event()

    def heard(self, fact: object) -> None:
        self._told[type(fact)] += 1
        self._heard.set()

    async def until(self, kind: type, times: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self._told[kind] < times:
                self._heard.clear()
                await self._heard.wait()
        assert self._told[kind] == times


@pytest.mark.long
@pytest.mark.parametrize("driver", [lambda: Terminal68([1, 2], [11]), EscposPrinter], ids=["terminals", "printer"])
@pytest.mark.parametrize("kind", ["serial", "file", "tcp"])
async def test_a_thousand_times_leave_nothing_behind(
    tmp_path: Path, kind: str, driver: Callable[[], Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "BACK_OFF", (0.001,))
    times = Times()
    async with far_end(kind, tmp_path / "port") as (link, unplug, plug):
        loop = asyncio.get_running_loop()
        session = Session(driver(), parse_link(link), times.heard, loop.time, quiet=0.0)
        running = asyncio.create_task(session.run())

        async def replug(first: int, last: int) -> None:
            for n in range(first, last):
                unplug()
                await times.until(LinkDown, n)
                plug()
                await times.until(LinkUp, n + 1)

        tracemalloc.start()
        try:
            await times.until(LinkUp, 1)
            await replug(1, WARM_UP)
            gc.collect()
            descriptors, tasks, memory = len(open_files()), asyncio.all_tasks(), tracemalloc.get_traced_memory()[0]
            await replug(WARM_UP, WARM_UP + TIMES)
            gc.collect()
            assert len(open_files()) == descriptors
            assert asyncio.all_tasks() == tasks
            assert tracemalloc.get_traced_memory()[0] - memory < GROWTH
        finally:
            tracemalloc.stop()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
