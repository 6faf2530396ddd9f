"""The record's check lists, ticked on a tablet, and duty with its chart."""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.async_api import Page, expect

from browser.axe import faults
from browser.branch import BANK, ENGLISH, as_role
from browser.conftest import Serve
from browser.pages import Pages

LISTS = """
[[thing]]
id = "water"
name = {{ zh = "饮水机", en = "Water dispenser" }}

[[checklist]]
id = "before"
name = {{ zh = "营业前检查", en = "Before opening" }}
when = "before_opening"
items = [
  {{ id = "forms", name = {{ zh = "单据、签字笔、老花镜", en = "Forms, pens, glasses" }} }},
  {{ id = "water", name = {{ zh = "饮水机、水杯", en = "Water and cups" }}, thing = "water" }},
  {{ id = "fire", name = {{ zh = "灭火器、消防通道", en = "Fire extinguishers and exits" }} }},
  {{ id = "doors", name = {{ zh = "门窗、卷帘门", en = "Doors and shutters" }} }},
]

[[clerk]]
number = "4711"
alias = "C07"
breaks = "11:30-12:00"

[[clerk]]
number = "4712"
alias = "C08"
"""


SEND = """async ([path, content]) => (await (await import("/static/common.js")).press(path, content)).result"""


async def press(page: Page, counter: str, key: str, digits: str = "") -> None:
    """A key of a counter."""
    assert await page.evaluate(SEND, [f"/api/counters/{counter}/keys", {"key": key, "digits": digits}]) == "ok"


@pytest.mark.long
@pytest.mark.parametrize("language", ENGLISH)
async def test_a_list_is_ticked_with_a_tap_an_item_and_duty_is_drawn(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(language=language, plugged=True, parts=(BANK, LISTS))
    page = await as_role(pages, branch, "manager", width=820, height=1180, touch=True)
    await page.goto(f"{branch.address}/record")
    say: Any = branch.say
    items = page.locator("[data-checklist=before] .item")
    await expect(items).to_have_count(4)

    await page.locator("[data-item=forms] button.tick").tap()
    await expect(page.locator("[data-item=forms].ok")).to_be_visible()
    await page.locator("[data-item=forms] .change").tap()  # it was another one
    await expect(page.locator("[data-item=forms].open")).to_be_visible()
    await page.locator("[data-item=water] .stop").tap()
    await page.locator("[data-item=water] input").fill("<b>1</b>")
    await page.locator("[data-item=water] form button[type=submit]").tap()
    await expect(page.locator("[data-item=water].fault")).to_contain_text("<b>1</b>")
    await expect(page.locator("[data-repair=R1]")).to_be_visible()
    await page.locator("[data-checklist=before] .rest").tap()
    await expect(page.locator("[data-checklist=before] .item.ok")).to_have_count(3)
    await expect(page.locator("[data-checklist=before] .mark.good")).to_have_text(say("page.record.check_state_done"))

    await press(page, "1", "SIGNIN", "4711")
    await press(page, "1", "OPEN")
    await press(page, "2", "OPEN")
    await page.locator("#duty select[name=clerk]").select_option("C08")
    await page.locator("#duty form button[type=submit]").tap()
    await expect(page.locator("#duty .on-duty")).to_contain_text("C08")
    await page.locator("#duty select[name=clerk]").select_option("C07")
    await page.locator("#duty input[name=words]").fill("<i>2</i>")
    await page.locator("#duty form button[type=submit]").tap()
    await expect(page.locator("#duty .handed-over")).to_contain_text("<i>2</i>")
    rows = page.locator("#duty tbody tr")
    await expect(rows).to_have_count(4)
    await expect(rows.filter(has_text="C07").first).to_contain_text("11:30-12:00")
    await expect(page.locator("#duty svg rect")).to_have_count(5)
    assert "4711" not in await page.content()
    assert await faults(page) == []
    if folder := os.environ.get("SHOTS"):
        await page.screenshot(path=f"{folder}/checks-{language}.png", full_page=True)
        await page.emulate_media(media="print")
        await page.screenshot(path=f"{folder}/checks-{language}-print.png", full_page=True)
