"""Whose a link to a pseudo-terminal is.

When simulators have ended, also by `kill -9`, the kernel gives the numbers of their pseudo-terminals to other programs,
and a link that was left behind leads into a stranger's terminal. So they keep a file beside their links locked as long
as they run, and a link beside such a file is opened only while it is locked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER = ".simulators"
"""The file in a directory of links."""
_LOCK = "hhqqi4x"
"""struct flock: type, whence, start, length (0: all), process."""


class EndedError(Exception):
    """The maker of a link has ended."""


def own(directory: Path) -> int:
    """Lock a directory of links: a descriptor, which holds the lock until it is closed. BlockingIOError if it is
    another's."""
    owner = os.open(directory / OWNER, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        # A lock of the open file, not of the process: the daemon may be in the process of the simulators.
        fcntl.fcntl(owner, fcntl.F_OFD_SETLK, struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except BaseException:
        os.close(owner)
        raise
    return owner


@contextmanager
def owned(path: str) -> Iterator[None]:
    """Within it the path can be opened: it is no link beside such a file, or it leads to a terminal of its maker, who
    runs. EndedError if that has ended."""
    link, held = Path(path), None
    owner = _opened(link.parent / OWNER) if link.is_symlink() else None
    if owner is None:
        yield
        return
    try:
        # While it is open here its number is not given away. Nothing is read or set: it may be a stranger's.
        held = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        if not _is_locked(owner):
            raise EndedError
        if os.stat(path).st_rdev != os.fstat(held).st_rdev:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        yield
    finally:
        os.close(owner)
        if held is not None:
            os.close(held)


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None


def _is_locked(owner: int) -> bool:
    asked = struct.pack(_LOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    kind: int = struct.unpack(_LOCK, fcntl.fcntl(owner, fcntl.F_OFD_GETLK, asked))[0]
    return kind != fcntl.F_UNLCK
