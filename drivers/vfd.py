"""Counter displays of two lines of twenty cells (VFD or LCD), 9600 8N1, in three command dialects.

Source: the vendors' command tables. A display never replies. That it works can only be inferred from the port, so its
health is `port_only`; and a display that lost power is blank until it is sent something, so the whole level is sent
again every `refresh` seconds.

Lines are written cell by cell from a set cursor in every dialect. CD5220 has a whole-line command (1B 51 41/42) too,
but after it the display ignores most others, the cursor's among them, until it is cleared, which would flicker.

A display that keeps its power while its cable is out may be waiting for the end of a command, and takes what comes next
for it. So all output begins with bytes that end any command, and have no effect outside one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from drivers.characters import fitted, in_ascii
from drivers.device import Health

COLUMNS = 20
PORT_ONLY = Health("ok", "port_only")
"""The port is open; nothing more can be known."""

DialectName = Literal["epson", "cd5220", "dsp800"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The commands of one dialect; `brightness` is followed by the level, None where its form is not known [?]."""

    end: bytes  # of a command that was cut off anywhere
    init: bytes
    clear: bytes
    to_line: tuple[bytes, bytes]  # cursor to the first cell of a line
    brightness: bytes | None


DIALECTS: dict[DialectName, Dialect] = {
    "epson": Dialect(
        end=b"\x00\x00",  # two arguments at most, none of them 0
        init=b"\x1b\x40",
        clear=b"\x0c",
        to_line=(b"\x1f\x24\x01\x01", b"\x1f\x24\x01\x02"),  # column, line
        brightness=b"\x1f\x58",
    ),
    "cd5220": Dialect(
        end=b"\x00\x00",
        init=b"\x1b\x40",
        clear=b"\x0c",
        to_line=(b"\x1b\x6c\x01\x01", b"\x1b\x6c\x01\x02"),  # column, line
        brightness=b"\x1b\x2a",
    ),
    "dsp800": Dialect(
        end=b"\x17\x17\x17",  # two arguments at most, and the end itself
        init=b"\x04\x01\x25\x17",
        clear=b"\x04\x01\x43\x31\x58\x17",  # from cell, to cell
        to_line=(b"\x04\x01\x50\x31\x17", b"\x04\x01\x50\x45\x17"),  # 31h + cell, 0-39
        brightness=None,
    ),
}


class CounterDisplay:
    """The driver of one display.

    `brightness` is 1 (dim) to 4, None to leave it alone. ValueError for an unknown dialect, another brightness, or one
    in a dialect whose brightness command is not known.
    """

    def __init__(self, dialect: DialectName, *, brightness: int | None = None, refresh: float = 60.0) -> None:
        if dialect not in DIALECTS:
            raise ValueError(f"{dialect!r} is no dialect; use one of {', '.join(DIALECTS)}")
        self._dialect = DIALECTS[dialect]
        self._brightness = b""
        if brightness is not None:
            if self._dialect.brightness is None:
                raise ValueError(f"the brightness of {dialect} displays cannot be set")
            if not 1 <= brightness <= 4:
                raise ValueError(f"brightness {brightness} is not possible; use 1 to 4")
            self._brightness = self._dialect.brightness + bytes([brightness])
        self._refresh = refresh
        self._connected = False
        self._unprepared = False
        self._wanted = (_cells(""), _cells(""))
        self._sent: list[bytes | None] = [None, None]
        self._refresh_at = 0.0

    def show(self, line1: str, line2: str) -> None:
        """The two lines (level), cut to 20 cells, in printable ASCII."""
        self._wanted = (_cells(line1), _cells(line2))

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = self._unprepared = True
        self._refresh_at = now
        return [PORT_ONLY]

    def disconnected(self, now: float) -> Sequence[object]:
        self._connected = False
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        """Displays send nothing: any input is noise."""
        return []

    def tick(self, now: float) -> Sequence[object]:
        return []

    def data_to_send(self, now: float) -> bytes:
        if not self._connected:
            return b""
        data = b""
        if self._unprepared:
            self._unprepared = False
            data += self._dialect.init + self._dialect.clear
        if now >= self._refresh_at:
            self._refresh_at = now + self._refresh
            self._sent = [None, None]
            data += self._brightness
        for line, cells in enumerate(self._wanted):
            if cells != self._sent[line]:
                self._sent[line] = cells
                data += self._dialect.to_line[line] + cells
        return self._dialect.end + data if data else b""

    def next_deadline(self) -> float | None:
        return self._refresh_at if self._connected else None


def _cells(text: str) -> bytes:
    """A line's twenty cells."""
    return fitted(text, in_ascii)[:COLUMNS].ljust(COLUMNS).encode("ascii")
