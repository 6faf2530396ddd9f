"""How a simulated printer reads ESC/POS: bytes in, lines, codes, cuts and questions out.

Sources: Epson's ESC/POS reference, for the commands and their lengths. A command that is not in the table is skipped
by its first two bytes and counted, so that the reader finds its way back into the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from simulators.paper import Align, Code, Gap, Line, Picture, Row, Run, Style, cells

NUL, LF, ESC, FS, GS = 0x00, 0x0A, 0x1B, 0x1C, 0x1D
PRINTABLE, EXTENDED = 0x20, 0x80

INITIALISE = b"\x1b@"
ALIGN = b"\x1ba"
BOLD = b"\x1bE"
FEED_LINES = b"\x1bd"
CHINESE_ON, CHINESE_OFF = b"\x1c&", b"\x1c."
SIZE = b"\x1d!"
INVERSE = b"\x1dB"
CUT = b"\x1dV"
AUTO_STATUS = b"\x1da"
PAPER_SENSOR = b"\x1dr"
RASTER = b"\x1dv"
RASTER_HEADER = 6
"""GS v 0 m xL xH yL yH: as many bytes a row as x says, and as many rows as y says; m: dots twice as wide 1, high 2."""
LONG = b"\x1d("
"""GS ( x pL pH: as many bytes follow as p says."""
QR_CODE = b"\x1d(k"
PROCESS_ID = b"\x1d(H"
HEADER = 5

IGNORED = (
    # print mode, upside down, underline, font, feed dots, line spacing, code page, character set
    *(b"\x1b!", b"\x1b{", b"\x1b-", b"\x1bM", b"\x1bJ", b"\x1b3", b"\x1bt", b"\x1bR"),
    # Chinese size and width; smoothing, bar code height, width and text
    *(b"\x1c!", b"\x1cW", b"\x1db", b"\x1dh", b"\x1dw", b"\x1dH"),
)
"""Commands of one argument that make no difference here."""
ARGUMENTS = {
    **dict.fromkeys((INITIALISE, CHINESE_ON, CHINESE_OFF, b"\x1b2"), 0),
    **dict.fromkeys((ALIGN, BOLD, FEED_LINES, SIZE, INVERSE, CUT, AUTO_STATUS, PAPER_SENSOR, *IGNORED), 1),
    RASTER: RASTER_HEADER,
}
"""How many bytes follow a command's first two."""
CUT_AFTER_FEED = (0x41, 0x42)
"""Arguments of GS V that have one more behind them."""
LONGEST = 4096
"""Bytes of a command; one that claims more is none."""

QR_MODULE, QR_LEVEL, QR_STORE, QR_PRINT = b"1C", b"1E", b"1P0", b"1Q"
LEVELS: tuple[Literal["L", "M", "Q", "H"], ...] = ("L", "M", "Q", "H")
ALIGNS: tuple[Align, ...] = ("left", "center", "right")


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut the paper."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Say so when all before this has been printed."""

    id: bytes


@dataclass(frozen=True, slots=True)
class TellAlways:
    """Switch automatic status on or off."""

    on: bool


@dataclass(frozen=True, slots=True)
class TellPaper:
    """Tell the paper sensor's state, once, now."""


Item = Row | Cut | Mark | TellAlways | TellPaper


class Reader:
    """The state that commands leave behind: style, alignment, code to be printed, and the line so far."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self.unknown = 0
        """Bytes that made no sense."""
        self.overflows = 0
        """Lines that were too long for the paper and went on in the next."""
        self.initialise()

    def initialise(self) -> None:
        """As after power-up, or ESC @."""
        self._style = Style()
        self._align: Align = "left"
        self._chinese = False
        self._code = Code("")
        self._runs: list[Run] = []
        self._picture: Picture | None = None
        self._missing = 0

    def read(self, buffer: bytearray) -> tuple[int, list[Item]]:
        """What the buffer begins with: how many bytes of it are done with (0: more are needed), and what they were."""
        if self._picture:
            return self._raster(buffer)
        first = buffer[0]
        if first in (ESC, FS, GS):
            return self._command(buffer)
        if first == LF:
            return 1, list(self._end_line())
        if first == NUL:
            return 1, []
        if first < PRINTABLE:
            self.unknown += 1
            return 1, []
        if first < EXTENDED or not self._chinese:
            return 1, list(self._put(buffer[:1].decode("cp437")))
        if len(buffer) < 2:
            return 0, []
        try:
            return 2, list(self._put(buffer[:2].decode("gb18030")))
        except UnicodeDecodeError:
            self.unknown += 1
            return 1, []

    def _raster(self, buffer: bytearray) -> tuple[int, list[Item]]:
        """More of a picture, which may be larger than the receive buffer."""
        assert self._picture is not None
        part = bytes(buffer[: self._missing])
        self._missing -= len(part)
        self._picture = replace(self._picture, data=self._picture.data + part)
        if self._missing:
            return len(part), []
        whole, self._picture = self._picture, None
        return len(part), [whole]

    def _command(self, buffer: bytearray) -> tuple[int, list[Item]]:
        name, start = bytes(buffer[:2]), 2
        if len(name) < 2:
            return 0, []
        if name == LONG:
            if len(buffer) < HEADER:
                return 0, []
            name, start = bytes(buffer[:3]), HEADER
            size = HEADER + int.from_bytes(buffer[3:HEADER], "little")
        else:
            size = start + ARGUMENTS.get(name, LONGEST)
            if name == CUT and len(buffer) > 2 and buffer[2] in CUT_AFTER_FEED:
                size += 1
        if size > LONGEST:
            self.unknown += 2
            return 2, []
        if len(buffer) < size:
            return 0, []
        return size, list(self._obey(name, bytes(buffer[start:size])))

    def _obey(self, name: bytes, arguments: bytes) -> Iterator[Item]:
        value = arguments[0] if arguments else 0
        if name == INITIALISE:
            self.initialise()
        elif name in (CHINESE_ON, CHINESE_OFF):
            self._chinese = name == CHINESE_ON
        elif name == ALIGN:
            self._align = ALIGNS[value % len(ALIGNS)]
        elif name == BOLD:
            self._style = replace(self._style, bold=bool(value & 1))
        elif name == INVERSE:
            self._style = replace(self._style, inverse=bool(value & 1))
        elif name == SIZE:
            self._style = replace(self._style, width=1 + (value >> 4 & 7), height=1 + (value & 7))
        elif name == FEED_LINES:
            if self._runs:
                yield from self._end_line()
            if value:
                yield Gap(value)
        elif name == CUT:
            if value in CUT_AFTER_FEED and arguments[1]:
                yield Gap(1)
            yield Cut()
        elif name == AUTO_STATUS:
            yield TellAlways(bool(value))
        elif name == PAPER_SENSOR:
            yield TellPaper()
        elif name == PROCESS_ID and len(arguments) == 6:
            yield Mark(arguments[2:])
        elif name == RASTER:
            _, mode, *size = arguments
            width, height = size[0] + size[1] * 256, size[2] + size[3] * 256
            if self._runs:
                yield from self._end_line()
            if width and height:
                self._missing = width * height
                self._picture = Picture(width, b"", 1 + (mode & 1), 1 + (mode >> 1 & 1), self._align)
        elif name == QR_CODE:
            yield from self._qr_code(arguments)
        elif name.startswith(LONG):
            self.unknown += HEADER + len(arguments)

    def _qr_code(self, arguments: bytes) -> Iterator[Item]:
        value = arguments[2] if len(arguments) > 2 else 0
        if arguments.startswith(QR_MODULE):
            self._code = replace(self._code, module=max(1, value % 17))
        elif arguments.startswith(QR_LEVEL):
            self._code = replace(self._code, level=LEVELS[value % len(LEVELS)])
        elif arguments.startswith(QR_STORE):
            self._code = replace(self._code, content=arguments[3:].decode("utf-8", "replace"))
        elif arguments.startswith(QR_PRINT) and self._code.content:
            yield replace(self._code, align=self._align)

    def _put(self, character: str) -> Iterator[Item]:
        wide = cells(character) * self._style.width
        if self._runs and sum(run.columns for run in self._runs) + wide > self._columns:
            self.overflows += 1
            yield from self._end_line()
        if self._runs and self._runs[-1].style == self._style:
            self._runs[-1] = Run(self._runs[-1].text + character, self._style)
        else:
            self._runs.append(Run(character, self._style))

    def _end_line(self) -> Iterator[Item]:
        yield Line(tuple(self._runs), self._align) if self._runs else Gap(1)
        self._runs = []
