"""The network between a browser and the controller, with a plug to pull: nothing is closed, nothing comes through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

CHUNK = 65536


class Cable:
    """Leads `address` to a port of this machine, between `async with` and its end."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._lines: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Cable:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await self._drop()

    def cut(self) -> None:
        """From now on nothing comes through, in either direction, and nobody is told."""
        self._whole.clear()

    async def mend(self) -> None:
        """Let it through again; connections of before have been given up meanwhile."""
        await self._drop()
        self._whole.set()

    async def _drop(self) -> None:
        lines = list(self._lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line
        self._lines.add(line)
        ends = [writer]
        try:
            await self._whole.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            ends.append(far_writer)
            await _first(self._carry(reader, far_writer), self._carry(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # the daemon is not there, or the plug has been put back
        finally:
            self._lines.discard(line)
            for end in ends:
                end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._whole.wait()
                writer.write(chunk)
                await writer.drain()


async def _first(*carriers: Awaitable[None]) -> None:
    """Until one of them has ended; then none goes on."""
    tasks = [asyncio.ensure_future(carrier) for carrier in carriers]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
