"""Small disks for tests: file systems in memory, in a mount namespace of the tests' own, which ends with them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from bench import processes

CLONE_NEWNS = 0x20000


@cache
def _namespace() -> str:
    """Enter a mount namespace of our own, once; why that cannot be, else nothing.

    Of this thread and all that it starts from here on. Whatever happens to the tests, no mount outlives them.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        return "only root can have a mount namespace"
    return _failed("mount", "--make-rprivate", "/")


def _failed(*command: str) -> str:
    done = processes.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip() or "it failed" if done.returncode else ""


@contextmanager
def small_disk(directory: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of so much at `directory`; the test is skipped where there can be none."""
    directory.mkdir()
    failed = _namespace() or _failed("mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(directory))
    if failed:
        pytest.skip(f"no file system can be mounted here: {failed}")
    try:
        yield directory
    finally:
        processes.run(["umount", "--lazy", str(directory)], check=True)
