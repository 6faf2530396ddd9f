"""A simulated card reader, which sends the tracks of the cards that are swiped.

The cards are the schemes' test cards and invented ones; there are no real card numbers here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from controller.devices.card_reader import CardReaderSettings
from controller.lobby.model.rules import Rules
from drivers.link import InputLink
from simulators.devices.kit import Press, UnknownKeyError, Visitor, Wired, known
from simulators.devices.usb_keypad import message
from simulators.faults import Faults

Form = Literal["tracks", "one line", "framed", "chip", "number"]
NAME = "TEST/CARD"
REST = "30122010000000000"
"""Behind the number: valid until 12/2030, service code 201, and the issuer's own digits."""

TYPING = 0.004
"""Seconds between two characters that are typed: a port has no room for a whole card at once."""
HANDS = 1.0
"""Least seconds between two cards."""


_LAYOUT = {2: "1234567890-=", 16: "qwertyuiop[]", 30: "asdfghjkl;'`", 43: "\\zxcvbnm,./"}
_SHIFTED = {2: "!@#$%^&*()_+", 16: "QWERTYUIOP{}", 30: 'ASDFGHJKL:"~', 43: "|ZXCVBNM<>?"}
_LEFT_SHIFT, _ENTER, _SPACE = 42, 28, 57


def typed(text: bytes) -> list[bytes]:
    """What Linux tells of a reader that types this on an American keyboard, with ENTER at the end of a line: an item a
    character."""
    told = []
    for character in text.decode("ascii").replace("\r\n", "\r").replace("\n", "\r"):
        plain = next((first + row.index(character) for first, row in _LAYOUT.items() if character in row), 0)
        code = {"\r": _ENTER, " ": _SPACE}.get(character, plain)
        if code:
            told.append(message(code, 1) + message(code, 0))
        else:
            code = next(first + row.index(character) for first, row in _SHIFTED.items() if character in row)
            told.append(message(_LEFT_SHIFT, 1) + message(code, 1) + message(code, 0) + message(_LEFT_SHIFT, 0))
    return told


class CardReaderFarEnd:
    """The reader itself.

    `form`: its output format: a line for each track followed by a check byte, both tracks in one line, track 2 between
    STX and ETX, a chip's track 2 in hexadecimal, or the number alone. `types`: it types that, as a keyboard.
    """

    def __init__(self, form: Form = "tracks", *, types: bool = False) -> None:
        self._form = form
        self._types = types
        self._cards: deque[Sequence[bytes]] = deque()
        self._free_at = 0.0
        self._out: list[tuple[float, bytes]] = []
        """What it is going to say, and when."""

    # -- hands -----------------------------------------------------------------------------------------------

    def swipe(self, number: str) -> None:
        """Swipe the card with this number."""
        self._cards.append(said(number, self._form))

    def noise(self, data: bytes) -> None:
        """Let it send this: a worn stripe, a card of another kind, a loose plug."""
        self._cards.append([data])

    # -- the wire --------------------------------------------------------------------------------------------

    def plugged(self, now: float) -> None:
        self._cards.clear()
        self._out.clear()

    def receive(self, data: bytes, now: float) -> None:
        """In this mode a reader takes no commands."""

    def tick(self, now: float) -> None:
        """A reader does nothing by itself."""

    def data_to_send(self, now: float) -> list[bytes]:
        if self._cards and now >= self._free_at:
            self._free_at = now + HANDS
            for line in self._cards.popleft():
                for piece in typed(line) if self._types else [line]:
                    self._out.append((now + len(self._out) * TYPING if self._types else now, piece))
        due = [piece for at, piece in self._out if at <= now]
        self._out = self._out[len(due) :]
        return due

    def next_deadline(self) -> float | None:
        times = [at for at, _ in self._out[:1]] + ([self._free_at] if self._cards else [])
        return min(times, default=None)


def said(number: str, form: Form) -> Sequence[bytes]:
    """What a reader with that output format sends for a card, one item per line."""
    track_1, track_2 = f"%B{number}^{NAME:<26}^{REST}?", f";{number}={REST}?"
    match form:
        case "tracks":
            return [_checked(track_1, 0x20) + b"\r", _checked(track_2, 0x30) + b"\r"]
        case "one line":
            return [f"{track_1}{track_2}\r\n".encode("ascii")]
        case "framed":
            return [f"\x02{track_2}\r\x03".encode("ascii")]
        case "chip":
            hexadecimal = f"{number}D{REST}"
            return [(hexadecimal + "F" * (len(hexadecimal) % 2) + "\r\n").encode("ascii")]
        case "number":
            return [f"{number}\n".encode("ascii")]


def _checked(track: str, lowest: int) -> bytes:
    """A track with its check character: the exclusive or of all of them, as the stripe counts them."""
    check = 0
    for character in track.encode("ascii"):
        check ^= character - lowest
    return track.encode("ascii") + bytes([check + lowest])


class SimulatedCardReader(Wired):
    """A card reader beside a ticket button."""

    device: CardReaderSettings
    far_end: CardReaderFarEnd

    def make(self, faults: Faults) -> CardReaderFarEnd:
        return CardReaderFarEnd(types=isinstance(self.device.link, InputLink))

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield "readers", {"id": self.device.id, "kiosk": self.device.kiosk or self.device.page}

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        known(press.key, ("SWIPE",))
        if not 12 <= len(press.digits) <= 19:
            raise UnknownKeyError("a card number has 12 to 19 digits")
        self.plugged()
        self.far_end.swipe(press.digits)
        self.wire.poke()
        return {"result": "ok", "text": visitor.words["reader.swiped"]}
