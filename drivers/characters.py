"""Which characters printers, boards and counter displays have, and substitutes for those that they lack.

A missing character is replaced by one that looks the same (¥ by its full-width form ￥, a dash by another), else by its
Unicode compatibility form (㏒ as log), else by the character without accents, else by "?".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

Has = Callable[[str], bool]
"""Whether a device has a character."""

BLANK = " "
REPLACEMENT = "?"

_ALIKE = (
    "—―⸺﹘─-",
    "-‐‑‒–−﹣⁃",
    "·・‧•∙⋅●-",
    "～〜∼~",
    "/⁄∕",
    '“〝„‟"',
    '”〞"',
    "‘‚‛'",
    "’ʼ´'",
    '《«"',
    '》»"',
    "〈‹'",
    "〉›'",
    "…⋯",
    "√✓✔",
    "→➜➔",
    "■▪◾",
    "×x",
)
"""Interchangeable characters; in each group the first that a device has is used."""
_SPELT: Mapping[str, str] = {
    "©": "(C)",
    "®": "(R)",
    "ß": "ss",
    "Æ": "AE",
    "æ": "ae",
    "Œ": "OE",
    "œ": "oe",
    "Ø": "O",
    "ø": "o",
    "Đ": "D",
    "đ": "d",
    "Ł": "L",
    "ł": "l",
}
_WIDE: Mapping[str, str] = {
    unicodedata.normalize("NFKC", wide): wide for wide in map(chr, (*range(0xFF01, 0xFF5F), *range(0xFFE0, 0xFFE7)))
}
"""The full-width forms of narrow characters."""


@lru_cache(4096)
def on_paper(character: str) -> bool:
    """Whether common ticket printers have it: ASCII, and the two-byte areas of gb18030 except private use."""
    if character.isascii():
        return character.isprintable()
    try:
        return len(character.encode("gb18030")) == 2 and unicodedata.category(character) != "Co"
    except UnicodeEncodeError:
        return False


@lru_cache(4096)
def on_board(character: str) -> bool:
    """Whether hall boards have it: GB2312, and ASCII except the backslash, their escape character."""
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return character != "\\" and (not character.isascii() or character.isprintable())


def in_ascii(character: str) -> bool:
    """Whether it is a printable ASCII character; counter displays have no others."""
    return character.isascii() and character.isprintable()


def fitted(text: str, has: Has) -> str:
    """The text in characters that a device has; characters without a substitute become "?"."""
    forms = (_form(character, has) for character in unicodedata.normalize("NFC", text))
    return "".join(REPLACEMENT if form is None else form for form in forms)


def lacking(text: str, has: Has) -> list[str]:
    """The characters of a text that have no substitute, each once."""
    characters = dict.fromkeys(unicodedata.normalize("NFC", text))
    return [character for character in characters if _form(character, has) is None]


@lru_cache(4096)
def _form(character: str, has: Has) -> str | None:
    return next((form for form in _forms(character) if all(map(has, form))), None)


def _forms(character: str) -> list[str]:
    """The substitutes for a character, best first."""
    if character.isspace():
        return [character, BLANK]
    if unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return [character, ""]  # it has no shape of its own
    compatible = unicodedata.normalize("NFKC", character)
    bare = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    forms = [character, _WIDE.get(character, character)]
    for form in dict.fromkeys((character, compatible, bare)):
        forms += [like for group in _ALIKE if form in group for like in group]
        forms += [form.replace("⁄", "/"), _SPELT.get(form, form)]
    return forms
