"""The accounts' SQLite file, beside the journal, which is never purged and holds nothing personal.

This one is changed by `lobby user` while the daemon runs: WAL mode, so that readers do not wait for a writer. Before
each use the files at the path are compared with those that are open, since an account that was revoked in the one must
not be accepted by the other. If the file has been replaced, the new one is used, with its accounts and no others; while
there is none, nobody can sign in.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from controller.journal.openfiles import FRAME, LOG_HEAD, Look, OpenFiles, Trouble
from controller.web.private_files import AccessError, make_private, must_be_private

log = logging.getLogger(__name__)

PATIENCE = 1000
"""Milliseconds for which a caller waits for another program that has locked the file."""
HELD_FOR = 50
"""The same in the daemon, whose loop must not be blocked."""

_TOLD = {
    Trouble.GONE: "it has been deleted or moved",
    Trouble.REPLACED: "another file has been put in its place",
    Trouble.CUT: "it has been cut",
    Trouble.LOG_CUT: "its log has been cut",
    Trouble.LOG_LOST: "its log, or the log's index, has been deleted or replaced",
}


class AccountsFile:
    """The file at `path`, made with the tables of `schema` if it is not there. Raises AccessError.

    `opened` is called each time that a file has been opened, with this object.
    """

    def __init__(self, path: Path, schema: str, opened: Callable[[AccountsFile], None] = lambda file: None) -> None:
        self.path = path
        self._schema = schema
        self._opened = opened
        self._patience = PATIENCE
        self._files: OpenFiles | None = None
        try:
            make_private(path)
            self._open()
        except (OSError, sqlite3.Error) as error:
            raise self._cannot_be_used(error) from error

    def hurry(self) -> None:
        """From now on wait only briefly for other writers: the caller has other things to do in the same thread."""
        self._patience = HELD_FOR
        self._db.execute(f"PRAGMA busy_timeout = {HELD_FOR}")

    def close(self) -> None:
        """Close the file."""
        if self._files and (trouble := self._files.look().trouble) not in (Trouble.NONE, Trouble.LOG_CUT):
            with suppress(AccessError):
                self._leave(trouble)
        self._db.close()
        if self._files:
            self._files.close()
            self._files = None

    def select(self, select: str, *values: object) -> list[Any]:
        """The rows that are found."""
        self._look()
        try:
            return self._db.execute(select, values).fetchall()
        except sqlite3.Error as error:
            raise AccessError(f"{self.path}: the accounts cannot be read ({error})") from error

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Cursor]:
        """A transaction: everything done with the cursor, or nothing."""
        self._look()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                with closing(self._db.cursor()) as cursor:
                    yield cursor
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # some errors end it by themselves
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise AccessError(f"{self.path}: the accounts cannot be written ({error})") from error

    def note(self, change: str, *values: object) -> bool:
        """Make a change that is not essential, in the file that was checked last; False: it could not be made."""
        try:
            self._db.execute(change, values)
        except sqlite3.Error:
            return False
        return True

    # -- inside ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        # "rw": a file that has gone since is not made anew, at the end of whatever link stands in its place.
        self._db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._patience / 1000,
            isolation_level=None,
        )
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        self._db.executescript("PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;")
        self._db.executescript(self._schema)
        self._files = OpenFiles(self.path)
        self._opened(self)

    def _cannot_be_used(self, error: Exception) -> AccessError:
        reason = getattr(error, "strerror", None) or str(error)
        return AccessError(f"{self.path}: the accounts cannot be used ({reason}); look at its owner and its disk")

    def _look(self) -> None:
        """Make sure that the open file is the one at the path; AccessError if there is none that can be used."""
        if self._files:
            look = self._files.look()
            if look.trouble is Trouble.NONE or (look.trouble is Trouble.LOG_CUT and self._log_is_whole(look)):
                self._files.take(look)
                return
            self._leave(look.trouble)
        try:
            must_be_private(self.path)
            if not self.path.stat().st_size:
                raise AccessError(
                    f"{self.path}: the accounts cannot be used (the file has been emptied); "
                    "restore a backup, or remove it and start the program again to begin with none"
                )
            self._open()
            log.warning("%s has been opened again", self.path)
        except FileNotFoundError as error:
            raise AccessError(
                f"{self.path}: the accounts cannot be used (the file has been deleted or moved); "
                "put it back, or start the program again to begin with none"
            ) from error
        except (OSError, sqlite3.Error) as error:
            raise self._cannot_be_used(error) from error

    def _log_is_whole(self, look: Look) -> bool:
        """Whether a log that has become shorter has lost nothing: other programs may checkpoint it."""
        try:
            _, pages, carried = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            return False
        return bool(pages == carried or look.log_size >= LOG_HEAD + pages * FRAME)

    def _leave(self, trouble: Trouble) -> None:
        """Close the open file, since it is not the one at the path; AccessError if data would be lost."""
        whole = True
        try:
            if trouble not in (Trouble.CUT, Trouble.LOG_CUT):  # the log that is open still has everything
                busy, pages, carried = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                whole = not busy and pages == carried
        except sqlite3.Error:
            whole = False
        if not whole and trouble is Trouble.LOG_LOST:
            raise AccessError(f"{self.path}: the accounts cannot be used (its log is gone, and nothing can be written)")
        log.warning("%s: %s; the accounts are those that are found at its path", self.path, _TOLD[trouble])
        files, self._files = self._files, None
        self._db.close()
        if files:
            if whole and trouble in (Trouble.GONE, Trouble.REPLACED):
                files.remove_log()
            files.close()
