"""Configurations with mistakes, and what is said of them, as text files for people; README.md has their form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
GOOD = (HERE / "good.toml").read_text("utf-8")
"""Ten lines, all that a branch needs."""
BOOK = "aplay " + "-" * 995


class Mistake(NamedTuple):
    """A configuration that is wrong, and the error lines that are said of it."""

    title: str
    text: str
    errors: list[str]


def written() -> Iterator[Mistake]:
    """The mistakes of all files, in their order; ValueError says which line is none."""
    for path in sorted(HERE.glob("*.txt")):
        for number, block in _blocks(path):
            try:
                yield _mistake(block)
            except ValueError as error:
                raise ValueError(f"{path.name}: in the case on line {number}: {error}") from None


def _blocks(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The cases of a file, each with the number of its first line."""
    block: list[str] = []
    began = 0
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("== ") and block:
            yield began, block
            block = []
        if line.startswith("== "):
            began = number
        if line and not line.startswith("#"):
            block.append(line)
    yield began, block


def _mistake(block: list[str]) -> Mistake:
    lines, errors = GOOD.splitlines(), []
    at = len(lines)
    for line in block[1:]:
        kind, rest = line[:2], line[2:]
        if kind == "! ":
            errors.append(rest)
        elif kind == "+ ":
            lines.insert(at, rest.replace("BOOK", BOOK))
            at += 1
        elif kind == "- ":
            at = lines.index(rest)
            del lines[at]
        elif line == "  ..":
            at = len(lines)
        elif kind == "  ":
            at = lines.index(rest) + 1
        else:
            raise ValueError(f"{line!r} begins with none of '! ', '+ ', '- ' and two blanks")
    return Mistake(block[0].removeprefix("== "), "\n".join(lines) + "\n", errors)
