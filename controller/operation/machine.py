"""What files tell a monitor: the room on the journal's disk, the journal's size, when the last backup was made."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

BESIDE = ("", "-wal", "-shm")
"""The files of an open journal."""
STAMP = ".backup"
"""What stands behind the journal's name in that of the file whose date is that of the last backup."""


class Room(NamedTuple):
    """Bytes of a file system: those that this program may still use, and all."""

    free: int
    size: int


def room(journal: Path) -> Room | None:
    """The room where a journal is; None: that cannot be told."""
    try:
        disk = os.statvfs(journal.parent)
    except OSError:
        return None
    return Room(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)


def journal_size(journal: Path) -> int:
    """Bytes of a journal with what stands beside it."""
    found = 0
    for suffix in BESIDE:
        with suppress(OSError):
            found += os.stat(f"{journal}{suffix}").st_size
    return found


def remember_backup(journal: Path) -> Path:
    """A backup has just been made: record that beside the journal; the file. OSError."""
    stamp = _stamp(journal)
    partial = stamp.with_name(f"{stamp.name}.partial")
    partial.write_text("Its date is that of the last backup of this journal.\n")
    partial.replace(stamp)  # also where somebody else, such as root, has made the one before
    return stamp


def backed_up_at(journal: Path) -> float | None:
    """When the last backup of a journal was made, in seconds since 1970; None: there is none."""
    try:
        return _stamp(journal).stat().st_mtime
    except OSError:
        return None


def _stamp(journal: Path) -> Path:
    return journal.with_name(journal.name + STAMP)
