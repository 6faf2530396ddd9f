from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright
from system.conftest import broker

from browser.axe import AXE
from browser.pages import Pages

__all__ = ["broker"]

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]
"""The tests may be run by root, and where /dev/shm is small."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's Chromium; on a machine without what the browser tests need they are skipped, but not in CI."""
    path = shutil.which("chromium")
    lacking = "Chromium is not installed: apt-get install chromium" if path is None else ""
    if not AXE.exists():
        lacking = "axe-core is not installed: .ci/prepare axe"
    if lacking and os.environ.get("CI") == "true":
        raise RuntimeError(lacking)
    if lacking or path is None:
        pytest.skip(lacking)
    return path


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A browser for one test: it belongs to the test's loop, and starts within a second."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def pages(browser: Browser) -> AsyncIterator[Pages]:
    """Opens pages; the test fails if anything went wrong in one of them."""
    pages = Pages(browser)
    yield pages
    await pages.check()
