"""Hall boards on Onbon (仰邦) BX-5K / BX-6K font cards, by serial line (9600 or 57600) or TCP (port 5005).

Source: the vendor's protocol documents and libraries. Points on which they differ are marked [?] and are settings.

Frame, both ways; integers are little-endian::

    A5 x8 | escape(header + data + CRC) | 5A           CRC-16/ARC over the unescaped header + data
    escape: A5 -> A6 02, A6 -> A6 01, 5A -> 5B 02, 5B -> 5B 01
    header: destination u16, source u16, 3 reserved, option, CRC mode, display mode, device, version, length of data u16
    command's data: group, command, reply wanted, 2 bytes, parameters
    reply's data: A0, 00 ACK or 01 NACK, error, 2 reserved

The board's text is a level: one dynamic area a line, all of them in one command. A reply does not say what it
replies to, so one request is under way at a time; meanwhile the latest level waits, and only that one. Dynamic areas
live in the card's RAM: the level is sent again after every time-out, and every `refresh` seconds in case the card
restarted between two pings or a late reply was taken for another's. A level waits for a ping under way, but no longer
than `PING_PATIENCE`: a ping lost on a bad line must not hold up a call for the whole time-out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import inf
from struct import Struct
from typing import Literal, NamedTuple

from drivers.device import OK, Health
from drivers.framing import FrameReader, Taken, crc16_arc

SYNC = b"\xa5" * 8
END = 0x5A
_ESCAPES = {b"\xa5": b"\xa6\x02", b"\xa6": b"\xa6\x01", b"\x5a": b"\x5b\x02", b"\x5b": b"\x5b\x01"}
_PLAIN = {pair: byte for byte, pair in _ESCAPES.items()}
_TO_ESCAPE = re.compile(rb"[\xa5\xa6\x5a\x5b]")
_ESCAPED = re.compile(rb"[\xa6\x5b][\x01\x02]")
_BROKEN_ESCAPE = re.compile(rb"[\xa6\x5b](?![\x01\x02])")

HOST = 0x8000
CARD = 0x0001
"""The address cards have unless they were given another."""
ANY_CARD = 0xFFFE
ANY_DEVICE = 0xFE
"""Sent to every model: a card with another code than the configured model's obeys it too."""
VERSION = 0x02
CRC16 = 0x00
"""The CRC mode used here; a frame that names another is not read."""
_HEADER = Struct("<HH3xBBBBBH")
_CRC = Struct("<H")

REPLY_LIMIT = 256
COMMAND_LIMIT = 8192
"""Longest frames read, in bytes on the wire: replies by the host, commands by a card."""

XUnit = Literal["8px", "pixel", "pixel15"]
X_UNIT: dict[str, XUnit] = {"5k1": "8px", "5k2": "8px", "6k1": "pixel15", "6k2": "pixel15", "6k3": "pixel15"}
"""The unit of X and width by model: 8 pixels on BX-5K; on BX-6K pixels with bit 15 set, or plain pixels [?]."""
PIXEL_FLAG = 0x8000

PING_PATIENCE = 0.5
"""Seconds that a waiting level grants a ping under way."""
RETRY_PAUSES = (0.2, 0.4, 0.8, 1.6, 2.0)
"""Seconds before the next attempt after a NACK; the last one repeats."""
NO_ANSWER = Health("degraded", "no_answer")
REFUSED = Health("degraded", "board_refused")


class Command(IntEnum):
    """Group and command bytes."""

    STATUS = 0xA102
    PING = 0xA200
    POWER = 0xA300  # parameter 01 on, 02 off
    DYNAMIC_AREAS = 0xA306
    CLEAR = 0xA310


REPLY_WANTED = b"\x01"
REPLY_GROUP = 0xA0


