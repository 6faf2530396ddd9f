"""Presses, ticket pages, and pages that are open."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sqlite3
import time
from contextlib import AsyncExitStack, closing

import pytest
import qrcode
from prometheus_client.parser import text_string_to_metric_families

from system.served import Serve, exchange, parsed, request

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


async def test_the_journal_does_not_tell_what_number_a_clerk_has_typed(serve: Serve) -> None:
    clerk = '\n[[clerk]]\nnumber = "4711"\nalias = "C07"\n'
    async with serve(clerk) as lobby:
        li = await lobby.person("li")
        for _ in range(2):
            assert (await li.key("1", "SIGNIN", "4711", Idempotency_Key="key-0001")).status == 200
        assert (await li.key("1", "SIGNIN", "4712", Idempotency_Key="key-0001")).refusal == (422, "key_reused")
        ((data, cause),) = lobby.rows("clerk_signed_in")
        assert data == {"counter": "1", "clerk": "C07"}
        asked = {"key": "SIGNIN", "digits": "4711"}
        found = cause.rpartition(":")[2]
        for content in (asked, {"counter": "1", **asked}, {"counter": "1", "choice": "", **asked}):
            text = json.dumps(content, sort_keys=True).encode()
            assert not hashlib.sha256(text).hexdigest().startswith(found)
        written = b"".join(path.read_bytes() for path in lobby.settings.journal_path.parent.glob("lobby.db*"))
        assert not re.search(rb"(?<![0-9a-f])4711(?![0-9a-f])", written)  # it may be part of a hash


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


async def test_the_manager_works_a_counter_and_is_offered_what_will_be_accepted(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")
        ticket = await lobby.device("hall", "kiosk").take()

        async def offered(path: str) -> set[str]:
            return {each["key"] for each in (await li.get(path)).json["offers"]}

        assert await offered("/api/counters/1/offers") == {"OPEN"}
        assert (await li.get("/api/counters/99/offers")).refusal == (404, "unknown_counter")
        opened = await li.post("/api/panel", {"key": "OPEN", "counter": "1"})
        assert opened.status == 200, opened
        assert await offered("/api/counters/1/offers") == {"PAUSE", "CLOSE"}
        assert "CALL" in await offered(f"/api/tickets/{ticket}/offers")
        paused = await li.post("/api/panel", {"key": "PAUSE", "counter": "1", "digits": "1"})
        assert paused.status == 200, paused
        assert (await li.post("/api/panel", {"key": "PAUSE", "counter": "1"})).refusal == (409, "already_paused")
        ((event, _),) = lobby.rows("counter_paused")
        assert event == {"counter": "1", "reason": "1", "by": "user/li"}
        latest = (await li.get("/api/console")).json["recent"][0]
        assert (latest["by"], latest["reason"]) == ("user/li", lobby.settings.rules.wording.say("pause.1"))

        moved = await li.post("/api/panel", {"key": "REASSIGN", "ticket": ticket, "counter": "2"})
        assert moved.json["text"] == f"{ticket} waits for counter 2 now"
        assert (await li.post("/api/panel", {"key": "CANCEL", "ticket": ticket, "reason": "left"})).status == 200
        assert await offered(f"/api/tickets/{ticket}/offers") == set()
        green = (await li.post("/api/panel", {"key": "GREEN", "reason": "elderly"})).json["ticket"]
        latest = (await li.get("/api/console")).json["recent"][0]
        assert (latest["ticket"], latest["kind"], latest["reason"]) == (green, "ticket_issued", "Elderly")


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
        for language, said in (("en", "there is no slot 09:00"), ("zh", "没有")):
            reply = await li.post("/api/tickets", {"slot": "09:00", "language": language})
            assert said in reply.json["detail"], "in the language of whoever asked"
        assert lobby.rows("ticket_issued") == []
        why = await li.get("/api/tickets/A999/why")
        assert why.status == 404
        assert "A999" in why.json["detail"]


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
            *(
                "now",
                "branch",
                "ticket",
                "service",
                "state",
                "ahead",
                "wait",
                "counter",
                "since",
                "returns_until",
                "in",
            ),
            *("rate", "rated", "opinions"),
        }
        assert {name for texts in view["in"].values() for name in texts} == {"branch", "service", "wait"}
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
