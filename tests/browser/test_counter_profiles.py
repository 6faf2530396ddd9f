"""What a counter serves is changed at the console, and who is there is seen on it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from system.broker import Mosquitto
from system.network import Network

from browser.branch import BANK, DEVICES, as_role
from browser.conftest import Serve
from browser.pages import Pages
from browser.presses import presses

PROFILES = """
[[counter_profile]]
id = "helps"
name = {{ zh = "帮办对公", en = "Helps corporate" }}
key = 1
serves = {{ personal = 0, corporate = 0 }}
counters = ["3"]

[[clerk]]
number = "4711"
alias = "C07"
"""


@pytest.mark.long
async def test_a_profile_is_two_taps_away_and_the_clerk_is_seen(serve: Serve, pages: Pages, broker: Mosquitto) -> None:
    branch = await serve(parts=(BANK, *DEVICES, PROFILES))
    async with Network(broker.port, branch.root) as network:
        await network.press("kiosk/kiosk", "TAKE", service="corporate")
        await network.press("keypad/3", "SIGNIN", digits="4711")
        await network.press("keypad/3", "OPEN")
    say = branch.say
    console = await as_role(pages, branch, "manager")
    counter = await as_role(pages, branch, "counter", "3")
    await expect(counter.locator(".duty")).to_contain_text("C07")

    sheet = console.get_by_role("dialog")
    async with presses(console, "profile"):
        await console.locator("button.desk").nth(2).click()
        await expect(sheet).to_contain_text("C07")
        await sheet.get_by_role("button", name="帮办对公").click()
        await expect(counter.locator(".duty")).to_contain_text(say("page.counter.profile", profile="帮办对公"))
    (row,) = branch.rows("counter_profile_set")
    assert row.data["serves"] == {"personal": 0, "corporate": 0}

    # The clerk calls whom the counter could not call before, and takes the change back by its own button.
    await counter.keyboard.press("Enter")
    await expect(counter.locator(".customer")).to_contain_text("C001")
    await counter.get_by_role("button", name=say("profile.configured")).click()
    await expect(counter.locator(".duty")).not_to_contain_text("帮办对公")
    assert [row.data["profile"] for row in branch.rows("counter_profile_set")] == ["helps", ""]
    assert not re.search(r"(?<![0-9a-f])4711(?![0-9a-f])", str(branch.rows()))  # it may be part of a hash
