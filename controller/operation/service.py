"""What systemd is told of the daemon, and how a start that is refused goes on being tried under it.

Protocol: sd_notify(3). A first refusal ends the process at once, so that `systemctl start` says no; the service is then
started again by systemd (Restart=), and that process waits quietly for what was wrong to change. So the log has the
reason once, and not twenty times a minute for a weekend.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

RESTARTED = 10.0
"""Seconds after a refusal within which another start is systemd's own (RestartSec= in the unit), and not somebody's."""
LOOK = 1.0
"""Seconds between two looks at the file that was refused."""
TRY_AGAIN = 60.0
"""Seconds after which a start is tried again though the configuration has not changed."""
START_LIMIT = 60.0
"""Seconds that systemd allows for a start, extended while waiting; as in the unit file."""
SHOWN = 300
"""Most characters of a status, which systemctl shows in one line."""


class Notifier:
    """Notifies systemd (`sd_notify`); errors are ignored."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    def tell(self, text: str) -> None:
        """Send one notification, such as `READY=1`."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as to:
            to.sendto(text.encode(), address)

    def status(self, text: str) -> None:
        """What `systemctl status` shows; in one line, shortened."""
        line = " ".join(text.split())
        self.tell(f"STATUS={line if len(line) <= SHOWN else line[: SHOWN - 2] + '..'}")

    def more_time(self) -> None:
        """The start takes longer: allow it `START_LIMIT` from now on."""
        self.tell(f"EXTEND_TIMEOUT_USEC={round(START_LIMIT * 1e6)}")


class Refusals:
    """Starts that are refused, under systemd. `environment`: as systemd sets it, with RUNTIME_DIRECTORY."""

    def __init__(self, notifier: Notifier, environment: Mapping[str, str]) -> None:
        self._notifier = notifier
        directory = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        self._last = Path(directory, "refused") if directory and "NOTIFY_SOCKET" in environment else None
        """Has the last refusal, and by its age tells who starts this process."""

    def told(self, text: str, path: Path) -> bool:
        """This start is refused because of `text`: whether that has been told before.

        If so, this returns when `path`, the configuration, has changed, or after `TRY_AGAIN` seconds: `try_again` then.
        """
        self._notifier.status(f"not running: {text}")
        if self._last is None:
            return False
        told = False
        with suppress(OSError):
            age = time.time() - self._last.stat().st_mtime
            told = 0 <= age < RESTARTED and self._last.read_text() == text
        if told:
            self._wait(path)
        with suppress(OSError):
            self._last.write_text(text)
        return told

    def _wait(self, path: Path) -> None:
        seen, end = _looks(path), time.monotonic() + TRY_AGAIN
        while time.monotonic() < end and _looks(path) == seen:
            self._notifier.more_time()
            time.sleep(LOOK)

    def try_again(self) -> None:
        """Start this program once more, in this process."""
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _looks(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
