"""A real Mosquitto on the loopback."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from bench import broker, processes
from bench.ports import free_port

START_TIMEOUT = 20.0
STOP_TIMEOUT = 20.0


class Mosquitto:
    """The broker, on the same port each time it is started. What it retains dies with it."""

    def __init__(self, directory: Path) -> None:
        program = broker.program()
        if program is None:
            pytest.skip("Mosquitto is not installed: apt-get install mosquitto")
        self._program = program
        self.port = free_port()
        self._config = directory / "mosquitto.conf"
        self._config.write_text(broker.CONFIG.format(port=self.port) + "log_dest none\n")
        self._process: processes.Program | None = None

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self._process = processes.start([self._program, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise AssertionError("Mosquitto takes no connections") from None
                time.sleep(0.01)

    def configure(self, text: str) -> None:
        """Have it read these settings when it is started next. Its listener must be on `port`."""
        self._config.write_text(f"user root\nlog_dest none\n{text}")

    def reload(self) -> None:
        """Have it read its users, its access list and its certificate again, as `systemctl reload mosquitto` does."""
        assert self._process
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process:
            try:
                process.terminate()
                process.wait(STOP_TIMEOUT)
            finally:
                processes.kill(process)
                process.wait()
