"""Files that only their owner may open: how one is made, and whether one is still private."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class AccessError(Exception):
    """Why the accounts cannot be used or changed, in one sentence."""


def make_private(path: Path) -> None:
    """Create an empty file that only its owner can read, unless it exists; created by root, it is given to the owner of
    the directory.

    No link is followed: the directory's owner must not choose which file root gives to them. Raises OSError, and
    AccessError as `must_be_private` does.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        must_be_private(path)
        return
    try:
        for suffix in ("-wal", "-shm"):  # of a file that was deleted, and that somebody may still have open
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)
    finally:
        os.close(file)


def must_be_private(path: Path) -> None:
    """Raises AccessError if it is a link, or if others than its owner may open it; OSError if there is no such file."""
    # Without opening it: closing any descriptor of a file drops the locks that SQLite has on it in this process.
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise AccessError(
            f"{path}: the accounts cannot be used (this is a symbolic link); "
            "put the file itself there, or give its path as accounts in [web]"
        )
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if found.st_mode & 0o077:
        raise AccessError(
            f"{path}: the accounts cannot be used (others than its owner may open the file); "
            f"look who has, then chmod 600 {path}"
        )
