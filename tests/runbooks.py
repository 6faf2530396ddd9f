"""What the runbooks quote, and what the program can say.

Quoted is what stands as code in the first column of a table whose head says so, as code with an ellipsis anywhere, and
what stands between curly quotation marks. An ellipsis stands for what differs from branch to branch.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LANGUAGES = ("zh", "en")
HEADS = {"zh": "系统说", "en": "it says"}
"""The head of the column that has the program's own words."""
PLACEHOLDER = re.compile(r"\{[^{}]*\}|%(?:\.\d)?[sdfr]")
SAYS = ("controller", "drivers")


@dataclass(frozen=True)
class Quote:
    """What a runbook quotes, in the section with this anchor; empty: before the first. `row`: it is what a row of a
    table is about."""

    text: str
    section: str
    row: bool

    def pattern(self) -> re.Pattern[str]:
        """What the program says may be any of this."""
        return re.compile(".+?".join(map(re.escape, self.text.split("…"))))


def path_of(language: str) -> Path:
    """A runbook."""
    return ROOT / "docs" / f"runbook.{language}.md"


@cache
def sections(language: str) -> Mapping[str, str]:
    """The text of each section by its anchor, in order; what stands before the first is that of the empty one."""
    parts = re.split(r'^<a id="([\w-]+)"></a>$', path_of(language).read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


@cache
def quotes(language: str) -> tuple[Quote, ...]:
    """All that a runbook quotes."""
    return tuple(
        Quote(text, section, row)
        for section, content in sections(language).items()
        for text, row in dict.fromkeys(_quoted(language, re.sub(r"^```.*?^```$", "", content, flags=re.M | re.S)))
    )


def _quoted(language: str, text: str) -> Iterator[tuple[str, bool]]:
    is_said = False
    for line in text.splitlines():
        rest = line
        if not line.startswith("|"):
            is_said = False
        elif not is_said:
            is_said = line.split("|")[1].strip() == HEADS[language]
        else:
            _, first, rest = line.split("|", 2)
            yield from ((said, True) for said in re.findall(r"`([^`]+)`", first))
        yield from ((said, False) for said in re.findall(r"`([^`]*[^` ][^`]*…[^`]*|…[^`]+)`", rest))
        yield from ((said, False) for said in re.findall(r"“([^”]+)”", re.sub(r"`[^`]*`", "", rest)))


# -- the program ------------------------------------------------------------------------------------------------


@cache
def wording(language: str) -> Mapping[str, str]:
    """Every sentence of a language by its key."""
    return dict(_flat(tomllib.loads((ROOT / "config" / "wording" / f"{language}.toml").read_text("utf-8"))))


def _flat(words: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in words.items():
        if isinstance(value, str):
            yield above + key, value
        else:
            yield from _flat(value, f"{above}{key}.")


@cache
def spoken(language: str) -> Mapping[str, tuple[re.Pattern[str], int]]:
    """All that the program can say to people in a language, by the wording's key, or as it stands in the program; and
    how many letters of it are its own, and not filled in."""
    said = {**wording(language), **{text: text for text in _in_the_program()}}
    return {
        key: (re.compile(".+?".join(map(re.escape, PLACEHOLDER.split(text)))), _letters(PLACEHOLDER.sub("", text)))
        for key, text in said.items()
    }


def known(quote: Quote, language: str) -> set[str]:
    """The sentences that a quote may be of, as in `spoken`; none: the program does not say that. What is filled in may
    be a small part of it alone, or everything would be a sentence of the program."""
    least = 0.8 * _letters(quote.text)
    return {key for key, (pattern, own) in spoken(language).items() if own >= least and pattern.fullmatch(quote.text)}


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _in_the_program() -> Iterator[str]:
    """The sentences that stand in the program itself, with what is filled in as `{}`; docstrings are none."""
    for part in SAYS:
        for path in sorted((ROOT / part).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if id(node) in silent:
                    continue
                if isinstance(node, ast.JoinedStr):
                    silent.update(id(value) for value in node.values)
                    yield "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                    yield node.value
