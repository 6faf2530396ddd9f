"""A customer's own ticket on the phone, from the paper's QR code to the end."""

from __future__ import annotations

import re
import time

import pytest
from playwright.async_api import expect
from system.broker import Mosquitto
from system.network import Network

from browser.branch import BANK, DEVICES, ENGLISH, LOCALES
from browser.conftest import Serve
from browser.pages import Pages
from browser.presses import presses
from controller.web.accounts import Accounts

HASTY = BANK.replace("call_grace = 0", "call_grace = 0\nreturn_within = 0.15")
"""A branch in which one may come back for nine seconds."""
BIG = 60
"""CSS pixels of a counter's number on a phone, when the customer is to go there."""


@pytest.mark.long
@pytest.mark.parametrize("language", ENGLISH)
async def test_the_way_of_a_ticket_on_a_phone(language: str, serve: Serve, pages: Pages, broker: Mosquitto) -> None:
    branch = await serve(language=language)
    say = branch.say
    async with Network(broker.port, branch.root) as network:
        for _ in range(3):
            await network.press("kiosk/kiosk", "TAKE", service="personal")
        address = branch.ticket_page("B003")
        phone = await pages.open(address, width=390, height=844, touch=True, locale=LOCALES[language])
        state = phone.locator(".state")
        async with presses(phone, "own ticket"):
            await expect(phone.get_by_role("region", name=say("page.ticket.number"))).to_contain_text("B003")
            await expect(state).to_contain_text(say("page.ticket.ahead", n=2))
            await expect(state).to_contain_text(re.compile(r"\d"))
            for ahead in (say("page.ticket.ahead", n=1), say("page.ticket.ahead_none")):
                await network.press("keypad/3", "CALL")
                await expect(state).to_contain_text(ahead)
            await network.press("keypad/3", "CALL")
            await expect(state).to_contain_text(say("page.ticket.called", counter="3"))
            size = await state.locator("strong").evaluate("(number) => parseFloat(getComputedStyle(number).fontSize)")
            assert size > BIG
            assert "B003" in await phone.title()
            await network.press("keypad/3", "START")
            await expect(state).to_contain_text(say("page.ticket.serving", counter="3"))
            await network.press("keypad/3", "FINISH")
            await expect(state).to_contain_text(say("page.ticket.finished"))
    for key in ("ticket_issued", "ticket_called"):
        assert branch.tickets(key).count("B003") == 1

    # It is read in the language and the size that its owner wants, also when it is opened again.
    async with presses(phone, "own ticket larger"):
        await phone.get_by_role("button", name=say("page.larger")).tap()
    other = {"zh": "en", "en": "zh"}[language]
    theirs = branch.settings.rules.spoken(other).wording.say
    async with presses(phone, "own ticket in another language"):
        await phone.get_by_role("button", name=theirs("page.language")).tap()
        await expect(state).to_contain_text(theirs("page.ticket.finished"))
    for _ in range(2):
        await expect(state).to_contain_text(theirs("page.ticket.finished"))
        await expect(phone.get_by_role("button", name=theirs("page.usual_size"))).to_be_visible()
        await expect(phone.locator("html")).to_have_attribute("lang", {"zh": "zh-CN", "en": "en"}[other])
        await phone.reload()
    await phone.get_by_role("button", name=say("page.language")).tap()

    # Neither another day's address nor a guessed one tells anything.
    accounts = Accounts(branch.settings.web.accounts, time.time)  # type: ignore[union-attr]
    yesterday = accounts.page("2026-01-01", "B003")
    accounts.close()
    for other in (yesterday, "B003.AAAAAAAAAAAAAAAA", "B003"):
        await phone.goto(f"{branch.address}/t/{other}")
        await expect(state).to_contain_text(say("page.ticket.gone"))
        await expect(phone.get_by_text("B003")).to_have_count(0)


@pytest.mark.long
@pytest.mark.parametrize("language", ENGLISH)
async def test_a_promise_is_taken_back_when_its_time_has_come(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    """By the controller's clock: this phone's is a year behind."""
    branch = await serve(language=language, parts=(HASTY, *DEVICES))
    phone = await pages.open(width=360, height=640, locale=LOCALES[language])
    await phone.clock.install(time=time.time() - 365 * 24 * 3600)
    state = phone.locator(".state")
    async with Network(broker.port, branch.root) as network:
        ticket = (await network.press("kiosk/kiosk", "TAKE", service="personal"))["ticket"]
        await phone.goto(branch.ticket_page(ticket))
        await network.press("keypad/3", "CALL")
        await expect(state).to_contain_text(branch.say("page.ticket.called", counter="3"))
        await network.press("keypad/3", "NOSHOW")
        missed_at = branch.rows("ticket_missed")[-1].at
        until = branch.settings.rules.local(missed_at + 9000).strftime("%H:%M")
        await expect(state).to_contain_text(branch.say("page.ticket.missed_until", time=until))
        await expect(state).to_contain_text(branch.say("page.ticket.missed_over", time=until))
        await expect(state).not_to_contain_text(branch.say("page.ticket.missed_until", time=until))
        refused = await network.press("panel/manager", "RETURN", ticket=ticket)
        assert refused["result"] == "refused", "the page says what is so"
