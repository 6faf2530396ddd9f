"""Pictures of every page for people to look at, in .screens/: `make screens`; a part: `ARGS="-k 'crowded and zh'"`.

A picture is named by its page, what the branch is going through, size, language and theme. When all of them are drawn,
some make the sheet of thumbnails in docs/pictures.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from html import escape
from itertools import count
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from system.broker import Mosquitto
from system.network import Network

from browser.branch import BANK, DEVICES, LOCALES, NAMES, ServedBranch, enter
from browser.conftest import Serve
from browser.days import BranchWithDays, bank
from browser.pages import Pages
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.aggregate import Aggregate

ROOT = Path(__file__).parents[2]
OUT = ROOT / ".screens"
SHEET = ROOT / "docs" / "pictures" / "screens.webp"
SIZES = {
    "phone": (390, 844),
    "tablet": (1024, 768),
    "upright": (1080, 1920),
    "1080p": (1920, 1080),
    "4k": (3840, 2160),
}
THEMES = ("light", "dark")
WORKED, LOOKED_AT, STOOD_AT = ("phone", "tablet", "1080p"), ("upright", "1080p", "4k"), ("tablet", "upright", "1080p")
"""Sizes of pages that are worked with, of those in the hall, and of those where tickets are taken."""
FITS = "document.documentElement.scrollWidth <= innerWidth"
STILL = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

_names = count(1)

Prepare = Callable[[Page], Awaitable[None]]


async def drawn(page: Page) -> None:
    """Wait until more stands on the page than its title."""
    await page.wait_for_selector("main > :not(h1)")


@dataclass(frozen=True)
class Screen:
    """A page, who looks at it (`role`; empty: nobody who is signed in), and what is done before it is drawn."""

    name: str
    path: str
    sizes: tuple[str, ...]
    role: str = ""
    counter: str = ""
    prepare: Prepare = drawn


async def one_opened(page: Page) -> None:
    """The console with what can be done about the last in line."""
    await page.locator("#part-waiting button[data-ticket]").last.click()
    await page.wait_for_selector(".sheet .group")


async def one_asked_about(page: Page) -> None:
    """The console with the reason why the last in line is not next."""
    await one_opened(page)
    await page.locator(".sheet .quick button").first.click()
    await page.wait_for_selector(".sheet table")


async def counter_opened(page: Page) -> None:
    """The console with what can be done about a counter."""
    await page.locator(".desk").last.click()
    await page.wait_for_selector(".sheet .facts")


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


async def freed(page: Page) -> None:
    """The keypad when its customer has gone."""
    await page.wait_for_selector(".state:not(:empty)")
    if await page.locator(".idle").is_visible():
        await page.locator('[data-key="CALL"]').click()
    await page.locator('[data-key="FINISH"]:enabled').click()
    await page.wait_for_selector(".back:visible")


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


CONSOLE = Screen("console", "/console", WORKED, "manager")
KIOSK = Screen("kiosk", "/kiosk", STOOD_AT, "kiosk")
TELEVISION = Screen("tv", "/tv", LOOKED_AT, "screen")
COUNTER = Screen("counter", "/counter/3", WORKED, "counter", "3")
FREE = Screen("counter-free", "/counter/2", WORKED, "counter", "2", freed)
DISPLAY = Screen("display", "/display/3", ("tablet", "1080p"), "screen", "3")
TODAY = Screen("today", "/today", WORKED, "manager", prepare=day_drawn)
IN_USE = (
    Screen("sign-in", "/sign-in", WORKED),
    Screen("sign-in-wrong", "/sign-in", ("phone", "tablet"), prepare=wrong),
    Screen("enter", "/enter", ("phone", "tablet")),
    Screen("opinion", "/opinion?counter=3", ("phone",)),
    CONSOLE,
    Screen("console-ticket", "/console", WORKED, "manager", prepare=one_opened),
    Screen("console-why", "/console", ("phone", "tablet"), "manager", prepare=one_asked_about),
    Screen("console-counter", "/console", ("phone", "tablet"), "manager", prepare=counter_opened),
    Screen("console-figures", "/console", ("phone", "tablet"), "manager", prepare=figures_opened),
    TODAY,
    Screen("today-sheet", "/today#sheet", ("tablet",), "manager", prepare=day_drawn),
    Screen("record", "/record", WORKED, "manager"),
    Screen("record-day", "/record/day", ("phone", "tablet"), "manager"),
    TELEVISION,
    COUNTER,
    FREE,
    Screen("counter-refused", "/counter/3", ("tablet",), "counter", "3", refused),
    DISPLAY,
    KIOSK,
    Screen("kiosk-advice", "/kiosk", STOOD_AT, "kiosk", prepare=advised),
    Screen("kiosk-ticket", "/kiosk", STOOD_AT, "kiosk", prepare=taken),
)
MAIN = (CONSOLE, TELEVISION, COUNTER, DISPLAY, KIOSK)
"""The pages that are always open somewhere."""


class Studio:
    """Draws the pages of one branch: each opened once, and drawn in each of its sizes and in both themes."""

    def __init__(self, branch: ServedBranch, pages: Pages) -> None:
        self._branch = branch
        self._pages = pages

    async def open(self, screen: Screen) -> Page:
        """A page as it is looked at, on a tablet if it ever is: there nothing is on another tab."""
        language = self._branch.language
        width, height = SIZES["tablet" if "tablet" in screen.sizes else screen.sizes[0]]
        page = await self._pages.open(width=width, height=height, locale=LOCALES[language])
        await page.emulate_media(reduced_motion="reduce")
        if screen.role:
            name = f"{screen.role}-{next(_names)}"
            await enter(page, await self._branch.device(name, screen.role, screen.counter))
        await page.goto(self._branch.address + screen.path)
        await screen.prepare(page)
        return page

    async def draw(self, page: Page, screen: Screen, what: str) -> None:
        """Pictures of an open page."""
        OUT.mkdir(exist_ok=True)
        for size in screen.sizes:
            width, height = SIZES[size]
            await page.set_viewport_size({"width": width, "height": height})
            for theme in THEMES:
                await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                await page.evaluate(STILL)
                assert await page.evaluate(FITS), f"{screen.path} is wider than a {size}"
                file = OUT / named(screen.name, what, size, self._branch.language, theme)
                await page.screenshot(path=file, full_page=size == "phone", animations="disabled")

    async def all(self, screens: tuple[Screen, ...], what: str) -> None:
        """Pictures of pages that are opened for them."""
        for screen in screens:
            page = await self.open(screen)
            await self.draw(page, screen, what)
            await page.context.close()


def named(screen: str, what: str, size: str, language: str, theme: str) -> str:
    """The file of a picture."""
    return f"{screen}-{what}-{size}-{language}-{theme}.png"


async def press(network: Network, pad: str, *keys: str, **about: object) -> None:
    """Keys of a pad, one after the other, whatever comes of them."""
    for key in keys:
        await network.press(pad, key, **about)


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.timeout(900)
async def test_in_use_at_a_fault_and_stale(language: str, serve: Serve, pages: Pages, broker: Mosquitto) -> None:
    branch = await serve(
        BranchWithDays, language=language, plugged=False, lobby=True, parts=(*bank("busy"), *DEVICES), kind="busy"
    )
    studio = Studio(branch, pages)
    async with Network(broker.port, branch.root) as network:
        await network.press("kiosk/kiosk", "TAKE", service="personal", needs=["time", "glasses"])
        # Whatever the time of day, somebody waits.
        for service in ("cash", "corporate", "personal", "cash", "corporate", "cash"):
            await press(network, "kiosk/kiosk", "TAKE", service=service)
        await press(network, "keypad/4", "CALL", "START")
        await press(network, "keypad/3", "CLOSE", "OPEN", "CALL")
    await studio.all(own_tickets(branch), "use")
    await studio.all(IN_USE, "use")
    hall = Screen("lobby", "", ("tablet", "1080p"))
    # Opened wide it shows what can be broken.
    floor = await pages.open(branch.virtual, width=1600, height=1000, locale=LOCALES[language])
    await expect(floor.locator("[data-printer] img").first).to_be_visible()
    await studio.draw(floor, hall, "use")

    await floor.locator('[data-wire="printer"] [data-knob="paper"]').select_option(index=2)
    await expect(floor.locator(".wall .notice").first).to_be_visible()
    await studio.draw(floor, hall, "fault")
    opened = [(screen, await studio.open(screen)) for screen in MAIN]
    await opened[0][1].wait_for_selector(".notices .notice")
    for screen, page in opened:
        await studio.draw(page, screen, "fault")
    async with pages.outage():
        await branch.kill()
        for screen, page in opened:
            await page.locator("#stale").wait_for()
            await studio.draw(page, screen, "stale")
        await branch.start()


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.timeout(900)
async def test_closed_and_empty_and_paused(language: str, serve: Serve, pages: Pages, broker: Mosquitto) -> None:
    branch = await serve(language=language)
    studio = Studio(branch, pages)
    await studio.all((*MAIN, TODAY), "closed")
    async with Network(broker.port, branch.root) as network:
        await press(network, "keypad/3", "OPEN")
        await studio.all(MAIN, "empty")
        await press(network, "keypad/3", "PAUSE", digits="1")
        await studio.all((CONSOLE, COUNTER, DISPLAY), "paused")


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.timeout(900)
async def test_crowded(language: str, serve: Serve, pages: Pages) -> None:
    branch = await serve(CrowdedBranch, language=language, parts=(BANK + MORE_COUNTERS, *DEVICES))
    await Studio(branch, pages).all((*MAIN, FREE), "crowded")


def own_tickets(branch: ServedBranch) -> tuple[Screen, ...]:
    """The own pages of tickets that wait, are called, are served, were missed; of none that there never was."""
    found = [Screen("ticket-gone", "/t/A001.wrong", ("phone",))]
    for kind in ("issued", "called", "missed", "finished"):
        with suppress(IndexError):
            address = branch.ticket_page(branch.tickets(f"ticket_{kind}")[-1])
            found.append(Screen(f"ticket-{kind}", address.removeprefix(branch.address), ("phone",)))
    return tuple(found)


MORE_COUNTERS = "".join(
    f'\n[[counter]]\nid = "{n}"\nserves = {{{{ cash = 0, personal = 10 }}}}\n' for n in range(5, 13)
)


class CrowdedBranch(ServedBranch):
    """A branch of twelve counters on its worst day: 180 people wait, and every counter has somebody."""

    async def launch(self) -> None:
        """Start the daemon."""
        if not self.settings.journal_path.exists():
            self._write_a_crowd(time.time_ns() // 1_000_000)
        await super().launch()

    def _write_a_crowd(self, now: int) -> None:
        lobby = Aggregate(self.settings.rules)
        counters = list(self.settings.rules.counters)
        people = 180
        for n in range(people):
            about = {"at": now - (people - n) * 20_000, "cause": f"before:{n}"}
            service = ("cash", "personal", "cash", "corporate", "cash")[n % 5]
            klass = "vip" if n % 9 == 0 else "green" if n % 40 == 7 else "normal"
            lobby.do(TakeTicket(**about, by="kiosk/kiosk", service=service, klass=klass, paper="ready"))  # type: ignore[arg-type]
            if n != people // 2:
                printed = about | {"cause": f"print:{n}", "ticket": next(reversed(lobby.state.tickets))}
                lobby.do(ReportPrint(**printed, copy=1, result="printed"))  # type: ignore[arg-type]
            if n >= people - len(counters):
                lobby.do(CallNext(**about | {"cause": f"call:{n}"}, counter=counters[n - people]))  # type: ignore[arg-type]
        with closing(Journal(self.settings.journal_path)) as journal:
            journal.append(lobby.rows).result()


# -- the sheet of thumbnails -----------------------------------------------------------------------------------------

CHOSEN = (
    ("console", "use", "tablet"),
    ("console", "crowded", "1080p"),
    ("counter", "use", "tablet"),
    ("counter-free", "use", "tablet"),
    ("tv", "use", "1080p"),
    ("display", "use", "1080p"),
    ("display", "paused", "1080p"),
    ("today", "use", "tablet"),
    ("kiosk", "use", "1080p"),
    ("console", "fault", "tablet"),
    ("console", "stale", "tablet"),
    ("lobby", "use", "1080p"),
    ("record", "use", "1080p"),
    ("kiosk", "use", "upright"),
    ("kiosk-ticket", "use", "upright"),
    ("console", "use", "phone"),
    ("counter", "use", "phone"),
    ("ticket-issued", "use", "phone"),
    ("ticket-called", "use", "phone"),
    ("sign-in", "use", "phone"),
    ("record", "use", "phone"),
)
"""Each in one language and one theme, in turn, so that the sheet has them all."""
SHEET_STYLE = """
body { margin: 24px; width: 1800px; font: 17px system-ui, sans-serif; background: #fff; color: #10202e; }
main { display: flex; flex-wrap: wrap; gap: 20px; align-items: end; }
figure { margin: 0; width: min-content; }
img { display: block; height: 236px; border: 1px solid #8a97a3; }
hr { width: 100%; margin: 0; border: 0; }
.tall img { height: 420px; }
figcaption { padding-top: 4px; }
"""
AS_WEBP = """
async (png) => {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return canvas.toDataURL("image/webp", 0.82).split(",")[1];
}
"""


async def test_the_sheet_of_thumbnails(pages: Pages) -> None:
    figures = []
    for n, (screen, what, size) in enumerate(CHOSEN):
        language, theme = ("zh", "en")[n % 2], THEMES[n // 2 % 2]
        file = OUT / named(screen, what, size, language, theme)
        if not file.exists():
            pytest.skip(f"{file.name} is not drawn")
        picture = base64.b64encode(file.read_bytes()).decode()
        tall = ' class="tall"' if size in {"upright", "phone"} else ""
        caption = escape(f"{screen} · {what} · {size} · {language} · {theme}")
        if tall and not any("tall" in each for each in figures):
            figures.append("<hr>")
        figures.append(
            f'<figure{tall}><img src="data:image/png;base64,{picture}"><figcaption>{caption}</figcaption></figure>'
        )
    page = await pages.open(width=1848, height=1000)
    await page.set_content(f"<style>{SHEET_STYLE}</style><main>{''.join(figures)}</main>")
    png = await page.screenshot(full_page=True)
    SHEET.write_bytes(base64.b64decode(await page.evaluate(AS_WEBP, base64.b64encode(png).decode())))
