"""Pads of four keys on an RS-485 bus, 57600 8N1, each with a lamp and a display of three characters.

Source: read from the program of a hall system in use; there is no vendor's sheet.

* Pad to host, four bytes: `01 address key 07`; keys 31h call and recall, 32h start, 33h redirect, 34h no-show or
  finish.
* Host to pad, four bytes: `01 address lamp 07`; lamps 30h off, 31h red, 32h green, 33h and 34h blinking every 200 ms,
  35h and 36h every 500 ms, 37h to 3Dh the same seven with a beep.
* Host to pad, seven bytes: `01 address blink c c c 07`; three characters in cp1251, shown steadily (20h), blinking for
  ever (21h), or n - 21h times (22h to 7Fh).

Inferred [?]: which of the two of a pair is red (the first), and that the lamps with a beep are in the same order.

There is no check sum and no acknowledgement, and an address may be 01 or 07: a frame is found by its length and the
silence after it. A lamp's frame can be that of a key: what was sent a moment ago and comes back is an echo, and of the
lamps that are keys too only 32h is used, while the customer is there, when START means nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from drivers.device import Health, UnknownAddress
from drivers.framing import FrameReader, Taken

HEAD, TAIL = 0x01, 0x07
KEYS = range(0x31, 0x35)
OFF, GREEN, RED_BLINKING = 0x30, 0x32, 0x35
REFUSED = 0x3A
"""Red, blinking quickly, with a beep."""
STEADY = 0x20
CHARACTERS = 3
ADDRESSES = 256

PORT_ONLY = Health("ok", "keypad_port_only")
"""The port is open; nothing more can be known before a key is pressed."""
GARBLED = Health("degraded", "garbled")
SILENCE = 0.1
"""Seconds after which an incomplete frame is dropped; adapters on USB deliver in pieces up to 16 ms apart."""
GAP = 0.02
"""Seconds of silence after each of our frames, by which the pads find the next."""
ECHO = 0.25
"""Seconds in which a frame that equals one of ours is its echo."""
REFUSED_FOR = 1.5
"""Seconds for which a pad shows that a press was refused."""
NOISE_SPELL = 60.0
"""Seconds without a broken frame, after which the line counts as good again."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key, 1 to 4, of the pad at an address, to be answered with `FourKeyBus.answer`. `link`: the number of the link
    that it came on."""

    address: int
    key: int
    link: int


def lamp_frame(address: int, lamp: int) -> bytes:
    """Set a pad's lamp."""
    return bytes((HEAD, address, lamp, TAIL))


def text_frame(address: int, text: str) -> bytes:
    """Show the last three characters of a text, at the right."""
    return bytes((HEAD, address, STEADY)) + text[-CHARACTERS:].rjust(CHARACTERS).encode("cp1251", "replace") + b"\x07"


def _take(buffer: bytearray) -> Taken[tuple[int, int]]:
    if buffer[0] != HEAD:
        return Taken(1)
    if len(buffer) < 4:
        return Taken(0)
    if buffer[2] not in KEYS or buffer[3] != TAIL:
        return Taken(1)
    return Taken(4, (buffer[1], buffer[2]))


def key_reader() -> FrameReader[tuple[int, int]]:
    """A reader of the pads' frames: (address, byte of the key)."""
    return FrameReader(_take, limit=4, silence=SILENCE)


@dataclass(slots=True)
class _Pad:
    """What a pad should show, and what it has been sent."""

    lamp: int = OFF
    lamp_sent: int | None = None
    text: str = ""
    text_sent: str | None = None
    refuse: bool = False
    """Whether it is yet to be told that a press was refused."""
    refused_until: float | None = None

    def forget(self) -> None:
        """Nobody knows what it shows."""
        self.lamp_sent = self.text_sent = None

    def next_frame(self, address: int, now: float) -> bytes:
        """What is to be sent to it now; empty: nothing."""
        if self.refuse:
            self.refuse, self.refused_until, self.lamp_sent = False, now + REFUSED_FOR, None
            return lamp_frame(address, REFUSED)
        if self.refused_until is not None and now >= self.refused_until:
            self.refused_until = None
        if self.refused_until is not None:
            return b""
        if self.lamp != self.lamp_sent:
            self.lamp_sent = self.lamp
            return lamp_frame(address, self.lamp)
        if self.text != self.text_sent:
            self.text_sent = self.text
            return text_frame(address, self.text)
        return b""

    def due(self, free_at: float) -> float | None:
        """When there is something to send to it."""
        if self.refuse:
            return free_at
        if self.refused_until is not None:
            return max(free_at, self.refused_until)
        return free_at if (self.lamp, self.text) != (self.lamp_sent, self.text_sent) else None


