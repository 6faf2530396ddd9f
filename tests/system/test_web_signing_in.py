"""Who gets in, and for how long."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from controller.lobby.actions.take_ticket import TakeTicket
from controller.web.accounts_file import AccountsFile
from system.served import PIN, Client, Serve, Served, said


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
