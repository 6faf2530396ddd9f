"""A browser's voice that keeps what it is told to say: the loudspeaker's part, not ours."""

from __future__ import annotations

from typing import NamedTuple

from playwright.async_api import Page

RECORDER = """
(() => {
  const said = [];
  let speaking = 0;
  const recorder = {
    said, getVoices: () => [], cancel() {}, addEventListener() {}, removeEventListener() {},
    speak(sentence) {
      speaking += 1;
      said.push({ text: sentence.text, language: sentence.lang, voices: speaking });
      setTimeout(() => sentence.onstart?.(new Event("start")), 5);
      setTimeout(() => {
        speaking -= 1;
        sentence.onend?.(new Event("end"));
      }, 150);
    },
  };
  Object.defineProperty(window, "speechSynthesis", { value: recorder });
})();
"""


DUMB = """
Object.defineProperty(window, "speechSynthesis", {
  value: { getVoices: () => [], cancel() {}, addEventListener() {}, removeEventListener() {}, speak() {} },
});
"""
"""A voice that is there and says nothing, as of a browser without a program that speaks."""


class Said(NamedTuple):
    """A sentence, its language, and how many were being said just then, itself among them."""

    text: str
    language: str
    voices: int


async def record(page: Page) -> None:
    """Have the page loaded anew, with this voice."""
    await page.add_init_script(RECORDER)
    await page.reload()


async def said(page: Page) -> list[Said]:
    """What it has said since it was loaded."""
    return [Said(**each) for each in await page.evaluate("speechSynthesis.said")]


async def has_said(page: Page, count: int) -> list[Said]:
    """What it has said, once it is so many sentences."""
    await page.wait_for_function("(count) => speechSynthesis.said.length >= count", arg=count)
    return await said(page)
