"""A lobby whose pages are served, and clients of them.

Requests are bytes on a socket, so that also those can be sent that no well-behaved client sends.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bench.ports import free_port
from controller.clock import Clock
from controller.config import Settings
from controller.daemon import Daemon
from controller.web.accounts import Accounts
from controller.web.roles import Role
from system.branch import HOUSE, Branch

PIN = "739154"


TEN = datetime(2026, 3, 2, 10, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
"""When a lobby of these tests begins its day, in seconds since 1970."""


WEB = """
[web]
listen = "127.0.0.1:{port}"
url = "http://127.0.0.1:{port}"
"""


# -- requests ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """An answer. Names of headers are in small letters."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """All values of a header, in one."""
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of a refusal, which has to be problem details."""
        assert self.header("content-type") == "application/problem+json", self
        assert {"type", "status", "code", "detail"} <= self.json.keys()
        assert self.json["status"] == self.status
        return self.status, self.json["code"]


def parsed(answer: bytes) -> Reply:
    """An answer as it came; AssertionError if it is none."""
    head, ends, body = answer.partition(b"\r\n\r\n")
    assert ends, answer
    first, *lines = head.decode().split("\r\n")
    assert first.startswith("HTTP/1.1 "), first
    headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
    if ("transfer-encoding", "chunked") in headers:
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
        body = whole
    return Reply(int(first.split()[1]), headers, body)


async def exchange(
    port: int, sent: bytes, *, tls: ssl.SSLContext | None = None, seconds: float = 30.0, address: str = "127.0.0.1"
) -> bytes:
    """All that comes back for some bytes from an address until the connection is closed."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, local_addr=(address, 0))
        try:
            writer.write(sent)
            answer = b""
            try:
                while more := await reader.read(65536):
                    answer += more
            except ConnectionError:
                pass  # cut, after what has come
            return answer
        finally:
            writer.transport.abort()


def request(method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """A request as bytes, after which the connection is closed."""
    lines = [f"{method} {path} HTTP/1.1", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in ({"Host": "lobby"} | headers).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


@dataclass(frozen=True)
class Client:
    """Somebody who sends requests to a port, with some headers on each."""

    port: int
    headers: dict[str, str]
    tls: ssl.SSLContext | None = None

    async def send(
        self, method: str, path: str, content: object = None, *, body: bytes | None = None, **headers: str
    ) -> Reply:
        """One request; a header's name has `_` for `-`."""
        named = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            body = json.dumps(content).encode()
        if body is not None:
            named = {"Content-Type": "application/json"} | named
        return parsed(await exchange(self.port, request(method, path, named, body), tls=self.tls))

    async def visit(self, path: str, address: str) -> Reply:
        """A page, asked for from an address of this machine."""
        return parsed(await exchange(self.port, request("GET", path, self.headers), address=address))

    async def get(self, path: str, **headers: Any) -> Reply:
        return await self.send("GET", path, **headers)

    async def post(self, path: str, content: object, **headers: Any) -> Reply:
        return await self.send("POST", path, content, **headers)

    async def key(self, counter: str, key: str, digits: str = "", **headers: str) -> Reply:
        """A press at a counter."""
        return await self.post(f"/api/counters/{counter}/keys", {"key": key, "digits": digits}, **headers)

    async def take(self, service: str = "cash", **headers: str) -> str:
        """A ticket."""
        reply = await self.post("/api/tickets", {"service": service, "class": "normal"}, **headers)
        assert reply.status == 200, reply
        return str(reply.json["ticket"])

    def without(self, *names: str) -> Client:
        """The same, less some headers."""
        return Client(self.port, {name: value for name, value in self.headers.items() if name not in names}, self.tls)

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[Stream]:
        """A page's stream, after its head."""
        stream = Stream(*await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls))
        try:
            await stream.ask(path, self.headers)
            yield stream
        finally:
            stream.close()


