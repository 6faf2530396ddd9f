"""The hash chain over a journal's rows, by which a row that was changed, removed, inserted or moved is noticed.

Each row has a line, one JSON object in UTF-8 without blanks, its keys in this order:

    {"seq":1,"at":1795482000000,"day":"2026-11-23","kind":"day_opened","version":1,"cause":"..","part":0,"data":{..}}

`data` is the text of that column as it is. In the other texts `"` and `\\` have a `\\` before them, and characters
below U+0020 are \\b, \\f, \\n, \\r, \\t or \\u00XX; all others stand for themselves. The hash of a row is the SHA-256
of the 32 bytes of the hash before it, then its line; before the first row it is 32 zero bytes. The chain goes on from
day to day.

Pure: rows come in as the table `event` has them. What the chain can show, and what it cannot: docs/decisions/0041.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any

START = bytes(32)
"""The hash before the first row."""
SHORTEST = 16
"""Least hexadecimal digits by which an anchor may be named."""

Stored = tuple[Any, ...]
"""A row as the table has it: seq, at, day, kind, version, data, cause, part."""


class MisfitError(Exception):
    """A row does not fit those before it, or an anchor; a sentence that begins with its number."""

    def __init__(self, text: str, seq: int) -> None:
        super().__init__(text)
        self.seq = seq


@dataclass(frozen=True, slots=True)
class Anchor:
    """The hash of the chain up to the row `seq`, in hexadecimal digits; `day`: the row's business day."""

    seq: int
    day: str
    hash: str


class Chain:
    """The chain as far as it has been followed; by default from the beginning."""

    def __init__(self, anchor: Anchor | None = None) -> None:
        self.seq = anchor.seq if anchor else 0
        self.day = anchor.day if anchor else ""
        self.hash = bytes.fromhex(anchor.hash) if anchor else START

    @property
    def here(self) -> Anchor:
        """Where it is now."""
        return Anchor(self.seq, self.day, self.hash.hex())

    def add(self, row: Stored) -> bytes:
        """The next row: its line. MisfitError if it is not the next."""
        seq, at, day, kind, version, data, cause, part = row
        if None in row or "\n" in data:
            raise MisfitError(f"row {seq}: it is no row of this program", seq)
        text = (
            f'{{"seq":{seq},"at":{at},"day":{encode_basestring(day)},"kind":{encode_basestring(kind)},'
            f'"version":{version},"cause":{encode_basestring(cause)},"part":{part},"data":{data}}}'
        )
        self.follow(seq, day, line := text.encode())
        return line

    def follow(self, seq: int, day: str, line: bytes) -> None:
        """The next row, by its line. MisfitError if it is not the next."""
        if seq != self.seq + 1:
            raise MisfitError(_not_next(seq, self.seq + 1), seq if seq <= self.seq else self.seq + 1)
        self.seq, self.day = seq, day
        self.hash = sha256(self.hash + line).digest()


def _not_next(seq: int, due: int) -> str:
    if seq < due:
        return f"row {seq}: it stands where row {due} should, so a row was inserted or moved"
    return (
        f"row {due}: it is missing" if seq == due + 1 else f"row {due}: it is missing, as all are up to row {seq - 1}"
    )


def ends(chain: Chain, rows: Iterable[Stored]) -> Iterator[Anchor]:
    """The anchors of the days that are over, each as soon as a row of another day comes. A day that was begun again,
    after the clock was set, is over more than once."""
    for row in rows:
        if chain.seq and row[2] != chain.day:
            yield chain.here
        chain.add(row)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An anchor that somebody has kept elsewhere: of a day (its last row) or of a row, with the digits of its hash, or
    the first of them."""

    of: str
    digits: str

    @property
    def seq(self) -> int | None:
        """The row; None: it is a day's."""
        return int(self.of) if self.of.isdecimal() else None

    def meets(self, anchor: Anchor) -> bool:
        """Whether it is this one."""
        return anchor.hash.startswith(self.digits)


def wanted(text: str) -> Wanted:
    """`DAY=HASH` or `ROW=HASH`; ValueError. Blanks in the hash, as on paper, do not count."""
    of, _, digits = text.partition("=")
    digits = re.sub(r"\s", "", digits).lower()
    if not re.fullmatch(r"\d{4}-\d\d-\d\d|[1-9]\d{0,15}", of.strip()) or not re.fullmatch(r"[0-9a-f]+", digits):
        raise ValueError(f'"{text}" is no anchor; it takes DAY=HASH or ROW=HASH, such as 2026-11-30=9f86d081884c7d65')
    if not SHORTEST <= len(digits) <= 64:
        raise ValueError(f'"{text}": give at least {SHORTEST} digits of the hash, and at most its 64')
    return Wanted(of.strip(), digits)


class Anchors:
    """Anchors that were kept elsewhere, to be met by a chain; `kept`: those that stand in the journal, by row."""

    def __init__(self, elsewhere: Iterable[Wanted] = (), kept: Iterable[Anchor] = ()) -> None:
        self._rows: dict[int, list[Wanted]] = {}
        self._days: dict[str, list[Wanted]] = {}
        for each in elsewhere:
            if each.seq is None:
                self._days.setdefault(each.of, []).append(each)
            else:
                self._rows.setdefault(each.seq, []).append(each)
        for anchor in kept:
            self._rows.setdefault(anchor.seq, []).append(Wanted(str(anchor.seq), anchor.hash))
        self._before = 0
        self._met: set[str] = set()
        self._not_met: dict[str, Anchor] = {}

    def due(self, seq: int) -> bool:
        """Whether there is an anchor of this row."""
        return seq in self._rows

    def at(self, here: Anchor) -> None:
        """After a row that has an anchor; MisfitError if it is another."""
        at = self._rows.pop(here.seq)
        if not all(each.meets(here) for each in at):
            raise MisfitError(
                f"row {self._before + 1} to {here.seq} ({here.day}): not the rows of which the anchor of row "
                f"{here.seq} was made; one of them was changed",
                self._before + 1,
            )
        self._before = here.seq

    def day_over(self, here: Anchor) -> None:
        """After the last row of a day."""
        for each in self._days.get(here.day, ()):
            if each.meets(here):
                self._met.add(here.day)
            else:
                self._not_met[here.day] = here

    def end(self, last: Anchor) -> None:
        """After the last row: MisfitError if there is an anchor that was not met."""
        for seq in sorted(self._rows):
            raise MisfitError(f"row {last.seq + 1}: it is missing, as there is an anchor of row {seq}", last.seq + 1)
        for day in sorted(self._days):
            if day in self._met:
                continue
            if (here := self._not_met.get(day)) is None:
                raise MisfitError(f"{day}: there is an anchor of this day, and no row", 0)
            raise MisfitError(
                f"row {here.seq} ({day}): its hash is {here.hash}, and the anchor of that day another; "
                "a row up to it was changed, or the day went on afterwards",
                here.seq,
            )
