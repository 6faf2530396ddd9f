"""The journal: an append-only SQLite file with all events, one row per event.

No event has any visible effect before its row is on disk. One thread owns the only writing connection; `append` writes
a whole batch in one synced transaction, and while it is being synced the engine gathers the next (group commit).
Triggers abort UPDATE and DELETE. The file holds no personal data and no free text: what a person typed goes into the
separate table `remark`, which may be purged.

A failed commit leaves nothing behind: the connection is closed and opened again, and the caller replays the day from
the file. `probe` finds out when writing works again.

Before anything is acknowledged the files at the path are compared with those that are open. If one was deleted, moved,
replaced or truncated, writing counts as failed until it is back: a running controller never begins another journal. For
the next start, the lock file beside it records which journal was used here, and the journal which branch it belongs to.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller import __version__
from controller.chain import Anchor, Stored
from controller.journal_lock import (
    JournalConflictError,
    JournalError,
    JournalLock,
    JournalLostError,
    JournalWriteError,
)
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.event import UnknownEventError, from_row
from controller.lobby.aggregate import Row
from controller.lobby.model.units import Ms
from controller.openfiles import FRAME, LOG_HEAD, PAGE, Look, OpenFiles, Trouble, log_pages, log_size
from controller.threads import one_thread

__all__ = [
    "Journal",
    "JournalConflictError",
    "JournalError",
    "JournalLostError",
    "JournalReader",
    "JournalWriteError",
    "Remark",
    "uri_of",
]

log = logging.getLogger(__name__)

APPLICATION_ID = 0x4C4F4242
"""`LOBB` in the file's header, so that nobody takes another program's file for a journal."""
SCHEMA_VERSION = 1
"""The format of the file. A table that older programs can do without is added without a new one, so that an update can
be taken back. What they could not read gets the next number: the file is then copied before it is changed."""
TIDY_AFTER = 500
"""Rows after which the write-ahead log is checkpointed in the next idle moment."""
LOG_LIMIT = 16_000
"""Pages (4 KiB) of the log after which this is done at once, if the disk has room for them."""
LOG_LEAST = 16
"""The same if there is hardly any room."""
LOG_SHARE = 4
"""The log may take one part in so many of the free space, since a checkpoint needs the same space again."""
SPARE = 128 * 1024
"""Free bytes needed before writing resumes after a failure, so that it does not fail again at once."""
LOWEST = -(1 << 63)
"""The lowest number that SQLite can give a row; ours begin at 1."""
AT_A_TIME = 1000
"""Rows read at a time: a long-running reader must not keep the log from being checkpointed."""
PATIENCE = 200
"""Milliseconds for which readers may delay a checkpoint that is due at once."""
BUSY = 5000
"""Milliseconds for which other operations wait for another program that has locked the file."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event(
    seq INTEGER PRIMARY KEY,
    at INTEGER,     -- ms since 1970, UTC
    day TEXT,       -- YYYY-MM-DD, business day
    kind TEXT,
    version INTEGER,
    data TEXT,      -- JSON object
    cause TEXT,
    part INTEGER,
    UNIQUE(cause, part)
) STRICT;
CREATE INDEX IF NOT EXISTS event_day ON event(day);
CREATE TRIGGER IF NOT EXISTS event_is_never_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_is_never_replaced BEFORE INSERT ON event
    WHEN EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq OR (cause = NEW.cause AND part = NEW.part))
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_is_never_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE IF NOT EXISTS remark(cause TEXT PRIMARY KEY, at INTEGER, text TEXT) STRICT;
CREATE TABLE IF NOT EXISTS probe(id INTEGER PRIMARY KEY, filler BLOB) STRICT;
CREATE TABLE IF NOT EXISTS identity(id INTEGER PRIMARY KEY CHECK (id = 1), journal TEXT, branch TEXT) STRICT;
CREATE TABLE IF NOT EXISTS anchor(
    seq INTEGER PRIMARY KEY,    -- the last row of a business day that is over
    day TEXT,
    hash TEXT                   -- of the chain up to it, in hexadecimal digits (controller/chain.py)
) STRICT;
CREATE TRIGGER IF NOT EXISTS anchor_is_never_changed BEFORE UPDATE ON anchor
    BEGIN SELECT RAISE(ABORT, 'anchors are never changed'); END;
