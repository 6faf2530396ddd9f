"""The journal: an append-only SQLite file that holds everything that ever happened, one row an event.

Nothing is seen or heard of an event before its row is on disk. One thread owns the only writing connection; `append`
puts a whole batch into one synced transaction, and while it is being synced the engine gathers the next (group commit).
Triggers abort UPDATE and DELETE. The file holds no personal data and no free text: what a person typed goes into the
side table `remark`, which may be purged.

A commit that fails leaves nothing behind: the connection is dropped and opened again, and the caller replays the day
from what the file holds. `probe` tells when writing works again.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.lobby.events import DayOpened, Event, UnknownEventError, from_row

APPLICATION_ID = 0x4C4F4242
"""`LOBB` in the file's header, so that nobody takes another program's file for a journal."""
SCHEMA_VERSION = 1
TIDY_AFTER = 500
"""Rows after which an idle moment is used to carry the write-ahead log over into the file."""
LOG_LIMIT = 16_000
"""Pages of 4 KiB after which this is done without waiting for an idle moment."""

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
"""
_COLUMNS = ("seq", "at", "day", "kind", "version", "data", "cause", "part")
_ROWS = f"SELECT {', '.join(_COLUMNS)} FROM event"
_NEWER = "{path}: was written by a newer version of this program; install that version"


class JournalError(Exception):
    """The journal cannot be used; one sentence that names the file and says what to do."""


class JournalWriteError(Exception):
    """The batch was not written, and nothing of it will be; `reason` is for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class JournalConflictError(JournalWriteError):
    """A row of the batch is in the journal already: one of its causes has acted before."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event as the journal holds it; `at` in ms since 1970, UTC."""

    seq: int
    at: int
    day: str
    event: Event
    cause: str
    part: int
    press: str | None = None
    """The key frame that led to it, where a driver needs it to recognise a retransmission."""

    @property
    def data(self) -> dict[str, Any]:
        """The row's `data` object."""
        data = self.event.to_row()
        if self.press is not None:
            data["press"] = self.press
        return data


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person typed beside a command."""

    cause: str
    at: int
    text: str


class JournalReader:
    """A journal for reading only, also while a controller writes it. Raises JournalError if it is none of ours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not path.exists():
                raise JournalError(f"{path}: there is no such file; name the file that [journal] path names")
            self._reader, columns, version, application = _connect_to_read(path)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(_why_not_read(path, error)) from error
        try:
            if columns != _COLUMNS and application != APPLICATION_ID:
                raise JournalError(f"{path}: this is no journal; name the file that [journal] path names")
            if version > SCHEMA_VERSION or columns != _COLUMNS:
                raise JournalError(_NEWER.format(path=path))
        except JournalError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def last_day(self) -> str:
        """The business day of the last row; empty for a new journal."""
        row = next(self._select("SELECT day FROM event ORDER BY seq DESC LIMIT 1"), None)
        return row[0] if row else ""

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

        Where the clock was set, a day goes on with the rows of the one that it continues.
        """
        first, last = self._span(day)
        while continued := self._continued(first):
            begins, _ = self._span(continued)
            if not 0 < begins < first:
                break
            first = begins
        for columns in self._select(f"{_ROWS} WHERE seq BETWEEN ? AND ? ORDER BY seq", first, last):
            yield self._row(columns)

    def _span(self, day: str) -> tuple[int, int]:
        """The first and the last row of a day; (0, -1) if it has none."""
        first, last = next(self._select("SELECT min(seq), max(seq) FROM event WHERE day = ?", day))
        return (0, -1) if first is None else (first, last)

    def _continued(self, seq: int) -> str:
        """The day that is continued by the one whose first row this is; empty: it began afresh."""
        columns = next(self._select("SELECT kind, data FROM event WHERE seq = ?", seq), None)
        if columns is None or columns[0] != DayOpened.KIND:
            return ""
        try:
            return str(json.loads(columns[1]).get("continues") or "")
        except (ValueError, AttributeError):
            return ""  # whoever reads the row will say so

    def rows_after(self, seq: int, limit: int) -> list[Row]:
        """The first `limit` rows after one, of whatever day."""
        return [
            self._row(columns) for columns in self._select(f"{_ROWS} WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)
        ]

    def of_cause(self, cause: str) -> list[Row]:
        """The rows that one press led to, in order; none if it did nothing yet."""
        return [self._row(columns) for columns in self._select(f"{_ROWS} WHERE cause = ? ORDER BY part", cause)]

    def cause_beginning(self, prefix: str) -> str | None:
        """A cause that begins with `prefix`, if one has acted."""
        select = "SELECT cause FROM event WHERE cause >= ? AND cause < ? LIMIT 1"
        row = next(self._select(select, prefix, prefix + "\x7f"), None)
        return str(row[0]) if row else None

    def recent_cause(self, prefix: str, since: int, until: int, press: str) -> str | None:
        """The cause `prefix<ms>` of the press `press` between two times in ms (both within), if it was written."""
        select = "SELECT cause, data FROM event WHERE cause >= ? AND cause <= ? AND part = 0 ORDER BY cause DESC"
        for cause, data in self._select(select, f"{prefix}{since:013d}", f"{prefix}{until:013d}"):
            if json.loads(data).get("press") == press:
                return str(cause)
        return None

    def _select(self, select: str, *values: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._reader.execute(select, values)
        except sqlite3.Error as error:
            raise JournalError(_why_not_read(self.path, error)) from error

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
                "or move it away to begin a new one"
            ) from error


class Journal(JournalReader):
    """The open journal at `path`. Reading happens in the caller's thread, writing in a thread of its own.

    Raises JournalError when the file cannot be a journal of ours, is damaged, or is in use by another controller.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = _lock(path)
        self._writer: sqlite3.Connection | None = None
        self._untidy = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        try:
            self._thread.submit(self._open_writer).result()
            super().__init__(path)
            self.opened_at: int = self._reader.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
            """The last row when the journal was opened; 0 for a new one."""
        except (sqlite3.Error, OSError, JournalError) as error:
            self._thread.shutdown()
            os.close(self._lock)
            raise error if isinstance(error, JournalError) else JournalError(_why_not(path, error)) from error

    def close(self) -> None:
        """Finish writing and close the file."""
        self._reader.close()  # before the writer, so that the last to close can merge SQLite's log into the file
        self._thread.submit(self._close_writer).result()
        self._thread.shutdown()
        os.close(self._lock)

    # -- writing -------------------------------------------------------------------------------------------------

    def append(self, rows: Sequence[Row], remarks: Sequence[Remark] = ()) -> Future[None]:
        """Write a batch, all or nothing; done when it is on disk, or JournalWriteError."""
        return self._thread.submit(self._append, rows, remarks)

    def idle(self) -> Future[None]:
        """Done as soon as the writing thread has done all before it; a moment at which nobody waits for it."""
        return self._thread.submit(self._tidy)

    def probe(self) -> Future[None]:
        """Write and remove something as large as a batch may be; JournalWriteError while that does not work."""
        return self._thread.submit(self._probe)

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

    def _tidy(self) -> None:
        """Carry the write-ahead log over into the file, which takes milliseconds that a press should not wait for."""
        if self._untidy < TIDY_AFTER or self._writer is None:
            return
        try:
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._untidy = 0
        except sqlite3.Error:
            pass  # the log keeps everything; the next commit will say what is wrong

    def _probe(self) -> None:
        with _Transaction(self) as connection:
            connection.execute("INSERT INTO probe(filler) VALUES (zeroblob(65536))")
            connection.execute("DELETE FROM probe")

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            connection = _connect(self.path, "rwc")
            try:
                _prepare(connection, self.path)
            except BaseException:
                connection.close()
                raise
            self._writer = connection
        return self._writer

    def _close_writer(self) -> None:
        if self._writer is not None:
            connection, self._writer = self._writer, None
            connection.close()


