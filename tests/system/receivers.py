"""Receivers of webhooks on the loopback, with what can go wrong at them."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Received:
    """A request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows in it."""
        rows: list[dict[str, Any]] = json.loads(self.body)["data"]
        return rows


@dataclass
class Receiver:
    """`answer`: what is answered to the next request, whole or in parts, slowly; None: nothing, ever."""

    port: int = 0
    answer: Callable[[Received], bytes | Iterator[bytes] | None] = lambda received: reply(204)
    received: list[Received] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows that came, also those that were not taken."""
        return [row for each in self.received for row in each.rows]

    def seqs(self) -> list[int]:
        """Their numbers."""
        return [row["seq"] for row in self.rows]


def reply(status: int, *headers: str, body: bytes = b"") -> bytes:
    """An answer."""
    return "\r\n".join([f"HTTP/1.1 {status} Whatever", *headers, "", ""]).encode() + body


@asynccontextmanager
async def receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """One that takes everything, until it is told otherwise."""
    here = Receiver()
    open_ones: set[asyncio.StreamWriter] = set()

    async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            pairs = (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            received = Received(headers, await reader.readexactly(int(headers["content-length"])))
            here.received.append(received)
            answer = here.answer(received)
            if answer is None:
                await reader.read()
            else:
                for part in [answer] if isinstance(answer, bytes) else answer:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0.01)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            open_ones.discard(writer)
            writer.close()

    server = await asyncio.start_server(asked, "127.0.0.1", 0, ssl=tls)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for writer in list(open_ones):
            writer.transport.abort()
        await server.wait_closed()


@asynccontextmanager
async def proxy(to: int, status: int = 200) -> AsyncIterator[tuple[int, list[str]]]:
    """A proxy that leads to a port of this machine, whatever it is asked for: its port, and what it was asked for."""
    asked: list[str] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while more := await reader.read(4096):
                writer.write(more)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return
        asked.append(head.decode().split("\r\n")[0])
        writer.write(reply(status))
        if status != 200:
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()
        await server.wait_closed()
