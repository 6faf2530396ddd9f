"""A visit through everything: two tickets, their paper, their calls, on every display within a second."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from browser.branch import CHINESE, as_role
from browser.conftest import Serve
from browser.pages import Pages
from simulators.virtual_lobby.view import words

LATE = 1000
"""Milliseconds from an answered press to the television."""

OBSERVE = """
(selector) => {
  const place = document.querySelector(selector);
  window.seen = [];
  const look = () => window.seen.push([Date.now(), place.textContent]);
  new MutationObserver(look).observe(place, { subtree: true, childList: true, characterData: true, attributes: true });
}
"""
FIRST_SEEN = "(text) => window.seen.find(([, shown]) => shown.includes(text))?.[0]"


async def shown_after(terminal: Page, television: Page, ticket: str, *, since: float) -> float:
    """Milliseconds from the answer to a press at or after `since` until the television shows the ticket."""
    answered = await terminal.evaluate("(since) => window.seen.find(([at]) => at >= since)?.[0]", since)
    return float(await television.evaluate(FIRST_SEEN, ticket) - answered)


@pytest.mark.parametrize("language", CHINESE)
async def test_a_ticket_by_touch_is_printed_called_and_shown_everywhere(
    language: str, serve: Serve, pages: Pages
) -> None:
    branch = await serve(language=language, lobby=True)
    lobby_words = words(language)
    hall = await pages.open(branch.virtual, width=1600, height=1000)
    kiosk = await as_role(pages, branch, "kiosk", touch=True)
    television = await as_role(pages, branch, "screen", width=1920, height=1080)
    console = await as_role(pages, branch, "manager", touch=True)

    # Two are taken at the ticket button, one at the ticket screen in two touches.
    tickets = []
    own = hall.locator("[data-kiosk] .yours strong")
    for number in ("A001", "A002"):
        await hall.locator("[data-kiosk] [data-service=cash]").click()
        await expect(own).to_have_text(number)
        tickets.append(number)
    await kiosk.get_by_role("button", name={"zh": "存取款", "en": "Cash"}[language]).tap()
    await kiosk.get_by_role("button", name={"zh": "两万元以上", "en": "More"}[language]).first.tap()
    await expect(kiosk.locator(".result.is-printed")).to_contain_text("A003")
    tickets.append("A003")

    # Each has come out of the printer, as a picture of what its bytes have drawn.
    for ticket in tickets:
        paper = hall.locator("[data-printer]").get_by_role("img", name=re.compile(ticket))
        await expect(paper).to_be_visible()
        assert await paper.evaluate("(image) => image.naturalHeight > image.naturalWidth / 2")
    service = branch.settings.rules.service_name("cash")
    await expect(paper).to_have_accessible_name(re.compile(re.escape(service)))
    await expect(television.locator("tr", has_text=service)).to_contain_text("3")

    # Called at two terminals and at a keypad.
    await television.evaluate(OBSERVE, "#main")
    delays = []
    for counter, ticket in zip(("1", "2", "3"), tickets, strict=True):
        desk = hall.locator(f'[data-counter="{counter}"]')
        await hall.evaluate(OBSERVE, f'[data-counter="{counter}"] .said')
        since = await hall.evaluate("Date.now()")
        await desk.get_by_role("button", name=lobby_words["key.CALL"], exact=True).click()
        await expect(television.get_by_text(ticket, exact=True).first).to_be_visible()
        await expect(desk.locator(".said.ok")).not_to_be_empty()
        delays.append(await shown_after(hall, television, ticket, since=since))
        where = branch.say("page.console.counter", counter=counter)
        at_work = console.locator("#part-counters li").filter(has_text=where)
        await expect(at_work).to_contain_text(ticket)
        await expect(at_work).to_contain_text(branch.say("page.console.state_called"))
        await expect(hall.locator("[data-board] li", has_text=ticket)).to_contain_text(counter)
        if counter != "3":
            await expect(hall.locator(f'[data-window="window-{counter}"]')).to_contain_text(ticket)
    assert min(delays) < LATE, delays
    newest = television.locator(".now")
    await expect(newest).to_contain_text("A003")
    await expect(newest).to_contain_text(branch.say("page.tv.counter", counter="3"))
    assert branch.tickets("ticket_called") == tickets
