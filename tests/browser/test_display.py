"""The screen above a counter."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from system.broker import Mosquitto
from system.network import Network

from browser.axe import faults
from browser.branch import CHINESE, as_role
from browser.conftest import Serve
from browser.pages import Pages


async def animation(page: Page) -> str:
    found: str = await page.locator(".face").evaluate("(face) => getComputedStyle(face).animationName")
    return found


async def sign(page: Page) -> str:
    """The shape that stands above the words; empty: none."""
    style = 'getComputedStyle(face, "::before")'
    found: str = await page.locator(".face").evaluate(
        f'(face) => {style}.content === "none" ? "" : {style}.borderRadius + {style}.borderWidth'
    )
    return found


async def inside(page: Page) -> bool:
    """Whether nothing is wider than its room, or beyond the screen."""
    found: bool = await page.evaluate(
        """() => [...document.querySelectorAll(".large, .hint, .counter, .clock")].every((part) =>
             part.scrollWidth <= part.clientWidth + 1 && part.getBoundingClientRect().bottom <= innerHeight)"""
    )
    return found


@pytest.mark.parametrize("language", CHINESE)
async def test_the_screen_above_a_counter_shows_what_it_calls_and_tells_its_faces_apart(
    language: str, serve: Serve, pages: Pages, broker: Mosquitto
) -> None:
    branch = await serve(language=language)
    say = branch.say
    async with Network(broker.port, branch.root) as network:

        async def press(key: str, counter: str = "3") -> None:
            assert (await network.press(f"keypad/{counter}", key))["result"] == "ok"

        for _ in range(4):
            await network.press("kiosk/kiosk", "TAKE", service="personal")
        page = await as_role(pages, branch, "screen", "3", width=1920, height=1080)
        assert page.url == f"{branch.address}/display/3", "a screen that belongs to a counter begins there"
        main, face, large = page.locator("main"), page.locator(".face"), page.locator(".large")
        await expect(page.locator(".counter")).to_have_text(say("page.display.counter", counter="3"))
        await expect(large).to_have_text(say("page.display.closed"))
        closed, without_colour = await faults(page), await sign(page)
        await press("OPEN")
        await expect(page.locator(".hint")).to_have_text(say("page.display.open"))

        # A new call blinks, and one at another counter is none of its business.
        await press("CALL", "4")
        await press("CALL")
        await expect(large).to_have_text("B002")
        await expect(main).to_have_attribute("data-state", "called")
        await expect(face).to_have_class("face fresh")
        assert await animation(page) == "glow"
        await page.emulate_media(reduced_motion="reduce")
        assert await animation(page) == "none"
        assert await inside(page)
        found = closed + await faults(page)

        # Opened anew it is no news; called again it is.
        await page.reload()
        await expect(large).to_have_text("B002")
        await expect(face).to_have_class("face")
        await press("RECALL")
        await expect(face).to_have_class("face fresh")
        await press("START")
        await expect(main).to_have_attribute("data-state", "serving")
        await expect(large).to_have_text("B002")
        await expect(face).to_have_class("face")
        await press("PAUSE")
        await expect(large).to_have_text(say("page.display.paused"))
        assert "" != without_colour != await sign(page) != "", "paused and closed have signs of their own"
        found += await faults(page)
        for width, height in ((1080, 1920), (390, 844)):
            await page.set_viewport_size({"width": width, "height": height})
            await expect(large).to_have_text(say("page.display.paused"))
            await page.wait_for_function("dispatchEvent(new Event('resize')) || true")
            assert await inside(page), (width, height)
        async with pages.outage():
            await branch.kill()
            await expect(page.locator("#stale")).to_be_visible()
            await branch.start()
            await expect(page.locator("#stale")).to_be_hidden()
        await expect(large).to_have_text(say("page.display.paused"))
        await press("CLOSE")
        await expect(large).to_have_text(say("page.display.closed"))
        await expect(main).to_have_attribute("data-state", "closed")
        assert found == []
