"""The daemon as a program of its own, on a wall clock that runs fast and that somebody sets: for `kill -9`.

Arguments: the configuration, what the wall clock says at `STARTED` of the steady clock (ms since 1970, UTC), STARTED
(seconds), by how much faster it runs, and a file that holds by how many ms it has been set.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path

from controller.clock import Clock
from controller.config import read
from controller.daemon import Daemon, quiet_transports
from controller.operation.service import Notifier


async def main(config: Path, wall: int, started: float, speed: float, set_by: Path) -> None:
    """Until SIGTERM."""

    def now() -> int:
        return wall + int(set_by.read_text() or "0") + int((time.monotonic() - started) * 1000 * speed)

    clock = Clock(now, time.monotonic, time.monotonic, "bad day", speed)
    daemon = Daemon(read(config), clock, Notifier(os.environ.get("NOTIFY_SOCKET")))
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(quiet_transports)
    loop.add_signal_handler(signal.SIGTERM, daemon.stop)
    await daemon.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5])))
