"""A customer's opinion, from the phone to the record: rated, written, owned, answered, settled."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from system.broker import Mosquitto
from system.network import Network

from browser.axe import faults
from browser.branch import CHINESE, LOCALES, as_role
from browser.conftest import Serve
from browser.pages import Pages

HOSTILE = "<img src=x onerror=window.xss=1> 等了 40 分钟"


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_an_opinion_from_the_phone_to_the_record(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(language=language)
    say = branch.say
    async with Network(broker.port, branch.root) as network:
        ticket = (await network.press("kiosk/kiosk", "TAKE", service="personal"))["ticket"]
        for key in ("CALL", "START", "FINISH"):
            await network.press("keypad/3", key)
    phone = await pages.open(branch.ticket_page(ticket), width=390, height=844, touch=True, locale=LOCALES[language])
    # shot: ticket phone
    assert await faults(phone) == []
    await phone.get_by_role("button", name=say("page.ticket.rate_4"), exact=True).tap()
    await expect(phone.locator(".rating")).to_contain_text(say("page.ticket.rated"))
    await phone.reload()
    await expect(phone.locator(".rating")).to_contain_text(say("page.ticket.rated"))

    await phone.get_by_role("link", name=say("page.ticket.opinion")).tap()
    form = phone.locator("form")
    await expect(phone.locator(".place")).to_have_text(say("page.opinion.of", ticket=ticket))
    assert await faults(phone) == []
    await phone.get_by_role("button", name=say("page.opinion.send")).tap()
    await expect(phone.locator("#toast")).to_have_text(say("page.opinion.choose"))
    await form.get_by_role("radio", name=say("page.opinion.score_1"), exact=True).check()
    await form.get_by_role("radio", name=say("complaint.waiting"), exact=True).check()
    words = form.get_by_role("textbox")
    await words.fill("138 1234 5678")
    await phone.get_by_role("button", name=say("page.opinion.send")).tap()
    await expect(phone.locator("#toast")).to_have_text(say("refused.words_are_personal"))
    await words.fill(HOSTILE)
    await form.get_by_role("checkbox").check()
    # What has been chosen and written outlives a change of the language.
    other = branch.settings.rules.spoken({"zh": "en", "en": "zh"}[language]).wording.say
    await phone.get_by_role("button", name=other("page.language")).tap()
    await phone.get_by_role("button", name=say("page.language")).tap()
    await expect(form.get_by_role("textbox")).to_have_value(HOSTILE)
    # shot: form phone
    await phone.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert await faults(phone) == []
    await phone.get_by_role("button", name=say("page.opinion.send")).tap()
    done = phone.locator(".done")
    await expect(done).to_contain_text(re.compile(r"T\d{8}-1\b"))
    reference = (re.search(r"T\d{8}-1\b", await done.inner_text()) or [""])[0]
    # shot: done phone

    # A clerk enters another one, with keys that call nobody meanwhile.
    counter = await as_role(pages, branch, "counter", "3")
    await counter.locator(".complaints summary").click()
    await counter.get_by_label(say("page.counter.complaint_words")).fill("Carl never starts")
    # shot: counter counter
    await counter.get_by_role("button", name=say("page.counter.complaint_enter")).click()
    await expect(counter.locator(".complaints")).not_to_have_attribute("open", "")

    record = await as_role(pages, branch, "manager")
    await record.goto(f"{branch.address}/record")
    card = record.locator(f'[data-complaint="{reference}"]')
    await expect(card).to_contain_text(HOSTILE)
    await expect(record.locator("[data-complaint]")).to_have_count(2)
    await expect(card.locator("[data-timer]")).to_contain_text(re.compile(r"\d+"))
    await expect(record.locator("#satisfaction")).to_contain_text(say("page.record.rating_all"))
    await record.get_by_role("button", name=say("page.record.card_count")).click()
    await expect(record.locator("#cards tfoot")).to_contain_text("1")
    assert await faults(record) == []
    # shot: record record
    await card.get_by_label(say("page.record.complaint_more")).fill("called back")
    await card.get_by_label(say("page.record.complaint_outcome")).select_option("solved")
    await card.get_by_role("button", name=say("page.record.complaint_answer")).click()
    await expect(card).to_contain_text(say("complaint.outcome_solved"))
    await expect(card.locator(".written").last).to_have_text("called back")
    await card.get_by_role("button", name=say("page.record.complaint_settle")).click()
    await expect(card).to_have_count(0)
    await expect(record.locator("#complaints table")).to_contain_text(say("complaint.waiting"))
    # shot: settled record
    for page in (phone, record):
        assert await page.evaluate("window.xss") is None
        assert await page.locator("img[src=x]").count() == 0
    assert branch.tickets("ticket_called") == [ticket]
