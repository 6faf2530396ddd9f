"""A clerk's keypad on a serial line, which says one line a key.

A line is a key as `docs/reference/keys.md` names it, perhaps with digits and a blank before it, ended by CR, LF or
both: `CALL`, `12 TRANSFER`. It is answered `OK` or `NO`: refused, or nobody is waiting. A keypad says each press once,
so one that is not answered is for the clerk to press again.

Source: ours, for keypads that are built from a microcontroller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from controller import presses
from controller.devices.key_map import outcome
from controller.devices.kit import Adapter, Context, Fault, File, Kind, PressTimes, Table, one_a_counter
from controller.devices.probe import Heard, Probe, its_counter
from controller.devices.settings import CounterId, WiredSettings
from controller.engine import Request
from controller.lobby.actions.press import DIGITS, Press, Where
from controller.lobby.answers import Answer
from drivers.device import Health

PORT_ONLY = Health("ok", "keypad_port_only")
"""The port is open; nothing more can be known before a key is pressed."""
LINE_LIMIT = 32
"""Most bytes of a line that are kept."""

_LINE = re.compile(rb"(?:([0-9]{1,6}) )?([A-Z]{1,16})")
_LINE_ENDS = re.compile(rb"[\r\n]")


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key that was pressed; `key` empty: the line was none. `link`: the number of the link that it came on."""

    key: str
    digits: str
    link: int


class LineKeypad:
    """The driver of one keypad."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._link = 0
        self._out = b""

    def answer(self, pressed: Pressed, *, done: bool) -> None:
        """Answer a press, unless its link has been lost since."""
        if pressed.link == self._link:
            self._out += b"OK\r\n" if done else b"NO\r\n"

    def connected(self, now: float) -> Sequence[object]:
        self._forget()
        return [PORT_ONLY]

    def disconnected(self, now: float) -> Sequence[object]:
        self._forget()
        return []

    def _forget(self) -> None:
        self._link += 1
        self._line.clear()
        self._out = b""

    def receive(self, data: bytes, now: float) -> Sequence[Pressed]:
        facts = []
        first, *more = _LINE_ENDS.split(data)
        self._add(first)
        for part in more:
            if self._line:
                facts.append(self._pressed())
            self._line.clear()
            self._add(part)
        return facts

    def _add(self, part: bytes) -> None:
        self._line += part[: LINE_LIMIT - len(self._line)]

    def _pressed(self) -> Pressed:
        found = _LINE.fullmatch(self._line)
        if found is None:
            return Pressed("", "", self._link)
        return Pressed(found[2].decode(), (found[1] or b"").decode(), self._link)

    def tick(self, now: float) -> Sequence[object]:
        return []

    def data_to_send(self, now: float) -> bytes:
        data, self._out = self._out, b""
        return data

    def next_deadline(self) -> float | None:
        return None


class LineKeypadSettings(WiredSettings):
    """A clerk's keypad on a serial line, which says one line of text a key."""

    driver: Literal["line-keypad"]
    counter: CounterId


class LineKeypadAdapter(Adapter):
    """The keypad of one counter."""

    failure = "terminals"

    def __init__(self, id: str, keypad: LineKeypad, counter: str, context: Context, flush: Callable[[], None]) -> None:
        super().__init__(id, context)
        self._keypad = keypad
        self._counter = counter
        self._flush = flush
        self._times = PressTimes()

    def heard(self, fact: object) -> None:
        if isinstance(fact, Pressed):
            self._pressed(fact)
        else:
            super().heard(fact)

    def _pressed(self, pressed: Pressed) -> None:
        at = self._times.next(self.context.now())
        press = Press(
            at=at,
            cause=f"line-keypad:{self.id}:{at}",
            counter=self._counter,
            typed={DIGITS.name: pressed.digits},
        )
        command = presses.command(Where.COUNTER, pressed.key, press)
        if command is None:
            self._answer(pressed, done=False)
            return

        def answered(answer: Answer) -> None:
            if (came := outcome(answer)) != "unknown":
                self._answer(pressed, done=came == "done")

        self.context.submit(Request(command, answered))

    def _answer(self, pressed: Pressed, *, done: bool) -> None:
        self._keypad.answer(pressed, done=done)
        self._flush()


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from one_a_counter(table, file, "line keypad")


def _build(device: LineKeypadSettings, context: Context) -> Adapter:
    keypad = LineKeypad()
    session = context.connect(device.id, keypad, device.link)
    return LineKeypadAdapter(device.id, keypad, device.counter, context, session.flush)


def _heard(replies: Sequence[bytes]) -> Sequence[Heard]:
    """A line that names a key of a counter. It is not answered: nothing was done."""
    known = presses.keys(Where.COUNTER)
    return [Heard() for fact in LineKeypad().receive(replies[0], 0.0) if fact.key in known][:1]


PROBE = Probe("pad", hears=_heard, counters="one", table=its_counter)
KIND = Kind("line-keypad", LineKeypadSettings, _build, _check, order=80, has_keys=True, probe=PROBE)
