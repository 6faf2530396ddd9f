"""What people do in browsers on a day, and programs over HTTP, and strangers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import TYPE_CHECKING, Any

from traffic import house
from traffic.browser import Browser
from traffic.people import Pace, button, take

if TYPE_CHECKING:
    from traffic.record import Day

PINS = {"manager-1": "480213", "clerk-1": "739105", "clerk": "739106"}
"""As in `access.sql`."""


class Visitors:
    """All who ask over HTTP."""

    def __init__(self, day: Day, part: int) -> None:
        self._day, self._part = day, part

    def works(self) -> list[Coroutine[Any, Any, None]]:
        """What each does, until cancelled."""
        return [
            self._manager(self._chance("manager")),
            self._clerk(self._chance("clerk")),
            self._kiosk_page(self._chance("kiosk page")),
            self._television(self._chance("television")),
            self._second_television(),
            self._stranger(self._chance("stranger")),
            self._robot(self._chance("robot")),
            self._guesser(self._chance("guesser")),
            self._phones(self._chance("phones")),
        ]

    def _chance(self, who: str) -> Random:
        return Random(f"{self._day.seed}:{self._part}:{who}")

    async def _second_television(self) -> None:
        browser = Browser(self._day, "television 2", "10.0.0.25", "token-of-tv-2")
        await self._looks(browser, "/api/television/live", 20, 30)

    async def _manager(self, chance: Random) -> None:
        pace = Pace(chance)
        browser = Browser(self._day, "manager", "10.0.0.21")
        await pace.gap(4)
        await browser.ask("POST", "/api/session", {"name": "manager-1", "pin": "000000"})
        await pace.after(0.2)
        await browser.ask("POST", "/api/session", {"name": "manager-1", "pin": PINS["manager-1"]})
        await pace.after(0.2)
        await browser.ask("GET", "/console")
        looking = asyncio.create_task(self._looks(browser, "/api/console/live", 14, 20))
        number = 0
        try:
            while True:
                await pace.gap(5)
                number += 1
                kind = chance.random()
                content = button(self._day, chance)
                key = f"manager-{self._day.seed}-{number}" if chance.random() < 0.7 else ""
                if kind < 0.6:
                    await browser.ask("POST", "/api/panel", content, key=key)
                    if key and chance.random() < 0.25:
                        await pace.after(chance.choice((0.001, 0.5)))
                        await browser.ask("POST", "/api/panel", content, key=key)
                    elif key and chance.random() < 0.15:
                        await browser.ask("POST", "/api/panel", {"key": "GREEN", "reason": "another"}, key=key)
                elif kind < 0.68:
                    await browser.ask("GET", "/api/console")
                elif kind < 0.8:
                    await browser.ask("GET", f"/api/tickets/{self._day.seen.some(chance) or 'A000'}/why")
                elif kind < 0.86:
                    await browser.ask("POST", "/api/panel", content, bare=True)
                elif kind < 0.9:
                    await browser.ask("POST", "/api/panel", {"key": "DANCE"})
                elif kind < 0.94:
                    await browser.ask("POST", f"/api/counters/{chance.choice('129')}/keys", {"key": "CALL"}, key=key)
                else:
                    await browser.ask("GET", chance.choice(("/api/session", "/", "/sign-in", "/kiosk", "/api/kiosk")))
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _looks(self, browser: Browser, path: str, pause: float, most: float) -> None:
        """Open a live view now and then."""
        chance = self._chance(path)
        pace = Pace(chance)
        while True:
            await pace.gap(pause)
            seconds = chance.uniform(0.3, 1) * most
            await browser.look(path, seconds)
            await pace.after(seconds)

    async def _clerk(self, chance: Random) -> None:
        pace = Pace(chance)
        browser = Browser(self._day, "clerk", "10.0.0.22")
        name = chance.choice(("clerk-1", "clerk"))
        counter = "1" if name == "clerk-1" else "5"
        await pace.gap(6)
        await browser.ask("POST", "/api/session", {"name": name, "pin": PINS[name]})
        await pace.after(0.2)
        await browser.ask("GET", "/")
        await pace.after(0.2)
        await browser.ask("GET", f"/counter/{counter}")
        looking = asyncio.create_task(self._looks(browser, f"/api/counters/{counter}/live", 15, 60))
        try:
            while True:
                await pace.gap(4)
                kind = chance.random()
                if kind < 0.75:
                    key = chance.choice((*house.COMMANDS_OF_A_COUNTER, "CALL", "CALL", "CALL", "START", "FINISH", "NO"))
                    digits = chance.choice(("", "", "", "2", "03", "013", "x"))
                    place = counter if chance.random() < 0.9 else chance.choice(("2", "99"))
                    await browser.ask("POST", f"/api/counters/{place}/keys", {"key": key, "digits": digits})
                elif kind < 0.85:
                    await browser.ask("GET", f"/api/counters/{chance.choice((counter, '4', '99'))}")
                elif kind < 0.9:
                    await browser.ask("POST", "/api/panel", {"key": "GREEN"})
                elif kind < 0.95:
                    await browser.ask("GET", chance.choice(("/counter/4", "/counter/99", "/console", "/tv")))
                else:
                    await browser.ask("DELETE", "/api/session")
                    await pace.after(0.2)
                    await browser.ask("GET", "/api/session")
                    await pace.after(0.2)
                    await browser.ask("POST", "/api/session", {"name": name, "pin": PINS[name]})
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _kiosk_page(self, chance: Random) -> None:
        pace = Pace(chance)
        browser = Browser(self._day, "kiosk", "10.0.0.23")
        await pace.gap(5)
        await browser.ask("GET", "/enter?next=/kiosk")
        await pace.after(0.2)
        await browser.ask("POST", "/api/session", {"token": "token-of-hall"})
        await pace.after(0.2)
        await browser.ask("GET", "/kiosk")
        looking = asyncio.create_task(self._looks(browser, "/api/kiosk/live", 10, 60))
        number = 0
        try:
            while True:
                await pace.gap(6)
                number += 1
                content = take(self._day, chance)
                content.pop("key")
                content.pop("at", None)
                key = f"kiosk-{self._day.seed}-{number}" if chance.random() < 0.5 else ""
                await browser.ask("POST", "/api/tickets", content, key=key)
                await pace.after(0.2)
                if key and chance.random() < 0.4:
                    await browser.ask("POST", "/api/tickets", content, key=key)
                if chance.random() < 0.3 and self._day.seen.pages:
                    await browser.ask("GET", f"{self._day.seen.pages[-1]}/qr.svg")
                if chance.random() < 0.2:
                    await browser.ask("GET", "/api/kiosk")
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _television(self, chance: Random) -> None:
        pace = Pace(chance)
        browser = Browser(self._day, "television", "10.0.0.24", "token-of-tv-1")
        await pace.gap(5)
        await browser.ask("GET", "/tv")
        if self._day.seed % 6 == 5:  # more than a page may tell
            for _ in range(32):
                await pace.after(0.05)
                await browser.ask("POST", "/api/reports", {"page": "0" * 16, "state": "ok"})
        looking = asyncio.create_task(self._looks(browser, "/api/television/live", 14, 60))
        try:
            while True:
                await pace.gap(14)
                kind = chance.random()
                if kind < 0.5:
                    state = chance.choice(("ok", "silent", "ok", "loud"))
                    page = browser.open_page if chance.random() < 0.8 else "0" * 16
                    await browser.ask("POST", "/api/reports", {"page": page, "state": state})
                elif kind < 0.8:
                    await browser.ask("GET", "/api/television")
                else:
                    await browser.ask(
                        "GET", chance.choice(("/api/console", "/api/kiosk", "/api/counters/1", "/metrics"))
                    )
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _stranger(self, chance: Random) -> None:
        pace = Pace(chance)
        browser = Browser(self._day, "stranger", "10.0.0.66")
        asks: tuple[tuple[str, str, bytes | None], ...] = (
            ("GET", "/", None),
            ("GET", "/sign-in", None),
            ("GET", "/sign-in?next=//evil.example", None),
            ("GET", "/enter", None),
            ("GET", "/console", None),
            ("GET", "/counter/1", None),
            ("GET", "/nothing", None),
            ("GET", "/api/nothing", None),
            ("GET", "/api/console", None),
            ("GET", "/api/television/live", None),
            ("GET", "/api/session", None),
            ("GET", "/api/openapi.json", None),
            ("GET", "/metrics", None),
            ("GET", "/health", None),
            ("HEAD", "/health", None),
            ("HEAD", "/sign-in", None),
            ("PUT", "/api/session", b"{}"),
            ("POST", "/health", b""),
            ("OPTIONS", "/api/panel", None),
            ("POST", "/api/session", b"{"),
            ("POST", "/api/session", b"\xff\xfe"),
            ("POST", "/api/session", b'{"name": "x", "pin": "y", "token": "z"}'),
            ("POST", "/api/session", b'{"name": "nobody", "pin": "123456"}'),
            ("POST", "/api/session", b'{"token": "wrong"}'),
            ("POST", "/api/session", b'{"name": "clerk", "pin": "111222"}'),
            ("POST", "/api/session", b'{"name": "' + b"n" * 17_000 + b'"}'),
            ("POST", "/api/panel", b'{"key": "GREEN"}'),
            ("POST", "/api/tickets", b"{}"),
            ("GET", "/static/common.js", None),
            ("GET", "/static/nothing.js", None),
            ("GET", "/static/../access.db", None),
            ("GET", "/t/A001.0", None),
            ("GET", "/api/pages/A001.00000000000000000000000000000000", None),
            ("GET", "/t/A001.0/qr.svg", None),
        )
        for ask in asks:
            await pace.gap(1.5)
            await browser.ask(ask[0], ask[1], raw=ask[2])
        while True:
            await pace.gap(7)
            method, path, raw = chance.choice(asks)
            more = {"if-none-match": browser.etag} if path.startswith("/static") and browser.etag else None
            await browser.ask(method, path, raw=raw, more=more)

    async def _robot(self, chance: Random) -> None:
        pace = Pace(chance)
        browser = Browser(self._day, "robot", "10.0.0.31", "token-of-robot")
        while True:
            await pace.gap(13)
            kind = chance.random()
            if kind < 0.25:
                await browser.ask("GET", "/metrics")
            elif kind < 0.35:
                await browser.ask("GET", "/api/openapi.json")
            elif kind < 0.6:
                await browser.ask(
                    "POST", "/api/tickets", {"service": "cash", "class": chance.choice(("green", "vip", ""))}
                )
            elif kind < 0.8:
                await browser.ask(
                    "POST",
                    "/api/panel",
                    {**button(self._day, chance), "extra": 1} if kind < 0.65 else button(self._day, chance),
                )
            else:
                await browser.ask("GET", chance.choice(("/health", "/api/television", "/api/session")))

    async def _guesser(self, chance: Random) -> None:
        """Somebody who tries PINs until they have to wait."""
        pace = Pace(chance)
        browser = Browser(self._day, "guesser", "10.0.0.67")
        await pace.gap(30)
        for pin in ("111111", "222222", "333333", "444444", "555555", PINS["clerk-1"]):
            await browser.ask("POST", "/api/session", {"name": "clerk-1", "pin": pin})
            await pace.after(0.3)

    async def _phones(self, chance: Random) -> None:
        pace = Pace(chance)
        browser = Browser(self._day, "phone", "10.9.0.7")
        while True:
            await pace.gap(20)
            if self._day.seen.pages:
                page = chance.choice(self._day.seen.pages[-5:])
                await browser.ask("GET", page)
                await pace.after(0.2)
                await browser.ask("GET", f"/api/pages/{page.removeprefix('/t/')}")
                await pace.after(0.2)
                await browser.look(f"/api/pages/{page.removeprefix('/t/')}/live", chance.uniform(5, 40))