class Error(IntEnum):
    """The error byte of a NACK, as far as it is known."""

    NONE = 0
    GROUP = 1
    COMMAND = 2
    BUSY = 3
    MEMORY = 4
    CRC = 5
    NO_FONT = 12


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of either direction; `data` is a command's or a reply's."""

    data: bytes
    destination: int = CARD
    source: int = HOST
    device: int = ANY_DEVICE

    def to_bytes(self) -> bytes:
        """The frame as it goes on the wire."""
        header = _HEADER.pack(self.destination, self.source, 0, CRC16, 0, self.device, VERSION, len(self.data))
        body = header + self.data + _CRC.pack(crc16_arc(header + self.data))
        return SYNC + _TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], body) + bytes([END])


def frame_reader(limit: int) -> FrameReader[Frame]:
    """A reader of frames of at most `limit` bytes. A5 and 5A occur in no frame's body, so noise never hides a frame."""

    def take(buffer: bytearray) -> Taken[Frame]:
        start = buffer.find(SYNC[:1])
        if start < 0:
            return Taken(len(buffer))
        if start:
            return Taken(start)
        body = len(buffer) - len(buffer.lstrip(SYNC[:1]))
        end = buffer.find(END, body)
        next_start = buffer.find(SYNC[:1], body, end if end >= 0 else len(buffer))
        if next_start >= 0:
            return Taken(next_start)
        if end < 0:
            return Taken(0)
        return Taken(end + 1, _parse(bytes(buffer[body:end])))

    return FrameReader(take, limit=limit)


def _parse(escaped: bytes) -> Frame | None:
    """The frame between A5 and 5A; None if an escape, the length, the CRC mode or the CRC is wrong."""
    body = _ESCAPED.sub(lambda found: _PLAIN[found[0]], escaped)
    size = len(body) - _HEADER.size - _CRC.size
    if _BROKEN_ESCAPE.search(escaped) or size < 0:
        return None
    destination, source, _, crc_mode, _, device, _, length = _HEADER.unpack_from(body)
    (crc,) = _CRC.unpack_from(body, len(body) - _CRC.size)
    if length != size or crc_mode != CRC16 or crc != crc16_arc(body[: -_CRC.size]):
        return None
    return Frame(body[_HEADER.size : -_CRC.size], destination, source, device)


def command(code: Command, parameters: bytes = b"", *, header: int = 0) -> bytes:
    """A command's data; `header` is the u16 before the parameters. A reply is always wanted."""
    return code.to_bytes(2, "big") + REPLY_WANTED + header.to_bytes(2, "little") + parameters


@dataclass(frozen=True, slots=True)
class Reply:
    """A card's answer: ACK, or NACK with the reason."""

    ack: bool
    error: int = Error.NONE

    def to_data(self) -> bytes:
        """The data of the reply's frame."""
        return bytes((REPLY_GROUP, not self.ack, self.error, 0, 0))

    @classmethod
    def from_data(cls, data: bytes) -> Reply | None:
        """None if the data is no reply's."""
        if len(data) < 3 or data[0] != REPLY_GROUP or data[1] > 1:
            return None
        return cls(data[1] == 0, data[2])


class RunMode(IntEnum):
    """What an area does with its pages once they have been shown."""

    LOOP = 0
    KEEP = 1
    HIDE = 2  # when no update comes within the time-out


class Area(NamedTuple):
    """One dynamic area, its fields in the order of the wire; text in GB2312.

    X and width are in the card's unit, y, height and line_space in pixels, the time-out in seconds. Speed and stay
    (half seconds) move pages: the defaults are those of the vendor's example, and a still single page uses neither.
    """

    x: int
    y: int
    width: int
    height: int
    id: int
    line_space: int = 0
    run_mode: int = RunMode.KEEP
    timeout: int = 0
    sound: int = 0  # not used: its own fields would follow
    extra: int = 0
    align: int = 0
    line_mode: int = 1  # 1 single line, 2 several
    newline: int = 1  # 1 by hand, 2 wraps
    effect: int = 1  # still
    exit: int = 0
    speed: int = 4
    stay: int = 5
    text: bytes = b""

    def to_bytes(self) -> bytes:
        """The area as it stands in the command, behind its length."""
        *fields, text = self
        return _AREA.pack(0, *fields, len(text)) + text

    @classmethod
    def from_bytes(cls, data: bytes) -> Area:
        """ValueError if the data is no text area, or one with sound."""
        if len(data) < _AREA.size:
            raise ValueError("an area is longer")
        kind, *fields, length = _AREA.unpack_from(data)
        area = cls._make([*fields, data[_AREA.size :]])
        if kind or area.sound or area.extra or length != len(area.text):
            raise ValueError("an area of another kind, with sound, or of a wrong length")
        return area


