"""A small reverse proxy on this machine, as docs/install.md asks for one: it adds where a request comes from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HEAD_LIMIT = 64 * 1024
CONNECTIONS = 1000


class _Proxy:
    def __init__(self, port: int) -> None:
        self._port = port
        self._passing: set[asyncio.Task[None]] = set()

    def comes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="proxy")
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # It goes there at once, as simple proxies do: who never ends a head holds a connection there as well.
            there, to = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                await self._exchange(reader, to, there, writer)
            finally:
                to.transport.abort()
            writer.close()
            await writer.wait_closed()  # after what is still to go out
        except OSError:
            pass  # nobody is there any more
        finally:
            writer.transport.abort()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        to: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        address = _seen_as(back.get_extra_info("peername")[0])
        ways = [asyncio.create_task(way) for way in (_copy(there, back), _pass_on(reader, to, address))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def end(self) -> None:
        for task in list(self._passing):
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)


def _seen_as(address: str) -> str:
    """Addresses of this machine stand for others: 127.0.0.7 for 192.0.2.7."""
    return "192.0.2." + address.rpartition(".")[2]


async def _pass_on(reader: asyncio.StreamReader, to: asyncio.StreamWriter, address: str) -> None:
    """The first request with its origin, a line at a time, and whatever comes after it."""
    while (line := await reader.readline()) not in (b"\r\n", b""):
        to.write(line)
    to.write(f"X-Forwarded-For: {address}\r\n".encode() + line)
    await _copy(reader, to)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    except OSError:
        pass  # one of the two has gone


@asynccontextmanager
async def proxy(port: int) -> AsyncIterator[int]:
    """Passes connections on to `port` of this machine; the port of its own."""
    passing = _Proxy(port)
    server = await asyncio.start_server(passing.comes, "127.0.0.1", 0, limit=HEAD_LIMIT, backlog=CONNECTIONS)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await passing.end()
        await asyncio.sleep(0)  # transports that were cut close in the loop's next turn
        await server.wait_closed()
