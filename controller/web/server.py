"""The HTTP server inside the daemon's own loop: uvicorn without its signals, taking connections by rules of ours.

It is run like a device's session: a port that is taken is told once and tried again, and nobody else waits for it.
Connections are counted from when they are taken, before their encryption is agreed upon: devices keep their files.

Who somebody is, it learns from the head of a request: until that is whole, they are a stranger. A stranger is always
let in, and the slowest of them leaves for it; those who are signed in have places of their own, and leave for nobody.
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
"""Connections that may be open of people who are not signed in; for one more the slowest is closed."""
RESERVED = 200
"""Places beside those for whoever is signed in; beyond them, they are as strangers."""
PER_ACCOUNT = 64
"""Of these, those that one account may have."""
PER_ADDRESS = 100
"""Requests that strangers at one address may have under way; one more is refused. Also, connections of theirs that have
none; for one more the slowest is closed."""
NEAR = ("127.", "::1")
"""How addresses of this machine begin: through a proxy on it, everybody comes from there until their head is read."""
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


class _Connection(HttpToolsProtocol):
    """A connection that has to say something, in time and in few words.

    `asks` is told the headers of each request, and says whether it may be answered; `leaves` is called when it goes.
    """

    asks: Callable[[_Connection, Headers], bool]
    leaves: Callable[[_Connection], None]
    peer = ""
    """The address at its other end."""
    network = ""
    """Whose it is as far as is known: of a proxy's, that of its last request."""
    account = ""
    """Who is signed in on it and has a place reserved; empty: a stranger."""
    _timeout: asyncio.TimerHandle | None = None
    _head = 0
    _reading = False

    @property
    def is_served(self) -> bool:
        """Whether a request has come as a whole, and is being answered."""
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
        """Cut the connection unless there is news within `seconds`; None: wait for ever."""
        if self._timeout:
            self._timeout.cancel()
        self._timeout = self.loop.call_later(seconds, self.transport.abort) if seconds else None


class _Uvicorn(uvicorn.Server):
    """Takes connections from `listening` itself: uvicorn learns of them after their encryption only.

    `knows` tells from a request's headers which account is signed in; empty: none.
    """

    def __init__(self, config: uvicorn.Config, listening: socket.socket, knows: Callable[[Headers], str]) -> None:
        super().__init__(config)
        self._listening = listening
        self._knows = knows
        self._connections: dict[_Connection, asyncio.Task[None]] = {}
        """Whoever has come and not gone, the longest first, with what agrees upon the encryption."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield

    async def main_loop(self) -> None:
        """Let people in until it is to exit."""
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
        """For a stranger, who is always let in: they may turn out to be signed in."""
        self._leave_one(network)
        anonymous = [each for each in self._connections if not each.account]
        if len(anonymous) >= ANONYMOUS:
            # A proxy's connections belong to somebody else each.
            networks = Counter(each.network for each in anonymous if not each.network.startswith(NEAR))
            self._drop(max(anonymous, key=lambda each: (not each.is_served, networks.get(each.network, 1))))

    def _leave_one(self, network: str, besides: _Connection | None = None) -> None:
        """Of those at an address that are not being served, close the one that has been here longest for one more."""
        slow = [each for each in self._at(network) if each is not besides and not each.is_served]
        if len(slow) >= PER_ADDRESS:
            self._drop(slow[0])

    def _at(self, network: str) -> list[_Connection]:
        """The strangers at one address; of this machine none, where they are anybody's."""
        if network.startswith(NEAR):
            return []
        return [each for each in self._connections if each.network == network and not each.account]

    def _may_ask(self, connection: _Connection, headers: Headers) -> bool:
        """Whether a request may be answered; who asks is known from now on."""
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
            pass  # it said nothing, or nothing that is to be understood

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

    `closing` is called when it stops: whoever holds a stream open ends it. `settled` is set once the port is taken or
    cannot be. `knows` tells from a request's headers which account is signed in, empty for none, and never raises.
    `certificate` and `key` are PEM files; without them it is plain HTTP.
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
