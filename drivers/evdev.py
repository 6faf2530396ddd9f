"""Keys as Linux reports them: keypads on USB, and card readers that type what they read ("keyboard wedge").

Source: the kernel's `input.h` and `input-event-codes.h`, and its document "Linux Input Subsystem: event codes". A node
/dev/input/event<n> gives records of `struct input_event`: the time (seconds and microseconds, each a C long), then type
and code (two bytes each) and value (four); 24 bytes, 16 where a long has 32 bits. A key has the type EV_KEY and the
value 1 as it goes down, 0 as it goes up, and 2 each time that it repeats while it is held. SYN_DROPPED means that the
kernel's buffer has run over: what follows it, up to the next SYN_REPORT, is not to be used, and nobody knows what was
lost before.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from drivers.cardreader import CardReader
from drivers.device import Health
from drivers.framing import FrameReader, Taken

RECORD = struct.Struct("llHHi")
"""`struct input_event` of this machine."""
EV_SYN, EV_KEY = 0x00, 0x01
SYN_REPORT, SYN_DROPPED = 0, 3
UP, DOWN, REPEATED = 0, 1, 2
EV_MAX, KEY_MAX = 0x1F, 0x2FF

KEYPAD_ONLY = Health("ok", "keypad_port_only")
"""The node is open; nothing more can be known before a key is pressed."""
LONGEST = 6
"""Most digits that can be typed before a key."""
TYPED_WITHIN = 10.0
"""Seconds after a digit in which the next key must follow."""

_ROWS = {16: "QWERTYUIOP", 30: "ASDFGHJKL", 44: "ZXCVBNM"}
NAMES: dict[int, str] = {
    **dict(enumerate("1234567890", 2)),
    **{71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"},
    **{first + n: letter for first, row in _ROWS.items() for n, letter in enumerate(row)},
    **{58 + n: f"F{n}" for n in range(1, 11)},
    **{87: "F11", 88: "F12"},
    **{28: "ENTER", 96: "ENTER", 12: "MINUS", 74: "MINUS", 78: "PLUS", 55: "ASTERISK", 53: "SLASH", 98: "SLASH"},
    **{13: "EQUAL", 117: "EQUAL", 51: "COMMA", 121: "COMMA", 52: "DOT", 83: "DOT", 57: "SPACE", 15: "TAB"},
    **{1: "ESC", 14: "BACKSPACE", 111: "DELETE", 179: "LEFTPAREN", 180: "RIGHTPAREN"},
}
"""Key code -> our name of the key: that of the kernel without KEY_ and KP. The codes of a numeric block do not depend
on NumLock, whose own key has no name here."""
DIGITS = frozenset("0123456789")
CLEARS = frozenset(("BACKSPACE", "DELETE", "ESC"))
"""Keys that take back the digits that were typed, unless they have another meaning."""
SHIFTS = (42, 54)
_UNSHIFTED = {11: "0", 12: "-", 13: "=", 26: "[", 27: "]", 39: ";", 40: "'", 41: "`", 43: "\\", 51: ",", 52: "."}
_UNSHIFTED |= {53: "/", 57: " ", 28: "\r", 96: "\r", 15: "\r"}
_UNSHIFTED |= {55: "*", 74: "-", 78: "+", 83: ".", 98: "/", 117: "=", 121: ","}
_SHIFTED = dict(zip(range(2, 12), "!@#$%^&*()", strict=True))
_SHIFTED |= {12: "_", 13: "+", 26: "{", 27: "}", 39: ":", 40: '"', 41: "~", 43: "|", 51: "<", 52: ">", 53: "?"}


@dataclass(frozen=True, slots=True)
class Record:
    """One record, without its time."""

    type: int
    code: int
    value: int


def record_reader(layout: struct.Struct = RECORD) -> FrameReader[Record]:
    """A reader of records. The kernel gives whole ones alone; of noise, from a wire that stands for a node, it makes
    none."""

    def take(buffer: bytearray) -> Taken[Record]:
        if len(buffer) < layout.size:
            return Taken(0)
        _, micro, type, code, value = layout.unpack_from(buffer)
        is_key = type != EV_KEY or (code <= KEY_MAX and UP <= value <= REPEATED)
        if not (0 <= micro < 1_000_000 and type <= EV_MAX and is_key):
            return Taken(1)
        return Taken(layout.size, Record(type, code, value))

    return FrameReader(take, limit=layout.size)


class Keys:
    """Makes keys of records."""

    def __init__(self, records: FrameReader[Record] | None = None) -> None:
        self._records = records or record_reader()
        self._dropped = False

    def reset(self) -> None:
        """The node has been opened anew."""
        self._records.reset()
        self._dropped = False

    def feed(self, data: bytes, now: float) -> list[tuple[int, int] | None]:
        """The keys that went down, up, or repeat: (code, value); None: some were lost here."""
        found: list[tuple[int, int] | None] = []
        for record in self._records.feed(data, now):
            if record.type == EV_SYN and record.code == SYN_DROPPED:
                self._dropped = True
                found.append(None)
            elif self._dropped:
                self._dropped = not (record.type == EV_SYN and record.code == SYN_REPORT)
            elif record.type == EV_KEY:
                found.append((record.code, record.value))
        return found


@dataclass(frozen=True, slots=True)
class Typed:
    """A key was pressed, after these digits."""

    key: str
    digits: str


class UsbKeypad:
    """The driver of a keypad: digits, then a key. `keys`: the names of those with a meaning; a digit among them is a
    key, and cannot be typed.

    A key that is held acts once. Of seven digits or more nobody knows which were meant: the key after them does
    nothing.
    """

    def __init__(self, keys: Collection[str], *, typed_within: float = TYPED_WITHIN) -> None:
        self._used = frozenset(keys)
        self._typed_within = typed_within
        self._keys = Keys()
        self._digits = ""
        self._typed_at = 0.0

    def connected(self, now: float) -> Sequence[object]:
        self._keys.reset()
        self._digits = ""
        return [KEYPAD_ONLY]

    def disconnected(self, now: float) -> Sequence[object]:
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        facts: list[object] = []
        for key in self._keys.feed(data, now):
            if key is None:
                self._digits = ""
            elif key[1] == DOWN and (fact := self._down(NAMES.get(key[0], ""), now)):
                facts.append(fact)
        return facts

    def _down(self, name: str, now: float) -> Typed | None:
        if now - self._typed_at > self._typed_within:
            self._digits = ""
        if name in self._used:
            digits, self._digits = self._digits, ""
            return Typed(name, digits) if len(digits) <= LONGEST else None
        if name in DIGITS:
            self._digits = (self._digits + name)[: LONGEST + 1]
            self._typed_at = now
        elif name in CLEARS:
            self._digits = ""
        return None

    def tick(self, now: float) -> Sequence[object]:
        return []

    def data_to_send(self, now: float) -> bytes:
        """Nothing is sent to a keypad."""
        return b""

    def next_deadline(self) -> float | None:
        return None


@dataclass(slots=True)
class TypingReader:
    """The driver of a card reader that types: its keys, by the American layout, are the lines of one on a serial line.

    After lost keys the rest of that card is not read: it would be another number.
    """

    _keys: Keys = field(default_factory=Keys, repr=False)
    _reader: CardReader = field(default_factory=CardReader, repr=False)
    _shifts: set[int] = field(default_factory=set, repr=False)

    def connected(self, now: float) -> Sequence[object]:
        self._keys.reset()
        self._shifts.clear()
        return self._reader.connected(now)

    def disconnected(self, now: float) -> Sequence[object]:
        return self._reader.disconnected(now)

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        text = bytearray()
        for key in self._keys.feed(data, now):
            if key is None:
                self._shifts.clear()
                text += LOST
            elif key[0] in SHIFTS:
                (self._shifts.discard if key[1] == UP else self._shifts.add)(key[0])
            elif key[1] == DOWN:
                text += character(key[0], shifted=bool(self._shifts)).encode("ascii")
        return self._reader.receive(bytes(text), now)

    def tick(self, now: float) -> Sequence[object]:
        return self._reader.tick(now)

    def data_to_send(self, now: float) -> bytes:
        return b""

    def next_deadline(self) -> float | None:
        return self._reader.next_deadline()


LOST = b"\x00"
"""What stands for lost keys: no line with it has a card number."""


def character(code: int, *, shifted: bool) -> str:
    """What a key types by the American layout; ENTER and TAB end a line, and keys without a character type nothing.
    Letters are capitals, whatever CapsLock is."""
    name = NAMES.get(code, "")
    if shifted:
        return _SHIFTED.get(code, name if len(name) == 1 and name.isalpha() else "")
    return _UNSHIFTED.get(code, name if len(name) == 1 else "")
