"""Pads of four keys on an RS-485 bus, as they stand on counters.

A pad finds frames by their length, and begins anew after a silence. The characters of a display are never 07h, so four
bytes that end with it set a lamp, and seven a text. That a pad does not repeat a key that is held is a guess [?].
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from controller.devices.four_key_pad import FourKeyPadSettings
from controller.lobby.model.rules import Rules
from simulators.devices.kit import (
    ANSWER,
    GLANCE,
    KEYS_KNOBS,
    Count,
    Day,
    NobodyAnswersError,
    Pad,
    Press,
    Visitor,
    Wired,
    known,
    seen,
)
from simulators.faults import Faults
from simulators.wire import Wire

IDLE = 0.01
"""Seconds of silence after which a pad takes the next byte for the first of a frame [?]."""
COLOURS = {0x30: "", **{code: ("red", "green")[(code - 0x31) % 2] for code in range(0x31, 0x37)}}
IN_HAND = (0x32, 0x35)
"""The lamps beside which a text is that of a ticket."""
BEEPING = 7
"""How much higher the code of a lamp with a beep is."""
GIVES_UP = 30.0
"""Seconds after which a clerk no longer presses a key again."""
HISTORY = 10_000


@dataclass(slots=True)
class FourKeyPad:
    """A pad's lamp (its code, without the beep) and display, and what it has received."""

    lamp: int = 0x30
    text: str = ""
    beeps: int = 0
    lamps: int = 0
    """How often its lamp was set."""
    tickets: deque[str] = field(default_factory=lambda: deque(maxlen=HISTORY))
    """The texts shown with a lit lamp, in order; the same again counts as the same."""

    @property
    def colour(self) -> str:
        return COLOURS.get(self.lamp, "")


class PadBus:
    """All pads of one bus."""

    def __init__(self, addresses: Iterable[int], faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self.pads = {address: FourKeyPad() for address in addresses}
        self._frame = bytearray()
        self._heard = 0.0
        self._out: list[tuple[float, bytes]] = []
        self._now = 0.0

    def press(self, address: int, key: int) -> None:
        """Press a key, 1 to 4."""
        said = bytes([0x01, address, 0x30 + key, 0x07])
        self._out.append((self._now, said))
        if self._faults.bounce:
            self._out.append((self._now + self._faults.bounce, said))

    def plugged(self, now: float) -> None:
        self._now = now
        self._frame.clear()
        self._out.clear()
        for pad in self.pads.values():
            pad.lamp, pad.text = 0x30, ""

    def receive(self, data: bytes, now: float) -> None:
        self._now = now
        if self._faults.deaf:
            return
        if now - self._heard > IDLE:
            self._frame.clear()
        self._heard = now
        for byte in data:
            self._frame.append(byte)
            if self._frame[0] != 0x01:
                self._frame.clear()
            elif len(self._frame) == 4 and byte == 0x07:
                self._lamp(*self._frame[1:3])
            elif len(self._frame) == 7:
                if byte == 0x07:
                    self._text(self._frame[1], bytes(self._frame[3:6]))
                self._frame.clear()

    def _lamp(self, address: int, code: int) -> None:
        self._frame.clear()
        pad = self.pads.get(address)
        if pad is None or not 0x30 <= code <= 0x3D:
            return
        beeps = code > 0x36
        pad.lamp = code - BEEPING if beeps else code
        pad.beeps += beeps
        pad.lamps += 1

    def _text(self, address: int, text: bytes) -> None:
        if pad := self.pads.get(address):
            pad.text = text.decode("cp1251").strip()
            if pad.lamp in IN_HAND and (not pad.tickets or pad.tickets[-1] != pad.text):
                pad.tickets.append(pad.text)

    def tick(self, now: float) -> None:
        self._now = now

    def data_to_send(self, now: float) -> list[bytes]:
        self._now = now
        due = [said for at, said in self._out if at <= now]
        self._out = [(at, said) for at, said in self._out if at > now]
        return due

    def next_deadline(self) -> float | None:
        return min((at for at, _ in self._out), default=None)


class ClerksPad:
    """A clerk at one pad; `keys`: what its keys do."""

    def __init__(self, bus: PadBus, address: int, keys: Mapping[str, str], wire: Wire) -> None:
        self._bus, self._address, self._wire = bus, address, wire
        self._pad = bus.pads[address]
        self._keys = {does.split()[0]: int(key[0]) for key, does in keys.items()}

    async def press(self, key: str, digits: str = "") -> bool:
        if key not in self._keys:
            return False
        beeps, lamps = self._pad.beeps, self._pad.lamps
        async with asyncio.timeout(GIVES_UP):
            while self._pad.lamps == lamps:
                self._bus.press(self._address, self._keys[key])
                self._wire.poke()
                await seen(lambda: self._pad.lamps > lamps, ANSWER)
        return not await seen(lambda: self._pad.beeps > beeps, 3 * GLANCE)

    def waiting(self) -> int:
        return int(self._pad.text) if self._pad.text.isdecimal() and not self._pad.colour else 0

    async def call(self) -> bool:
        return await self.press("CALL") and await seen(lambda: bool(self._pad.colour), 20 * GLANCE)

    async def started(self) -> None:
        await self.press("START")


class SimulatedPads(Wired):
    """The pads of one bus."""

    device: FourKeyPadSettings
    far_end: PadBus
    KNOBS = tuple(knob for knob in KEYS_KNOBS if knob.name != "stuck")
    USED_BY = "clerk"

    def make(self, faults: Faults) -> PadBus:
        return PadBus([pad.address for pad in self.device.pads], faults)

    def _counters(self) -> dict[str, int]:
        return {pad.counter: pad.address for pad in self.device.pads}

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield "others", {"id": self.device.id, "title": "Four-key pads"}

    def shows(self) -> tuple[str, Any]:
        lit, pads = self.wire.plugged, self.far_end.pads
        return "others", {
            "lines": [
                f"{counter}: {pads[address].text if lit else '':>3} {pads[address].colour if lit else ''}"
                for counter, address in self._counters().items()
            ],
            "keys": self._keys(),
        }

    def _keys(self) -> list[str]:
        """`<counter>/<key>`, since a device among the others is pressed by the name of its key alone."""
        return [f"{counter}/{key}" for counter in self._counters() for key in "1234"]

    def pads(self) -> Mapping[str, Pad]:
        return {
            counter: ClerksPad(self.far_end, address, self.device.keys, self.wire)
            for counter, address in self._counters().items()
        }

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        known(press.key, self._keys())
        self.plugged()
        counter, _, key = press.key.rpartition("/")
        pad = self.far_end.pads[self._counters()[counter]]
        lamps, beeps = pad.lamps, pad.beeps
        self.far_end.press(self._counters()[counter], int(key))
        self.wire.poke()
        if not await seen(lambda: pad.lamps > lamps, ANSWER):
            raise NobodyAnswersError("press.no_answer")
        if await seen(lambda: pad.beeps > beeps, 3 * GLANCE):
            return {"result": "refused", "text": visitor.words["terminal.beeped"]}
        return {"result": "ok", "text": pad.text}

    def counts(self, day: Day) -> Iterator[Count]:
        for counter, address in self._counters().items():
            here = [call for call in self.owed(day.calls) if call.counter == counter]
            must = [digits for digits, _ in groupby(call.ticket[-3:] for call in here)]
            rest = iter(self.far_end.pads[address].tickets)
            shown = next((n for n, each in enumerate(must) if each not in rest), len(must))
            yield Count("count.terminal", len(must), shown, True, counter)
