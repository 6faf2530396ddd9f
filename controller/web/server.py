"""The HTTP server inside the daemon's own loop: uvicorn without its signals, on a socket with limits of ours.

It is run like a device's session: a port that is taken is told once and tried again, and nobody else waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger(__name__)

App = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""

CONNECTIONS = 400
"""Connections that may be open; one more is closed at once."""
FIRST_REQUEST = 10.0
"""Seconds within which a new connection begins to say what it wants."""
REQUEST = 15.0
"""Seconds within which a request that has begun has come as a whole; a slow body is refused before, with a word."""
HEAD_LIMIT = 64 * 1024
"""Bytes of a request before its body, and after it."""
BACKLOG = 512
"""Connections that may wait to be taken."""
STALLED = 15.0
"""Seconds for which a peer may leave unread what it is sent, before its connection is cut."""
SEND_BUFFER = 64 * 1024
"""Bytes that the kernel keeps for a peer that does not read."""
CLOSING = 2
"""Seconds in which requests may end when the server stops."""
RETRY = 5.0
"""Seconds between two tries to take a port that another program has."""


class _Connection(HttpToolsProtocol):
    """A connection that has to say something, in time and in few words, among a limited number of them."""

    _impatience: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
            return
        self._wait(FIRST_REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # The parser has no limit of its own, and keeps whatever comes until a head is whole.
        self._head += len(data)
        super().data_received(data)
        if self._head > HEAD_LIMIT and not self.transport.is_closing():
            self.transport.abort()

    def on_message_begin(self) -> None:
        self._head = 0
        self._wait(REQUEST)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head = 0
        self._wait(None)
        super().on_message_complete()

    def _wait(self, seconds: float | None) -> None:
        """Cut the connection unless there is news within `seconds`; None: wait for ever."""
        if self._impatience:
            self._impatience.cancel()
        self._impatience = self.loop.call_later(seconds, self.transport.abort) if seconds else None


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield

    def abort(self, client: tuple[str, int] | None) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, _Connection) and client and connection.client == client:
                connection.transport.abort()


class WebServer:
    """Serves `app` at `host`:`port` (0: any free one, then in `port`) while `run` runs.

    `closing` is called when it stops: whoever holds a stream open ends it. `settled` is set once the port is taken or
    cannot be. `certificate` and `key` are PEM files; without them it is plain HTTP.
    """

    def __init__(
        self,
        app: App,
        host: str,
        port: int,
        *,
        closing: Callable[[], None] = lambda: None,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self.host, self.port = host, port
        self.settled = asyncio.Event()
        self.is_serving = False
        self._app = app
        self._closing = closing
        self._certificate, self._key = certificate, key
        self._server: _Uvicorn | None = None

    @property
    def address(self) -> str:
        """Where it is, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._certificate else 'http'}://{host}:{self.port}"

    def cut(self, client: tuple[str, int] | None) -> None:
        """End the connection of a peer that does not keep up."""
        if self._server:
            self._server.abort(client)

    async def run(self) -> None:
        """Serve until cancelled."""
        told = False
        while True:
            try:
                server = self._server = self._make()
                listening = self._bind()
            except (OSError, ssl.SSLError) as error:
                self.settled.set()
                if not told:
                    log.error("the screens cannot be served at %s (%s); trying again", self.address, _reason(error))
                    told = True
                await asyncio.sleep(RETRY)
                continue
            if told:
                log.warning("the screens are served at %s", self.address)
                told = False
            await self._serve(server, listening)

    async def _serve(self, server: _Uvicorn, listening: socket.socket) -> None:
        serving = asyncio.create_task(server.serve([listening]), name="uvicorn")
        self.is_serving = True
        self.settled.set()
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._closing()
            server.should_exit = True
            await asyncio.wait((serving,), timeout=CLOSING + 1)
            raise
        finally:
            self.is_serving = False
            serving.cancel()
            listening.close()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Inherited by every connection: the kernel cuts a peer that acknowledges nothing, asyncio never would.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED * 1000))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            listening.bind((self.host, self.port))
            listening.listen(BACKLOG)  # here, so that whoever comes before uvicorn has started waits and is not refused
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        self.port = listening.getsockname()[1]
        return listening

    def _make(self) -> _Uvicorn:
        config = uvicorn.Config(
            self._app,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=CLOSING,
            ssl_certfile=self._certificate,
            ssl_keyfile=self._key,
        )
        # One line of ours says what is wrong, the guard's what failed; that a page did not read, or was still open at a
        # stop, is no error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config.load()
        return _Uvicorn(config)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "the certificate and its key do not fit"
    strerror = getattr(error, "strerror", None)
    return str(strerror or error).lower()
