"""Call terminals (呼叫器) and raters (评价器) that speak "68" frames on one RS-485 bus, 9600 8N1.

Source: the code of a hall system in use; no vendor manual exists. Points no source confirms are marked [?].

Frame, both ways::

    FF 68 L L 68 address function data.. sum 16        L = 2 + len(data); sum over address, function and data

A terminal sends a frame when a key is pressed; it is not polled. The last data byte is the key, the bytes before it
the typed digits, at most two. We answer a key with the same frame, but only when the controller says so: the echo tells
the clerk that the press is in the journal. A terminal that gets no echo sends the frame again [?]: copies that follow
each other within `repeat_ms`, or while the first has not been answered yet, are the same press, however many there are;
after `SERIES` copies a gap of less than `SERIES_GAP` seconds does not end it, as one of them may be lost or late.
An outage of the link does not end such a series of copies, if it continues as soon as the link is back. A terminal that
still repeats its frame after `DEAF_AFTER` does not receive our frames, or its key is stuck.

The bus is slow (a 12-byte frame takes 12.5 ms) and shared, so frames are sent one at a time in order of urgency:
echoes, beeps, the ticket in hand, rater frames, waiting counts. An echo waits behind one frame at most.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from drivers.device import OK, Health, UnknownAddress
from drivers.framing import FrameReader, Taken, sum8

HEAD = b"\xff\x68"
MARK = 0x68
TAIL = 0x16
BLANK = 0x0A
"""A display digit that shows nothing."""

MAX_L_FROM_TERMINAL = 5
MAX_L_FROM_HOST = 8

SERIES, SERIES_GAP = 4, 1.0
"""After so many copies a terminal does not receive our frames, and one of its own may be lost or reach us late: only
so many seconds without a copy end the series."""
DEAF_AFTER = 5.0
"""Seconds of copies, all of them answered, after which that is reported."""
OUTAGE = 30.0
"""Seconds for which a terminal may keep sending one press while the link is down [?]."""
PRESSES_KEPT = 64
"""Most past presses remembered, over all addresses."""
WAITING_INTERVAL = 1.0
"""Seconds between two waiting counts to one terminal."""
NOISE_SPELL = 60.0
"""Seconds without a broken frame or an unexpected copy, after which the line counts as good again."""
GARBLED = Health("degraded", "garbled")
NOT_HEARD = Health("degraded", "not_heard")


class Function(IntEnum):
    """The function byte."""

    ANSWER_RATER = 0x01
    DISPLAY = 0x02  # to a rater: the stars shown
    BEEP = 0x03
    RATED = 0x11  # from a rater; every other function from the field is a key


class Key(IntEnum):
    """The last data byte of a key frame."""

    EVALUATE = 0x0B
    CALL = 0x0C
    RECALL = 0x0D
    CANCEL = 0x0E
    CONFIRM = 0x0F
    ONE_METRE_LINE = 0x11
    PAUSE = 0x12
    TRANSFER = 0x13


@dataclass(frozen=True, slots=True)
class Frame:
    """One 68-frame; the same layout in both directions."""

    address: int
    function: int
    data: bytes = b""

    def to_bytes(self) -> bytes:
        """The frame as it goes on the wire."""
        length = 2 + len(self.data)
        body = bytes((self.address, self.function)) + self.data
        return HEAD + bytes((length, length, MARK)) + body + bytes((sum8(body), TAIL))


def frame_reader(max_l: int) -> FrameReader[Frame]:
    """A reader of frames whose L is at most `max_l` (5 from terminals, 8 from the host)."""

    def take(buffer: bytearray) -> Taken[Frame]:
        start = buffer.find(HEAD)
        if start < 0:
            # A last FF may be the first half of the next head.
            return Taken(len(buffer) - (buffer[-1] == HEAD[0]))
        if start:
            return Taken(start)
        if len(buffer) < 5:
            return Taken(0)
        length = buffer[2]
        if buffer[3] != length or buffer[4] != MARK or not 2 <= length <= max_l:
            return Taken(1)
        size = 5 + length + 2
        if len(buffer) < size:
            return Taken(0)
        body = bytes(buffer[5 : 5 + length])
        if buffer[size - 2] != sum8(body) or buffer[size - 1] != TAIL:
            return Taken(1)
        return Taken(size, Frame(body[0], body[1], body[2:]))

    return FrameReader(take, limit=5 + max_l + 2)


def echo_of(frame: Frame) -> Frame:
    """The answer to a press, after which a terminal (or rater) does not send it again."""
    if frame.function == Function.RATED:
        return Frame(frame.address, Function.ANSWER_RATER, frame.data[:1])
    return frame


def presses_in(data: bytes) -> list[Frame]:
    """The presses in what was heard on a line of which nothing is known."""
    return [
        frame
        for frame in frame_reader(MAX_L_FROM_TERMINAL).feed(data, 0.0)
        if frame.data and (frame.function == Function.RATED or all(digit <= 9 for digit in frame.data[:-1]))
    ]


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key press at a terminal, to be answered with `Terminal68.answer(frame, ..)`.

    `early`: it came just after the link was opened, so it may be a copy of an earlier press.
    """

    frame: Frame
    digits: str
    key: int
    early: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Rated:
    """A customer's score from a rater, to be answered with `Terminal68.answer(frame, ..)`; `early` as of `Pressed`."""

    frame: Frame
    score: int
    early: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class NotHeard:
    """The terminal (or rater) at this address has been repeating one answered press for `DEAF_AFTER`; reported once."""

    address: int


