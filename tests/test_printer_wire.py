"""The ticket printer over a pseudo-terminal, with its session and its post on the desk: cables lost inside a ticket,
and a printer that holds the line off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from branches import NINE, branch
from golden import vectors
from ports import PATIENCE
from sweeps import long

from controller.devices.escpos import PrinterAdapter
from controller.devices.hub import Hub
from controller.devices.kit import Context
from controller.journal import Journal
from controller.lobby.actions.report_device import ReportDevice
from drivers import session as session_module
from drivers.escpos import EscposPrinter, Printed, Sent, Unknown
from drivers.escpos_status import AUTO_SIZE, XOFF, XON
from drivers.link import SerialLink
from drivers.paper import Layout
from drivers.session import LinkDown, Session
from simulators.devices.escpos import AUTO_OFFLINE, CUTTER, PrinterFarEnd
from simulators.faults import Faults
from simulators.paper import Code, Gap, Picture, Row
from simulators.wire import Wire

GOLDEN = vectors("escpos")
FAST = 0.0005
"""Seconds a line."""

LAYOUT = Layout.from_dict(
    {
        "line": [
            {"text": "某某银行", "size": 2},
            {"text": "{ticket}", "size": 6},
            {"qr": "{qr}"},
            {"text": "请等候叫号"},
            {"cut": "partial"},
        ]
    }
)


def ticket(number: str, profile: str | None = None) -> bytes:
    fields = {"ticket": number, "qr": f"https://lobby.example/t/2026-11-20/{number}/0123456789"}
    return LAYOUT.render(fields, 32, profile=profile)


JOB = ticket("A017") + GOLDEN["confirmation request P001"]
QR_DATA = JOB.index(b"\x1d\x28\x6b", JOB.index(b"https:") - 10)
"""Where the command begins that holds the code's text."""
CUTS = {
    "at once": 1,
    "in initialise": JOB.index(b"\x1b\x40") + 1,
    "in a size": JOB.index(b"\x1d\x21") + 2,
    "in a character": JOB.index("银".encode("gbk")) + 1,
    "in the number": JOB.index(b"A017") + 2,
    "in a length": QR_DATA + 4,
    "before the text of the code": QR_DATA + 5,
    "in the text of the code": JOB.index(b"lobby.example"),
    "before the last byte of the code": JOB.index(b"0123456789\x1d") + 9,
    "in the cut": JOB.rindex(b"\x1d\x56") + 1,
    "in the request": len(JOB) - 2,
}
WITHOUT_POWER = ("at once", "in the text of the code", "in the cut")
"""Where the printer loses its power as well in every `make test`; in `make verify` it does everywhere."""
DRAWN = "TH230"
"""A model that cuts, and prints pictures, but draws no codes."""
PICTURE = ticket("A017", DRAWN).index(b"\x1d\x76\x30")
PICTURE_CUTS = {
    "in a picture's command": PICTURE + 2,
    "in a picture's size": PICTURE + 6,
    "before a picture's first dot": PICTURE + 8,
    "in a picture": PICTURE + 700,
}


class HoldsOff(PrinterFarEnd):
    """A printer that says XOFF with whatever it says while it is offline, and XON when it is back."""

    held_off = False

    def data_to_send(self, now: float) -> list[bytes]:
        messages = []
        for message in super().data_to_send(now):
            messages.append(message)
            if len(message) == AUTO_SIZE:
                self.held_off = bool(message[0] & AUTO_OFFLINE)
                messages.append(bytes([XOFF if self.held_off else XON]))
            elif self.held_off:
                messages.append(bytes([XOFF]))
        return messages


class Bench:
    """A printer, its wire, and a desk that hears of it."""

    def __init__(self, directory: Path, journal: Journal, far_end: type[PrinterFarEnd], write_timeout: float) -> None:
        self.faults = Faults()
        self.far_end = far_end(self.faults, seconds_per_line=FAST)
        self.wire = Wire(self.far_end, self.faults, directory / "port", baud=None, clock=time.monotonic)
        self.wire.plug()
        self.printer = EscposPrinter(baud=None)
        self.facts: list[object] = []
        self.told: list[tuple[str, str]] = []
        self._heard = asyncio.Event()
        self.desk = Hub(branch({"1": {"cash": 0}}), journal, self._request, lambda: True, lambda: NINE)
        link = SerialLink(str(self.wire.path), xonxoff=True)
        self.session = Session(self.printer, link, self._hear, time.monotonic, write_timeout=write_timeout)
        self.desk.add(PrinterAdapter("printer", self.printer, lambda fields: b"", self.lobby, self.session.flush))
        self.task = asyncio.create_task(self.session.run())

    @property
    def lobby(self) -> Context:
        return self.desk.context

    def _request(self, request: object) -> None:
        command = getattr(request, "command", None)
        if isinstance(command, ReportDevice):
            self.told.append((command.state, command.detail))

    def _hear(self, fact: object) -> None:
        self.facts.append(fact)
        if not isinstance(fact, Printed | Sent | Unknown):  # there are no such tickets in this lobby
            self.desk.heard("printer", fact)
        self._heard.set()

    def print(self, number: str, profile: str | None = None) -> None:
        self.printer.print(number, ticket(number, profile))
        self.session.flush()

    def outcomes(self) -> list[object]:
        return [fact for fact in self.facts if isinstance(fact, Printed | Sent | Unknown)]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._heard.clear()
                await self._heard.wait()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "BACK_OFF", (0.01, 0.02, 0.03))


