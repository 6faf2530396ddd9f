"""The day in pictures, and the day sheet on one page of paper."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from browser.axe import faults
from browser.branch import CHINESE, NAMES, ServedBranch, as_role
from browser.conftest import Serve
from browser.days import BranchWithDays, bank, pages_of, text_of
from browser.pages import Pages
from controller.journal.audit import verify_journal
from controller.journal.chain import wanted

MORE_SERVICES = "".join(
    f"""
[[service]]
id = "more-{n}"
name = {{{{ zh = "网点自设的第{n}项个人理财业务", en = "Investment advice of this branch, no. {n}" }}}}
prefix = "{"DEFGHJKLMNPQ"[n]}"
minutes = 4

[[counter]]
id = "{n + 5}"
serves = {{{{ more-{n} = 0, cash = 10 }}}}
"""
    for n in range(12)
)


async def opened(pages: Pages, branch: ServedBranch, path: str = "/today") -> Page:
    page = await as_role(pages, branch, "manager", width=1440, height=900)
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(branch.address + path)
    await expect(page.locator(".pictures .chart")).to_have_count(5)
    return page


async def opened_once(pages: Pages, branch: ServedBranch) -> tuple[Page, Any]:
    """A page, and what it was told; if it asks again it is told the same, as though no time went by."""
    page = await as_role(pages, branch, "manager", width=1440, height=900)
    await page.emulate_media(reduced_motion="reduce")
    async with page.expect_response("**/api/today") as answer:
        await page.goto(f"{branch.address}/today")
    await expect(page.locator(".pictures .chart")).to_have_count(5)
    told = await (await answer.value).text()
    await page.route("**/api/today", lambda route: route.fulfill(body=told, content_type="application/json"))
    return page, json.loads(told)


async def asked(page: Page, path: str = "/api/today") -> Any:
    return await page.evaluate("path => fetch(path).then((answer) => answer.json())", path)


async def column(chart: Locator, place: int) -> list[str]:
    """A column of a chart's table."""
    return await chart.locator(f"tbody td:nth-of-type({place})").all_inner_texts()


async def printed(page: Page) -> str:
    """The text of the day sheet, which is on one page."""
    pdf = await page.pdf(prefer_css_page_size=True)
    assert pages_of(pdf) == 1
    return text_of(pdf)


