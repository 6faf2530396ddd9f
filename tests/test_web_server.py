"""The door of the web server on a real port: who is let in, who has to go, and what happens when files run out."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from system.waiting import until

from bench import processes
from controller.web.addresses import Headers, network_of, origin
from controller.web.middleware import guarded
from controller.web.server import WebServer

FROM = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
HELLO = b"GET / HTTP/1.1\r\nHost: lobby\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: lobby\r\n\r\n"
SIGNED_IN = b"GET /wait HTTP/1.1\r\nHost: lobby\r\nX-Account: tv\r\n\r\n"

needs_openssl = pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed: apt-get install openssl")


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Says hello; at `/wait` it never does."""
    if scope["path"] == "/wait":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def knows(headers: Headers) -> str:
    """Whom everybody is taken for who says so."""
    return dict(headers).get(b"x-account", b"").decode()


def passed_on(request: bytes, *addresses: str) -> bytes:
    """A request as a proxy passes it on, from an address; what stood there before stands first."""
    line, rest = request.split(b"\r\n", 1)
    return b"\r\n".join((line, *(f"X-Forwarded-For: {address}".encode() for address in addresses), rest))


@asynccontextmanager
async def served(**more: Any) -> AsyncIterator[WebServer]:
    server = WebServer(guarded(app), "127.0.0.1", 0, knows=knows, **more)
    serving = asyncio.create_task(server.run())
    await server.settled.wait()
    try:
        yield server
    finally:
        serving.cancel()
        await asyncio.wait((serving,))


def busy(server: WebServer) -> int:
    """How many connections have asked something that is not answered."""
    assert server._server
    return sum(each.is_served for each in server._server._connections)


class Caller:
    """A connection from one of `FROM`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def is_open(self, seconds: float = 0.2) -> bool:
        """Whether it has not been closed within some time."""
        try:
            async with asyncio.timeout(seconds):
                return bool(await self.reader.read(1))
        except TimeoutError:
            return True
        except ConnectionError:
            return False

    async def hello(self, said: bytes = HELLO) -> bytes:
        """What is answered: status and the first of the body; nothing if the connection is closed."""
        self.writer.write(said)
        try:
            async with asyncio.timeout(30):
                head = await self.reader.readuntil(b"\r\n\r\n")
                return head[9:12] + await self.reader.readexactly(5)
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""


Come = Callable[..., Any]


@pytest.fixture
def come() -> Iterator[Come]:
    """Opens connections to a server, from an address; closed at the end."""
    opened: list[Caller] = []

    async def one(server: WebServer, address: str = FROM[0], said: bytes = b"", **more: Any) -> Caller:
        async with asyncio.timeout(30):
            caller = Caller(*await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0), **more))
        caller.writer.write(said)
        opened.append(caller)
        return caller

    yield one
    for caller in opened:
        caller.writer.transport.abort()


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses of this machine are as others are."""
    monkeypatch.setattr("controller.web.server.NEAR", ("none",))


@pytest.fixture
def pem(tmp_path: Path) -> dict[str, Path]:
    """A certificate and its key, as the server takes them."""
    pem, key = tmp_path / "lobby.pem", tmp_path / "lobby.key"
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    about = ("-days", "2", "-subj", "/CN=lobby", "-addext", "subjectAltName=IP:127.0.0.1")
    processes.run([*make, *about, "-keyout", key, "-out", pem], check=True, capture_output=True)
    return {"certificate": pem, "key": key}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("::2", "::/64"),
    ],
)
def test_whose_connections_are_counted_together(address: str, expected: str) -> None:
    assert network_of(address) == expected


