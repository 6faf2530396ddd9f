"""The day at a counter that has only a screen and a keyboard."""

from __future__ import annotations

import re
import time
from contextlib import closing
from dataclasses import dataclass

import pytest
from playwright.async_api import Page, expect
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

from browser.branch import BANK, DEVICES, ENGLISH, ServedBranch, as_role
from browser.conftest import Serve
from browser.pages import Pages
from browser.presses import presses
from controller.journal import Journal, Remark
from controller.lobby.actions.leave_note import LeaveNote
from controller.lobby.aggregate import Aggregate
from controller.lobby.model.units import Ms

AGAIN = 0.7
"""Seconds after which the same key is a press of its own, and no double tap."""


class Desk:
    """The soft keypad as its clerk sees it."""

    def __init__(self, page: Page, branch: ServedBranch) -> None:
        self.page = page
        self.branch = branch
        self._pressed: dict[str, float] = {}

    async def press(self, *keys: str) -> None:
        """Keys of the keyboard, one after the other, the same one not before it counts again."""
        for key in keys:
            await until(lambda key=key: time.monotonic() > self._pressed.get(key, 0) + AGAIN)  # type: ignore[misc]
            await self.page.keyboard.press(key)
            self._pressed[key] = time.monotonic()

    async def shows(self, ticket: str, state: str) -> None:
        """Wait until this customer is there, in this state (`called`, `serving`), or nobody (`open`, `paused`)."""
        say = self.branch.say
        customer = self.page.locator(".customer")
        await expect(customer).to_contain_text(say(f"page.counter.state_{state}"))
        await expect(customer).to_contain_text(ticket or say("page.counter.nobody"))