_AREA = Struct("<BHHHHBBBHBBBBBBBBBI")
"""Kind 00, the fields of `Area` up to stay, the text's length."""

ALL_AREAS = 0xFF


def areas_parameters(areas: Sequence[Area], *, delete_all: bool = False) -> bytes:
    """The parameters of DYNAMIC_AREAS: delete all areas or none, then set these."""
    blocks = [area.to_bytes() for area in areas]
    listed = b"".join(len(block).to_bytes(2, "little") + block for block in blocks)
    return bytes((ALL_AREAS if delete_all else 0, len(blocks))) + listed


# Characters that GB2312 has, under the other of the two code points that fonts draw alike.
_SAME_GLYPH = str.maketrans("\u2014\u00b7", "\u2015\u30fb")


def _encoded(character: str) -> bytes | None:
    """GB2312 bytes; None for what the card lacks, for controls, and for its escape character, the backslash."""
    if character < " " or character in "\\\x7f":
        return None
    try:
        return character.translate(_SAME_GLYPH).encode("gb2312")
    except UnicodeEncodeError:
        return None


def encodable(text: str) -> bool:
    """Whether a board can show every character of the text."""
    return all(_encoded(character) is not None for character in text)


Level = tuple[bytes, ...]
"""What the board should show, a line each."""


@dataclass(frozen=True, slots=True)
class _Request:
    """The request under way: a level, or a ping (None)."""

    level: Level | None
    at: float


