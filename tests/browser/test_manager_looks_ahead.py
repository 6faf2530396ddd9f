"""What the console shows of what comes, and what it offers: who is next and when, counters, faults, alarms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

from browser.branch import BANK, CHINESE, DEVICES, ENGLISH
from browser.conftest import Serve
from browser.pages import Pages
from browser.test_manager import NAME, Console, signed_in
from controller.lobby.show.screens import CALLED_LONG
from simulators.virtual_lobby.view import words

COUNT_TAPS = "() => { taps = 0; addEventListener('click', (event) => { taps += event.isTrusted; }, true); }"
RECORD_ALARMS = """
(() => {
  const alarms = { tones: 0, shown: [] };
  Object.defineProperty(window, "alarms", { value: alarms });
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) {
    alarms.tones += 1;
    return start.apply(this, at);
  };
  window.Notification = class extends Notification {
    constructor(title, options) {
      super(title, options);
      alarms.shown.push(`${title}|${options.body}`);
    }
  };
})();
"""
"""Keeps the tones that the loudspeaker is given, and the notifications that the browser shows."""


async def taps(page: Page) -> int:
    """How often she has tapped since the last time she was asked."""
    return await page.evaluate("() => { const before = taps; taps = 0; return before; }")  # type: ignore[no-any-return]


async def look_up(console: Console, ticket: str) -> None:
    """Find a ticket that is in no list."""
    search = console.page.get_by_role("searchbox")
    await search.fill(ticket)
    await search.press("Enter")
    await expect(console.sheet.locator(".why-text")).to_contain_text(ticket)


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_who_is_next_and_when_and_counters_are_worked_in_two_taps(
    language: str, serve: Serve, pages: Pages, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    branch = await serve(language=language, busy=True, clock=clock)
    console = await signed_in(pages, branch)
    page, say, sheet = console.page, branch.say, console.sheet
    await page.evaluate(COUNT_TAPS)
    await expect(page.locator("#part-waiting .when:visible").first).to_have_text(re.compile(r"\d\d:\d\d"))

    # Each open counter says who is next, and the list begins with the next call of all.
    view = await (await page.request.get(f"{branch.address}/api/console")).json()
    foreseen = [item["ticket"] for item in sorted(view["waiting"], key=lambda item: item["expected"] // 60_000)]
    assert all(item["expected"] for item in view["waiting"])
    for counter in view["counters"]:
        desk = page.locator("#part-counters li").filter(has_text=say("page.console.counter", counter=counter["id"]))
        assert counter["next"]
        await expect(desk.locator(".coming")).to_contain_text(counter["next"])
    assert (await console.waiting())[:3] == foreseen[:3]

    # By arrival, if she likes that better, for as long as she likes.
    arrived = [item["ticket"] for item in sorted(view["waiting"], key=lambda item: item["since"])]
    assert arrived != foreseen
    by_arrival = page.get_by_role("button", name=say("page.console.by_arrival"), exact=True)
    await by_arrival.tap()
    assert await console.waiting() == arrived
    await page.reload()
    await expect(by_arrival).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#part-waiting button[data-ticket]:visible").first).to_have_attribute(
        "data-ticket", arrived[0]
    )

    # An hour later everybody is late: red are the three who have waited longest, and the services that they wait for.
    clock.write_text(str(60 * 60_000))
    rows = page.locator("#part-waiting .rows .right")
    await expect(rows.and_(page.locator(".worst"))).to_have_count(3)
    await expect(rows.and_(page.locator(".late"))).to_have_count(len(arrived) - 3)
    red = [await row.get_attribute("data-ticket") for row in await page.locator("button.row:has(.worst)").all()]
    assert red == arrived[:3]
    await expect(page.locator(".late-tile")).to_have_count(3 - len({ticket[0] for ticket in arrived[:3]}))

    # Who was called long ago and is not served is pointed out.
    assert CALLED_LONG < 60 * 60_000
    four = page.locator("#part-counters li").filter(has_text=say("page.console.counter", counter="4"))
    await expect(four.locator(".stuck")).to_be_visible()
    in_hand = await four.locator(".ticket").text_content()
    assert in_hand

    # Paused for a reason, opened, closed: a counter and a reason, two taps each.
    await page.evaluate(COUNT_TAPS)
    desk = page.get_by_role("button", name=re.compile(f"^{say('page.console.counter', counter='4')}"))
    served = next(each["served"] for each in view["counters"] if each["id"] == "4")
    await desk.tap()
    await expect(sheet).to_contain_text(say("page.console.ends", ticket=in_hand))
    await expect(sheet.locator(".facts")).to_contain_text(f"{say('page.console.served_today')}{served}")
    await expect(console.button("page.console.open_counter")).to_have_count(0)
    await console.button("pause.1", group="page.console.pause_counter").tap()
    assert await taps(page) == 2
    await expect(four).to_contain_text(say("pause.1"))
    (paused,) = branch.rows("counter_paused")
    assert paused.data == {"counter": "4", "reason": "1", "by": f"user/{NAME}"}
    assert branch.tickets("ticket_finished")[-1] == in_hand
    await expect(page.locator("#part-log li").first).to_contain_text(say("pause.1"))
    await desk.tap()
    await expect(sheet.locator(".facts")).to_contain_text(f"{say('page.console.served_today')}{served + 1}")
    await expect(sheet.get_by_role("region", name=say("page.console.pause_counter"))).to_have_count(0)
    await console.button("page.console.open_counter").tap()
    await expect(four).to_contain_text(say("page.console.state_open"))
    await desk.tap()
    await console.button("page.console.close_counter").tap()
    await expect(four).to_contain_text(say("page.console.state_closed"))
    assert await taps(page) == 4
    assert branch.rows("counter_closed")[-1].data == {"counter": "4", "by": f"user/{NAME}"}


@pytest.mark.long
@pytest.mark.parametrize("language", ENGLISH)
async def test_each_deed_is_two_taps_and_says_where_to_and_nothing_is_offered_that_is_refused(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(language=language)
    console = await signed_in(pages, branch)
    page, say = console.page, branch.say
    rules = branch.settings.rules
    async with Network(broker.port, branch.root) as network:
        for _ in range(6):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("panel/manager", "OPEN", counter="1")
        await expect(console.row("A006")).to_be_visible()
        await page.evaluate(COUNT_TAPS)

        await console.reason("A006", "page.console.green", "reason.elderly")
        assert await taps(page) == 2
        newest = page.locator("#part-log li").first
        told = say("answer.ticket_promoted", ticket="A006", klass=rules.class_name("green"))
        await expect(newest).to_contain_text(told)
        await expect(newest).to_contain_text(say("reason.elderly"))

        await console.row("A005").tap()
        await console.button("page.console.counter", group="page.console.to_where", counter="3").tap()
        assert await taps(page) == 2
        at = say("answer.at_counter", counter="3")
        await console.told(say("answer.ticket_reassigned", ticket="A005", where=at))
        await console.row("A004").tap()
        name = rules.service_name("personal")
        await console.sheet.get_by_role("button", name=name, exact=True).tap()
        await console.told(say("answer.ticket_reassigned", ticket="A004", where=name))
        await page.evaluate("taps = 0")

        await console.row("A003").tap()
        await console.button("page.console.why").tap()
        await expect(console.sheet.get_by_role("table")).to_be_visible()
        assert await taps(page) == 2
        await page.keyboard.press("Escape")
        await console.row("A003").tap()
        for counter in ("2", "3", "4"):
            closed = say("page.console.counter", counter=counter)
            to = console.sheet.locator(".to").filter(has_text=closed)
            await expect(to).to_be_disabled()
        await console.sheet.locator(".to:enabled").tap()
        await expect(console.sheet).to_be_hidden()
        assert await taps(page) == 2
        assert branch.rows("ticket_called")[-1].data["ticket"] == "A003"

        # One that was finished without having been started may come back, and that is all.
        await network.press("keypad/4", "OPEN")
        await network.press("panel/manager", "CLOSE", counter="1")
        one = page.locator("#part-counters li").filter(has_text=say("page.console.counter", counter="1"))
        await expect(one).to_contain_text(say("page.console.state_closed"))
        await look_up(console, "A003")
        await console.button("page.console.other_back").tap()
        back = console.sheet.get_by_role("region", name=say("page.console.back"), exact=True)
        await expect(back).to_be_visible()
        for gone in ("green", "urgent", "cancel"):
            await expect(
                console.sheet.get_by_role("region", name=say(f"page.console.{gone}"), exact=True)
            ).to_have_count(0)
        await expect(console.button("page.console.reprint")).to_have_count(0)
        await page.keyboard.press("Escape")

        # Of one that has ended it is told what became of it, and nothing is offered.
        search = page.get_by_role("searchbox")
        await search.fill("")
        await network.press("panel/manager", "CANCEL", ticket="A002", reason="left")
        await expect(console.row("A002")).to_have_count(0)
        await look_up(console, "A002")
        await expect(console.sheet.locator(".sheet-body").get_by_role("button")).to_have_count(0)
        await page.keyboard.press("Escape")
        await search.fill("")

        # While the sheet of one who goes to a counter is open, what would be refused cannot be pressed any more.
        await console.row("A001").tap()
        cancel = console.button("reason.left", group="page.console.cancel")
        await expect(cancel).to_be_enabled()
        await network.press("panel/manager", "CALL", ticket="A001", counter="4")
        await expect(cancel).to_be_disabled()


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_faults_are_told_once_the_worst_first_and_what_cannot_wait_is_heard(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    parts = (BANK, *(part.replace('driver = "bx"', 'driver = "bx"\nname = "东门大屏"') for part in DEVICES))
    branch = await serve(language=language, lobby=True, parts=parts)
    console = await signed_in(pages, branch)
    page, say = console.page, branch.say
    await page.add_init_script(RECORD_ALARMS)
    await page.reload()
    faults = page.get_by_role("list", name=say("page.console.notices"))
    await expect(faults).to_contain_text(say("page.console.all_well"))
    hall = await pages.open(branch.virtual, width=1600, height=1000)
    async with Network(broker.port, branch.root) as network:
        # Nothing is heard before she wants it; a browser that shows no notifications is no secret.
        await network.press("keypad/3", "OPEN")
        await network.press("keypad/3", "HELP")
        help_asked = faults.get_by_role("listitem").filter(has_text=say("fault.help"))
        await expect(help_asked).to_contain_text(say("fault.counter", counter="3"))
        assert await page.evaluate("alarms") == {"tones": 0, "shown": []}
        alarm = page.get_by_role("button", name=say("page.console.alarm_off"), exact=True)
        await alarm.tap()
        await console.told(say("page.console.alarm_only_sound"))
        await page.get_by_role("button", name=say("page.console.alarm_on"), exact=True).tap()
        await console.told(say("page.console.alarm_is_off"))
        await page.context.grant_permissions(["notifications"], origin=branch.address)
        await alarm.tap()
        await console.told(say("page.console.alarm_is_on"))
        await page.reload()
        await expect(page.get_by_role("button", name=say("page.console.alarm_on"), exact=True)).to_have_attribute(
            "aria-pressed", "true"
        )
        await network.press("keypad/3", "HELP")
        await expect(help_asked).to_have_count(0)
        before = await page.evaluate("alarms.shown.length")

        # Out of paper, a board unplugged: each once, what stops tickets first, with its name and what helps.
        paper = hall.locator('[data-wire="printer"] [data-knob="paper"]')
        await hall.locator('[data-wire="hall"] [data-knob="unplugged"]').click()
        await expect(faults.get_by_role("listitem")).to_have_count(1)
        await paper.select_option(words(language)["break.paper_out"])
        listed = faults.get_by_role("listitem")
        await expect(listed).to_have_count(2)
        for part in (say("kind.escpos"), say("device.paper_end"), say("advice.paper_end")):
            await expect(listed.nth(0)).to_contain_text(part)
        for part in ("东门大屏", say("device.offline"), say("advice.offline")):
            await expect(listed.nth(1)).to_contain_text(part)
        await expect(listed.nth(0)).to_have_class(re.compile("urgent"))
        await expect(listed.nth(0)).to_contain_text(re.compile(r"\d\d:\d\d"))
        manager = "大堂经理" if language == "zh" else "lobby manager"
        await expect(faults).not_to_contain_text(manager)
        colon = say("page.console.colon")
        told = f"{say('kind.escpos')}{colon}{say('device.paper_end')}|{say('advice.paper_end')}"
        await page.wait_for_function("(before) => alarms.shown.length > before", arg=before)
        assert await page.evaluate("alarms.shown.slice(-1)") == [told], "a board can wait"
        assert await page.evaluate("alarms.tones") > 0

        # Three without a paper: while there is none nothing more is tried, and then all are printed with one tap.
        for _ in range(3):
            await network.press("kiosk/kiosk", "TAKE", service="personal")
        everything = page.get_by_role("button", name=say("page.console.reprint_all", count=3), exact=True)
        await everything.tap()
        await console.told(say("page.console.reprinted", done=0, count=3))
        assert branch.tickets("ticket_reprinted") == []
        await paper.select_option(words(language)["break.paper_ok"])
        await expect(listed).to_have_count(1)
        await everything.tap()
        await console.told(say("page.console.reprinted", done=3, count=3))
        assert sorted(branch.tickets("ticket_reprinted")) == ["B001", "B002", "B003"]
        await expect(everything).to_have_count(0)
        await until(lambda: len(branch.tickets("ticket_printed")) == 3)
