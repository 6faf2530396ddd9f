"""A serial port with nothing but a test at its other end: bytes out, bytes in."""

from __future__ import annotations

import asyncio
import os
import tty
from pathlib import Path


class Port:
    """A pseudo-terminal, linked at `path`; `heard` is all that came out of it."""

    def __init__(self, path: Path) -> None:
        self.heard = bytearray()
        self._path = path
        self._unsent = bytearray()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def close(self) -> None:
        """Pull the cable."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        self._path.unlink()
        os.close(self._slave)
        os.close(self._master)

    def send(self, data: bytes) -> None:
        """Put bytes on the line, as fast as the other end takes them."""
        self._unsent += data
        asyncio.get_running_loop().add_writer(self._master, self._write)

    @property
    def sent(self) -> bool:
        """Whether everything has left."""
        return not self._unsent

    def _read(self) -> None:
        self.heard += os.read(self._master, 4096)

    def _write(self) -> None:
        try:
            del self._unsent[: os.write(self._master, self._unsent)]
        except BlockingIOError:
            return
        if not self._unsent:
            asyncio.get_running_loop().remove_writer(self._master)