class BxBoard:
    """A board of `lines` lines, each `width` x `line_height` pixels, as the controller sees it.

    `model` gives the unit of X and width unless `x_unit` does. `dynamic_header` says what the two bytes before the
    parameters of DYNAMIC_AREAS are [?]: the parameters' length, or a process mode (1 = clear and initialise) and 00.
    `hide_after` (whole seconds, 0 = never) makes the card blank a text that nobody confirms any more, so that a dead
    controller leaves no stale number; off by default, because a board that still shows the last call is the lesser
    evil in a hall. A line is cut to the cells of the card's 16-dot font (8 pixels for ASCII, 16 for Han): what ran
    over would come as a second page. ValueError for an unknown model.
    """

    def __init__(
        self,
        *,
        model: str = "5k1",
        lines: int = 4,
        width: int = 128,
        line_height: int = 16,
        destination: int = CARD,
        x_unit: XUnit | None = None,
        dynamic_header: Literal["length", "process"] = "length",
        hide_after: int = 0,
        reply_timeout: float = 3.0,
        ping_interval: float = 10.0,
        refresh: float = 60.0,
    ) -> None:
        if model not in X_UNIT:
            raise ValueError(f"{model!r} is no BX model; use one of {', '.join(X_UNIT)}")
        self._x_unit = x_unit or X_UNIT[model]
        self._lines = lines
        self._width = width
        self._line_height = line_height
        self._destination = destination
        self._dynamic_header = dynamic_header
        self._hide_after = hide_after
        self._reply_timeout = reply_timeout
        self._ping_interval = ping_interval
        self._refresh = min(refresh, hide_after / 3) if hide_after else refresh
        self._reader = frame_reader(REPLY_LIMIT)
        self._connected = False
        self._health: Health | None = None
        self._wanted: Level = (b" ",) * lines
        self._shown: Level | None = None  # as far as the card has confirmed it and has answered since
        self._shown_at = 0.0
        self._probing = False
        self._ping_at = 0.0
        self._request: _Request | None = None
        self._silent_since: float | None = None  # when the oldest request was sent that nothing has answered
        self._refusals = 0
        self._not_before = 0.0
        self.replaced = 0
        """Characters shown as "?" since the start, because the card lacks them."""

    def show(self, lines: Sequence[str]) -> None:
        """The text (level), newest call first; missing lines are blank, surplus ones are not shown."""
        rows = [self._encode(line) for line in lines[: self._lines]]
        self._wanted = (*rows, *[b" "] * (self._lines - len(rows)))

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = self._probing = True
        self._reader.reset()
        self._health = self._shown = self._request = self._silent_since = None
        self._refusals = 0
        self._ping_at = self._not_before = now
        return []

    def disconnected(self, now: float) -> Sequence[object]:
        self._connected = False
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        facts: list[object] = []
        for frame in self._reader.feed(data, now):
            reply = Reply.from_data(frame.data)
            if reply and self._request:
                facts += self._answered(self._request, reply, now)
        return facts

    def tick(self, now: float) -> Sequence[object]:
        if self._request and now >= self._gives_up_at(self._request):
            self._request = self._shown = None
        if self._silent_since is not None and now >= self._silent_since + self._reply_timeout:
            return self._turn(NO_ANSWER)
        return []

    def data_to_send(self, now: float) -> bytes:
        if not self._connected or self._request or now < self._not_before:
            return b""
        if now >= self._level_at() and not self._probing:
            self._request = _Request(self._wanted, now)
        elif now >= self._ping_at:
            self._request = _Request(None, now)
        else:
            return b""
        self._probing = False
        if self._silent_since is None:
            self._silent_since = now
        level = self._request.level
        data = command(Command.PING) if level is None else self._level_command(level)
        return Frame(data, self._destination).to_bytes()

    def next_deadline(self) -> float | None:
        if not self._connected:
            return None
        if not self._request:
            return max(self._not_before, min(self._level_at(), self._ping_at))
        gives_up = self._gives_up_at(self._request)
        if self._silent_since is None or self._health == NO_ANSWER:
            return gives_up
        return min(gives_up, self._silent_since + self._reply_timeout)

    # -- inside ----------------------------------------------------------------------------------------------

    def _answered(self, request: _Request, reply: Reply, now: float) -> Sequence[object]:
        self._request = self._silent_since = None
        self._ping_at = now + self._ping_interval
        if not reply.ack:
            self._not_before = now + RETRY_PAUSES[min(self._refusals, len(RETRY_PAUSES) - 1)]
            self._refusals += 1
            passing = reply.error == Error.BUSY and self._refusals < len(RETRY_PAUSES)
            return [] if passing else self._turn(REFUSED)
        self._refusals = 0
        if request.level is not None:
            self._shown, self._shown_at = request.level, now
        return self._turn(OK)

    def _turn(self, health: Health) -> Sequence[object]:
        """The health as a fact, if it is news."""
        if health == self._health:
            return []
        self._health = health
        return [health]

    def _level_at(self) -> float:
        """When the level is next to be sent."""
        return self._shown_at + self._refresh if self._wanted == self._shown else -inf

    def _gives_up_at(self, request: _Request) -> float:
        """When a request counts as lost."""
        hurried = request.level is None and self._level_at() == -inf
        return request.at + (min(PING_PATIENCE, self._reply_timeout) if hurried else self._reply_timeout)

    def _level_command(self, level: Level) -> bytes:
        """All lines in one command; on a card whose RAM is unknown, whatever else it shows is deleted with it."""
        fresh = self._shown is None
        areas = [
            Area(
                x=self._in_x_unit(0),
                y=row * self._line_height,
                width=self._in_x_unit(self._width),
                height=self._line_height,
                id=row,
                run_mode=RunMode.HIDE if self._hide_after else RunMode.KEEP,
                timeout=self._hide_after,
                text=text,
            )
            for row, text in enumerate(level)
        ]
        parameters = areas_parameters(areas, delete_all=fresh)
        header = len(parameters) if self._dynamic_header == "length" else fresh
        return command(Command.DYNAMIC_AREAS, parameters, header=header)

    def _in_x_unit(self, pixels: int) -> int:
        if self._x_unit == "8px":
            return -(-pixels // 8)
        return pixels | PIXEL_FLAG if self._x_unit == "pixel15" else pixels

    def _encode(self, text: str) -> bytes:
        """The line as the card takes it, cut to its cells; a GB2312 byte is a cell of 8 pixels."""
        line = b""
        for character in text:
            code = _encoded(character)
            if code is None:
                self.replaced += 1
                code = b"?"
            if len(line) + len(code) > self._width // 8:
                break
            line += code
        return line or b" "
