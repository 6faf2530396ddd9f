"""A simulated hall board: an Onbon BX card with its dynamic areas in RAM.

A frame with a wrong CRC, or for another card, is not answered: on a shared line two cards might answer at once. (Real
cards may also answer with a NACK; silence is the harder case for the host.)

An area that hides is gone once its time-out has passed without an update. Words to be spoken are spoken at once, those
that come meanwhile after them [?].
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from controller.devices.bx import BxSettings
from controller.lobby.model.rules import Rules
from controller.lobby.show import hall
from drivers.bx_frame import (
    ALL_AREAS,
    ANY_CARD,
    CARD,
    COLORS,
    COMMAND_LIMIT,
    PIXEL_FLAG,
    REPLY_WANTED,
    Area,
    Command,
    Error,
    Frame,
    Reply,
    RunMode,
    SoundMode,
    frame_reader,
)
from simulators.devices.kit import Count, Day, Wired
from simulators.faults import Faults

HISTORY = 10_000
"""Texts remembered."""
COMMAND_HEAD = 5
"""Bytes of a command before its parameters: group, command, reply wanted, two bytes."""
ON, OFF = b"\x01", b"\x02"
_GROUPS = {code >> 8 for code in Command}
_COLOR = re.compile(rb"\\C([1-3])")


class BoardFarEnd:
    """A card at `address`; `dynamic_header` as the driver's; `x_unit`: pixels of its unit of X and width; `speaks`:
    whether it has a voice, else it refuses sound. `busy` makes it answer every command with "busy"."""

    def __init__(
        self,
        *,
        address: int = CARD,
        dynamic_header: Literal["length", "process"] = "length",
        x_unit: int = 8,
        speaks: bool = False,
    ) -> None:
        self._address = address
        self._dynamic_header = dynamic_header
        self._reader = frame_reader(COMMAND_LIMIT)
        self._replies: list[bytes] = []
        self._areas: dict[int, Area] = {}
        self._hides_at: dict[int, float] = {}
        self._x_unit = x_unit
        self._speaks = speaks
        self._lit = True
        self.busy = False
        self.spoken: deque[str] = deque(maxlen=HISTORY)
        """What it has spoken, oldest first."""
        self.history: deque[list[str]] = deque(maxlen=HISTORY)
        """The texts shown, oldest first, each once per period in which it was shown."""

    def lines(self) -> list[str]:
        """The text of each area from top to bottom, without trailing blanks; nothing while switched off."""
        return [text for _, text, _ in self.shown()]

    def shown(self) -> list[tuple[Area, str, str]]:
        """What can be seen, from top to bottom: each area with its X and width in pixels, its text and its color."""
        if not self._lit:
            return []
        return [self._seen(area) for area in sorted(self._areas.values(), key=lambda area: (area.y, area.x))]

    def _seen(self, area: Area) -> tuple[Area, str, str]:
        color = _COLOR.match(area.text)
        text = _COLOR.sub(b"", area.text).decode("gb2312", "replace").rstrip()
        x, width = ((value & ~PIXEL_FLAG) * self._x_unit for value in (area.x, area.width))
        return area._replace(x=x, width=width), text, COLORS[int(color[1]) - 1] if color else ""

    def plugged(self, now: float) -> None:
        self._reader.reset()
        self._replies.clear()
        self._areas.clear()
        self._hides_at.clear()
        self._lit = True

    def receive(self, data: bytes, now: float) -> None:
        for frame in self._reader.feed(data, now):
            if frame.destination not in (self._address, ANY_CARD) or len(frame.data) < COMMAND_HEAD:
                continue
            error = self._obey(frame.data, now)
            if frame.data[2:3] == REPLY_WANTED:
                reply = Reply(error == Error.NONE, error)
                self._replies.append(Frame(reply.to_data(), frame.source, self._address).to_bytes())

    def tick(self, now: float) -> None:
        for number in [number for number, at in self._hides_at.items() if at <= now]:
            del self._hides_at[number], self._areas[number]
            self._note()

    def data_to_send(self, now: float) -> list[bytes]:
        replies, self._replies = self._replies, []
        return replies

    def next_deadline(self) -> float | None:
        return min(self._hides_at.values(), default=None)

    # -- inside ----------------------------------------------------------------------------------------------

    def _obey(self, data: bytes, now: float) -> Error:
        code, parameters = int.from_bytes(data[:2], "big"), data[COMMAND_HEAD:]
        if self.busy:
            return Error.BUSY
        if code >> 8 not in _GROUPS:
            return Error.GROUP
        if code == Command.POWER and parameters in (ON, OFF):
            self._lit = parameters == ON
        elif code == Command.CLEAR:
            self._delete()
        elif code == Command.DYNAMIC_AREAS:
            return self._set_areas(int.from_bytes(data[3:COMMAND_HEAD], "little"), parameters, now)
        elif code not in (Command.PING, Command.STATUS):
            return Error.COMMAND
        return Error.NONE

    def _set_areas(self, header: int, parameters: bytes, now: float) -> Error:
        if self._dynamic_header == "length" and header != len(parameters):
            return Error.COMMAND
        try:
            deleted, areas = _read_areas(parameters)
        except ValueError:
            return Error.COMMAND
        if any(area.speech for area in areas) and not self._speaks:
            return Error.COMMAND
        if deleted is None or (self._dynamic_header == "process" and header == 1):
            self._delete()
        self._delete(deleted or b"")
        for area in areas:
            self._delete([area.id])
            self._areas[area.id] = area
            if area.run_mode == RunMode.HIDE:
                self._hides_at[area.id] = now + area.timeout
            if area.speech:
                words = area.speech.words if area.speech.mode == SoundMode.WORDS else area.text
                self.spoken.append(words.decode("gb2312", "replace"))
        self._note()
        return Error.NONE

    def _delete(self, numbers: Iterable[int] | None = None) -> None:
        """Delete these areas; None: all."""
        for number in [*self._areas] if numbers is None else numbers:
            self._areas.pop(number, None)
            self._hides_at.pop(number, None)

    def _note(self) -> None:
        if not self.history or self.history[-1] != self.lines():
            self.history.append(self.lines())


def _read_areas(parameters: bytes) -> tuple[bytes | None, list[Area]]:
    """The areas to delete (None: all) and to set; ValueError unless the parameters are exactly that."""
    rest = memoryview(parameters)

    def take(size: int) -> bytes:
        nonlocal rest
        if len(rest) < size:
            raise ValueError("the parameters are cut off")
        taken, rest = bytes(rest[:size]), rest[size:]
        return taken

    (count,) = take(1)
    deleted = None if count == ALL_AREAS else take(count)
    (count,) = take(1)
    areas = [Area.from_bytes(take(int.from_bytes(take(2), "little"))) for _ in range(count)]
    if rest:
        raise ValueError("more than the areas announced")
    return deleted, areas


class SimulatedBoard(Wired):
    """A hall board, with all calls on it."""

    device: BxSettings
    far_end: BoardFarEnd

    def make(self, faults: Faults) -> BoardFarEnd:
        device = self.device
        unit = 8 if device.x_unit == "8px" else 1
        return BoardFarEnd(dynamic_header=device.dynamic_header, x_unit=unit, speaks=device.speaks)

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        strips = [strip for _, strips in self.device.parts for strip in strips]
        width, height = (
            max(strip.x + strip.width for strip in strips),
            max(strip.y + strip.height for strip in strips),
        )
        yield "boards", {"id": self.device.id, "width": width, "height": height, "speaks": self.device.speaks}

    def shows(self) -> tuple[str, Any]:
        card = self.far_end
        areas = [
            {"x": area.x, "y": area.y, "width": area.width, "height": area.height, "text": text, "color": color}
            for area, text, color in (card.shown() if self.wire.plugged else [])
        ]
        return "boards", {"areas": areas, "said": card.spoken[-1] if card.spoken else ""}

    def calls(self, rules: Rules) -> Iterator[tuple[str, str]]:
        line = _reader_of(rules.wording.say("board.call", ticket="\0t", counter="\0c"))
        for text in self.far_end.lines():
            if found := line.fullmatch(text.strip()):
                yield found["t"], found["c"]

    def demo_keys(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        yield self.unplug_key("h")

    def counts(self, day: Day) -> Iterator[Count]:
        say, lines = day.rules.wording.say, {line.strip() for shown in self.far_end.history for line in shown}
        zone = day.rules.hall_zones.get(self.device.zone) or hall.whole(day.rules)
        owed = [call for call in self.owed(day.calls) if call.counter in zone.counters]
        calls = [say("board.call", ticket=call.ticket, counter=call.counter) for call in owed]
        yield Count("count.calls", len(calls), sum(call in lines for call in calls), True, self.device.id)


def _reader_of(line: str) -> re.Pattern[str]:
    """Reads a board's line back: the ticket as `t`, the counter as `c`."""
    return re.compile(re.escape(line).replace("\0t", "(?P<t>[A-Za-z0-9]+)").replace("\0c", "(?P<c>[A-Za-z0-9-]+)"))
