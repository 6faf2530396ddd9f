"""Paper from a simulated printer: as text, and as a picture from which a phone can read the code.

Sizes are a thermal head's dots, 8 to the millimetre: a column is 12 wide, a line 24 high and 6 apart.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from math import gcd
from pathlib import Path
from typing import Literal

import qrcode
from PIL import Image, ImageDraw, ImageFilter, ImageFont

COLUMN, LINE, SPACING = 12, 24, 6
SCALE = 2
"""Pixels a dot."""
MARGIN = 40
SURROUND = 28
TOOTH = 6
"""Dots: the unprinted edge beside the columns, the background around the paper, a tooth of its cut."""

INK, PAPER, BACKGROUND, SHADOW = "#26262b", "#fdfcf8", "#d9dde2", "#8d949c"

FONTS = (
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 1),  # Debian fonts-wqy-zenhei; 1 is its monospaced face
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 7),  # Debian fonts-noto-cjk; 7 is Mono SC
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 1),
    ("/usr/share/fonts/truetype/arphic/uming.ttc", 0),
)
NO_FONT = "No Chinese font here: boxes. apt install fonts-wqy-zenhei"

FACE, BASELINE = 0.94, 0.84
"""A character's size and its baseline's depth, as parts of its line's height."""

Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Style:
    """How characters look; `width` and `height` are magnifications."""

    width: int = 1
    height: int = 1
    bold: bool = False
    inverse: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one style."""

    text: str
    style: Style

    @property
    def columns(self) -> int:
        """How wide it is on paper."""
        return sum(map(cells, self.text)) * self.style.width


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line."""

    runs: tuple[Run, ...]
    align: Align = "left"

    @property
    def dots(self) -> int:
        """How much paper it takes."""
        return LINE * max((run.style.height for run in self.runs), default=1) + SPACING


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code; `module` is its squares' size in dots, `level` its error correction."""

    content: str
    module: int = 3
    level: Literal["L", "M", "Q", "H"] = "L"
    align: Align = "left"

    @property
    def matrix(self) -> list[list[bool]]:
        """Its modules, True where dark."""
        code = qrcode.QRCode(error_correction=getattr(qrcode.constants, f"ERROR_CORRECT_{self.level}"), border=0)
        code.add_data(self.content)
        squares: list[list[bool]] = code.get_matrix()
        return squares

    @property
    def dots(self) -> int:
        """How much paper it takes, with its quiet zone."""
        return (len(self.matrix) + 4) * self.module


@dataclass(frozen=True, slots=True)
class Picture:
    """Dots as they were sent, a bit each, 1 for black, in rows of `width` bytes; `wide` and `high` magnify them."""

    width: int
    data: bytes
    wide: int = 1
    high: int = 1
    align: Align = "left"

    @property
    def rows(self) -> list[list[bool]]:
        """As it was sent: True where black."""
        lines = [self.data[at : at + self.width] for at in range(0, len(self.data), self.width)]
        return [[bool(byte >> bit & 1) for byte in line for bit in range(7, -1, -1)] for line in lines]

    @property
    def dots(self) -> int:
        """How much paper it takes."""
        return len(self.data) // self.width * self.high


@dataclass(frozen=True, slots=True)
class Gap:
    """Empty lines."""

    lines: int

    @property
    def dots(self) -> int:
        """How much paper they take."""
        return self.lines * (LINE + SPACING)


Row = Line | Code | Picture | Gap


def cells(character: str) -> int:
    """How many columns a character takes at size 1: what has two bytes in gb18030 is two columns wide."""
    return 1 if character.isascii() else 2


