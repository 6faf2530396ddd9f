"""Signing in with what there is: another device's address in the same tab, an account that may not open a page."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from browser.branch import ENGLISH, enter
from browser.conftest import Serve
from browser.pages import Pages


@pytest.mark.long
@pytest.mark.parametrize("language", ENGLISH)
async def test_an_address_that_is_opened_where_the_page_already_is(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(language=language)
    page = await pages.open(f"{branch.address}/enter#wrong")
    await expect(page.get_by_role("alert")).to_have_text(branch.say("page.enter.wrong"))
    assert page.url == f"{branch.address}/enter", "no token stays in the address"
    await enter(page, await branch.device("tv", "screen"))
    assert page.url == f"{branch.address}/tv"

    # A screen may not work at a counter, and says so to whoever tries.
    await page.goto(f"{branch.address}/counter/3")
    await page.wait_for_url("**/sign-in?next=/counter/3")
    told = page.get_by_role("alert")
    await expect(told).to_have_text(branch.say("page.sign_in.other_account"))
    stranger = await pages.open(f"{branch.address}/sign-in?next=/counter/3")
    await expect(stranger.get_by_role("button", name=branch.say("page.sign_in.go"), exact=True)).to_be_visible()
    await expect(stranger.get_by_role("alert")).to_be_empty()
