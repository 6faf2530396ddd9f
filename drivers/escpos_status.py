"""Status of an ESC/POS printer: parsing its replies from the byte stream, and monitoring its state.

Replies are distinguished by the fixed bits of their bytes::

    XON 11, XOFF 13          flow control
    37 22 d d d d 00         printed as far as the process id d d d d (the answer to GS ( H)
    (b & 93) = 10, 3 more    automatic status: printer, error, paper, reserved; an XOFF may come in between
    (b & 93) = 12            answer to the last real-time question DLE EOT n; the byte does not say which n it was
    (b & 90) = 00            answer to GS r 1, if that was asked; the last three bytes of an automatic status look alike

Anything else is garbage. Sources: Epson's ESC/POS reference; a printer out of paper was seen to answer 1A, 32 and 7E
to n = 1, 2 and 4, a healthy one 16 to n = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto

from drivers.framing import FrameReader, Taken

XON, XOFF = 0x11, 0x13
PROCESS_ID = b"\x37\x22"
PROCESS_ID_SIZE = 7
AUTO_SIZE = 4
KIND_MASK = 0x93
KIND_AUTO = 0x10
KIND_REAL_TIME = 0x12
BUFFERED_MASK = 0x90
"""Bits that are 0 in the answer to GS r and in bytes 2 to 4 of an automatic status."""

REAL_TIME_STATUS = b"\x10\x04"
"""DLE EOT n, n from 1 to 4: answered at once, also by a printer that is offline."""
QUESTIONS = 4
QUESTION_SIZE = len(REAL_TIME_STATUS) + 1

REPLY_TIMEOUT = 0.5
"""Seconds in which a real-time request must be answered once its bytes have been sent."""
LATE = 0.25
"""Seconds after a missing answer in which nothing is asked: a late one would be taken for the next answer."""
SILENT_AFTER = 4
"""Consecutive unanswered requests from which a printer counts as silent (about 3 s)."""


class Trouble(Flag):
    """The faults that a printer can report, in any kind of reply."""

    NONE = 0
    OFFLINE = auto()
    COVER_OPEN = auto()
    PAPER_END = auto()
    PAPER_LOW = auto()
    CUTTER = auto()
    MECHANICAL = auto()
    FATAL = auto()
    HEAD_HOT = auto()
    ERROR = auto()
    FEEDING = auto()
    RESUMABLE = CUTTER | MECHANICAL
    FAULT = COVER_OPEN | PAPER_END | CUTTER | MECHANICAL | FATAL | HEAD_HOT | ERROR
    BLOCKING = FAULT | OFFLINE | FEEDING


REAL_TIME_BITS: dict[int, dict[int, Trouble]] = {
    1: {0x08: Trouble.OFFLINE},
    2: {0x04: Trouble.COVER_OPEN, 0x08: Trouble.FEEDING, 0x20: Trouble.PAPER_END, 0x40: Trouble.ERROR},
    3: {0x04: Trouble.MECHANICAL, 0x08: Trouble.CUTTER, 0x20: Trouble.FATAL, 0x40: Trouble.HEAD_HOT},
    4: {0x0C: Trouble.PAPER_LOW, 0x60: Trouble.PAPER_END},
}
"""By question n: the bits of its answer, any of which means the trouble."""

AUTO_BITS: tuple[dict[int, Trouble], ...] = (
    {0x08: Trouble.OFFLINE, 0x20: Trouble.COVER_OPEN, 0x40: Trouble.FEEDING},
    {0x04: Trouble.MECHANICAL, 0x08: Trouble.CUTTER, 0x20: Trouble.FATAL, 0x40: Trouble.HEAD_HOT},
    {0x03: Trouble.PAPER_LOW, 0x0C: Trouble.PAPER_END},
    {},
)
"""By position in an automatic status."""

DETAILS = (
    (Trouble.COVER_OPEN, "cover_open"),
    (Trouble.PAPER_END, "paper_end"),
    (Trouble.CUTTER, "cutter_error"),
    (Trouble.FATAL, "printer_fatal"),
    (Trouble.MECHANICAL, "printer_recoverable"),
    (Trouble.HEAD_HOT, "head_hot"),
    (Trouble.ERROR, "printer_error"),
    (Trouble.FEEDING, "printer_feeding"),
    (Trouble.OFFLINE, "offline"),
    (Trouble.PAPER_LOW, "paper_low"),
)
"""Wording keys, the cause before its effects."""


def wording(trouble: Trouble) -> str:
    """The wording key for the worst of `trouble`; empty when there is none."""
    return next((key for which, key in DETAILS if trouble & which), "")


def _meaning(byte: int, bits: dict[int, Trouble]) -> Trouble:
    found = Trouble.NONE
    for mask, trouble in bits.items():
        if byte & mask:
            found |= trouble
    return found


@dataclass(frozen=True, slots=True)
class Flow:
    """XON or XOFF. Recognised but not acted on: the port's own flow control does that."""

    byte: int


@dataclass(frozen=True, slots=True)
class ProcessId:
    """Everything sent before this id has been printed."""

    id: bytes


