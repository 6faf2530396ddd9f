"""Faults of files that a program has open, and of their disk.

A SQLite database has its write-ahead log and the log's index beside it: `path-wal` and `path-shm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOG, INDEX, LOCK = "-wal", "-shm", ".lock"
"""Suffixes of the files beside a journal."""


def beside(path: Path, suffix: str) -> Path:
    """One of the files beside a database."""
    return path.with_name(path.name + suffix)


def delete(path: Path, suffixes: Sequence[str] = ("",)) -> None:
    """Delete a file, or the files of a database with these suffixes, if they exist."""
    for suffix in suffixes:
        beside(path, suffix).unlink(missing_ok=True)


def cut(path: Path, size: int = 0) -> None:
    """Cut a file to `size` bytes."""
    with path.open("r+b") as file:
        file.truncate(size)


@dataclass(frozen=True, slots=True)
class Moved:
    """Files that have been moved to another folder of the same disk."""

    path: Path
    to: Path
    suffixes: Sequence[str]

    def back(self) -> None:
        """Move them back, replacing what is there now."""
        for suffix in self.suffixes:
            moved = beside(self.to, suffix)
            if moved.exists():
                moved.replace(beside(self.path, suffix))


def move(path: Path, suffixes: Sequence[str] = ("",)) -> Moved:
    """Move a file, or the files of a database with these suffixes, into the folder `moved` beside it."""
    moved = Moved(path, path.parent / "moved" / path.name, suffixes)
    moved.to.parent.mkdir(exist_ok=True)
    for suffix in suffixes:
        if beside(path, suffix).exists():
            beside(path, suffix).rename(beside(moved.to, suffix))
    return moved


class Disk:
    """The disk of `directory`, which can be filled and freed."""

    def __init__(self, directory: Path) -> None:
        self._filler = directory / "filler"

    def fill(self) -> None:
        """Use all free space. For disks of some megabytes: this writes as much."""
        with self._filler.open("ab", buffering=0) as filler:
            try:
                while filler.write(b"\0" * 4096):
                    pass
            except OSError:
                pass

    def free(self) -> None:
        """Free the space again."""
        self._filler.unlink(missing_ok=True)
