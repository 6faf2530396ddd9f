"""Limiting repeated log lines: the first few of equal lines are written, then only their count.

Lines are equal if their logger, level and text are, apart from memory addresses; those with a traceback, if the
exception also comes from the same place. Lines that differ in any word or figure are always written.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TextIO

AT_ONCE = 5
"""Times that a line is written before it is only counted."""
SPELL = 60.0
"""Seconds between two counts of the same line. After as many without it, it is a new line again."""
LINES = 1000
"""Lines tracked at a time; the least recent is dropped, once its count has been written."""
SHOWN = 200
"""Characters of a line that are written with its count."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")


Later = Callable[[float, Callable[[], None]], object]
"""Calls a function once, after so many seconds, from any thread."""


@dataclass(slots=True)
class _Line:
    """A line since a time: how often it was written, and how often only counted."""

    name: str
    level: int
    text: str
    since: float
    written: int = 0
    more: int = 0


def _timer(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


class RepeatsHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream. Counts are written every `SPELL` seconds, and when the handler is closed.

    `clock` is steady, in seconds.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic, later: Later = _timer
    ) -> None:
        super().__init__(stream)
        self._clock = clock
        self._later = later
        self._lines: OrderedDict[bytes, _Line] = OrderedDict()  # in the order of `since`
        self._wakes = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = _told(record)
            key = _key(record, text)
        except Exception:
            self.handleError(record)
            return
        now = self._clock()
        self._tell_due(now)
        line = self._lines.get(key)
        if line is None:
            if len(self._lines) >= LINES:
                self._tell(self._lines.popitem(last=False)[1], now)
            line = self._lines[key] = _Line(record.name, record.levelno, text.partition("\n")[0][:SHOWN], now)
        if line.written < AT_ONCE:
            line.written += 1
            self.write(record)
        else:
            line.more += 1
            if not self._wakes:
                self._wake_later(now)

    def write(self, record: logging.LogRecord) -> None:
        """Write one line."""
        super().emit(record)

    def close(self) -> None:
        """Write the remaining counts, and close."""
        with self._own_lock():
            while self._lines:
                self._tell(self._lines.popitem(last=False)[1], self._clock())
        super().close()

    def _tell_due(self, now: float) -> None:
        """Write the counts that are due, and drop the lines that have not occurred since their last one."""
        while self._lines:
            key, line = next(iter(self._lines.items()))
            if now - line.since < SPELL:
                return
            if line.more:
                self._tell(line, now)
                line.since, line.more = now, 0
                self._lines.move_to_end(key)
            else:
                del self._lines[key]

    def _tell(self, line: _Line, now: float) -> None:
        if line.more:
            text = f"{line.more:,} more times in {max(1, round(now - line.since))} s: {line.text}"
            self.write(logging.LogRecord(line.name, line.level, "", 0, text, (), None))

    def _wake_later(self, now: float) -> None:
        counted = next((line for line in self._lines.values() if line.more), None)
        if counted:
            with suppress(RuntimeError):  # no thread can be started when the program is about to end
                self._later(max(0.0, counted.since + SPELL - now), self._wake)
                self._wakes = True

    def _wake(self) -> None:
        with self._own_lock():
            self._wakes = False
            now = self._clock()
            self._tell_due(now)
            self._wake_later(now)

    @contextmanager
    def _own_lock(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


def _told(record: logging.LogRecord) -> str:
    """The text of a line, with the kind of its exception."""
    text = record.getMessage()
    kind = record.exc_info[0] if record.exc_info else None
    if kind is None:
        return text
    first, *rest = text.split("\n")
    return "\n".join([f"{first} ({kind.__name__})", *rest])


def _key(record: logging.LogRecord, text: str) -> bytes:
    """A digest that identifies a line."""
    parts = [record.name, str(record.levelno), _ADDRESS.sub("0x", text)]
    at = record.exc_info[2] if record.exc_info else None
    while at:
        parts.append(f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}")
        at = at.tb_next
    told = "\0".join(parts)
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).digest()
