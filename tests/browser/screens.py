"""Pictures of every page for people to look at, in .screens/: `make screens`, or `make screens ARGS="-k tv"`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Page

from browser.branch import NAMES, ServedBranch, enter
from browser.conftest import Serve
from browser.pages import Pages

ROOT = Path(__file__).parents[2]
OUT = ROOT / ".screens"
SIZES = {"phone": (390, 844), "tablet": (1024, 768), "1080p": (1920, 1080)}
LOCALES = {"zh": "zh-CN", "en": "en-GB"}


async def drawn(page: Page) -> None:
    """Wait until more stands on the page than its title."""
    await page.wait_for_selector("main > :not(h1)")


@dataclass(frozen=True)
class Screen:
    """A page, who looks at it (`role`, nobody who is signed in if empty), and what is done before it is drawn."""

    name: str
    address: Callable[[ServedBranch], str]
    role: str = ""
    counter: str = ""
    prepare: Callable[[Page], Awaitable[None]] = drawn


def at(path: str) -> Callable[[ServedBranch], str]:
    """A page of the daemon's."""
    return lambda branch: branch.address + path


SCREENS = (
    Screen("sign-in", at("/sign-in")),
    Screen("console", at("/console"), "manager"),
    Screen("tv", at("/tv"), "screen"),
    Screen("kiosk", at("/kiosk"), "kiosk"),
    Screen("counter", at("/counter/3"), "counter", "3"),
    Screen("ticket", lambda branch: branch.ticket_page("A012")),
    Screen("lobby", lambda branch: branch.virtual),
)
"""The branch has been busy for half an hour."""


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
async def test_draw(screen: Screen, language: str, serve: Serve, pages: Pages) -> None:
    OUT.mkdir(exist_ok=True)
    branch = await serve(language=language, lobby=screen.name == "lobby", busy=True)
    entrance = await branch.device(screen.name, screen.role, screen.counter) if screen.role else ""
    for size, (width, height) in SIZES.items():
        page = await pages.open(width=width, height=height, locale=LOCALES[language])
        if entrance:
            await enter(page, entrance)
        await page.goto(screen.address(branch))
        await screen.prepare(page)
        file = OUT / f"{screen.name}-{size}-{language}.png"
        await page.screenshot(path=file, full_page=size == "phone")
        print(f"\n{file.relative_to(ROOT)} ", end="", flush=True)
        await page.context.close()