CREATE TRIGGER IF NOT EXISTS anchor_is_never_deleted BEFORE DELETE ON anchor
    BEGIN SELECT RAISE(ABORT, 'anchors are never deleted'); END;
"""
_COLUMNS = ("seq", "at", "day", "kind", "version", "data", "cause", "part")
_ROWS = f"SELECT {', '.join(_COLUMNS)} FROM event"


def _newer(path: Path, version: int) -> JournalError:
    return JournalError(
        f"{path}: has format {version}, and this program ({__version__}) reads up to format {SCHEMA_VERSION}: it was "
        "written by a newer version of this program; install that version"
    )


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person typed with a command."""

    cause: str
    at: Ms
    text: str


class JournalReader:
    """A journal opened for reading, also while a controller writes it. Raises JournalError if it is not a journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: sqlite3.Connection | None = None
        self._reading()

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def last_day(self) -> str:
        """The business day of the last row; empty for a new journal."""
        row = next(self._select("SELECT day FROM event ORDER BY seq DESC LIMIT 1"), None)
        return row[0] if row else ""

    def begun_at(self) -> Ms | None:
        """When the first row was written, in ms since 1970, UTC; None: there is none."""
        row = next(self._select("SELECT at FROM event ORDER BY seq LIMIT 1"), None)
        return Ms(row[0]) if row else None

    def last_day_with(self, *kinds: str) -> str:
        """The last business day with an event of one of these kinds; empty if there is none."""
        marks = ",".join("?" * len(kinds))
        select = f"SELECT day FROM event WHERE kind IN ({marks}) ORDER BY seq DESC LIMIT 1"
        row = next(self._select(select, *kinds), None)
        return row[0] if row else ""

    def days(self) -> list[str]:
        """The business days that there are, oldest first."""
        return [day for (day,) in self._select("SELECT DISTINCT day FROM event ORDER BY day")]

    def rows(self, day: str) -> Iterator[Row]:
        """The rows of one business day, oldest first; JournalError at the first that cannot be read.

        If the clock was set, the rows of the day that this one continues come first. The log cannot be checkpointed
        during a read transaction: so this reads `AT_A_TIME` rows at a time, however slow the caller is.
        """
        first, last = self._whole(day)
        select = f"{_ROWS} WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT {AT_A_TIME}"
        while part := list(self._select(select, first, last)):
            for columns in part:
                yield self._row(columns)
            first = part[-1][0] + 1

    def remarks(self, kind: str, day: str) -> list[tuple[Row, str]]:
        """The rows of a kind on a business day, as `rows` has them, each with what was typed with it; not those with
        which nothing was, or for which that was purged."""
        columns = ", ".join(f"event.{name}" for name in _COLUMNS)
        joined = f"SELECT {columns}, remark.text FROM event JOIN remark ON remark.cause = event.cause"
        found = self._select(f"{joined} WHERE seq BETWEEN ? AND ? AND kind = ? ORDER BY seq", *self._whole(day), kind)
        return [(self._row(columns), str(text)) for *columns, text in found]

    def remark(self, cause: str) -> str:
        """What was typed with a press; empty: nothing, or it was purged."""
        found = next(self._select("SELECT text FROM remark WHERE cause = ?", cause), None)
        return str(found[0]) if found else ""

    def _whole(self, day: str) -> tuple[int, int]:
        """The first and the last row of a day with those that it continues; (0, -1) if it has none."""
        first, last = self._span(day)
        while continued := self._continued(first):
            begins, _ = self._span(continued)
            if not 0 < begins < first:
                break
            first = begins
        return first, last

    def _span(self, day: str) -> tuple[int, int]:
        """The first and the last row of a day; (0, -1) if it has none."""
        first, last = next(self._select("SELECT min(seq), max(seq) FROM event WHERE day = ?", day))
        return (0, -1) if first is None else (first, last)

    def _continued(self, seq: int) -> str:
        """The day that is continued by the one whose first row is `seq`; empty: none."""
        columns = next(self._select("SELECT kind, data FROM event WHERE seq = ?", seq), None)
        if columns is None or columns[0] != DayOpened.KIND:
            return ""
        try:
            return str(json.loads(columns[1]).get("continues") or "")
        except (ValueError, AttributeError):
            return ""  # reading the row will report the error

    def rows_after(self, seq: int, limit: int) -> list[Row]:
        """The first `limit` rows after one, of whatever day."""
        return [
            self._row(columns) for columns in self._select(f"{_ROWS} WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)
        ]

    def stored(self, first: int = LOWEST) -> Iterator[Stored]:
        """All rows from `first` on as the table has them, in order; those that are written meanwhile too."""
        select = f"{_ROWS} WHERE seq >= ? ORDER BY seq LIMIT {AT_A_TIME}"
        while part := list(self._select(select, first)):
            yield from part
            first = part[-1][0] + 1

    def newest(self) -> Stored | None:
        """The last row as the table has it."""
        return next(self._select(f"{_ROWS} ORDER BY seq DESC LIMIT 1"), None)

    def shape(self, days: int) -> dict[str, Any]:
        """How many rows there are, by kind, and by business day for the last `days`."""
        kinds = dict(self._select("SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind"))
        newest = list(self._select(f"SELECT day, count(*) FROM event GROUP BY day ORDER BY day DESC LIMIT {days}"))
        (remarks,) = next(self._select("SELECT count(*) FROM remark"))
        (version,) = next(self._select("PRAGMA user_version"))
        rows = {"format": version, "rows": sum(kinds.values()), "remarks": remarks}
        return rows | {"by kind": kinds, "by day": dict(reversed(newest))}

    def from_day_to_day(self, first: str, last: str) -> tuple[int, int] | None:
        """The first row of the days from `first` on and the last of those up to `last`; empty: no limit. None: no
        row."""
        found = next(
            self._select(
                "SELECT (SELECT min(seq) FROM event WHERE day >= ?), (SELECT max(seq) FROM event WHERE day <= ?)",
                first,
                last or "9999-12-31",
            )
        )
        return None if None in found or found[0] > found[1] else found

    def anchors(self) -> list[Anchor]:
        """The anchors of the days that are over, in order; none in a journal of an older program."""
        return [Anchor(*found) for found in self._anchors("ORDER BY seq")]

    def last_anchor(self, day: str = "") -> Anchor | None:
        """The newest anchor, or that of one day."""
        of_it = ("WHERE day = ?", day) if day else ("",)
        found = self._anchors(f"{of_it[0]} ORDER BY seq DESC LIMIT 1", *of_it[1:])
        return Anchor(*found[0]) if found else None

    def _anchors(self, which: str, *values: object) -> list[tuple[Any, ...]]:
        there = next(self._select("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'anchor'"))
        return list(self._select(f"SELECT seq, day, hash FROM anchor {which}", *values)) if there[0] else []

    def identity(self) -> tuple[str, str]:
        """The journal's id and its branch; empty where it does not say."""
        try:
            return _identity(self._reading())
        except sqlite3.Error as error:
            raise JournalError(_why_not_read(self.path, error)) from error

    def of_cause(self, cause: str) -> list[Row]:
        """The rows that one press led to, in order; none if it did nothing yet."""
        return [self._row(columns) for columns in self._select(f"{_ROWS} WHERE cause = ? ORDER BY part", cause)]

    def cause_beginning(self, prefix: str) -> str | None:
        """A cause that begins with `prefix`, if one has acted."""
        select = "SELECT cause FROM event WHERE cause >= ? AND cause < ? LIMIT 1"
        row = next(self._select(select, prefix, prefix + "\x7f"), None)
        return str(row[0]) if row else None

    def recent_cause(self, prefix: str, since: Ms, until: Ms, press: str) -> str | None:
        """The cause `prefix<ms>` of the press `press` between two times in ms (both within), if it was written."""
        select = "SELECT cause, data FROM event WHERE cause >= ? AND cause <= ? AND part = 0 ORDER BY cause DESC"
        for cause, data in self._select(select, f"{prefix}{since:013d}", f"{prefix}{until:013d}"):
            if json.loads(data).get("press") == press:
                return str(cause)
        return None

    def _select(self, select: str, *values: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._reading().execute(select, values)
        except sqlite3.Error as error:
            raise JournalError(_why_not_read(self.path, error)) from error

    def _reading(self) -> sqlite3.Connection:
        """The connection to read with, opened if it is not open; JournalError if there is no journal at the path."""
        if self._reader is None:
            path = self.path
            try:
                if not path.exists():
                    raise JournalError(f"{path}: there is no such file; name the file that [journal] path names")
                self._reader, columns, version, application = self._connect()
            except (sqlite3.Error, OSError) as error:
                raise JournalError(_why_not_read(path, error)) from error
            try:
                if columns != _COLUMNS and application != APPLICATION_ID:
                    raise JournalError(f"{path}: this is no journal; name the file that [journal] path names")
                if version > SCHEMA_VERSION:
                    raise _newer(path, version)
                if columns != _COLUMNS:
                    raise JournalError(f"{path}: this is no whole journal; restore it from a backup")
            except JournalError:
                JournalReader.close(self)
                raise
        return self._reader

    def _connect(self) -> _Looked:
        return _connect_to_read(self.path)

    def _row(self, columns: Sequence[Any]) -> Row:
        seq, at, day, kind, version, data, cause, part = columns
        try:
            fields = json.loads(data)
            return Row(seq, at, day, from_row(kind, version, fields), cause, part, fields.get("press"))
        except UnknownEventError as error:
            raise JournalError(
                f"{self.path}: row {seq} ({error}) was written by a newer version of this program; install that version"
            ) from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise JournalError(
                f"{self.path}: row {seq} cannot be read; the file is damaged: restore it from a backup, "
                f"or move it and its .lock away to begin a new one"
            ) from error


class Journal(JournalReader):
    """The open journal at `path` of a branch (its id; empty: any), created if there never was one.

    Reading happens in the caller's thread, writing in a thread of its own. Raises JournalError if the file is not a
    journal, belongs to another branch, is damaged, is not the one that was used here before, or is in use by another
    controller. If it can be read but not written, for lack of space, it is opened: `trouble` is the reason, and `probe`
    finds out when that is over.
    """

    def __init__(self, path: Path, branch: str = "", new_id: Callable[[], str] = lambda: secrets.token_hex(8)) -> None:
        self.path = path
        self._branch = branch
        self._new_id = new_id
        self._lock = JournalLock(path)
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._files: OpenFiles | None = None
        self._id = ""
        self._last = 0
        """The last row that was written, or read when it was opened."""
        self._lost = False
        """Whether the files were found not to be ours; what was open then holds every row."""
        self._cut = False
        """Whether rows are lost: nothing but a start heals that."""
        self._reopens = False
        """Whether everything is to be closed and opened again before the next probe."""
        self._untidy = 0
        self._log_pages = 0
        self._held = False
        self.trouble = ""
        """Why it could not be written when it was opened; empty: it could."""
        self._thread = one_thread("journal")
        try:
            try:
                self._thread.submit(self._open_writer).result()
            except (sqlite3.Error, OSError) as error:
                if not _for_want_of_room(path, error):
                    raise
                self.trouble, self._reopens = str(error), True
                try:
                    self._reading()
                except JournalError:
                    raise error from None  # there is nothing to read, or not either
                self._know(self._reading())
            self.opened_at = _last_row(self._reading())
            """The last row when the journal was opened; 0 for a new one."""
            self._last = self.opened_at
        except (sqlite3.Error, OSError, JournalError) as error:
            JournalReader.close(self)
            self._thread.submit(self._close_writer).result()
            self._thread.shutdown()
            self._lock.close()
            raise error if isinstance(error, JournalError) else JournalError(_why_not(path, error)) from error

    def close(self) -> None:
        """Finish writing and close the file. If it was deleted while in use, it is restored."""
        saved = self._thread.submit(self._rescue).result()
        JournalReader.close(self)  # before the writer, so that the last to close can merge SQLite's log into the file
        self._thread.submit(self._leave, saved).result()
        self._thread.shutdown()
        self._lock.close()

    # -- writing -------------------------------------------------------------------------------------------------

    def append(self, rows: Sequence[Row], remarks: Sequence[Remark] = ()) -> Future[None]:
        """Write a batch, all or nothing; done when it is on disk, or JournalWriteError."""
        return self._thread.submit(self._append, rows, remarks)

    def anchor(self, anchors: Sequence[Anchor]) -> Future[None]:
        """Keep anchors of days that are over; those of rows that have one are left as they are. JournalWriteError."""
        return self._thread.submit(self._anchor, anchors)

    def idle(self) -> Future[None]:
        """Done as soon as the writing thread has done everything before it; used to checkpoint in an idle moment.

        JournalLostError if the files are not ours any more.
        """
        return self._thread.submit(self._tidy)

    def probe(self) -> Future[None]:
        """Write and remove something as large as a batch may be; JournalWriteError while that does not work."""
        if self._reopens:
            JournalReader.close(self)
        return self._thread.submit(self._probe)

    def intact(self) -> bool:
        """Whether the files are unchanged, by a quick check. False: `idle` reports the reason, and repairs."""
        return not (self._files and self._files.look().trouble is not Trouble.NONE) and self._lock.is_ours()

    def _append(self, rows: Sequence[Row], remarks: Sequence[Remark]) -> None:
        columns = []
        for row in rows:
            text = json.dumps(row.data, ensure_ascii=False, separators=(",", ":"))
            columns.append((row.seq, row.at, row.day, row.event.KIND, row.event.VERSION, text, row.cause, row.part))
        self._untidy += len(columns)
        with _Transaction(self) as connection:
            connection.executemany(f"INSERT INTO event({', '.join(_COLUMNS)}) VALUES (?,?,?,?,?,?,?,?)", columns)
            if remarks:
                connection.executemany(
                    "INSERT OR IGNORE INTO remark VALUES (?,?,?)", [(r.cause, r.at, r.text) for r in remarks]
                )
        self._last = rows[-1].seq if rows else self._last

    def _anchor(self, anchors: Sequence[Anchor]) -> None:
        with _Transaction(self) as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO anchor VALUES (?,?,?)", [(each.seq, each.day, each.hash) for each in anchors]
            )

    def _tidy(self) -> None:
        """Checkpoint the write-ahead log, which takes milliseconds that a press should not wait for."""
        try:
            self._check()
        except OSError as error:
            raise JournalWriteError(str(error)) from error
        if self._untidy >= TIDY_AFTER:
            self._untidy = 0
            self._carry_over()

    def _carry_over(self, mode: str = "PASSIVE") -> bool:
        """Checkpoint the log; whether everything in it is in the file now."""
        connection = self._writer or self._reader
        if connection is None:
            return False
        try:
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE}")
            busy, pages, carried = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            connection.execute(f"PRAGMA busy_timeout = {BUSY}")
        except sqlite3.Error:
            return False  # the next commit will report what is wrong
        return bool(not busy and pages == carried)

    def _probe(self) -> None:
        if self._reopens:
            self._close_writer()
            self._reopens = False
        try:
            self._probe_with(_Transaction(self))
        except JournalWriteError:
            self._reopens = self._reopens or self._files is None
            raise
        if self._lost:
            self._lost = False
            with suppress(OSError):  # the next start is stricter than it need be
                self._lock.remember(self._id)

    def _probe_with(self, transaction: _Transaction) -> None:
        with transaction as connection:
            disk = os.statvfs(self.path.parent)
            if disk.f_bavail * disk.f_frsize < SPARE:
                raise sqlite3.OperationalError("there is no room on its disk")
            connection.execute("INSERT INTO probe(filler) VALUES (zeroblob(65536))")
            connection.execute("DELETE FROM probe")

    def _connect(self) -> _Looked:
        """Open the reading connection with write access, though it writes nothing: it can then checkpoint the log of a
        file that is gone, if the writing connection had to be closed."""
        try:
            looked = _looked_into(_connect(self.path, "rw"))
        except sqlite3.OperationalError:
            if not log_size(self.path):
                return _connect_to_read(self.path)
            # There is no room for the log's index; with an exclusive lock none is needed.
            looked = _looked_into(_connect(self.path, "rw", "locking_mode = EXCLUSIVE"))
            self._reopens = True
        looked[0].execute("PRAGMA query_only = ON")
        return looked

    # -- the files -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Before anything is written; JournalLostError if the files at the paths are not ours."""
        if self._files is None:
            return
        look = self._files.look()
        if look.trouble is Trouble.LOG_CUT and self._log_is_whole(look):
            look = Look(Trouble.NONE, look.size, look.log_size)
        if look.trouble is not Trouble.NONE or self._cut:
            self._lose(look.trouble)
        self._files.take(look)
        self._lock.keep(self._id)
        if self._held and not (self._carry_over() and self._carry_over("TRUNCATE")):
            self._leave_room_to_carry_over()

    def _leave_room_to_carry_over(self) -> None:
        """Write no more into a log that cannot be checkpointed now, if the file would have no room for all of it."""
        if self._writer is None:
            return
        (pages,) = self._writer.execute("PRAGMA page_count").fetchone()
        disk = os.statvfs(self.path.parent)
        if disk.f_bavail * disk.f_frsize < pages * PAGE - self.path.stat().st_size + SPARE:
            raise JournalWriteError("its log leaves no room on its disk, and a program that reads it keeps it so")

    def _written(self) -> None:
        """After a commit: nothing may be acknowledged that went into a file that was no longer ours."""
        if self._files is None:
            return
        look = self._files.look()
        if look.trouble not in (Trouble.NONE, Trouble.LOG_CUT):  # a commit may make the log shorter
            self._lose(look.trouble)
        if not self._lock.is_ours():
            self._lock.keep(self._id)
        self._files.take(look)
        self._bound_log(look.log_size)

    def _log_is_whole(self, look: Look) -> bool:
        """Whether a log that has become shorter has lost nothing: other programs may checkpoint it."""
        if self._writer is None:
            return False
        try:
            _, pages, carried = self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            return False
        return bool(pages == carried or look.log_size >= LOG_HEAD + pages * FRAME)

    def _lose(self, trouble: Trouble) -> None:
        """Save what can be saved, and raise the error that says what has happened to the files."""
        name, log_name = self.path.name, f"{self.path.name}-wal"
        if trouble in (Trouble.CUT, Trouble.LOG_CUT):
            self._cut = True
        if self._cut:
            reason = "it has become shorter and rows are lost; stop this program, restore a backup, and start it again"
        elif trouble is Trouble.LOG_LOST:
            # The open log still has everything: checkpoint it into the file, and begin another log.
            self._reopens = self._carry_over()
            reason = f"{log_name} or {name}-shm beside it has been deleted or replaced"
        elif trouble is Trouble.REPLACED:
            reason = "another file has been put in its place; move that one away and the right one back"
        elif self._files and self._files.deleted:
            reason = "it has been deleted; stop this program and start it again, which puts it back as it was"
        else:
            reason = "it has been moved away; move it back"
        if not self._lost:
            self._lost = True
            if not self._cut:
                self._settle_in_file()
            with suppress(OSError, JournalWriteError):  # if nothing can be written, the next start knows less
                self._lock.remember(self._id, self._last)
        raise JournalLostError(reason)

    def _settle_in_file(self) -> None:
        """Checkpoint the log into the file, wherever that is now: then the file is complete without a log, and no log
        is left behind that SQLite would apply to another file at the path."""
        self._carry_over("TRUNCATE")
        if self._files:
            self._files.take(self._files.look())

    def _bound_log(self, size: int) -> None:
        """Limit the log's length by the free space. Warn of a long-running reader that prevents checkpoints."""
        if self._writer is None:
            return
        with suppress(OSError, sqlite3.Error):
            pages = log_pages(self.path, size, LOG_SHARE, LOG_LEAST, LOG_LIMIT)
            if pages < 0.9 * self._log_pages or pages > 1.5 * self._log_pages:
                self._log_pages = pages
                self._writer.execute(f"PRAGMA wal_autocheckpoint = {pages}")
                self._writer.execute(f"PRAGMA journal_size_limit = {pages * FRAME}")
        long = size > 2 * self._log_pages * FRAME
        if long and not self._held and not self._carry_over():
            self._held = True
            log.warning(
                "%s-wal has grown to %d kB: a program that reads %s keeps it from being emptied; end that program",
                self.path,
                size >> 10,
                self.path.name,
            )
        elif self._held and not long:
            self._held = False
            log.warning("%s-wal has been emptied", self.path)

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            if self._files:
                # Another reader of ours still has the files open: they must be the same.
                look = self._files.look()
                if look.trouble not in (Trouble.NONE, Trouble.LOG_CUT):
                    self._lose(look.trouble)
                self._writer = self._opened("rw")
            else:
                self._writer = self._opened("rw" if self._id else "rwc")
                try:
                    self._files = OpenFiles(self.path)
                except BaseException:
                    self._close_writer()
                    raise
            self._log_pages = 0
            self._bound_log(log_size(self.path))
        return self._writer

    def _opened(self, mode: str) -> sqlite3.Connection:
        self._must_not_be_gone()
        connection = _connect(self.path, mode)
        try:
            _prepare(connection, self.path, lambda: self._know(connection))
            self._know(connection)
            if not self._id:
                connection.execute(
                    "INSERT INTO identity VALUES (1, ?, ?) ON CONFLICT(id) DO UPDATE SET branch = excluded.branch",
                    (self._new_id(), self._branch),
                )
                self._know(connection)
            # SQLite also opens a read-only file, and reports that at the first change: this one changes nothing.
            connection.execute("DELETE FROM probe")
            if not self._lost:
                self._lock.remember(self._id)
        except BaseException:
            connection.close()
            raise
        return connection

    def _must_not_be_gone(self) -> None:
        # Without opening it, which would make the file, or delete the log of one that was emptied.
        if self._lock.remembered()[0] and not (self.path.exists() and self.path.stat().st_size):
            raise JournalError(
                f"{self.path}: the journal that was here is gone; put it back or restore a backup, or remove "
                f"{self._lock.path} to begin a new one, which gives the numbers of its day again"
            )

    def _know(self, connection: sqlite3.Connection) -> None:
        """Check the journal's identity, if it has one; JournalError if it is not the one that belongs here."""
        id, branch = _identity(connection)
        if branch and self._branch and branch != self._branch:
            raise JournalError(
                f"{self.path}: this is the journal of branch {branch}, and the configuration is that of branch "
                f"{self._branch}; put the right file there, or set [journal] path to another one"
            )
        known, seq = self._lock.remembered()
        anyway = f"or remove {self._lock.path} to go on with this one"
        if known and id != known:
            raise JournalError(f"{self.path}: this is not the journal that was used here; put that one back, {anyway}")
        seq = max(seq, self._last)
        if known and (last := _last_row(connection)) < seq:
            raise JournalError(
                f"{self.path}: its last row is {last}, but {seq} were written; restore a newer backup, {anyway}"
            )
        if id and (branch or not self._branch):
            self._id = id

    def _close_writer(self) -> None:
        connection, self._writer = self._writer, None
        try:
            if connection:
                connection.close()
        finally:
            if self._files and self._reader is None:  # nobody of ours has them open any more
                self._files.close()
                self._files = None

    # -- the end -------------------------------------------------------------------------------------------------

    def _rescue(self) -> Path | None:
        """The path to which a journal that was deleted while open has been saved; None: not deleted, or not saved."""
        connection = self._writer or self._reader
        if self._files is None or connection is None:
            return None
        trouble = self._files.look().trouble
        if trouble is Trouble.NONE or self._cut:
            return None
        self._settle_in_file()
        if trouble not in (Trouble.GONE, Trouble.REPLACED) or not self._files.deleted:
            return None
        saved = self.path.with_name(f"{self.path.name}.saved")
        try:
            saved.unlink(missing_ok=True)
            with closing(sqlite3.connect(saved)) as copy:
                connection.backup(copy)
        except (sqlite3.Error, OSError) as error:
            log.error("%s: it was deleted, and could not be saved (%s)", self.path, error)
            return None
        return saved

    def _leave(self, saved: Path | None) -> None:
        files, self._files = self._files, None
        try:
            self._close_writer()
        finally:
            if files:
                if files.look().trouble in (Trouble.GONE, Trouble.REPLACED):
                    files.remove_log()
                files.close()
        if saved:
            try:
                os.link(saved, self.path)  # never in the place of another file
                saved.unlink()
                log.warning("%s was deleted while it was in use, and has been put back as it was", self.path)
            except OSError as error:
                log.error("%s was deleted while it was in use; what it held is in %s (%s)", self.path, saved, error)


