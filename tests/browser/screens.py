"""Pictures of every page for people to look at, in .screens/: `make screens`, or `make screens ARGS="-k tv"`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Page

from browser.branch import LOCALES, NAMES, ServedBranch, enter
from browser.conftest import Serve
from browser.pages import Pages

ROOT = Path(__file__).parents[2]
OUT = ROOT / ".screens"
SIZES = {"phone": (390, 844), "tablet": (1024, 768), "1080p": (1920, 1080)}


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


async def one_opened(page: Page) -> None:
    """The console with what can be done about the last in line."""
    await page.locator("#part-waiting button[data-ticket]").last.click()
    await page.wait_for_selector(".sheet .group")


async def one_asked_about(page: Page) -> None:
    """The console with the reason why the last in line is not next."""
    await one_opened(page)
    await page.locator(".sheet .quick button").first.click()
    await page.wait_for_selector(".sheet table")


async def figures_opened(page: Page) -> None:
    """The console with the day in figures, once there are any."""
    await page.wait_for_selector(".figures span:not(:empty)")
    await page.locator(".figures").click()
    await page.wait_for_selector(".sheet .facts")


async def day_drawn(page: Page) -> None:
    """The day in pictures, once it is told."""
    await page.wait_for_selector(".sheet .charts figure", state="attached")


async def answered(page: Page, *choices: int) -> None:
    """The ticket screen after these answers."""
    for choice in choices:
        await page.locator(".choices button").nth(choice).click()


async def advised(page: Page) -> None:
    """The ticket screen when a machine would do."""
    await answered(page, 0, 0)
    await page.wait_for_selector(".advice")


async def taken(page: Page) -> None:
    """The ticket screen with a ticket."""
    await answered(page, 0, 1)
    await page.wait_for_selector(".result .id")


async def refused(page: Page) -> None:
    """The keypad when a ticket cannot be called."""
    await drawn(page)
    await page.keyboard.type("987")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".refusal:not(:empty)")


async def wrong(page: Page) -> None:
    """Sign-in after a wrong PIN."""
    await page.fill("#name", "li")
    await page.fill("#pin", "000000")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#wrong:not(:empty)")


def last(kind: str) -> Callable[[ServedBranch], str]:
    """The own page of the last ticket of a kind of event."""
    return lambda branch: branch.ticket_page(branch.tickets(kind)[-1])


SCREENS = (
    Screen("sign-in", at("/sign-in")),
    Screen("sign-in-wrong", at("/sign-in"), prepare=wrong),
    Screen("enter", at("/enter")),
    Screen("console", at("/console"), "manager"),
    Screen("console-sheet", at("/console"), "manager", prepare=one_opened),
    Screen("console-why", at("/console"), "manager", prepare=one_asked_about),
    Screen("console-today", at("/console"), "manager", prepare=figures_opened),
    Screen("today", at("/today"), "manager", prepare=day_drawn),
    Screen("today-sheet", at("/today#sheet"), "manager", prepare=day_drawn),
    Screen("tv", at("/tv"), "screen"),
    Screen("display", at("/display/1"), "screen"),
    Screen("display-closed", at("/display/2"), "screen"),
    Screen("kiosk", at("/kiosk"), "kiosk"),
    Screen("kiosk-advice", at("/kiosk"), "kiosk", prepare=advised),
    Screen("kiosk-ticket", at("/kiosk"), "kiosk", prepare=taken),
    Screen("counter", at("/counter/3"), "counter", "3"),
    Screen("counter-refused", at("/counter/3"), "counter", "3", prepare=refused),
    Screen("ticket", last("ticket_issued")),
    Screen("ticket-called", last("ticket_called")),
    Screen("ticket-missed", last("ticket_missed")),
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
        await page.emulate_media(reduced_motion="reduce")
        if entrance:
            await enter(page, entrance)
        await page.goto(screen.address(branch))
        await screen.prepare(page)
        file = OUT / f"{screen.name}-{size}-{language}.png"
        await page.screenshot(path=file, full_page=size == "phone")
        print(f"\n{file.relative_to(ROOT)} ", end="", flush=True)
        await page.context.close()
