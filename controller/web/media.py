"""Pictures and clips for televisions, from one folder of the branch's.

The folder is looked at every few seconds, in a thread, since it may be on a slow disk. Only what was found there has an
address: it is made from the file's name, size and time, so that no request can name another file, and a file that has
changed is loaded anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds between two looks at the folder."""
MOST = 100
"""Files that are shown."""
HEAD = 16
"""Bytes by which a file is known for what its name says."""
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """What a suffix stands for. `clip`: it moves; `begins`: its first bytes, from `offset` on; `most`: bytes."""

    type: str
    clip: bool
    begins: bytes
    offset: int = 0

    @property
    def most(self) -> int:
        """Most bytes of a file: a longer one is not shown."""
        return (500 if self.clip else 20) * MB


KINDS = {
    ".png": Kind("image/png", False, b"\x89PNG\r\n\x1a\n"),
    ".jpg": Kind("image/jpeg", False, b"\xff\xd8\xff"),
    ".jpeg": Kind("image/jpeg", False, b"\xff\xd8\xff"),
    ".webp": Kind("image/webp", False, b"WEBP", 8),
    ".mp4": Kind("video/mp4", True, b"ftyp", 4),
    ".webm": Kind("video/webm", True, b"\x1a\x45\xdf\xa3"),
}
"""No SVG: it may hold scripts."""


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture or clip, and the name that its address has."""

    path: Path
    name: str
    kind: Kind


class Media:
    """The folder `path`; None: there is none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[str, Medium] = {}
        self._trouble = ""
        self._refused: set[str] = set()

    def __iter__(self) -> Iterator[Medium]:
        """What is shown, in the order of the files' names."""
        return iter(self._found.values())

    def get(self, name: str) -> Medium | None:
        """The picture or clip of an address."""
        return self._found.get(name)

    async def run(self, changed: Callable[[], None]) -> None:
        """Look at the folder, until cancelled; `changed` is called when something else is to be shown."""
        while self._path:
            if await asyncio.to_thread(self.look):
                changed()
            await asyncio.sleep(LOOK)

    def look(self) -> bool:
        """Look at the folder; whether something else is to be shown. What is wrong is logged once, until it changes."""
        before = list(self._found)
        refused: dict[str, str] = {}
        try:
            self._found = {medium.name: medium for medium in self._look(refused)}
            trouble = ""
        except OSError as error:
            self._found = {}
            trouble = (error.strerror or str(error)).lower()
        if trouble and trouble != self._trouble:
            log.warning("%s: televisions show no pictures: %s", self._path, trouble)
        for file, why in refused.items():
            if file not in self._refused:
                log.warning("%s: is not shown on televisions: %s", self._path and self._path / file, why)
        self._trouble, self._refused = trouble, set(refused)
        return list(self._found) != before

    def _look(self, refused: dict[str, str]) -> Iterator[Medium]:
        """What can be shown; files that cannot be, and why, are put into `refused`."""
        assert self._path
        shown = 0
        for file in sorted(os.listdir(self._path)):
            path = self._path / file
            kind = KINDS.get(path.suffix.lower())
            if kind is None or file.startswith("."):
                continue
            if shown >= MOST:
                refused[file] = f"{MOST} files are shown already; remove some"
                continue
            try:
                size, time = _looked_into(path, kind)
            except (OSError, ValueError) as error:
                refused[file] = str(error.strerror or error).lower() if isinstance(error, OSError) else str(error)
                continue
            shown += 1
            name = hashlib.sha256(f"{file}\0{size}\0{time}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
            yield Medium(path, name + path.suffix.lower(), kind)


def _looked_into(path: Path, kind: Kind) -> tuple[int, int]:
    """The size and time of a file; ValueError or OSError says why it is not what its name says."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is no file")
        if about.st_size > kind.most:
            raise ValueError(f"it is longer than {kind.most // MB} MB")
        if not os.read(descriptor, HEAD).startswith(kind.begins, kind.offset):
            raise ValueError(f"it is no {path.suffix.lower()[1:]} file, or is damaged")
        return about.st_size, about.st_mtime_ns
    finally:
        os.close(descriptor)