class _Transaction:
    """One synced transaction on the writing thread. Any failure closes the connection: what it holds is uncertain."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection = self._journal._open_writer()
            self._journal._check()
            self._connection.execute("BEGIN IMMEDIATE")
        except JournalLostError:
            raise  # the connection is all that still has everything
        except (sqlite3.Error, OSError, JournalError) as error:
            self._fail(error)
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as failure:
                self._fail(failure)
            self._journal._written()
        elif isinstance(error, (sqlite3.Error, OSError)):
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        try:
            self._journal._close_writer()
        except sqlite3.Error:
            self._journal._writer = None
        kind = JournalConflictError if isinstance(error, sqlite3.IntegrityError) else JournalWriteError
        raise kind(str(error)) from error


_Looked = tuple[sqlite3.Connection, tuple[str, ...], int, int]
"""A connection, the event table's columns, the schema's version and the application's id."""


def _connect_to_read(path: Path) -> _Looked:
    """A connection that only reads."""
    try:
        return _looked_into(_connect(path, "ro"))
    except sqlite3.OperationalError:
        # On a read-only file system SQLite cannot create the shared memory file. If there is no write-ahead log, there
        # is no writer, and the file alone is the whole journal.
        if log_size(path):
            raise
        return _looked_into(_connect(path, "ro&immutable=1"))


