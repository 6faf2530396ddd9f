"""The HTTP server inside the daemon's own loop: uvicorn without its signal handlers, with limits on connections.

It is run like a device's session: a port that is taken is logged once and tried again, and nothing else waits for it.
Connections are counted from when they are accepted, before the TLS handshake, so that file descriptors remain for the
devices.

The account is known from the head of a request: until that is complete, a connection is anonymous. A new anonymous
connection is always accepted, and the slowest one is closed for it; connections that are signed in have places of their
own, and are never closed for another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from controller.web.addresses import Headers, network_of, origin
from controller.web.asgi import App
from controller.web.middleware.concurrency_limit import OVER_LIMIT

log = logging.getLogger(__name__)

ANONYMOUS = 300
"""Most connections that are not signed in; for one more the slowest is closed."""
RESERVED = 200
"""Further connections for accounts that are signed in; beyond these, they count as anonymous."""
PER_ACCOUNT = 64
"""Most of these that one account may have."""
PER_ADDRESS = 100
"""Most concurrent requests of anonymous connections from one address; one more is refused. Also their most connections
without a request; for one more the slowest is closed."""
NEAR = ("127.", "::1")
"""How addresses of this machine begin: behind a proxy on it, all clients have one until their head is read."""
HANDSHAKE = 5.0
"""Seconds for the TLS handshake of a new connection, and for the closing of one that ends."""
FIRST_REQUEST = 10.0
"""Seconds within which a new connection must begin a request."""
REQUEST = 15.0
"""Seconds within which a request that has begun must be complete; a slow body is refused before, with an answer."""
HEAD_LIMIT = 64 * 1024
"""Bytes of a request before its body, and after it."""
BACKLOG = 512
"""Connections that may wait to be accepted."""
STALLED = 15.0
"""Seconds for which a peer may leave unread what it is sent, before its connection is cut."""
SEND_BUFFER = 64 * 1024
"""Bytes that the kernel keeps for a peer that does not read."""
CLOSING = 2
"""Seconds in which requests may end when the server stops."""
RETRY = 5.0
"""Seconds between two tries to take a port that another program has."""
FULL = 1.0
"""Seconds without accepting connections when the system has no more file descriptors."""
TELL_AGAIN = 600.0
"""Seconds between two log lines about that."""


class _Connection(HttpToolsProtocol):
    """A connection with limits on the time and size of its requests.

    `asks` is given the headers of each request, and says whether it may be answered; `leaves` is called at the end.
    """

    asks: Callable[[_Connection, Headers], bool]
    leaves: Callable[[_Connection], None]
    peer = ""
    """The address at its other end."""
    network = ""
    """The client's network as far as is known: behind a proxy, of the last request."""
    account = ""
    """The account that is signed in on it and has a reserved place; empty: anonymous."""
    _timeout: asyncio.TimerHandle | None = None
    _head = 0
    _reading = False

    @property
    def is_served(self) -> bool:
        """Whether a request is complete, and is being answered."""
        return self.cycle is not None and not self.cycle.response_complete and not self._reading

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
        self.scope["state"][OVER_LIMIT] = not self.asks(self, self.headers)
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
        """Abort the connection unless this is called again within `seconds`; None: no limit."""
        if self._timeout:
            self._timeout.cancel()
        self._timeout = self.loop.call_later(seconds, self.transport.abort) if seconds else None