@dataclass(slots=True)
class Paper:
    """A strip of paper with what is printed on it."""

    columns: int
    rows: list[Row] = field(default_factory=list)

    @property
    def words(self) -> str:
        """The printed characters only, one line per printed line."""
        return "\n".join("".join(run.text for run in row.runs) for row in self.rows if isinstance(row, Line))

    def text(self) -> str:
        """A picture of it in characters; large text stays contiguous, with room around it; no empty ends."""
        edge = "─" * (self.columns + 2)
        body = "".join(f"│ {line} │\n" for line in self.lines())
        return f"┌{edge}┐\n{body}└{edge}┘"

    def lines(self) -> list[str]:
        """The lines of that picture, as wide as the paper."""
        lines = [line for row in self.rows for line in self._picture(row)]
        while lines and not lines[-1].strip():
            lines.pop()
        while lines and not lines[0].strip():
            del lines[0]
        return lines

    def png(self) -> bytes:
        """A picture of it, as a PNG file."""
        file = io.BytesIO()
        self.image().save(file, "PNG")
        return file.getvalue()

    def image(self) -> Image.Image:
        """A picture of it on a background."""
        width = self.columns * COLUMN + 2 * MARGIN
        height = sum(row.dots for row in self.rows) + 2 * TOOTH + LINE
        picture = Image.new("RGB", _pixels(width + 2 * SURROUND, height + 2 * SURROUND), BACKGROUND)
        shape = Image.new("L", picture.size, 0)
        ImageDraw.Draw(shape).polygon(list(_outline(width, height)), fill=255)
        shadow = shape.filter(ImageFilter.GaussianBlur(5 * SCALE))
        picture.paste(SHADOW, _pixels(0, 4), shadow)
        picture.paste(PAPER, (0, 0), shape)
        top = SURROUND + TOOTH + LINE // 2
        for row in self.rows:
            if isinstance(row, Line):
                self._draw_line(picture, row, top)
            elif isinstance(row, Code):
                self._draw_code(picture, row, top)
            elif isinstance(row, Picture):
                self._draw_picture(picture, row, top)
            top += row.dots
        if font_file() is None and not self.words.isascii():
            ImageDraw.Draw(picture).text(_pixels(SURROUND, SURROUND // 4), NO_FONT, INK, _font(LINE * SCALE // 2))
        return picture

    # -- inside ----------------------------------------------------------------------------------------------

    def _picture(self, row: Row) -> list[str]:
        blank = " " * self.columns
        if isinstance(row, Gap):
            return [blank] * row.lines
        if isinstance(row, Code):
            return [self._aligned(line, len(line), row.align) for line in _half_blocks(row.matrix)]
        if isinstance(row, Picture):
            squares = _squares(row.rows, self.columns)
            return [self._aligned(line, len(line), row.align) for line in _half_blocks(squares)]
        text = "".join(run.text for run in row.runs)
        room = [blank] * ((max((run.style.height for run in row.runs), default=1) - 1) // 2)
        return [*room, self._aligned(text, sum(map(cells, text)), row.align), *room]

    def _aligned(self, text: str, width: int, align: Align) -> str:
        before = self._before(self.columns - width, align)
        return " " * before + text + " " * (self.columns - width - before)

    @staticmethod
    def _before(spare: int, align: Align) -> int:
        return {"left": 0, "center": max(spare, 0) // 2, "right": max(spare, 0)}[align]

    def _draw_line(self, picture: Image.Image, line: Line, top: int) -> None:
        spare = (self.columns - sum(run.columns for run in line.runs)) * COLUMN
        left = SURROUND + MARGIN + self._before(spare, line.align)
        bottom = top + line.dots - SPACING
        for run in line.runs:
            mask = _characters(run)
            corner = _pixels(left, bottom - LINE * run.style.height)
            if run.style.inverse:
                mask = mask.point(lambda shade: 255 - shade)
            picture.paste(INK, corner, mask)
            left += run.columns * COLUMN

    def _draw_code(self, picture: Image.Image, code: Code, top: int) -> None:
        matrix = code.matrix
        left = SURROUND + MARGIN + self._before(self.columns * COLUMN - len(matrix) * code.module, code.align)
        draw = ImageDraw.Draw(picture)
        side = code.module * SCALE
        for y, squares in enumerate(matrix, 2):
            for x, dark in enumerate(squares):
                if dark:
                    corner_x, corner_y = left * SCALE + x * side, top * SCALE + y * side
                    draw.rectangle((corner_x, corner_y, corner_x + side - 1, corner_y + side - 1), INK)

    def _draw_picture(self, picture: Image.Image, raster: Picture, top: int) -> None:
        wide, high = raster.width * 8 * raster.wide, raster.dots
        left = SURROUND + MARGIN + self._before(self.columns * COLUMN - wide, raster.align)
        mask = Image.frombytes("1", (raster.width * 8, high // raster.high), raster.data)
        picture.paste(INK, _pixels(left, top), mask.resize(_pixels(wide, high), Image.Resampling.NEAREST))


def _pixels(x: int, y: int) -> tuple[int, int]:
    return x * SCALE, y * SCALE


def _outline(width: int, height: int) -> Iterator[tuple[int, int]]:
    """The paper's edge in pixels: straight at the sides, toothed where the cutter went."""
    steps = range(0, width + 1, TOOTH)
    for step in steps:
        yield _pixels(SURROUND + step, SURROUND + TOOTH * (step // TOOTH % 2))
    for step in reversed(steps):
        yield _pixels(SURROUND + step, SURROUND + height - TOOTH * (step // TOOTH % 2))


def _characters(run: Run) -> Image.Image:
    """The run's ink, as a mask."""
    style = run.style
    size = LINE * style.height * SCALE
    font = _font(round(size * FACE))
    half, tall = size // 2, size + SPACING * SCALE
    mask = Image.new("L", (half * sum(map(cells, run.text)), tall), 0)
    draw = ImageDraw.Draw(mask)
    stroke = style.height * SCALE / 3 if style.bold else 0
    left = 0
    for character in run.text:
        width = half * cells(character)
        if font_file() is None and not character.isascii():
            draw.rectangle(
                (left + size // 8, size // 8, left + width - size // 8, size - size // 8), outline=255, width=2
            )
        else:
            middle = left + width / 2
            draw.text((middle, size * BASELINE), character, 255, font, anchor="ms", stroke_width=stroke)
        left += width
    if style.width == style.height:
        return mask
    return mask.resize((run.columns * COLUMN * SCALE, tall), Image.Resampling.LANCZOS)


def _squares(rows: list[list[bool]], most: int) -> list[list[bool]]:
    """A picture without its white edges, reduced to the squares it is made of, or else to `most` across."""
    black = [(x, y) for y, row in enumerate(rows) for x, dark in enumerate(row) if dark]
    if not black:
        return []
    left, right = min(x for x, _ in black), max(x for x, _ in black) + 1
    inner = [row[left:right] for row in rows[black[0][1] : black[-1][1] + 1]]
    edges = {x for row in inner for x in range(1, len(row)) if row[x] != row[x - 1]} | {right - left}
    side = gcd(*edges)
    side = side if side > 1 else -(-(right - left) // most)
    return [row[::side] for row in inner[::side]]


def _half_blocks(matrix: list[list[bool]]) -> list[str]:
    """A code in characters, two rows of modules in each."""
    empty = [False] * len(matrix[0]) if matrix else []
    pairs = zip(matrix[::2], [*matrix[1::2], empty], strict=False)
    return ["".join(" ▄▀█"[2 * upper + lower] for upper, lower in zip(*pair, strict=True)) for pair in pairs]


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    found = font_file()
    return ImageFont.truetype(found[0], size, found[1]) if found else ImageFont.load_default(size)


@lru_cache(maxsize=1)
def font_file() -> tuple[str, int] | None:
    """A font with Chinese characters and the number of its face in the file, or None if the system has none."""
    for path, face in FONTS:
        if Path(path).exists():
            return path, face
    try:
        command = ["fc-list", ":lang=zh-cn", "--format=%{file}\n"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.split("\n")
    except (OSError, subprocess.SubprocessError):
        return None
    return (listed[0], 0) if listed[0] else None