def _looked_into(connection: sqlite3.Connection) -> _Looked:
    try:
        columns = tuple(name for _, name, *_ in connection.execute("PRAGMA table_info(event)"))
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection, columns, version, application


def _connect(path: Path, mode: str, pragma: str = "") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{uri_of(path)}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY / 1000
    )
    try:
        if pragma:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA cache_size = -8000")
    except BaseException:
        connection.close()
        raise
    return connection


def uri_of(path: Path) -> str:
    """A path as SQLite has it in a URI."""
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _prepare(connection: sqlite3.Connection, path: Path, first: Callable[[], None]) -> None:
    """Make an empty file a journal, after calling `first`; JournalError if the file is something else."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if tables:
        columns = tuple(name for _, name, *_ in connection.execute("PRAGMA table_info(event)"))
        if version > SCHEMA_VERSION and (columns == _COLUMNS or application == APPLICATION_ID):
            raise _newer(path, version)
        if columns != _COLUMNS:
            raise JournalError(
                f"{path}: this database belongs to another program; set [journal] path to a file of its own"
            )
    first()
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if tables and version < SCHEMA_VERSION:
        _copy_beside(connection, path.with_name(f"{path.name}.format-{version}"))
    if version < SCHEMA_VERSION or not tables >= {"identity", "anchor"}:
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _copy_beside(connection: sqlite3.Connection, copy: Path) -> None:
    """A copy of a journal before it gets the present format, for an older program; one that is there stays."""
    if copy.exists():
        return
    partial = copy.with_name(f"{copy.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(partial)) as target:
            connection.backup(target)
        partial.rename(copy)
    finally:
        partial.unlink(missing_ok=True)
    log.warning("the journal gets format %d; as it was before it is kept as %s", SCHEMA_VERSION, copy)


def _identity(connection: sqlite3.Connection) -> tuple[str, str]:
    """The id of a journal and its branch; empty in an old one that has none."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'identity'").fetchone():
        return "", ""
    return connection.execute("SELECT journal, branch FROM identity").fetchone() or ("", "")


