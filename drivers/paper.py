"""What a ticket looks like: a layout file, the ticket's fields and a paper width in, ESC/POS bytes out.

A layout (`config/ticket.<language>.toml`) lists a ticket's entries from top to bottom, `[[line]]` each. An entry is
one of::

    text = "..{field}.."    size = 3 or [width, height]; align; bold; inverse; a tab sends the rest to the right edge
    rule = "-"              a line of that character across the paper
    qr = "{qr}"             size = dots a module; left out when empty, or where the model draws no codes
    feed = 2                empty lines
    cut = "partial"         or "full", behind enough paper to clear the print head

and may have `when = "field"`: only where that field is not empty. Text that is too wide shrinks, then wraps; nothing
is cut off, and a word or number is broken only if it is wider than the paper.

python-escpos supplies the commands and knows what a model can do. The text's bytes are ours: gb18030, of which common
printers take the two-byte areas only; so a text is as many columns wide as it has bytes.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import get_close_matches
from string import Formatter
from typing import Any, Protocol

import qrcode
import yaml  # type: ignore[import-untyped]

from drivers.characters import fitted, on_paper


@contextmanager
def _importing_escpos() -> Iterator[None]:
    """What python-escpos does when it is imported and a library should not: it configures the process's logging,
    leaves a temporary directory behind, and reads its JSON of printer models as YAML, which takes 0.2 s."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    read_yaml, temporary = yaml.safe_load, tempfile.tempdir
    with tempfile.TemporaryDirectory() as directory:
        yaml.safe_load, tempfile.tempdir = json.load, directory
        try:
            yield
        finally:
            yaml.safe_load, tempfile.tempdir = read_yaml, temporary
            root.handlers[:] = handlers
            root.setLevel(level)


with _importing_escpos():
    from escpos.escpos import QR_ECLEVEL_M
    from escpos.printer import Dummy

INITIALISE = b"\x1b\x40"
CHINESE_MODE = b"\x1c\x26"
NEW_LINE = b"\n"

DOTS_A_COLUMN = 12
"""Font A at size 1; a Han character is two columns."""
LARGEST = 8
"""The largest magnification of text."""

FIELDS = ("branch", "ticket", "service", "class", "ahead", "wait", "time", "reprint", "qr")
"""What a layout may name. `class` is empty for the normal class, `reprint` for a first print."""

# A word; blanks; or any other character with the closing punctuation after it, which may not begin a line.
_PIECE = re.compile(r"[!-~]+|\s+|[^!-~\s][，。、；：！？）》」』”’…]*")


def encode(text: str) -> bytes:
    """The text as a printer in Chinese mode takes it: one byte for ASCII, two for the rest."""
    return fitted(text, on_paper).encode("gb18030")


def wrap(text: str, columns: int) -> list[str]:
    """The text as it is printed, in lines of at most `columns` columns, broken between words and Han characters."""
    text = fitted(text, on_paper)
    if len(encode(text)) <= columns:
        return [text]
    lines = [""]
    for piece in _PIECE.findall(text):
        for part in [piece] if len(encode(piece)) <= columns else piece:
            if len(encode(lines[-1] + part)) <= columns:
                lines[-1] += part
            else:
                lines.append("" if part.isspace() else part)
    return [line.rstrip() for line in lines]


