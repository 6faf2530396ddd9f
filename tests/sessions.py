"""What tests of sessions share: drivers that echo and that speak, and a session to run them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from ports import PATIENCE

from drivers.link import Link, parse_link
from drivers.session import Session
from simulators.wire import Wire


class Echo:
    """A driver that says what it is told to, and tells everything that it is told as facts."""

    def __init__(self, *, flood: int = 0) -> None:
        self.out: deque[bytes] = deque()
        self.flood = flood
        self.due: float | None = None
        self.saying_when_due = b""

    def connected(self, now: float) -> Sequence[object]:
        return ["connected", "ready"]

    def disconnected(self, now: float) -> Sequence[object]:
        return ["disconnected"]

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        return [bytes([byte]) for byte in data]

    def tick(self, now: float) -> Sequence[object]:
        return [("tick", now)]

    def data_to_send(self, now: float) -> bytes:
        if self.due is not None and now >= self.due:
            self.due = None
            return self.saying_when_due
        if self.flood:
            return bytes(self.flood)
        return self.out.popleft() if self.out else b""

    def next_deadline(self) -> float | None:
        return self.due


class Says:
    """A far end that says what it is given."""

    def __init__(self) -> None:
        self._out: list[bytes] = []

    def say(self, wire: Wire, data: bytes) -> None:
        self._out.append(data)
        wire.poke()

    def plugged(self, now: float) -> None:
        self._out.clear()

    def receive(self, data: bytes, now: float) -> None:
        pass

    def tick(self, now: float) -> None:
        pass

    def data_to_send(self, now: float) -> list[bytes]:
        out, self._out = self._out, []
        return out

    def next_deadline(self) -> float | None:
        return None


class Bench:
    """A running session and what it told."""

    def __init__(self, driver: Echo, link: Link, write_timeout: float, quiet: float) -> None:
        self.driver = driver
        self.facts: list[object] = []
        self._heard = asyncio.Event()
        self.session = Session(driver, link, self._hear, time.monotonic, write_timeout=write_timeout, quiet=quiet)
        self.task = asyncio.create_task(self.session.run())

    def _hear(self, fact: object) -> None:
        self.facts.append(fact)
        self._heard.set()

    async def until(self, condition: Callable[[list[object]], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition(self.facts):
                self._heard.clear()
                await self._heard.wait()

    async def told(self, *facts: object) -> None:
        """Exactly these since the last time, in this order."""
        await self.until(lambda heard: len(heard) >= len(facts))
        taken, self.facts = self.facts, []
        assert taken == list(facts)

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def bench(
    link: Link | str, driver: Echo | None = None, *, write_timeout: float = 5.0, quiet: float = 0.0
) -> AsyncIterator[Bench]:
    """A session at work, ended afterwards; `quiet`: seconds in which what arrives is older than the link."""
    running = Bench(driver or Echo(), parse_link(link) if isinstance(link, str) else link, write_timeout, quiet)
    try:
        yield running
        assert not running.task.done(), "a session never ends by itself"
    finally:
        await running.stop()
