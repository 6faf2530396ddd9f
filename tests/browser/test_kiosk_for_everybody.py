"""The ticket screen for every customer: in their language, in large text, on every screen, and what it says is so."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

from browser.axe import faults
from browser.branch import BANK, CHINESE, DEVICES, LOCALES, as_role
from browser.conftest import Serve
from browser.pages import Pages
from browser.presses import presses
from controller.lobby.model.admission import why_none
from controller.lobby.model.state import State

IDLE = 31_000
"""Milliseconds after which a customer who does nothing has gone."""
SCREENS = ((1080, 1920), (1920, 1080), (1280, 800))
LEAST = 64
"""CSS pixels of height of whatever is touched."""
COUNTS = (2, 3, 5, 7, 12)

DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Once the page has been drawn at its new size."""
EMPTY = """
() => {
  const filled = [0, 0, 0, 0], steps = 24;
  for (let x = 0; x < steps; x++) for (let y = 0; y < steps; y++) {
    const at = document.elementFromPoint((x + .5) / steps * innerWidth, (y + .5) / steps * innerHeight);
    if (!at.matches("html, body, main, .ask, .choices, .ways")) filled[2 * (y >= steps / 2) + (x >= steps / 2)]++;
  }
  return filled.map((count) => 1 - count / (steps * steps / 4));
}
"""
"""How much of each quarter of the screen is empty."""
SEEN = """
() => [...document.querySelectorAll("main button")].map((button) => {
  const { top, bottom, left, right, height } = button.getBoundingClientRect();
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const cut = [...button.querySelectorAll(".words")].some((each) => each.scrollWidth > each.clientWidth + 1);
  const over = document.elementFromPoint(x, top + 2), under = document.elementFromPoint(x, bottom - 2);
  return [button.textContent, height, button.contains(over) && button.contains(under) && !cut];
})
"""
"""Of each button: what it says, its height, and whether it can be seen from top to bottom, with all that it says."""

NAMES = {
    "cash": ("现金业务", "Cash"),
    "personal": ("个人业务", "Personal banking"),
    "corporate": ("对公业务", "Corporate"),
    "cards": ("银行卡业务", "Cards"),
    "loans": ("个人贷款", "Personal loans"),
    "exchange": ("外汇业务", "Foreign exchange"),
    "savings": ("储蓄、大额存单", "Savings"),
    "insurance": ("保险与基金", "Insurance and funds"),
    "transfer": ("转账汇款", "Transfers"),
    "phone": ("手机银行、网银", "Mobile banking"),
    "help": ("咨询", "Questions"),
    "coins": ("零钱兑换", "Small change"),
}
NAMED = {id: f'{{{{ zh = "{zh}", en = "{en}" }}}}' for id, (zh, en) in NAMES.items()}


def many() -> str:
    """A branch with twelve services, and a question for each of some numbers of answers. One service opens in two
    hours, and there is a slot that has passed and one to come."""
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    hour = {by: f"{now + timedelta(hours=by):%H}" for by in (-2, 2)}
    slots = sorted(f'"{h}:00-{h}:30"' for h in hour.values())
    parts = [BANK[: BANK.index("[[service]]")]]
    for n, (id, name) in enumerate(NAMED.items()):
        opens = f'hours = "{hour[2]}:00-{hour[2]}:30"\n' if id == "cards" else ""
        parts.append(f'[[service]]\nid = "{id}"\nname = {name}\nprefix = "{chr(65 + n)}"\n{opens}\n')
    parts.append(f"[appointment]\nslots = [{', '.join(slots)}]\n")
    parts.append('[[question]]\nid = "begin"\ntext = "?"\n')
    parts += [f'[[question.answers]]\nid = "to-{n}"\ntext = "{n}"\nquestion = "of-{n}"\n' for n in COUNTS]
    for count in COUNTS:
        parts.append(f'[[question]]\nid = "of-{count}"\ntext = {{{{ zh = "办理什么？", en = "What is it?" }}}}\n')
        for id, name in [*NAMED.items()][:count]:
            parts.append(f'[[question.answers]]\nid = "{id}-{count}"\ntext = {name}\nservice = "{id}"\n')
    serves = ", ".join(f"{id} = 0" for id in NAMES)
    parts += [f'[[counter]]\nid = "{n}"\nserves = {{{{ {serves} }}}}\n' for n in range(1, 5)]
    return "\n".join(parts)