def told(value: float | None) -> str:
    return "—" if value is None else f"{value:g}"


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_a_crowded_day_in_pictures_and_on_one_page_of_paper(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(BranchWithDays, language=language, parts=bank("pension"), kind="pension")
    say = branch.say
    page, view = await opened_once(pages, branch)
    assert len(view["usual"]) == 2
    legend = page.locator(".pictures .legend")
    await expect(legend).to_contain_text(say("page.today.yesterday"))
    await expect(legend).to_contain_text(say("page.today.usual", days=2))
    facts = page.locator(".pictures .facts")
    await expect(facts).to_contain_text(str(view["sheet"]["tickets"]))
    assert view["sheet"]["day"]["customers"] == view["sheet"]["tickets"] > 100
    counted = "async (n) => (await (await fetch('/api/console')).json()).figures.customers === n"
    await page.wait_for_function(counted, arg=view["sheet"]["tickets"])  # a moment after a start nothing is counted yet

    # Every picture is a table as well, of all services and of one.
    for service in ("", "cash"):
        await page.locator(f'.filter [data-service="{service}"]').click()
        for name in ("arrivals", "median", "p90", "waiting", "open"):
            chart = page.locator(f'.pictures [data-chart="{name}"]')
            assert await chart.get_by_role("img").get_attribute("aria-label")
            await chart.locator("details").evaluate("(details) => (details.open = true)")
            lines = view["series"][service]
            for place, line in enumerate(("today", "before", "usual"), 1):
                assert await column(chart, place) == [told(value) for value in lines[line][name]], (service, name, line)
            bars = chart.locator(".today rect, .today circle, .today path")
            assert await bars.count() > 0
    found = await faults(page)
    await page.emulate_media(color_scheme="dark")
    found += await faults(page)
    await page.emulate_media(color_scheme="light")
    await page.get_by_role("button", name=say("page.today.sheet"), exact=True).click()
    await expect(page.locator(".sheet table.services")).to_be_visible()
    found += await faults(page)
    assert found == []

    sheet, text = view["sheet"], await printed(page)
    tight = "".join
    expected = [
        say("page.today.sheet_of", branch=NAMES[language]),
        say("page.today.signature"),
        say("reason.elderly"),
        *(each["name"] for each in (*sheet["services"], *sheet["classes"])),
        # The figures of each service in a row: tickets by class, in all, and the median among the waits.
        *(tight(str(each["classes"][klass["id"]] or "·") for klass in sheet["classes"]) for each in sheet["services"]),
        *(
            f"{each['id']}{each['open'] // 60}:{each['open'] % 60:02d}0:00{each['finished']}"
            for each in sheet["counters"]
        ),
        *(str(sheet[name]) for name in ("tickets", "missed", "returned")),
    ]
    assert [each for each in expected if each.replace(" ", "") not in text.replace("ﬁ", "fi")] == []

    # Yesterday is over: its sheet is of the whole day.
    yesterday = str(date.fromisoformat(view["day"]) - timedelta(days=1))
    await page.goto(f"{branch.address}/today?day={yesterday}")
    await expect(page.locator(".sheet .facts")).to_contain_text(say("page.today.unserved"))
    past = await asked(page, f"/api/today?day={yesterday}")
    assert past["over"]
    assert past["usual"] == [view["usual"][1]]
    paper = await printed(page)
    assert str(past["sheet"]["tickets"]) in paper
    assert past["anchor"]["hash"][:32] in paper.replace(" ", "")
    kept = [f"{yesterday}={past['anchor']['hash'][:32]}", f"{view['anchor']['row']}={view['anchor']['hash']}"]
    assert verify_journal(branch.settings.journal_path, [wanted(anchor) for anchor in kept]).days == 3


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_a_branch_without_a_past_says_what_is_missing_and_goes_on_after_an_outage(
    language: str, serve: Serve, pages: Pages
) -> None:
    branch = await serve(BranchWithDays, language=language, parts=bank(), past=0, today=False)
    page = await opened(pages, branch)
    legend = page.locator(".pictures .legend")
    for key in ("page.today.no_before", "page.today.no_usual", "page.today.nothing"):
        await expect(page.get_by_text(branch.say(key)).filter(visible=True)).to_have_count(1)
    assert branch.say("page.today.no_grants").replace(" ", "") in await printed(page)
    await expect(legend.locator(".before, .usual")).to_have_count(0)
    assert await faults(page) == []
    async with pages.outage():
        await branch.kill()
        await page.evaluate("dispatchEvent(new Event('online'))")
        await expect(page.locator("#stale")).to_be_visible()
        await branch.start()
        await page.evaluate("dispatchEvent(new Event('online'))")
        await expect(page.locator("#stale")).to_be_hidden()


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_the_sheet_of_a_large_branch_is_on_one_page_too(language: str, serve: Serve, pages: Pages) -> None:
    parts = bank("pension", MORE_SERVICES)
    branch = await serve(BranchWithDays, language=language, parts=parts, kind="pension", past=0)
    page = await opened(pages, branch)
    view = await asked(page)
    text = await printed(page)
    assert len(view["sheet"]["services"]) == 15
    assert len(view["sheet"]["counters"]) == 16
    assert all(each["name"].replace(" ", "") in text for each in view["sheet"]["services"])
    assert branch.say("page.today.signature").replace(" ", "") in text
    sheet = page.locator(".sheet")
    assert await sheet.evaluate("(sheet) => sheet.scrollHeight <= sheet.clientHeight")
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
