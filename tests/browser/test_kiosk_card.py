"""A customer who shows a card beside the ticket screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect
from system.test_cards import STRANGER, VIP, found_in, supply, token

from browser.branch import BANK, CHINESE, DEVICES, LOCALES, enter
from browser.conftest import Serve
from browser.pages import Pages
from browser.test_kiosk_visit import Kiosk
from simulators.devices.card_reader import CardReaderFarEnd

READER = """
[cards]
key_file = "cards.key"
tokens_file = "cards.tokens"

[[device]]
id = "reader"
driver = "card-reader"
link = "input:{directory}/dev/reader"
page = "touch-1"
within = 300
"""


@pytest.mark.long
@pytest.mark.parametrize("language", CHINESE)
async def test_a_card_beside_the_screen_counts_for_its_next_ticket_alone(
    language: str, serve: Serve, pages: Pages, tmp_path: Path
) -> None:
    supply(tmp_path, (VIP, "vip"))
    branch = await serve(language=language, parts=(BANK, *DEVICES, READER), plugged=True)
    reader = branch.placed("reader")
    assert isinstance(reader.far_end, CardReaderFarEnd)
    mine, other = [await pages.open(locale=LOCALES[language], width=1080, height=1920, touch=True) for _ in range(2)]
    await enter(mine, await branch.device("touch-1", "kiosk"))
    await enter(other, await branch.device("touch-2", "kiosk"))
    heard: list[str] = []
    mine.on("request", lambda request: heard.append(request.url + (request.post_data or "")))
    kiosk, said = Kiosk(mine, branch), mine.locator(".card")
    await expect(kiosk.answer("personal")).to_be_visible()
    await expect(said).to_be_hidden()

    # It is told of the class alone, and so is nobody else.
    reader.far_end.swipe(VIP)
    reader.wire.poke()
    await expect(said).to_have_text(
        branch.say("page.kiosk.card_class", **{"class": branch.settings.rules.class_name("vip")})
    )
    await expect(other.locator(".card")).to_be_hidden()
    await kiosk.answer("personal").tap()
    await expect(said).to_be_hidden()
    await kiosk.gives("B001")
    await kiosk.answer("personal").tap()
    await kiosk.gives("B002")
    assert [row.data["class"] for row in branch.rows("ticket_issued")] == ["vip", "normal"]
    page = await mine.content() + "".join(heard)
    assert not any(secret in page for secret in (VIP, token(VIP), token(VIP)[:32]))

    # One that has no class is told, and one that cannot be read.
    reader.far_end.swipe(STRANGER)
    reader.wire.poke()
    await expect(said).to_have_text(branch.say("page.kiosk.card_read"))
    await kiosk.answer("personal").tap()
    await kiosk.gives("B003")
    reader.far_end.noise(b"12345\r")
    reader.wire.poke()
    await expect(said).to_have_text(branch.say("page.kiosk.card_unread"))
    await expect(said).to_be_hidden()
    assert found_in(tmp_path, (VIP.encode(), STRANGER.encode())) == []
