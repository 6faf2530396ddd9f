"""What may be sent, and what comes back."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from controller.lobby.actions.take_ticket import TakeTicket
from simulators.slow_clients import BEGINNINGS, slow_connections
from system.proxy import proxy
from system.served import Client, Serve, Served, exchange, parsed, request
from system.waiting import until

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
