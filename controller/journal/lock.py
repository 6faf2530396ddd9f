"""The lock file beside a journal, and the errors of journals."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import pwd
from pathlib import Path

log = logging.getLogger(__name__)


class JournalError(Exception):
    """The journal cannot be used; one sentence that names the file and says what to do."""


class JournalWriteError(Exception):
    """The batch was not written, and nothing of it will be; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class JournalLostError(JournalWriteError):
    """The files at the journal's path are not those that are open."""


class JournalConflictError(JournalWriteError):
    """A row of the batch is in the journal already: one of its causes has acted before."""


class JournalLock:
    """The lock file beside a journal, which only one controller can hold. It records which journal was used here, so
    that a missing one is noticed: no other is begun in its place unless this file is removed too.

    JournalError if it cannot be locked.
    """

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + ".lock")
        try:
            self._file = self._locked()
        except BlockingIOError as error:
            raise JournalError(f"{journal}: another controller is using this journal; stop it first") from error
        except OSError as error:
            if isinstance(error, PermissionError) and (whose := _whose(self.path)):
                raise JournalError(f"{journal}: {whose}") from error
            raise JournalError(
                f"{journal}: cannot be opened ({os.strerror(error.errno or 0)}); "
                "create the folder and give it to the user this program runs as"
            ) from error

    def close(self) -> None:
        """Release it."""
        os.close(self._file)

    def is_ours(self) -> bool:
        """Whether the file at the path is the one that we have locked."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except OSError:
            return False

    def keep(self, id: str) -> None:
        """Make sure to hold the lock: create and lock the file again if it was removed or replaced; JournalLostError if
        another controller has locked it."""
        if self.is_ours():
            return
        try:
            file = self._locked()
        except BlockingIOError:
            raise JournalLostError(f"another controller has locked {self.path}; stop one of the two") from None
        try:
            _remember(file, id, 0)
        except OSError:
            os.close(file)
            raise
        os.close(self._file)
        self._file = file
        log.warning("%s had been removed or replaced, and has been made again", self.path)

    def remembered(self) -> tuple[str, int]:
        """The id of the journal that was used here, and the number of a row that it has; ("", 0): none is known."""
        words = os.pread(self._file, 200, 0).decode("ascii", "replace").partition("\n")[0].split()
        return (words[0], int(words[1])) if len(words) == 2 and words[1].isdecimal() else ("", 0)

    def remember(self, id: str, seq: int = 0) -> None:
        """Record it for the next start. OSError if it cannot be written."""
        if self.remembered() != (id, seq):
            _remember(self._file, id, seq)

    def _locked(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self._opened()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise
        return file

    def _opened(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)


def _whose(path: Path) -> str:
    """Whose a file is that may not be opened, or its folder, and how it is given back; empty: nobody can tell."""
    try:
        there = path if path.exists() else path.parent
        owner, us = pwd.getpwuid(there.stat().st_uid).pw_name, pwd.getpwuid(os.geteuid()).pw_name
    except (KeyError, OSError):
        return ""
    return f"{there} belongs to {owner}, and this program runs as {us}; give it back: sudo chown -R {us}: {path.parent}"


def _remember(file: int, id: str, seq: int) -> None:
    text = f"{id} {seq}\nThis is the journal used here. Remove this file only to begin another one in its place.\n"
    os.pwrite(file, text.encode(), 0)
    os.ftruncate(file, len(text))
    os.fsync(file)
