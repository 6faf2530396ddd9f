"""Magnetic-stripe and chip card readers in serial mode, 9600 8N1, for bank and membership cards; only the card number
is used.

Source: ISO/IEC 7813 (tracks 1 and 2) and the output formats in readers' manuals. A reader sends data only when a card
is read: lines ended by CR or LF, optionally between STX and ETX, with

* track 1, `%B<number>^NAME^..?`, the number perhaps with blanks in it as it is embossed,
* track 2, `;<number>=..?`, each perhaps with a check byte (LRC) after its `?`,
* or a number alone, perhaps with the rest of track 2 (`=` or, in hexadecimal from a chip, `D`) after it.

Everything received without a pause is one card: the first readable number counts, and the rest (other tracks, track 3
included) is discarded. The name and all other data are dropped before anything leaves this module, and of unreadable
data nothing leaves it.

The check digit (Luhn) is not verified: not all UnionPay cards (62..) have a valid one, and a misread number is simply
not in head office's file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from drivers.device import Health

PORT_ONLY = Health("ok", "reader_port_only")
"""The port is open; nothing more can be known before a card is read."""
LINE_LIMIT = 512
"""Most bytes of a line that are kept: all three tracks together have 226."""
PAUSE = 0.5
"""Seconds of silence that end a card."""
LONGEST = 5.0
"""Seconds after which data without a pause count as the next card."""

_LINE_ENDS = re.compile(rb"[\r\n\x02\x03]")
_TRACK_2 = re.compile(rb";([0-9]{12,19})=[^%;?]*\?")
_TRACK_1 = re.compile(rb"%B([0-9 ]{12,23})\^[^%?]*\?")
_ALONE = re.compile(rb"([0-9]{12,19})(?:[=D][0-9]*F?)?")
_NUMBER = re.compile(rb"[0-9]{12,19}")


@dataclass(frozen=True, slots=True)
class CardRead:
    """A card was read: its number, 12 to 19 digits. It must not be shown or logged; `repr` hides it."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BadCard:
    """Something was read that contains no card number."""


class CardReader:
    """The driver of one reader."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._forget()

    def _forget(self) -> None:
        """Reset: no part of a card has been received."""
        self._line.clear()
        self._too_long = False
        self._read = self._bad = False
        self._began = 0.0
        self._ends: float | None = None

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._forget()
        return [PORT_ONLY]

    def disconnected(self, now: float) -> Sequence[object]:
        self._forget()
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        facts = [*self.tick(now)]
        if not data:
            return facts
        if self._ends is None:
            self._began = now
        self._ends = min(now + PAUSE, self._began + LONGEST)
        first, *more = _LINE_ENDS.split(data)
        self._add(first)
        for part in more:
            facts += self._line_ended()
            self._add(part)
        return facts

    def tick(self, now: float) -> Sequence[object]:
        if self._ends is None or now < self._ends:
            return []
        facts = self._line_ended()  # some readers end a line by falling silent
        if self._bad and not self._read:
            facts.append(BadCard())
        self._forget()
        return facts

    def data_to_send(self, now: float) -> bytes:
        """Readers take no commands in this mode."""
        return b""

    def next_deadline(self) -> float | None:
        return self._ends

    # -- inside ----------------------------------------------------------------------------------------------

    def _add(self, part: bytes) -> None:
        if len(self._line) + len(part) > LINE_LIMIT:
            self._line.clear()
            self._too_long = True
        if not self._too_long:
            self._line += part

    def _line_ended(self) -> list[object]:
        line, too_long = bytes(self._line), self._too_long
        self._line.clear()
        self._too_long = False
        if self._read or not (too_long or line.strip()):
            return []
        number = None if too_long else _number(line)
        if number is None:
            self._bad = True
            return []
        self._read = True
        return [CardRead(number)]


def _number(line: bytes) -> str | None:
    """The card's number in a line; None: there is none that can be read."""
    found = _TRACK_2.search(line) or _TRACK_1.search(line) or _ALONE.fullmatch(line.strip())
    digits = found[1].replace(b" ", b"") if found else b""
    return digits.decode("ascii") if _NUMBER.fullmatch(digits) else None
