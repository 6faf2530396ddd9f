"""Laying out tickets: a layout file, the ticket's fields and a paper width in, ESC/POS bytes out.

A layout (`config/ticket.<language>.toml`) lists a ticket's entries from top to bottom, `[[line]]` each. An entry is
one of::

    text = "..{field}.."    size = 3 or [width, height]; align; bold; inverse; a tab sends the rest to the right edge
    rule = "-"              a line of that character across the paper
    qr = "{qr}"             size = dots a module; left out when empty, or where the model can print none
    feed = 2                empty lines
    cut = "partial"         or "full", behind enough paper to clear the print head

and may have `when = "field"`: only where that field is not empty. Text that is too wide shrinks, then wraps; nothing
is cut off, and a word or number is broken only if it is wider than the paper.

python-escpos supplies the commands and knows what a model can do (`drivers.escpos_model`). Text is as many columns wide
as it has bytes in gb18030, of which common printers take the two-byte areas only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from string import Formatter
from typing import Any, Protocol

import qrcode
from escpos.constants import QR_ECLEVEL_M

from drivers.characters import fitted, on_paper
from drivers.escpos_model import DOTS_A_COLUMN, Model, Sheet, encode, model

INITIALISE = b"\x1b\x40"
CHINESE_MODE = b"\x1c\x26"

LARGEST = 8
"""The largest magnification of text."""

FIELDS = ("branch", "ticket", "service", "class", "ahead", "wait", "time", "reprint", "qr")
"""The fields that a layout may use. `class` is empty for the normal class, `reprint` for a first print."""

# A word; blanks; or any other character with the closing punctuation after it, which may not begin a line.
_PIECE = re.compile(r"[!-~]+|\s+|[^!-~\s][，。、；：！？）》」』”’…]*")


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

    def lay(self, out: Sheet, fields: Mapping[str, str], printer: Model) -> None:
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

    def lay(self, out: Sheet, fields: Mapping[str, str], printer: Model) -> None:
        template, tab, template_right = self.text.partition("\t")
        left, right = template.format_map(fields), template_right.format_map(fields)
        full, height = self._sizes
        width, needed = full, len(encode(left + tab + right))
        while width > 1 and needed * width > printer.columns:
            width -= 1
        room = printer.columns // width
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
        for line in lines:
            out.textln(line)

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

    def lay(self, out: Sheet, fields: Mapping[str, str], printer: Model) -> None:
        Text(self.rule * printer.columns, align="left").lay(out, fields, printer)


@dataclass(frozen=True, slots=True)
class Code:
    """A centred QR code. A model without QR commands gets it as a picture; one without pictures leaves it out."""

    qr: str
    size: int = 6

    def __post_init__(self) -> None:
        _check_template(self.qr)
        if type(self.size) is not int or not 1 <= self.size <= 16:
            raise ValueError(f"the size of a QR code is 1 to 16 dots a module, not {self.size!r}")

    def lay(self, out: Sheet, fields: Mapping[str, str], printer: Model) -> None:
        content = self.qr.format_map(fields)
        if not content or printer.codes == "nobody":
            return
        out.set(align="center")
        dots = self._fitting(content, printer)
        if printer.codes == "printer":
            out.qr(content, ec=QR_ECLEVEL_M, size=dots, native=True)
        else:
            # With the printer doubling each dot it has a quarter of the bytes: one second at 9600 baud, not four.
            out.set(custom_size=True, width=1, height=1)
            coarse = {"high_density_vertical": False, "high_density_horizontal": False}
            out.qr(content, ec=QR_ECLEVEL_M, size=max(1, dots // 2), image_arguments=coarse)

    def _fitting(self, content: str, printer: Model) -> int:
        """Dots a module. A code that is wider than the paper is not printed, so a long one gets smaller modules."""
        code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M)
        code.add_data(content)
        modules: int = 17 + 4 * code.best_fit()
        edge = 0 if printer.codes == "printer" else 2
        return max(1, min(self.size, printer.columns * DOTS_A_COLUMN // (modules + edge)))


@dataclass(frozen=True, slots=True)
class Feed:
    """Empty lines."""

    feed: int

    def __post_init__(self) -> None:
        if type(self.feed) is not int or not 1 <= self.feed <= 20:
            raise ValueError(f"feed is 1 to 20 lines, not {self.feed!r}")

    def lay(self, out: Sheet, fields: Mapping[str, str], printer: Model) -> None:
        out.print_and_feed(self.feed)


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of the ticket."""

    cut: str

    def __post_init__(self) -> None:
        _check_one_of("cut", self.cut, ("partial", "full"))

    def lay(self, out: Sheet, fields: Mapping[str, str], printer: Model) -> None:
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

    def render(
        self, fields: Mapping[str, str], columns: int | None = None, *, profile: str | None = None, head: bytes = b""
    ) -> bytes:
        """The ticket's bytes for a printer of that profile; `columns` overrides the profile's; `head`: what comes above
        it (`drivers.escpos_logo`).

        `fields` by the names in `FIELDS`; a missing one is empty. ValueError if there is no such profile.
        """
        filled = {name: fields.get(name, "") for name in FIELDS}
        printer = model(profile, columns)
        out = printer.blank()
        for entry, when in self.entries:
            if not when or filled[when]:
                entry.lay(out, filled, printer)
        return INITIALISE + CHINESE_MODE + head + bytes(out.output)


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
