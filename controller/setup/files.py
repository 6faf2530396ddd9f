"""Files that are put in place whole or not at all, with what was there before kept beside them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from controller.output import make_folder, writing


def replace_file(
    path: Path, content: str, suffix: str, check: Callable[[Path], object] = lambda path: None
) -> Path | None:
    """Put a file in place in one step. What was there keeps its content under the path with `suffix`: its path, None if
    there was nothing. `check` is called with the new file before it counts, under another name in the same folder, and
    may raise. OSError, in one sentence."""
    path = Path(os.path.realpath(path))
    make_folder(path.parent)
    new = path.with_name(f".{path.name}.new")
    try:
        with writing(path):
            with new.open("w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _as_it_was(path, new)
        check(new)
        with writing(path):
            kept = _keep(path, suffix) if path.exists() else None
            new.replace(path)
            _settle(path.parent)
    finally:
        new.unlink(missing_ok=True)
    return kept


def _as_it_was(path: Path, new: Path) -> None:
    """Whoever may read a file may read the one that takes its place."""
    if not path.exists():
        new.chmod(0o644)
        return
    was = path.stat()
    if os.geteuid() == 0:
        os.chown(new, was.st_uid, was.st_gid)
    new.chmod(was.st_mode & 0o777)


def _keep(path: Path, suffix: str) -> Path:
    """Give what is there a second name, which nothing has yet; the first stays until the new file takes it."""
    for n in range(1, 1000):
        kept = path.with_name(f"{path.name}{suffix}{f'-{n}' if n > 1 else ''}")
        try:
            os.link(path, kept)
        except FileExistsError:
            continue
        return kept
    raise OSError(f"{path.parent}: there are a thousand old copies; remove some")


def _settle(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
