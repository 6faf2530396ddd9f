"""The controller goes and comes back, and so does the network: every page says so, and goes on by itself."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping

import pytest
from playwright.async_api import Locator, Page, expect
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

from browser.branch import ServedBranch, as_role, enter
from browser.cable import Cable
from browser.conftest import Serve
from browser.pages import Pages
from browser.speech import has_said, record, said
from simulators.virtual_lobby.view import words

STALE = 22_000
"""Milliseconds after which no page may show an old picture as if it were a new one: three pings and a moment."""
BACK = 15_000
"""Milliseconds in which a page finds its way back: the longest pause between two tries, on a slow machine."""
REVOKED = 12_000
SENT = 10.0
"""Seconds in which a cancellation that nobody takes back has been sent."""
OPAQUE = 0.95

WORKED_WITH = ("console", "counter", "tv")
"""Pages of which the last picture can be read meanwhile, in grey, under a bar; the others are covered."""

COVERED = """
(cover) => {
  const box = cover.getBoundingClientRect();
  const alpha = Number(getComputedStyle(cover).backgroundColor.split(",")[3]?.replace(")", "") ?? 1);
  const top = document.elementFromPoint(innerWidth / 2, innerHeight / 3);
  return { alpha, hides: cover.contains(top) && box.width >= innerWidth && box.height >= innerHeight };
}
"""
BARRED = """
(bar) => {
  const box = bar.getBoundingClientRect();
  const main = document.getElementById("main");
  const first = main.querySelector("header").getBoundingClientRect();
  return { grey: getComputedStyle(main).filter, above: box.bottom <= first.top, wide: box.width >= innerWidth };
}
"""


def cover(page: Page) -> Locator:
    """What stands over a page that may be showing something old."""
    return page.locator("#stale")


async def open_all(pages: Pages, branch: ServedBranch, cable: Cable) -> Mapping[str, Page]:
    """A page of each kind that the daemon serves, at the far end of a cable."""

    async def device(role: str, counter: str = "", **size: int) -> Page:
        page = await pages.open(**size)  # type: ignore[arg-type]
        entrance = await branch.device(role, role, counter)
        await enter(page, entrance.replace(branch.address, cable.address))
        return page

    ticket = branch.ticket_page("A002").replace(branch.address, cable.address)
    return {
        "tv": await device("screen", width=1920, height=1080),
        "console": await device("manager"),
        "kiosk": await device("kiosk"),
        "counter": await device("counter", "3"),
        "ticket": await pages.open(ticket, width=390, height=844),
    }


async def is_stale(kind: str, page: Page, branch: ServedBranch) -> None:
    """Wait until a page says that what it shows is old; a ticket's own number stays where it is."""
    if kind == "ticket":
        sentence = branch.say("page.ticket.stale", time="|").partition("|")[0]
        await expect(page.get_by_role("status").filter(has_text=sentence)).to_be_visible(timeout=STALE)
        return
    await expect(cover(page)).to_be_visible(timeout=STALE)
    await expect(cover(page)).to_contain_text(branch.say("page.stale"))
    if kind in WORKED_WITH:
        barred = await cover(page).evaluate(BARRED)
        assert barred == {"grey": "grayscale(1)", "above": True, "wide": True}, kind
        return
    covered = await cover(page).evaluate(COVERED)
    assert covered["alpha"] >= OPAQUE, (kind, covered)
    assert covered["hides"], (kind, covered)


