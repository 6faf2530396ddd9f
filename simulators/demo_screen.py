"""The demo in a terminal: the time, who waits, who is at which counter, the devices, the last ticket as printed, and
knobs."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import termios
import tty
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType

from rich.cells import cell_len
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from controller.config import Settings
from controller.lobby.show.views import in_words
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.clock import SPEEDS, PeoplesClock
from simulators.devices.kit import Simulated
from simulators.paper import Code, Gap, Paper
from simulators.people import Hall

REFRESH = 0.25
LINES_KEPT = 5
LOGS = ("controller.devices.hub", "simulators.buttons")
"""The loggers that are shown: those that say it in the branch's language."""
FOOT = 3
"""Rows of the keys."""
MARGIN = 2
"""Columns at both sides of a ticket."""
INK = "#000000 on #ffffff"

Knob = tuple[str, Callable[[], None]]
"""What a key does, in words, and the deed."""


class Screen(logging.Handler):
    """Draws until `q` is pressed. As a log handler it shows the daemon's log lines about its devices.

    `words`: the demo's. `address`: of the virtual lobby, which shows the same devices in a browser.
    """

    def __init__(
        self,
        settings: Settings,
        simulated: SimulatedBranch,
        buttons: Buttons,
        hall: Hall,
        words: Mapping[str, str],
        address: str,
        console: Console | None = None,
    ) -> None:
        super().__init__(logging.WARNING)
        self._address = address
        self._settings = settings
        self._simulated = simulated
        self._buttons = buttons
        self._hall = hall
        self._words = words
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False, screen=True)
        self._quit = asyncio.Event()
        self._terminal: list[object] | None = None
        self._knobs = dict(self._make_knobs())

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())

    def __enter__(self) -> Screen:
        for name in LOGS:
            logger = logging.getLogger(name)
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
        for name in LOGS:
            logger = logging.getLogger(name)
            logger.removeHandler(self)
            logger.propagate = True
        if self._terminal is not None:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._terminal)  # type: ignore[arg-type]

    async def run(self) -> None:
        """Draw until somebody quits."""
        while not self._quit.is_set():
            self._live.update(self.draw(), refresh=True)
            try:
                async with asyncio.timeout(REFRESH):
                    await self._quit.wait()
            except TimeoutError:
                pass

    # -- knobs -----------------------------------------------------------------------------------------------

    def _make_knobs(self) -> Iterator[tuple[str, Knob]]:
        clock = self._hall.clock
        yield "q", (self._words["key.quit"], self._quit.set)
        yield " ", (self._words["key.stop"], lambda: setattr(clock, "stopped", not clock.stopped))
        yield "-", (self._words["key.slower"], lambda: _change(clock, -1))
        yield "+", (self._words["key.faster"], lambda: _change(clock, 1))
        for device in self._simulated.devices.values():
            for key, what, action in device.demo_keys():
                yield key, (self._words.get(what, what).format(id=device.device.id), action)

    def _key(self) -> None:
        knob = self._knobs.get(os.read(sys.stdin.fileno(), 1).decode("ascii", "replace").replace("=", "+"))
        if knob:
            knob[1]()

    # -- pictures --------------------------------------------------------------------------------------------

    def draw(self) -> Layout:
        """The whole screen, for the console's size."""
        rows = self._console.size.height - FOOT
        printer = next((device for device in self._simulated.devices.values() if device.papers), None)
        keys = (Text.assemble((_name(key), "bold"), " ", what) for key, (what, _) in self._knobs.items())
        foot = Columns(keys, padding=(0, 2))
        sections = [
            (self._waiting(), len(self._settings.rules.services) + 4),
            (self._counters(), len(self._settings.rules.counters) + 2),
            (self._devices(), len(self._reports()) + 2),
        ]
        left, parts = rows, []
        for section, size in sections:  # what there is no room for is left out
            if size <= left:
                parts.append(Layout(section, size=size))
                left -= size
        hall = Layout()
        hall.split_column(*parts, *([Layout(self._says() if left > 2 else "", size=left)] if left else []))
        middle = Layout()
        paper = [Layout(self._paper(printer, rows), size=self._width_of(printer))] if printer else []
        middle.split_row(hall, *paper)
        layout = Layout()
        layout.split_column(middle, Layout(foot, size=FOOT))
        return layout

    def _waiting(self) -> Panel:
        board = self._buttons.retained.get("board", {})
        table = Table.grid(padding=(0, 2))
        rules, waits = self._settings.rules, board.get("wait", {})
        for service, count in board.get("waiting", {}).items():
            minutes = (waits[service][0], waits[service][1]) if service in waits else None
            table.add_row(rules.service_name(service), str(count), in_words(rules, minutes), "●" * min(count, 20))
        soon = Text.assemble((self._words["screen.soon"], "dim"), "  ", " ".join(board.get("soon", [])))
        left = self._words["screen.left"].format(n=self._hall.left)
        title = f"{rules.branch_name}  [b]{self._hall.clock.hands()}[/b]  {self._runs()}  {left}"
        page = self._words["screen.page"].format(address=self._address) if self._address else None
        return Panel(Group(table, "", soon), title=title, subtitle=page)

    def _runs(self) -> str:
        """How the time runs."""
        clock = self._hall.clock
        if clock.stopped:
            return f"[black on yellow] {self._words['time.stopped']} [/]"
        if clock.by_hand:
            return self._words["time.by_hand"]
        return self._words["time.speed"].format(speed=f"{clock.speed:g}")

    def _counters(self) -> Panel:
        """Each counter as its counter display shows it."""
        table = Table.grid(padding=(0, 2))
        rules = self._settings.rules
        calls = {
            device.display_of: next(iter(device.calls(rules)), ("", ""))[0]
            for device in self._simulated.devices.values()
            if device.display_of
        }
        for id, counter in rules.counters.items():
            serves = " ".join(
                rules.service_name(service) + (f"+{handicap // 60}" if handicap else "")
                for service, handicap in counter.serves.items()
            )
            name = self._words["screen.counter"].format(n=id)
            table.add_row(name, Text(calls.get(id, ""), "bold"), Text(serves, "dim"))
        return Panel(table, title=self._words["screen.counters"])

    def _reports(self) -> list[tuple[str, Mapping[str, str]]]:
        """What the controller says of each device."""
        retained = sorted(self._buttons.retained.items())
        return [(topic.removeprefix("device/"), report) for topic, report in retained if topic.startswith("device/")]

    def _devices(self) -> Panel:
        table = Table.grid(padding=(0, 2))
        for id, report in self._reports():
            colour = {"ok": "green", "degraded": "yellow", "offline": "red"}[report["state"]]
            table.add_row(id, Text(self._words[f"screen.{report['state']}"], colour), report["detail"])
        return Panel(table, title=self._words["screen.devices"])

    def _says(self) -> Panel:
        """What the controller says now, and its last log lines about devices."""
        board = self._buttons.retained.get("board", {})
        lines = [Text(notice, "yellow") for notice in board.get("notices", [])]
        if not self._buttons.connected:
            lines.append(Text(self._words["screen.no_broker"], "red"))
        if not lines:
            lines.append(Text(self._words["screen.well"], "green"))
        return Panel(Group(*lines, *map(Text, reversed(self._said))), title=self._words["screen.says"])

    @staticmethod
    def _width_of(printer: Simulated) -> int:
        return max(map(cell_len, _lines(_last(printer)))) + 1

    def _paper(self, printer: Simulated, rows: int) -> RenderableType:
        title = Text(self._words["screen.ticket"].format(n=printer.cut), "dim", justify="center")
        return Group(title, ticket(_last(printer), rows - 1, self._words["screen.code"]))