class _Transaction:
    """One synced transaction on the writing thread. Any failure drops the connection: what it holds is in doubt."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection = self._journal._open_writer()
            self._connection.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, OSError, JournalError) as error:
            self._fail(error)
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as failure:
                self._fail(failure)
        elif isinstance(error, sqlite3.Error):
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        try:
            self._journal._close_writer()
        except sqlite3.Error:
            self._journal._writer = None
        kind = JournalConflictError if isinstance(error, sqlite3.IntegrityError) else JournalWriteError
        raise kind(str(error)) from error


def _connect_to_read(path: Path) -> tuple[sqlite3.Connection, tuple[str, ...], int, int]:
    """A connection that only reads, the event table's columns, the schema's version and the application's id."""
    try:
        return _looked_into(_connect(path, "ro"))
    except sqlite3.OperationalError:
        # Where nothing may be written SQLite cannot make the files in which readers and a writer meet. Without a
        # write-ahead log nobody writes: then the file alone is the whole journal.
        if path.with_name(path.name + "-wal").exists():
            raise
        return _looked_into(_connect(path, "ro&immutable=1"))


def _looked_into(connection: sqlite3.Connection) -> tuple[sqlite3.Connection, tuple[str, ...], int, int]:
    try:
        columns = tuple(name for _, name, *_ in connection.execute("PRAGMA table_info(event)"))
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection, columns, version, application


def _log_size(path: Path) -> int:
    """Bytes of a journal's write-ahead log; 0 if there is none."""
    log = path.with_name(path.name + "-wal")
    return log.stat().st_size if log.exists() else 0


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{_uri(path)}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=5
    )
    connection.execute("PRAGMA cache_size = -8000")
    return connection


def _uri(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the file a journal if it is empty; JournalError if it is something else."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if tables:
        columns = tuple(name for _, name, *_ in connection.execute("PRAGMA table_info(event)"))
        if columns != _COLUMNS:
            raise JournalError(
                f"{path}: this database belongs to another program; set [journal] path to a file of its own"
            )
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise JournalError(_NEWER.format(path=path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_LIMIT}")
    if version < SCHEMA_VERSION:
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    # SQLite opens a file that may not be written all the same, and says so at the first change, here of nothing.
    connection.execute("DELETE FROM probe")


def _lock(path: Path) -> int:
    """A lock that two controllers cannot both hold; the file beside the journal names it."""
    beside = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise JournalError(
            f"{path}: cannot be opened ({os.strerror(error.errno or 0)}); "
            "create the folder and give it to the user this program runs as"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise JournalError(f"{path}: another controller is using this journal; stop it first") from error
    return lock


def _why_not_read(path: Path, error: Exception) -> str:
    """As `_why_not`, for who only wants to read."""
    told = _why_not(path, error)
    if ": cannot be opened (" not in told:
        return told
    reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
    try:
        if _log_size(path):
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
        return f"{path}: the file is damaged; restore it from a backup, or move it away to begin a new one"
    return f"{path}: cannot be opened ({error}); check that the folder exists, is writable and has space"
