"""At the console, a device that does not work is tested from its own line."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.branch import ServedBranch, as_role
from browser.conftest import Serve
from browser.pages import Pages

ANSWERS = 30_000


@pytest.mark.long
async def test_a_device_is_tested_from_its_line(serve: Serve, pages: Pages) -> None:
    branch: ServedBranch = await serve(plugged=True)
    printer = branch.placed("printer")
    printer.wire.faults.cover_open = True
    printer.wire.poke()
    console = await as_role(pages, branch, "manager")
    line = console.locator(".notices li", has_text=branch.say("device.cover_open"))
    button = line.get_by_role("button", name=branch.say("page.console.test"))
    await button.click()
    toast = console.locator("#toast")
    await expect(toast).to_contain_text(branch.say("device.cover_open"), timeout=ANSWERS)
    await expect(toast).to_contain_text(branch.say("advice.cover_open"))
    rows = len(branch.rows("ticket_issued", "ticket_printed"))
    assert rows == 0, "nothing of it is of the day"
    printer.wire.faults.cover_open = False
    printer.wire.poke()
    await expect(line).to_be_hidden(timeout=ANSWERS)
