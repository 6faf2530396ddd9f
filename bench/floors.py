"""The floors: the least time that this machine needs for the essential part of what the controller does."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import processes
from bench.far_ends import CHUNK, echo_time

_ECHO = "import os\nwhile True: os.write(0, os.read(0, 4096))"


class Echo:
    """A child process that sends back what it reads from a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self._master = master

    def time(self, message: bytes) -> float:
        """Seconds from writing the message to the first byte of its echo."""
        seconds = echo_time(self._master, message, self._master)
        heard = 0
        while heard < len(message):
            heard += len(os.read(self._master, CHUNK))
        return seconds


@contextmanager
def echo() -> Iterator[Echo]:
    """The child, for as long as the context lasts."""
    master, slave = os.openpty()
    tty.setraw(slave)
    process = processes.start([sys.executable, "-I", "-S", "-c", _ECHO], stdin=slave)
    try:
        child = Echo(master)
        child.time(b"?")  # wait until it is running
        yield child
    finally:
        processes.kill(process)
        process.wait()
        os.close(master)
        os.close(slave)


class Commits:
    """Synced commits of one small row each, into a file of the journal's settings."""

    def __init__(self, path: Path) -> None:
        for old in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            old.unlink(missing_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE event(seq INTEGER PRIMARY KEY, at INTEGER, data TEXT)")

    def time(self) -> float:
        """Seconds for one."""
        started = time.perf_counter()
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("INSERT INTO event(at, data) VALUES (?, ?)", (time.time_ns(), '{"ticket":"A017"}'))
        self._database.execute("COMMIT")
        return time.perf_counter() - started

    def a_second(self, seconds: float) -> float:
        """How many, one after the other."""
        count, started = 0, time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds:
            self.time()
            count += 1
        return count / passed

    def close(self) -> None:
        """Close the file."""
        self._database.close()