def _last(printer: Simulated) -> Paper:
    assert printer.papers
    return printer.papers[-1]


def ticket(paper: Paper, rows: int, without: str) -> RenderableType:
    """A ticket as it lies there, black on white, so that a phone reads its code; where that does not fit into so many
    rows, without it, but with its {address}."""
    lines = _lines(paper)
    addresses = [row.content for row in paper.rows if isinstance(row, Code)]
    if len(lines) <= rows or not addresses:
        return Text("\n".join(lines), INK, no_wrap=True, overflow="crop")
    bare = Paper(paper.columns, [row for row in paper.rows if not isinstance(row, Code)])
    said = Text("\n".join(without.format(address=address) for address in addresses))
    return Group(said, Text("\n".join(_lines(bare)), INK, no_wrap=True, overflow="crop"))


def _lines(paper: Paper) -> list[str]:
    """Its lines, all of one width, with a margin around it and, as phones want it, around its code."""
    rows = [part for row in paper.rows for part in ((Gap(1), row, Gap(1)) if isinstance(row, Code) else (row,))]
    lines = Paper(paper.columns, rows).lines()
    width = max(paper.columns, *map(cell_len, lines))
    margin = " " * MARGIN
    return [f"{margin}{line}{' ' * (width - cell_len(line))}{margin}" for line in lines]


def _change(clock: PeoplesClock, by: int) -> None:
    """The next of the speeds, or the one before."""
    faster = [speed for speed in SPEEDS if speed > clock.speed]
    slower = [speed for speed in SPEEDS if speed < clock.speed]
    if by > 0 and faster:
        clock.speed = faster[0]
    elif by < 0 and slower:
        clock.speed = slower[-1]


def _name(key: str) -> str:
    return "␣" if key == " " else key