def waiting_frame(address: int, waiting: int) -> Frame:
    """Show the number waiting, at most 999, since 000 means nobody."""
    return Frame(address, Function.DISPLAY, _digits(f"{min(waiting, 999):03d}") + bytes([BLANK] * 3))


def ticket_frame(address: int, ticket: str) -> Frame:
    """Show the last three digits of a ticket's number; an empty ticket blanks the display."""
    digits = "".join(c for c in ticket if c.isascii() and c.isdigit())[-3:]
    return Frame(address, Function.DISPLAY, bytes([BLANK] * 3) + _digits(digits.rjust(3)))


def _digits(text: str) -> bytes:
    return bytes(BLANK if c == " " else int(c) for c in text)


@dataclass(slots=True)
class _Press:
    """A press, kept to distinguish its retransmissions from a new press."""

    at: float
    heard: float  # the last copy
    answer: list[Frame] | None = None  # None: not answered yet
    not_heard: bool = False
    """`NotHeard` has been reported."""
    copies: int = 0

    def repeated(self, now: float, repeat: float) -> bool:
        """Whether a copy received now is not a new press."""
        gap = max(repeat, SERIES_GAP) if self.copies >= SERIES and repeat else repeat
        return self.answer is None or now - self.heard < gap


@dataclass(slots=True)
class _Display:
    """What one terminal should show, and what it has been sent."""

    ticket: str = ""
    ticket_sent: str | None = None
    waiting: int | None = None
    waiting_sent: int | None = None
    waiting_at: float = float("-inf")


