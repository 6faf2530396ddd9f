"""The lobby manager's day on a tablet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

from browser.branch import BANK, CHINESE, DEVICES, LOCALES, ServedBranch
from browser.conftest import Serve
from browser.pages import Pages
from browser.presses import presses

NAME, PIN = "li", "628416"
SENT = 10_000
"""Milliseconds in which a cancellation that nobody takes back has been sent."""
COUNTED = 20_000
"""Milliseconds in which what has happened is in the day's figures."""
ONE_RETURN = BANK.replace("[calling]\n", "[calling]\nreturns = 1\n")


class Console:
    """A console as its user sees it."""

    def __init__(self, page: Page, branch: ServedBranch) -> None:
        self.page = page
        self.say = branch.say
        self.sheet = page.get_by_role("dialog")

    def row(self, ticket: str) -> Locator:
        """A ticket's row, wherever it is listed."""
        return self.page.locator("main").locator(f'button[data-ticket="{ticket}"]:visible')

    async def waiting(self) -> list[str]:
        """Who waits, as listed."""
        rows = self.page.locator("#part-waiting button[data-ticket]:visible")
        return [await row.get_attribute("data-ticket") or "" for row in await rows.all()]

    async def reason(self, ticket: str, group: str, reason: str) -> None:
        """Two taps: the ticket, and a reason."""
        await self.row(ticket).tap()
        await self.button(reason, group=group).tap()
        await expect(self.sheet).to_be_hidden()

    def button(self, word: str, *, group: str = "", **blanks: object) -> Locator:
        """A button of the open sheet, or of a group in it."""
        place = self.sheet.get_by_role("region", name=self.say(group), exact=True) if group else self.sheet
        return place.get_by_role("button", name=self.say(word, **blanks), exact=True)

    async def told(self, text: str) -> Locator:
        """What the page says in passing, once it says this."""
        said = self.page.get_by_role("status").filter(has_text=text)
        await expect(said.first).to_be_visible()
        return said.first


