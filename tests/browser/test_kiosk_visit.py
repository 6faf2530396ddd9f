"""A customer at the ticket screen."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect
from system.waiting import until

from browser.branch import BANK, CHINESE, DEVICES, ServedBranch, as_role
from browser.conftest import Serve
from browser.pages import Pages
from simulators.virtual_lobby.view import words

IDLE = 31_000
"""Milliseconds after which a way that nobody goes on with is forgotten."""
SCARCE = BANK.replace('prefix = "C"\n', 'prefix = "C"\nquota = 1\n')
"""A branch with one ticket for companies a day."""

ANSWERS = {
    "zh": {
        "cash": "存取款",
        "small": "两万元以下",
        "large": "两万元以上",
        "personal": "个人业务",
        "corporate": "对公业务",
    },
    "en": {"cash": "Cash", "small": "Up to 20 000", "large": "More", "personal": "Personal", "corporate": "Corporate"},
}


class Kiosk:
    """The ticket screen as its customer sees it."""

    def __init__(self, page: Page, branch: ServedBranch) -> None:
        self.page = page
        self.branch = branch
        self.result = page.locator(".result")

    def answer(self, id: str) -> Locator:
        """One of the answers to what it asks."""
        answers = self.page.locator(".choices").get_by_role("button")
        return answers.filter(has_text=ANSWERS[self.branch.language][id])

    def button(self, word: str) -> Locator:
        """A button with a word of the page's own on it."""
        return self.page.get_by_role("button", name=self.branch.say(f"page.kiosk.{word}"))

    async def gives(self, ticket: str) -> None:
        """Wait until this ticket is there, and go."""
        await expect(self.result.locator(".id")).to_have_text(ticket)
        await self.button("done").tap()
        await expect(self.result).to_have_count(0)


@pytest.mark.parametrize("language", CHINESE)
async def test_triage_by_touch(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(language=language, parts=(SCARCE, *DEVICES))
    kiosk = Kiosk(await as_role(pages, branch, "kiosk", width=1080, height=1920, touch=True), branch)
    start = kiosk.answer("personal")

    # A machine would do: who agrees takes no ticket, nor does the next who agrees; who insists gets one.
    advice = {"zh": "请用自助取款机", "en": "The cash machine does this"}[language]
    for goes in ("understood", "understood", "insist"):
        if goes == "insist":
            for need in ("need_glasses", "need_form"):
                await kiosk.button(need).tap()
        await kiosk.answer("cash").tap()
        await kiosk.answer("small").tap()
        await expect(kiosk.page.get_by_text(advice)).to_be_visible()
        await kiosk.button(goes).tap()
        if goes == "understood":
            await expect(start).to_be_visible()
    await kiosk.gives("A001")
    issued = branch.rows("ticket_issued")[-1].data
    assert (issued["needs"], issued["form"]) == (["glasses"], True)
    assert len(branch.rows("self_service_advised")) == 2
    await until(lambda: branch.tickets("ticket_printed") == ["A001"])
    for need in ("need_glasses", "need_form"):
        await expect(kiosk.button(need)).to_have_attribute("aria-pressed", "false")

    # A finger that trembles takes one ticket.
    await start.dblclick()
    await kiosk.gives("B001")

    # There is one for companies, and it says so when that is gone.
    await kiosk.answer("corporate").tap()
    await kiosk.gives("C001")
    await expect(kiosk.answer("corporate")).to_be_disabled()
    await expect(kiosk.answer("corporate")).to_contain_text(branch.say("closed.quota"))

    # Two touches.
    await kiosk.answer("cash").tap()
    await kiosk.answer("large").tap()
    await kiosk.gives("A002")
    assert branch.tickets("ticket_issued") == ["A001", "B001", "C001", "A002"]

    # Who walks away leaves nothing to the next.
    await kiosk.page.clock.install()
    await kiosk.page.reload()
    await kiosk.answer("cash").tap()
    await expect(kiosk.answer("large")).to_be_visible()
    await kiosk.page.clock.fast_forward(IDLE)
    await expect(start).to_be_visible()


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_a_printer_without_paper_and_a_board_without_a_plug(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(language=language, lobby=True)
    page = await as_role(pages, branch, "kiosk", touch=True)
    kiosk = Kiosk(page, branch)
    television = await as_role(pages, branch, "screen", width=1920, height=1080)
    console = await as_role(pages, branch, "manager")
    hall = await pages.open(branch.virtual, width=1600, height=1000)
    paper = hall.locator('[data-wire="printer"] [data-knob="paper"]')
    lamp = console.locator("#part-health li").filter(has_text=branch.say("kind.escpos"))
    banner = page.get_by_text(branch.say("page.kiosk.paper"))
    notices = television.get_by_role("list", name=branch.say("page.tv.notices"))
    await expect(lamp).to_have_attribute("data-state", "ok")

    # One sentence for everybody, and a number on the screen, to remember or to scan.
    await paper.select_option(words(language)["break.paper_out"])
    detail = branch.say("device.paper_end")
    await expect(lamp).to_contain_text(detail)
    await expect(banner).to_be_visible()
    await expect(notices.get_by_role("listitem").filter(has_text=detail)).to_have_count(1)
    await expect(console.locator(".notices").get_by_role("listitem").filter(has_text=detail)).to_have_count(1)
    await expect(hall.locator(".wall").get_by_text(detail).first).to_be_visible()
    await kiosk.answer("personal").tap()
    await expect(kiosk.result.locator(".id")).to_have_text("B001")
    await expect(kiosk.result).to_contain_text(branch.say("page.kiosk.ahead_none"))
    code = kiosk.result.get_by_role("img", name=branch.say("page.kiosk.qr"))
    assert await code.evaluate("async (image) => { await image.decode(); return image.naturalWidth; }") > 100
    await expect(code).to_have_attribute("src", branch.ticket_page("B001").removeprefix(branch.address) + "/qr.svg")
    await kiosk.button("done").tap()

    await paper.select_option(words(language)["break.paper_ok"])
    await expect(lamp).to_have_attribute("data-state", "ok")
    for gone in (banner, notices):
        await expect(gone).to_be_hidden()
    await kiosk.answer("corporate").tap()
    await expect(kiosk.page.locator(".result.is-printed .id")).to_have_text("C001")

    # A plug that is out is seen, and a plug that is in again.
    plug = hall.locator('[data-wire="hall"] [data-knob="unplugged"]')
    board = console.locator("#part-health li").filter(has_text=branch.say("kind.bx"))
    await expect(board).to_have_attribute("data-state", "ok")
    await plug.click()
    await expect(board).to_have_attribute("data-state", "offline")
    await expect(
        console.locator(".notices").get_by_role("listitem").filter(has_text=branch.say("kind.bx"))
    ).to_have_count(1)
    await plug.click()
    await expect(board).to_have_attribute("data-state", "ok")
    await expect(
        console.locator(".notices").get_by_role("listitem").filter(has_text=branch.say("kind.bx"))
    ).to_have_count(0)