def _last_row(connection: sqlite3.Connection) -> int:
    (seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
    return int(seq)


def _for_want_of_room(path: Path, error: Exception) -> bool:
    """Whether it failed because the journal's disk has no room or cannot be written."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    if getattr(error, "sqlite_errorcode", 0) in _NO_ROOM:
        return True
    with suppress(OSError):
        disk = os.statvfs(path.parent)
        return bool(disk.f_flag & os.ST_RDONLY or disk.f_bavail * disk.f_frsize < SPARE)
    return False


_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_SHMSIZE)


def _why_not_read(path: Path, error: Exception) -> str:
    """As `_why_not`, for a reader."""
    told = _why_not(path, error)
    if ": cannot be opened (" not in told:
        return told
    reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
    try:
        if log_size(path):
            return (
                f"{path}: cannot be read ({reason}): its newest rows are in {path.name}-wal beside it, and this folder "
                "may not be written; copy both to a folder of your own, and name the copy"
            )
    except OSError:
        pass
    return f"{path}: cannot be read ({reason}); check that you may read it, or read a copy of it"


def _why_not(path: Path, error: Exception) -> str:
    if "not a database" in str(error):
        return f"{path}: this is no journal; move the file away, or set [journal] path to another one"
    if "malformed" in str(error) or "corrupt" in str(error):
        return (
            f"{path}: the file is damaged; restore it from a backup, or move it and its .lock away to begin a new one"
        )
    return f"{path}: cannot be opened ({error}); check that the folder exists, is writable and has space"
