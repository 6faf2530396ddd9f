"""The log book and the reminders, from the console to the report of the day on one page of paper."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from browser.axe import faults
from browser.branch import CHINESE, NAMES, as_role
from browser.conftest import Serve
from browser.days import BranchWithDays, bank, pages_of, text_of
from browser.pages import Pages

PRESS = """async ([path, fields]) => {
  const { account } = JSON.parse(document.getElementById("page").textContent);
  const key = crypto.randomUUID().replaceAll("-", "");
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": account.csrf, "Idempotency-Key": key };
  return (await fetch(path, { method: "POST", headers, body: JSON.stringify(fields) })).json();
}"""


async def press(page: Page, **fields: Any) -> Any:
    return await page.evaluate(PRESS, ["/api/record", fields])


async def printed(page: Page) -> str:
    """The text of the report, which is on one page."""
    pdf = await page.pdf(prefer_css_page_size=True)
    assert pages_of(pdf) == 1
    return text_of(pdf)


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_a_day_is_logged_signed_and_printed_on_one_page(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(BranchWithDays, language=language, parts=bank(), past=1)
    say = branch.say
    console = await as_role(pages, branch, "manager", width=1440, height=900)

    # What is to be done today stands on the console, and goes when it is done.
    today = branch.settings.rules.day_of((await console.evaluate("fetch('/api/record').then((a) => a.json())"))["now"])
    for topic, words in (("cash", "ref 4711"), ("change", "5 x 20")):
        assert (await press(console, key="REMIND", day=today, topic=topic, words=words))["result"] == "ok"
    waiting = console.locator("ul.reminders li")
    await expect(waiting).to_have_count(2)
    await expect(waiting.first).to_contain_text("ref 4711")
    found = await faults(console)
    await console.get_by_role("button", name=f"{say('page.console.reminder_done')} T1").click()
    await expect(waiting).to_have_count(1)

    # Entries, one of them corrected, one for the manager alone, one for tomorrow.
    page = await console.context.new_page()
    await page.goto(f"{branch.address}/record#logbook")
    log = page.locator("#logbook")
    form = log.locator("form.log")
    entries = (("visit", "auditors, 2"), ("suspicious", "grey coat"), ("incident", "lights out, 3 min"))
    for number, (topic, words) in enumerate(entries, 1):
        await form.get_by_role("combobox").select_option(topic)
        await form.get_by_role("textbox").fill(words)
        await form.get_by_role("button").click()
        await expect(log.locator("[data-entry]")).to_have_count(number)
    await log.get_by_role("button", name=f"{say('page.record.log_correct')} L1").click()
    await form.get_by_role("textbox").fill("auditors, 3")
    await form.get_by_role("checkbox").check()
    await form.get_by_role("button").click()
    await expect(log.locator('[data-entry="L1"]')).to_have_class("card struck")
    await expect(log.locator('[data-entry="L2"]')).to_contain_text(say("page.record.log_private"))
    found += await faults(page)

    # What is not done yet is asked about once.
    await log.get_by_role("button", name=say("page.record.log_sign"), exact=True).click()
    await log.get_by_role("button", name=say("page.record.log_sign_anyway")).click()
    await expect(log.locator(".signed")).to_be_visible()
    assert (await press(page, key="SIGNOFF"))["code"] == "signed_already"

    await page.get_by_role("link", name=say("page.record.log_report")).click()
    await expect(page.locator(".sheet .entries li")).to_have_count(3)
    found += await faults(page)
    assert found == []
    paper = await printed(page)
    tomorrow = date.fromisoformat(today) + timedelta(days=1)
    expected = [
        say("page.record_day.title", branch=NAMES[language]),
        say("page.record_day.peaks"),
        say("log.heading_day"),
        "auditors,3",
        "lightsout,3min",
        say("page.record_day.private", count=1),
        say("page.record_day.sign_manager"),
        say("page.today.counters"),
    ]
    assert [each for each in expected if each.replace(" ", "") not in paper.replace("ﬁ", "fi")] == []
    assert "greycoat" not in paper
    report = await page.evaluate("fetch('/api/record/day').then((answer) => answer.json())")
    assert "grey coat" not in str(report)
    assert (report["next"], [each["id"] for each in report["todo"]]) == (str(tomorrow), ["T2", "T3"])
    figures = await page.evaluate("fetch('/api/today').then((answer) => answer.json())")
    assert report["sheet"]["tickets"] == figures["sheet"]["tickets"] > 50

    # Yesterday's report is made from its rows.
    yesterday = str(date.fromisoformat(today) - timedelta(days=1))
    await page.goto(f"{branch.address}/record/day?day={yesterday}")
    await expect(page.locator(".sheet footer")).to_contain_text(say("page.record_day.not_signed"))
    assert str((await page.evaluate("fetch('/api/today').then((a) => a.json())"))["sheet"]["tickets"]) not in {"", "0"}
    await printed(page)
