"""The screens from the network's side: who gets in, what may be sent, what comes back, and what it does to the lobby.

Requests are bytes on a socket, so that also those can be sent that no well-behaved client sends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from shutil import which
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
import qrcode
from prometheus_client.parser import text_string_to_metric_families

from bench import processes
from controller.clock import Clock
from controller.config import Settings, read
from controller.daemon import Daemon
from controller.lobby.actions.take_ticket import TakeTicket
from controller.web import app as web_app
from controller.web.accounts import Accounts
from controller.web.accounts_file import AccountsFile
from controller.web.roles import Role
from controller.web.server import WebServer
from simulators.branch import running
from simulators.slow_clients import BEGINNINGS, slow_connections
from system.branch import HOUSE, LOBBY, Branch
from system.broker import free_port
from system.proxy import proxy
from system.test_faults import FileSizeLimit
from system.waiting import until

PIN = "739154"
TEN = datetime(2026, 3, 2, 10, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
"""When a lobby of these tests begins its day, in seconds since 1970."""

WEB = """
[web]
listen = "127.0.0.1:{port}"
url = "http://127.0.0.1:{port}"
"""

NOT_SIGNED_IN, FORBIDDEN = 401, 403


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


@pytest.fixture
def serve(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Serve:
    """Runs a branch with screens: its configuration's text, and how that is changed. No traceback may be logged."""
    caplog.set_level(logging.INFO)

    @asynccontextmanager
    async def started(
        *more: str, tls: ssl.SSLContext | None = None, change: Callable[[str], str] = lambda text: text
    ) -> AsyncIterator[Served]:
        config = tmp_path / "branch.toml"
        text = "".join((HOUSE, WEB, *more)).format(id="b-web", directory=tmp_path, port=free_port())
        config.write_text(change(text), "utf-8")
        settings, hands = read(config), Hands()
        assert settings.web
        async with running(settings, hands.clock) as daemon:
            await asyncio.wait_for(daemon.on_screen.wait(), 20)
            with closing(Accounts(settings.web.accounts, hands.now)) as accounts:
                yield Served(daemon, settings, accounts, hands, tls)
        assert not [record for record in caplog.records if record.exc_info], caplog.text

    return started


def said(caplog: pytest.LogCaptureFixture, word: str) -> list[str]:
    """The lines of the log with this in them."""
    return [record.getMessage() for record in caplog.records if word in record.getMessage()]


# -- getting in ----------------------------------------------------------------------------------------------


