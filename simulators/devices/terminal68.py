"""Call terminals and raters on a 68-frame bus, as they stand on counters.

A terminal sends a key frame when its key is pressed, and again while it hears no echo. Its display has three digits for
the number waiting and three for the ticket; a half that is all blank in a frame is left as it is [?: no source says
whether it is wiped].
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from controller.devices.terminal68 import Terminal68Settings
from controller.lobby.actions.rating import SCORES
from controller.lobby.model.rules import Rules
from controller.presses import ON_TERMINAL, on_terminal
from drivers.terminal68 import BLANK, MAX_L_FROM_HOST, Frame, Function, Key, frame_reader
from simulators.devices import kit
from simulators.devices.kit import (
    ANSWER,
    GLANCE,
    KEYS_KNOBS,
    Count,
    Day,
    NobodyAnswersError,
    Pad,
    Press,
    UnknownDeviceError,
    UnknownKeyError,
    Visitor,
    Wired,
    known,
    seen,
)
from simulators.faults import Faults
from simulators.wire import Wire

REPEAT = 0.3
"""Seconds without an echo after which a terminal sends its frame again [?]."""
REPEATS = 4
STUCK_REPEAT = 0.25
"""Seconds between two frames of a key that stays down [?]."""
HISTORY = 10_000


@dataclass(slots=True)
class Terminal:
    """A terminal's display, and what it has received."""

    waiting: str = ""
    ticket: str = ""
    beeps: int = 0
    echoes: int = 0
    told: int = 0
    """How often it was told to show a ticket."""
    tickets: deque[str] = field(default_factory=lambda: deque(maxlen=HISTORY))
    """The tickets shown, in order; the same digits again count as the same."""


@dataclass(slots=True)
class Rater:
    """A rater: whether it asks the customer now, and how many presses were taken."""

    asking: bool = False
    asked: int = 0
    echoes: int = 0


@dataclass(slots=True)
class _Press:
    frame: Frame
    due: float
    left: int = REPEATS
    answered: bool = False


