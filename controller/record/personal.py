"""Numbers and addresses of people in what somebody has written, so that it can be refused before it is stored.

A net for what is written by mistake: telephone numbers, identity and account numbers, and addresses of electronic mail.
Names cannot be told from other words.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 6
"""Most digits in a row that are no number of a person's: a telephone in a town has seven."""

_NUMERALS = str.maketrans("〇零一二三四五六七八九幺", "001234567891")
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d([-./])\d{1,2}\1\d{1,2}(?!\d)")
_RUN = re.compile(r"\d(?:[\s._·()/\\-]{0,2}\d)+")
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


def looks_personal(text: str) -> bool:
    """Whether a text has in it what looks like a person's number or address. Full-width and Chinese numerals count as
    digits, and blanks, dots, hyphens, strokes and brackets between digits as nothing; a date is no such number."""
    plain = _DATE.sub("x", unicodedata.normalize("NFKC", text).translate(_NUMERALS))
    if _MAIL.search(plain):
        return True
    return any(sum(letter.isdigit() for letter in run) > LONGEST for run in _RUN.findall(plain))


def cleaned(text: str) -> str:
    """A text on one line, without characters that cannot be seen or that turn others round."""
    shown = (" " if unicodedata.category(each) == "Cc" else each for each in text)
    return " ".join("".join(each for each in shown if unicodedata.category(each) not in ("Cf", "Cs", "Co")).split())