class _Uvicorn(uvicorn.Server):
    """Accepts connections from `listening` itself: uvicorn gets them only after the TLS handshake.

    `knows`: the account that is signed in by a request's headers; empty: none.
    """

    def __init__(self, config: uvicorn.Config, listening: socket.socket, knows: Callable[[Headers], str]) -> None:
        super().__init__(config)
        self._listening = listening
        self._knows = knows
        self._connections: dict[_Connection, asyncio.Task[None]] = {}
        """The open connections, oldest first, each with the task of its TLS handshake."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are handled by the daemon."""
        yield

    async def main_loop(self) -> None:
        """Accept connections until the server is to stop."""
        accepting = asyncio.create_task(self._accept(), name="accepting")
        accepting.add_done_callback(self._shut)
        try:
            await super().main_loop()
        finally:
            accepting.cancel()
            await asyncio.wait((accepting,))
            self._listening.close()
            for connection in [each for each in self._connections if not each.transport]:
                self._drop(connection)
        if not accepting.cancelled():
            accepting.result()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        told_at = -math.inf
        while True:
            try:
                accepted, address = await loop.sock_accept(self._listening)
            except ConnectionError:
                continue  # it has gone again
            except OSError as error:
                if loop.time() - told_at > TELL_AGAIN:
                    log.error("nobody else can open a page at the moment (%s)", _reason(error))
                    told_at = loop.time()
                await asyncio.sleep(FULL)
                continue
            network = network_of(address[0])
            self._make_room(network)
            connection = _Connection(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
            connection.peer, connection.network = address[0], network
            connection.asks, connection.leaves = self._may_ask, self._forget
            handshake = asyncio.create_task(self._handshake(connection, accepted), name="handshake")
            handshake.add_done_callback(partial(self._handshake_ended, connection, accepted))
            self._connections[connection] = handshake

    def _make_room(self, network: str) -> None:
        """Make room for a new connection, which is always accepted: it may turn out to be signed in."""
        self._leave_one(network)
        anonymous = [each for each in self._connections if not each.account]
        if len(anonymous) >= ANONYMOUS:
            # Each connection of a proxy belongs to another client.
            networks = Counter(each.network for each in anonymous if not each.network.startswith(NEAR))
            self._drop(max(anonymous, key=lambda each: (not each.is_served, networks.get(each.network, 1))))

    def _leave_one(self, network: str, besides: _Connection | None = None) -> None:
        """Of the connections from a network that are not being served, close the oldest if there are too many."""
        slow = [each for each in self._at(network) if each is not besides and not each.is_served]
        if len(slow) >= PER_ADDRESS:
            self._drop(slow[0])

    def _at(self, network: str) -> list[_Connection]:
        """The anonymous connections from one network; for this machine none, since they may be anybody's."""
        if network.startswith(NEAR):
            return []
        return [each for each in self._connections if each.network == network and not each.account]

    def _may_ask(self, connection: _Connection, headers: Headers) -> bool:
        """Whether a request may be answered; sets the connection's account and network."""
        connection.network = network_of(origin(connection.peer, headers))
        connection.account = ""
        account = self._knows(headers)
        reserved = Counter(each.account for each in self._connections if each.account)
        if account and reserved[account] < PER_ACCOUNT and reserved.total() < RESERVED:
            connection.account = account
            return True
        self._leave_one(connection.network, connection)
        return sum(other.is_served for other in self._at(connection.network) if other is not connection) < PER_ADDRESS

    async def _handshake(self, connection: _Connection, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        limits = {"ssl_handshake_timeout": HANDSHAKE, "ssl_shutdown_timeout": HANDSHAKE} if self.config.ssl else {}
        try:
            await loop.connect_accepted_socket(lambda: connection, accepted, ssl=self.config.ssl, **limits)
        except OSError:
            pass  # no handshake, or a broken one

    def _handshake_ended(self, connection: _Connection, accepted: socket.socket, handshake: asyncio.Task[None]) -> None:
        if not connection.transport:
            self._forget(connection)
            accepted.close()

    def _drop(self, connection: _Connection) -> None:
        self._connections.pop(connection).cancel()
        if connection.transport:
            connection.transport.abort()

    def _forget(self, connection: _Connection) -> None:
        self._connections.pop(connection, None)

    def _shut(self, accepting: asyncio.Task[None]) -> None:
        self.should_exit = True

    def abort(self, client: tuple[str, int] | None) -> None:
        for known in list(self.server_state.connections):
            if isinstance(known, _Connection) and client and known.client == client:
                known.transport.abort()


class WebServer:
    """Serves `app` at `host`:`port` (0: any free one, then in `port`) while `run` runs.

    `closing` is called when it stops, and must end open streams. `settled` is set once it listens, or cannot. `knows`:
    the account that is signed in by a request's headers, empty for none; never raises. `certificate` and `key` are PEM
    files; without them it is plain HTTP.
    """

    def __init__(
        self,
        app: App,
        host: str,
        port: int,
        *,
        closing: Callable[[], None] = lambda: None,
        knows: Callable[[Headers], str] = lambda headers: "",
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self.host, self.port = host, port
        self.settled = asyncio.Event()
        self._app = app
        self._closing = closing
        self._knows = knows
        self._certificate, self._key = certificate, key
        self._server: _Uvicorn | None = None

    @property
    def address(self) -> str:
        """Its URL, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._certificate else 'http'}://{host}:{self.port}"

    def cut(self, client: tuple[str, int] | None) -> None:
        """Abort the connection of a peer that does not keep up."""
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
        server = self._server = _Uvicorn(config, listening, self._knows)
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
            # Inherited by every connection: the kernel drops a peer that acknowledges nothing; asyncio never would.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED * 1000))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            # An answer's body is written after its head, and must not wait 40 ms for that to be acknowledged.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listening.bind((self.host, self.port))
            listening.listen(BACKLOG)  # here, so that clients before uvicorn's start wait and are not refused
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
        # Our own log lines suffice; that a page did not read, or was still open at a stop, is no error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config.load()
        return config


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "the certificate and its key do not fit"
    strerror = getattr(error, "strerror", None)
    return str(strerror or error).lower()
