"""Ticket printers on the network and on USB, with their sessions and their adapters: what their ports can tell, and who
else may have them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from branches import NINE, branch
from ports import PATIENCE, Pty

from controller.config import shipped
from controller.devices.escpos import KIND, EscposSettings
from controller.devices.hub import Hub
from controller.engine import Request, Step
from controller.journal import Journal
from controller.lobby.actions.command import Command
from controller.lobby.actions.report_device import DeviceChanged
from controller.lobby.actions.report_print import PrintSent, PrintUnknown, TicketPrinted
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.aggregate import Aggregate, Row
from drivers import session as session_module
from simulators.devices.escpos import PrinterFarEnd
from simulators.faults import Faults
from simulators.wire import TcpWire, Wire

FAST = 0.0005
"""Seconds a line."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "BACK_OFF", (0.01, 0.02, 0.03))


class Place:
    """A lobby that decides at once, and its printer, with a session on a real port."""

    def __init__(self, directory: Path, journal: Journal, link: str, **settings: object) -> None:
        rules = branch({"1": {"cash": 0}})
        self.lobby = Aggregate(rules)
        self.rows: list[Row] = []
        self._changed = asyncio.Event()
        self.hub = Hub(rules, journal, self._submit, lambda: True, lambda: NINE, shipped=shipped(""))
        device = EscposSettings.model_validate({"id": "printer", "driver": "escpos", "link": link, **settings})
        adapter = KIND.build(device, self.hub.context)
        assert adapter
        self.hub.add(adapter)
        self.task = asyncio.create_task(self.hub.sessions["printer"].run())

    def _submit(self, request: Request) -> None:
        self.do(request.command)

    def do(self, command: Command) -> None:
        self.lobby.do(command)
        rows, self.lobby.rows = self.lobby.rows, []
        self.rows += rows
        if rows:
            self.hub.published(Step(rows, self.lobby.state))
        self._changed.set()

    def take(self) -> None:
        paper = self.hub.paper()
        assert paper == "ready"
        self.do(TakeTicket(at=NINE, cause="", by="kiosk", paper=paper))

    def states(self) -> list[tuple[str, str]]:
        """What has been told of the printer."""
        events = [row.event for row in self.rows]
        return [(event.state, event.detail or "") for event in events if isinstance(event, DeviceChanged)]

    def events(self, kind: type) -> list[str]:
        return [row.event.ticket for row in self.rows if isinstance(row.event, kind)]  # type: ignore[attr-defined]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)
                self.hub.looked_ahead()  # as every few seconds

    async def is_told(self, state: str, detail: str = "") -> None:
        await self.until(lambda: self.states() and self.states()[-1] == (state, detail))


@asynccontextmanager
async def place(directory: Path, link: str, **settings: object) -> AsyncIterator[Place]:
    journal = Journal(directory / "lobby.db")
    made = Place(directory, journal, link, **settings)
    try:
        yield made
    finally:
        made.task.cancel()
        with suppress(asyncio.CancelledError):
            await made.task
        journal.close()


@asynccontextmanager
async def on_the_network(**abilities: bool) -> AsyncIterator[tuple[TcpWire, PrinterFarEnd]]:
    faults = Faults()
    far_end = PrinterFarEnd(faults, seconds_per_line=FAST, **abilities)
    wire = TcpWire(far_end, faults, baud=None, clock=time.monotonic)
    wire.plug()
    try:
        yield wire, far_end
    finally:
        wire.unplug()


@pytest.mark.long
async def test_a_network_printer_is_told_to_be_in_use_while_another_computer_has_it(tmp_path: Path) -> None:
    async with on_the_network() as (wire, far_end), place(tmp_path, wire.where) as here:
        await here.is_told("ok")
        here.take()
        await here.until(lambda: here.events(TicketPrinted) == ["A001"])

        wire.faults.hang = True  # the connection of the other is served, ours waits in silence
        await here.is_told("degraded", "network_no_answer")
        assert here.hub.paper() == "network_no_answer"
        wire.faults.hang = False
        wire.poke()
        await here.is_told("ok")

        wire.unplug()  # another way to say the same: we are refused
        await here.is_told("offline", "network_refused")
        assert here.hub.paper() == "network_refused"
        wire.plug()
        await here.is_told("ok")
        assert here.hub.paper() == "ready"
        here.take()
        await here.until(lambda: here.events(TicketPrinted) == ["A001", "A002"])
        assert len(far_end.tickets) == 2


@pytest.mark.long
async def test_a_print_server_that_swallows_everything_is_never_said_to_be_well(tmp_path: Path) -> None:
    async with on_the_network(status=False, confirms=False) as (wire, _), place(tmp_path, wire.where) as here:
        await here.is_told("degraded", "network_no_status")
        here.take()
        await here.until(lambda: here.events(PrintSent) == ["A001"])
        assert here.events(TicketPrinted) == []
        assert ("ok", "") not in here.states()


async def test_a_network_printer_known_to_report_gets_nothing_while_it_is_silent(tmp_path: Path) -> None:
    async with on_the_network() as (wire, _):
        wire.faults.hang = True
        async with place(tmp_path, wire.where, reports=True) as here:
            await here.is_told("degraded", "network_no_answer")
            assert here.hub.paper() == "network_no_answer"
            wire.faults.hang = False
            wire.poke()
            await here.is_told("ok")


async def test_a_usb_printer_that_comes_back_as_another_node_goes_on_where_it_was(tmp_path: Path) -> None:
    """It was switched off and on: its node went, and came back with another number behind the link by socket."""
    faults = Faults()
    far_end = PrinterFarEnd(faults, seconds_per_line=0.02)
    wire = Wire(far_end, faults, tmp_path / "printer", baud=None, clock=time.monotonic)
    wire.plug()
    first = wire.path.readlink()
    try:
        async with place(tmp_path, f"file:{wire.path}") as here:
            await here.is_told("ok")
            for _ in range(3):
                here.take()
            await here.until(lambda: "A001" in far_end.strip.words)
            wire.unplug()
            await here.is_told("offline", "offline")
            await here.until(lambda: here.events(PrintUnknown) == ["A001"])
            (waits,) = here.hub.printers()
            assert waits.waiting == 2
            taken = Pty(tmp_path / "another")
            wire.plug()
            assert wire.path.readlink() != first
            await here.until(lambda: here.events(TicketPrinted) == ["A002", "A003"])
            assert here.states()[-1] == ("ok", "")
            torn, *others = [paper.words for paper in far_end.tickets]
            assert "A001" in torn
            assert [("A002" in text, "A003" in text) for text in others] == [(True, False), (False, True)]
            taken.unplug()
    finally:
        wire.unplug()


@pytest.mark.long
async def test_a_port_that_gives_no_status_is_said_to_give_none(tmp_path: Path) -> None:
    """As a printer on a cable without a way back: nothing is known but that the bytes have gone."""
    pty = Pty(tmp_path / "lp")
    try:
        async with place(tmp_path, f"file:{pty.path}") as here:
            await here.is_told("degraded", "port_no_status")
            assert ("ok", "") not in here.states()
            here.take()
            heard = b""

            def sent() -> bool:
                nonlocal heard
                heard += pty.read()
                return here.events(PrintSent) == ["A001"]

            await here.until(sent)
            assert b"A001" in heard
    finally:
        pty.unplug()