async def ask_in(page: Page, language: str) -> None:
    if language != ((await page.locator("html").get_attribute("lang")) or "")[:2]:
        await page.locator(".language").tap()


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_one_number_in_the_language_that_was_chosen(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(language=language, plugged=True)
    other = {"zh": "en", "en": "zh"}[language]
    theirs = branch.settings.rules.spoken(other).wording.say
    kiosk = await as_role(pages, branch, "kiosk", width=1080, height=1920, touch=True)
    console = await as_role(pages, branch, "manager")
    async with Network(broker.port, branch.root) as network:
        for counter in ("3", "4"):
            await network.press(f"keypad/{counter}", "OPEN")
        for service in ("cash", "personal", "personal", "cash", "corporate", "personal"):
            await network.press("kiosk/kiosk", "TAKE", service=service)

    # Three touches: the language, the question, and the answer, which says how many are before one.
    choices, result = kiosk.locator(".choices").get_by_role("button"), kiosk.locator(".result")
    async with presses(kiosk, "ticket"):
        await kiosk.get_by_role("button", name=theirs("page.language")).tap()
        await choices.filter(has_text={"zh": "存取款", "en": "Cash"}[other]).tap()
        more = choices.filter(has_text={"zh": "两万元以上", "en": "More"}[other])
        before = theirs("page.kiosk.ahead", n=5)
        await expect(more).to_contain_text(before)
        await more.tap()
        await expect(result.locator(".id")).to_have_text("A003")

    # The same number on the screen, on paper, on the phone and the console.
    for said in (before, theirs("page.kiosk.please_wait"), theirs("page.kiosk.take_paper")):
        await expect(result).to_contain_text(said)
    assert branch.rows("ticket_issued")[-1].data["language"] == other
    paper = await until(lambda: next((paper for paper in branch.papers() if "A003" in paper), None))
    assert {"zh": "您前面还有 5 位", "en": "Ahead of you: 5"}[other] in paper
    row = console.locator('#part-waiting button[data-ticket="A003"]')
    await expect(row).to_contain_text(branch.say("page.console.ahead", n=5))
    phone = await pages.open(branch.ticket_page("A003"), width=412, height=915, touch=True, locale=LOCALES[language])
    await expect(phone.locator(".state")).to_contain_text(re.compile(re.escape(theirs("page.ticket.ahead", n=5))))
    await expect(phone.locator("html")).to_have_attribute("lang", LOCALES[other][:2] + "-CN" * (other == "zh"))
    assert await faults(phone) == []
    assert [await faults(page) for page in (kiosk, console)] == [[], []]

    # The next customer finds the branch's language and the usual text: after a ticket, and after nobody has touched it.
    usual = kiosk.get_by_role("button", name=theirs("page.language"))
    await result.get_by_role("button").tap()
    await expect(usual).to_be_visible()
    await kiosk.clock.install()
    await kiosk.reload()
    await kiosk.get_by_role("button", name=branch.say("page.larger")).tap()
    await usual.tap()
    await expect(kiosk.get_by_role("button", name=theirs("page.usual_size"))).to_be_visible()
    await kiosk.clock.fast_forward(IDLE)
    await expect(usual).to_be_visible()
    await expect(kiosk.get_by_role("button", name=branch.say("page.larger"))).to_be_visible()


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_all_services_are_seen_on_every_screen(serve: Serve, pages: Pages) -> None:
    branch = await serve(language="zh", parts=(many(), *DEVICES))
    kiosk = await as_role(pages, branch, "kiosk", touch=True)
    choices = kiosk.locator(".choices").get_by_role("button")
    faulty, empty = [], []
    for count in COUNTS:
        await choices.filter(has=kiosk.get_by_text(str(count), exact=True)).tap()
        await expect(choices).to_have_count(count)
        for language in ("zh", "en"):
            await ask_in(kiosk, language)
            for size in ("usual", "larger"):
                for width, height in SCREENS:
                    await kiosk.set_viewport_size({"width": width, "height": height})
                    await kiosk.evaluate(DRAWN)
                    about = (count, language, size, width, height)
                    for name, high, seen in await kiosk.evaluate(SEEN):
                        if high < LEAST or not seen:
                            faulty.append((*about, name, high))
                    if max(await kiosk.evaluate(EMPTY)) > 0.5:
                        empty.append((*about, await kiosk.evaluate(EMPTY)))
                await kiosk.locator(".size").tap()
        await ask_in(kiosk, "zh")
        await kiosk.get_by_role("button", name=branch.say("page.kiosk.back")).tap()
    assert (faulty, empty) == ([], [])

    # In the hand nothing is beside the screen.
    await choices.last.tap()
    for width, height in ((360, 640), (412, 915)):
        await kiosk.set_viewport_size({"width": width, "height": height})
        assert await kiosk.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert all(high >= LEAST for _, high, _ in await kiosk.evaluate(SEEN))

    # What is closed says from when it is open, in both languages.
    rules, now = branch.settings.rules, time.time_ns() // 1_000_000
    for language in ("en", "zh"):
        await ask_in(kiosk, language)
        spoken = rules.spoken(language)
        cards = choices.filter(has_text={"zh": "银行卡业务", "en": "Cards"}[language])
        await expect(cards).to_contain_text(why_none(State(), spoken, spoken.services["cards"], now))
        await expect(cards).to_be_disabled()

    # Whose slot has passed is told what to do, and goes on to an ordinary ticket.
    say = branch.say
    await kiosk.set_viewport_size({"width": 1280, "height": 800})
    await kiosk.get_by_role("button", name=say("page.kiosk.back")).tap()
    await kiosk.get_by_role("button", name=say("page.kiosk.appointment")).tap()
    await expect(choices).to_have_count(2)
    await choices.filter(has_text=say("page.kiosk.slot_late")).tap()
    await expect(kiosk.get_by_text(say("page.kiosk.missed_slot_hint"))).to_be_visible()
    assert await faults(kiosk) == []
    await kiosk.get_by_role("button", name=say("page.kiosk.ordinary")).tap()
    await choices.first.tap()
    await choices.filter(has_text="现金业务").tap()
    await expect(kiosk.locator(".result .id")).to_have_text("A001")
    assert branch.rows("ticket_issued")[-1].data["class"] == "normal"
