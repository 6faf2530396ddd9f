"""A bad day in the browser: the printer has no paper, the plan is followed, numbers come from the roll."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.branch import BANK, CHINESE, DEVICES, as_role
from browser.conftest import Serve
from browser.pages import Pages
from browser.test_manager import signed_in

ROLL = """
[[roll]]
prefix = "X"
from = 1
to = 500
key = 9
"""


@pytest.mark.parametrize("language", CHINESE)
async def test_a_day_without_paper(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(language=language, plugged=True, parts=(BANK, ROLL, *DEVICES))
    plan = branch.settings.rules.emergency_plans["printer"]
    console = await signed_in(pages, branch)
    page, say = console.page, branch.say
    kiosk = await as_role(pages, branch, "kiosk")
    television = await as_role(pages, branch, "screen")

    # The fault leads to its plan, and the plan is declared.
    branch.placed("printer").wire.faults.paper = "out"
    faults = page.get_by_role("status", name=say("page.console.notices")).get_by_role("listitem")
    fault = faults.filter(has_text=say("device.paper_end"))
    await fault.get_by_role("button", name=say("page.console.emergency_plan"), exact=True).tap()
    await expect(console.sheet).to_contain_text(plan.steps[2])
    await console.button("page.console.emergency_declare").tap()
    await expect(console.sheet).to_be_hidden()
    await expect(faults.filter(has_text=say("fault.emergency", plan=plan.name))).to_be_visible()
    assert branch.rows("emergency_declared")[-1].data["plan"] == "printer"
    for screen in (kiosk, television):
        await expect(screen.locator("main")).to_contain_text(plan.notice)
    await expect(kiosk.get_by_role("heading", name=say("page.kiosk.roll_title"))).to_be_visible()
    name = branch.settings.rules.service_name("cash")
    await expect(kiosk.get_by_role("button", name=name)).to_have_count(0)

    # Numbers that were handed out are entered as somebody writes them, and are there once.
    opener = page.get_by_role("button", name=say("page.console.emergency"), exact=True)
    await opener.tap()
    numbers = console.sheet.get_by_role("textbox", name=say("page.console.roll_numbers"))
    wait, served = (console.button(f"page.console.roll_{key}") for key in ("waiting", "served"))
    await expect(wait).to_be_disabled()
    await numbers.fill("x014—X016")
    await console.sheet.get_by_role("button", name=branch.settings.rules.service_name("personal"), exact=True).tap()
    await wait.tap()
    await expect(console.sheet).to_be_hidden()
    await console.told(say("answer.roll_entered", first="X014", last="X016", count=3))
    assert branch.tickets("ticket_issued") == ["X014", "X015", "X016"]
    assert branch.rows("ticket_issued")[0].data["service"] == "personal"
    await expect(console.row("X014")).to_contain_text(say("page.console.mark_roll"))

    await opener.tap()
    for typed, told in (
        ("X016-X014", say("refused.roll_reversed", text="X016-X014")),
        ("X501", say("refused.roll_outside", number="X501", rolls="X001-X500")),
        ("X014", say("refused.roll_used", ticket="X014", where=say("where.waiting"))),
    ):
        await numbers.fill(typed)
        await wait.tap()
        await expect(console.sheet.get_by_role("alert")).to_have_text(told)
    await numbers.fill("X012-X014")
    await console.sheet.get_by_role("textbox", name=say("page.console.roll_time")).fill("25:00")
    await served.tap()
    await expect(console.sheet.get_by_role("alert")).to_have_text(say("refused.roll_time_unclear", text="25:00"))
    await console.sheet.get_by_role("textbox", name=say("page.console.roll_time")).fill("")
    await served.tap()
    await console.told(say("answer.roll_entered_served", first="X012", last="X014", count=3))
    await expect(console.row("X014")).to_have_count(0)
    await opener.tap()
    run = say("page.console.roll_run", range="X014-X016", service="", count=3, open=2).split("·")[2].strip()
    await expect(console.sheet.get_by_role("listitem").filter(has_text=run)).to_be_visible()

    # The paper is back: the fault list says so, and the emergency is ended.
    branch.placed("printer").wire.faults.paper = "ok"
    await page.keyboard.press("Escape")
    await expect(page.get_by_text(say("fault.emergency_over"))).to_be_visible()
    await opener.tap()
    await console.button("page.console.emergency_end").tap()
    await expect(console.sheet).to_be_hidden()
    await expect(kiosk.get_by_role("heading", name=say("page.kiosk.roll_title"))).to_have_count(0)
    assert branch.rows("emergency_ended")[-1].data["by"].startswith("user/")