async def test_a_pin_lets_in_and_its_cookie_is_for_us_alone(serve: Serve) -> None:
    async with serve() as lobby:
        lobby.accounts.add("li", "manager", pin=PIN)
        reply = await lobby.sign_in("li")
        assert {**reply.json, "csrf": ""} == {
            "name": "li",
            "role": "manager",
            "counter": "",
            "csrf": "",
            "home": "/console",
        }
        cookie = reply.header("set-cookie")
        flags = {flag.strip().lower() for flag in cookie.split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/", f"max-age={14 * 3600}"} <= flags
        assert "secure" not in flags
        li = await lobby.person("li")
        assert (await li.get("/api/session")).json["name"] == "li"
        assert (await li.send("DELETE", "/api/session")).status == 204
        assert (await li.get("/api/session")).refusal == (401, "not_signed_in")


async def test_a_device_that_comes_again_goes_on_with_its_session_and_another_begins_one(serve: Serve) -> None:
    async with serve() as lobby:
        tokens = [lobby.accounts.add(name, "screen") for name in ("tv-1", "tv-2")]
        first = await lobby.anybody.post("/api/session", {"token": tokens[0]})
        cookie = first.header("set-cookie").partition(";")[0]
        again = await lobby.anybody.post("/api/session", {"token": tokens[0]}, Cookie=cookie)
        assert again.json["csrf"] == first.json["csrf"]
        assert again.header("set-cookie") == ""
        other = await lobby.anybody.post("/api/session", {"token": tokens[1]}, Cookie=cookie)
        assert other.json["csrf"] != first.json["csrf"]
        assert other.header("set-cookie")


async def test_a_pin_begins_a_session_of_its_own_whoever_was_signed_in(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        again = await lobby.sign_in("li", Cookie=li.headers["Cookie"])
        assert again.json["csrf"] != li.headers["X-CSRF-Token"]
        wrong = await lobby.sign_in("li", "000111", Cookie=li.headers["Cookie"])
        assert wrong.refusal == (401, "wrong_pin")
        assert (await li.get("/api/session")).json["name"] == "li"


async def test_where_the_address_is_encrypted_the_cookie_never_goes_out_unencrypted(serve: Serve) -> None:
    async with serve(change=lambda text: text.replace('url = "http://', 'url = "https://')) as lobby:
        lobby.accounts.add("li", "manager", pin=PIN)
        assert "secure" in (await lobby.sign_in("li")).header("set-cookie").lower()


async def test_thirty_wrong_pins(serve: Serve) -> None:
    async with serve() as lobby:
        lobby.accounts.add("li", "manager", pin=PIN)
        lobby.hands.hold()
        replies = [await lobby.sign_in("li", "000111") for _ in range(30)]
        assert [reply.refusal for reply in replies] == [(401, "wrong_pin")] * 3 + [(429, "too_many_tries")] * 27
        refused = await lobby.sign_in("li")
        assert refused.refusal == (429, "too_many_tries")
        assert str(refused.json["wait"]) == refused.header("retry-after")
        lobby.hands.skip(refused.json["wait"])
        assert (await lobby.sign_in("li")).status == 200
        assert (await lobby.sign_in("li", "000111")).status == 401


async def test_wrong_pins_through_a_proxy_on_this_machine_count_for_who_sent_them(serve: Serve) -> None:
    async with serve() as lobby:
        lobby.accounts.add("li", "manager", pin=PIN)
        lobby.hands.hold()
        stranger = "192.0.2.66"
        for forged in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            refused = await lobby.sign_in("li", "000111", X_Forwarded_For=f"{forged}, {stranger}")
            assert refused.refusal == (401, "wrong_pin")
        for passed in (stranger, f"192.0.2.4,{stranger}", f"{PIN}, {stranger}"):
            assert (await lobby.sign_in("li", X_Forwarded_For=passed)).refusal == (429, "too_many_tries")
        assert (await lobby.sign_in("li", X_Forwarded_For=f"{stranger}, 192.0.2.7")).status == 200
        for nothing in ("", "unknown", "192.0.2.66:80", ","):
            assert (await lobby.sign_in("li", X_Forwarded_For=nothing)).status == 200


async def test_who_signs_in_and_out_and_who_fails_is_in_the_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as lobby:
        token = lobby.accounts.add("tv", "screen")
        li = await lobby.person("li")
        assert (await li.send("DELETE", "/api/session")).status == 204
        assert (await lobby.anybody.post("/api/session", {"token": token}, X_Forwarded_For="192.0.2.7")).status == 200
        assert said(caplog, "has signed") == [
            "li (manager) has signed in from 127.0.0.1",
            "li (manager) has signed out from 127.0.0.1",
            "tv (screen) has signed in from 192.0.2.7",
        ]
        for number in range(3):
            await lobby.sign_in("li", "000111")
            await lobby.sign_in("li", "000111", X_Forwarded_For=f"2001:db8::{number + 1}")
            await lobby.sign_in(f"{PIN}{number}", "000111")
        assert [
            (record.levelname, record.getMessage()) for record in caplog.records if "PIN" in record.getMessage()
        ] == [
            ("WARNING", "a wrong PIN for li from 127.0.0.1"),
            ("WARNING", "a wrong PIN for li from 2001:db8::1"),
            ("WARNING", "a wrong PIN for an unknown name from 127.0.0.1"),
        ]
        for secret in (PIN, "000111", token):
            assert not said(caplog, secret)


async def test_thirty_wrong_pins_at_once_are_as_many(serve: Serve) -> None:
    async with serve() as lobby:
        lobby.accounts.add("li", "manager", pin=PIN)
        replies = await asyncio.gather(*(lobby.sign_in("li", "000111") for _ in range(30)))
        assert sorted(reply.status for reply in replies) == [401] * 3 + [429] * 27


async def test_many_who_sign_in_at_once_hold_up_no_press(serve: Serve) -> None:
    async with serve() as lobby:
        trying = [asyncio.create_task(lobby.sign_in(f"nobody-{number}", "000111")) for number in range(40)]
        slowest = 0.0
        while not all(task.done() for task in trying):
            began = time.monotonic()
            await lobby.daemon.engine.ask(TakeTicket(at=0, cause=f"test:{began}", by="kiosk/x", service="cash"))
            slowest = max(slowest, time.monotonic() - began)
        refusals = [(await task).refusal for task in trying]
        assert set(refusals) <= {(401, "wrong_pin"), (429, "too_many_tries"), (503, "busy")}
        assert refusals.count((401, "wrong_pin")) <= 30
        assert slowest < 1.0, slowest


async def test_somebody_unknown_is_refused_as_somebody_known(serve: Serve) -> None:
    async with serve() as lobby:
        lobby.accounts.add("li", "manager", pin=PIN)
        lobby.accounts.add("tv", "screen")
        lobby.hands.hold()

        async def refused(name: str) -> list[tuple[int, bytes]]:
            replies = [await lobby.sign_in(name, "000111") for _ in range(4)]
            lobby.hands.skip(90_000)
            return [(reply.status, reply.body) for reply in replies]

        known = await refused("li")
        assert [status for status, _ in known] == [401, 401, 401, 429]
        assert await refused("nobody") == known
        assert await refused("tv") == known
        assert await refused("Robert'); DROP TABLE account;--") == known


async def test_what_is_typed_as_a_name_breaks_no_line_of_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as lobby:
        await lobby.sign_in("li\nERROR the branch is on fire", "000111")
        assert not [record for record in caplog.records if "\n" in record.getMessage()]


async def test_forged_tokens(serve: Serve) -> None:
    async with serve() as lobby:
        token = lobby.accounts.add("tv", "screen")
        assert (await lobby.anybody.post("/api/session", {"token": token})).status == 200

        async def tried(token: str) -> tuple[tuple[int, str], tuple[int, str]]:
            by_header = await lobby.anybody.get("/api/television", Authorization=f"Bearer {token}")
            return (await lobby.anybody.post("/api/session", {"token": token})).refusal, by_header.refusal

        wrong = (401, "wrong_token"), (401, "not_signed_in")
        assert await tried(token[:-1]) == wrong
        assert await tried(token + "x") == wrong
        assert await tried("x" * 43) == wrong
        assert await tried(token.swapcase()) == wrong
        assert await tried("' OR 1=1 --") == wrong
        lobby.accounts.revoke("tv")
        assert await tried(token) == wrong
        for cookie in ("lobby=", "lobby=x", f"lobby={token}", 'lobby="', "lobby=\xff\xfe"):
            assert (await lobby.anybody.get("/api/television", Cookie=cookie)).refusal == (401, "not_signed_in")
        for header in ("Bearer", "Bearer ", f"Basic {token}", f"Token {token}", "\xff"):
            assert (await lobby.anybody.get("/api/television", Authorization=header)).status == 401


@pytest.mark.parametrize("text", ["\ud800", "\x00", "\U0001f600" * 40])
async def test_text_that_is_none(serve: Serve, text: str) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        for content in (
            {"token": text},
            {"name": text, "pin": text},
            {"name": "li", "pin": text},
            {text: text},
            [text],
        ):
            assert (await lobby.anybody.post("/api/session", content)).status in (401, 422)
        for content in (
            {"key": "GREEN", "reason": text},
            {"key": "CANCEL", "ticket": text},
            {"key": text},
            {"key": "GREEN", text: text},
        ):
            assert (await li.post("/api/panel", content)).status in (200, 409, 422)
        for take in ({"service": text}, {"choice": text}, {"service": "cash", "needs": [text]}, {"slot": text}):
            assert (await li.post("/api/tickets", take)).status in (409, 422)


async def test_a_person_is_signed_out_after_a_working_day(serve: Serve) -> None:
    async with serve() as lobby:
        li, tv = await lobby.person("li"), lobby.device("tv", "screen")
        lobby.hands.skip(14 * 3600 - 60)
        assert (await li.get("/api/session")).status == 200
        lobby.hands.skip(120)
        assert (await li.get("/api/session")).refusal == (401, "not_signed_in")
        assert (await tv.get("/api/session")).status == 200


async def test_a_device_stays_signed_in_while_it_loads_its_page(serve: Serve) -> None:
    async with serve() as lobby:
        devices = {}
        for name, role, page in (("tv", "screen", "/tv"), ("board", "manager", "/console")):
            token = lobby.accounts.add(name, role)
            cookie = (await lobby.anybody.post("/api/session", {"token": token})).header("set-cookie").split(";")[0]
            devices[page] = Client(lobby.port, {"Cookie": cookie})
        li = await lobby.person("li")
        for _ in range(3):
            lobby.hands.skip(300 * 86400)
            for page, device in devices.items():
                reply = await device.get(page)
                assert reply.status == 200
                cookie, *flags = reply.header("set-cookie").split("; ")
                assert cookie == device.headers["Cookie"]
                expected = {"httponly", "samesite=strict", "path=/", f"max-age={400 * 86400}"}
                assert {flag.lower() for flag in flags} == expected
                assert (await device.get("/api/television")).header("set-cookie") == ""
        assert (await li.get("/console")).status == 303
        li = await lobby.person("li")
        lobby.hands.skip(13 * 3600)
        assert (await li.get("/console")).header("set-cookie") == ""
        lobby.hands.skip(2 * 3600)
        assert (await li.get("/console")).status == 303


async def test_open_pages_share_one_look_at_the_accounts(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.live.PING", 1.2)
    async with serve() as lobby, AsyncExitStack() as stack:
        li, tv = await lobby.person("li"), lobby.device("tv", "screen")
        opened = [(li, "/api/console/live"), (tv, "/api/television/live")] * 20
        streams = [await stack.enter_async_context(client.stream(path)) for client, path in opened]
        looks = 0
        select = AccountsFile.select

        def counted(file: AccountsFile, text: str, *values: object) -> list[Any]:
            nonlocal looks
            looks += 1
            return select(file, text, *values)

        monkeypatch.setattr(AccountsFile, "select", counted)
        for _ in range(2):
            for stream in streams:
                while (await stream.next())[0] != "ping":
                    pass
        assert looks <= 4, looks


async def test_who_is_revoked_sees_nothing_more(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.live.PING", 0.3)
    async with serve() as lobby:
        li, tv, other = await lobby.person("li"), lobby.device("tv", "screen"), await lobby.person("wang")
        async with (
            li.stream("/api/console/live") as console,
            tv.stream("/api/television/live") as television,
            other.stream("/api/console/live") as goes_on,
        ):
            for stream in (console, television, goes_on):
                await stream.view()
            lobby.accounts.revoke("li")
            assert (await li.get("/api/console")).refusal == (401, "not_signed_in")
            assert await console.end() == {"reason": "revoked"}
            assert (await television.next())[0] == "ping"
            lobby.accounts.revoke("tv")
            assert await television.end() == {"reason": "revoked"}
            await tv_is_dark(lobby, tv)
            assert (await goes_on.next())[0] in ("ping", "view")


async def tv_is_dark(lobby: Served, tv: Client) -> None:
    """A revoked device gets nothing by its token."""
    async with tv.stream("/api/television/live") as stream:
        assert stream.reply.status == 401


async def test_foreign_pages_cannot_press_anything(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        wang = await lobby.person("wang")
        bare = li.without("X-CSRF-Token")
        press: dict[str, Any] = {"key": "GREEN", "service": "cash"}
        assert (await bare.post("/api/panel", press)).refusal == (403, "foreign")
        for wrong in ("", "x", li.headers["X-CSRF-Token"][:-1], wang.headers["X-CSRF-Token"], "\xe9"):
            assert (await bare.post("/api/panel", press, X_CSRF_Token=wrong)).refusal == (403, "foreign")
        assert (await bare.send("DELETE", "/api/session")).refusal == (403, "foreign")
        assert (await bare.key("1", "OPEN")).refusal == (403, "foreign")
        assert (await bare.post("/api/tickets", {"service": "cash"})).refusal == (403, "foreign")
        assert lobby.rows("ticket_issued") == []
        assert (await bare.get("/api/console")).status == 200
        assert (await li.post("/api/panel", press)).status == 200
        assert (await lobby.device("program").post("/api/panel", press)).status == 200
        # What a form of another page can send without asking is no request at all.
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            sent = await lobby.anybody.post("/api/session", {"name": "li", "pin": PIN}, Content_Type=kind)
            assert sent.status == 422, kind


# -- who may do what -----------------------------------------------------------------------------------------

EVERYBODY = ("manager", "counter", "kiosk", "screen")
NOBODY_ASKED = None

MAY: dict[tuple[str, str], tuple[str, ...] | None] = {
    ("post", "/api/session"): NOBODY_ASKED,
    ("get", "/api/session"): EVERYBODY,
    ("delete", "/api/session"): EVERYBODY,
    ("post", "/api/counters/{counter}/keys"): ("manager", "counter"),
    ("post", "/api/panel"): ("manager",),
    ("post", "/api/tickets"): ("manager", "kiosk"),
    ("post", "/api/reports"): ("counter", "kiosk", "screen"),
    ("get", "/api/television"): EVERYBODY,
    ("get", "/api/television/live"): EVERYBODY,
    ("get", "/api/kiosk"): ("manager", "kiosk"),
    ("get", "/api/kiosk/live"): ("manager", "kiosk"),
    ("get", "/api/console"): ("manager",),
    ("get", "/api/console/live"): ("manager",),
    ("get", "/api/counters/{counter}"): ("manager", "counter"),
    ("get", "/api/counters/{counter}/live"): ("manager", "counter"),
    ("get", "/api/tickets/{ticket}/why"): ("manager",),
    ("get", "/api/pages/{page}"): NOBODY_ASKED,
    ("get", "/api/pages/{page}/live"): NOBODY_ASKED,
    ("get", "/metrics"): EVERYBODY,
    ("get", "/health"): NOBODY_ASKED,
}
"""Who may, by operation; `NOBODY_ASKED`: whoever likes."""

CONTENT = {
    "/api/session": {"name": "nobody", "pin": "000111"},
    "/api/counters/{counter}/keys": {"key": "OPEN"},
    "/api/panel": {"key": "GREEN"},
    "/api/tickets": {"service": "cash"},
    "/api/reports": {"page": "none", "state": "ok"},
}


async def test_every_role_may_do_what_it_is_for_and_nothing_else(serve: Serve) -> None:
    async with serve() as lobby:
        roles = {role: lobby.device(role, role) for role in EVERYBODY}
        people = {role: await lobby.person(f"{role}-1", role) for role in EVERYBODY}
        paths = (await roles["screen"].get("/api/openapi.json")).json["paths"]
        operations = {(method, path) for path, methods in paths.items() for method in methods}
        assert operations == MAY.keys(), "each operation has to say here who may do it"

        async def status(client: Client, method: str, path: str) -> int:
            real = path.format(counter="1", ticket="A001", page="A001.x")
            if path.endswith("/live"):
                async with client.stream(real) as stream:
                    return stream.reply.status
            content = CONTENT.get(path) if method == "post" else None
            reply = await client.send(method.upper(), real, content)
            if (method, path) != ("post", "/api/session"):
                assert reply.status not in (401, 403) or reply.refusal[1] in ("not_signed_in", "forbidden")
            return reply.status

        for (method, path), may in MAY.items():
            by_nobody = await status(lobby.anybody, method, path)
            assert (by_nobody == NOT_SIGNED_IN) == (may is not None or path == "/api/session"), (method, path)
            for role in EVERYBODY:
                clients = [roles[role]] if method == "delete" else [roles[role], people[role]]
                for client in clients:
                    got = await status(client, method, path)
                    allowed = may is None or role in may
                    if path == "/api/session" and method == "post":
                        continue
                    assert (got == FORBIDDEN) == (not allowed), (role, method, path, got)
                    assert got != NOT_SIGNED_IN, (role, method, path)


async def test_pages_are_for_those_who_may(serve: Serve) -> None:
    async with serve() as lobby:
        homes = {"/console": ("manager",), "/tv": EVERYBODY, "/kiosk": ("manager", "kiosk")}
        homes["/counter/1"] = ("manager", "counter")
        for path in homes:
            assert (await lobby.anybody.get(path)).header("location") == f"/sign-in?next={path}"
        home = {}
        for role in EVERYBODY:
            client = await lobby.person(role, role)
            home[role] = (await client.get("/")).header("location")
            for path, may in homes.items():
                reply = await client.get(path)
                assert reply.status == (200 if role in may else 303), (role, path)
            assert (await client.get("/counter/99")).refusal == (404, "not_found")
        assert home == {"manager": "/console", "counter": "/counter/1", "kiosk": "/kiosk", "screen": "/tv"}


async def test_a_page_for_strangers_tells_nothing_of_the_branch_inside(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")

        async def told(client: Client, path: str) -> dict[str, Any]:
            text = (await client.get(path)).body.decode()
            return dict(json.loads(text.partition('id="page">')[2].partition("</script>")[0]))

        for path in ("/sign-in", "/enter", "/t/A001.x"):
            page = await told(lobby.anybody, path)
            assert page["branch"] == "Liberation Road"
            assert page["account"] is None
            assert not {"services", "classes", "counters"} & page.keys()
            assert not [key for key in page["words"] if key.startswith(("page.console", "reason.", "role.", "needs."))]
        page = await told(li, "/console")
        assert page["counters"] == [*lobby.settings.rules.counters]
        assert page["services"][0] == {"id": "cash", "name": "Cash"}
        assert page["classes"][0]["id"] == lobby.settings.rules.default_class


async def test_signing_in_leads_to_no_other_site(serve: Serve) -> None:
    async with serve() as lobby:

        async def leads(to: str) -> str:
            text = (await lobby.anybody.get(f"/sign-in?next={to}")).body.decode()
            return str(json.loads(text.partition('id="page">')[2].partition("</script>")[0])["next"])

        for path in ("/console", "/counter/1", "/", "/counter/%25E4%25B8%2580"):
            assert await leads(path) == unquote(path)
        for path in (
            "//example.org",
            "/%09/example.org",
            "/%0a/example.org",
            "/%5cexample.org",
            "example.org",
            "%09//x",
        ):
            assert await leads(path) == "", path
        assert (
            await leads("https://example.org")
            == await leads("javascript:alert(1)")
            == await leads("/" + "x" * 999)
            == ""
        )


async def test_the_way_home_of_a_counter_that_is_no_more_ends(serve: Serve) -> None:
    async with serve() as lobby:
        clerk = await lobby.person("clerk", "counter", "9")
        assert (await clerk.get("/")).header("location") == "/counter/9"
        assert (await clerk.get("/counter/9")).status == 404


async def test_a_clerk_of_one_counter_presses_no_other(serve: Serve) -> None:
    async with serve() as lobby:
        clerk = await lobby.person("clerk-2", "counter", "2")
        assert (await clerk.get("/api/session")).json["home"] == "/counter/2"
        assert (await clerk.key("2", "OPEN")).status == 200
        for other in ("1", "3", "99", "02", "%32%20"):
            assert (await clerk.key(other, "OPEN")).status == FORBIDDEN, other
            assert (await clerk.get(f"/api/counters/{other}")).status == FORBIDDEN
        assert (await clerk.get("/counter/1")).status == 303
        assert [row["counter"] for row, _ in lobby.rows("counter_opened")] == ["2"]
        anybody = lobby.anybody
        assert (await anybody.key("99", "OPEN")).refusal == (await anybody.key("1", "OPEN")).refusal
        manager = lobby.device("li")
        assert (await manager.key("99", "OPEN")).refusal == (404, "unknown_counter")


# -- what may be sent ----------------------------------------------------------------------------------------

HEADERS = {
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
}


async def test_every_answer_has_its_headers_and_gives_nothing_away(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        page = (await li.post("/api/tickets", {"service": "cash"})).json["page"]
        script = await lobby.anybody.get("/static/common.js")
        again = await lobby.anybody.get("/static/common.js", If_None_Match=script.header("etag"))
        replies = [
            script,
            again,
            await lobby.anybody.get("/sign-in"),
            await lobby.anybody.get("/enter"),
            await lobby.anybody.get("/"),
            await lobby.anybody.get("/health"),
            await lobby.anybody.get("/nothing"),
            await lobby.anybody.get("/static/nothing.js"),
            await lobby.anybody.get("/api/console"),
            await lobby.anybody.get("/api/openapi.json"),
            await lobby.anybody.get("/metrics"),
            await lobby.anybody.get(page),
            await lobby.anybody.get(f"{page}/qr.svg"),
            await lobby.anybody.get("/api/pages/A001.x"),
            await lobby.anybody.send("PUT", "/health"),
            await lobby.anybody.send("HEAD", "/sign-in"),
            await lobby.anybody.send("POST", "/api/session", body=b"{"),
            await lobby.anybody.send("POST", "/api/session", body=b" " * 20_000),
            await lobby.sign_in("li", "000111"),
        ]
        inside = [
            await li.get("/console"),
            await li.get("/metrics"),
            await li.get("/api/television"),
            await li.key("99", "OPEN"),
            await li.key("1", "RECALL"),
        ]
        async with li.stream("/api/television/live") as stream:
            inside.append(stream.reply)
        statuses = {reply.status for reply in [*replies, *inside]}
        assert statuses >= {200, 303, 304, 401, 404, 405, 409, 413, 422}
        for reply in [*replies, *inside]:
            names = [name for name, _ in reply.headers]
            assert set(names) >= HEADERS, reply
            assert all(names.count(name) == 1 for name in HEADERS | {"cache-control"}), reply
            policy = dict(
                part.strip().partition(" ")[::2] for part in reply.header("content-security-policy").split(";")
            )
            assert policy["default-src"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == "'self'"
            assert policy["frame-ancestors"] == "'none'"
            assert not {"server", "x-powered-by", "via"} & set(names)
        for reply in replies:
            whole = str(reply.headers) + reply.body.decode()
            for word in (
                "uvicorn",
                "fastapi",
                "starlette",
                "python",
                "0.1.0",
                "sqlite",
                "Traceback",
                str(lobby.settings.path.parent),
            ):
                assert word.lower() not in whole.lower(), (word, reply)
        assert script.header("cache-control") == "no-cache"
        assert all(reply.header("cache-control") == "no-store" for reply in inside)


@pytest.mark.parametrize(
    "path",
    [
        *("/static", "/static/", "/static/.", "/static/..", "/static/../server.py", "/static/..%2f..%2fserver.py"),
        *("/static/%2e%2e/server.py", "/static/..%5c..%5cserver.py", "/static//etc/passwd", "/static/%2fetc%2fpasswd"),
        *("/static/shell.html", "/static/common.js%00.css", "/static/COMMON.JS", "//static/common.js"),
        *("/.env", "/docs", "/redoc", "/openapi.json", "/api", "/api/", "/t", "/t/", "/counter", "/index.html"),
    ],
)  # fmt: skip
async def test_there_is_nothing_but_what_there_is(shared: Served, path: str) -> None:
    reply = await shared.anybody.get(path)
    assert reply.status in (303, 307, 404), reply
    assert reply.header("location") in ("", "/"), reply
    assert b"def " not in reply.body
    assert b"root:" not in reply.body


@pytest.fixture
async def shared(serve: Serve) -> AsyncIterator[Served]:
    """A lobby for tests that change nothing."""
    async with serve() as lobby:
        yield lobby


async def test_a_body_that_is_too_long(serve: Serve) -> None:
    async with serve() as lobby:
        fits = json.dumps({"token": "x"}).encode().ljust(16 * 1024)
        assert (await lobby.anybody.send("POST", "/api/session", body=fits)).refusal == (401, "wrong_token")
        assert (await lobby.anybody.send("POST", "/api/session", body=fits + b" ")).refusal == (413, "too_large")
        chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
        chunked = request("POST", "/api/session", {"Transfer-Encoding": "chunked", "Content-Type": "application/json"})
        assert parsed(await exchange(lobby.port, chunked + chunk * 15 + b"0\r\n\r\n")).status == 422
        assert parsed(await exchange(lobby.port, chunked + chunk * 17 + b"0\r\n\r\n")).refusal == (413, "too_large")
        declared = request("POST", "/api/session", {"Content-Length": "99999999999"})
        assert parsed(await exchange(lobby.port, declared)).refusal == (413, "too_large")


async def test_a_body_that_trickles(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.middleware.body_time.BODY_TIME", 0.3)
    monkeypatch.setattr("controller.web.server.REQUEST", 1.0)
    async with serve() as lobby:
        reader, writer = await asyncio.open_connection("127.0.0.1", lobby.port)
        writer.write(b"POST /api/session HTTP/1.1\r\nHost: lobby\r\nContent-Length: 9000\r\n\r\n")
        answer = b""
        began = time.monotonic()
        while True:  # it goes on trickling, also after it has been refused, until the connection is cut
            try:
                writer.write(b" ")
                async with asyncio.timeout(0.05):
                    more = await reader.read(65536)
                if not more:
                    break
                answer += more
            except TimeoutError:
                assert time.monotonic() - began < 8
            except ConnectionError:
                break
        assert parsed(answer).refusal == (408, "too_slow")
        writer.transport.abort()


async def test_a_stranger_is_asked_who_it_is_before_anything_else(serve: Serve) -> None:
    async with serve() as lobby:
        clerk = lobby.device("clerk-2", "counter", "2")
        for path in ("/api/counters/1/keys", "/api/panel", "/api/tickets"):
            stranger = await lobby.anybody.post(path, {"nonsense": 1})
            assert stranger.refusal == (401, "not_signed_in")
            assert stranger.header("www-authenticate") == "Bearer"
            assert (await clerk.post(path, {"nonsense": 1})).refusal == (403, "forbidden")
        assert (await clerk.post("/api/counters/2/keys", {"nonsense": 1})).refusal == (422, "unreadable")
        wrong = await lobby.anybody.post("/api/session", {"token": "x"})
        assert (wrong.status, wrong.header("www-authenticate")) == (401, "Bearer")


async def test_the_head_alone_of_pages_and_of_health(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        for path in ("/health", "/sign-in", "/console", "/static/common.js", "/"):
            whole, head = await li.get(path), await li.send("HEAD", path)
            assert (head.status, head.body) == (whole.status, b"")
            for name in ("content-type", "content-length", "location", "cache-control"):
                assert head.header(name) == whole.header(name), (path, name)
        for path in ("/api/console", "/api/console/live", "/api/pages/x/live"):
            refused = await li.send("HEAD", path)
            assert (refused.status, refused.header("allow")) == (405, "GET")


async def test_the_description_is_made_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as lobby:
        tv = lobby.device("tv", "screen")

        def again(*about: Any) -> None:
            raise AssertionError("described again")

        monkeypatch.setattr("controller.web.app.describe", again)
        described = (await tv.get("/api/openapi.json")).json
        responses = [each["responses"] for path in described["paths"].values() for each in path.values()]
        assert all("application/problem+json" in each["500"]["content"] for each in responses)


async def test_a_press_that_is_cut_off_does_nothing(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        headers = li.headers | {"Content-Type": "application/json", "Content-Length": "200"}
        _, writer = await asyncio.open_connection("127.0.0.1", lobby.port)
        writer.write(request("POST", "/api/panel", headers) + b'{"key":"GREEN"}')
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert lobby.daemon.screens
        server = lobby.daemon.screens.server._server
        assert server
        await until(lambda: not server.server_state.connections)
        await until(lambda: not server.server_state.tasks)
        await lobby.daemon.engine.idle()
        assert lobby.rows("ticket_issued") == []


async def test_a_head_that_trickles_and_a_connection_that_says_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.FIRST_REQUEST", 0.5)
    monkeypatch.setattr("controller.web.server.REQUEST", 0.5)
    async with serve() as lobby:

        async def lasts(first: bytes) -> float:
            reader, writer = await asyncio.open_connection("127.0.0.1", lobby.port)
            began = time.monotonic()
            writer.write(first)
            try:
                while time.monotonic() - began < 8:
                    try:
                        async with asyncio.timeout(0.1):
                            if not await reader.read(65536):
                                break
                    except TimeoutError:
                        if first:
                            writer.write(b"x")
            except ConnectionError:
                pass
            writer.transport.abort()
            return time.monotonic() - began

        whole = b"GET /health HTTP/1.1\r\nHost: lobby\r\n\r\n"
        took = await asyncio.gather(
            lasts(b""), lasts(b"GE"), lasts(whole + b"GET /"), lasts(whole + b"GET / HTTP/1.1\r\nX")
        )
        assert max(took) < 4, took


async def test_a_head_without_an_end_takes_no_memory(serve: Serve) -> None:
    async with serve() as lobby:
        heads = {
            "names": b"GET /health HTTP/1.1\r\n" + b"".join(b"x-%d: y\r\n" % number for number in range(20_000)),
            "value": b"GET /health HTTP/1.1\r\nx: " + b"y" * 1_000_000,
            "address": b"GET /" + b"y" * 1_000_000,
            "trailer": b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 200_000,
        }
        for what, head in heads.items():
            answer = await exchange(lobby.port, head)
            assert not answer or parsed(answer).status in (400, 405, 413, 431), (what, answer)
        assert (await lobby.anybody.get("/health")).status == 200


GARBAGE = [
    *(b"GET /\r\n\r\n", b"GET / HTTP/0.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 100),
    *(b"\r\n" * 100, b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"),
    *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"OPTIONS * HTTP/1.1", b"TRACE / HTTP/1.1", b"HEAD / HTTP/1.1"),
    *(b"GET /%zz%f HTTP/1.1", b"GET /%ff%fe%00%0a HTTP/1.1", b"GET /\xff\xfe HTTP/1.1", b"GET /counter/%00 HTTP/1.1"),
    *(
        b"GET http://[/ HTTP/1.1",
        b"GET //x/../.. HTTP/1.1",
        b"GET /t/%e2%80%a8 HTTP/1.1",
        b"GET /t/a.\xc3\xa9 HTTP/1.1",
    ),
    *(b"GET /sign-in?next=%ff%00&next=[] HTTP/1.1", b"GET /console HTTP/1.1\r\nHost: ["),
    *(b"GET /console HTTP/1.1\r\nHost: \xff]:999999", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b"),
    *(b'GET / HTTP/1.1\r\nCookie: \xff=\xfe; =;; lobby="\\777', b"GET / HTTP/1.1\r\nAuthorization: Bearer \xff\xfe"),
    *(b"GET / HTTP/1.1\r\n folded: x", b"GET / HTTP/1.1\r\nx\x00y: z", b"GET / HTTP/1.1\r\nx: a\x00b"),
    *(b"GET / HTTP/1.1\r\n: y", b"GET / HTTP/1.1\r\nContent-Length: -1", b"GET / HTTP/1.1\r\nContent-Length: 1e9"),
    b"GET / HTTP/1.1\r\nContent-Length: \xb2",
    b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
    b"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x",
    b"POST /api/session HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n{}x",
    b"POST /api/session HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /api/session HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_refused_or_cut(
    serve: Serve, garbage: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.FIRST_REQUEST", 0.3)
    monkeypatch.setattr("controller.web.server.REQUEST", 0.6)
    monkeypatch.setattr("controller.web.middleware.body_time.BODY_TIME", 0.3)
    async with serve() as lobby:
        whole = garbage if b"\r\n\r\n" in garbage else garbage + b"\r\nConnection: close\r\n\r\n"
        answer = await exchange(lobby.port, whole)
        assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 3", b"HTTP/1.1 200", b"HTTP/1.1 100")), answer
        assert (await lobby.anybody.get("/health")).status == 200
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


BODIES = [
    *(b"\xff\xff", b"[" * 16_000, b"9" * 16_000, b"-", b"null", b"[]", b'"x"', b'{"pin":NaN}', b'{"pin":1e999}'),
    *(b'{"key":"x","key":1}', b'{"token":"\\ud800"}', b'{"\\ud800":1}', b'{"__proto__":1}', b"{}\x00"),
    *(b'{"name":{"a":1},"pin":["x"]}', b'{"name":"li","pin":739154}'),
]


async def test_a_body_that_cannot_be_read(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        for body in BODIES:
            for path in ("/api/session", "/api/panel", "/api/tickets", "/api/counters/1/keys"):
                reply = await li.send("POST", path, body=body)
                assert reply.refusal == (422, "unreadable"), (body, path, reply)
        for key in ("short", "x" * 65, "with space", "a:b:c:d:e", "ключключ"):
            assert (await li.post("/api/panel", {"key": "GREEN"}, Idempotency_Key=key)).refusal == (422, "unreadable")
        assert (await li.key("1", "CALL", "1234567")).refusal == (422, "unreadable")
        assert (await li.key("1", "NOPE")).refusal == (422, "unknown_key")
        assert (await li.post("/api/panel", {"key": "NOPE"})).refusal == (422, "unknown_key")
        assert lobby.rows("ticket_issued") == []


async def test_more_connections_than_may_be_cost_no_press(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.server.ANONYMOUS", 20)
    async with serve() as lobby:
        opened = [await asyncio.open_connection("127.0.0.1", lobby.port) for _ in range(60)]
        closed = 0
        for reader, _ in opened[:40]:
            try:
                async with asyncio.timeout(3):
                    closed += not await reader.read(1)
            except ConnectionError:
                closed += 1
        assert closed == 40
        answer = await lobby.daemon.engine.ask(TakeTicket(at=0, cause="test:1", by="kiosk/x", service="cash"))
        assert answer.result == "ok"
        assert (await lobby.anybody.get("/health")).status == 200
        for _, writer in opened:
            writer.transport.abort()


FIVE = tuple(f"127.0.0.{number}" for number in range(2, 7))


@asynccontextmanager
async def straight(port: int) -> AsyncIterator[int]:
    """No proxy."""
    yield port


@pytest.mark.parametrize("through", [straight, proxy])
async def test_five_addresses_that_hold_500_slow_connections_keep_nobody_out(
    serve: Serve, through: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if through is straight:
        monkeypatch.setattr("controller.web.server.NEAR", ("none",))  # addresses of this machine are as others are
    async with serve() as lobby, through(lobby.port) as port:
        tv, li, stranger = await lobby.screen("tv"), await lobby.person("li"), lobby.anybody
        tv, li, stranger = (Client(port, client.headers) for client in (tv, li, stranger))
        async with (
            tv.stream("/api/television/live") as television,
            # Heads and bodies without an end: who says less than a line is nobody yet, through a proxy at least.
            slow_connections(port, 500, FIVE, random=Random(21), beginnings=BEGINNINGS[1:]) as strangers,
        ):
            await television.view()
            await until(lambda: strangers.came >= 500, 20)
            # From one of the five as well as from elsewhere: nobody stays out for whom they share an address with.
            visits = [await tv.visit("/tv", (FIVE[0], "127.0.0.1")[number % 2]) for number in range(40)]
            assert [visit.status for visit in visits] == [200] * 40
            assert [(await stranger.visit("/sign-in", "127.0.0.9")).status for _ in range(10)] == [200] * 10
            assert await li.take() == "A001"
            assert strangers.open >= 200, "they are still at it"
            while (await television.next())[0] != "view":
                pass


# -- presses -------------------------------------------------------------------------------------------------


async def test_a_press_that_is_sent_again_acts_once(serve: Serve) -> None:
    async with serve() as lobby:
        li, wang = await lobby.person("li"), await lobby.person("wang")
        take = {"service": "cash", "class": "normal"}
        first = await li.post("/api/tickets", take, Idempotency_Key="key-0001")
        again = await li.post("/api/tickets", take, Idempotency_Key="key-0001")
        assert first.status == 200
        assert (again.status, again.body) == (first.status, first.body)
        at_once = await asyncio.gather(
            *(li.post("/api/panel", {"key": "GREEN"}, Idempotency_Key="key-0002") for _ in range(20))
        )
        assert {(reply.status, reply.body) for reply in at_once} == {(200, at_once[0].body)}
        called = [await li.key("1", "CALL", Idempotency_Key="key-0003") for _ in range(2)]
        assert called[0].json == called[1].json
        assert [row["ticket"] for row, _ in lobby.rows("ticket_issued")] == ["A001", "A002"]
        assert len(lobby.rows("ticket_called")) == 1

        other = {"service": "personal", "class": "normal"}
        for key, path, content in (
            ("key-0001", "/api/tickets", other),
            ("key-0002", "/api/panel", {"key": "GREEN", "reason": "elderly"}),
            ("key-0003", "/api/counters/2/keys", {"key": "CALL"}),
            ("key-0003", "/api/counters/1/keys", {"key": "CALL", "digits": "1"}),
            ("key-0003", "/api/tickets", take),
        ):
            assert (await li.post(path, content, Idempotency_Key=key)).refusal == (422, "key_reused"), (key, content)
        assert (await wang.post("/api/tickets", other, Idempotency_Key="key-0001")).json["ticket"] == "B001"
        assert len(lobby.rows("ticket_issued")) == 3
        without = [(await li.post("/api/panel", {"key": "GREEN"})).json["ticket"] for _ in range(2)]
        assert without == ["A003", "A004"]


async def test_a_captured_request_acts_once(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        body = json.dumps({"key": "GREEN", "service": "cash"}).encode()
        headers = li.headers | {"Content-Type": "application/json", "Idempotency-Key": "0123456789abcdef"}
        captured = request("POST", "/api/panel", headers, body)
        answers = [parsed(await exchange(lobby.port, captured)) for _ in range(5)]
        assert {answer.body for answer in answers} == {answers[0].body}
        assert len(lobby.rows("ticket_issued")) == 1
        await li.send("DELETE", "/api/session")
        assert parsed(await exchange(lobby.port, captured)).refusal == (401, "not_signed_in")


async def test_who_did_what_is_in_the_journal_and_what_was_typed_is_beside_it(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        clerk = lobby.device("window-1", "counter", "1")
        kiosk = lobby.device("hall", "kiosk")
        ticket = await kiosk.take()
        typed = "老人 <b>Herr Müller</b>'; DROP TABLE event;--\n\u2028"
        promoted = await li.post(
            "/api/panel", {"key": "GREEN", "ticket": ticket, "reason": typed}, Idempotency_Key="k" * 8
        )
        assert promoted.status == 200, promoted
        await li.post("/api/panel", {"key": "GREEN", "reason": "elderly"})
        await clerk.key("1", "CALL", Idempotency_Key="call-001")

        (issued, green), (promotion,), (call,) = (
            lobby.rows(kind) for kind in ("ticket_issued", "ticket_promoted", "ticket_called")
        )
        assert issued[1].startswith("http:hall:")
        assert promotion[0]["by"] == "user/li"
        assert promotion[1].startswith("http:li:kkkkkkkk:")
        assert promotion[0]["reason"] == "remark"
        assert green[0].get("reason", "elderly") == "elderly"
        assert call[1].startswith("http:window-1:call-001:")
        with closing(sqlite3.connect(f"file:{lobby.settings.journal_path}?mode=ro", uri=True)) as journal:
            assert journal.execute("SELECT cause, text FROM remark").fetchall() == [(promotion[1], typed)]
            events = [str(row) for row in journal.execute("SELECT * FROM event")]
        assert not [row for row in events if "ller" in row or "老人" in row]
        recent = (await li.get("/api/console")).json["recent"]
        assert [(action["by"], action["kind"]) for action in recent][-1] == ("user/li", "ticket_promoted")
        assert typed not in json.dumps(recent, ensure_ascii=False)


async def test_a_refusal_is_a_sentence_of_the_branch(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        for reply in (
            await li.key("1", "RECALL"),
            await li.post("/api/panel", {"key": "CANCEL", "ticket": "A999"}),
            await li.post("/api/panel", {"key": "UNDO", "ticket": "A999"}),
            await li.post("/api/panel", {"key": "ACCEPT", "counter": "1"}),
            await li.post("/api/panel", {"key": "REASSIGN", "ticket": "A999", "counter": "nowhere"}),
            await li.post("/api/tickets", {"service": "nothing"}),
            await li.post("/api/tickets", {"service": "cash", "class": "nothing"}),
            await li.post("/api/tickets", {"choice": "nothing"}),
            await li.post("/api/tickets", {"service": "cash", "slot": "nope"}),
        ):
            assert reply.status == 409, reply
            assert " " in reply.json["detail"]
            assert reply.refusal[1] != ""
        assert lobby.rows("ticket_issued") == []
        why = await li.get("/api/tickets/A999/why")
        assert why.status == 404
        assert "A999" in why.json["detail"]


# -- names that are scripts ----------------------------------------------------------------------------------

NASTY = [
    "<script>alert(1)</script></title>{{7*7}}${7*7}",
    "\"quoted\\\" 'single' \u2028\u2029 --> <!-- & &lt; \ufeff",
    "</script><script src=//x></script>{% raw %}\\u003c",
]


@pytest.mark.parametrize("bad", NASTY, ids=["script", "quotes", "end"])
async def test_names_that_are_scripts_stay_names(serve: Serve, bad: str) -> None:
    name = json.dumps(bad)

    def change(text: str) -> str:
        return text.replace('"Liberation Road"', name).replace('"Cash"', name)

    async with serve(change=change) as lobby:
        assert lobby.settings.rules.branch_name == bad
        li = await lobby.person("li")
        taken = (await li.post("/api/tickets", {"service": "cash"})).json
        pages = ["/sign-in", "/enter", taken["page"], "/t/%3Cscript%3E", "/sign-in?next=%22%3E%3C/script%3E"]
        for path in [*pages, "/console", "/tv", "/kiosk", "/counter/1"]:
            reply = await li.get(path)
            text = reply.body.decode()
            assert reply.status == 200
            for raw in ("<script>", "alert(1)<", "--> <!--", "</script><", "src=//x>", "</title>{"):
                assert raw not in text, (path, raw)
            assert text.count("<script") == text.count("</script>") == 2
            _, _, after = text.partition('id="page">')
            content = after.partition("</script>")[0]
            assert not set("<>\u2028\u2029") & set(content)
            data = json.loads(content)
            assert data["branch"] == bad
            assert data["account"] is None or data["services"][0]["name"] == bad
        for path in ("/api/television", "/api/kiosk", "/api/console"):
            reply = await li.get(path)
            assert reply.header("content-type").startswith("application/json")
            assert reply.json["branch"] == bad
        async with li.stream("/api/television/live") as stream:
            assert (await stream.view())["branch"] == bad
            await li.key("1", "CALL")
            view = await stream.view(lambda view: view["calls"])
            assert view["services"][0]["name"] == bad
        qr = await li.get(f"{taken['page']}/qr.svg")
        assert qr.header("content-type") == "image/svg+xml"
        assert b"script" not in qr.body


# -- ticket pages --------------------------------------------------------------------------------------------


async def test_a_tickets_own_page(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        taken = (await li.post("/api/tickets", {"service": "cash"})).json
        await li.take()
        assert taken["page"].startswith("/t/A001.")
        page = taken["page"].removeprefix("/t/")
        customer = lobby.anybody
        view = (await customer.get(f"/api/pages/{page}")).json
        assert view.keys() == {
            *("now", "branch", "ticket", "service", "state", "ahead", "wait", "counter", "since", "returns_until")
        }
        assert (view["ticket"], view["state"], view["ahead"]) == ("A001", "waiting", 0)
        mac = page.partition(".")[2]
        for wrong in (
            "A001",
            "A001.",
            f"A002.{mac}",
            f"A999.{mac}",
            page[:-1] + ("0" if page[-1] != "0" else "1"),
            "x" * 500,
        ):
            assert (await customer.get(f"/api/pages/{wrong}")).refusal == (404, "no_page"), wrong
            assert (await li.get(f"/t/{wrong}/qr.svg")).refusal == (404, "no_page"), wrong
            assert (await customer.get(f"/t/{wrong}/qr.svg")).refusal == (401, "not_signed_in"), wrong
            async with customer.stream(f"/api/pages/{wrong}/live") as stream:
                assert stream.reply.status == 404
        async with customer.stream(f"/api/pages/{page}/live") as stream:
            assert (await stream.view())["state"] == "waiting"
            await li.key("2", "CALL")
            called = await stream.view(lambda view: view["state"] == "called")
            assert called["counter"] == "2"
            await li.key("2", "NOSHOW")
            missed = await stream.view(lambda view: view["state"] == "missed")
            assert missed["counter"] == ""
            assert missed["returns_until"] > missed["now"]


async def test_the_picture_of_a_tickets_page_is_its_address(serve: Serve) -> None:
    async with serve() as lobby:
        kiosk = lobby.device("hall", "kiosk")
        page = (await kiosk.post("/api/tickets", {"service": "cash"})).json["page"]
        assert (await lobby.anybody.get(f"{page}/qr.svg")).refusal == (401, "not_signed_in")
        reply = await kiosk.get(f"{page}/qr.svg")
        assert reply.header("content-type") == "image/svg+xml"
        drawn = {(int(x), int(y)) for x, y in re.findall(r"M(\d+),(\d+)H\d+V\d+H\d+z", reply.body.decode())}
        code = qrcode.QRCode(border=4)
        code.add_data(f"http://127.0.0.1:{lobby.port}{page}")
        code.make(fit=True)
        dark = {(x, y) for y, row in enumerate(code.get_matrix()) for x, is_dark in enumerate(row) if is_dark}
        assert drawn == dark


async def test_a_tickets_page_ends_with_its_day_and_the_next_days_is_another(serve: Serve) -> None:
    async with serve() as lobby:
        kiosk = lobby.device("hall", "kiosk")
        page = (await kiosk.post("/api/tickets", {"service": "cash"})).json["page"].removeprefix("/t/")
        async with lobby.anybody.stream(f"/api/pages/{page}/live") as stream:
            await stream.view()
            lobby.hands.skip(24 * 3600)
            today = (await kiosk.post("/api/tickets", {"service": "cash"})).json
            assert today["ticket"] == "A001"
            tomorrow = today["page"].removeprefix("/t/")
            assert tomorrow != page
            async with lobby.anybody.stream(f"/api/pages/{tomorrow}/live") as new:
                assert (await new.view())["ticket"] == "A001"
            assert await stream.end() == {"reason": "gone"}
        assert (await lobby.anybody.get(f"/api/pages/{page}")).refusal == (404, "no_page")
        assert (await kiosk.get(f"/t/{page}/qr.svg")).refusal == (404, "no_page")


# -- live, figures, health -----------------------------------------------------------------------------------


async def test_a_stop_ends_fifty_pages_and_takes_no_time(serve: Serve) -> None:
    async with AsyncExitStack() as pages:
        async with serve() as lobby:
            tv, li = lobby.device("tv", "screen"), lobby.device("li")
            streams = [await pages.enter_async_context(tv.stream("/api/television/live")) for _ in range(30)]
            streams += [await pages.enter_async_context(li.stream("/api/console/live")) for _ in range(20)]
            for stream in streams:
                await stream.view()
            began = time.monotonic()
        assert time.monotonic() - began < 3.5
        for stream in streams:
            assert await stream.end() == {"reason": "restart"}


async def test_customers_leave_room_for_the_branchs_own_pages(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.live.VIEWERS", 3)
    monkeypatch.setattr("controller.web.routes.ticket_page.BRANCH_PAGES", 2)
    async with serve() as lobby:
        li = await lobby.person("li")
        page = (await li.post("/api/tickets", {"service": "cash"})).json["page"].removeprefix("/t/")
        customer = lobby.anybody
        async with customer.stream(f"/api/pages/{page}/live") as first:
            await first.view()
            async with customer.stream(f"/api/pages/{page}/live") as second:
                assert second.reply.status == 503
            async with li.stream("/api/console/live") as console, li.stream("/api/television/live") as television:
                assert await console.view()
                assert await television.view()
                async with li.stream("/api/television/live") as third:
                    assert third.reply.status == 503


async def test_a_live_page_shows_what_the_operation_without_live_does(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        page = (await li.post("/api/tickets", {"service": "cash"})).json["page"].removeprefix("/t/")
        for path in ("/api/television", "/api/kiosk", "/api/console", "/api/counters/2", f"/api/pages/{page}"):
            async with li.stream(f"{path}/live") as stream:
                assert stream.reply.header("content-type").startswith("text/event-stream")
                assert stream.reply.header("cache-control") == "no-store"
                event, hello = await stream.next()
                assert event == "hello"
                assert hello["build"]
                assert (await stream.view()).keys() == (await li.get(path)).json.keys()


# -- pages as devices ----------------------------------------------------------------------------------------


def device_rows(lobby: Served) -> list[tuple[str, str, str]]:
    """What the journal has of pages: device, state and detail."""
    rows = [(row["device"], row["state"], row["detail"]) for row, _ in lobby.rows("device_changed")]
    return [row for row in rows if row[0].startswith("page.")]


async def named(stream: Stream) -> str:
    """What a stream calls its page; empty: it is no device's."""
    event, hello = await stream.next()
    assert event == "hello"
    return str(hello.get("page", ""))


async def tell(client: Client, page: str, state: str) -> int:
    """The status of a page's report."""
    return (await client.post("/api/reports", {"page": page, "state": state})).status


async def test_a_page_reports_its_state_as_a_device_does(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("controller.web.page_health.CLOSED_AFTER", 0.3)
    async with serve() as lobby:
        tv, li = await lobby.screen("tv"), await lobby.person("li")
        async with li.stream("/api/console/live") as console:

            async def shown(state: str) -> dict[str, Any]:
                def found(view: Any) -> list[dict[str, Any]]:
                    return [each for each in view["devices"] if (each["id"], each["state"]) == ("page.tv", state)]

                device: dict[str, Any] = found(await console.view(found))[0]
                return device

            async with tv.stream("/api/television/live") as stream:
                assert await tell(tv, await named(stream), "silent") == 204
                device = await shown("degraded")
                assert lobby.settings.rules.wording.say("device.page_silent") == device["detail"]
                assert device["name"] == lobby.settings.rules.wording.say("device.page", name="tv")
            assert (await shown("offline"))["detail"] == lobby.settings.rules.wording.say("device.page_closed")
            async with tv.stream("/api/television/live") as stream:
                assert await tell(tv, await named(stream), "ok") == 204
                assert (await shown("ok"))["detail"] == ""
        await lobby.daemon.engine.idle()
        assert device_rows(lobby) == [
            ("page.tv", "degraded", "page_silent"),
            ("page.tv", "offline", "page_closed"),
            ("page.tv", "ok", ""),
        ]
        assert len(said(caplog, "page.tv: ")) == 3


async def test_a_page_that_comes_back_in_time_or_ends_with_the_daemon_is_no_news(serve: Serve) -> None:
    async with serve() as lobby:
        tv = await lobby.screen("tv")
        for _ in range(4):
            async with tv.stream("/api/television/live") as stream:
                page = await named(stream)
                assert await tell(tv, page, "silent") == 204
            await until(lambda: not lobby.daemon.screens._live.states("tv"))  # type: ignore[union-attr]
        async with tv.stream("/api/television/live") as stream:
            assert await tell(tv, page, "silent") == 404, "what has ended tells nothing"
            assert await tell(tv, await named(stream), "silent") == 204
            await lobby.daemon.engine.idle()
            path = lobby.settings.journal_path
            lobby.daemon.stop()
            assert await stream.end() == {"reason": "restart"}
    told = [(row["state"], row["detail"]) for row, _ in rows_of(path, "device_changed") if row["device"] == "page.tv"]
    assert told == [("degraded", "page_silent")]


async def test_of_an_account_that_was_revoked_there_is_no_device(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.live.PING", 0.1)
    monkeypatch.setattr("controller.web.page_health.CLOSED_AFTER", 0.1)
    async with serve() as lobby:
        tv, li = await lobby.screen("tv"), await lobby.person("li")
        async with li.stream("/api/console/live") as console, tv.stream("/api/television/live") as stream:

            async def shown(there: bool) -> None:
                await console.view(lambda view: there == any(each["id"] == "page.tv" for each in view["devices"]))

            assert await tell(tv, await named(stream), "silent") == 204
            await shown(True)
            lobby.accounts.revoke("tv")
            await shown(False)
        await lobby.daemon.engine.idle()
        assert [state for _, state, _ in device_rows(lobby)] == ["degraded", "offline"]


async def test_of_an_account_with_several_pages_the_worst_counts(serve: Serve) -> None:
    async with serve() as lobby:
        tv = await lobby.screen("tv")
        async with tv.stream("/api/television/live") as one:
            async with tv.stream("/api/television/live") as other:
                assert await tell(tv, await named(one), "ok") == 204
                assert await tell(tv, await named(other), "silent") == 204
            await until(lambda: len(device_rows(lobby)) == 3)
        assert [state for _, state, _ in device_rows(lobby)] == ["ok", "degraded", "ok"]


async def test_only_a_device_tells_the_state_of_a_page_and_only_of_its_own(serve: Serve) -> None:
    async with serve() as lobby:
        li, clerk = await lobby.person("li"), await lobby.person("10234", "counter")
        tv, other = await lobby.screen("tv"), await lobby.screen("tv-2")
        ticket = (await li.post("/api/tickets", {"service": "cash"})).json["page"].removeprefix("/t/")
        async with (
            lobby.anybody.stream(f"/api/pages/{ticket}/live") as phone,
            li.stream("/api/television/live") as looks,
            clerk.stream("/api/counters/1/live") as works,
            tv.stream("/api/television/live") as stream,
        ):
            page = await named(stream)
            assert page
            assert [await named(each) for each in (phone, looks, works)] == ["", "", ""]
            content = {"page": page, "state": "silent"}
            assert (await lobby.anybody.post("/api/reports", content)).refusal == (401, "not_signed_in")
            assert (await li.post("/api/reports", content)).refusal == (403, "forbidden")
            bare = tv.without("X-CSRF-Token")
            assert (await bare.post("/api/reports", content)).refusal == (403, "foreign")
            for client in (clerk, other):
                assert (await client.post("/api/reports", content)).refusal == (404, "not_open")
            for wrong in ({"page": "", "state": "ok"}, {"page": "x" * 32, "state": "ok"}):
                assert (await tv.post("/api/reports", wrong)).refusal == (404, "not_open")
            for wrong in ({"page": page, "state": "offline"}, {"page": page, "state": "ok", "detail": "x"}):
                assert (await tv.post("/api/reports", wrong)).refusal == (422, "unreadable")
        assert device_rows(lobby) == []


@pytest.mark.parametrize(("role", "path"), [("kiosk", "/api/kiosk"), ("counter", "/api/counters/1")])
async def test_every_kind_of_device_has_a_page_that_tells_its_state(serve: Serve, role: Role, path: str) -> None:
    async with serve() as lobby:
        device = await lobby.screen("device", role)
        async with device.stream(f"{path}/live") as stream:
            assert await tell(device, await named(stream), "ok") == 204
        await lobby.daemon.engine.idle()
        assert device_rows(lobby) == [("page.device", "ok", "")]


async def test_a_page_that_does_nothing_but_report_is_told_to_wait(serve: Serve) -> None:
    async with serve() as lobby:
        tv, other = await lobby.screen("tv"), await lobby.screen("tv-2")
        async with tv.stream("/api/television/live") as stream, other.stream("/api/television/live") as second:
            page = await named(stream)
            replies = [await tv.post("/api/reports", {"page": page, "state": state}) for state in ("ok", "silent") * 20]
            assert [reply.status for reply in replies] == [204] * 30 + [429] * 10
            assert replies[-1].refusal == (429, "too_many_reports")
            assert 0 < replies[-1].json["wait"] <= 60
            assert await tell(other, await named(second), "ok") == 204
        await lobby.daemon.engine.idle()
        assert len(device_rows(lobby)) <= 31


async def test_the_report_of_a_page_is_described(serve: Serve) -> None:
    async with serve() as lobby:
        found = (await lobby.device("program", "screen").get("/api/openapi.json")).json
        described = found["paths"]["/api/reports"]["post"]
        assert {"204", "401", "403", "404", "422", "429"} <= described["responses"].keys()
        assert "security" not in described, "as everywhere: a session or a token"
        content = found["components"]["schemas"]["Report"]
        assert content["required"] == ["page", "state"]
        assert content["properties"]["state"]["enum"] == ["ok", "silent"]


# -- figures -------------------------------------------------------------------------------------------------


async def test_figures_for_prometheus(serve: Serve) -> None:
    async with serve() as lobby:
        assert (await lobby.anybody.get("/metrics")).refusal == (401, "not_signed_in")
        prometheus, li = lobby.device("prometheus", "screen"), await lobby.person("li")
        for service in ("cash", "cash", "cash", "personal"):
            await li.take(service)
            lobby.hands.skip(3)  # the same one again at once would be the same ticket
        await li.key("1", "CALL")
        async with prometheus.stream("/api/television/live") as stream:
            await stream.view()
            reply = await prometheus.get("/metrics")
        assert reply.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
        families = {family.name: family for family in text_string_to_metric_families(reply.body.decode())}

        def values(name: str) -> dict[str, float]:
            return {",".join(sample.labels.values()): sample.value for sample in families[name].samples}

        assert values("lobby_waiting_tickets") == {"cash": 2, "personal": 1}
        assert values("lobby_counters")["open"] == 1
        assert values("lobby_counters")["closed"] == 2
        assert values("lobby_tickets_today") | {"waiting": 3, "called": 1} == values("lobby_tickets_today")
        assert [*values("lobby_day").values()] == [1]
        assert values("lobby_class_customers") == {"normal": 4}
        assert values("lobby_class_share") == {"normal": 1}
        assert values("lobby_class_passed_customers") == {"normal": 0}
        assert values("lobby_self_service_advised") == values("lobby_self_service_insisted") == {}
        assert values("lobby_open_pages") == {"": 1}
        assert values("lobby_pages_dropped") == {"": 0}
        assert all(0 <= minutes < 600 for minutes in values("lobby_wait_minutes").values())
        assert all(family.documentation and family.type != "unknown" for family in families.values())


# -- where it is served --------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_told_once_and_tried_again(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.RETRY", 0.05)
    holder = socket.create_server(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    tried = 0
    bind = WebServer._bind

    def counted(server: WebServer) -> socket.socket:
        nonlocal tried
        tried += 1
        return bind(server)

    monkeypatch.setattr(WebServer, "_bind", counted)

    def change(text: str) -> str:
        return re.sub(r'listen = "127.0.0.1:\d+"', f'listen = "127.0.0.1:{port}"', text)

    async with serve(change=change) as lobby:
        await until(lambda: tried > 5)
        assert said(caplog, "cannot be served") == [
            f"the screens cannot be served at http://127.0.0.1:{port} (address already in use); trying again"
        ]
        assert lobby.daemon.ready.is_set()
        holder.close()
        await until(lambda: said(caplog, "the screens are served at"))
        assert (await lobby.anybody.get("/health")).status == 200
        assert len(said(caplog, "cannot be served")) == 1


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate of our own making, and its key."""
    pem, key = directory / f"{name}.pem", directory / f"{name}.key"
    subject = ("-days", "2", "-subj", "/CN=lobby", "-addext", "subjectAltName=IP:127.0.0.1")
    make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    processes.run([*make, *subject, "-keyout", key, "-out", pem], check=True, capture_output=True)
    return pem, key


def encrypted(text: str, pem: Path, key: Path) -> str:
    """A configuration's text with them."""
    return text.replace('url = "http', f'certificate = "{pem}"\nkey = "{key}"\nurl = "https')


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed: apt-get install openssl")
async def test_it_is_encrypted_where_there_is_a_certificate(serve: Serve, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "lobby")
    tls = ssl.create_default_context(cafile=pem)
    async with serve(tls=tls, change=lambda text: encrypted(text, pem, key)) as lobby:
        li = await lobby.person("li")
        seen = await li.get("/api/console")
        assert (seen.status, seen.header("strict-transport-security")) == (200, "max-age=31536000")
        async with li.stream("/api/console/live") as stream:
            assert await stream.view()
        lobby.accounts.add("wang", "manager", pin=PIN)
        assert "secure" in (await lobby.sign_in("wang")).header("set-cookie").lower()
        plain = await exchange(lobby.port, request("GET", "/health", {}))
        assert b"200" not in plain[:15]


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed: apt-get install openssl")
async def test_a_key_of_another_certificate_is_one_sentence(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.server.RETRY", 0.05)
    (pem, key), (_, other) = certificate(tmp_path, "lobby"), certificate(tmp_path, "other")
    served, used = tmp_path / "used.pem", tmp_path / "used.key"
    served.write_bytes(pem.read_bytes())
    used.write_bytes(other.read_bytes())
    tls = ssl.create_default_context(cafile=pem)
    async with serve(tls=tls, change=lambda text: encrypted(text, served, used)) as lobby:
        assert lobby.daemon.ready.is_set()
        (line,) = said(caplog, "cannot be served")
        assert "the certificate and its key do not fit" in line
        used.unlink()
        await asyncio.sleep(0)
        used.write_bytes(b"this is no key")
        used.write_bytes(key.read_bytes())
        await until(lambda: said(caplog, "the screens are served at"))
        assert (await lobby.anybody.get("/health")).status == 200
        assert len(said(caplog, "cannot be served")) == 1


# -- accounts that cannot be used ----------------------------------------------------------------------------


async def test_without_its_accounts_the_lobby_runs_without_screens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "access.db").write_bytes(b"this is no database")
    (tmp_path / "access.db").chmod(0o600)
    config, port = tmp_path / "branch.toml", free_port()
    config.write_text("".join((HOUSE, WEB)).format(id="b-web", directory=tmp_path, port=port))
    async with running(read(config), Hands().clock) as daemon:
        assert daemon.ready.is_set()
        assert daemon.on_screen.is_set()
        assert daemon.screens is None
        (line,) = said(caplog, "accounts")
        assert line.startswith(f"{tmp_path / 'access.db'}: ")
        assert line.endswith("; the lobby runs without its screens")
        with pytest.raises(ConnectionRefusedError):
            await exchange(port, b"")
        answer = await daemon.engine.ask(TakeTicket(at=int(TEN * 1000), cause="test:1", by="kiosk/x", service="cash"))
        assert answer.result == "ok"
    assert not [record for record in caplog.records if record.exc_info]
    code, out, err = await processes.ended(LOBBY, "user", "list", "--config", config)
    assert (code, out) == (1, b"")
    assert err.decode().count("\n") == 1
    assert "access.db: the accounts cannot be used" in err.decode()


async def test_nobody_waits_for_screens_that_there_are_none_of(tmp_path: Path) -> None:
    config = tmp_path / "branch.toml"
    config.write_text("".join(HOUSE).format(id="b-web", directory=tmp_path))
    async with running(read(config), Hands().clock) as daemon:
        await asyncio.wait_for(daemon.on_screen.wait(), 5)
        assert daemon.screens is None


async def test_nobody_waits_for_screens_that_have_a_fault_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*about: Any) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr("controller.web.app.make_app", broken)
    config = tmp_path / "branch.toml"
    config.write_text("".join((HOUSE, WEB)).format(id="b-web", directory=tmp_path, port=free_port()))
    async with running(read(config), Hands().clock) as daemon:
        await asyncio.wait_for(daemon.on_screen.wait(), 20)
        assert daemon.screens is None
        assert said(caplog, "the screens have ended; the lobby goes on without them")
        answer = await daemon.engine.ask(TakeTicket(at=int(TEN * 1000), cause="test:1", by="kiosk/x", service="cash"))
        assert answer.result == "ok"


async def test_what_takes_long_is_made_beside_the_loop(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[threading.Thread] = []
    make = web_app.make_app

    def watched(*about: Any) -> Any:
        made.append(threading.current_thread())
        return make(*about)

    monkeypatch.setattr("controller.web.app.make_app", watched)
    async with serve() as lobby:
        assert (await lobby.anybody.get("/health")).status == 200
    assert made
    assert threading.main_thread() not in made


async def test_somebody_who_holds_the_accounts_file_holds_up_no_press(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        with closing(sqlite3.connect(lobby.accounts.path, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            lobby.hands.skip(3600)  # it would be noted that li is there
            async with li.stream("/api/console/live") as stream:
                await stream.view()
            asking = [asyncio.create_task(li.get("/api/console")) for _ in range(20)]
            asking += [asyncio.create_task(lobby.sign_in("li")) for _ in range(5)]
            slowest = 0.0
            while not all(task.done() for task in asking):
                began = time.monotonic()
                await lobby.daemon.engine.ask(TakeTicket(at=0, cause=f"test:{began}", by="kiosk/x", service="cash"))
                slowest = max(slowest, time.monotonic() - began)
            assert {(await task).status for task in asking[:20]} == {200}
            assert {(await task).refusal for task in asking[20:]} == {(503, "accounts")}
            holder.execute("ROLLBACK")
        assert slowest < 0.8, slowest
        assert (await li.get("/api/console")).status == 200


def overwrite(path: Path, content: bytes) -> None:
    """Write over a file in place: another process may have it mapped."""
    with path.open("r+b") as file:
        file.write(content)


async def test_accounts_that_break_while_they_are_in_use(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        async with li.stream("/api/console/live") as stream:
            await stream.view()
            path = lobby.accounts.path
            good = {file: file.read_bytes() for file in path.parent.glob(f"{path.name}*")}
            assert len(good) == 3
            for file, content in good.items():
                overwrite(file, b"\xff" * len(content))
            for _ in range(5):
                assert (await li.get("/api/console")).refusal == (503, "accounts")
            assert len(said(caplog, "access.db")) == 1
            assert (await lobby.sign_in("li")).refusal == (503, "accounts")
            assert (await lobby.anybody.get("/health")).status == 200
            assert (await stream.next())[0] in ("ping", "view")
            for file, content in good.items():
                overwrite(file, content)
            assert (await li.get("/api/console")).status == 200


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


async def test_a_press_that_is_sent_again_after_a_power_cut_acts_once(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/api/tickets", {"service": "cash"}),
            ("/api/tickets", {"service": "personal", "insist": True}),
            ("/api/panel", {"key": "GREEN", "ticket": "B001", "reason": "a good reason"}),
            ("/api/counters/2/keys", {"key": "CALL"}),
            ("/api/counters/2/keys", {"key": "NOSHOW"}),
        ]

        async def ask() -> list[Reply]:
            return [
                await li.post(path, content, Idempotency_Key=f"key-{number:04}")
                for number, (path, content) in enumerate(asked)
            ]

        before = await ask()
        assert [reply.status for reply in before] == [200] * 5, before
        rows = branch.rows()
        await branch.kill()
        await branch.start()
        await on_screen(li)
        after = await ask()
        assert [(reply.status, reply.json) for reply in after] == [(reply.status, reply.json) for reply in before]
        news = {row.kind for row in branch.rows()[len(rows) :]}
        assert not {kind for kind in news if kind.startswith("ticket")}, news
        other = await li.post("/api/tickets", {"service": "personal"}, Idempotency_Key="key-0000")
        assert other.refusal == (422, "key_reused")


async def test_a_request_in_flight_at_a_power_cut_acts_at_most_once(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):

        async def take(number: int) -> Reply | None:
            try:
                return await li.post("/api/panel", {"key": "GREEN"}, Idempotency_Key=f"flight-{number}")
            except (OSError, AssertionError):
                return None

        flying = [asyncio.create_task(take(number)) for number in range(30)]
        await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
        await branch.kill()
        first = await asyncio.gather(*flying)
        await branch.start()
        await on_screen(li)
        second = await asyncio.gather(*(take(number) for number in range(30)))
        for one, other in zip(first, second, strict=True):
            assert other
            assert other.status == 200
            # The power may have gone between an answer's head and its body.
            assert one is None or other.body.startswith(one.body)
        assert sorted(branch.tickets("ticket_issued")) == [f"A{number:03}" for number in range(1, 31)]


async def test_while_nothing_can_be_recorded_nothing_is_acknowledged(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):
        assert (await li.post("/api/panel", {"key": "GREEN"})).status == 200
        rows = branch.rows()
        disk = FileSizeLimit(branch)
        disk.fill()
        again = {"Idempotency_Key": "while-full"}
        refused = await li.post("/api/panel", {"key": "GREEN"}, **again)
        assert refused.refusal == (503, "journal_down")
        assert refused.json["detail"] == "nothing can be recorded at the moment; press again shortly"
        assert refused.header("retry-after") == "1"
        assert (await li.key("1", "CALL")).refusal == (503, "journal_down")
        assert (await li.get("/health")).refusal == (503, "journal_down")
        async with li.stream("/api/television/live") as stream:
            assert refused.json["detail"] in (await stream.view())["notices"]
            assert branch.rows() == rows
            disk.free()
            await stream.view(lambda view: not view["notices"])
        async with asyncio.timeout(30):
            while (await li.get("/health")).status != 200:
                pass
        taken = await li.post("/api/panel", {"key": "GREEN"}, **again)
        assert (taken.status, taken.json["ticket"]) == (200, "A002")
        assert (await li.post("/api/panel", {"key": "GREEN"}, **again)).body == taken.body
        assert branch.tickets("ticket_issued") == ["A001", "A002"]


async def test_an_account_by_the_command_line_while_the_daemon_runs(tmp_path: Path) -> None:
    async with process(tmp_path) as (branch, li):

        async def user(*arguments: str, said: str = "") -> tuple[int | None, str, str]:
            command = (LOBBY, "user", *arguments, "--config", branch.config)
            code, out, err = await processes.ended(*command, input=said.encode())
            return code, out.decode(), err.decode()

        assert (await user("add", "wang", "--role", "counter", "--counter", "1", said=f"{PIN}\n{PIN}\n"))[0] == 0
        signed_in = await li.without("Authorization").post("/api/session", {"name": "wang", "pin": PIN})
        assert signed_in.json["home"] == "/counter/1"
        code, out, _ = await user("list")
        assert code == 0
        assert "wang" in out
        assert PIN not in out
        async with li.stream("/api/console/live") as stream:
            await stream.view()
            assert (await user("revoke", "li"))[0] == 0
            began = time.monotonic()
            assert await stream.end() == {"reason": "revoked"}
            assert time.monotonic() - began < 8
        assert (await li.get("/api/console")).refusal == (401, "not_signed_in")
        code, out, err = await user("revoke", "li")
        assert (code, out, err.count("\n")) == (1, "", 1)
