"""How Chinese sentences are set: punctuation, and the room between Chinese and digits or Latin letters."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("config/wording/zh.toml", "simulators/virtual_lobby/words.zh.toml")
HAN = r"[\u4e00-\u9fff]"
NUMBERS = "minutes|seconds|times|hours|score|limit|handicap|credit|places|quota|size|error|change"
"""Placeholders that always are a number and never a counter's or a ticket's, which are said as one word with 号."""
NARROW = ("board.", "voice.", "window.", "screen.", "ticket.", "wait.")
"""Sections that go to displays and paper where each column counts, or are spoken."""


def sentences(words: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in words.items():
        if isinstance(value, str):
            yield above + key, value
        else:
            yield from sentences(value, f"{above}{key}.")


def found(pattern: str, *, everywhere: bool = True) -> list[tuple[str, str]]:
    """The sentences in which there is this."""
    return [
        (key, text)
        for file in FILES
        for key, text in sentences(tomllib.loads((ROOT / file).read_text("utf-8")))
        if (everywhere or not key.startswith(NARROW)) and re.search(pattern, text)
    ]


@pytest.mark.parametrize(
    ("wrong", "pattern"),
    [
        ("half-width punctuation", rf"{HAN} ?[,;!?()]|[,;!?()] ?{HAN}|{HAN}[.:]( |$)"),
        ("straight quotation marks", rf"[\"']{HAN}|{HAN}[\"']"),
        ("dots in place of an ellipsis", r"\.\.\."),
        ("a space beside full-width punctuation", r" [，。；：！？、（）]|[，。；：！？、（] "),
        ("a counter that is not one word", rf"\}} 号窗口|{HAN} \{{counters?\}}号窗口"),
    ],
)
def test_chinese_is_punctuated_as_chinese(wrong: str, pattern: str) -> None:
    assert found(pattern) == [], wrong


def test_digits_and_latin_letters_stand_apart_from_chinese() -> None:
    latin = rf"{HAN}[A-Za-z0-9]|[A-Za-z0-9](?!\\n){HAN}"
    number = rf"{HAN}\{{({NUMBERS})\}}|\{{({NUMBERS})\}}{HAN}"
    assert found(latin, everywhere=False) == []
    assert found(number, everywhere=False) == []
