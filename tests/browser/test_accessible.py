"""No page has a fault that keeps somebody from using it, in any of its main states."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import Page, expect
from system.broker import Mosquitto
from system.network import Network

from browser.axe import faults
from browser.branch import LOCALES, as_role
from browser.conftest import Serve
from browser.pages import Pages

OVERLAPS = """() => {
  const parts = [...document.querySelectorAll("header > *")].filter((each) => each.checkVisibility());
  const box = (each) => each.getBoundingClientRect();
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return parts.flatMap((a, n) => parts.slice(n + 1).filter((b) => meet(box(a), box(b)))
    .map((b) => `${a.textContent} lies on ${b.textContent}`));
}"""
"""Parts of a page's header that lie on each other."""


class Look:
    """Collects the faults of pages in a theme, by page and state."""

    def __init__(self, theme: Literal["dark", "light"]) -> None:
        self.theme = theme
        self.found: list[str] = []

    async def at(self, name: str, page: Page) -> None:
        # What is still fading in is pale for a moment.
        await page.emulate_media(reduced_motion="reduce", color_scheme=self.theme)
        self.found += [f"{name}, {self.theme}: {fault}" for fault in await faults(page)]


@pytest.mark.long
@pytest.mark.parametrize(("language", "theme"), [("zh", "light"), ("zh", "dark"), ("en", "light"), ("en", "dark")])
@pytest.mark.timeout(240)
async def test_axe_has_nothing_serious_to_say(
    language: str, theme: Literal["dark", "light"], serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(language=language, busy=True, lobby=True)
    say, look = branch.say, Look(theme)

    async def shown(page: Page, name: str, text: str) -> Page:
        await expect(page.get_by_text(text).filter(visible=True).first).to_be_visible()
        await look.at(name, page)
        return page

    locale = LOCALES[language]
    sign_in = await pages.open(f"{branch.address}/sign-in", locale=locale)
    await shown(sign_in, "sign-in", say("page.sign_in.go"))
    await sign_in.get_by_role("button", name=say("page.sign_in.go"), exact=True).click()
    await shown(sign_in, "sign-in refused", say("page.sign_in.need_name"))
    await sign_in.goto(f"{branch.address}/enter")
    await shown(sign_in, "enter", say("page.enter.none"))

    console = await as_role(pages, branch, "manager")
    row = console.locator("#part-waiting button[data-ticket]").last
    await expect(row).to_be_visible()
    await look.at("console", console)
    await row.click()
    await shown(console, "console's sheet", say("page.console.green"))
    dialog = console.get_by_role("dialog")
    await dialog.get_by_role("button", name=say("page.console.why"), exact=True).click()
    await expect(dialog.get_by_role("table")).to_be_visible()
    await look.at("console's reason why", console)
    await dialog.get_by_role("button", name=say("page.console.other_back"), exact=True).click()
    await dialog.get_by_role("button", name=say("reason.left"), exact=True).click()
    await shown(console, "console's cancellation", say("page.console.mark_cancelling"))
    await console.get_by_role("button", name=say("page.console.undo"), exact=True).click()
    await console.get_by_role("button", name=say("page.console.new_green"), exact=True).click()
    await shown(console, "console's green ticket", say("page.console.new_green_where"))
    await console.keyboard.press("Escape")
    await expect(console.locator(".figures")).to_contain_text("30", timeout=20_000)
    await console.locator("#part-counters .desk").first.click()
    await shown(console, "console's counter", say("page.console.served_today"))
    await console.keyboard.press("Escape")
    await console.locator(".figures").click()
    await shown(console, "console's figures", say("page.console.by_class"))
    await console.keyboard.press("Escape")

    kiosk = await as_role(pages, branch, "kiosk", width=1080, height=1920)
    await shown(kiosk, "kiosk", say("page.kiosk.need_time"))
    await kiosk.locator(".choices").get_by_role("button").first.click()
    await kiosk.locator(".choices").get_by_role("button").first.click()
    await shown(kiosk, "kiosk's advice", say("page.kiosk.insist"))
    await kiosk.get_by_role("button", name=say("page.kiosk.insist")).click()
    await shown(kiosk, "kiosk's ticket", say("page.kiosk.take_paper"))

    counter = await as_role(pages, branch, "counter", "3")
    async with Network(broker.port, branch.root) as network:
        taken = await network.press("kiosk/kiosk", "TAKE", service="personal", needs=["time"])
        await network.press("panel/manager", "GREEN", ticket=taken["ticket"])
        phone = await pages.open(branch.ticket_page(taken["ticket"]), width=390, height=844, locale=locale)
        await shown(phone, "ticket waiting", taken["ticket"])
        await network.press("keypad/3", "CALL")
        await shown(counter, "counter", taken["ticket"])
        await shown(phone, "ticket called", say("page.ticket.called", counter="3"))
        await network.press("keypad/3", "FINISH")
        await shown(phone, "ticket finished", say("page.ticket.finished"))
        await expect(counter.locator(".next-up")).to_contain_text("B")
        await look.at("counter without a customer", counter)
        await network.press("keypad/3", "PAUSE", digits="1")
        await shown(counter, "counter paused", say("pause.1"))
        await look.at("console, a counter paused", console)
        await network.press("keypad/3", "CLOSE")
        await shown(counter, "counter closed", say("page.counter.state_closed"))
        await phone.goto(f"{branch.address}/t/A001.wrong")
        await shown(phone, "ticket gone", say("page.ticket.gone"))
    day = await as_role(pages, branch, "manager")
    await day.goto(f"{branch.address}/today")
    await shown(day, "today", say("page.today.arrivals"))
    display = await as_role(pages, branch, "screen", "3", width=1920, height=1080)
    await shown(display, "display", say("page.display.closed"))
    television = await as_role(pages, branch, "screen", width=1920, height=1080)
    await shown(television, "tv", say("page.tv.counters"))

    hall = await pages.open(branch.virtual, width=1600, height=1000, locale=locale)
    await expect(hall.locator("[data-printer] img").first).to_be_visible()
    await look.at("virtual lobby", hall)
    await hall.locator('[data-wire="printer"] [data-knob="paper"]').select_option(index=2)
    await expect(hall.locator(".wall .notice").first).to_be_visible()
    await look.at("virtual lobby without paper", hall)
    await expect(kiosk.locator(".paper")).to_be_visible()
    await expect(television.locator(".notices")).to_be_visible()
    await look.at("kiosk without paper", kiosk)
    await look.at("tv without paper", television)
    await look.at("console without paper", console)

    async with pages.outage():
        await branch.kill()
        for name, page in (("console", console), ("counter", counter), ("tv", television), ("kiosk", kiosk)):
            await expect(page.locator("#stale")).to_be_visible()
            await look.at(f"{name} without the daemon", page)
        await branch.start()
    assert look.found == []


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_page_fits_a_phone(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(language=language, busy=True)
    page = await as_role(pages, branch, "manager", width=390, height=844)
    wide: list[str] = []
    for path in ("/console", "/record", "/record/day", "/today", "/opinion", "/counter/1", "/sign-in"):
        await page.goto(f"{branch.address}{path}")
        await expect(page.locator("main, form").filter(visible=True).first).not_to_be_empty()
        if path == "/record":
            await expect(page.locator(".duty-chart svg")).to_be_visible()
        width = await page.evaluate("document.documentElement.scrollWidth")
        wide += [f"{path}: {width}"] * (width > 390)
        wide += [f"{path}: {each}" for each in await page.evaluate(OVERLAPS)]
    assert wide == []