@dataclass(frozen=True, slots=True)
class AutoStatus:
    """The printer's state, sent without being requested."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class RealTime:
    """The answer to the oldest real-time question."""

    byte: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """The answer to GS r 1, if that was asked; else noise."""


Reply = Flow | ProcessId | AutoStatus | RealTime | Parsed


def reply_reader() -> FrameReader[Reply]:
    """A reader of everything a printer says."""
    return FrameReader(_take, limit=16)


def _take(buffer: bytearray) -> Taken[Reply]:
    first = buffer[0]
    if first in (XON, XOFF):
        return Taken(1, Flow(first))
    if first == PROCESS_ID[0]:
        return _take_process_id(buffer)
    if first & KIND_MASK == KIND_AUTO:
        return _take_auto_status(buffer)
    if first & KIND_MASK == KIND_REAL_TIME:
        return Taken(1, RealTime(first))
    if first & BUFFERED_MASK == 0:
        return Taken(1, Parsed())
    return Taken(1)


def _take_process_id(buffer: bytearray) -> Taken[Reply]:
    if not buffer.startswith(PROCESS_ID[: len(buffer)]):
        return Taken(1)
    if len(buffer) < PROCESS_ID_SIZE:
        return Taken(0)
    number, end = bytes(buffer[2:6]), buffer[6]
    if end != 0:
        return Taken(1)
    if not all(0x20 <= byte <= 0x7E for byte in number):
        return Taken(PROCESS_ID_SIZE)  # to a request that lost its end; its bytes could be read as a status
    return Taken(PROCESS_ID_SIZE, ProcessId(number))


def _take_auto_status(buffer: bytearray) -> Taken[Reply]:
    status: list[int] = []
    for size, byte in enumerate(buffer, 1):
        if byte == XOFF:
            continue
        if status and byte & BUFFERED_MASK:
            return Taken(1)
        status.append(byte)
        if len(status) == AUTO_SIZE:
            trouble = Trouble.NONE
            for part, bits in zip(status, AUTO_BITS, strict=True):
                trouble |= _meaning(part, bits)
            return Taken(size, AutoStatus(trouble))
    return Taken(0)


class StatusWatch:
    """Sends a printer the four real-time requests, one at a time, round after round, and keeps its state.

    A round's answers take effect together, so that a cause is never seen without its effects. Automatic status, where
    supported, takes effect at once; the rounds then only find what it missed. One watch is for one connection;
    `trouble` is the printer's last report on the connection before, if that still counts.
    """

    def __init__(self, now: float, trouble: Trouble | None = None) -> None:
        self.trouble = trouble
        """The printer's last report; None: none yet."""
        self.automatic = False
        """The printer sends automatic status."""
        self.answering = False
        """It has answered a real-time request on this connection."""
        self._misses = 0
        self._overtaken = False
        self._begin_round()
        self._reply_by: float | None = None
        self._last = now
        self._wait_from_last = False

    @property
    def silent(self) -> bool:
        """It does not answer; a printer with automatic status need not answer requests as well."""
        return self._misses >= SILENT_AFTER and (self.answering or not self.automatic)

    @property
    def blocked(self) -> bool:
        """It last reported that it cannot print. Silence does not end a reported fault: a printer that stops the line
        because of its fault cannot answer."""
        counts = Trouble.FAULT if self.silent else Trouble.BLOCKING
        return self.trouble is not None and bool(self.trouble & counts)

    @property
    def clear(self) -> bool:
        """It reports that it can print."""
        return not self.silent and self.trouble is not None and not self.trouble & Trouble.BLOCKING

    def ask_at(self, pace: float) -> float | None:
        """When the next question is due, with `pace` seconds between two rounds; None while one is open."""
        if self._reply_by is not None:
            return None
        return self._last + (pace if self._wait_from_last else 0.0)

    def ask(self, gone_at: float) -> bytes:
        """The next question, whose bytes will have left at `gone_at`."""
        self._reply_by = gone_at + REPLY_TIMEOUT
        return REAL_TIME_STATUS + bytes([self._question])

    def answer(self, byte: int, now: float) -> bool:
        """An answer to a real-time question; False if none is open."""
        if self._reply_by is None:
            return False
        self._reply_by = None
        self.answering = True
        self._misses = 0
        self._last = now
        self._wait_from_last = self._question == QUESTIONS or self._overtaken
        if self._overtaken:
            self._overtaken = False
            return True
        self._round |= _meaning(byte, REAL_TIME_BITS[self._question])
        self._question += 1
        if self._question > QUESTIONS:
            self.trouble = self._round
            self._begin_round()
        return True

    def expect_nothing(self) -> None:
        """The printer may have lost its settings, or be another one: automatic status must be probed again."""
        self.automatic = False
        self._misses = 0

    def told(self, trouble: Trouble) -> None:
        """An automatic status. It is newer than what the round under way has found, and than the answer still due."""
        self._misses = 0
        self.trouble = trouble
        self._begin_round()
        self._overtaken = self._reply_by is not None

    def tick(self, now: float) -> None:
        """Notice a missing answer; the same question will be asked again."""
        if self._reply_by is not None and now >= self._reply_by:
            self._misses += 1
            self._reply_by = None
            self._overtaken = False
            self._last = now + LATE
            self._wait_from_last = self.silent

    def _begin_round(self) -> None:
        self._question = 1
        self._round = Trouble.NONE

    def deadline(self, pace: float) -> float | None:
        """When the watch next has something to do."""
        return self.ask_at(pace) if self._reply_by is None else self._reply_by