async def is_back(kind: str, page: Page) -> None:
    """Wait until it shows what is true now."""
    gone = page.locator(".stale") if kind == "ticket" else cover(page)
    await expect(gone).to_be_hidden(timeout=BACK)
    assert "/sign-in" not in page.url


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_every_page_outlives_the_daemon_and_the_network(serve: Serve, pages: Pages, broker: Mosquitto) -> None:
    branch = await serve(lobby=True)
    assert branch.web
    async with Network(broker.port, branch.root) as network, Cable(branch.web) as cable:
        for _ in range(4):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("keypad/4", "CALL")
        opened = await open_all(pages, branch, cable)
        television, console, counter = opened["tv"], opened["console"], opened["counter"]
        await record(television)
        await expect(television.locator(".now")).to_contain_text("A001")
        hall = await pages.open(branch.virtual, width=1600, height=1000)
        gone = hall.get_by_text(words("zh")["state.no_controller"])
        await expect(gone).to_be_hidden()

        async with pages.outage():
            await branch.kill()
            for kind, page in opened.items():
                await is_stale(kind, page, branch)
            await expect(gone).to_be_visible()
            # What is read is not pressed.
            await console.locator('#part-waiting button[data-ticket="A004"]').click()
            await expect(console.get_by_role("dialog")).to_be_hidden()
            await counter.locator('[data-key="CALL"]').click()
            await counter.keyboard.press("Enter")
            await expect(counter.locator('[data-key="CALL"][aria-busy]')).to_have_count(0)
            await branch.start()
            for kind, page in opened.items():
                await is_back(kind, page)
            await expect(gone).to_be_hidden()

        # All are who they were, and act; nothing is called out again but what is new.
        await expect(counter.locator(".queue")).to_contain_text("3")
        await counter.keyboard.press("Enter")
        await expect(counter.locator(".customer")).to_contain_text("A002")
        await expect(television.locator(".now")).to_contain_text("A002")
        await expect(opened["ticket"].locator(".state")).to_contain_text(branch.say("page.ticket.called", counter="3"))
        await has_said(television, 2)
        await console.locator('#part-waiting button[data-ticket="A004"]').click()
        dialog = console.get_by_role("dialog")
        await dialog.get_by_role("button", name=branch.say("reason.left"), exact=True).click()
        await until(lambda: branch.tickets("ticket_cancelled") == ["A004"], SENT)
        await opened["kiosk"].locator(".choices").get_by_role("button").nth(1).click()
        await expect(opened["kiosk"].locator(".result.is-printed")).to_contain_text("B001")

        # A network that is cut without a word, and comes back with another call made meanwhile.
        async with pages.outage():
            cable.cut()
            for kind, page in opened.items():
                await is_stale(kind, page, branch)
            await network.press("keypad/4", "CALL")
            await cable.mend()
            for kind, page in opened.items():
                await is_back(kind, page)
        await expect(television.locator(".now")).to_contain_text("B001")
        heard = [each.text for each in await has_said(television, 4)]
        assert [sum(ticket in text for text in heard) for ticket in ("A 零 零 幺", "A 零 零 二", "B 零 零 幺")] == [
            0,
            2,
            2,
        ]
        assert len(await said(television)) == 4
        await pages.check()
        for page in opened.values():
            await page.close()


@pytest.mark.long
async def test_who_is_revoked_has_to_sign_in(serve: Serve, pages: Pages) -> None:
    branch = await serve()
    desk, other = await pages.open(), await as_role(pages, branch, "screen")
    await enter(desk, await branch.device("lost", "counter", "3"))
    await expect(desk.locator(".customer")).to_contain_text(branch.say("page.counter.state_closed"))
    await branch.revoke("lost")
    await desk.wait_for_url(lambda url: "/sign-in" in url, timeout=REVOKED)
    await desk.goto(f"{branch.address}/counter/3")
    await desk.wait_for_url(lambda url: "/sign-in" in url)
    await expect(other.locator(".now")).to_contain_text(branch.say("page.tv.welcome"))
    await expect(cover(other)).to_be_hidden()


@pytest.mark.long
async def test_an_open_page_follows_another_configuration(serve: Serve, pages: Pages) -> None:
    branch = await serve()
    kiosk = await as_role(pages, branch, "kiosk")
    await expect(kiosk).to_have_title(re.compile(re.escape(branch.settings.rules.branch_name)))
    text = branch.config.read_text("utf-8")
    branch.config.write_text(text.replace(branch.settings.rules.branch_name, "新街口支行"), "utf-8")
    assert branch.process
    branch.process.send_signal(signal.SIGHUP)
    await expect(kiosk).to_have_title(re.compile("新街口支行"), timeout=BACK)
