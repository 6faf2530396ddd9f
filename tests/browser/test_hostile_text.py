"""Script in what people write: it is shown as text, and never runs."""

from __future__ import annotations

import pytest
from playwright.async_api import Dialog, Page, expect
from system.broker import Mosquitto
from system.network import Network
from system.waiting import until

from browser.branch import BANK, DEVICES, as_role
from browser.conftest import Serve
from browser.pages import Pages

IMAGE = "<img src=x onerror=window.xss=1>"
SCRIPT = "</script><script>window.xss=1</script>"
BRANCH = f"支行{SCRIPT}"
SERVICE = f"现金{IMAGE}"
HOSTILE = (
    BANK.replace('name = "NAME"', f'name = "{BRANCH}"')
    .replace('zh = "现金业务"', f'zh = "{SERVICE}"')
    .replace("您要办理什么业务？", f"业务？{IMAGE}")
    .replace('zh = "存取款"', f"zh = '存取款\"{IMAGE}'")
)
LETTERS = "\"'<>&;</p>"


async def innocent(page: Page) -> None:
    """Fails if anything ran, or became an element of the page."""
    assert await page.evaluate("window.xss") is None
    assert await page.locator("img[src=x], script:not([src]):not([type='application/json'])").count() == 0


@pytest.mark.long
async def test_what_people_write_is_text_on_every_page(serve: Serve, pages: Pages, broker: Mosquitto) -> None:
    branch = await serve(parts=(HOSTILE, *DEVICES), lobby=True)
    dialogs: list[str] = []

    async def opened(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        await dialog.dismiss()

    async with Network(broker.port, branch.root) as network:
        for _ in range(2):
            await network.press("kiosk/kiosk", "TAKE", service="cash")
        console = await as_role(pages, branch, "manager")
        every = {
            "console": console,
            "counter": await as_role(pages, branch, "counter", "1"),
            "tv": await as_role(pages, branch, "screen", width=1920, height=1080),
            "kiosk": await as_role(pages, branch, "kiosk"),
            "ticket": await pages.open(branch.ticket_page("A002")),
            "sign-in": await pages.open(f"{branch.address}/sign-in?next=javascript:alert(1)"),
            "lobby": await pages.open(branch.virtual, width=1600, height=1000),
        }
        for page in every.values():
            page.on("dialog", opened)

        # A reason in her own words, and what is typed to look for, both as nasty as they come.
        await console.locator('#part-waiting button[data-ticket="A002"]').click()
        sheet = console.get_by_role("dialog")
        green = sheet.get_by_role("region", name=branch.say("page.console.green"), exact=True)
        await green.get_by_role("button", name=branch.say("page.console.other"), exact=True).click()
        await green.get_by_role("textbox").fill(f"{IMAGE}{LETTERS}")
        await console.keyboard.press("Enter")
        await until(lambda: branch.tickets("ticket_promoted") == ["A002"])
        await console.get_by_role("searchbox").fill("<IMG SRC=X>")
        await expect(console.locator(".look-up")).to_contain_text("<IMG SRC=X>")
        await network.press("keypad/3", "CALL")
        await network.press("keypad/4", "CALL", digits=IMAGE)

        await expect(every["tv"].locator("tbody")).to_contain_text(SERVICE)
        for name in ("tv", "console", "kiosk", "ticket", "sign-in"):
            await expect(every[name].get_by_text(BRANCH).filter(visible=True).first).to_be_visible()
        for name in ("kiosk", "counter"):
            await expect(every[name].get_by_text(IMAGE).first).to_be_attached()
        for name in ("ticket", "console", "lobby"):
            await expect(every[name].get_by_text(SERVICE).filter(visible=True).first).to_be_visible()
        for page in every.values():
            await innocent(page)
            assert "<script>" in await page.title() or page is every["lobby"]
    assert dialogs == []
