"""Mistakes of syntax that people make who write Chinese: characters of an input method in place of TOML's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

MEANT = {
    "，": ",",
    "、": ",",
    "“": '"',
    "”": '"',
    "„": '"',
    "「": '"',
    "」": '"',
    "‘": "'",
    "’": "'",
    "＂": '"',
    "＇": "'",
    "＝": "=",
    "＃": "#",
    "［": "[",
    "］": "]",
    "【": "[",
    "】": "]",
    "｛": "{",
    "｝": "}",
    "．": ".",
    "。": ".",
    "－": "-",
    "：": ":",
    "\u3000": "a blank",
    "\u00a0": "a blank",
}
"""A character -> the one that was meant."""


def full_width(text: str) -> tuple[int, int, str] | None:
    """The first such character outside texts and comments: its line and column, from 1, and itself."""
    for line, column, character in _outside(text):
        if character in MEANT:
            return line, column, character
    return None


def told(column: int, character: str) -> str:
    """What is said of it."""
    shown = f'"{character}"' if character.strip() else f"a wide blank (U+{ord(character):04X})"
    return f"{shown} at column {column} is of a Chinese input method; write {MEANT[character]}"


def table_of_many(text: str, many: Collection[str]) -> tuple[int, str] | None:
    """The first line such as `[device]` with the name of a table of which there may be several, and that name."""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.fullmatch(r"\s*\[\s*([a-z_]+)\s*\]\s*(#.*)?", line)
        if found and found[1] in many:
            return number, found[1]
    return None


def _outside(text: str) -> Iterator[tuple[int, int, str]]:
    """Every character that is part of no text and no comment, with its line and column."""
    quote = ""
    for number, line in enumerate(text.split("\n"), 1):
        at = 0
        while at < len(line):
            if quote:
                if quote[0] == '"' and line[at] == "\\":
                    at += 2
                    continue
                if line.startswith(quote, at):
                    at += len(quote)
                    quote = ""
                    continue
            elif line[at] == "#":
                break
            elif line[at] in "\"'":
                quote = line[at] * 3 if line.startswith(line[at] * 3, at) else line[at]
                at += len(quote)
                continue
            else:
                yield number, at + 1, line[at]
            at += 1
        if len(quote) == 1:
            quote = ""  # a text ends on its line
