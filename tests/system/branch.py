"""A branch for a test: its configuration, its far ends on pseudo-terminals, and `lobby run` in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from bench import processes
from controller.config import read
from simulators.branch import SimulatedBranch
from simulators.devices.bx import BoardFarEnd
from simulators.devices.escpos import PrinterFarEnd
from simulators.devices.farend import FarEnd
from simulators.devices.kit import Wired
from simulators.devices.terminal68 import TerminalBus
from simulators.devices.vfd import CounterDisplayFarEnd
from system.waiting import until

LOBBY = Path(sys.executable).with_name("lobby")
"""The command, as installed beside this Python."""
FAST_DAEMON = Path(__file__).with_name("fast_daemon.py")
"""The daemon on a clock that a test sets."""
START = 60.0
STOP = 30.0
"""Seconds in which the daemon must be ready, and in which it must end when told to."""

LINE_DELAY = 0.1
"""Seconds that a frame may be on its way."""

HOUSE = """\
[branch]
id = "{id}"
name = "Liberation Road"
timezone = "Asia/Shanghai"
language = "en"
default_service = "cash"

[journal]
path = "{directory}/lobby.db"

[[service]]
id = "cash"
name = "Cash"
prefix = "A"
key = 1

[[service]]
id = "personal"
name = "Personal"
prefix = "B"
key = 2

[calling]
call_grace = 0
confirm_finish = 0

[class.green]
credit = 60

[[counter]]
id = "1"
serves = {{ cash = 0 }}

[[counter]]
id = "2"
serves = {{ cash = 0, personal = 10 }}

[[counter]]
id = "3"
serves = {{ personal = 0, cash = 10 }}
"""

MQTT = """
[mqtt]
broker = "mqtt://127.0.0.1:{port}"

[[device]]
id = "pad-3"
driver = "mqtt-keypad"
counter = "3"

[[device]]
id = "manager"
driver = "mqtt-panel"

[[device]]
id = "kiosk"
driver = "mqtt-kiosk"
hold_off = 0

[[device]]
id = "patient"
driver = "mqtt-kiosk"
hold_off = 60

[[device]]
id = "screen"
driver = "mqtt-kiosk"
hold_off = 0
screen = true
"""

PRINTER = """
[[device]]
id = "printer"
driver = "escpos"
link = "serial:{directory}/dev/printer?baud=115200"
columns = 32
"""

TERMINALS = """
[[device]]
id = "terminals"
driver = "terminal68"
link = "serial:{directory}/dev/terminals?baud=9600"
addresses = {{ 1 = "1", 2 = "2" }}
raters = {{ 11 = "1" }}
repeat_ms = {repeat_ms}
"""

HALL = """
[[device]]
id = "hall"
driver = "bx"
link = "serial:{directory}/dev/hall?baud=57600"
model = "5k1"
lines = 4
width = 128
line_height = 16
"""

WINDOWS = """
[[device]]
id = "window-1"
driver = "vfd"
dialect = "cd5220"
counter = "1"
link = "serial:{directory}/dev/window-1?baud=9600"

[[device]]
id = "window-2"
driver = "vfd"
dialect = "epson"
counter = "2"
link = "serial:{directory}/dev/window-2?baud=9600"
"""

EVERYTHING = (HOUSE, MQTT, PRINTER, TERMINALS, HALL, WINDOWS)

_branches = count(1)

F = TypeVar("F", bound=FarEnd)


async def lobby(*wishes: object) -> tuple[int, str]:
    """A command: its exit code, and all that it says."""
    process = await processes.spawn(
        str(LOBBY),
        *map(str, wishes),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


class Row(NamedTuple):
    """A row of the journal as an auditor reads it."""

    seq: int
    at: int
    kind: str
    data: dict[str, Any]
    cause: str


class Notifications:
    """What systemd would be told, in order, each with its monotonic time."""

    def __init__(self, address: str) -> None:
        self.heard: list[tuple[str, float]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(address)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """Listen no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def count(self, text: str) -> int:
        """How often this was told."""
        return sum(text == told for told, _ in self.heard)

    def _read(self) -> None:
        self.heard.append((self._socket.recv(4096).decode(), time.monotonic()))


