"""The HTTP server inside the daemon's own loop: uvicorn without its signals, behind a door of ours.

It is run like a device's session: a port that is taken is told once and tried again, and nobody else waits for it.
The door counts whoever has come, also before the encryption is agreed upon, so that devices keep their files.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from controller.web.access import place_of

log = logging.getLogger(__name__)

App = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""

CONNECTIONS = 400
"""Connections that may be open; for one more an idle one is closed, or else it is."""
PER_ADDRESS = 100
"""Connections that one address may have open, those of `NEAR` excepted; one more is closed at once."""
NEAR = ("127.", "::1")
"""How addresses of this machine begin: through a proxy on it, everybody comes from there."""
HANDSHAKE = 5.0
"""Seconds in which a new connection's encryption has to be agreed upon, and one that ends has to say so."""
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
FULL = 1.0
"""Seconds for which nobody is let in when the system has no more files."""
TELL_AGAIN = 600.0
"""Seconds after which that is told again."""


def household(address: str) -> str:
    """Whose connections are counted together: an address, or a network of IPv6 that one customer has."""
    host = ip_address(address)
    if isinstance(host, IPv6Address) and (host.is_loopback or host.is_link_local):
        return str(host)  # all of a link share the network of the link's own addresses
    return place_of(address)


class _Connection(HttpToolsProtocol):
    """A connection that has to say something, in time and in few words; `leaves` is called when it goes."""

    leaves: Callable[[_Connection], None]
    _impatience: asyncio.TimerHandle | None = None
    _head = 0
    _reading = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing has been asked that is not answered."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self._reading and not self.pipeline

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(FIRST_REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self.leaves(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # The parser has no limit of its own, and keeps whatever comes until a head is whole.
        self._head += len(data)
        super().data_received(data)
        if self._head > HEAD_LIMIT and not self.transport.is_closing():
            self.transport.abort()

    def on_message_begin(self) -> None:
        self._head = 0
        self._reading = True
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
        self._reading = False
        self._wait(None)
        super().on_message_complete()

    def _wait(self, seconds: float | None) -> None:
        """Cut the connection unless there is news within `seconds`; None: wait for ever."""
        if self._impatience:
            self._impatience.cancel()
        self._impatience = self.loop.call_later(seconds, self.transport.abort) if seconds else None


class _Uvicorn(uvicorn.Server):
    """Takes connections from `listening` itself: uvicorn learns of them after their encryption only."""

    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        super().__init__(config)
        self._listening = listening
        self._guests: dict[_Connection, tuple[str, asyncio.Task[None]]] = {}
        """Whoever has come and not gone, the longest first, with its household."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield

    async def main_loop(self) -> None:
        """Let people in until it is to exit."""
        door = asyncio.create_task(self._open_the_door(), name="door")
        door.add_done_callback(self._shut)
        try:
            await super().main_loop()
        finally:
            door.cancel()
            await asyncio.wait((door,))
            self._listening.close()
            for guest in [guest for guest in self._guests if not guest.transport]:
                self._show_out(guest)
        if not door.cancelled():
            door.result()

    async def _open_the_door(self) -> None:
        loop = asyncio.get_running_loop()
        told_at = -math.inf
        while True:
            try:
                connection, address = await loop.sock_accept(self._listening)
            except ConnectionError:
                continue  # it has gone again
            except OSError as error:
                if loop.time() - told_at > TELL_AGAIN:
                    log.error("nobody else can open a page at the moment (%s)", _reason(error))
                    told_at = loop.time()
                await asyncio.sleep(FULL)
                continue
            house = household(address[0])
            if not self._has_room(house):
                connection.close()
                continue
            guest = _Connection(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
            guest.leaves = self._forget
            greeting = asyncio.create_task(self._greet(guest, connection), name="greeting")
            greeting.add_done_callback(partial(self._greeted, guest, connection))
            self._guests[guest] = house, greeting

    def _has_room(self, house: str) -> bool:
        """Whether one more may come in. Somebody idle has to leave for it where all places are taken."""
        houses = Counter(each for each, _ in self._guests.values())
        if houses[house] >= PER_ADDRESS and not house.startswith(NEAR):
            return False
        if len(self._guests) < CONNECTIONS:
            return True
        idle = [(guest, each) for guest, (each, _) in self._guests.items() if guest.is_idle]
        if not idle:
            return False
        # A proxy's idle connections belong to somebody else each: they go last.
        guest, _ = max(idle, key=lambda found: (not found[1].startswith(NEAR), houses[found[1]]))
        self._show_out(guest)
        return True

    async def _greet(self, guest: _Connection, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        limits = {"ssl_handshake_timeout": HANDSHAKE, "ssl_shutdown_timeout": HANDSHAKE} if self.config.ssl else {}
        try:
            await loop.connect_accepted_socket(lambda: guest, connection, ssl=self.config.ssl, **limits)
        except OSError:
            pass  # it said nothing, or nothing that is to be understood

    def _greeted(self, guest: _Connection, connection: socket.socket, greeting: asyncio.Task[None]) -> None:
        if not guest.transport:
            self._forget(guest)
            connection.close()

    def _show_out(self, guest: _Connection) -> None:
        _, greeting = self._guests.pop(guest)
        greeting.cancel()
        if guest.transport:
            guest.transport.abort()

    def _forget(self, guest: _Connection) -> None:
        self._guests.pop(guest, None)

    def _shut(self, door: asyncio.Task[None]) -> None:
        self.should_exit = True

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
                config = self._make()
                listening = self._bind()
            except (OSError, ssl.SSLError) as error:
                self.settled.set()
                if not told:
                    log.error("the screens cannot be served at %s (%s); trying again", self.address, _reason(error))
                    told = True
                await asyncio.sleep(RETRY)
                continue
            log.log(logging.WARNING if told else logging.INFO, "the screens are served at %s", self.address)
            told = False
            await self._serve(config, listening)

    async def _serve(self, config: uvicorn.Config, listening: socket.socket) -> None:
        server = self._server = _Uvicorn(config, listening)
        serving = asyncio.create_task(server.serve([]), name="uvicorn")
        serving.add_done_callback(lambda _: listening.close())
        self.settled.set()
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._closing()
            server.should_exit = True
            await asyncio.wait((serving,), timeout=CLOSING + 1)
            raise
        finally:
            serving.cancel()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Inherited by every connection: the kernel cuts a peer that acknowledges nothing, asyncio never would.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED * 1000))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            # An answer's body is written after its head, and must not wait 40 ms for that to be acknowledged.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listening.bind((self.host, self.port))
            listening.listen(BACKLOG)  # here, so that whoever comes before uvicorn has started waits and is not refused
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        self.port = listening.getsockname()[1]
        return listening

    def _make(self) -> uvicorn.Config:
        config = uvicorn.Config(
            self._app,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=CLOSING,
            ssl_certfile=self._certificate,
            ssl_keyfile=self._key,
        )
        # One line of ours says what is wrong, the guard's what failed; that a page did not read, or was still open at a
        # stop, is no error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config.load()
        return config


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "the certificate and its key do not fit"
    strerror = getattr(error, "strerror", None)
    return str(strerror or error).lower()
