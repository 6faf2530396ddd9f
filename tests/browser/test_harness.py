"""The browser tests' own tools: that they find what they are to find, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Page, Route
from sweeps import long
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

from browser.axe import faults
from browser.conftest import Serve
from browser.pages import Pages
from controller.web.middleware.headers import HEADERS

GOOD = "<!doctype html><html lang=en><title>Good</title><main><h1>Good</h1><p>A017 to counter 3</p></main>"
PALE = GOOD.replace("<p>", "<p style='color:#bbb;background:#fff'>")


async def serve(page: Page, content: str, path: str = "/", status: int = 200) -> None:
    """Answer a path of http://branch.localhost with this, under the headers of every answer of the controller's."""

    async def answer(route: Route) -> None:
        headers = {name.decode(): value.decode() for name, value in HEADERS}
        await route.fulfill(status=status, body=content, headers=headers, content_type="text/html; charset=utf-8")

    await page.route(f"http://branch.localhost{path}", answer)


async def test_a_good_page_passes(pages: Pages) -> None:
    page = await pages.open()
    await serve(page, GOOD)
    await page.goto("http://branch.localhost/")
    assert await faults(page) == []
    await pages.check()


async def test_pale_text_is_a_fault_that_names_its_rule_and_its_place(pages: Pages) -> None:
    page = await pages.open(f"data:text/html,{PALE.replace('#', '%23')}")
    (fault,) = await faults(page)
    assert fault.startswith("color-contrast (serious): ")
    assert fault.endswith(": p")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("setTimeout(() => { throw new Error('lost') })", "uncaught: lost"),
        ("Promise.reject(new Error('lost'))", "uncaught: lost"),
        ("console.error('lost')", "lost"),
    ],
)
async def test_a_page_that_fails_unseen_fails_its_test(pages: Pages, script: str, said: str) -> None:
    page = await pages.open(f"data:text/html,{GOOD}<script>{script}</script>")
    with pytest.raises(AssertionError, match=said):
        await pages.check()
    await page.evaluate("console.warn('not so bad')")
    await pages.check()


@pytest.mark.parametrize(
    "breach", ["<script>1</script>", "<p style='color:red'>A017</p>", "<img src=//else.where/a.png>"]
)
async def test_a_breach_of_the_security_policy_fails_its_test(pages: Pages, breach: str) -> None:
    page = await pages.open()
    await serve(page, GOOD + breach)
    await page.goto("http://branch.localhost/")
    with pytest.raises(AssertionError, match="content security policy"):
        await pages.check()


async def test_a_request_may_fail_only_while_the_network_is_known_to_be_away(pages: Pages) -> None:
    page = await pages.open()
    await serve(page, GOOD)
    await page.goto("http://branch.localhost/")
    request = "fetch('/away').catch(() => 0)"
    async with pages.outage():
        await page.context.set_offline(True)
        await page.unroute_all()
        await page.evaluate(request)
    await pages.check()
    await page.evaluate(request)
    with pytest.raises(AssertionError, match="Failed to load resource: net::"):
        await pages.check()


async def test_a_refusal_is_an_answer_and_a_failure_a_fault(pages: Pages) -> None:
    page = await pages.open()
    await serve(page, GOOD)
    await serve(page, "{}", "/api/call", 409)
    await serve(page, "{}", "/api/broken", 500)
    await serve(page, "", "/static/gone.js", 404)
    await page.goto("http://branch.localhost/")
    await page.evaluate("fetch('/api/call', { method: 'POST' })")
    await pages.check()
    for path in ("/api/broken", "/static/gone.js"):
        await page.evaluate(f"fetch('{path}')")
        with pytest.raises(AssertionError, match=path):
            await pages.check()


async def test_a_page_has_the_size_language_and_time_that_it_is_given(pages: Pages) -> None:
    page = await pages.open(width=390, height=844, locale="en-GB", timezone="Europe/London", touch=True)
    found = await page.evaluate(
        "[innerWidth, innerHeight, navigator.language, Intl.DateTimeFormat().resolvedOptions().timeZone, "
        "navigator.maxTouchPoints > 0]"
    )
    assert found == [390, 844, "en-GB", "Europe/London", True]


@pytest.mark.long
@pytest.mark.parametrize("language", ["zh", long("en")])
async def test_a_branch_of_processes_goes_on_after_kill(serve: Serve, broker: Mosquitto, language: str) -> None:
    branch = await serve(language=language, web=None, busy=True)
    async with Network(broker.port, branch.root) as network:
        await until(lambda: network.levels.get("board", {}).get("calls"))
        await network.device("printer")
        answer = await network.press("kiosk/kiosk", "TAKE", service="cash")
        await until(lambda: answer["ticket"] in branch.tickets("ticket_printed"))
        await branch.kill()
        await branch.start()
        again = await network.press("kiosk/kiosk", "TAKE", service="cash")
        assert int(again["ticket"][1:]) == int(answer["ticket"][1:]) + 1


def test_what_comes_from_npm_is_locked_and_the_lock_names_no_address() -> None:
    lock = json.loads(Path(__file__).with_name("package-lock.json").read_text())
    for name, package in lock["packages"].items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, name
