"""Blanks secrets and people out of texts that leave a branch.

Three ways, since each alone misses something: what is known to be secret or a person's is replaced wherever it
stands; what stands where secrets are written (`password = ..`, `user@` in an address) is blanked whatever it is; what
looks like one (a token, the number of a card, of an identity card or of a phone) is blanked wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

BLANK = "[blanked]"
_SECRET_NAME = r"(?:password|passwd|passphrase|secret|token|api_?key|psk|(?:^|(?<=[\W_]))pin|user_?name)"
_VALUE = r"\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s,;}\]]+"
_ASSIGNED = re.compile(rf"([\w.-]*{_SECRET_NAME}[\w.-]*?(?<!_file)[\"']?\s*[=:]\s*)({_VALUE})", re.IGNORECASE)
_PATTERNS = (
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@\"']+@", re.IGNORECASE), rf"\g<1>{BLANK}@"),
    (re.compile(r"\b(SetCredential(?:Encrypted)?=[^:\n]*:).*", re.IGNORECASE), rf"\g<1>{BLANK}"),
    (_ASSIGNED, rf'\g<1>"{BLANK}"'),
    (re.compile(r"(?<=/t/)[^\s\"']+|(?<=#)[A-Za-z0-9_-]{16,}"), BLANK),
    (re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{32,}(?![0-9A-Fa-f])"), BLANK),
    (re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])", re.ASCII), BLANK),  # 32 random bytes in base64, as our tokens are
    (re.compile(r"(?m)(^|\s)\S+(?= \(\w+\) has signed (?:in|out) from )"), rf"\g<1>{BLANK}"),
    (re.compile(r"(?<=a wrong PIN for )\S+"), BLANK),
)
_NUMBERS = re.compile(r"(?<![\d.])(?:\d{15,18}[\dXx]|1[3-9]\d{9})(?![\d.])")
"""Of bank cards, identity cards and phones."""
STAFF_NUMBER = 4
"""Digits from which a staff number is looked for: shorter ones are in every time and address."""


class Blanking:
    """`secrets` become blanks, and `people` (names, aliases, staff numbers) `person-1`, `person-2`, ..: the same
    throughout."""

    def __init__(self, secrets: Iterable[str] = (), people: Iterable[str] = ()) -> None:
        known = dict.fromkeys((text for text in secrets if text.strip()), BLANK)
        for text in people:
            if text.strip() and not (text.isdecimal() and len(text) < STAFF_NUMBER):
                known.setdefault(text, f"person-{len(set(known.values()) - {BLANK}) + 1}")
        self._known = known
        self._everywhere = _any_of(text for text in known if not text.isdecimal())
        self._numbers = _any_of(text for text in known if text.isdecimal())

    def text(self, text: str, *, figures: bool = False) -> str:
        """The text without them; `figures`: its numbers are counts, sizes and times."""
        text = self._everywhere.sub(self._instead, text)
        if not figures:
            text = _NUMBERS.sub(BLANK, self._numbers.sub(self._instead, text))
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def _instead(self, found: re.Match[str]) -> str:
        return self._known[found[0]]


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """A pattern for any of these words, the longest first; without words one that is nowhere."""
    return re.compile("|".join(map(_whole, sorted(words, key=len, reverse=True))) or r"(?!)")


def _whole(word: str) -> str:
    """A pattern for a word: of letters and digits, not inside of another; Chinese has no room between words."""
    before = r"(?<![A-Za-z0-9])" if word[0].isascii() and word[0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if word[-1].isascii() and word[-1].isalnum() else ""
    return before + re.escape(word) + after


def without_comments(toml: str) -> str:
    """A configuration's text without its comments, in which anything may stand; its lines keep their numbers."""
    return "\n".join(_COMMENT.sub(r"\1", line).rstrip() for line in toml.splitlines()) + "\n"


_COMMENT = re.compile(r"""^((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^"'#])*)#.*$""")


def secrets_in(toml: str) -> Iterator[str]:
    """What stands where secrets are written in a configuration, which no key of ours takes, but somebody may have."""
    for found in _ASSIGNED.finditer(toml):
        if "user" not in found[1].lower():
            yield found[2].strip("\"'")


def named(toml: str, *keys: str) -> Iterator[str]:
    """The texts that these keys have anywhere in a configuration, also where it is no TOML."""
    for found in re.finditer(rf"""\b(?:{"|".join(keys)})\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*')""", toml):
        yield found[1][1:-1]


_CLERKS = re.compile(r"(?m)^\s*\[\[\s*clerk\s*\]\][^\[]*")
_TEXTS = re.compile(r"""=\s*("(?:[^"\\]|\\.)*"|'[^']*'|\S+)""")


def without_clerks(toml: str) -> str:
    """A configuration's text with the values of its `[[clerk]]` tables blanked, also where it is no TOML."""
    return _CLERKS.sub(lambda table: _TEXTS.sub(f'= "{BLANK}"', table[0]), toml)


def clerks_in(toml: str) -> Iterator[str]:
    """The aliases and numbers of its `[[clerk]]` tables."""
    for table in _CLERKS.finditer(toml):
        yield from named(table[0], "alias", "number")
