"""Frames of Onbon (仰邦) BX-5K / BX-6K font cards, and what their commands and replies hold.

Source: the vendor's protocol documents and libraries. Points on which they differ are marked [?].

Frame, both ways; integers are little-endian::

    A5 x8 | escape(header + data + CRC) | 5A           CRC-16/ARC over the unescaped header + data
    escape: A5 -> A6 02, A6 -> A6 01, 5A -> 5B 02, 5B -> 5B 01
    header: destination u16, source u16, 3 reserved, option, CRC mode, display mode, device, version, length of data u16
    command's data: group, command, reply wanted, 2 bytes, parameters
    reply's data: A0, 00 ACK or 01 NACK, error, 2 reserved
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

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
"""The default address of cards."""
ANY_CARD = 0xFFFE
ANY_DEVICE = 0xFE
"""The device code that cards of every model accept."""
VERSION = 0x02
CRC16 = 0x00
"""The CRC mode used here; frames with another are ignored."""
_HEADER = Struct("<HH3xBBBBBH")
_CRC = Struct("<H")

REPLY_LIMIT = 256
COMMAND_LIMIT = 8192
"""Longest frames read, in bytes on the wire: replies by the host, commands by a card."""
PIXEL_FLAG = 0x8000
"""Bit 15 of X and width: they count pixels [?]."""


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
    """The error byte of a NACK, as far as documented."""

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
    """A reader of frames of at most `limit` bytes. A5 and 5A do not occur inside a frame, so noise never hides one."""

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
    HIDE = 2  # loops, and shows nothing any more when no update comes within the time-out


class Effect(IntEnum):
    """How a page comes: at once, or moving in from the right."""

    STILL = 1
    LEFT = 3


COLORS = ("red", "green", "yellow")
"""In the order of the card's escapes for them: a backslash, C and the number from 1."""


def colored(text: bytes, color: str) -> bytes:
    """A text in GB2312 in one of `COLORS`; without a color as it is. It may hold no backslash of its own."""
    return b"\\C%d" % (COLORS.index(color) + 1) + text if color else text


class SoundMode(IntEnum):
    """What a card with a voice (..-YY) speaks when an area is set."""

    NOTHING = 0
    SHOWN = 1  # the area's text
    WORDS = 2  # words of their own


class Speech(NamedTuple):
    """What is spoken, once, when the area that carries it is set; `words` in GB2312.

    Source: a Java program for these cards in public use (class BxAreaDynamic), whose comments are the vendor's. It has
    `person` 0-5, `volume` 0-10 and `speed` 1-10, 5 if not said. How often `repeat` 0-15 has it spoken is not said [?]:
    in the vendor's programs for other cards 0 is once, 1 twice.
    """

    words: bytes
    repeat: int = 0
    person: int = 0
    volume: int = 5
    speed: int = 5
    mode: int = SoundMode.WORDS

    def to_bytes(self) -> bytes:
        """The fields behind the area's sound mode."""
        said = len(self.words).to_bytes(4, "little") + self.words if self.mode == SoundMode.WORDS else b""
        return bytes((self.repeat << 4 | self.person, self.volume, self.speed)) + said

    @classmethod
    def take(cls, mode: int, data: bytes) -> tuple[Speech, bytes]:
        """The speech at the beginning of the data, and the rest; ValueError if it is cut off."""
        size = 7 if mode == SoundMode.WORDS else 3
        if len(data) < size:
            raise ValueError("the sound fields are cut off")
        who, volume, speed = data[:3]
        end = size + int.from_bytes(data[3:size], "little")
        if len(data) < end:
            raise ValueError("the words are cut off")
        return cls(data[size:end], who >> 4, who & 0x0F, volume, speed, mode), data[end:]


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
    speech: Speech | None = None
    extra: int = 0
    align: int = 0
    line_mode: int = 1  # 1 single line, 2 several
    newline: int = 1  # 1 by hand, 2 wraps
    effect: int = Effect.STILL
    exit: int = 0
    speed: int = 4
    stay: int = 5
    text: bytes = b""

    def to_bytes(self) -> bytes:
        """The area as it stands in the command, behind its length."""
        speech, *look, text = self[8:]
        mode, said = (speech.mode, speech.to_bytes()) if speech else (SoundMode.NOTHING, b"")
        return _PLACE.pack(0, *self[:8], mode) + said + _LOOK.pack(*look, len(text)) + text

    @classmethod
    def from_bytes(cls, data: bytes) -> Area:
        """ValueError if the data is no text area."""
        if len(data) < _PLACE.size + _LOOK.size:
            raise ValueError("an area is longer")
        kind, *place, mode = _PLACE.unpack_from(data)
        speech, rest = None, data[_PLACE.size :]
        if mode in (SoundMode.SHOWN, SoundMode.WORDS):
            speech, rest = Speech.take(mode, rest)
        if len(rest) < _LOOK.size:
            raise ValueError("an area is longer")
        *look, length = _LOOK.unpack_from(rest)
        area = cls._make([*place, speech, *look, rest[_LOOK.size :]])
        if kind or mode > SoundMode.WORDS or area.extra or length != len(area.text):
            raise ValueError("an area of another kind, or of a wrong length")
        return area


_PLACE = Struct("<BHHHHBBBHB")
"""Kind 00, the fields of `Area` up to the time-out, the sound mode; the fields of a speech may follow."""
_LOOK = Struct("<BBBBBBBBI")
"""The fields of `Area` from extra to stay, the text's length."""

ALL_AREAS = 0xFF


def areas_parameters(areas: Sequence[Area], *, delete_all: bool = False) -> bytes:
    """The parameters of DYNAMIC_AREAS: delete all areas or none, then set these."""
    blocks = [area.to_bytes() for area in areas]
    listed = b"".join(len(block).to_bytes(2, "little") + block for block in blocks)
    return bytes((ALL_AREAS if delete_all else 0, len(blocks))) + listed