class Entry(Protocol):
    """One entry of a layout."""

    def lay(self, out: Dummy, fields: Mapping[str, str], columns: int) -> None:
        """Append the entry's bytes to `out`."""


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text."""

    text: str
    size: Any = 1
    align: str = "center"
    bold: bool = False
    inverse: bool = False

    def __post_init__(self) -> None:
        _check_template(self.text)
        sizes = self._sizes
        if len(sizes) != 2 or not all(type(size) is int and 1 <= size <= LARGEST for size in sizes):
            raise ValueError(f"size is 1 to {LARGEST} or [width, height], not {self.size!r}")
        _check_one_of("align", self.align, ("left", "center", "right"))

    def lay(self, out: Dummy, fields: Mapping[str, str], columns: int) -> None:
        template, tab, template_right = self.text.partition("\t")
        left, right = template.format_map(fields), template_right.format_map(fields)
        full, height = self._sizes
        width, needed = full, len(encode(left + tab + right))
        while width > 1 and needed * width > columns:
            width -= 1
        room = columns // width
        if tab and needed <= room:
            lines = [left + " " * (room - len(encode(left + right))) + right]
        else:
            lines = wrap(left, room) + [" " * (room - len(encode(line))) + line for line in wrap(right, room) if tab]
        out.set(
            align="left" if tab else self.align,
            bold=self.bold,
            invert=self.inverse,
            custom_size=True,
            width=width,
            height=max(1, height * width // full),
        )
        out._raw(b"".join(encode(line) + NEW_LINE for line in lines))

    @property
    def _sizes(self) -> list[int]:
        """Width and height."""
        return self.size if isinstance(self.size, list) else [self.size, self.size]


@dataclass(frozen=True, slots=True)
class Rule:
    """One character across the paper."""

    rule: str

    def __post_init__(self) -> None:
        if len(encode(self.rule)) != len(self.rule) or len(self.rule) != 1:
            raise ValueError(f"rule is one ASCII character, such as '-', not {self.rule!r}")

    def lay(self, out: Dummy, fields: Mapping[str, str], columns: int) -> None:
        Text(self.rule * columns, align="left").lay(out, fields, columns)


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code, drawn by the printer, in the middle."""

    qr: str
    size: int = 6

    def __post_init__(self) -> None:
        _check_template(self.qr)
        if type(self.size) is not int or not 1 <= self.size <= 16:
            raise ValueError(f"the size of a QR code is 1 to 16 dots a module, not {self.size!r}")

    def lay(self, out: Dummy, fields: Mapping[str, str], columns: int) -> None:
        content = self.qr.format_map(fields)
        if content and out.profile.supports("qrCode"):
            out.set(align="center")
            out.qr(content, ec=QR_ECLEVEL_M, size=self._fitting(content, columns), native=True)

    def _fitting(self, content: str, columns: int) -> int:
        """A printer leaves out a code that is wider than its paper, so a long one gets smaller modules."""
        code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M)
        code.add_data(content)
        modules: int = 17 + 4 * code.best_fit()
        return max(1, min(self.size, columns * DOTS_A_COLUMN // modules))


@dataclass(frozen=True, slots=True)
class Feed:
    """Empty lines."""

    feed: int

    def __post_init__(self) -> None:
        if type(self.feed) is not int or not 1 <= self.feed <= 20:
            raise ValueError(f"feed is 1 to 20 lines, not {self.feed!r}")

    def lay(self, out: Dummy, fields: Mapping[str, str], columns: int) -> None:
        out.print_and_feed(self.feed)


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of the ticket."""

    cut: str

    def __post_init__(self) -> None:
        _check_one_of("cut", self.cut, ("partial", "full"))

    def lay(self, out: Dummy, fields: Mapping[str, str], columns: int) -> None:
        out.cut(mode="PART" if self.cut == "partial" else "FULL")


KINDS: dict[str, type[Text | Rule | Code | Feed | Cut]] = {
    "text": Text,
    "rule": Rule,
    "qr": Code,
    "feed": Feed,
    "cut": Cut,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """A ticket's entries, each with the name of the field that must not be empty (or "")."""

    entries: tuple[tuple[Entry, str], ...]

    @classmethod
    def from_dict(cls, parsed: Mapping[str, Any]) -> Layout:
        """From a parsed layout file. ValueError holds a sentence for each thing that is wrong, one a line."""
        problems = [f"unknown key {key!r}; a layout has only [[line]] entries" for key in parsed if key != "line"]
        entries = []
        lines = parsed.get("line")
        if not isinstance(lines, list) or not lines:
            problems.append("a layout needs [[line]] entries")
            lines = []
        for number, line in enumerate(lines, 1):
            try:
                entries.append(_entry(line))
            except ValueError as error:
                problems.append(f"line {number}: {error}")
        if problems:
            raise ValueError("\n".join(problems))
        return cls(tuple(entries))

    def render(self, fields: Mapping[str, str], columns: int, *, profile: str = "default") -> bytes:
        """The ticket's bytes for a paper of `columns` columns.

        `fields` by the names in `FIELDS`; a missing one is empty. `profile` is python-escpos's name for the model;
        KeyError if it knows none of that name.
        """
        filled = {name: fields.get(name, "") for name in FIELDS}
        out = Dummy(profile=profile)
        out._raw(INITIALISE + CHINESE_MODE)
        for entry, when in self.entries:
            if not when or filled[when]:
                entry.lay(out, filled, columns)
        return bytes(out.output)


def _entry(line: Any) -> tuple[Entry, str]:
    if not isinstance(line, dict):
        raise ValueError("an entry is a [[line]] table")
    kinds = [kind for kind in KINDS if kind in line]
    if len(kinds) != 1:
        raise ValueError(f"an entry has one of {', '.join(KINDS)}; here: {', '.join(kinds) or 'none'}")
    kind = KINDS[kinds[0]]
    types = {field.name: field.type for field in fields(kind)} | {"when": "str"}
    for key, value in line.items():
        if key not in types:
            raise ValueError(f"unknown key {key!r} beside {kinds[0]}{_nearest(key, types)}")
        if types[key] in ("str", "bool") and types[key] != type(value).__name__:
            raise ValueError(f"{key} is {'text' if types[key] == 'str' else 'true or false'}, not {value!r}")
    when = line.get("when", "")
    if when and when not in FIELDS:
        raise ValueError(f"when = {when!r} is no field{_nearest(when, FIELDS)}")
    return kind(**{key: value for key, value in line.items() if key != "when"}), when


def _check_template(text: str) -> None:
    names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    for name in names:
        if name not in FIELDS:
            raise ValueError(f"{{{name}}} is no field{_nearest(name, FIELDS)}")
    try:
        text.format_map(dict.fromkeys(FIELDS, ""))
    except KeyError as error:
        raise ValueError(f"{{{error.args[0]}}} is no field") from None


def _check_one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{key} is {' or '.join(allowed)}, not {value!r}")


def _nearest(word: str, known: Any) -> str:
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
