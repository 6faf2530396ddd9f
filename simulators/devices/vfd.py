"""A simulated counter display: two lines of twenty cells, controlled by the commands of one dialect.

Bytes that are no command of the dialect are skipped one at a time; what follows a command's name is its argument, and a
command with an invalid argument does nothing. CD5220's manual is read in the strictest way: after a whole-line command
only another one, clear (0C) or cancel (18) is obeyed; plain text is ignored as well.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from controller.devices.vfd import VfdSettings
from controller.lobby.model.rules import Rules
from drivers.vfd import COLUMNS, DialectName
from simulators.devices.kit import Count, Day, Wired
from simulators.faults import Faults

HISTORY = 10_000
"""Texts remembered."""
CELLS = 2 * COLUMNS
FIRST_CELL = 0x31
"""DSP-800 counts cells from here."""
UPPER_LINE = 0x41
"""CD5220's letter for the first line; the second follows."""
FULL_BRIGHTNESS = 4
INITIALISE = b"\x40"
END = b"\x17"
"""What follows ESC to initialise, and what ends a command of DSP-800."""

# What a command looks like, and the beginnings of one that may still become it.
_TEXT = rb"(?P<text>[\x20-\x7e])"
_COMMANDS: dict[DialectName, tuple[bytes, bytes]] = {
    "epson": (
        rb"\x1b(?P<init>\x40)|(?P<clear>\x0c)|\x1f\x24(?P<cursor>..)"
        rb"|\x1f\x58(?P<brightness>.)|\x1f\x45(?P<blink>.)",
        rb"\x1b|\x1f(\x24.?|\x58|\x45)?",
    ),
    "cd5220": (
        rb"\x1b(?P<init>\x40)|(?P<clear>\x0c)|(?P<cancel>\x18)|\x1b\x6c(?P<cursor>..)"
        rb"|\x1b\x2a(?P<brightness>.)|\x1b\x51(?P<line>[\x41\x42][\x20-\x7e]{0,20})\x0d",
        rb"\x1b(\x6c.?|\x2a|\x51([\x41\x42][\x20-\x7e]{0,20})?)?",
    ),
    "dsp800": (
        rb"\x04\x01\x25(?P<init>.)|\x04\x01\x43(?P<wipe>...)|\x04\x01\x50(?P<cell>..)",
        rb"\x04(\x01(\x25|\x43.{0,2}|\x50.?)?)?",
    ),
}
_HEARD_WHEN_DEAF = ("line", "clear", "cancel")


class CounterDisplayFarEnd:
    """The display itself."""

    def __init__(self, dialect: DialectName) -> None:
        whole, begun = _COMMANDS[dialect]
        self._whole = re.compile(_TEXT + b"|" + whole, re.DOTALL)
        self._begun = re.compile(begun, re.DOTALL)
        self._buffer = bytearray()
        self.history: deque[tuple[str, str]] = deque(maxlen=HISTORY)
        """The texts shown, oldest first: a new one whenever a line is complete and differs."""
        self._power_on()

    def lines(self) -> tuple[str, str]:
        """What can be read, without trailing blanks."""
        return self._cells[:COLUMNS].decode("ascii").rstrip(), self._cells[COLUMNS:].decode("ascii").rstrip()

    def plugged(self, now: float) -> None:
        self._buffer.clear()
        self._power_on()

    def receive(self, data: bytes, now: float) -> None:
        for byte in data:
            self._buffer.append(byte)
            self._interpret()

    def tick(self, now: float) -> None:
        """A display does nothing by itself."""

    def data_to_send(self, now: float) -> list[bytes]:
        return []

    def next_deadline(self) -> float | None:
        return None

    # -- inside ----------------------------------------------------------------------------------------------

    def _interpret(self) -> None:
        """Execute the complete commands in the buffer."""
        while self._buffer:
            found = self._whole.match(self._buffer)
            if found:
                name = found.lastgroup or ""
                argument = bytes(found[name])
                del self._buffer[: found.end()]
                if not self._deaf or name in _HEARD_WHEN_DEAF:
                    self._obey(name, argument)
            elif self._begun.fullmatch(self._buffer):
                return
            else:
                del self._buffer[0]

    def _obey(self, name: str, argument: bytes) -> None:
        match name:
            case "text":
                self._write(argument[0])
            case "init" if argument in (INITIALISE, END):
                self._power_on()
            case "clear":
                self._clear()
            case "cancel":
                self._deaf = False
            case "cursor" if 1 <= argument[0] <= COLUMNS and argument[1] in (1, 2):
                column, line = argument
                self._cursor = (line - 1) * COLUMNS + column - 1
            case "cell" if argument[1:] == END and argument[0] - FIRST_CELL in range(CELLS):
                self._cursor = argument[0] - FIRST_CELL
            case "wipe" if argument[2:] == END and all(cell - FIRST_CELL in range(CELLS) for cell in argument[:2]):
                for cell in range(argument[0] - FIRST_CELL, argument[1] - FIRST_CELL + 1):
                    self._cells[cell] = ord(" ")
            case "line":
                start = (argument[0] - UPPER_LINE) * COLUMNS
                self._cells[start : start + COLUMNS] = argument[1:].ljust(COLUMNS)
                self._deaf = True
                self._remember()
            case "brightness" if 1 <= argument[0] <= FULL_BRIGHTNESS:
                self.brightness = argument[0]

    def _power_on(self) -> None:
        self.brightness = FULL_BRIGHTNESS
        self._clear()

    def _clear(self) -> None:
        self._cells = bytearray(b" " * CELLS)
        self._cursor = 0
        self._deaf = False

    def _write(self, character: int) -> None:
        """Put the character under the cursor, which wraps from line to line and from the end to the start."""
        self._cells[self._cursor] = character
        self._cursor = (self._cursor + 1) % CELLS
        if self._cursor % COLUMNS == 0:
            self._remember()

    def _remember(self) -> None:
        if not self.history or self.history[-1] != self.lines():
            self.history.append(self.lines())


class SimulatedCounterDisplay(Wired):
    """The display of one counter."""

    device: VfdSettings
    far_end: CounterDisplayFarEnd

    def make(self, faults: Faults) -> CounterDisplayFarEnd:
        return CounterDisplayFarEnd(self.device.dialect)

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield from ()

    def stands_at(self, rules: Rules) -> Iterator[tuple[str, str, Any]]:
        yield self.device.counter, "windows", self.device.id

    def shows(self) -> tuple[str, Any]:
        return "windows", list(self.far_end.lines()) if self.wire.plugged else ["", ""]

    def calls(self, rules: Rules) -> Iterator[tuple[str, str]]:
        shown = self.far_end.lines()[0].strip()
        # Without a call it shows a greeting, or that the counter is closed.
        prefixes = [service.prefix for service in rules.services.values() if shown.startswith(service.prefix)]
        if any(shown.removeprefix(prefix).isdecimal() for prefix in prefixes):
            yield shown, self.device.counter

    @property
    def display_of(self) -> str:
        return self.device.counter

    def counts(self, day: Day) -> Iterator[Count]:
        seen = {first.strip() for first, _ in self.far_end.history}
        here = [call.ticket for call in self.owed(day.calls) if call.counter == self.device.counter]
        yield Count("count.calls", len(here), sum(ticket in seen for ticket in here), True, self.device.id)
