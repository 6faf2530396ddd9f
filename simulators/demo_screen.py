"""The demo in a terminal: who waits, who is at which counter, the last ticket as printed, the devices, and knobs."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import termios
import tty
from collections import deque
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from controller.config import Settings
from controller.lobby.show.views import in_words
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.people import Hall

REFRESH = 0.25
LINES_KEPT = 5


class Screen(logging.Handler):
    """Draws until `q` is pressed. As a log handler it shows the daemon's log lines about its devices.

    `address`: of the virtual lobby, which shows the same devices in a browser.
    """

    def __init__(
        self, settings: Settings, simulated: SimulatedBranch, buttons: Buttons, hall: Hall, address: str
    ) -> None:
        super().__init__(logging.WARNING)
        self._address = address
        self._settings = settings
        self._simulated = simulated
        self._buttons = buttons
        self._hall = hall
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        self._live = Live(console=Console(), auto_refresh=False, screen=True)
        self._quit = asyncio.Event()
        self._terminal: list[object] | None = None
        self._knobs = dict(self._make_knobs())

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())

    def __enter__(self) -> Screen:
        logger = logging.getLogger("controller")
        logger.addHandler(self)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        if sys.stdin.isatty():
            self._terminal = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._key)
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)
        logger = logging.getLogger("controller")
        logger.removeHandler(self)
        logger.propagate = True
        if self._terminal is not None:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._terminal)  # type: ignore[arg-type]

    async def run(self) -> None:
        """Draw until somebody quits."""
        while not self._quit.is_set():
            self._live.update(self._draw(), refresh=True)
            try:
                async with asyncio.timeout(REFRESH):
                    await self._quit.wait()
            except TimeoutError:
                pass

    # -- knobs -----------------------------------------------------------------------------------------------

    def _make_knobs(self) -> list[tuple[str, tuple[str, Callable[[], None]]]]:
        knobs: list[tuple[str, tuple[str, Callable[[], None]]]] = [("q", ("quit", self._quit.set))]
        for device in self._simulated.devices.values():
            knobs += [(key, (what, action)) for key, what, action in device.demo_keys()]
        return knobs

    def _key(self) -> None:
        knob = self._knobs.get(os.read(sys.stdin.fileno(), 1).decode("ascii", "replace"))
        if knob:
            knob[1]()

    # -- pictures --------------------------------------------------------------------------------------------

    def _draw(self) -> Layout:
        layout = Layout()
        layout.split_column(
            Layout(name="top"), Layout(self._devices(), size=len(self._simulated.placed) + 5), self._foot()
        )
        layout["top"].split_row(Layout(Group(self._waiting(), self._counters())), Layout(self._paper(), size=44))
        return layout

    def _foot(self) -> Layout:
        keys = "   ".join(f"[b]{key}[/b] {what}" for key, (what, _) in self._knobs.items())
        said = Text("\n".join(self._said) or "All is well.")
        return Layout(Panel(Group(said), title=keys), size=LINES_KEPT + 2)

    def _waiting(self) -> Panel:
        board = self._buttons.retained.get("board", {})
        table = Table.grid(padding=(0, 2))
        rules, waits = self._settings.rules, board.get("wait", {})
        for service, count in board.get("waiting", {}).items():
            bar = "●" * min(count, 40)
            minutes = (waits[service][0], waits[service][1]) if service in waits else None
            table.add_row(rules.service_name(service), str(count), in_words(rules, minutes), bar)
        table.add_row("", "", "", "")
        table.add_row("→", "", "", " ".join(board.get("soon", [])))
        passed = self._hall.time() / 60
        title = f"{rules.branch_name}: {passed:.0f} min, {self._hall.left} have left"
        return Panel(table, title=title, subtitle=f"to see and press: {self._address}" if self._address else None)

    def _counters(self) -> Panel:
        """Each counter as its counter display and its terminal show it."""
        table = Table.grid(padding=(0, 2))
        rules = self._settings.rules
        calls = {
            device.display_of: next(iter(device.calls(rules)), ("", ""))[0]
            for device in self._simulated.devices.values()
            if device.display_of
        }
        for id, counter in self._settings.rules.counters.items():
            serves = " ".join(
                self._settings.rules.service_name(service) + (f"+{handicap // 60}" if handicap else "")
                for service, handicap in counter.serves.items()
            )
            name = self._settings.rules.wording.say("window.counter", counter=id)
            table.add_row(name, Text(calls.get(id, ""), "bold"), Text(serves, "dim"))
        return Panel(table, title="counters, as their window displays show them")

    def _paper(self) -> Panel:
        for device in self._simulated.devices.values():
            if device.papers is not None:
                return Panel(device.papers[-1].text() if device.papers else "", title=f"ticket {device.cut}")
        return Panel("")

    def _devices(self) -> Panel:
        table = Table.grid(padding=(0, 2))
        for topic, report in sorted(self._buttons.retained.items()):
            if topic.startswith("device/"):
                colour = {"ok": "green", "degraded": "yellow", "offline": "red"}[report["state"]]
                table.add_row(topic.removeprefix("device/"), Text(report["state"], colour), report["detail"])
        return Panel(table, title="devices")
