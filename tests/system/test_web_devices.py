"""Pages as devices."""

from __future__ import annotations

from typing import Any

import pytest

from controller.web.roles import Role
from system.served import Client, Serve, Served, Stream, rows_of, said
from system.waiting import until


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
