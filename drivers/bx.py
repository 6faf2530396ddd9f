"""Hall boards on Onbon (仰邦) BX-5K / BX-6K font cards, by serial line (9600 or 57600) or TCP (port 5005).

Frames are in `drivers.bx_frame`. Points on which the vendor's documents and libraries differ are marked [?] and are
settings.

The board's text is a level: one dynamic area per line, all of them in one command. A reply does not identify its
request, so only one request is under way at a time; meanwhile the latest level, and only that one, is queued. Dynamic
areas are in the card's RAM: the level is sent again after every time-out, and every `refresh` seconds in case the card
restarted between two pings or a late reply was taken for another's. A level waits for a ping under way, but no longer
than `PING_PATIENCE`: a ping lost on a bad line must not delay a call for the whole time-out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from drivers.bx_frame import (
    CARD,
    PIXEL_FLAG,
    REPLY_LIMIT,
    Area,
    Command,
    Error,
    Frame,
    Reply,
    areas_parameters,
    command,
    frame_reader,
)
from drivers.characters import fitted, on_board
from drivers.device import OK, Health

XUnit = Literal["8px", "pixel", "pixel15"]
X_UNIT: dict[str, XUnit] = {"5k1": "8px", "5k2": "8px", "6k1": "pixel15", "6k2": "pixel15", "6k3": "pixel15"}
"""The unit of X and width by model: 8 pixels on BX-5K; on BX-6K pixels with bit 15 set, or plain pixels [?]."""

PING_PATIENCE = 0.5
"""Seconds that a queued level waits for a ping under way."""
LEVEL_PATIENCE = 1.0
"""The same for an older level under way: a lost reply must not delay the calls after it."""
RETRY_PAUSES = (0.2, 0.4, 0.8, 1.6, 2.0)
"""Seconds before the next attempt after a NACK; the last one repeats."""
NO_ANSWER = Health("degraded", "no_answer")
REFUSED = Health("degraded", "board_refused")

Level = tuple[bytes, ...]
"""What the board should show, one item per line."""


@dataclass(frozen=True, slots=True)
class _Request:
    """The request under way: a level, or a ping (None)."""

    level: Level | None
    at: float


class BxBoard:
    """A board of `lines` lines, each `width` x `line_height` pixels, as the controller sees it.

    `model` gives the unit of X and width unless `x_unit` does. `dynamic_header` says what the two bytes before the
    parameters of DYNAMIC_AREAS are [?]: the parameters' length, or a process mode (1 = clear and initialise) and 00.
    A line is cut to the cells of the card's 16-dot font (8 pixels for ASCII, 16 for Han): the card would show an excess
    as a second page. The text stays on the board when the controller is gone, since a board with the last call is
    better than an empty one. ValueError for an unknown model.
    """

    def __init__(
        self,
        *,
        model: str = "5k1",
        lines: int = 4,
        width: int = 128,
        line_height: int = 16,
        destination: int = CARD,
        x_unit: XUnit | None = None,
        dynamic_header: Literal["length", "process"] = "length",
        reply_timeout: float = 3.0,
        ping_interval: float = 10.0,
        refresh: float = 60.0,
    ) -> None:
        if model not in X_UNIT:
            raise ValueError(f"{model!r} is no BX model; use one of {', '.join(X_UNIT)}")
        self._x_unit = x_unit or X_UNIT[model]
        self._lines = lines
        self._width = width
        self._line_height = line_height
        self._destination = destination
        self._dynamic_header = dynamic_header
        self._reply_timeout = reply_timeout
        self._ping_interval = ping_interval
        self._refresh = refresh
        self._reader = frame_reader(REPLY_LIMIT)
        self._connected = False
        self._health: Health | None = None
        self._wanted: Level = (b" ",) * lines
        self._shown: Level | None = None  # as far as the card has confirmed it and has answered since
        self._shown_at = 0.0
        self._probing = False
        self._ping_at = 0.0
        self._request: _Request | None = None
        self._silent_since: float | None = None  # when the oldest request was sent that nothing has answered
        self._refusals = 0
        self._not_before = 0.0

    def show(self, lines: Sequence[str]) -> None:
        """Set the text (level), newest call first; missing lines are blank, surplus ones are not shown."""
        rows = [self._encode(line) for line in lines[: self._lines]]
        self._wanted = (*rows, *[b" "] * (self._lines - len(rows)))

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = self._probing = True
        self._reader.reset()
        self._health = self._shown = self._request = self._silent_since = None
        self._refusals = 0
        self._ping_at = self._not_before = now
        return []

    def disconnected(self, now: float) -> Sequence[object]:
        self._connected = False
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        facts: list[object] = []
        for frame in self._reader.feed(data, now):
            reply = Reply.from_data(frame.data)
            if reply and self._request:
                facts += self._answered(self._request, reply, now)
        return facts

    def tick(self, now: float) -> Sequence[object]:
        if self._request and now >= self._gives_up_at(self._request):
            self._request = self._shown = None
        if self._silent_since is not None and now >= self._silent_since + self._reply_timeout:
            return self._turn(NO_ANSWER)
        return []

    def data_to_send(self, now: float) -> bytes:
        if not self._connected or self._request or now < self._not_before:
            return b""
        if now >= self._level_at() and not self._probing:
            self._request = _Request(self._wanted, now)
        elif now >= self._ping_at:
            self._request = _Request(None, now)
        else:
            return b""
        self._probing = False
        if self._silent_since is None:
            self._silent_since = now
        level = self._request.level
        data = command(Command.PING) if level is None else self._level_command(level)
        return Frame(data, self._destination).to_bytes()

    def next_deadline(self) -> float | None:
        if not self._connected:
            return None
        if not self._request:
            return max(self._not_before, min(self._level_at(), self._ping_at))
        gives_up = self._gives_up_at(self._request)
        if self._silent_since is None or self._health == NO_ANSWER:
            return gives_up
        return min(gives_up, self._silent_since + self._reply_timeout)

    # -- inside ----------------------------------------------------------------------------------------------

    def _answered(self, request: _Request, reply: Reply, now: float) -> Sequence[object]:
        self._request = self._silent_since = None
        self._ping_at = now + self._ping_interval
        if not reply.ack:
            self._not_before = now + RETRY_PAUSES[min(self._refusals, len(RETRY_PAUSES) - 1)]
            self._refusals += 1
            passing = reply.error == Error.BUSY and self._refusals < len(RETRY_PAUSES)
            return [] if passing else self._turn(REFUSED)
        self._refusals = 0
        if request.level is not None:
            self._shown, self._shown_at = request.level, now
        return self._turn(OK)

    def _turn(self, health: Health) -> Sequence[object]:
        """The health as a fact, if it has changed."""
        if health == self._health:
            return []
        self._health = health
        return [health]

    def _level_at(self) -> float:
        """When the level is next to be sent."""
        return self._shown_at + self._refresh if self._wanted == self._shown else -inf

    def _gives_up_at(self, request: _Request) -> float:
        """When a request counts as lost: earlier if a newer level is queued."""
        if self._level_at() != -inf or request.level == self._wanted:
            return request.at + self._reply_timeout
        patience = PING_PATIENCE if request.level is None else LEVEL_PATIENCE
        return request.at + min(patience, self._reply_timeout)

    def _level_command(self, level: Level) -> bytes:
        """All lines in one command; if the card's RAM is unknown, its other areas are deleted as well."""
        fresh = self._shown is None
        areas = [
            Area(
                x=self._in_x_unit(0),
                y=row * self._line_height,
                width=self._in_x_unit(self._width),
                height=self._line_height,
                id=row,
                text=text,
            )
            for row, text in enumerate(level)
        ]
        parameters = areas_parameters(areas, delete_all=fresh)
        header = len(parameters) if self._dynamic_header == "length" else fresh
        return command(Command.DYNAMIC_AREAS, parameters, header=header)

    def _in_x_unit(self, pixels: int) -> int:
        if self._x_unit == "8px":
            return -(-pixels // 8)
        return pixels | PIXEL_FLAG if self._x_unit == "pixel15" else pixels

    def _encode(self, text: str) -> bytes:
        """The line as the card takes it, cut to its cells; a GB2312 byte is a cell of 8 pixels."""
        line = b""
        for character in fitted(text, on_board):
            code = character.encode("gb2312")
            if len(line) + len(code) > self._width // 8:
                break
            line += code
        return line or b" "