@asynccontextmanager
async def bench(
    directory: Path, far_end: type[PrinterFarEnd] = PrinterFarEnd, write_timeout: float = 5.0
) -> AsyncIterator[Bench]:
    """A printer that is ready."""
    journal = Journal(directory / "lobby.db")
    b = Bench(directory, journal, far_end, write_timeout)
    try:
        await b.until(lambda: b.printer.ready)
        yield b
    finally:
        b.task.cancel()
        with suppress(asyncio.CancelledError):
            await b.task
        b.wire.unplug()
        journal.close()


def printed(rows: list[Row]) -> list[Row]:
    return [row for row in rows if not isinstance(row, Gap)]


@pytest.mark.parametrize(
    ("where", "keeps_power"),
    [
        *((where, True) for where in CUTS),
        *((where, False) if where in WITHOUT_POWER else long(where, False) for where in CUTS),
    ],
)
async def test_a_cable_lost_inside_a_ticket(tmp_path: Path, where: str, keeps_power: bool) -> None:
    async with bench(tmp_path) as b:
        b.print("A016")
        await b.until(lambda: b.outcomes() == [Printed("A016")])
        (model,) = b.far_end.tickets
        b.faults.keeps_power, b.faults.cut_after = keeps_power, CUTS[where]
        b.print("A017")
        b.print("A018")
        await b.until(lambda: ("offline", "offline") in b.told)
        assert b.outcomes()[1:] == [Unknown("A017")]
        b.wire.plug()
        await b.until(lambda: len(b.outcomes()) == 3)
        assert b.outcomes()[2] == Printed("A018")
        _, *torn, last = b.far_end.tickets
        assert last.words == model.words.replace("A016", "A018")
        assert [row.content[-15:] for row in last.rows if isinstance(row, Code)] == ["A018/0123456789"]
        assert len(last.rows) == len(model.rows)
        assert b.far_end.strip.rows == [CUTTER]
        lines = [line for paper in torn for line in paper.words.splitlines()]
        whole = model.words.replace("A016", "A017").splitlines()
        assert lines == whole[: len(lines)]
        assert b.far_end.overrun == 0
        assert b.told == [("ok", ""), ("offline", "offline"), ("ok", "")]


@pytest.mark.parametrize("keeps_power", [True, False])
@pytest.mark.parametrize("where", PICTURE_CUTS)
async def test_a_cable_lost_inside_a_picture(tmp_path: Path, where: str, keeps_power: bool) -> None:
    async with bench(tmp_path) as b:
        b.print("A018", DRAWN)
        await b.until(lambda: b.outcomes() == [Printed("A018")])
        (model,) = b.far_end.tickets
        assert sum(isinstance(row, Picture) for row in model.rows) == 1
        b.faults.keeps_power, b.faults.cut_after = keeps_power, PICTURE_CUTS[where]
        b.print("A017", DRAWN)
        b.print("A018", DRAWN)
        await b.until(lambda: ("offline", "offline") in b.told)
        assert b.outcomes()[1:] == [Unknown("A017")]
        b.wire.plug()
        await b.until(lambda: len(b.outcomes()) == 3)
        assert b.far_end.tickets[-1] == model
        assert b.far_end.strip.rows == [CUTTER]
        assert (b.far_end.overrun, b.far_end.reader.unknown) == (0, 0)


async def test_a_printer_out_of_paper_that_holds_the_line_off_is_out_of_paper(tmp_path: Path) -> None:
    """The link takes no byte, is given up and opened again and again; what is known of the printer stays known."""
    async with bench(tmp_path, HoldsOff, write_timeout=0.1) as b:
        b.faults.paper = "out"
        stalls = 0

        def stalled_again() -> bool:
            if stalls:
                assert b.desk.paper() == "paper_end"
            return b.facts.count(LinkDown("stalled")) > stalls

        for _ in range(3):
            await b.until(stalled_again)
            stalls = b.facts.count(LinkDown("stalled"))
        assert b.told == [("ok", ""), ("degraded", "paper_end")]
        b.faults.paper = "ok"
        await b.until(lambda: b.printer.ready)
        assert b.told == [("ok", ""), ("degraded", "paper_end"), ("ok", "")]
        b.print("A017")
        await b.until(lambda: b.outcomes() == [Printed("A017")])
        assert len(b.far_end.tickets) == 1


async def test_a_printer_out_of_paper_whose_cable_is_pulled_is_not_connected(tmp_path: Path) -> None:
    async with bench(tmp_path, HoldsOff, write_timeout=0.1) as b:
        b.faults.paper = "out"
        await b.until(lambda: LinkDown("stalled") in b.facts)
        await b.until(lambda: b.session.settled.is_set() and b.facts[-1] != LinkDown("stalled"))
        b.wire.unplug()
        await b.until(lambda: b.told[-1] == ("offline", "offline"))
        assert b.desk.paper() == "offline"