class Stream:
    """Server-sent events, read strictly."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._rest = b""
        self.reply = Reply(0, [], b"")

    async def ask(self, path: str, headers: dict[str, str]) -> None:
        lines = [f"GET {path} HTTP/1.1", "Host: lobby", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(30):
            self.reply = parsed(await self._reader.readuntil(b"\r\n\r\n"))

    async def next(self, seconds: float = 30.0) -> tuple[str, Any]:
        """The next event and its data; ("", None) at the end of the stream."""
        async with asyncio.timeout(seconds):
            while b"\n\n" not in self._rest:
                try:
                    size = int((await self._reader.readuntil(b"\r\n")).strip(), 16)
                    self._rest += (await self._reader.readexactly(size + 2))[:size]
                except (asyncio.IncompleteReadError, ConnectionError):
                    return "", None
                if not size:
                    return "", None
        event, _, self._rest = self._rest.partition(b"\n\n")
        name, data = event.decode().split("\n")
        assert name.startswith("event: "), event
        assert data.startswith("data: "), event
        return name[7:], json.loads(data[6:])

    async def view(self, wanted: Callable[[Any], object] = lambda view: True) -> Any:
        """The next picture that is wanted; the end of the stream is none."""
        while True:
            event, data = await self.next()
            assert event in ("hello", "view", "ping"), (event, data)
            if event == "view" and wanted(data):
                return data

    async def end(self, seconds: float = 30.0) -> Any:
        """What is said at the end, after which the stream has to be closed."""
        async with asyncio.timeout(seconds):
            while True:
                event, data = await self.next()
                assert event, "the stream has ended without a word"
                if event == "end":
                    assert await self.next() == ("", None)
                    return data

    def close(self) -> None:
        self._writer.transport.abort()


# -- a lobby -------------------------------------------------------------------------------------------------


@dataclass
class Served:
    """A running branch with screens; `skip` moves its clock on."""

    daemon: Daemon
    settings: Settings
    accounts: Accounts
    hands: Hands
    tls: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        assert self.settings.web
        return self.settings.web.port

    @property
    def anybody(self) -> Client:
        """Nobody that is known."""
        return Client(self.port, {}, self.tls)

    async def sign_in(self, name: str, pin: str = PIN, **headers: str) -> Reply:
        return await self.anybody.post("/api/session", {"name": name, "pin": pin}, **headers)

    async def person(self, name: str, role: Role = "manager", counter: str = "") -> Client:
        """Somebody who has just signed in with a PIN, as a browser does."""
        if name not in {account.name for account in self.accounts.all()}:
            self.accounts.add(name, role, counter, PIN)
        reply = await self.sign_in(name)
        assert reply.status == 200, reply
        cookie = reply.header("set-cookie").partition(";")[0]
        return Client(self.port, {"Cookie": cookie, "X-CSRF-Token": reply.json["csrf"]}, self.tls)

    def device(self, name: str, role: Role = "manager", counter: str = "") -> Client:
        """A program that sends its token with each request."""
        return Client(self.port, {"Authorization": f"Bearer {self.accounts.add(name, role, counter)}"}, self.tls)

    async def screen(self, name: str, role: Role = "screen", counter: str = "") -> Client:
        """A device's page that has just been signed in with its token, as a browser does."""
        reply = await self.anybody.post("/api/session", {"token": self.accounts.add(name, role, counter)})
        cookie = reply.header("set-cookie").partition(";")[0]
        return Client(self.port, {"Cookie": cookie, "X-CSRF-Token": reply.json["csrf"]}, self.tls)

    def rows(self, kind: str) -> list[tuple[dict[str, Any], str]]:
        """Content and cause of the journal's rows of a kind."""
        return rows_of(self.settings.journal_path, kind)


def rows_of(path: Path, kind: str) -> list[tuple[dict[str, Any], str]]:
    """Content and cause of a journal's rows of a kind."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        found = journal.execute("SELECT data, cause FROM event WHERE kind = ? ORDER BY seq", (kind,))
        return [(json.loads(data), cause) for data, cause in found]


class Hands:
    """A clock that goes on by itself, and that can be moved on."""

    def __init__(self) -> None:
        self._started, self._skipped = time.monotonic(), 0.0
        self._held = False

    def now(self) -> float:
        """Seconds since 1970."""
        return TEN + self._skipped + (0 if self._held else time.monotonic() - self._started)

    def hold(self) -> None:
        """From now on it goes on only by `skip`."""
        self._skipped, self._held = self.now() - TEN, True

    def skip(self, seconds: float) -> None:
        self._skipped += seconds

    @property
    def clock(self) -> Clock:
        """As the daemon has it."""
        return Clock(wall=lambda: int(self.now() * 1000))


Serve = Callable[..., Any]


def said(caplog: pytest.LogCaptureFixture, word: str) -> list[str]:
    """The lines of the log with this in them."""
    return [record.getMessage() for record in caplog.records if word in record.getMessage()]


# -- a daemon in a process of its own ------------------------------------------------------------------------


@asynccontextmanager
async def process(directory: Path) -> AsyncIterator[tuple[Branch, Client]]:
    """`lobby run`, and its manager."""
    port = free_port()
    async with Branch(directory, port, (HOUSE, WEB)) as branch:
        assert branch.settings.web
        with closing(Accounts(branch.settings.web.accounts, time.time)) as accounts:
            token = accounts.add("li", "manager")
        client = Client(port, {"Authorization": f"Bearer {token}"})
        await on_screen(client)
        yield branch, client


async def on_screen(client: Client) -> None:
    """Until the screens are served, a moment after the daemon is ready."""
    async with asyncio.timeout(30):
        while True:
            try:
                if (await client.get("/health")).status == 200:
                    return
            except OSError:
                await asyncio.sleep(0.01)
