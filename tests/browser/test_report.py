"""The report of a week that a manager loads from the page of the day: a file that reads by itself, also on paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from browser.axe import faults
from browser.branch import CHINESE, NAMES, as_role
from browser.conftest import Serve
from browser.days import BranchWithDays, bank, pages_of, text_of
from browser.pages import Pages


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_a_manager_loads_a_report_and_prints_it(
    language: str, serve: Serve, pages: Pages, tmp_path: Path
) -> None:
    branch = await serve(BranchWithDays, language=language, parts=bank(), past=1)
    page = await as_role(pages, branch, "manager", width=1440, height=900)
    await page.goto(f"{branch.address}/today")
    await expect(page.locator(".pictures .chart")).to_have_count(5)
    for kind in ("week", "month"):
        async with page.expect_download() as loading:
            await page.get_by_role("link", name=branch.say(f"page.today.{kind}_report")).click()
        loaded = await loading.value
        assert loaded.suggested_filename.startswith(f"lobby-{kind}-")
        await loaded.save_as(tmp_path / f"{kind}.html")
    refused = "fetch('/api/report?kind=month&when=2019-01').then((answer) => answer.json())"
    assert (await page.evaluate(refused))["detail"] == branch.say("http.no_day")

    await page.goto((tmp_path / "week.html").as_uri())
    await expect(page.locator("figure svg").first).to_be_visible()
    title = branch.say("report.title_week", branch=NAMES[language])
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    assert await faults(page) == []
    paper = await page.pdf(prefer_css_page_size=True)
    assert 2 <= pages_of(paper) <= 6
    assert branch.say("report.green").replace(" ", "") in text_of(paper).replace(" ", "")
