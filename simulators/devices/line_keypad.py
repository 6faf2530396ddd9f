"""A keypad that says one line a key, as it stands on a counter: digits, keys, and a cell that shows the last answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from controller.devices.line_keypad import LineKeypadSettings
from controller.lobby.actions.press import Where
from controller.lobby.model.rules import Rules
from controller.presses import keys
from simulators.devices.kit import ANSWER, KEYS_KNOBS, NobodyAnswersError, Pad, Press, Visitor, Wired, known, seen
from simulators.faults import Faults
from simulators.wire import Wire

GIVES_UP = 30.0
"""Seconds after which a clerk no longer presses a key again."""
DIGITS = "0123456789"
LONGEST = 6
"""Most digits that can be typed before a key."""


class LineKeypadFarEnd:
    """The keypad itself. `typed`: the digits before the next key; `answers`: how often it was answered, `last` how."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._out: list[tuple[float, bytes]] = []
        """What it says, and when."""
        self._line = bytearray()
        self._now = 0.0
        self.typed = ""
        self.answers = 0
        self.last = ""

    def type(self, digit: str) -> None:
        """Type a digit; one too many is not taken."""
        self.typed = (self.typed + digit)[:LONGEST]

    def press(self, key: str, digits: str = "") -> None:
        """Press a key, after what was typed and these digits."""
        before, self.typed = self.typed + digits, ""
        line = f"{before} {key}\r\n" if before else f"{key}\r\n"
        self._out.append((self._now, line.encode("ascii")))
        if self._faults.bounce:
            self._out.append((self._now + self._faults.bounce, line.encode("ascii")))

    def plugged(self, now: float) -> None:
        self._now = now
        self._out.clear()
        self._line.clear()
        self.typed = self.last = ""

    def receive(self, data: bytes, now: float) -> None:
        self._now = now
        self._line += data
        while b"\n" in self._line:
            line, _, rest = self._line.partition(b"\n")
            self._line = rest
            said = bytes(line).strip()
            if said in (b"OK", b"NO"):
                self.answers += 1
                self.last = said.decode("ascii")
        del self._line[:-8]

    def tick(self, now: float) -> None:
        self._now = now

    def data_to_send(self, now: float) -> list[bytes]:
        self._now = now
        due = [line for at, line in self._out if at <= now]
        self._out = [(at, line) for at, line in self._out if at > now]
        return due

    def next_deadline(self) -> float | None:
        return min((at for at, _ in self._out), default=None)


class LinePad:
    """A clerk at such a keypad, which shows no number waiting."""

    def __init__(self, far_end: LineKeypadFarEnd, wire: Wire) -> None:
        self._far_end, self._wire = far_end, wire

    async def press(self, key: str, digits: str = "") -> bool:
        answers = self._far_end.answers
        async with asyncio.timeout(GIVES_UP):
            while self._far_end.answers == answers:
                self._far_end.press(key, digits)
                self._wire.poke()
                await seen(lambda: self._far_end.answers > answers, ANSWER)
        return self._far_end.last == "OK"

    def waiting(self) -> int:
        return 1  # for all that the clerk knows: they press CALL to find out

    async def call(self) -> bool:
        return await self.press("CALL")

    async def started(self) -> None:
        await self.press("START")


class SimulatedLineKeypad(Wired):
    """A keypad that says one line a key."""

    device: LineKeypadSettings
    far_end: LineKeypadFarEnd
    KNOBS = tuple(knob for knob in KEYS_KNOBS if knob.name == "bounce")
    USED_BY = "clerk"

    def make(self, faults: Faults) -> LineKeypadFarEnd:
        return LineKeypadFarEnd(faults)

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield "others", {"id": self.device.id, "title": f"Counter {self.device.counter}: line keypad"}

    def shows(self) -> tuple[str, Any]:
        far_end = self.far_end
        lit = self.wire.plugged
        return "others", {
            "lines": [f"{far_end.typed or far_end.last:>{LONGEST}}" if lit else ""],
            "keys": [*DIGITS, *keys(Where.COUNTER)],
        }

    def pads(self) -> Mapping[str, Pad]:
        return {self.device.counter: LinePad(self.far_end, self.wire)}

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        known(press.key, (*DIGITS, *keys(Where.COUNTER)))
        self.plugged()
        if press.key in DIGITS:
            self.far_end.type(press.key)
            return {"result": "ok", "text": self.far_end.typed}
        answers = self.far_end.answers
        self.far_end.press(press.key, press.digits[:LONGEST])
        self.wire.poke()
        if not await seen(lambda: self.far_end.answers > answers, ANSWER):
            raise NobodyAnswersError("press.no_answer")
        return {"result": "ok" if self.far_end.last == "OK" else "refused", "text": self.far_end.last}
