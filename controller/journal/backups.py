"""Backups of a journal: one file, taken while the daemon writes, and put back in its place.

A running journal is three files (the rows since the last checkpoint are in the log beside it), so a copy of one of them
is not a backup. SQLite's own backup is, and it is only called one once it has been replayed.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from controller.journal import JournalError, JournalReader, uri_of
from controller.journal.lock import JournalLock
from controller.lobby.actions.registry import evolve
from controller.lobby.model.state import State
from controller.operation.machine import remember_backup

log = logging.getLogger(__name__)

PAGES = 256
"""Pages that are copied at a time: a writer need not wait for all of them."""
BESIDE = ("-wal", "-shm")
"""What stands beside an open journal."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a journal holds: its id and branch, its rows, its business days, and the last of them."""

    id: str
    branch: str
    rows: int
    last: int
    days: int
    last_day: str


def verified(path: Path) -> Kept:
    """What a journal holds, after each of its days has been replayed; JournalError if it is damaged or is none."""
    with closing(JournalReader(path)) as reader:
        days, rows, last = reader.days(), 0, 0
        for day in days:
            state = State()
            for row in reader.rows(day):
                try:
                    evolve(state, row.at, row.event)
                except (KeyError, TypeError, ValueError) as error:
                    raise JournalError(
                        f"{path}: row {row.seq} does not fit the rows before it; the file is damaged"
                    ) from error
                rows, last = rows + (row.day == day), max(last, row.seq)
        with closing(sqlite3.connect(f"file:{uri_of(path)}?mode=ro", uri=True)) as connection:
            (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if sound != "ok":
                raise JournalError(f"{path}: the file is damaged ({sound})")
            id, branch = connection.execute("SELECT journal, branch FROM identity").fetchone() or ("", "")
        return Kept(id, branch, rows, last, len(days), days[-1] if days else "")


def back_up(journal: Path, out: Path) -> Kept:
    """Write the whole journal to `out`, which must not be there yet, also while a daemon writes it; what it holds.
    JournalError, OSError."""
    if out.exists():
        raise FileExistsError(f"{out} is there already; name another file")
    JournalReader(journal).close()  # says what is wrong with it, if anything
    partial = out.with_name(out.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"file:{uri_of(journal)}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(partial)) as target,
        ):
            source.backup(target, pages=PAGES)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
        kept = verified(partial)
        _sync(partial)
        os.chmod(partial, 0o640)
        partial.rename(out)
        _sync(out.parent)
        _remember(journal)
        return kept
    except sqlite3.Error as error:
        raise JournalError(f"{journal}: cannot be copied to {out} ({error})") from error
    finally:
        partial.unlink(missing_ok=True)
        for suffix in BESIDE:
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)


def _remember(journal: Path) -> None:
    try:
        _belongs(remember_backup(journal), journal.parent)
    except OSError as error:
        log.warning("%s: monitoring will not know of this backup, since its date cannot be kept (%s)", journal, error)


def restore(backup: Path, journal: Path, branch: str, now: datetime) -> tuple[Kept, Path | None]:
    """Put a backup in the place of a journal, which is kept beside it under another name: what it holds, and that name.

    JournalError: the backup is damaged, or of another branch, or a daemon uses the journal.
    """
    kept = verified(backup)
    if kept.branch and kept.branch != branch:
        raise JournalError(f"{backup}: this is of branch {kept.branch}, and the configuration is of branch {branch}")
    with _locked(journal) as lock:
        new = journal.with_name(journal.name + ".new")
        shutil.copyfile(backup, new)
        _belongs(new, journal.parent)
        _sync(new)
        aside = _put_aside(journal, now)
        new.rename(journal)
        _sync(journal.parent)
        lock.remember(kept.id, kept.last)
        _belongs(lock.path, journal.parent)
    return kept, aside


@contextmanager
def _locked(journal: Path) -> Iterator[JournalLock]:
    lock = JournalLock(journal)
    try:
        yield lock
    finally:
        lock.close()


def _put_aside(journal: Path, now: datetime) -> Path | None:
    """Give what is at the journal's place another name; that name, None: nothing is there."""
    if not journal.exists():
        return None
    aside = journal.with_name(f"{journal.name}.before-{now:%Y%m%d-%H%M%S}")
    for suffix in ("", *BESIDE):
        beside = journal.with_name(journal.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside


def _belongs(path: Path, directory: Path) -> None:
    """Give a file that root has made to the owner of its directory."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