@needs_openssl
async def test_who_says_nothing_where_it_is_encrypted_is_cut(
    pem: dict[str, Path], come: Come, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.HANDSHAKE", 0.3)
    async with served(**pem) as server:
        silent = await come(server)
        began = time.monotonic()
        assert not await silent.is_open(8)
        assert time.monotonic() - began < 4
        babbling = await come(server, said=b"this is no handshake\r\n\r\n")
        assert not await babbling.is_open(8) or not await babbling.is_open(8)


@needs_openssl
async def test_who_says_nothing_counts_also_where_it_is_encrypted(
    pem: dict[str, Path], come: Come, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("controller.web.server.ANONYMOUS", 5)
    tls = ssl.create_default_context(cafile=pem["certificate"])
    async with served(**pem) as server:
        silent = [await come(server) for _ in range(20)]
        await until_gone(silent[:15])
        assert [await caller.is_open() for caller in silent[15:]] == [True] * 5
        somebody = await come(server, ssl=tls)
        assert await somebody.hello() == b"200hello"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def until_gone(callers: list[Caller]) -> None:
    for caller in callers:
        assert not await caller.is_open(30)


@pytest.mark.usefixtures("far")
async def test_for_one_more_at_an_address_that_has_enough_the_slowest_there_goes(
    come: Come, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.PER_ADDRESS", 3)
    async with served() as server:
        other = await come(server, FROM[1])
        first = [await come(server, said=said) for said in (b"", b"GET / HT", b"")]
        fourth = await come(server)
        assert not await first[0].is_open(5)
        assert await fourth.hello() == b"200hello"
        assert [await caller.is_open() for caller in (other, *first[1:])] == [True] * 3


@pytest.mark.usefixtures("far")
async def test_an_address_asks_only_so_much_at_once_and_who_is_signed_in_there_asks_all_the_same(
    come: Come, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.PER_ADDRESS", 3)
    async with served() as server:
        asking = [await come(server, said=WAIT) for _ in range(3)]
        await until(lambda: busy(server) == 3)
        refused = await come(server)
        assert (await refused.hello())[:3] == b"503"
        signed_in = await come(server, said=SIGNED_IN)
        await until(lambda: busy(server) == 4)
        assert await (await come(server, FROM[1])).hello() == b"200hello"
        assert [await caller.is_open() for caller in (*asking, signed_in)] == [True] * 4
        asking[0].writer.transport.abort()
        await until(lambda: busy(server) == 3)
        assert await (await come(server)).hello() == b"200hello"


async def test_through_a_proxy_each_address_counts_and_nobody_is_counted_as_who_they_say(
    come: Come, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.PER_ADDRESS", 3)
    async with served() as server:
        forged = [passed_on(WAIT, f"198.51.100.{number}", "192.0.2.1") for number in range(3)]
        asking = [await come(server, said=said) for said in forged]
        await until(lambda: busy(server) == 3)
        assert (await (await come(server)).hello(passed_on(HELLO, "192.0.2.1")))[:3] == b"503"
        assert (await (await come(server)).hello(passed_on(HELLO, "192.0.2.2, 192.0.2.1")))[:3] == b"503"
        assert await (await come(server)).hello(passed_on(HELLO, "192.0.2.2")) == b"200hello"
        # A connection of the proxy's is whose the last request on it is.
        one = await come(server)
        for address in ("192.0.2.3", "192.0.2.4"):
            assert await one.hello(passed_on(HELLO, address)) == b"200hello"
        assert (await one.hello(passed_on(HELLO, "192.0.2.1")))[:3] == b"503"
        assert [await caller.is_open() for caller in asking] == [True] * 3


@pytest.mark.parametrize(
    ("peer", "passed", "expected"),
    [
        ("192.0.2.7", [b"198.51.100.1"], "192.0.2.7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("::ffff:127.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("::1", [b"198.51.100.1, 192.0.2.7", b"192.0.2.8,2001:db8::1 "], "2001:db8::1"),
        ("127.0.0.1", [b"198.51.100.1, unknown"], "127.0.0.1"),
        ("127.0.0.1", [b"\xff"], "127.0.0.1"),
        ("", [b"198.51.100.1"], ""),
    ],
)
def test_where_a_request_comes_from(peer: str, passed: list[bytes], expected: str) -> None:
    headers = [(b"host", b"lobby"), *((b"x-forwarded-for", value) for value in passed)]
    assert origin(peer, headers) == expected


async def test_this_machine_has_as_many_as_there_are(come: Come, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.server.PER_ADDRESS", 3)
    async with served() as server:
        callers = [await come(server) for _ in range(9)]
        assert [await caller.hello() for caller in callers] == [b"200hello"] * 9


@pytest.mark.usefixtures("far")
async def test_for_a_newcomer_the_slowest_goes_from_where_most_have_come(
    come: Come, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.ANONYMOUS", 6)
    async with served() as server:
        single = await come(server, FROM[1])
        asking = await come(server, FROM[0], WAIT)
        await until(lambda: busy(server) == 1)
        done = await come(server, FROM[0])
        assert await done.hello() == b"200hello"
        many = [await come(server, FROM[0], b"GET / HT") for _ in range(3)]
        assert await (await come(server, FROM[2])).hello() == b"200hello"
        assert not await done.is_open(30)
        assert await (await come(server, FROM[3])).hello() == b"200hello"
        assert not await many[0].is_open(30)
        assert [await caller.is_open() for caller in (single, asking, *many[1:])] == [True] * 4


async def test_a_newcomer_is_let_in_also_where_everybody_is_being_served(
    come: Come, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.ANONYMOUS", 3)
    async with served() as server:
        asking = [await come(server, said=WAIT) for _ in range(3)]
        await until(lambda: busy(server) == 3)
        assert await (await come(server)).hello() == b"200hello"
        assert [await caller.is_open() for caller in asking] == [False, True, True]


async def test_who_is_signed_in_leaves_for_nobody_and_has_only_so_many_places(
    come: Come, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.ANONYMOUS", 3)
    monkeypatch.setattr("controller.web.server.PER_ACCOUNT", 2)
    async with served() as server:
        signed_in = [await come(server, said=SIGNED_IN) for _ in range(4)]
        await until(lambda: busy(server) == 4)
        strangers = [await come(server, said=b"GET / HT") for _ in range(3)]
        last = await come(server)
        assert await last.hello() == b"200hello"
        await until_gone(strangers)
        assert [await caller.is_open() for caller in signed_in] == [True] * 4
        # The two that are beyond their account's places are as strangers who are being served: they leave last.
        more = [await come(server, said=WAIT) for _ in range(3)]
        await until_gone(signed_in[2:])
        assert [await caller.is_open() for caller in (*signed_in[:2], *more)] == [True] * 5


async def test_the_body_of_an_answer_does_not_wait_for_its_head_to_be_acknowledged(come: Come) -> None:
    async with served() as server:
        assert await (await come(server)).hello() == b"200hello"
        assert server._server
        (known,) = server._server._connections
        connection = known.transport.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_where_files_run_out_it_is_told_once_and_goes_on(
    come: Come, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.FULL", 0.02)
    async with served() as server:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as caller:
            caller.setblocking(False)
            free = os.dup(caller.fileno())
            os.close(free)
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
                await asyncio.get_running_loop().sock_connect(caller, ("127.0.0.1", server.port))
                await until(lambda: "nobody else can open a page" in caplog.text)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await asyncio.get_running_loop().sock_recv(caller, 1)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            await asyncio.get_running_loop().sock_sendall(caller, HELLO)
            async with asyncio.timeout(30):
                assert (await asyncio.get_running_loop().sock_recv(caller, 100)).startswith(b"HTTP/1.1 200")
    (told,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert told.getMessage() == "nobody else can open a page at the moment (too many open files)"
    assert not told.exc_info
