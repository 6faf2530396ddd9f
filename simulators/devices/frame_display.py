"""Displays that understand frames of a template, as they would have to be built: nothing is shared with the driver but
the template's text, so that one mistake is not made twice.

A frame has a fixed size. What does not fit the template, or has a wrong check, shows nothing and is skipped byte by
byte.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from controller.devices.frame_display import FrameDisplaysSettings
from controller.lobby.model.rules import Rules
from simulators.devices.kit import Count, Day, Wired
from simulators.faults import Faults

HISTORY = 10_000
"""Texts remembered."""
_TEXTS = ("ticket", "counter", "line1", "line2", "call")
_NUMBERS = ("digits", "waiting")
_POLYNOMIALS = {
    "crc16-arc": (0x8005, 0x0000, True),
    "crc16-modbus": (0x8005, 0xFFFF, True),
    "crc16-xmodem": (0x1021, 0x0000, False),
    "crc16-ccitt-false": (0x1021, 0xFFFF, False),
}
"""Polynomial, initial value, and whether bits come and go lowest first."""


def crc16(data: bytes, polynomial: int, value: int, lowest_first: bool) -> bytes:
    """A CRC bit by bit, as it goes on the wire: of those with the lowest bit first the low byte first."""
    for byte in data:
        for bit in range(8):
            incoming = byte >> (bit if lowest_first else 7 - bit) & 1
            carry = (value >> 15 & 1) ^ incoming
            value = (value << 1 & 0xFFFF) ^ (polynomial if carry else 0)
    if not lowest_first:
        return bytes([value >> 8, value & 0xFF])
    mirrored = int(f"{value:016b}"[::-1], 2)
    return bytes([mirrored & 0xFF, mirrored >> 8])


class TemplateDisplays:
    """All displays of one bus. `shown`: what each shows, by address and field; `history`: all tickets or digits that
    each has shown."""

    def __init__(self, template: str, encoding: str, addresses: list[int]) -> None:
        self._parts = [self._part(part) for part in template.split()]
        self._encoding = encoding
        self._has_address = any(name == "address" for name, *_ in self._parts)
        self._first = addresses[0]
        self.shown: dict[int, dict[str, str]] = {address: {} for address in addresses}
        self.history: dict[int, deque[str]] = {address: deque(maxlen=HISTORY) for address in addresses}
        self.skipped = 0
        """Bytes that were no frame."""
        self._buffer = bytearray()
        self._size = sum(size for _, _, _, size in self._parts)

    @staticmethod
    def _part(text: str) -> tuple[str, str, list[str], int]:
        """(name, value or width, forms, bytes)"""
        if text in ("[", "]"):
            return text, "", [], 0
        if "{" not in text:
            return "byte", text, [], 1
        name, *options = re.sub(r"[{}]", "", text).split(":")
        width = options.pop(0) if name in _TEXTS + _NUMBERS else ""
        if name == "address":
            return name, "", options, 2 if options else 1
        if name == "length":
            return name, "", [], 1
        if width:
            return name, width, options, int(width) // 2 if "bcd" in options else int(width)
        size = 2 if name in _POLYNOMIALS else 1
        return name, "", options, size * 2 if "hex" in options else size

    def plugged(self, now: float) -> None:
        self._buffer.clear()
        for shown in self.shown.values():
            shown.clear()

    def receive(self, data: bytes, now: float) -> None:
        self._buffer += data
        while len(self._buffer) >= self._size:
            found = self._decoded(bytes(self._buffer[: self._size]))
            if found is None:
                del self._buffer[0]
                self.skipped += 1
                continue
            del self._buffer[: self._size]
            address = int(found.pop("address", str(self._first)))
            if address in self.shown:
                self.shown[address] = found
                ticket = found.get("ticket") or found.get("digits") or ""
                if ticket and (not self.history[address] or self.history[address][-1] != ticket):
                    self.history[address].append(ticket)

    def tick(self, now: float) -> None:
        """A display does nothing by itself."""

    def data_to_send(self, now: float) -> list[bytes]:
        return []

    def next_deadline(self) -> float | None:
        return None

    # -- inside ----------------------------------------------------------------------------------------------

    def _decoded(self, frame: bytes) -> dict[str, str] | None:
        """What a frame says, by field; None: it is none of the template's."""
        at, values = 0, dict[str, str]()
        begin, end = 0, -1
        places: list[tuple[str, list[str], int, int]] = []
        for name, value, forms, size in self._parts:
            data = frame[at : at + size]
            if name == "[":
                begin = at
            elif name == "]":
                end = at
            elif name == "byte":
                if data != bytes.fromhex(value):
                    return None
            elif name == "address":
                try:
                    values[name] = str(int(data, 16) if forms else data[0])
                except ValueError:
                    return None
            elif value:
                text = self._text(data, name, forms)
                if text is None:
                    return None
                values[name] = text
            else:
                places.append((name, forms, at, size))
            at += size
        for name, forms, where, size in places:
            covered = frame[begin : end if 0 <= end <= where else where]
            if name == "length" and frame[where] != end - begin:
                return None
            if name != "length" and frame[where : where + size] != self._check(name, forms, covered):
                return None
        return values

    def _text(self, data: bytes, name: str, forms: list[str]) -> str | None:
        try:
            if name in _TEXTS:
                return data.decode(self._encoding).strip()
            if "bcd" in forms:
                text = data.hex().upper().replace("F", " ")
            elif "raw" in forms:
                text = "".join(" " if byte == 0x0A else str(byte) for byte in data)
            else:
                text = data.decode("ascii")
        except UnicodeDecodeError:
            return None
        return text.strip() if re.fullmatch(r" *[0-9]*", text) else None

    def _check(self, name: str, forms: list[str], data: bytes) -> bytes:
        if name in _POLYNOMIALS:
            found = crc16(data, *_POLYNOMIALS[name])
        elif name == "xor":
            found = bytes([0])
            for byte in data:
                found = bytes([found[0] ^ byte])
        else:
            total = sum(data) % 256
            found = bytes([total if name == "sum" else (256 - total) % 256])
        if "swap" in forms:
            found = bytes(reversed(found))
        return found.hex().upper().encode() if "hex" in forms else found


