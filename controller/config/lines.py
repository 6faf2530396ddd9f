"""The line of each key of a TOML document, which `tomllib` does not report.

Only for documents that `tomllib` has read. The scanner follows TOML's structure and skips the values: each table, key,
array element and key of an inline table gets the line that it begins on.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Place = tuple[str | int, ...]
"""Keys and array indices from the top, as in `("device", 0, "link")`."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_SCALAR = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}'''
    r"""|'{3}.*?'{3,5}"""
    r'''|"(?:\\.|[^"\\])*"'''
    r"""|'[^']*'"""
    r"""|[^"'\[{,\]}#\n]+""",  # numbers, dates, true and false
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML file that was read: its tables, and the line of each place in them."""

    path: Path
    data: dict[str, Any]
    lines: Mapping[Place, int]


def document(path: Path, text: str) -> Document:
    """The file at `path` with this text; ValueError if it is no TOML."""
    return Document(path, tomllib.loads(text), locate(text))


def locate(text: str) -> dict[Place, int]:
    """The lines, from 1, of all places; a place that occurs twice has its first line."""
    return _Scanner(text).lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[Place, int] = {}
        self._text = text
        self._at = 0
        self._line_ends = [found.start() for found in re.finditer("\n", text)]
        self._latest: dict[Place, int] = {}  # array of tables -> the index of its latest table
        table: Place = ()
        while self._skip_blank() < len(text):
            if self._take("[["):
                table = self._table_of_array()
            elif self._take("["):
                table = self._table()
            else:
                self._pair(table)

    def _table(self) -> Place:
        *outer, key = self._dotted_key()
        place = (*self._inside(outer), key)
        self._note(place)
        self._take("]")
        return place

    def _table_of_array(self) -> Place:
        *outer, key = self._dotted_key()
        array = (*self._inside(outer), key)
        index = self._latest[array] = self._latest.get(array, -1) + 1
        self._note(array)
        self._note((*array, index))
        self._take("]]")
        return (*array, index)

    def _inside(self, keys: list[str]) -> Place:
        """The place of a header's outer keys: within an array of tables, that is its latest table."""
        place: Place = ()
        for key in keys:
            place += (key,)
            self._note(place)
            if place in self._latest:
                place += (self._latest[place],)
        return place

    def _pair(self, table: Place) -> None:
        place = table
        for key in self._dotted_key():
            place += (key,)
            self._note(place)
        self._take("=")
        self._value(place)

    def _value(self, place: Place) -> None:
        if self._take("["):
            index = 0
            while not self._take("]"):
                self._note((*place, index))
                self._value((*place, index))
                self._take(",")
                index += 1
        elif self._take("{"):
            while not self._take("}"):
                self._pair(place)
                self._take(",")
        else:
            self._match(_SCALAR)

    def _dotted_key(self) -> list[str]:
        keys = [self._key()]
        while self._take("."):
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._skip_blank()
        key = self._match(_KEY)
        return str(tomllib.loads(f"key = {key}")["key"]) if key[0] in "\"'" else key

    def _note(self, place: Place) -> None:
        self.lines.setdefault(place, bisect_left(self._line_ends, self._at) + 1)

    def _take(self, mark: str) -> bool:
        """Skip `mark` if it is next after blanks; whether it was."""
        found = self._text.startswith(mark, self._skip_blank())
        self._at += len(mark) * found
        return found

    def _skip_blank(self) -> int:
        """Skip spaces, line ends and comments; the new position."""
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if not found:
            raise ValueError(f"not a TOML document at character {self._at}")
        self._at = found.end()
        return found[0]
