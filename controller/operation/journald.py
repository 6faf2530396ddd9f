"""The log for systemd's journal: the level and the device of a line as fields, and a traceback as one entry.

`journalctl -u lobby -p warning` and `journalctl DEVICE=printer` then find them. Protocol: systemd's documentation,
"Native Journal Protocol"; sd-daemon(3) for the levels before lines of a plain stream.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TextIO

from controller.operation.repeated_lines import RepeatsHandler

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "lobby"
"""As SyslogIdentifier= in the unit."""
_DEVICES = "controller.devices."
"""The loggers whose lines begin with the device that they are about: "%s: .."."""


def reads(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether the journal reads a stream: JOURNAL_STREAM, systemd.exec(5), names its device and inode."""
    with suppress(OSError, ValueError):
        at = os.fstat(stream.fileno())
        return environment.get("JOURNAL_STREAM") == f"{at.st_dev}:{at.st_ino}"
    return False


def at_level(text: str, level: int) -> str:
    """A text for the stream that the journal reads: every line with its level before it."""
    return "\n".join(f"<{priority(level)}>{line}" for line in text.splitlines())


def priority(level: int) -> int:
    """The level of syslog(3) for a level of `logging`."""
    for least, of_syslog in ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6)):
        if level >= least:
            return of_syslog
    return 7


class JournalHandler(RepeatsHandler):
    """Writes to the journal's socket; where it cannot, to standard error, with the level before each line."""

    def __init__(self, address: str = SOCKET) -> None:
        super().__init__(sys.stderr)
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def write(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            try:
                self._socket.sendto(
                    b"".join(_encoded(name, value) for name, value in _fields(record, text)), self._address
                )
            except OSError:  # no room, too long, or the journal is away
                self.stream.write(f"{at_level(text, record.levelno)}\n")
                self.flush()
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        super().close()
        self._socket.close()


def _fields(record: logging.LogRecord, text: str) -> Iterator[tuple[str, str]]:
    yield "MESSAGE", text
    yield "PRIORITY", str(priority(record.levelno))
    yield "SYSLOG_IDENTIFIER", IDENTIFIER
    yield "LOGGER", record.name
    if record.name.startswith(_DEVICES) and str(record.msg).startswith("%s: ") and isinstance(record.args, tuple):
        yield "DEVICE", str(record.args[0])


def _encoded(name: str, value: str) -> bytes:
    """A field, which is preceded by its length if it has several lines."""
    data = value.encode("utf-8", "replace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
