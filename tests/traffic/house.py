"""The one place that knows how the program is put together: adapt this file when that moves, and nothing beside it.

What it gives to the recorder are settings whose links are in memory, a controller that can be started and stopped, an
HTTP application to call, a far end for each device, and a journal's rows and state as plain data.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.clock import Clock
from controller.config import Settings, read
from controller.daemon import Daemon
from controller.engine import Engine
from controller.journal import Journal, JournalReader
from controller.lobby.actions.registry import evolve
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.operation.service import Notifier
from drivers.link import FileLink, SerialLink, TcpLink
from simulators.devices.bx import BoardFarEnd
from simulators.devices.card_reader import CardReaderFarEnd
from simulators.devices.escpos import PrinterFarEnd
from simulators.devices.farend import FarEnd
from simulators.devices.terminal68 import TerminalBus
from simulators.devices.vfd import CounterDisplayFarEnd
from simulators.faults import Faults
from traffic.wires import Cable

COMMANDS_OF_THE_PANEL = (
    "GREEN", "URGENT", "WHY", "NEWDAY", "ACCEPT", "DECLINE", "REASSIGN", "UNDO", "CALL", "RETURN", "CANCEL", "REPRINT",
)  # fmt: skip
COMMANDS_OF_A_COUNTER = (
    "CALL", "RECALL", "START", "FINISH", "UNDO", "NOSHOW", "HOLD", "UNHOLD", "TRANSFER", "PAUSE", "OPEN", "CLOSE",
    "EVALUATE",
)  # fmt: skip
KEYS_OF_A_TERMINAL = {
    "EVALUATE": 0x0B, "CALL": 0x0C, "RECALL": 0x0D, "CANCEL": 0x0E, "CONFIRM": 0x0F, "LINE": 0x11, "PAUSE": 0x12,
    "TRANSFER": 0x13,
}  # fmt: skip

Open = Callable[[Callable[[], asyncio.Protocol]], Any]


# -- links -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Serial(SerialLink):
    cable: Any = None

    async def open(self, receiver: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        return await self.cable.open(receiver)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Tcp(TcpLink):
    cable: Any = None

    async def open(self, receiver: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        return await self.cable.open(receiver)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _File(FileLink):
    cable: Any = None

    async def open(self, receiver: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        return await self.cable.open(receiver)  # type: ignore[no-any-return]


def byte_time(link: object) -> float:
    """Seconds that a byte takes on a link."""
    return link.byte_time if isinstance(link, SerialLink) else 0.0


def _in_memory(link: object, cable: Cable) -> object:
    match link:
        case SerialLink(path, baud, bits, parity, stop, xonxoff):
            return _Serial(path, baud, bits, parity, stop, xonxoff, cable)
        case TcpLink(host, port):
            return _Tcp(host, port, cable)
        case FileLink(path):
            return _File(path, cable)
    raise AssertionError(link)


# -- settings and devices --------------------------------------------------------------------------------------------


def settings_of(path: Path) -> Settings:
    """A configuration's settings, with any free port for the pages: nobody opens one."""
    settings = read(path)
    assert settings.web
    assert settings.mqtt
    mqtt = replace(settings.mqtt, port=1883)
    return replace(settings, web=replace(settings.web, port=0), mqtt=mqtt)


def links_of(settings: Settings) -> Iterator[tuple[str, str, object]]:
    """(id, driver, link) of each device that has a link."""
    for device in settings.devices:
        if link := getattr(device, "link", None):
            yield device.id, device.driver, link


def connected(settings: Settings, cables: dict[str, Cable]) -> Settings:
    """The settings with the devices' links through these cables."""
    return replace(
        settings,
        devices=tuple(
            device.model_copy(update={"link": _in_memory(device.link, cables[device.id])})  # type: ignore[union-attr]
            if device.id in cables
            else device
            for device in settings.devices
        ),
    )


def far_end(settings: Settings, id: str, faults: Faults, confirms: bool) -> FarEnd:
    """The device at the other end of a link; `confirms`: a printer says when a ticket is on paper."""
    device: Any = next(device for device in settings.devices if device.id == id)
    match device.driver:
        case "escpos":
            return PrinterFarEnd(faults, columns=device.columns, confirms=confirms, seconds_per_line=0.02)
        case "terminal68":
            return TerminalBus(device.addresses, device.raters, faults)
        case "bx":
            return BoardFarEnd(dynamic_header=device.dynamic_header)
        case "vfd":
            return CounterDisplayFarEnd(device.dialect)
        case "card-reader":
            return CardReaderFarEnd()
    raise AssertionError(device)


