"""How often people have to press for what they do most, counted in the page itself: fingers, the mouse and keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page

MOST = {
    "ticket": 3,
    "green": 2,
    "reassign": 2,
    "call by hand": 2,
    "profile": 2,
    "return": 2,
    "why": 2,
    "call": 1,
    "recall": 1,
    "start": 1,
    "finish": 1,
    "no-show": 1,
    "undo": 1,
    "own ticket": 0,
    "own ticket larger": 1,
    "own ticket in another language": 1,
}
"""Presses at most: a ticket at the kiosk; what the lobby manager does, whose last press is the reason or the counter;
a clerk's keys; and a customer's phone, which shows all there is without being touched."""

COUNT = """(() => {
  const ends = new AbortController(), options = { capture: true, signal: ends.signal };
  const pressed = (event) => { if (event.isTrusted && !event.repeat) window.presses.count++; };
  window.presses = { count: 0, end: () => ends.abort() };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, pressed, options);
})()"""
COUNTED = "(() => { window.presses.end(); return window.presses.count; })()"


@asynccontextmanager
async def presses(page: Page, what: str) -> AsyncIterator[None]:
    """Inside, the page is pressed for one thing: as often as `MOST` says of it, or less."""
    await page.evaluate(COUNT)
    yield
    count, most = await page.evaluate(COUNTED), MOST[what]
    assert min(most, 1) <= count <= most, f"{what}: {count} presses, at most {most}"
