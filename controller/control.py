"""The daemon's own socket, by which commands of the same machine ask it: `lobby reload`, `lobby doctor`.

It stands beside the journal, as NAME.sock, for the daemon's user and group alone. One request a connection: a line of
JSON, `{"do": ".."}`; the answer is lines of JSON, of which the last has `ok`, and `text` for a person.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

MODE = 0o660
LINE_LIMIT = 1 << 16
"""Most bytes of a request."""
CONNECT_TIMEOUT = 2.0
"""Seconds in which a running daemon takes a connection."""

Answers = AsyncGenerator[Mapping[str, Any], None]
Do = Callable[[Mapping[str, Any]], Answers]
"""What is done for a request, and what is answered to it, line by line."""


class BusyError(Exception):
    """What was asked for cannot be done just now; the text says why."""


class NotRunningError(Exception):
    """Nobody answers at the socket; the text says which one."""


def socket_of(journal: Path) -> Path:
    """The socket of the daemon that has this journal."""
    return journal.with_suffix(".sock")


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A short name of a socket: the system takes at most 107 bytes, and directories may have long names."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


class Control:
    """Answers at the socket; `does`: what there is to ask for, by name."""

    def __init__(self, path: Path, does: Mapping[str, Do]) -> None:
        self._path = path
        self._does = does
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Answer until cancelled. Where the socket cannot be made, the lobby runs without it; logged."""
        try:
            server = await self._open()
        except OSError as error:
            log.warning("%s cannot be made (%s); lobby reload and lobby doctor cannot ask", self._path, error)
            await asyncio.Event().wait()
            return
        try:
            await server.serve_forever()
        finally:
            server.close()
            with suppress(OSError):
                self._path.unlink()
            for answering in self._answering:
                answering.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)

    async def _open(self) -> asyncio.Server:
        self._path.unlink(missing_ok=True)  # of one that was killed: the journal's lock says that no other runs
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            with _short(self._path) as name:
                before = os.umask(0o777 & ~MODE)
                try:
                    listening.bind(name)
                finally:
                    os.umask(before)
            return await asyncio.start_unix_server(self._asked, sock=listening, limit=LINE_LIMIT)
        except OSError:
            listening.close()
            raise

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection. What is done for it is given up if who asked goes away."""
        try:
            answering = asyncio.create_task(self._answer(_request(await reader.readline()), writer))
            self._answering.add(answering)
            gone = asyncio.create_task(reader.read(1))
            try:
                await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (answering, gone):
                    task.cancel()
                await asyncio.gather(answering, gone, return_exceptions=True)
                self._answering.discard(answering)
        except (OSError, ValueError):
            pass  # it was no request
        finally:
            writer.close()

    async def _answer(self, request: Mapping[str, Any], writer: asyncio.StreamWriter) -> None:
        do = self._does.get(str(request.get("do")), self._unknown)
        try:
            async with aclosing(do(request)) as answers:
                async for answer in answers:
                    writer.write(_line(answer))
                    await writer.drain()
        except OSError:
            pass  # who asked has gone
        except Exception:
            log.exception("a request at %s failed", self._path)
            writer.write(_line({"ok": False, "text": "an error of the controller, which is in its log"}))

    async def _unknown(self, request: Mapping[str, Any]) -> Answers:
        yield {"ok": False, "text": f"the running daemon has no such request; it has {', '.join(self._does)}"}


def _request(line: bytes) -> Mapping[str, Any]:
    request = json.loads(line)
    if not isinstance(request, dict):
        raise ValueError("no object")
    return request


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


def ask(journal: Path, request: Mapping[str, Any], timeout: float) -> Iterator[Mapping[str, Any]]:
    """Ask the daemon that has this journal; its answers as they come. NotRunningError, or PermissionError.

    They end without one that has `ok` if the daemon ends meanwhile, or says nothing for `timeout` seconds.
    """
    path = socket_of(journal)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_TIMEOUT)
        try:
            with _short(path) as name:
                connection.connect(name)
            connection.sendall(_line(request))
        except PermissionError:
            raise
        except OSError as error:
            raise NotRunningError(f"no daemon answers at {path}") from error
        connection.settimeout(timeout)
        with suppress(OSError, ValueError), connection.makefile("rb") as answers:
            for line in answers:
                yield json.loads(line)