async def signed_in(pages: Pages, branch: ServedBranch) -> Console:
    """Sign in with name and PIN, by touch."""
    await branch.account(NAME, "manager", PIN)
    page = await pages.open(f"{branch.address}/console", locale=LOCALES[branch.language], touch=True)
    await page.get_by_label(branch.say("page.sign_in.name"), exact=True).fill(NAME)
    for digit in PIN:
        await page.get_by_role("button", name=digit, exact=True).tap()
    await page.get_by_role("button", name=branch.say("page.sign_in.go"), exact=True).tap()
    await page.wait_for_url("**/console")
    await expect(page.get_by_text(NAME, exact=True)).to_be_visible()
    return Console(page, branch)


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_what_a_button_on_the_panel_does_the_console_does(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(language=language, busy=True)
    console = await signed_in(pages, branch)
    page, say = console.page, branch.say
    await expect(page.locator("#part-waiting button[data-ticket]").nth(8)).to_be_visible()
    before = await console.waiting()

    # To green in two taps; the first in line now, in the journal with her name, and back again.
    promoted = before[-1]
    async with presses(page, "green"):
        await console.reason(promoted, "page.console.green", "reason.elderly")
    row = (await until(lambda: branch.rows("ticket_promoted")))[-1]
    assert (row.data["ticket"], row.data["class"], row.data["reason"]) == (promoted, "green", "elderly")
    assert row.data["by"] == f"user/{NAME}"
    assert row.cause.startswith(f"http:{NAME}:")
    await expect(console.row(promoted)).to_contain_text(branch.settings.rules.class_name("green"))
    await expect(page.locator("#part-log").get_by_text(promoted).first).to_be_visible()
    after = await console.waiting()
    assert after.index(promoted) < before.index(promoted)
    await page.get_by_role("button", name=say("page.console.undo"), exact=True).tap()
    await until(lambda: branch.tickets("ticket_restored") == [promoted])
    await expect(page.locator("#part-waiting button[data-ticket]:visible").last).to_have_attribute(
        "data-ticket", promoted
    )

    # Reassigned to one counter, and called by hand to one that is free.
    moved, called, cancelled = before[-1], before[-2], before[-3]
    async with presses(page, "reassign"):
        await console.row(moved).tap()
        await console.button("page.console.counter", group="page.console.to_where", counter="4").tap()
    await expect(console.row(moved)).to_contain_text(say("page.console.mark_only", counter="4"))
    assert branch.rows("ticket_reassigned")[-1].data["counter"] == "4"
    async with Network(broker.port, branch.root) as network:
        assert (await network.press("keypad/4", "FINISH"))["result"] == "ok"
        named = (say("page.console.counter", counter="4"), say("page.console.state_open"))
        free = console.sheet.get_by_role("button", name=re.compile(r"\s*".join(map(re.escape, named))))
        async with presses(page, "call by hand"):
            await console.row(called).tap()
            await free.tap()
            await expect(console.sheet).to_be_hidden()
        desk = page.locator("#part-counters li").filter(has_text=say("page.console.counter", counter="4"))
        await expect(desk).to_contain_text(called)
        assert (branch.rows("ticket_called")[-1].data["ticket"], branch.rows("ticket_called")[-1].data["counter"]) == (
            called,
            "4",
        )

        # Cancelled, on second thoughts not, and cancelled; and one who was not there is brought back.
        await console.reason(cancelled, "page.console.cancel", "reason.twice")
        await console.told(say("page.console.will_cancel", ticket=cancelled))
        await expect(console.row(cancelled)).to_contain_text(say("page.console.mark_cancelling"))
        await page.get_by_role("button", name=say("page.console.undo"), exact=True).tap()
        await console.told(say("page.console.not_cancelled", ticket=cancelled))
        await expect(console.row(cancelled)).not_to_contain_text(say("page.console.mark_cancelling"))
        await console.reason(cancelled, "page.console.cancel", "reason.left")
        await expect(console.row(cancelled)).to_have_count(0, timeout=SENT)
        assert branch.tickets("ticket_cancelled") == [cancelled]
        assert branch.rows("ticket_cancelled")[-1].data["reason"] == "left"
        assert (await network.press("keypad/4", "NOSHOW"))["result"] == "ok"
    missed = page.locator("#part-away").locator(f'button[data-ticket="{called}"]')
    async with presses(page, "return"):
        await missed.tap()
        await console.button("reason.not_heard", group="page.console.back").tap()
        await expect(missed).to_have_count(0)
    await expect(console.row(called)).to_contain_text(say("page.console.mark_returned"))
    assert branch.tickets("ticket_returned") == [called]

    # Why somebody is not next: a sentence, and the table behind it.
    async with presses(page, "why"):
        await console.row(promoted).tap()
        await console.button("page.console.why").tap()
        await expect(console.sheet.locator(".why-text")).to_contain_text(promoted)
    await expect(console.sheet.get_by_role("table").get_by_role("rowheader", name=promoted)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(console.sheet).to_be_hidden()

    # Another window is advised, and what it would change; she agrees.
    advice = page.get_by_role("status", name=say("page.console.advice"))
    await expect(advice.get_by_role("listitem").first).to_contain_text(re.compile(r"\d"))
    await advice.get_by_role("button", name=say("page.console.accept"), exact=True).first.tap()
    answered = await until(lambda: branch.rows("window_advice_answered"))
    assert answered[-1].data["accepted"] is True
    assert answered[-1].cause.startswith(f"http:{NAME}:")

    # A green ticket for somebody at the door, on paper at once.
    issued = len(branch.rows("ticket_issued"))
    await page.get_by_role("button", name=say("page.console.new_green"), exact=True).tap()
    reason = console.button("reason.elderly", group="page.console.reason")
    await expect(reason).to_be_disabled()
    await console.sheet.get_by_role("button", name=branch.settings.rules.service_name("personal"), exact=True).tap()
    await reason.tap()
    new = await until(lambda: branch.rows("ticket_issued")[issued:])
    ticket = new[0].data["ticket"]
    assert (new[0].data["service"], new[0].data["class"]) == ("personal", "green")
    assert new[0].data["reason"] == "elderly"
    await console.told(say("page.console.new_printed", ticket=ticket))
    await until(lambda: ticket in branch.tickets("ticket_printed"))

    # Her own words for a reason stay out of the events.
    await console.row(before[-2]).tap()
    urgent = console.sheet.get_by_role("region", name=say("page.console.urgent"), exact=True)
    await urgent.get_by_role("button", name=say("page.console.other"), exact=True).tap()
    await urgent.get_by_role("textbox").fill("客户晕倒")
    await page.keyboard.press("Enter")
    await expect(console.sheet).to_be_hidden()
    assert branch.rows("ticket_promoted")[-1].data["class"] == "urgent"
    assert "晕倒" not in str(branch.rows("ticket_promoted")[-1].data)

    await page.get_by_role("button", name=say("page.console.sign_out"), exact=True).tap()
    await page.wait_for_url("**/sign-in")
    await page.goto(f"{branch.address}/console")
    await page.wait_for_url("**/sign-in?next=/console")


@pytest.mark.long
async def test_who_is_called_in_time_is_not_cancelled_and_who_leaves_the_page_has_not_taken_it_back(
    serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve()
    console = await signed_in(pages, branch)
    page, say = console.page, branch.say
    async with Network(broker.port, branch.root) as network:
        for _ in range(40):
            await network.press("kiosk/kiosk", "TAKE", service="cash")

        # As people say it.
        search = page.get_by_role("searchbox")
        await search.fill("a 30")
        await expect(page.locator("#part-waiting button[data-ticket]:visible")).to_have_count(1)
        await expect(console.row("A030")).to_be_visible()
        await search.fill("")

        # While the sheet of one who is called is open, it says so, and only what still makes sense can be pressed.
        await console.row("A001").tap()
        await network.press("keypad/4", "CALL")
        await console.sheet.get_by_text(say("page.console.at_counter", ticket="A001", counter="4")).wait_for()
        await expect(console.button("reason.left", group="page.console.cancel")).to_be_disabled()
        await expect(console.button("page.console.reprint")).to_be_enabled()
        await page.keyboard.press("Escape")
        await page.locator("#part-counters").get_by_role("button").filter(has_text="A001").tap()
        await expect(console.sheet).to_contain_text(say("page.console.at_counter", ticket="A001", counter="4"))
        await expect(console.button("page.console.why")).to_have_count(0)
        await console.button("page.console.why_called").tap()
        await expect(console.sheet.locator(".why-text")).to_contain_text("A001")
        await expect(console.sheet.locator(".why-text")).not_to_contain_text(say("page.console.why_asking"))
        await page.keyboard.press("Escape")

        await console.reason("A002", "page.console.cancel", "reason.left")
        await network.press("keypad/4", "CALL")
        await console.told(say("page.console.called_instead", ticket="A002", counter="4"))
    await console.reason("A003", "page.console.cancel", "reason.left")
    await page.goto("about:blank")
    await until(lambda: branch.tickets("ticket_cancelled") == ["A003"])


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_the_day_in_figures_is_one_tap_away(language: str, serve: Serve, pages: Pages, broker: Mosquitto) -> None:
    branch = await serve(language=language, busy=True)
    console = await signed_in(pages, branch)
    page, say, sheet = console.page, branch.say, console.sheet
    figures = page.get_by_role("button", name=say("page.console.today"))
    await expect(figures).to_contain_text("30", timeout=COUNTED)
    await figures.tap()
    rules = branch.settings.rules
    kind = rules.profile(rules.day_of(branch.rows("ticket_issued")[-1].at)).id
    for key in (f"page.console.day_{kind}", "page.console.no_machines"):
        await expect(sheet).to_contain_text(say(key))

    # What each class did to the others.
    counted = (await (await page.request.get(f"{branch.address}/api/console")).json())["figures"]
    by_class = sheet.get_by_role("table", name=say("page.console.by_class"))
    for id in ("normal", "vip", "green"):
        about = counted["classes"][id]
        cells = by_class.get_by_role("row").filter(has_text=rules.class_name(id)).get_by_role("cell")
        by = say("page.console.passed_by", mean=f"{about['passed_by_mean']:.1f}", most=f"{about['passed_by_max']:.1f}")
        await expect(cells.nth(0)).to_have_text(str(about["customers"]))
        await expect(cells.nth(1)).to_have_text(say("page.console.percent", share=round(about["share"] * 100)))
        await expect(cells.nth(3)).to_have_text(f"{about['passed']}{by}" if about["passed"] else "—")
    assert counted["classes"]["vip"]["passed"] > 0

    # It keeps up while it is open: one who was sent to a machine, and wanted a ticket all the same.
    async with Network(broker.port, branch.root) as network:
        for _ in range(2):
            await network.press("kiosk/kiosk", "TAKE", choice="small")
    machines = sheet.get_by_role("table", name=say("page.console.machines"))
    asked = rules.triage.choice("small")
    assert asked
    row = machines.get_by_role("row").filter(has_text=asked.text)
    await expect(row.get_by_role("cell")).to_have_text(["1", "1"], timeout=COUNTED)
    await page.keyboard.press("Escape")
    await expect(figures).to_be_focused()


@pytest.mark.long
async def test_what_a_customer_needs_is_told_and_only_who_may_come_back_is_brought_back(
    serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(parts=(ONE_RETURN, *DEVICES))
    console = await signed_in(pages, branch)
    page, say = console.page, branch.say
    figures = page.get_by_role("button", name=say("page.console.today"))
    await expect(figures).to_contain_text(say("page.console.no_figures"), timeout=COUNTED)
    await figures.tap()
    await expect(console.sheet).to_contain_text(say("page.console.no_figures"))
    await page.keyboard.press("Escape")

    missed = page.locator("#part-away")
    back = console.sheet.get_by_role("region", name=say("page.console.back"), exact=True)
    async with Network(broker.port, branch.root) as network:
        await network.press("kiosk/kiosk", "TAKE", service="personal", form=True, needs=["glasses"])
        await network.press("keypad/3", "CALL")
        desk = page.locator("#part-counters li").filter(has_text="B001")
        for need in ("form", "glasses"):
            await expect(desk).to_contain_text(say(f"needs.{need}"))

        await network.press("keypad/3", "NOSHOW")
        until = branch.rows("ticket_missed")[-1].at + branch.settings.rules.return_within * 1000
        clock = branch.settings.rules.local(until).strftime("%H:%M")
        await expect(missed).to_contain_text(say("page.console.returns_until", time=clock))
        await console.row("B001").tap()
        await console.button("reason.stepped_out", group="page.console.back").tap()
        await expect(console.row("B001")).to_contain_text(say("page.console.mark_returned"))
        await network.press("keypad/3", "CALL")
        await network.press("keypad/3", "NOSHOW")
    await expect(missed).to_contain_text(say("page.console.returns_no_more"))
    await console.row("B001").tap()
    await expect(console.button("reason.left", group="page.console.cancel")).to_be_enabled()
    await expect(back).to_have_count(0)
    await expect(console.sheet.get_by_role("region", name=say("page.console.to_where"), exact=True)).to_have_count(0)


@pytest.mark.long
async def test_a_day_that_the_clock_has_changed_is_confirmed_at_the_console(
    serve: Serve, pages: Pages, broker: Mosquitto, tmp_path: Path
) -> None:
    """Somebody sets the clock back over the roll-over while people wait: whether that is right, a person says."""
    clock = tmp_path / "clock"
    clock.write_text("0")
    branch = await serve(clock=clock)
    async with Network(broker.port, branch.root) as network:
        assert (await network.press("kiosk/kiosk", "TAKE", service="cash"))["result"] == "ok"
    new = clock.with_suffix(".new")
    new.write_text(str(-13 * 3_600_000))
    new.rename(clock)
    day = (await until(lambda: branch.rows("clock_stepped")))[0].data["clock_day"]
    console = await signed_in(pages, branch)
    page, say = console.page, branch.say
    advice = page.get_by_role("status", name=say("page.console.advice"))
    await expect(advice).to_contain_text(say("page.console.new_day_ask", day=day))
    await advice.get_by_role("button", name=say("page.console.new_day"), exact=True).tap()
    opened = await until(lambda: [row for row in branch.rows("day_opened") if row.data["day"] == day])
    assert opened[0].data["by"] == f"user/{NAME}"
    await expect(advice).to_be_hidden()
    await expect(console.row("A001")).to_be_visible()
