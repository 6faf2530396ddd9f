"""A numeric keypad on USB, as Linux tells of it: a record for each key that goes down or up, and one that ends each
message."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from controller.devices.usb_keypad import UsbKeypadSettings
from controller.lobby.model.rules import Rules
from simulators.devices.kit import KEYS_KNOBS, Press, Visitor, Wired, known
from simulators.faults import Faults

CODES = {
    **{"7": 71, "8": 72, "9": 73, "4": 75, "5": 76, "6": 77, "1": 79, "2": 80, "3": 81, "0": 82},
    **{"MINUS": 74, "PLUS": 78, "DOT": 83, "ENTER": 96, "SLASH": 98, "ASTERISK": 55, "BACKSPACE": 14, "NUMLOCK": 69},
}
"""The keys of a numeric keypad, and their codes in Linux's input-event-codes.h."""
REPEAT_AFTER, REPEAT_EVERY = 0.25, 0.033
"""Seconds until a key that is held repeats, and between its repetitions, as Linux has them."""
_SYN, _KEY, _SCAN = 0, 1, 4


def record(type: int, code: int, value: int, at: float = 0.0) -> bytes:
    """A `struct input_event` of a machine whose longs are as long as this one's."""
    return struct.pack("llHHi", int(at), int(at % 1 * 1_000_000), type, code, value)


def message(code: int, value: int, at: float = 0.0) -> bytes:
    """What Linux tells as a key goes down (1), goes up (0) or repeats (2)."""
    scanned = b"" if value == 2 else record(_SCAN, 4, 0x70000 + code, at)
    return scanned + record(_KEY, code, value, at) + record(_SYN, 0, int(value == 2), at)


class UsbKeypadFarEnd:
    """The keypad itself."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._out: list[tuple[float, int, int]] = []
        """What it is going to tell: when, code, value."""
        self._held: tuple[float, int] | None = None
        """The key that stays down, and when it repeats next."""
        self._now = 0.0

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        code = CODES[key]
        self._out.append((self._now, code, 1))
        if self._faults.stuck:
            self._held = (self._now + REPEAT_AFTER, code)
            return
        self._out.append((self._now, code, 0))
        if self._faults.bounce:
            self._out += [(self._now + self._faults.bounce, code, value) for value in (1, 0)]

    def plugged(self, now: float) -> None:
        self._now = now
        self._out.clear()
        self._held = None

    def receive(self, data: bytes, now: float) -> None:
        """Nothing is sent to it."""

    def tick(self, now: float) -> None:
        self._now = now
        if self._held and self._held[0] <= now:
            code = self._held[1]
            self._held = (now + REPEAT_EVERY, code) if self._faults.stuck else None
            self._out.append((now, code, 2 if self._faults.stuck else 0))

    def data_to_send(self, now: float) -> list[bytes]:
        self._now = now
        due = [message(code, value, at) for at, code, value in self._out if at <= now]
        self._out = [each for each in self._out if each[0] > now]
        return due

    def next_deadline(self) -> float | None:
        return min([at for at, *_ in self._out] + ([self._held[0]] if self._held else []), default=None)


class SimulatedUsbKeypad(Wired):
    """A numeric keypad on USB."""

    device: UsbKeypadSettings
    far_end: UsbKeypadFarEnd
    KNOBS = tuple(knob for knob in KEYS_KNOBS if knob.name != "deaf")

    def make(self, faults: Faults) -> UsbKeypadFarEnd:
        return UsbKeypadFarEnd(faults)

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        where = f"Counter {self.device.counter}: " if self.device.counter else ""
        yield "others", {"id": self.device.id, "title": f"{where}USB keypad"}

    def shows(self) -> tuple[str, Any]:
        return "others", {"keys": list(CODES)}

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        known(press.key, CODES)
        self.plugged()
        for key in (*press.digits, press.key):
            self.far_end.press(key)
        self.wire.poke()
        return {"result": "ok", "text": visitor.words["keypad.typed"]}
