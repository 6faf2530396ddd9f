"""The day's record at the console: a fault is reported, the repairer called, the repair confirmed."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from browser.axe import faults
from browser.branch import BANK, CHINESE, DEVICES, ServedBranch, as_role
from browser.conftest import Serve
from browser.pages import Pages

THINGS = """
[[thing]]
id = "water"
name = {{ zh = "饮水机", en = "Water dispenser" }}
deadline = 8
"""


async def opened(pages: Pages, branch: ServedBranch, **wishes: object) -> Page:
    page = await as_role(pages, branch, "manager", **wishes)
    await page.goto(f"{branch.address}/record")
    await expect(page.locator("#repairs h2")).to_be_visible()
    return page


@pytest.mark.parametrize("language", CHINESE)
async def test_a_fault_is_reported_and_its_repair_confirmed(language: str, serve: Serve, pages: Pages) -> None:
    branch: ServedBranch = await serve(language=language, parts=(BANK, *DEVICES, THINGS))
    page = await opened(pages, branch, width=820, height=1180)
    say, section = branch.say, page.locator("#repairs")
    await expect(section).to_contain_text(say("page.record.nothing_open"))

    await section.get_by_role("combobox").select_option("water")
    await section.get_by_role("textbox").fill("<b>漏水 it leaks</b>")
    await section.get_by_role("button", name=say("page.record.report")).click()
    card = section.locator("[data-repair=R1]")
    await expect(card).to_contain_text("<b>漏水 it leaks</b>")
    (row,) = branch.rows("repair_opened")
    assert (row.data["thing"], row.data["worded"]) == ("water", True)
    assert "leaks" not in str(row)
    assert await faults(page) == []

    # A television tells customers of it.
    screen = await as_role(pages, branch, "screen")
    await screen.goto(f"{branch.address}/tv")
    await expect(screen.locator("body")).to_contain_text(
        say("record.out_of_order", name={"zh": "饮水机", "en": "Water dispenser"}[language])
    )

    await card.get_by_role("button", name=say("page.record.called"), exact=True).click()
    await expect(card.get_by_role("button", name=say("page.record.called"), exact=True)).to_have_count(0)

    # After a restart it is still there.
    async with pages.outage():
        await branch.kill()
        await expect(page.locator("#stale")).to_be_visible(timeout=30_000)
        await branch.launch()
        await expect(page.locator("#stale")).to_be_hidden(timeout=30_000)
    await card.get_by_role("button", name=say("page.record.repaired"), exact=True).click()
    await expect(section).to_contain_text(say("page.record.nothing_open"))
    (confirmed,) = branch.rows("repair_confirmed")
    assert confirmed.data["late"] is False