class Terminal68:
    """The driver of one bus.

    `terminals` and `raters` are the configured bus addresses. `baud` is the line's speed, by which frames are
    spaced out; None (TCP gateways) sends without spacing. `repeat_ms`: see the module's text.
    `refresh`: seconds between two refreshes of each display, since lost frames are not noticed on this bus; None:
    never.
    """

    def __init__(
        self,
        terminals: Collection[int],
        raters: Collection[int] = (),
        *,
        repeat_ms: int = 400,
        baud: int | None = 9600,
        refresh: float | None = None,
    ) -> None:
        self._known = frozenset(terminals) | frozenset(raters)
        self._repeat = repeat_ms / 1000
        self._byte_time = 10 / baud if baud else 0.0
        self._reader = frame_reader(MAX_L_FROM_TERMINAL)
        self._displays = {address: _Display() for address in sorted(terminals)}
        self._presses: OrderedDict[Frame, _Press] = OrderedDict()
        self._answers: deque[Frame] = deque(maxlen=256)
        self._beeps: deque[Frame] = deque(maxlen=256)
        self._to_raters: deque[Frame] = deque(maxlen=64)
        self._unknown: set[int] = set()
        self._connected = False
        self._connected_at = self._gone_at = self._free_at = 0.0
        self._health = OK
        self._deaf: dict[int, float] = {}
        """Addresses that do not receive our frames -> until when that counts."""
        self._noisy_until: float | None = None
        self._refresh_at = 0.0
        self._refresh_next = deque(self._displays if refresh else ())
        # Spread out, so that the refreshes never fill the bus.
        self._refresh_pause = (refresh or 0.0) / max(1, len(self._displays))

    @property
    def repeat_ms(self) -> int:
        """Milliseconds within which copies of a press follow each other."""
        return round(self._repeat * 1000)

    # -- what the controller wants ---------------------------------------------------------------------------

    def answer(self, frame: Frame, *, refused: bool = False) -> None:
        """Echo a press that has been decided (and, if accepted, journalled); if refused, a beep follows the echo."""
        frames = [echo_of(frame)]
        if refused and frame.function != Function.RATED:
            frames.append(Frame(frame.address, Function.BEEP))
        press = self._presses.get(frame)
        if press:
            press.answer = frames
        self._queue_answer(frames)

    def unanswered(self, frame: Frame) -> None:
        """The press could not be journalled: send nothing, and treat its retransmission as a new press."""
        self._presses.pop(frame, None)

    def show_ticket(self, address: int, ticket: str) -> None:
        """The ticket in hand at a terminal (level); empty when there is none."""
        self._displays[address].ticket = ticket

    def show_waiting(self, address: int, waiting: int) -> None:
        """The number of customers waiting for a terminal's counter (level)."""
        self._displays[address].waiting = waiting

    def show_waiting_again(self, address: int) -> None:
        """Send a terminal its number waiting even if it has not changed, as after a refusal."""
        self._displays[address].waiting_sent = None

    def ask_rating(self, address: int) -> None:
        """Ask the customer at a rater for a rating (edge)."""
        self._to_raters.append(Frame(address, Function.ANSWER_RATER, bytes([Key.EVALUATE])))

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self, now: float) -> Sequence[object]:
        self._connected = True
        self._reader.reset()
        self._unknown.clear()
        self._connected_at = self._free_at = now
        for press in self._presses.values():
            # A press that was being repeated when the link was lost still is, if it is received as soon as it is back.
            if self._gone_at - press.heard < self._repeat and now - self._gone_at < OUTAGE:
                press.heard = now
                press.at += now - self._gone_at
        self._noisy_until = None
        self._deaf.clear()
        self._health = OK
        self._refresh_at = now + self._refresh_pause
        for display in self._displays.values():
            display.ticket_sent = display.waiting_sent = None
        return [OK]

    def disconnected(self, now: float) -> Sequence[object]:
        self._connected = False
        self._gone_at = now
        self._answers.clear()
        self._beeps.clear()
        self._to_raters.clear()
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        before = self._reader.garbage
        facts: list[object] = []
        for frame in self._reader.feed(data, now):
            fact = self._heard(frame, now)
            if fact:
                facts.append(fact)
        if self._reader.garbage != before:
            self._noisy_until = now + NOISE_SPELL
        return facts + self._turn(now)

    def tick(self, now: float) -> Sequence[object]:
        if self._refresh_next and now >= self._refresh_at:
            self._refresh_at = now + self._refresh_pause
            display = self._displays[self._refresh_next[0]]
            display.ticket_sent = display.waiting_sent = None
            self._refresh_next.rotate(-1)
        return self._turn(now)

    def data_to_send(self, now: float) -> bytes:
        if not self._connected or now < self._free_at:
            return b""
        frame = self._next_frame(now)
        if frame is None:
            return b""
        data = frame.to_bytes()
        self._free_at = now + len(data) * self._byte_time
        return data

    def next_deadline(self) -> float | None:
        if not self._connected:
            return None
        times = [self._refresh_at] if self._refresh_next else []
        times += self._spells()
        if self._answers or self._beeps or self._to_raters:
            times.append(self._free_at)
        for display in self._displays.values():
            if display.ticket != display.ticket_sent:
                times.append(self._free_at)
            if display.waiting is not None and display.waiting != display.waiting_sent:
                times.append(max(self._free_at, display.waiting_at + WAITING_INTERVAL))
        return min(times, default=None)

    # -- inside ----------------------------------------------------------------------------------------------

    def _heard(self, frame: Frame, now: float) -> object | None:
        if frame.address not in self._known:
            if frame.address in self._unknown:
                return None
            self._unknown.add(frame.address)
            return UnknownAddress(frame.address)
        if not frame.data:
            return None
        press = self._presses.get(frame)
        if press and press.repeated(now, self._repeat):
            press.heard = now
            press.copies += 1
            self._queue_answer(press.answer or [])
            if press.answer and frame.address in self._displays:
                # It has missed the echo, and perhaps later frames as well.
                display = self._displays[frame.address]
                display.ticket_sent = display.waiting_sent = None
            return self._still_repeated(press, frame.address, now)
        digits = frame.data[:-1]
        if frame.function != Function.RATED and any(digit > 9 for digit in digits):
            return None
        self._presses[frame] = _Press(now, now)
        self._presses.move_to_end(frame)
        if len(self._presses) > PRESSES_KEPT:
            self._presses.popitem(last=False)
        early = now - self._connected_at < self._repeat
        if frame.function == Function.RATED:
            return Rated(frame, frame.data[0], early)
        return Pressed(frame, "".join(map(str, digits)), frame.data[-1], early)

    def _still_repeated(self, press: _Press, address: int, now: float) -> NotHeard | None:
        if press.answer is None or now - press.at < DEAF_AFTER:
            return None
        self._deaf[address] = now + NOISE_SPELL
        if press.not_heard:
            return None
        press.not_heard = True
        return NotHeard(address)

    def _spells(self) -> list[float]:
        """When each present fault of the line counts as over."""
        return [*self._deaf.values(), *([] if self._noisy_until is None else [self._noisy_until])]

    def _turn(self, now: float) -> list[object]:
        """The bus's health as a fact, if it has changed."""
        if self._noisy_until is not None and now >= self._noisy_until:
            self._noisy_until = None
        self._deaf = {address: until for address, until in self._deaf.items() if now < until}
        health = GARBLED if self._noisy_until is not None else NOT_HEARD if self._deaf else OK
        if health == self._health:
            return []
        self._health = health
        return [health]

    def _queue_answer(self, frames: Sequence[Frame]) -> None:
        if not self._connected:
            return
        for frame in frames:
            (self._beeps if frame.function == Function.BEEP and not frame.data else self._answers).append(frame)

    def _next_frame(self, now: float) -> Frame | None:
        if self._answers:
            return self._answers.popleft()
        if self._beeps:
            return self._beeps.popleft()
        for address, display in self._displays.items():
            if display.ticket != display.ticket_sent:
                display.ticket_sent = display.ticket
                return ticket_frame(address, display.ticket)
        if self._to_raters:
            return self._to_raters.popleft()
        for address, display in self._displays.items():
            due = display.waiting_at + WAITING_INTERVAL <= now
            if display.waiting is not None and display.waiting != display.waiting_sent and due:
                display.waiting_sent, display.waiting_at = display.waiting, now
                return waiting_frame(address, display.waiting)
        return None