class TerminalBus:
    """All terminals and raters of one bus."""

    def __init__(self, terminals: Iterable[int], raters: Iterable[int] = (), faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self.terminals = {address: Terminal() for address in terminals}
        self.raters = {address: Rater() for address in raters}
        self._reader = frame_reader(MAX_L_FROM_HOST)
        self._presses: dict[int, _Press] = {}
        self._bounced: list[_Press] = []
        """Presses that a bounce will make."""
        self._now = 0.0

    # -- hands -----------------------------------------------------------------------------------------------

    def press(self, address: int, key: Key, digits: str = "") -> None:
        """Type digits and press a key at a terminal."""
        data = bytes(int(digit) for digit in digits) + bytes([key])
        self._make(_Press(Frame(address, Function.ANSWER_RATER, data), self._now))

    def rate(self, address: int, score: int) -> None:
        """Press a score at a rater."""
        self._make(_Press(Frame(address, Function.RATED, bytes([score])), self._now))

    def _make(self, press: _Press) -> None:
        self._presses[press.frame.address] = press
        if self._faults.bounce:
            self._bounced.append(_Press(press.frame, self._now + self._faults.bounce))

    def waits_for_echo(self, address: int) -> bool:
        """Whether the last press has been answered neither by an echo nor by giving up."""
        press = self._presses.get(address)
        return press is not None and not press.answered

    # -- the wire --------------------------------------------------------------------------------------------

    def plugged(self, now: float) -> None:
        self._now = now
        self._reader.reset()
        self._presses.clear()
        self._bounced.clear()
        for terminal in self.terminals.values():
            terminal.waiting = terminal.ticket = ""

    def receive(self, data: bytes, now: float) -> None:
        self._now = now
        if self._faults.deaf:
            return
        for frame in self._reader.feed(data, now):
            if frame.address in self.terminals:
                self._to_terminal(self.terminals[frame.address], frame)
            elif frame.address in self.raters:
                self._to_rater(self.raters[frame.address], frame)

    def tick(self, now: float) -> None:
        self._now = now

    def data_to_send(self, now: float) -> list[bytes]:
        self._now = now
        for bounced in [press for press in self._bounced if press.due <= now]:
            self._bounced.remove(bounced)
            self._presses[bounced.frame.address] = bounced
        messages = []
        for address, press in list(self._presses.items()):
            if press.answered and not self._faults.stuck:
                del self._presses[address]
            elif press.due <= now:
                if press.left == 0 and not (self._faults.stuck or self._faults.deaf):
                    del self._presses[address]
                    continue
                messages.append(press.frame.to_bytes())
                press.due = now + (STUCK_REPEAT if self._faults.stuck else REPEAT)
                press.left = max(0, press.left - 1)
        return messages

    def next_deadline(self) -> float | None:
        return min((press.due for press in (*self._presses.values(), *self._bounced)), default=None)

    # -- inside ----------------------------------------------------------------------------------------------

    def _to_terminal(self, terminal: Terminal, frame: Frame) -> None:
        press = self._presses.get(frame.address)
        if press and press.frame == frame and not press.answered:
            self._answered(press)
            terminal.echoes += 1
        elif frame.function == Function.BEEP and not frame.data:
            terminal.beeps += 1
        elif frame.function == Function.DISPLAY and len(frame.data) == 6:
            waiting, ticket = _text(frame.data[:3]), _text(frame.data[3:])
            if waiting:
                terminal.waiting = waiting
            if ticket or not waiting:
                if ticket:
                    terminal.told += 1
                    if ticket != (terminal.tickets[-1] if terminal.tickets else ""):
                        terminal.tickets.append(ticket)
                terminal.ticket = ticket

    def _answered(self, press: _Press) -> None:
        """The press need not be sent again, unless its key stays down."""
        press.answered = True
        if not self._faults.stuck:
            del self._presses[press.frame.address]

    def _to_rater(self, rater: Rater, frame: Frame) -> None:
        press = self._presses.get(frame.address)
        if frame.function != Function.ANSWER_RATER:
            return
        if frame.data == bytes([Key.EVALUATE]):
            rater.asking = True
            rater.asked += 1
        elif press and frame.data == press.frame.data and not press.answered:
            self._answered(press)
            rater.asking = False
            rater.echoes += 1


def _text(digits: bytes) -> str:
    return "".join(str(digit) for digit in digits if digit != BLANK)


BEEP = 0.15
"""Seconds within which a beep follows its echo."""


class TerminalPad:
    """A clerk at one terminal."""

    def __init__(self, bus: TerminalBus, address: int, wire: Wire) -> None:
        self._bus, self._address, self._wire = bus, address, wire
        self._terminal = bus.terminals[address]

    async def press(self, key: str, digits: str = "") -> bool:
        code, typed = on_terminal(key, digits)
        beeps, echoes = self._terminal.beeps, self._terminal.echoes
        async with asyncio.timeout(30):
            while self._terminal.echoes == echoes:
                self._bus.press(self._address, code, typed)
                self._wire.poke()
                while self._bus.waits_for_echo(self._address):  # noqa: ASYNC110 - a display sends no events
                    await asyncio.sleep(GLANCE)
        await asyncio.sleep(GLANCE)  # a beep follows its echo at once
        return self._terminal.beeps == beeps

    def waiting(self) -> int:
        return int(self._terminal.waiting or 0)

    async def call(self) -> bool:
        told = self._terminal.told
        if not await self.press("CALL"):
            return False
        for _ in range(20):
            if self._terminal.told > told:
                return True
            await asyncio.sleep(GLANCE)
        return False  # the last customer was finished, and nobody is waiting

    async def started(self) -> None:
        """A terminal has no key for it."""


class BusRater:
    """A customer at one rater."""

    def __init__(self, bus: TerminalBus, address: int, wire: Wire) -> None:
        self._bus, self._address, self._wire = bus, address, wire

    @property
    def asking(self) -> bool:
        return self._bus.raters[self._address].asking

    def rate(self, score: int) -> None:
        self._bus.rate(self._address, score)
        self._wire.poke()


class SimulatedBus(Wired):
    """The terminals and raters of one bus."""

    device: Terminal68Settings
    far_end: TerminalBus
    KNOBS = KEYS_KNOBS
    USED_BY = "clerk"

    def make(self, faults: Faults) -> TerminalBus:
        return TerminalBus(self.device.addresses, self.device.raters, faults)

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield from ()

    def stands_at(self, rules: Rules) -> Iterator[tuple[str, str, Any]]:
        for name, addresses in (("terminals", self.device.addresses), ("raters", self.device.raters)):
            for address, counter in addresses.items():
                yield counter, name, {"device": self.device.id, "address": address}

    def shows(self) -> tuple[str, Any]:
        bus, lit = self.far_end, self.wire.plugged
        return "buses", {
            "terminals": {
                str(address): {
                    "waiting": terminal.waiting if lit else "",
                    "ticket": terminal.ticket if lit else "",
                    "beeps": terminal.beeps,
                    "on": lit,
                }
                for address, terminal in bus.terminals.items()
            },
            "raters": {str(address): {"asking": rater.asking and lit} for address, rater in bus.raters.items()},
        }

    def pads(self) -> Mapping[str, Pad]:
        return {
            counter: TerminalPad(self.far_end, address, self.wire) for address, counter in self.device.addresses.items()
        }

    def raters(self, counter: str) -> Iterator[kit.Rater]:
        for address, where in self.device.raters.items():
            if where == counter:
                yield BusRater(self.far_end, address, self.wire)

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        bus, address = self.far_end, press.address
        if address in bus.raters:
            if press.key != "RATE" or press.digits not in map(str, SCORES):
                raise UnknownKeyError("a rater has RATE with one digit from 1 to 5")
            heard: Any = bus.raters[address]
            self.plugged()
            echoes = heard.echoes
            bus.rate(address, int(press.digits))
        elif address in bus.terminals:
            known(press.key, ON_TERMINAL)
            key, typed = on_terminal(press.key, press.digits)
            heard = bus.terminals[address]
            self.plugged()
            echoes, beeps = heard.echoes, heard.beeps
            bus.press(address, key, typed[:6])
        else:
            raise UnknownDeviceError(f"address {address}")
        self.wire.poke()
        if not await seen(lambda: heard.echoes > echoes, ANSWER):
            raise NobodyAnswersError("press.no_echo")
        if address in bus.terminals and await seen(lambda: heard.beeps > beeps, BEEP):
            return {"result": "refused", "text": visitor.words["terminal.beeped"]}
        return {"result": "ok", "text": visitor.words["terminal.echoed"]}

    def counts(self, day: Day) -> Iterator[Count]:
        owed = self.owed(day.calls)
        for address, counter in self.device.addresses.items():
            here = [call for call in day.calls if call.counter == counter]
            may = [digits for digits, _ in groupby(call.ticket[-3:] for call in here)]
            must = [digits for digits, _ in groupby(call.ticket[-3:] for call in here if call in owed)]
            shown = list(self.far_end.terminals[address].tickets)
            seen = _in_order(must, shown)
            if _in_order(shown, may) < len(shown):  # it has shown what was not called there, or not then
                seen = min(seen, len(must) - 1) if must else len(shown)
            yield Count("count.terminal", len(must), seen, True, counter)


def _in_order(wanted: Sequence[str], found: Sequence[str]) -> int:
    """How many of `wanted` are found, in order, before the first that is missing."""
    rest = iter(found)
    return next((n for n, each in enumerate(wanted) if each not in rest), len(wanted))
