"""What the television says, and what it does not."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from system.broker import Mosquitto
from system.network import Network

from browser.branch import NAMES, as_role
from browser.conftest import Serve
from browser.pages import Pages
from browser.speech import has_said, record, said

SPELLED = {
    "zh": {"A002": "A 零 零 二", "A003": "A 零 零 三"},
    "en": {"A002": "A, zero, zero, two", "A003": "A, zero, zero, three"},
}
TONGUES = {"zh": "zh-CN", "en": "en-GB"}


@pytest.mark.parametrize("language", NAMES)
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
        await network.press("keypad/4", "CALL")
        await network.press("keypad/3", "CALL")
        heard = await has_said(page, 4)
        expected = [sentence("A002", "4")] * 2 + [sentence("A003", "3")] * 2
        assert [each.text for each in heard] == expected
        assert {each.language for each in heard} == {TONGUES[language]}
        assert {each.voices for each in heard} == {1}

        # Called again: it is to be heard again. Loaded anew: it is not.
        await network.press("keypad/4", "RECALL")
        heard = await has_said(page, 6)
        assert [each.text for each in heard[4:]] == [sentence("A002", "4")] * 2
        await page.reload()
        await expect(page.locator(".now")).to_contain_text("A002")
        assert await said(page) == []


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