def printed(paper: Any) -> Iterator[str]:
    """What is on a paper, row by row, with all that shows: what the printer was sent for it does not matter here."""
    for row in paper.rows:
        match type(row).__name__:
            case "Line":
                runs = ((r.text, r.style.width, r.style.height, r.style.bold, r.style.inverse) for r in row.runs)
                styled = (f"{w}x{h}{' bold' * b}{' inverse' * i} {text!r}" for text, w, h, b, i in runs)
                yield f"{row.align}: {', '.join(styled)}"
            case "Code":
                yield f"{row.align}: code {row.content!r} {row.module} {row.level}"
            case "Gap":
                yield f"{row.lines} lines"


def press_terminal(bus: Any, address: int, key: int, digits: str) -> None:
    """Type digits and press a key at a terminal."""
    bus.press(address, key, digits)


# -- the controller --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def controller(
    settings: Settings, wall: Callable[[], int], steady: Callable[[], float], boot: str, rate: float
) -> AsyncIterator[Any]:
    """A running controller, ready and with its pages; stopped in good order at the end. `wall`: ms since 1970, UTC."""
    daemon = Daemon(settings, Clock(wall, steady, steady, boot, rate), Notifier(None))
    running = asyncio.create_task(daemon.run(), name="daemon")
    up = asyncio.create_task(_up(daemon))
    await asyncio.wait((running, up), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        up.cancel()
        running.result()
    try:
        yield daemon
    finally:
        daemon.stop()
        await running


async def _up(daemon: Daemon) -> None:
    await daemon.ready.wait()
    await daemon.on_screen.wait()


def web_application(daemon: Any) -> Any:
    """What answers HTTP: an ASGI application with everything that a request passes in it."""
    return daemon.screens.server._app


def openapi(daemon: Any) -> Any:
    """What it says of itself is at this path."""
    return "/api/openapi.json"


# -- journals --------------------------------------------------------------------------------------------------------


def rows_of(path: Path) -> Iterator[tuple[Any, ...]]:
    """The rows of a journal's file, as they stand in it."""
    with closing(sqlite3.connect(path)) as db:
        yield from db.execute("SELECT seq, at, day, kind, version, data, cause, part FROM event ORDER BY seq")


def days_of(path: Path) -> list[str]:
    """The business days of a journal."""
    journal = JournalReader(path)
    try:
        return journal.days()
    finally:
        journal.close()


def states_of(path: Path, day: str, every: int) -> Iterator[State]:
    """The state after each so many rows of a business day, and after the last, as a start would have it."""
    journal = JournalReader(path)
    try:
        state = State()
        for number, row in enumerate(journal.rows(day), 1):
            evolve(state, row.at, row.event)
            if number % every == 0:
                yield state
        yield state
    finally:
        journal.close()


def started_on(path: Path, branch: str) -> State:
    """The state with which a controller of this branch starts on a journal."""
    journal = Journal(path, branch)
    try:
        engine = Engine(replace(_any_rules(), branch=branch), journal)
        engine.replay()
        return engine.state
    finally:
        journal.close()


def _any_rules() -> Rules:
    return read(Path(__file__).with_name("branch.toml")).rules


STATE = [
    "advised",
    "boot",
    "calls",
    "counters",
    "day",
    "doubt",
    "dropped",
    "effects",
    "first_issued",
    "insisted",
    "issued",
    "knowledge",
    "last_seniority",
    "lines",
    "numbers",
    "origin",
    "profile",
    "sent_away",
    "slots",
    "started_at",
    "step",
    "takes",
    "tickets",
    "unknown_prints",
    "waits",
    "windows",
]
COUNTER = ["stage", "reason", "ticket", "last_ticket", "since"]
TICKET = [
    "id",
    "order",
    "service",
    "klass",
    "seniority",
    "issued_at",
    "number",
    "stage",
    "only",
    "counter",
    "passed",
    "reassigned",
    "recalls",
    "returns",
    "missed_at",
    "finished_at",
    "unstarted",
    "held_at",
    "rated",
    "copies",
    "print",
    "slot",
    "booked",
    "not_before",
    "expected",
    "rolled",
    "moved",
    "before",
    "form",
    "needs",
    "why",
    "called_at",
    "since",
    "recalled_at",
]
"""The fields that a state, a counter and a ticket had when the fixtures were written; newer: tested elsewhere."""


def plain(state: State) -> Any:
    """A state as plain data, with the fields of the fixtures, by the names that they had."""
    picture = state.picture()
    picture = {name: picture[name] for name in STATE}
    for part, names in (("counters", COUNTER), ("tickets", TICKET)):
        picture[part] = {id: {name: each[name] for name in names} for id, each in picture[part].items()}
    picture["windows"]["advice"] = [advice[:-1] for advice in picture["windows"]["advice"]]
    return json.loads(json.dumps(picture, sort_keys=True))
