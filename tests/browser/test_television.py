"""What the television says, and what it does not."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect
from sweeps import long
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

from browser.branch import BANK, CHINESE, DEVICES, as_role, enter
from browser.conftest import Serve
from browser.pages import Pages
from browser.speech import DUMB, has_said, record, said

SPELLED = {
    "zh": {"A002": "A 零 零 二", "A003": "A 零 零 三", "B001": "B 零 零 幺"},
    "en": {"A002": "A, zero, zero, two", "A003": "A, zero, zero, three", "B001": "B, zero, zero, one"},
}
TONGUES = {"zh": "zh-CN", "en": "en-GB"}
ONE_VOICE = """(lang) => {
  window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
  speechSynthesis.getVoices = () => [{ lang }];
}"""
"""The browser's voices are of one language alone; a sentence then takes a voice that is no browser's."""
TURNS = 30_000
"""Milliseconds until everybody who missed a call has had their turn."""
VOICE = """
[[device]]
id = "voice"
driver = "voice"
player = "true"
"""


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_each_new_call_is_said_twice_and_no_old_one(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(language=language)
    spelled = SPELLED[language]

    def sentence(ticket: str, counter: str) -> str:
        return branch.say("voice.call", ticket=spelled[ticket], counter=counter)

    async with Network(broker.port, branch.root) as network:
        for _ in range(3):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("keypad/3", "CALL")
        page = await as_role(pages, branch, "screen", width=1920, height=1080)
        await record(page)
        await expect(page.locator(".now")).to_contain_text("A001")
        await asyncio.gather(network.press("keypad/4", "CALL"), network.press("keypad/3", "CALL"))
        heard = await has_said(page, 4)
        counters = {row.data["ticket"]: row.data["counter"] for row in branch.rows("ticket_called")}
        expected = [sentence(ticket, counters[ticket]) for ticket in ("A002", "A003")]
        assert [each.text for each in heard] == expected * 2, "everybody once before anybody twice"
        assert {each.language for each in heard} == {TONGUES[language]}
        assert {each.voices for each in heard} == {1}

        # Called again: it is to be heard again. Loaded anew: it is not.
        await network.press(f"keypad/{counters['A002']}", "RECALL")
        heard = await has_said(page, 6)
        assert [each.text for each in heard[4:]] == [expected[0]] * 2
        await page.reload()
        await expect(page.locator(".now")).to_contain_text("A002")
        assert await said(page) == []

        # Who has chosen another language is called in it.
        other = {"zh": "en", "en": "zh"}[language]
        await network.press("kiosk/kiosk", "TAKE", service="personal", language=other)
        await network.press("keypad/3", "CALL")
        await expect(page.locator(".now")).to_contain_text("B001")
        theirs = branch.settings.rules.spoken(other).wording
        heard = await has_said(page, 2)
        call = theirs.say("voice.call", ticket=SPELLED[other]["B001"], counter="3")
        assert [each.text for each in heard] == [call] * 2
        assert {each.language for each in heard} == {TONGUES[other]}

        # Where the browser has no voice for that, it is said in the branch's.
        await page.evaluate(ONE_VOICE, TONGUES[language])
        await network.press("keypad/3", "RECALL")
        heard = await has_said(page, 4)
        assert [each.text for each in heard[2:]] == [sentence("B001", "3")] * 2
        assert {each.language for each in heard[2:]} == {TONGUES[language]}


@pytest.mark.long
async def test_what_is_over_is_not_in_large_type_and_no_older_call_takes_its_place(
    serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve()
    page = await as_role(pages, branch, "screen", width=1920, height=1080)
    newest, lit = page.locator(".now"), page.locator(".counters li.lit")
    rows = page.locator(".counters li")
    async with Network(broker.port, branch.root) as network:
        await expect(rows).to_have_text([branch.say("page.tv.no_counter")])
        for _ in range(3):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("keypad/4", "CALL")
        for ticket, keys in (("A002", ("START", "FINISH")), ("A003", ("NOSHOW",))):
            await network.press("keypad/3", "CALL")
            await expect(newest).to_contain_text(ticket)
            await expect(lit).to_contain_text(ticket)
            await expect(rows).to_contain_text([ticket, "A001"])
            for key in keys:
                assert (await network.press("keypad/3", key))["result"] == "ok"
            await expect(newest).to_contain_text(branch.say("page.tv.welcome"))
            await expect(lit).to_have_count(0)
            await expect(rows).to_contain_text(["—", "A001"])
        await network.press("keypad/3", "PAUSE", digits="1")
        await expect(rows.first).to_contain_text(branch.say("page.tv.paused"))
        await network.press("keypad/3", "CLOSE")
        await expect(rows).to_have_count(1)


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_who_missed_a_call_reads_until_when_to_see_the_lobby_manager(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(language=language)
    page = await as_role(pages, branch, "screen", width=1920, height=1080)
    missed = page.locator(".missed")
    async with Network(broker.port, branch.root) as network:
        for _ in range(4):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("keypad/3", "CALL")
        await expect(page.locator(".now")).to_contain_text("A001")
        await expect(missed).to_be_hidden()
        for _ in range(3):
            await network.press("keypad/3", "NOSHOW")
            await network.press("keypad/3", "CALL")
        await expect(missed).to_contain_text(branch.say("page.tv.missed"))
        names = missed.locator("li strong")
        await expect(names).to_have_text(["A003", "A002", "A001"])
        last = branch.rows("ticket_missed")[-1].at + branch.settings.rules.return_within * 1000
        clock = branch.settings.rules.local(last).strftime("%H:%M")
        await expect(missed.locator("li").first).to_contain_text(branch.say("page.tv.missed_until", time=clock))
        for place in range(3):
            await expect(names.nth(place)).to_be_visible(timeout=TURNS)
        for line in (missed, page.locator(".left"), page.locator(".right")):
            box = await line.bounding_box()
            assert box
            assert box["y"] + box["height"] <= 1080

        # Who is back in the line is not told to come back.
        assert (await network.press("panel/manager", "RETURN", ticket="A002"))["result"] == "ok"
        await expect(names).to_have_text(["A003", "A001"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("devices", "speaking"),
    [long("", {"", "?voice=on"}, id="none"), pytest.param(VOICE, {"?voice=on"}, id="one")],
)
async def test_the_television_leaves_speaking_to_the_voice_of_the_hall_unless_its_address_says(
    devices: str, speaking: set[str], serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(parts=(BANK, *DEVICES, devices))
    first = await as_role(pages, branch, "screen", width=1920, height=1080)
    screens = {"": first, "?voice=on": await first.context.new_page(), "?voice=off": await first.context.new_page()}
    for asked, page in screens.items():
        await page.goto(f"{branch.address}/tv{asked}")
        await record(page)
        await expect(page.locator(".now")).to_contain_text(branch.say("page.tv.welcome"))
    async with Network(broker.port, branch.root) as network:
        await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("keypad/3", "CALL")
        for asked in sorted(speaking):
            await has_said(screens[asked], 2)
    for asked, page in screens.items():
        await expect(page.locator(".now")).to_contain_text("A001")
        assert bool(await said(page)) == (asked in speaking), asked


FORBIDS, LETS = "--autoplay-policy=document-user-activation-required", "--autoplay-policy=no-user-gesture-required"


@pytest.mark.long
@pytest.mark.parametrize("browser", [FORBIDS], indirect=True)
async def test_a_screen_that_may_not_speak_untouched_says_so_to_the_lobby(
    serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve()
    async with Network(broker.port, branch.root) as network:
        tv = await pages.open(width=1920, height=1080)
        await enter(tv, await branch.device("tv-hall", "screen"))
        console = await as_role(pages, branch, "manager")
        device = console.locator(".devices li", has_text=branch.say("device.page", name="tv-hall"))
        for state, detail in (("degraded", branch.say("device.page_silent")), ("ok", "")):
            await until(lambda state=state: network.levels.get("device/page.tv-hall", {}).get("state") == state, 15)  # type: ignore[misc]
            assert network.levels["device/page.tv-hall"]["detail"] == detail
            await expect(device).to_have_attribute("data-state", state)
            await expect(device).to_contain_text(detail)
            # Touched anywhere, and only once it has told that it needs it.
            await tv.locator(".now").click()
        assert "page.tv-hall: " in branch.log()


@pytest.mark.long
@pytest.mark.parametrize(
    ("browser", "asked"), [(LETS, ""), (FORBIDS, "?voice=off")], indirect=["browser"], ids=["lets", "off"]
)
async def test_a_screen_that_may_speak_or_need_not_is_well(
    asked: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve()
    async with Network(broker.port, branch.root) as network:
        tv = await pages.open(width=1920, height=1080)
        await enter(tv, await branch.device("tv-hall", "screen"))
        await tv.goto(f"{branch.address}/tv{asked}")
        await until(lambda: network.levels.get("device/page.tv-hall", {}).get("state") == "ok", 15)


@pytest.mark.long
@pytest.mark.parametrize("browser", [LETS], indirect=True)
async def test_a_screen_whose_browser_has_no_voice_tells_it_once_it_should_have_spoken(
    serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve()
    async with Network(broker.port, branch.root) as network:
        tv = await pages.open(width=1920, height=1080)
        await tv.add_init_script(DUMB)
        await enter(tv, await branch.device("tv-hall", "screen"))
        await until(lambda: network.levels.get("device/page.tv-hall", {}).get("state") == "ok", 15)
        await network.press("kiosk/kiosk", "TAKE", service="cash")
        await network.press("keypad/3", "CALL")
        await until(lambda: network.levels["device/page.tv-hall"]["state"] == "degraded", 15)


@pytest.mark.long
async def test_a_screen_that_nobody_touches_does_not_ask_for_sound_for_ever(serve: Serve, pages: Pages) -> None:
    branch = await serve()
    page = await as_role(pages, branch, "screen", width=1920, height=1080)
    sound = page.get_by_role("button", name=branch.say("page.tv.sound"))
    await page.clock.install()
    await page.reload()
    await expect(page.locator(".now")).to_contain_text(branch.say("page.tv.welcome"))
    await page.clock.run_for(2_000)
    await expect(sound).to_be_visible()
    await page.clock.run_for(61_000)
    await expect(sound).to_be_hidden()
    await page.keyboard.press("a")
    await page.wait_for_function("localStorage.getItem('lobby.sound') === 'on'")
