"""The files of an open SQLite database in WAL mode, and whether they are still those at its path.

SQLite silently continues with a file that has been deleted, moved or replaced while open: what it then reports as
written is gone when the program ends. So this is checked before anything is acknowledged.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

PAGE = 4096
"""Bytes of a page of the database."""
FRAME = PAGE + 24
"""Bytes of a page in the write-ahead log."""
LOG_HEAD = 32
"""Bytes of the log before its first page."""


class Trouble(Enum):
    """What has become of the files."""

    NONE = "they are as they were left"
    GONE = "there is no file at the path"
    REPLACED = "another file is at the path"
    CUT = "the file is shorter than it was"
    LOG_LOST = "the log or its index is gone, or another one is in its place"
    LOG_CUT = "the log is shorter than it was: cut, or emptied by another program in SQLite's own way"


@dataclass(frozen=True, slots=True)
class Look:
    """What stands at the paths now. Sizes in bytes."""

    trouble: Trouble
    size: int = 0
    log_size: int = 0


class OpenFiles:
    """The database at `path`, its log and the log's index, as they were at construction, just after opening them.

    A look takes two or three calls of `stat`. Raises OSError if a file is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._log, self._index = (f"{path}{suffix}" for suffix in ("", "-wal", "-shm"))
        # O_PATH: closing any other descriptor of a file drops the locks that SQLite has on it in this process.
        self._file = os.open(self._path, os.O_PATH | os.O_CLOEXEC)
        try:
            self._id = _id(os.fstat(self._file))
            log = os.stat(self._log)
            self._log_id, self._index_id = _id(log), _id(os.stat(self._index))
            self._size, self._log_size = os.stat(self._path).st_size, log.st_size
        except BaseException:
            os.close(self._file)
            raise

    def close(self) -> None:
        """Close the descriptors."""
        os.close(self._file)

    def look(self) -> Look:
        """Compare."""
        try:
            file = os.stat(self._path)
        except OSError:
            return Look(Trouble.GONE)
        if _id(file) != self._id:
            return Look(Trouble.REPLACED)
        if file.st_size < self._size:
            return Look(Trouble.CUT, file.st_size)
        try:
            log, index = os.stat(self._log), os.stat(self._index)
        except OSError:
            return Look(Trouble.LOG_LOST, file.st_size)
        if _id(log) != self._log_id or _id(index) != self._index_id:
            return Look(Trouble.LOG_LOST, file.st_size)
        short = log.st_size < self._log_size
        return Look(Trouble.LOG_CUT if short else Trouble.NONE, file.st_size, log.st_size)

    def take(self, look: Look) -> None:
        """Accept these sizes: the caller, or another program known to it, has written."""
        self._size, self._log_size = max(self._size, look.size), look.log_size

    @property
    def deleted(self) -> bool:
        """Whether the open file has no name left, so that no other program can open it."""
        return os.fstat(self._file).st_nlink == 0

    def remove_log(self) -> None:
        """Remove the log and its index if they are still ours: the database holds everything, and nobody has it open.

        A file that is put at the path later must not be mixed with them.
        """
        for path, id in ((self._log, self._log_id), (self._index, self._index_id)):
            try:
                if _id(os.stat(path)) == id:
                    os.unlink(path)
            except OSError:
                pass  # it is not there, which is what was wanted


def log_size(path: Path) -> int:
    """Bytes of the write-ahead log of the database at `path`; 0 if there is none."""
    try:
        return os.stat(f"{path}-wal").st_size
    except FileNotFoundError:
        return 0


def log_pages(path: Path, log: int, share: int, least: int, most: int) -> int:
    """Pages that a log of now `log` bytes may have: 1/`share` of the free space and its own, within limits."""
    disk = os.statvfs(path.parent)
    room = disk.f_bavail * disk.f_frsize + log
    return max(least, min(most, room // share // FRAME))


def _id(file: os.stat_result) -> tuple[int, int]:
    return file.st_dev, file.st_ino