class SimulatedFrameDisplays(Wired):
    """The displays of one bus."""

    device: FrameDisplaysSettings
    far_end: TemplateDisplays
    TITLE = "Counter displays"

    def make(self, faults: Faults) -> TemplateDisplays:
        addresses = [each.address for each in self.device.displays]
        return TemplateDisplays(self.device.frame.text, self.device.encoding, addresses)

    def shows(self) -> tuple[str, Any]:
        shown: Mapping[int, Mapping[str, str]] = self.far_end.shown if self.wire.plugged else {}
        lines = [
            f"{each.counter}: {' '.join(filter(None, shown.get(each.address, {}).values()))}"
            for each in self.device.displays
        ]
        return "others", {"lines": lines}

    @property
    def is_read(self) -> bool:
        return "ticket" in self.device.frame.fields

    def calls(self, rules: Rules) -> Iterator[tuple[str, str]]:
        for each in self.device.displays:
            if ticket := self.far_end.shown[each.address].get("ticket"):
                yield ticket, each.counter

    def counts(self, day: Day) -> Iterator[Count]:
        fields = self.device.frame.fields
        if not fields & {"ticket", "digits"}:
            return
        for each in self.device.displays:
            seen = set(self.far_end.history[each.address])
            here = [call.ticket for call in self.owed(day.calls) if call.counter == each.counter]
            found = sum(
                ticket in seen or ("ticket" not in fields and any(ticket.endswith(digits) for digits in seen))
                for ticket in here
            )
            yield Count("count.calls", len(here), found, True, f"{self.device.id} ({each.counter})")
