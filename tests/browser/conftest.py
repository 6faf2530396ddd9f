from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright
from system.broker import Mosquitto
from system.conftest import broker

from browser.axe import AXE
from browser.branch import ServedBranch
from browser.pages import Pages

__all__ = ["Serve", "broker"]

Serve = Callable[..., Awaitable[ServedBranch]]
"""Makes a branch, running, from what `ServedBranch` (or `made`) takes beside its directory and port."""

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
async def browser(chromium: str, request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """A browser for one test: it belongs to the test's loop, and starts within a second.

    Made indirectly it has one more flag than others.
    """
    async with async_playwright() as playwright:
        args = [*FLAGS, *([request.param] if hasattr(request, "param") else [])]
        browser = await playwright.chromium.launch(executable_path=chromium, args=args)
        yield browser
        await browser.close()


@pytest.fixture
async def serve(tmp_path: Path, broker: Mosquitto) -> AsyncIterator[Serve]:
    """Starts a branch, which ends with the test."""
    async with AsyncExitStack() as branches:

        async def started(made: type[ServedBranch] = ServedBranch, **wishes: object) -> ServedBranch:
            return await branches.enter_async_context(made(tmp_path, broker.port, **wishes))  # type: ignore[arg-type]

        yield started


@pytest.fixture
async def pages(browser: Browser, serve: Serve) -> AsyncIterator[Pages]:
    """Opens pages; the test fails if anything went wrong in one of them. `serve`: no branch ends under an open page."""
    pages = Pages(browser)
    yield pages
    await pages.check()
