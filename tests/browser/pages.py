"""Pages in a browser, and what goes wrong in them without being seen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, WebError, expect

PATIENCE = 30_000
"""Milliseconds in which a page must do what it is asked."""
SETTLED = 2.0
"""Seconds in which a page tells what it has still to tell; one that has crashed never does."""

NOT_LOADED = "Failed to load resource: "
"""How Chromium begins what it says of a request that failed, or was answered with a 4xx or 5xx."""

expect.set_options(timeout=PATIENCE)

TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sourceFile, lineNumber }) =>
  console.error(`content security policy: ${effectiveDirective} forbids ${blockedURI} at ${sourceFile}:${lineNumber}`));
"""


class Pages:
    """Opens pages, each in a profile of its own, and keeps every fault that they do not survive `check` with.

    A fault is an uncaught error, a console message of type error, a breach of the security policy or a crash. A refused
    request to the API is none: it is an answer, and the page has to show it.
    """

    def __init__(self, browser: Browser) -> None:
        self.faults: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._outages = 0

    async def open(
        self,
        address: str = "about:blank",
        *,
        width: int = 1024,
        height: int = 768,
        locale: str = "zh-CN",
        timezone: str = "Asia/Shanghai",
        touch: bool = False,
    ) -> Page:
        """A new page of `width` x `height` CSS pixels, at `address`.

        More pages of its profile, signed in as it is: `page.context.new_page()`.
        """
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, locale=locale, timezone_id=timezone, has_touch=touch
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("console", self._said)
        context.on("weberror", self._threw)
        context.on("page", lambda page: page.on("crash", self._crashed))
        await context.add_init_script(TELL_VIOLATIONS)
        page = await context.new_page()
        await page.goto(address)
        return page

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """Inside, requests may fail: the network is away, or the controller."""
        self._outages += 1
        try:
            yield
            await self._settle()
        finally:
            self._outages -= 1

    async def check(self) -> None:
        """Fails if anything went wrong in any page since the last check."""
        await self._settle()
        faults, self.faults = self.faults, []
        assert not faults, "in the browser:\n" + "\n".join(faults)

    async def _settle(self) -> None:
        """Until each page has told what it had to tell: a turn of its loop comes after all that was due before."""
        for context in self._contexts:
            for page in context.pages:
                with suppress(Error, TimeoutError):
                    async with asyncio.timeout(SETTLED):
                        await page.evaluate("new Promise((done) => setTimeout(done))")

    def _said(self, message: ConsoleMessage) -> None:
        address = message.location["url"]
        if message.type != "error":
            return
        if message.text.startswith(NOT_LOADED):
            refused = re.search(r"status of 4\d\d", message.text) and urlsplit(address).path.startswith("/api/")
            if self._outages or refused:
                return
        self.faults.append(f"{message.text} ({address})")

    def _threw(self, error: WebError) -> None:
        where = error.page.url if error.page else "a page"
        self.faults.append(f"uncaught: {error.error} ({where})")

    def _crashed(self, page: Page) -> None:
        self.faults.append(f"crashed: {page.url}")
