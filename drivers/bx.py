"""Hall boards on Onbon (仰邦) BX-5K / BX-6K font cards, by serial line (9600 or 57600) or TCP (port 5005).

Frames are in `drivers.bx_frame`. Points on which the vendor's documents and libraries differ are marked [?] and are
settings.

The board's text is a level: one dynamic area per strip, all of them in one command. A reply does not identify its
request, so only one request is under way at a time; meanwhile the latest level, and only that one, is queued. Dynamic
areas are in the card's RAM: the level is sent again after every time-out, and every `refresh` seconds in case the card
restarted between two pings or a late reply was taken for another's. A level waits for a ping under way, but no longer
than `PING_PATIENCE`: a ping lost on a bad line must not delay a call for the whole time-out.

What a card with a voice speaks is an edge: it goes out with the first area of a level, once, and never with the level
that is sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, NamedTuple

from drivers.bx_frame import (
    CARD,
    PIXEL_FLAG,
    REPLY_LIMIT,
    Area,
    Command,
    Effect,
    Error,
    Frame,
    Reply,
    RunMode,
    Speech,
    areas_parameters,
    colored,
    command,
    frame_reader,
)
from drivers.bx_voice import CardVoice
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
MOVING_LIMIT = 240
"""Bytes of a text that moves."""
MOVING_REFRESH = 120.0
"""Seconds between two commands that set a text which moves and has not changed: each has it begin anew."""
REFRESHES = 3
"""How often the level is sent in the time after which the card would hide it: so many answers and commands in a row may
be lost, with `reply_timeout` after each."""

Level = tuple[bytes, ...]
"""What the board should show, one item per strip."""


class Strip(NamedTuple):
    """One line of text at its place on the board, in pixels. `color`: one of `COLORS`, or none; `moves`: a text that
    is longer than the strip runs through it, else it is cut off."""

    x: int
    y: int
    width: int
    height: int
    color: str = ""
    moves: bool = False

    @property
    def cells(self) -> int:
        """Bytes of text that fit into it."""
        return self.width // 8


def rows(lines: int = 4, width: int = 128, line_height: int = 16) -> tuple[Strip, ...]:
    """Strips of one size, one below the other."""
    return tuple(Strip(0, row * line_height, width, line_height) for row in range(lines))


@dataclass(frozen=True, slots=True)
class _Request:
    """The request under way: a level, or a ping (None)."""

    level: Level | None
    at: float
    speech: Speech | None = None


class BxBoard:
    """A board of some `strips` of text, as the controller sees it.

    `model` gives the unit of X and width unless `x_unit` does. `dynamic_header` says what the two bytes before the
    parameters of DYNAMIC_AREAS are [?]: the parameters' length, or a process mode (1 = clear and initialise) and 00.
    A line is cut to the cells of the card's 16-dot font (8 pixels for ASCII, 16 for Han): the card would show an excess
    as a second page. `stale_after`: seconds after which the card blanks the board if the controller is gone (what may
    move: four minutes later, since every command would have it begin anew); 0: the last text stays. `voice`: what the
    card speaks, if it can. ValueError for an unknown model.
    """

    def __init__(
        self,
        strips: Sequence[Strip] = rows(),
        *,
        model: str = "5k1",
        destination: int = CARD,
        x_unit: XUnit | None = None,
        dynamic_header: Literal["length", "process"] = "length",
        reply_timeout: float = 3.0,
        ping_interval: float = 10.0,
        refresh: float = 60.0,
        stale_after: int = 0,
        voice: CardVoice | None = None,
    ) -> None:
        if model not in X_UNIT:
            raise ValueError(f"{model!r} is no BX model; use one of {', '.join(X_UNIT)}")
        self._x_unit = x_unit or X_UNIT[model]
        self._strips = tuple(strips)
        self._destination = destination
        self._dynamic_header = dynamic_header
        self._reply_timeout = reply_timeout
        self._ping_interval = ping_interval
        numbers = stale_after and not all(strip.moves for strip in self._strips)
        self._refresh = min(refresh, stale_after / REFRESHES) if numbers else refresh
        self._stale_after = stale_after
        self.voice = voice
        self._reader = frame_reader(REPLY_LIMIT)
        self._connected = False
        self._line: Health | None = None  # what the card's answers say
        self._health: Health | None = None  # that, or the state of its voice, as it was told
        self._wanted: Level = (b" ",) * len(self._strips)
        self._shown: Level | None = None  # as far as the card has confirmed it and has answered since
        self._shown_at = 0.0
        self._moved_at = 0.0
        self._probing = False
        self._ping_at = 0.0
        self._request: _Request | None = None
        self._silent_since: float | None = None  # when the oldest request was sent that nothing has answered
        self._refusals = 0
        self._not_before = 0.0

    def show(self, lines: Sequence[str]) -> None:
        """Set the text (level), a line a strip; missing lines are blank, surplus ones are not shown."""
        shown = [_encode(line, strip) for line, strip in zip(lines, self._strips, strict=False)]
        self._wanted = (*shown, *[b" "] * (len(self._strips) - len(shown)))

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = self._probing = True
        self._reader.reset()
        self._give_up(now)
        self._line = self._health = self._shown = self._silent_since = None
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
            self._give_up(now)
            self._shown = None
        if self._silent_since is not None and now >= self._silent_since + self._reply_timeout:
            return self._turn(NO_ANSWER)
        return self._turn(self._line)

    def data_to_send(self, now: float) -> bytes:
        if not self._connected or self._request or now < self._not_before:
            return b""
        speech = self._speech(now)
        if speech or (now >= self._level_at() and not self._probing):
            self._request = _Request(self._wanted, now, speech)
        elif now >= self._ping_at:
            self._request = _Request(None, now)
        else:
            return b""
        self._probing = False
        if self._silent_since is None:
            self._silent_since = now
        level = self._request.level
        data = command(Command.PING) if level is None else self._level_command(level, speech, now)
        return Frame(data, self._destination).to_bytes()

    def next_deadline(self) -> float | None:
        if not self._connected:
            return None
        if not self._request:
            return max(self._not_before, min(self._level_at(), self._ping_at, self._speech_at()))
        gives_up = self._gives_up_at(self._request)
        if self._silent_since is None or self._line == NO_ANSWER:
            return gives_up
        return min(gives_up, self._silent_since + self._reply_timeout)

    # -- inside ----------------------------------------------------------------------------------------------

    def _answered(self, request: _Request, reply: Reply, now: float) -> Sequence[object]:
        self._request = self._silent_since = None
        self._ping_at = now + self._ping_interval
        if request.speech and self.voice:
            passing = reply.error in (Error.BUSY, Error.CRC)
            self.voice.answered(reply.ack, now, passing=passing)
            if not reply.ack and not passing:  # perhaps only what it was to speak; the level follows without it
                return self._turn(self._line)
        if not reply.ack:
            self._not_before = now + RETRY_PAUSES[min(self._refusals, len(RETRY_PAUSES) - 1)]
            self._refusals += 1
            passing = reply.error == Error.BUSY and self._refusals < len(RETRY_PAUSES)
            return [] if passing else self._turn(REFUSED)
        self._refusals = 0
        if request.level is not None:
            self._shown, self._shown_at = request.level, now
        return self._turn(OK)

    def _turn(self, line: Health | None) -> Sequence[object]:
        """The health as a fact, if it has changed: what the card's answers say, else what is wrong with its voice."""
        self._line = line
        health = (self.voice.health if self.voice and line == OK else None) or line
        if health is None or health == self._health:
            return []
        self._health = health
        return [health]

    def _give_up(self, now: float) -> None:
        """The request under way counts as lost."""
        if self._request and self._request.speech and self.voice:
            self.voice.answered(None, now)
        self._request = None

    def _speech(self, now: float) -> Speech | None:
        """What the card is to speak now: only while it answers, so that nothing is spoken into an outage."""
        if self.voice is None or self._probing or self._silent_since is not None:
            return None
        return self.voice.due(now)

    def _speech_at(self) -> float:
        """When there is next something to speak."""
        if self.voice is None or self._probing or self._silent_since is not None:
            return inf
        deadline = self.voice.next_deadline()
        return inf if deadline is None else deadline

    def _level_at(self) -> float:
        """When the level is next to be sent."""
        return self._shown_at + self._refresh if self._wanted == self._shown else -inf

    def _gives_up_at(self, request: _Request) -> float:
        """When a request counts as lost: earlier if a newer level is queued."""
        if self._level_at() != -inf or request.level == self._wanted:
            return request.at + self._reply_timeout
        patience = PING_PATIENCE if request.level is None else LEVEL_PATIENCE
        return request.at + min(patience, self._reply_timeout)

    def _level_command(self, level: Level, speech: Speech | None, now: float) -> bytes:
        """All strips in one command, but for what moves and has not changed; if the card's RAM is unknown, its other
        areas are deleted as well."""
        shown, fresh = self._shown, self._shown is None
        if fresh or now >= self._moved_at + MOVING_REFRESH:
            shown, self._moved_at = None, now
        every = [
            self._area(row, strip, text) for row, (strip, text) in enumerate(zip(self._strips, level, strict=True))
        ]
        kept = [area for area in every if not shown or area.effect == Effect.STILL or shown[area.id] != level[area.id]]
        areas = kept or every
        areas[0] = areas[0]._replace(speech=speech)
        parameters = areas_parameters(areas, delete_all=fresh)
        header = len(parameters) if self._dynamic_header == "length" else fresh
        return command(Command.DYNAMIC_AREAS, parameters, header=header)

    def _area(self, number: int, strip: Strip, text: bytes) -> Area:
        runs = len(text) > strip.cells
        return Area(
            x=self._in_x_unit(strip.x),
            y=strip.y,
            width=self._in_x_unit(strip.width),
            height=strip.height,
            id=number,
            run_mode=RunMode.HIDE if self._stale_after else RunMode.LOOP if runs else RunMode.KEEP,
            timeout=self._stale_after + round(2 * MOVING_REFRESH) * strip.moves if self._stale_after else 0,
            effect=Effect.LEFT if runs else Effect.STILL,
            text=colored(text, strip.color),
        )

    def _in_x_unit(self, pixels: int) -> int:
        if self._x_unit == "8px":
            return -(-pixels // 8)
        return pixels | PIXEL_FLAG if self._x_unit == "pixel15" else pixels


def _encode(text: str, strip: Strip) -> bytes:
    """The line as the card takes it, cut to the strip's cells unless it moves; a GB2312 byte is a cell of 8 pixels."""
    limit = MOVING_LIMIT if strip.moves else strip.cells
    line = b""
    for character in fitted(text, on_board):
        code = character.encode("gb2312")
        if len(line) + len(code) > limit:
            break
        line += code
    return line or b" "
