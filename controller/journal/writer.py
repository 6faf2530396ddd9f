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

import json
import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from controller.journal.chain import Anchor
from controller.journal.lock import JournalConflictError, JournalError, JournalLock, JournalLostError, JournalWriteError
from controller.journal.openfiles import FRAME, LOG_HEAD, PAGE, Look, OpenFiles, Trouble, log_pages, log_size
from controller.journal.reader import JournalReader
from controller.journal.schema import (
    BUSY,
    COLUMNS,
    SPARE,
    Looked,
    connect,
    connect_to_read,
    for_want_of_room,
    identity_of,
    last_row,
    looked_into,
    prepare,
    why_not,
)
from controller.lobby.aggregate import Row
from controller.lobby.model.units import Ms
from controller.threads import one_thread

log = logging.getLogger(__name__)

TIDY_AFTER = 500
"""Rows after which the write-ahead log is checkpointed in the next idle moment."""
LOG_LIMIT = 16_000
"""Pages (4 KiB) of the log after which this is done at once, if the disk has room for them."""
LOG_LEAST = 16
"""The same if there is hardly any room."""
LOG_SHARE = 4
"""The log may take one part in so many of the free space, since a checkpoint needs the same space again."""
PATIENCE = 200
"""Milliseconds for which readers may delay a checkpoint that is due at once."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person typed with a command."""

    cause: str
    at: Ms
    text: str


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
                if not for_want_of_room(path, error):
                    raise
                self.trouble, self._reopens = str(error), True
                try:
                    self._reading()
                except JournalError:
                    raise error from None  # there is nothing to read, or not either
                self._know(self._reading())
            self.opened_at = last_row(self._reading())
            """The last row when the journal was opened; 0 for a new one."""
            self._last = self.opened_at
        except (sqlite3.Error, OSError, JournalError) as error:
            JournalReader.close(self)
            self._thread.submit(self._close_writer).result()
            self._thread.shutdown()
            self._lock.close()
            raise error if isinstance(error, JournalError) else JournalError(why_not(path, error)) from error

    def close(self) -> None:
        """Finish writing and close the file. If it was deleted while in use, it is restored."""
        saved = self._thread.submit(self._rescue).result()
        JournalReader.close(self)  # before the writer, so that the last to close can merge SQLite's log into the file
        self._thread.submit(self._leave, saved).result()
        self._thread.shutdown()
        self._lock.close()

    # -- writing -------------------------------------------------------------------------------------------------

    def append(
        self, rows: Sequence[Row], remarks: Sequence[Remark] = (), forgotten: Sequence[str] = ()
    ) -> Future[None]:
        """Write a batch, all or nothing; done when it is on disk, or JournalWriteError. `forgotten`: the causes whose
        remarks are deleted with it."""
        return self._thread.submit(self._append, rows, remarks, forgotten)

    def keep_position(self, follower: str, seq: int) -> Future[None]:
        """Keep the last row that a follower of the journal has taken. JournalWriteError."""
        return self._thread.submit(self._keep_position, follower, seq)

    def scrub(self) -> Future[bool]:
        """Empty the write-ahead log, in which deleted remarks may still stand; False: a program that reads the journal
        prevents it."""
        return self._thread.submit(self._scrub)

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

    def _append(self, rows: Sequence[Row], remarks: Sequence[Remark], forgotten: Sequence[str]) -> None:
        columns = []
        for row in rows:
            text = json.dumps(row.data, ensure_ascii=False, separators=(",", ":"))
            columns.append((row.seq, row.at, row.day, row.event.KIND, row.event.VERSION, text, row.cause, row.part))
        self._untidy += len(columns)
        with _Transaction(self) as connection:
            connection.executemany(f"INSERT INTO event({', '.join(COLUMNS)}) VALUES (?,?,?,?,?,?,?,?)", columns)
            if remarks:
                connection.executemany(
                    "INSERT OR IGNORE INTO remark VALUES (?,?,?)", [(r.cause, r.at, r.text) for r in remarks]
                )
            if forgotten:
                connection.executemany("DELETE FROM remark WHERE cause = ?", [(cause,) for cause in forgotten])
        self._last = rows[-1].seq if rows else self._last

    def _anchor(self, anchors: Sequence[Anchor]) -> None:
        with _Transaction(self) as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO anchor VALUES (?,?,?)", [(each.seq, each.day, each.hash) for each in anchors]
            )

    def _keep_position(self, follower: str, seq: int) -> None:
        with _Transaction(self) as connection:
            connection.execute(
                "INSERT INTO position VALUES (?,?) ON CONFLICT(follower) DO UPDATE SET seq = excluded.seq",
                (follower, seq),
            )

    def _scrub(self) -> bool:
        try:
            self._check()
        except (JournalLostError, OSError):
            return False
        done = self._carry_over("TRUNCATE")
        if self._files:
            self._files.take(self._files.look())
        return done

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

    def _connect(self) -> Looked:
        """Open the reading connection with write access, though it writes nothing: it can then checkpoint the log of a
        file that is gone, if the writing connection had to be closed."""
        try:
            looked = looked_into(connect(self.path, "rw"))
        except sqlite3.OperationalError:
            if not log_size(self.path):
                return connect_to_read(self.path)
            # There is no room for the log's index; with an exclusive lock none is needed.
            looked = looked_into(connect(self.path, "rw", "locking_mode = EXCLUSIVE"))
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
        connection = connect(self.path, mode)
        try:
            prepare(connection, self.path, lambda: self._know(connection))
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
        id, branch = identity_of(connection)
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
        if known and (last := last_row(connection)) < seq:
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
