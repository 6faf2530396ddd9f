"""The format of a journal's file: its tables, how it is opened, what it is refused for, and the sentences for that."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from controller import __version__
from controller.journal.lock import JournalError
from controller.journal.openfiles import log_size

log = logging.getLogger(__name__)

APPLICATION_ID = 0x4C4F4242
"""`LOBB` in the file's header, so that nobody takes another program's file for a journal."""
SCHEMA_VERSION = 1
"""The format of the file. A table that older programs can do without is added without a new one, so that an update can
be taken back. What they could not read gets the next number: the file is then copied before it is changed."""
SPARE = 128 * 1024
"""Free bytes needed before writing resumes after a failure, so that it does not fail again at once."""
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
    hash TEXT                   -- of the chain up to it, in hexadecimal digits (controller/journal/chain.py)
) STRICT;
CREATE TABLE IF NOT EXISTS position(
    follower TEXT PRIMARY KEY,  -- a webhook's id
    seq INTEGER NOT NULL        -- the last row that it has taken
) STRICT;
CREATE TRIGGER IF NOT EXISTS anchor_is_never_changed BEFORE UPDATE ON anchor
    BEGIN SELECT RAISE(ABORT, 'anchors are never changed'); END;
CREATE TRIGGER IF NOT EXISTS anchor_is_never_deleted BEFORE DELETE ON anchor
    BEGIN SELECT RAISE(ABORT, 'anchors are never deleted'); END;
"""
COLUMNS = ("seq", "at", "day", "kind", "version", "data", "cause", "part")
Looked = tuple[sqlite3.Connection, tuple[str, ...], int, int]
"""A connection, the event table's columns, the schema's version and the application's id."""


def newer(path: Path, version: int) -> JournalError:
    """The error of a file that a newer program has made."""
    return JournalError(
        f"{path}: has format {version}, and this program ({__version__}) reads up to format {SCHEMA_VERSION}: it was "
        "written by a newer version of this program; install that version"
    )


def connect_to_read(path: Path) -> Looked:
    """A connection that only reads."""
    try:
        return looked_into(connect(path, "ro"))
    except sqlite3.OperationalError:
        # On a read-only file system SQLite cannot create the shared memory file. If there is no write-ahead log, there
        # is no writer, and the file alone is the whole journal.
        if log_size(path):
            raise
        return looked_into(connect(path, "ro&immutable=1"))


def looked_into(connection: sqlite3.Connection) -> Looked:
    """A connection with what tells whether it is a journal; closed if that cannot be read."""
    try:
        columns = tuple(name for _, name, *_ in connection.execute("PRAGMA table_info(event)"))
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection, columns, version, application


def connect(path: Path, mode: str, pragma: str = "") -> sqlite3.Connection:
    """A connection in one of SQLite's modes, `pragma` set before anything is read."""
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


def prepare(connection: sqlite3.Connection, path: Path, first: Callable[[], None]) -> None:
    """Make an empty file a journal, after calling `first`; JournalError if the file is something else."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if tables:
        columns = tuple(name for _, name, *_ in connection.execute("PRAGMA table_info(event)"))
        if version > SCHEMA_VERSION and (columns == COLUMNS or application == APPLICATION_ID):
            raise newer(path, version)
        if columns != COLUMNS:
            raise JournalError(
                f"{path}: this database belongs to another program; set [journal] path to a file of its own"
            )
    first()
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # what is purged is overwritten in the file
    if tables and version < SCHEMA_VERSION:
        _copy_beside(connection, path.with_name(f"{path.name}.format-{version}"))
    if version < SCHEMA_VERSION or not tables >= {"identity", "anchor", "position"}:
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


def identity_of(connection: sqlite3.Connection) -> tuple[str, str]:
    """The id of a journal and its branch; empty in an old one that has none."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'identity'").fetchone():
        return "", ""
    return connection.execute("SELECT journal, branch FROM identity").fetchone() or ("", "")


def last_row(connection: sqlite3.Connection) -> int:
    """The number of the last row; 0: none."""
    (seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
    return int(seq)


def for_want_of_room(path: Path, error: Exception) -> bool:
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


def why_not_read(path: Path, error: Exception) -> str:
    """As `_why_not`, for a reader."""
    told = why_not(path, error)
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


def why_not(path: Path, error: Exception) -> str:
    """Why a journal cannot be opened, and what to do: one sentence."""
    if "not a database" in str(error):
        return f"{path}: this is no journal; move the file away, or set [journal] path to another one"
    if "malformed" in str(error) or "corrupt" in str(error):
        return (
            f"{path}: the file is damaged; restore it from a backup, or move it and its .lock away to begin a new one"
        )
    return f"{path}: cannot be opened ({error}); check that the folder exists, is writable and has space"
