"""A simulated card reader, which sends the tracks of the cards that are swiped.

The cards are the schemes' test cards and invented ones; there are no real card numbers here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from controller.devices.card_reader import CardReaderSettings
from controller.lobby.model.rules import Rules
from simulators.devices.kit import Press, UnknownKeyError, Visitor, Wired, known
from simulators.faults import Faults

Form = Literal["tracks", "one line", "framed", "chip", "number"]
NAME = "TEST/CARD"
REST = "30122010000000000"
"""Behind the number: valid until 12/2030, service code 201, and the issuer's own digits."""

HANDS = 1.0
"""Least seconds between two cards."""


class CardReaderFarEnd:
    """The reader itself.

    `form`: its output format: a line for each track followed by a check byte, both tracks in one line, track 2 between
    STX and ETX, a chip's track 2 in hexadecimal, or the number alone.
    """

    def __init__(self, form: Form = "tracks") -> None:
        self._form = form
        self._cards: deque[Sequence[bytes]] = deque()
        self._free_at = 0.0

    # -- hands -----------------------------------------------------------------------------------------------

    def swipe(self, number: str) -> None:
        """Swipe the card with this number."""
        self._cards.append(said(number, self._form))

    def noise(self, data: bytes) -> None:
        """Let it send these bytes: a worn stripe, a card of another kind, a loose plug."""
        self._cards.append([data])

    # -- the wire --------------------------------------------------------------------------------------------

    def plugged(self, now: float) -> None:
        self._cards.clear()

    def receive(self, data: bytes, now: float) -> None:
        """In this mode a reader takes no commands."""

    def tick(self, now: float) -> None:
        """A reader does nothing by itself."""

    def data_to_send(self, now: float) -> list[bytes]:
        if not self._cards or now < self._free_at:
            return []
        self._free_at = now + HANDS
        return list(self._cards.popleft())

    def next_deadline(self) -> float | None:
        return self._free_at if self._cards else None


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
        return CardReaderFarEnd()

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield "readers", {"id": self.device.id, "kiosk": self.device.kiosk}

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        known(press.key, ("SWIPE",))
        if not 12 <= len(press.digits) <= 19:
            raise UnknownKeyError("a card number has 12 to 19 digits")
        self.plugged()
        self.far_end.swipe(press.digits)
        self.wire.poke()
        return {"result": "ok", "text": visitor.words["reader.swiped"]}