@dataclass
class Branch:
    """A branch below `directory`, its broker on `port`; `async with` plugs the far ends in and starts the daemon.

    `parts` are the configuration; `clock` is a file that holds by how many ms the daemon's clock has been set, None: it
    has the machine's. At the end the daemon is stopped, and its log must hold no traceback.
    """

    directory: Path
    port: int
    parts: Iterable[str] = EVERYTHING
    repeat_ms: int = 400
    seed: int = 1
    journal: Path | None = None
    starts: bool = True
    plugged: bool = True
    clock: Path | None = None

    async def __aenter__(self) -> Branch:
        self.id = f"b-{os.getpid()}-{next(_branches)}"
        self.root = f"lobby/{self.id}/"
        self.config = self.directory / "branch.toml"
        text = "".join(self.parts).format(
            id=self.id, directory=self.directory, port=self.port, repeat_ms=self.repeat_ms
        )
        if self.journal:
            text = text.replace(f"{self.directory}/lobby.db", str(self.journal))
        if "[day]" not in text:  # the business day changes half a day from now, whenever the tests are run
            rollover = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(hours=12)
            text += f'\n[day]\nrollover = "{rollover:%H:%M}"\n'
        self.config.write_text(text)
        self.settings = read(self.config)
        self.simulated = SimulatedBranch(self.settings, self.directory / "dev", self.seed)
        if self.plugged:
            self.simulated.plug_all()
        self.log_file = self.directory / "lobby.log"
        self.notified = Notifications(str(self.directory / "notify"))
        self.process: asyncio.subprocess.Process | None = None
        self._counts_again: dict[tuple[int, int, str], float] = {}
        try:
            if self.starts:
                await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        try:
            if self.process:
                await self.stop()
        finally:
            self.simulated.unplug_all()
            self.notified.close()
        if not any(error):
            assert "Traceback" not in self.log(), self.log()

    # -- the process -----------------------------------------------------------------------------------------

    async def launch(self) -> None:
        """Start the daemon, and do not wait for it."""
        assert self.process is None
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.directory / "notify")}
        command: tuple[object, ...] = (LOBBY, "run", "--config", self.config)
        if self.clock:
            now, steady = time.time_ns() // 1_000_000, time.monotonic()
            command = (sys.executable, FAST_DAEMON, self.config, now, repr(steady), 1, self.clock)
        with self.log_file.open("ab") as log:
            self.process = await processes.spawn(
                *map(str, command), stdin=asyncio.subprocess.DEVNULL, stderr=log, env=environment
            )

    async def start(self) -> None:
        """Start the daemon, and wait until it says that it is ready."""
        before = self.notified.count("READY=1")
        await self.launch()
        process = self.process
        assert process
        await until(lambda: self.notified.count("READY=1") > before or process.returncode is not None, START)
        assert process.returncode is None, self.log()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the daemon a signal that ends it; its exit code."""
        process, self.process = self.process, None
        assert process
        if process.returncode is None:
            process.send_signal(number)
        try:
            async with asyncio.timeout(STOP):
                return await process.wait()
        except TimeoutError:
            raise AssertionError(f"the daemon does not end:\n{self.log()}") from None
        finally:
            processes.kill(process)
            await process.wait()

    async def kill(self) -> None:
        """As a power cut would end it."""
        await self.stop(signal.SIGKILL)

    def log(self) -> str:
        """What the daemon has said on its standard error since the beginning."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    def logged(self, start: str) -> list[str]:
        """The lines of the log that begin with this after their level."""
        return [line for line in self.log().splitlines() if line.partition(" ")[2].startswith(start)]

    # -- the journal -----------------------------------------------------------------------------------------

    def rows(self, *kinds: str) -> list[Row]:
        """The journal's rows, of these kinds if any are given, oldest first, read as an auditor does."""
        with closing(sqlite3.connect(f"file:{self.settings.journal_path}?mode=ro", uri=True)) as journal:
            select = "SELECT seq, at, kind, data, cause FROM event ORDER BY seq"
            rows = [
                Row(seq, at, kind, json.loads(data), cause) for seq, at, kind, data, cause in journal.execute(select)
            ]
        return [row for row in rows if not kinds or row.kind in kinds]

    def tickets(self, kind: str) -> list[str]:
        """The tickets of all rows of one kind."""
        return [row.data["ticket"] for row in self.rows(kind)]

    # -- the far ends ----------------------------------------------------------------------------------------

    def placed(self, id: str) -> Wired:
        """A simulated device with its wire and its fault knobs."""
        return self.simulated.placed[id]

    def _far_end(self, id: str, kind: type[F]) -> F:
        far_end = self.simulated.placed[id].far_end
        assert isinstance(far_end, kind)
        return far_end

    @property
    def printer(self) -> PrinterFarEnd:
        """The ticket printer."""
        return self._far_end("printer", PrinterFarEnd)

    @property
    def bus(self) -> TerminalBus:
        """The call terminals and raters."""
        return self._far_end("terminals", TerminalBus)

    @property
    def hall(self) -> BoardFarEnd:
        """The hall board."""
        return self._far_end("hall", BoardFarEnd)

    def window(self, counter: str) -> tuple[str, str]:
        """What stands on a counter's own display."""
        return self._far_end(f"window-{counter}", CounterDisplayFarEnd).lines()

    def press(self, address: int, key: int, digits: str = "") -> None:
        """Press a key at a terminal, without waiting for anything."""
        self.bus.press(address, key, digits)  # type: ignore[arg-type]
        self.placed("terminals").wire.poke()

    async def key(self, address: int, key: int, digits: str = "") -> None:
        """Press a key at a terminal, again as a clerk does whose terminal stays silent, until it is echoed.

        The same key is not pressed before it counts as another press.
        """
        terminal, pressed = self.bus.terminals[address], (address, key, digits)
        echoes = terminal.echoes
        while terminal.echoes == echoes:
            await until(lambda: time.monotonic() > self._counts_again.get(pressed, 0))
            self.press(address, key, digits)
            await until(lambda: not self.bus.waits_for_echo(address))
            self._counts_again[pressed] = time.monotonic() + self.repeat_ms / 1000 + LINE_DELAY

    async def rate(self, address: int, score: int) -> None:
        """Press a score at a rater, and wait for its echo."""
        echoes = self.bus.raters[address].echoes
        self.bus.rate(address, score)
        self.placed("terminals").wire.poke()
        await until(lambda: self.bus.raters[address].echoes > echoes)

    def papers(self) -> list[str]:
        """The text of each ticket that was cut off, oldest first."""
        return [paper.words for paper in self.printer.tickets]