@pytest.mark.long
@pytest.mark.parametrize("language", ENGLISH)
async def test_a_counter_is_worked_with_the_keyboard_alone(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(language=language)
    async with Network(broker.port, branch.root) as network:
        for needs in (["time", "glasses"], [], [], []):
            await network.press("kiosk/kiosk", "TAKE", service="personal", needs=needs)
    page = await as_role(pages, branch, "counter", "3")
    desk, say = Desk(page, branch), branch.say
    await desk.shows("", "closed")
    await expect(page.locator(".queue")).to_contain_text("4")
    sign = """(state) => getComputedStyle(state, "::before").height"""
    closed = await page.locator(".state").evaluate(sign)
    card = page.locator(".idle")
    await expect(card).to_contain_text("B001")
    await expect(card).to_contain_text(say("page.counter.next_opened"))

    # A key that is held down is pressed once.
    for _ in range(4):
        await page.keyboard.down("Enter")
    await page.keyboard.up("Enter")
    await desk.shows("B001", "called")
    needs_tag = page.get_by_role("list", name=say("page.counter.needs"))
    await expect(needs_tag).to_contain_text(say("needs.time"))
    await expect(needs_tag).to_contain_text(say("needs.glasses"))

    async with presses(page, "recall"):
        await desk.press("R")
        await expect(page.locator(".customer")).to_contain_text(say("page.counter.recalls", times=1))
    async with presses(page, "start"):
        await desk.press("s")
        await desk.shows("B001", "serving")
    async with presses(page, "finish"):
        await desk.press("f")
        await desk.shows("", "open")
    # Nobody is there: who is next, how the last one left, and the way back.
    await expect(card).to_contain_text("B002")
    await expect(card).to_contain_text(say("page.counter.last_finished", ticket="B001"))
    await card.get_by_role("button").click()
    await desk.shows("B001", "serving")
    await expect(card).to_be_hidden()
    await desk.press("f")
    await desk.shows("", "open")
    async with presses(page, "call"):
        await desk.press("Enter")
        await desk.shows("B002", "called")
    await expect(needs_tag).to_be_hidden()
    async with presses(page, "no-show"):
        await desk.press("n")
        await desk.shows("", "open")
    await desk.press("Enter")
    await desk.shows("B003", "called")
    await desk.press("h")
    await desk.shows("", "open")
    await expect(page.get_by_role("button", name=say("page.counter.take_back", ticket="B003"))).to_be_visible()
    await desk.press("u")
    await desk.shows("B003", "called")
    await desk.press("t", "1")
    await desk.shows("", "open")
    await desk.press("p")
    await desk.shows("", "paused")
    assert closed != await page.locator(".state").evaluate(sign) != "auto", "told apart without colours"
    await desk.press("p")
    await desk.shows("", "open")

    # A refusal says why, and goes with the next key.
    refusal = page.get_by_role("alert").filter(visible=True)
    await desk.press("9", "9", "9", "Enter")
    await expect(refusal).to_contain_text("999")
    await desk.press("Enter")
    await desk.shows("B004", "called")
    await expect(page.locator(".refusal")).to_be_empty()

    assert branch.tickets("ticket_called")[:3] == ["B001", "B002", "B003"]
    assert branch.tickets("ticket_called").count("B001") == 1
    assert branch.tickets("ticket_missed") == ["B002"]
    assert branch.tickets("ticket_held") == ["B003"]
    transferred = branch.rows("ticket_transferred")[-1].data
    assert (transferred["ticket"], transferred["service"]) == ("B003", "cash")
    assert [row.data["counter"] for row in branch.rows("counter_paused")] == ["3"]


FORGIVING = BANK.replace("call_grace = 0\nconfirm_finish = 0\n", "")
"""A bank whose counters have the grace and ask before they finish, as a branch has it that says nothing about it."""


@pytest.mark.parametrize("language", ENGLISH)
async def test_no_slip_of_a_finger_costs_a_customer(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    assert FORGIVING != BANK
    branch = await serve(language=language, parts=(FORGIVING, *DEVICES))
    async with Network(broker.port, branch.root) as network:
        for _ in range(4):
            await network.press("kiosk/kiosk", "TAKE", service="personal")
    page = await as_role(pages, branch, "counter", "3")
    desk, say = Desk(page, branch), branch.say
    refusal = page.locator(".refusal")
    undo = page.get_by_role("button", name=say("page.counter.undo_ticket", ticket="B001"))
    await desk.press("Enter")
    await desk.shows("B001", "called")

    # Enter once more at once is the same press; a little later it is asked whether B001 is to be finished.
    await desk.press("Enter")
    await desk.shows("B001", "called")
    await until(lambda: "B001" in branch.tickets("ticket_called"))
    called = time.monotonic()
    await until(lambda: time.monotonic() > called + 1.6)
    await desk.press("Enter")
    await expect(refusal).to_have_class(re.compile("asked"))
    await expect(refusal).to_contain_text("B001")
    await desk.shows("B001", "called")

    # Take back, with nobody held, and a wrong digit of a transfer: nobody moves.
    await desk.press("u")
    await desk.shows("B001", "called")
    await desk.press("t", "9")
    await expect(refusal).to_be_visible()
    await expect(page.locator(".keys")).to_have_class(re.compile("transferring"))
    await desk.press("Enter")
    await desk.shows("B001", "called")
    await desk.press("Escape")

    # A no-show is one key, and one key brings the customer back.
    await desk.press("n")
    await desk.shows("", "open")
    await expect(undo).to_be_enabled()
    async with presses(page, "undo"):
        await desk.press("z")
        await desk.shows("B001", "called")
    assert branch.tickets("ticket_missed") == branch.tickets("service_resumed") == ["B001"]

    # A customer who is being served, finished with the next one called: both are as they were.
    await desk.press("s")
    await desk.shows("B001", "serving")
    await desk.press("Enter")
    await desk.shows("B002", "called")
    await desk.press("z")
    await desk.shows("B001", "serving")
    await expect(page.locator(".queue")).to_contain_text("B002")
    for act, state in (("h", "open"), ("p", "paused")):
        await desk.press(act)
        await desk.shows("", state)
        await desk.press("z")
        await desk.shows("B001", "serving")
    assert branch.tickets("call_undone") == ["B002"]


@pytest.mark.long
async def test_digits_that_fit_several_numbers_offer_them(serve: Serve, pages: Pages, broker: Mosquitto) -> None:
    branch = await serve()
    async with Network(broker.port, branch.root) as network:
        for service in ("cash", "personal"):
            await network.press("kiosk/kiosk", "TAKE", service=service)
    page = await as_role(pages, branch, "counter", "2")
    desk = Desk(page, branch)
    await desk.press("1", "Enter")
    await page.get_by_role("button", name="B001").click()
    await desk.shows("B001", "called")
    await desk.press("s")
    await desk.shows("B001", "serving")
    await desk.press("f")
    await desk.shows("", "open")
    await desk.press("1", "Enter")
    await desk.shows("A001", "called")
    # Nobody waiting is nobody's mistake.
    await desk.press("f")
    await desk.shows("", "open")
    await desk.press("Enter")
    await expect(page.locator(".done")).to_contain_text(branch.say("refused.none_waiting"))
    await expect(page.locator(".refusal")).to_be_empty()


@dataclass
class AfterAShift(ServedBranch):
    """A branch where a clerk has left a note at counter 2 yesterday."""

    async def launch(self) -> None:
        """Start the daemon."""
        if not self.settings.journal_path.exists():
            at, words = Ms(time.time_ns() // 1_000_000 - 24 * 3_600_000), "钥匙在保险柜"
            lobby = Aggregate(self.settings.rules)
            lobby.do(LeaveNote(at=at, cause="yesterday", counter="2", words=words))
            with closing(Journal(self.settings.journal_path)) as journal:
                journal.append(lobby.rows, [Remark("yesterday", at, words)]).result()
        await super().launch()


@pytest.mark.long
async def test_a_note_is_there_the_next_morning_and_another_goes_with_the_customer_to_the_next_counter(
    serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(AfterAShift)
    async with Network(broker.port, branch.root) as network:
        await network.press("kiosk/kiosk", "TAKE", service="personal")
    first = await as_role(pages, branch, "counter", "3")
    second = await as_role(pages, branch, "counter", "2")
    _, month, day = branch.settings.rules.day_of(Ms(time.time_ns() // 1_000_000 - 24 * 3_600_000)).split("-")
    left = branch.say("page.counter.note_before", words="钥匙在保险柜", day=f"{int(month)}月{int(day)}日")
    await expect(second.locator(".notes")).to_have_text(left)
    await second.get_by_role("button", name=branch.say("page.counter.remove_note")).click()
    await expect(second.locator(".notes")).to_be_empty()
    await first.keyboard.press("Enter")
    await expect(first.locator(".customer")).to_contain_text("B001")
    note = first.get_by_role("textbox", name=branch.say("page.counter.note"))
    await note.fill("缺护照复印件 f")
    await note.press("Enter")
    await expect(first.locator(".notes")).to_contain_text("缺护照复印件 f")
    await first.keyboard.press("t")
    await first.keyboard.type("02")
    await expect(first.locator(".customer")).to_contain_text(branch.say("page.counter.nobody"))
    await second.keyboard.press("Enter")
    await expect(second.locator(".notes")).to_contain_text("缺护照复印件")
    await second.get_by_role("button", name=branch.say("page.counter.remove_note")).click()
    await expect(second.locator(".notes")).to_be_empty()
    assert "护照" not in str(branch.rows())
