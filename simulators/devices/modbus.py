"""Digit displays and modules of inputs on a Modbus RTU line.

A unit takes requests with the right CRC alone, and says nothing to others. A display answers with exception 2 to a
register that it has not, and knows no FC02; a module knows nothing else. What stands in a display's registers is gone
with its power.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.devices.modbus import ModbusSettings
from controller.lobby.model.rules import Rules
from drivers.framing import FrameReader, Taken
from drivers.gestures import DOUBLE, GESTURES, LONG, SINGLE
from drivers.modbus_display import BLANK, Line, Profile
from drivers.modbus_frame import EXCEPTION, MOST_REGISTERS, Function, framed, is_whole
from simulators.devices.kit import (
    KEYS_KNOBS,
    Count,
    Day,
    Knob,
    NobodyAnswersError,
    Press,
    Visitor,
    Wired,
    known,
    seen,
)
from simulators.faults import Faults

HISTORY = 10_000
"""Texts remembered of each display."""
SHORT, HELD, BETWEEN = 0.15, 1.2, 0.15
"""Seconds for which a finger presses, holds, and rests between two presses."""
PATIENCE = 1.0
"""Seconds within which a press must have been read."""
LONGEST = 9 + 2 * MOST_REGISTERS
NO_FUNCTION, NO_ADDRESS, NO_VALUE = 1, 2, 3


def _take(buffer: bytearray) -> Taken[bytes]:
    if len(buffer) < 8:
        return Taken(0)
    size = 9 + buffer[6] if buffer[1] == Function.WRITE_REGISTERS else 8
    if len(buffer) < size:
        return Taken(0)
    frame = bytes(buffer[:size])
    return Taken(size, frame) if is_whole(frame) else Taken(1)


@dataclass(slots=True)
class Display:
    """A display's registers, and the texts that it has shown."""

    profile: Profile
    characters: int | None = None
    registers: dict[int, int] = field(default_factory=dict)
    history: deque[tuple[str, ...]] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def addresses(self) -> Iterator[int]:
        """The registers that it has."""
        for setup in self.profile.setup:
            yield from range(setup.address, setup.address + len(setup.values))
        for line in self.profile.line:
            yield from range(line.address, line.address + len(line.values(BLANK * self._size(line))))

    def _size(self, line: Line) -> int:
        return self.characters or line.characters

    def lines(self) -> tuple[str, ...]:
        """What can be read on it."""
        return tuple(self._text(line) for line in self.profile.line)

    def _text(self, line: Line) -> str:
        size = self._size(line)
        if line.form == "number":
            value = self.registers.get(line.address, line.blank)
            return "" if value == line.blank else str(value)
        values = [self.registers.get(line.address + n, 0) for n in range(-(-size // line.per_register))]
        if line.per_register == 1:
            codes = bytes(value & 0xFF for value in values)
        else:
            codes = b"".join(value.to_bytes(2, "little" if line.low_first else "big") for value in values)
        return "".join(chr(code) if 0x20 < code < 0x7F else BLANK for code in codes)[:size]

    def written(self, address: int, values: list[int]) -> None:
        """Registers have been written."""
        self.registers.update(enumerate(values, address))
        if not self.history or self.history[-1] != self.lines():
            self.history.append(self.lines())


@dataclass(slots=True)
class Module:
    """A module's inputs: `down` those that are closed, by number from 1; `reads`: how often it was read, `closed_reads`
    with a closed one."""

    count: int
    first: int = 0
    down: set[int] = field(default_factory=set)
    reads: int = 0
    closed_reads: int = 0


class ModbusFarEnd:
    """All units of one line. `unit_off`: the unit with the highest address has no power."""

    def __init__(
        self, displays: Mapping[int, Display], modules: Mapping[int, Module], faults: Faults | None = None
    ) -> None:
        self.displays = dict(displays)
        self.modules = dict(modules)
        self.unit_off = False
        self._faults = faults or Faults()
        self._reader = FrameReader(_take, limit=LONGEST, silence=0.1)
        self._out: list[bytes] = []
        self._begun: list[tuple[float, int, int, bool]] = []
        """Presses that hands have begun: (seconds from now, unit, input, whether it goes down)."""
        self._moves: list[tuple[float, int, int, bool]] = []
        """The same, with the time of each move."""
        self._released: list[tuple[int, int]] = []
        """Inputs that nobody presses any more, and that stay down while keys are stuck."""

    # -- hands -----------------------------------------------------------------------------------------------

    def press(self, unit: int, number: int, gesture: str = SINGLE) -> None:
        """Press an input, twice or for long."""
        held = HELD if gesture == LONG else SHORT
        starts = [0.0]
        if gesture == DOUBLE:
            starts.append(SHORT + BETWEEN)
        if self._faults.bounce:
            starts.append(starts[-1] + held + self._faults.bounce)
        for start in starts:
            self._begun.append((start, unit, number, True))
            self._begun.append((start + held, unit, number, False))

    @property
    def is_at_rest(self) -> bool:
        """Whether no finger is at an input, or on its way to one."""
        return not (self._begun or self._moves or any(module.down for module in self.modules.values()))

    # -- the wire --------------------------------------------------------------------------------------------

    def plugged(self, now: float) -> None:
        self._reader.reset()
        self._out.clear()
        for display in self.displays.values():
            display.registers.clear()

    def receive(self, data: bytes, now: float) -> None:
        self._move(now)
        if self._faults.deaf:
            return
        for frame in self._reader.feed(data, now):
            unit, function = frame[0], frame[1]
            if unit not in self.displays and unit not in self.modules:
                continue
            if self.unit_off and unit == max({*self.displays, *self.modules}):
                continue
            answer = self._obey(unit, function, frame[2:-2])
            body = bytes((unit, function | EXCEPTION, answer)) if isinstance(answer, int) else frame[:2] + answer
            self._out.append(framed(body))

    def tick(self, now: float) -> None:
        self._move(now)

    def data_to_send(self, now: float) -> list[bytes]:
        self._move(now)
        out, self._out = self._out, []
        return out

    def next_deadline(self) -> float | None:
        return min((at for at, *_ in self._moves), default=None)

    # -- inside ----------------------------------------------------------------------------------------------

    def _move(self, now: float) -> None:
        """Let fingers move."""
        self._moves += [(now + after, *move) for after, *move in self._begun]  # type: ignore[misc]
        self._begun.clear()
        for move in sorted(move for move in self._moves if move[0] <= now):
            self._moves.remove(move)
            _, unit, number, down = move
            if down:
                self.modules[unit].down.add(number)
            else:
                self._released.append((unit, number))
        if not self._faults.stuck:
            for unit, number in self._released:
                self.modules[unit].down.discard(number)
            self._released.clear()

    def _obey(self, unit: int, function: int, data: bytes) -> bytes | int:
        """What follows the function in the reply; a number: the code of an exception."""
        address, number = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        if function == Function.READ_INPUTS and unit in self.modules:
            return self._read(self.modules[unit], address, number)
        display = self.displays.get(unit)
        if display is None:
            return NO_FUNCTION
        own = set(display.addresses())
        if function == Function.READ_REGISTERS:
            asked = range(address, address + number)
            if not own.issuperset(asked):
                return NO_ADDRESS
            values = b"".join(display.registers.get(each, 0).to_bytes(2, "big") for each in asked)
            return bytes([len(values)]) + values
        if function == Function.WRITE_REGISTER:
            if address not in own:
                return NO_ADDRESS
            display.written(address, [number])
            return data
        if function == Function.WRITE_REGISTERS:
            values = data[5:]
            if not number or data[4] != 2 * number or len(values) != 2 * number:
                return NO_VALUE
            if not own.issuperset(range(address, address + number)):
                return NO_ADDRESS
            display.written(address, [int.from_bytes(values[n : n + 2], "big") for n in range(0, len(values), 2)])
            return data[:4]
        return NO_FUNCTION

    def _read(self, module: Module, address: int, number: int) -> bytes | int:
        first = address - module.first
        if first < 0 or not number or first + number > module.count:
            return NO_ADDRESS
        module.reads += 1
        module.closed_reads += bool(module.down)
        bits = sum(1 << n for n in range(number) if first + n + 1 in module.down)
        size = -(-number // 8)
        return bytes([size]) + bits.to_bytes(size, "little")


class SimulatedModbus(Wired):
    """The displays and modules of one line."""

    TITLE = "Modbus"
    device: ModbusSettings
    far_end: ModbusFarEnd
    KNOBS = (*KEYS_KNOBS, Knob("unit_off", "switch", bool, of="far end", near=True))

    def make(self, faults: Faults) -> ModbusFarEnd:
        device = self.device
        displays = {unit: Display(keys.profile, keys.characters) for unit, keys in device.displays.items()}
        modules = {unit: Module(keys.inputs, keys.first) for unit, keys in device.inputs.items()}
        return ModbusFarEnd(displays, modules, faults)

    def shows(self) -> tuple[str, Any]:
        lit = self.wire.plugged
        lines = []
        for unit, display in self.far_end.displays.items():
            counter = self.device.displays[unit].counter
            glass = f"  [{']['.join(display.lines())}]" if lit else ""
            lines.append(f"{unit:>3}{glass}" + (f"  @{counter}" if counter else ""))
        lamps = []
        for unit, module in self.device.inputs.items():
            for number in sorted({int(number) for number, _ in module.used}):
                keys = ", ".join(key for action, key in module.keys.items() if action.split()[0] == str(number))
                lamps.append({"name": f"{unit}/{number} {keys}", "on": number in self.far_end.modules[unit].down})
        return "others", {"lines": lines, "lamps": lamps, "keys": [*self._keys()]}

    def _keys(self) -> dict[str, tuple[int, int, str]]:
        """What can be pressed, by the key's name on the page."""
        return {
            f"{unit}/{number}" + (f" {gesture}" if gesture != SINGLE else ""): (unit, int(number), gesture)
            for unit, module in self.device.inputs.items()
            for number, gesture in sorted(module.used, key=lambda used: (int(used[0]), GESTURES.index(used[1])))
        }

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        keys = self._keys()
        known(press.key, keys)
        self.plugged()
        unit, number, gesture = keys[press.key]
        module = self.far_end.modules[unit]
        reads = module.closed_reads
        self.far_end.press(unit, number, gesture)
        self.wire.poke()
        if not await seen(lambda: module.closed_reads > reads, PATIENCE):
            raise NobodyAnswersError("press.not_read")
        return {"result": "ok", "text": visitor.words["input.read"]}

    def calls(self, rules: Rules) -> Iterator[tuple[str, str]]:
        for unit, keys in self.device.displays.items():
            for what, text in zip(keys.shown, self.far_end.displays[unit].lines(), strict=False):
                ticket = text.strip()
                prefixes = [service.prefix for service in rules.services.values() if ticket.startswith(service.prefix)]
                if what == "ticket" and any(ticket.removeprefix(prefix).isdecimal() for prefix in prefixes):
                    yield ticket, keys.counter or ""

    def counts(self, day: Day) -> Iterator[Count]:
        owed = self.owed(day.calls)
        for unit, keys in self.device.displays.items():
            if keys.shown[0] == "ticket":
                shown = {lines[0].strip() for lines in self.far_end.displays[unit].history}
                size, of = keys.characters or keys.profile.line[0].characters, f"{self.device.id}.{unit}"
                here = [keys.profile.fitted(call.ticket, size).strip() for call in owed if call.counter == keys.counter]
                yield Count("count.calls", len(here), sum(ticket in shown for ticket in here), True, of)
