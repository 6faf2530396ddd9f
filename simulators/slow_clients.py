"""Slow clients of the screens: they hold connections, and send their requests byte by byte without ever finishing.

From addresses of their own or behind a proxy, as a scanner or a broken phone does. A client whose connection is closed
opens another, up to a total number.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

BEGINNINGS = (
    b"G",
    b"GET /tv HTTP/1.1\r\nHost: lobby\r\nx: ",
    b"POST /api/session HTTP/1.1\r\nHost: lobby\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n",
)
"""Beginnings of requests that are never finished: in the head or in the body; empty: nothing is sent at all."""
TRICKLE = 0.5
"""Seconds between two bytes."""
AGAIN = 0.05
"""Seconds after which a closed connection is replaced."""


@dataclass
class SlowClients:
    """Counts of the clients' connections so far."""

    left: int
    """Connections that may still be opened."""
    came: int = 0
    """Connections that have been opened."""
    cut: int = 0
    """Connections that the server has closed."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def open(self) -> int:
        """Connections open now."""
        return self.came - self.cut


@asynccontextmanager
async def slow_connections(
    port: int,
    count: int,
    addresses: Sequence[str],
    *,
    random: Random,
    host: str = "127.0.0.1",
    most: int = 2000,
    beginnings: Sequence[bytes] = BEGINNINGS,
) -> AsyncIterator[SlowClients]:
    """`count` at a time at `host`:`port`, spread over `addresses` of ours, `most` in all; they leave at the end."""
    clients = SlowClients(most)
    for number in range(min(count, most)):
        visit = _visit(clients, host, port, addresses[number % len(addresses)], random.choice(beginnings))
        clients.tasks.append(asyncio.create_task(visit, name=f"slow client {number}"))
    try:
        yield clients
    finally:
        for task in clients.tasks:
            task.cancel()
        await asyncio.gather(*clients.tasks, return_exceptions=True)


async def _visit(clients: SlowClients, host: str, port: int, address: str, beginning: bytes) -> None:
    while clients.left > 0:
        clients.left -= 1
        try:
            reader, writer = await asyncio.open_connection(host, port, local_addr=(address, 0))
        except OSError:
            await asyncio.sleep(AGAIN)
            continue
        clients.came += 1
        trickling = asyncio.create_task(_trickle(writer, beginning))
        try:
            while await reader.read(4096):
                pass
        except OSError:
            pass
        finally:
            trickling.cancel()
            writer.transport.abort()
        clients.cut += 1
        await asyncio.sleep(AGAIN)


async def _trickle(writer: asyncio.StreamWriter, beginning: bytes) -> None:
    writer.write(beginning)
    while beginning and not writer.is_closing():
        await asyncio.sleep(TRICKLE)
        writer.write(b"x")
