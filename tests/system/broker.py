"""A real Mosquitto on the loopback."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from shutil import which

import pytest

START_TIMEOUT = 5.0

CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
log_dest none
"""


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """The broker, on the same port each time it is started. What it retains dies with it."""

    def __init__(self, directory: Path) -> None:
        program = which("mosquitto") or which("mosquitto", path="/usr/sbin")
        if program is None:
            pytest.skip("Mosquitto is not installed: apt-get install mosquitto")
        self._program = program
        self.port = free_port()
        self._config = directory / "mosquitto.conf"
        self._config.write_text(CONFIG.format(port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self._process = subprocess.Popen([self._program, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, "Mosquitto has ended"
                assert time.monotonic() < deadline, "Mosquitto takes no connections"

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait(5)
            self._process = None