class FourKeyBus:
    """The driver of one bus with pads at these addresses. `baud`: the line's speed; None: not known. `refresh`: seconds
    between two refreshes of each pad, since it confirms nothing."""

    def __init__(self, addresses: Collection[int], *, baud: int | None = 57600, refresh: float = 60.0) -> None:
        self._pads = {address: _Pad() for address in sorted(addresses)}
        self._byte_time = 10 / baud if baud else 0.0
        self._reader = key_reader()
        self._sent: deque[tuple[float, bytes]] = deque(maxlen=16)
        """Our latest frames, and until when they may come back."""
        self._unknown: set[int] = set()
        self._connected = False
        self._link = 0
        self._free_at = 0.0
        self._noisy_until: float | None = None
        self._turns = deque(self._pads)
        self._pause = refresh / max(1, len(self._pads))
        self._refresh_at = 0.0

    # -- what the controller wants ---------------------------------------------------------------------------

    def show(self, address: int, lamp: int, text: str) -> None:
        """What a pad shows (level)."""
        pad = self._pads[address]
        pad.lamp, pad.text = lamp, text

    def answer(self, pressed: Pressed, *, refused: bool) -> None:
        """Answer a press, unless its link has been lost since: what the pad shows is sent again, or it beeps."""
        pad = self._pads[pressed.address]
        if pressed.link != self._link or not self._connected:
            return
        pad.forget()
        pad.refuse, pad.refused_until = refused, None

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = True
        self._link += 1
        self._reader.reset()
        self._sent.clear()
        self._unknown.clear()
        self._free_at = now
        self._noisy_until = None
        self._refresh_at = now + self._pause
        for pad in self._pads.values():
            pad.forget()
            pad.refuse, pad.refused_until = False, None
        return [PORT_ONLY]

    def disconnected(self, now: float) -> Sequence[object]:
        self._connected = False
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        before = self._reader.garbage
        facts: list[object] = []
        for address, code in self._reader.feed(data, now):
            if self._is_echo(lamp_frame(address, code), now):
                continue
            if address in self._pads:
                facts.append(Pressed(address, code - KEYS.start + 1, self._link))
            elif address not in self._unknown:
                self._unknown.add(address)
                facts.append(UnknownAddress(address))
        if self._reader.garbage != before:
            if self._noisy_until is None:
                facts.append(GARBLED)
            self._noisy_until = now + NOISE_SPELL
        return facts

    def tick(self, now: float) -> Sequence[object]:
        if now >= self._refresh_at:
            self._refresh_at = now + self._pause
            self._pads[self._turns[0]].forget()
            self._turns.rotate(-1)
        if self._noisy_until is not None and now >= self._noisy_until:
            self._noisy_until = None
            return [PORT_ONLY]
        return []

    def data_to_send(self, now: float) -> bytes:
        if not self._connected or now < self._free_at:
            return b""
        frame = next((frame for address, pad in self._pads.items() if (frame := pad.next_frame(address, now))), b"")
        if frame:
            self._free_at = now + len(frame) * self._byte_time + GAP
            self._sent.append((self._free_at + ECHO, frame))
        return frame

    def next_deadline(self) -> float | None:
        if not self._connected:
            return None
        times = [self._refresh_at, *(due for pad in self._pads.values() if (due := pad.due(self._free_at)) is not None)]
        if self._noisy_until is not None:
            times.append(self._noisy_until)
        return min(times)

    def _is_echo(self, frame: bytes, now: float) -> bool:
        return any(frame == sent and now < until for until, sent in self._sent)
