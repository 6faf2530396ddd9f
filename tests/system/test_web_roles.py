"""Who may do what, and that names that are scripts stay names."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from system.served import Client, Serve

NOT_SIGNED_IN, FORBIDDEN = 401, 403


# -- who may do what -----------------------------------------------------------------------------------------
EVERYBODY = ("manager", "counter", "kiosk", "screen", "feed")
NOBODY_ASKED = None


MAY: dict[tuple[str, str], tuple[str, ...] | None] = {
    ("post", "/api/session"): NOBODY_ASKED,
    ("get", "/api/session"): EVERYBODY,
    ("delete", "/api/session"): EVERYBODY,
    ("post", "/api/counters/{counter}/keys"): ("manager", "counter"),
    ("post", "/api/panel"): ("manager",),
    ("post", "/api/record"): ("manager",),
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
    ("get", "/api/displays/{counter}"): ("manager", "screen"),
    ("get", "/api/displays/{counter}/live"): ("manager", "screen"),
    ("get", "/api/record"): ("manager",),
    ("get", "/api/record/live"): ("manager",),
    ("get", "/api/record/day"): ("manager",),
    ("get", "/api/report"): ("manager",),
    ("get", "/api/today"): ("manager",),
    ("get", "/api/tickets/{ticket}/why"): ("manager",),
    ("get", "/api/tickets/{ticket}/offers"): ("manager",),
    ("get", "/api/counters/{counter}/offers"): ("manager",),
    ("post", "/api/devices/{device}/test"): ("manager",),
    ("get", "/api/pages/{page}"): NOBODY_ASKED,
    ("get", "/api/pages/{page}/live"): NOBODY_ASKED,
    ("get", "/api/feed"): ("manager", "feed"),
    ("get", "/api/feed/live"): ("manager", "feed"),
    ("post", "/api/pages/{page}/rating"): NOBODY_ASKED,
    ("post", "/api/opinions"): NOBODY_ASKED,
    ("get", "/metrics"): EVERYBODY,
    ("get", "/health"): NOBODY_ASKED,
}
"""Who may, by operation; `NOBODY_ASKED`: whoever likes."""


CONTENT = {
    "/api/session": {"name": "nobody", "pin": "000111"},
    "/api/counters/{counter}/keys": {"key": "OPEN"},
    "/api/panel": {"key": "GREEN"},
    "/api/record": {"key": "FAULT", "thing": "printer"},
    "/api/tickets": {"service": "cash"},
    "/api/opinions": {"score": 5},
    "/api/pages/{page}/rating": {"score": 5},
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
            real = path.format(counter="1", ticket="A001", page="A001.x", device="none")
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
        homes |= {"/counter/1": ("manager", "counter"), "/display/1": ("manager", "screen"), "/today": ("manager",)}
        homes |= {"/record": ("manager",), "/record/day": ("manager",)}
        for path in homes:
            assert (await lobby.anybody.get(path)).header("location") == f"/sign-in?next={path}"
        home = {}
        for role in EVERYBODY:
            client = await lobby.person(role, role)
            home[role] = (await client.get("/")).header("location")
            for path, may in homes.items():
                reply = await client.get(path)
                assert reply.status == (200 if role in may else 303), (role, path)
            for path in ("/counter/99", "/display/99"):
                assert (await client.get(path)).refusal == (404, "not_found")
        assert home == {
            "manager": "/console",
            "counter": "/counter/1",
            "kiosk": "/kiosk",
            "screen": "/tv",
            "feed": "/api/feed",
        }


async def test_a_page_for_strangers_tells_nothing_of_the_branch_inside(serve: Serve) -> None:
    async with serve() as lobby:
        li = await lobby.person("li")

        async def told(client: Client, path: str) -> dict[str, Any]:
            text = (await client.get(path)).body.decode()
            return dict(json.loads(text.partition('id="page">')[2].partition("</script>")[0]))

        for path in ("/sign-in", "/enter", "/t/A001.x", "/opinion?counter=1"):
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
