"""`lobby demo`: a whole branch on simulated hardware, and at the end the question whether everything was right."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
import threading
import time
import webbrowser
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from random import Random
from statistics import mean

from rich.console import Console
from rich.table import Table

from controller.config import MqttKeypad, MqttKiosk, Settings, Terminal68Device, VfdDevice, WebSettings
from controller.lobby.model.state import Print
from controller.web.accounts import Accounts
from simulators.board import BoardFarEnd
from simulators.broker import embedded_broker
from simulators.buttons import Buttons
from simulators.customers import Customer, stream
from simulators.demo_screen import Screen
from simulators.people import Hall, Pad
from simulators.printer import PrinterFarEnd
from simulators.stage import FastClock, Stage, running
from simulators.terminals import TerminalBus
from simulators.virtual_lobby.server import VirtualLobby, free_port
from simulators.window import WindowFarEnd

PROFILE = "normal"
LOAD = 1.25
"""Work that comes, as a part of what all counters together can do."""
PRINTED_WITHIN = 30.0
"""Seconds in which the papers come out that were on their way when somebody ended the demo."""
AT_THE_DOOR = 6
"""Customers waiting when the doors open."""


def missing(settings: Settings) -> str:
    """What a branch lacks for a demo, in words; empty if nothing."""
    kinds = {type(device) for device in settings.devices}
    if MqttKiosk not in kinds:
        return 'a ticket button (a device with driver = "mqtt-kiosk")'
    if not kinds & {MqttKeypad, Terminal68Device}:
        return 'a keypad (a device with driver = "terminal68" or "mqtt-keypad")'
    return ""


async def run_demo(
    settings: Settings,
    customers: int | None,
    seed: int,
    speed: float,
    *,
    headless: bool,
    tickets: Path | None = None,
    page: int | None = None,
    browser: bool = False,
) -> bool:
    """Run the demo until `customers` have left (None: until interrupted); whether everything was right.

    `tickets`: a directory to which every paper ticket is drawn as a picture. `page`: the port of the virtual lobby (any
    free one if it is taken), None for none; `browser`: and open it.
    """
    console = Console()
    with tempfile.TemporaryDirectory(prefix="lobby-demo-") as directory:
        async with AsyncExitStack() as stack:
            journal = Path(directory) / "lobby.db"
            port = await stack.enter_async_context(embedded_broker()) if settings.mqtt else None
            stage = Stage(settings, Path(directory) / "dev", seed)
            stage.plug_all()
            stack.callback(stage.unplug_all)
            web = _screens(settings, Path(directory)) if page is not None else None
            branch = replace(stage.settings(journal=journal, port=port), web=web)
            hands = FastClock(branch, speed)
            clock = hands.clock()
            daemon = await stack.enter_async_context(running(branch, clock))
            buttons = Buttons("127.0.0.1", port or 0, branch.rules.branch, Random(f"{seed}:buttons"))
            await stack.enter_async_context(buttons)
            hall = Hall(branch, stage, buttons, speed)
            address = ""
            if page is not None:
                links: list[dict[str, str]] = []
                if web:
                    await daemon.on_screen.wait()
                if web and daemon.screens:
                    links = _links(branch, web, lambda: clock.wall() / 1000)
                lobby = VirtualLobby(
                    branch, stage, port=free_port(page), buttons=buttons, people=hall.about, links=links, clock=hands
                )
                address = await stack.enter_async_context(lobby.serving())
                console.print(f"Open {address}", highlight=False, soft_wrap=True)
                if browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
                    # Some browsers stay in the foreground; nobody waits for them.
                    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            screen = None if headless else Screen(branch, stage, buttons, hall, address)
            with screen or nullcontext():
                if headless:
                    console.print(f"Seed {seed}: {customers} customers, people's time {speed:g} times as fast.")
                await _day(branch, hall, customers, seed, screen)
            await daemon.engine.idle()
            await _until(
                lambda: all(ticket.print is not Print.QUEUED for ticket in daemon.engine.state.tickets.values()),
                PRINTED_WITHIN,
            )
            if tickets:
                _draw(stage, tickets)
                console.print(f"The paper tickets are in {tickets}.")
            report = Report(branch, stage, buttons, hall, journal, exact=headless)
        report.show(console, exact=headless)
        return report.right(exact=headless)


def _screens(settings: Settings, directory: Path) -> WebSettings | None:
    """The branch's screens, on this machine alone and with accounts of the demo's own."""
    if settings.web is None:
        return None
    port = free_port(settings.web.port)
    return WebSettings("127.0.0.1", port, f"http://127.0.0.1:{port}", directory / "access.db")


def _links(settings: Settings, web: WebSettings, now: Callable[[], float]) -> list[dict[str, str]]:
    """Where each of the controller's own screens is opened, signed in."""
    # A browser has one session with the controller: the manager's, who may open all of them.
    with closing(Accounts(web.accounts, now)) as accounts:
        token = accounts.add("demo", "manager")
    say, counter = settings.rules.wording.say, list(settings.rules.counters)[-1]
    screens = {
        "/console": say("page.title.console"),
        "/tv": say("page.title.tv"),
        "/kiosk": say("page.title.kiosk"),
        f"/counter/{counter}": f"{say('page.title.counter')} {counter}",
    }
    return [{"name": name, "href": f"{web.address}/enter?next={path}#{token}"} for path, name in screens.items()]


async def _day(settings: Settings, hall: Hall, customers: int | None, seed: int, screen: Screen | None) -> None:
    minutes = mean(service.minutes for service in settings.rules.services.values())
    pads = hall.pads()
    people = islice(stream(settings.rules, PROFILE, seed, minutes * 60 / (LOAD * len(pads)), AT_THE_DOOR), customers)
    async with asyncio.TaskGroup() as group:
        clerks = [group.create_task(_at_work(hall, counter, pad)) for counter, pad in pads.items()]
        manager = group.create_task(hall.manager())
        door = group.create_task(_open_door(hall, people))
        quitting = group.create_task(screen.run()) if screen else None
        working = asyncio.gather(door, *clerks)
        if quitting:
            await asyncio.wait((quitting, working), return_when=asyncio.FIRST_COMPLETED)
            for task in (quitting, door, *clerks):
                task.cancel()
        await asyncio.wait((working,))
        manager.cancel()


async def _until(done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not done():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.1)


async def _at_work(hall: Hall, counter: str, pad: Pad) -> None:
    """A clerk's day, also with a keypad that somebody has unplugged for a while."""
    while True:
        try:
            await hall.clerk(counter, pad)
        except TimeoutError:
            continue
        return


async def _open_door(hall: Hall, customers: Iterator[Customer]) -> None:
    async with asyncio.TaskGroup() as inside:
        for customer in customers:
            await hall.pass_time(customer.arrives - hall.time())
            await hall.about.wait()
            inside.create_task(hall.visit(customer))
        hall.closing = True
    hall.closing = True


def _draw(stage: Stage, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for placed in stage.placed.values():
        if isinstance(placed.far_end, PrinterFarEnd):
            for number, paper in enumerate(placed.far_end.tickets, 1):
                (directory / f"{placed.device.id}-{number:03d}.png").write_bytes(paper.png())


TAKEN_BACK = ("ticket_missed", "ticket_held", "ticket_transferred", "ticket_returned")
"""What ends a call on the board."""
BOARD_TAKES = 5.0
"""Seconds in which a board that has trouble may not have shown what is no longer so: it shows what is."""


@dataclass(frozen=True, slots=True)
class Count:
    """What the journal says about something, and what was seen of it."""

    what: str
    journal: int
    seen: int
    exact: bool
    """Whether more may be seen than the journal has (a display that was told again after it had been unplugged)."""


class Report:
    """The day in figures, and what was seen of it set against the journal."""

    def __init__(
        self, settings: Settings, stage: Stage, buttons: Buttons, hall: Hall, journal: Path, *, exact: bool
    ) -> None:
        self._settings = settings
        self._stage = stage
        self._hall = hall
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
            ask = "SELECT json_extract(data, '$.ticket'), json_extract(data, '$.counter') FROM event WHERE kind = ?"
            self._issued = [ticket for ticket, _ in connection.execute(ask, ("ticket_issued",))]
            confirmed = {ticket for ticket, _ in connection.execute(ask, ("ticket_printed",))}
            self._called = [(ticket, counter) for ticket, counter in connection.execute(ask, ("ticket_called",))]
            self._short = set() if exact else set(_taken_back(connection, BOARD_TAKES * 1000 * hall.speed))
            self._rows = connection.execute("SELECT count(*) FROM event").fetchone()[0]
        if not exact:  # somebody may have taken the paper out
            self._issued = [ticket for ticket in self._issued if ticket in confirmed]
        hall.has_paper("")
        self.counts = list(self._count(buttons))

    def right(self, *, exact: bool) -> bool:
        """Whether everything in the journal was seen; `exact`: and nothing else."""
        return all(c.seen == c.journal if exact and c.exact else c.seen >= c.journal for c in self.counts)

    def _count(self, buttons: Buttons) -> Iterator[Count]:
        for placed in self._stage.placed.values():
            device, far_end = placed.device, placed.far_end
            if isinstance(far_end, PrinterFarEnd):
                on_paper = sum(any(ticket in text for text in self._hall.papers) for ticket in self._issued)
                yield Count("tickets with a paper", len(self._issued), on_paper, True)
                yield Count("papers", len(self._issued), far_end.cut, True)
            if isinstance(device, Terminal68Device) and isinstance(far_end, TerminalBus):
                for address, counter in device.addresses.items():
                    wanted = [digits for digits, _ in groupby(t[-3:] for t, at in self._called if at == counter)]
                    shown = list(far_end.terminals[address].tickets)
                    right = sum(one == other for one, other in zip(wanted, shown, strict=False))
                    seen = right if len(shown) <= len(wanted) else len(shown)
                    yield Count(f"tickets on the terminal of counter {counter}", len(wanted), seen, True)
            if isinstance(far_end, BoardFarEnd):
                lines = {line.strip() for shown in far_end.history for line in shown}
                say = self._settings.rules.wording.say
                calls = [
                    say("board.call", ticket=t, counter=c)
                    for n, (t, c) in enumerate(self._called)
                    if n not in self._short
                ]
                yield Count(f"calls on {device.id}", len(calls), sum(call in lines for call in calls), True)
            if isinstance(device, VfdDevice) and isinstance(far_end, WindowFarEnd):
                seen = {first.strip() for first, _ in far_end.history}
                here = [t for t, c in self._called if c == device.counter]
                yield Count(f"calls on {device.id}", len(here), sum(t in seen for t in here), True)
        if self._settings.mqtt:
            told = Counter(e["data"]["ticket"] for e in buttons.events if e["kind"] == "ticket_called")
            yield Count("calls told on MQTT", len(self._called), told.total(), True)

    def show(self, console: Console, *, exact: bool) -> None:
        """The tables."""
        waits = Table("class", "customers", "served", "mean wait", "longest", title="Minutes of people's time")
        for klass in self._settings.rules.classes:
            visits = [v for v in self._hall.visits if v.customer.klass == klass and v.ticket]
            if visits:
                minutes = [(v.called - v.took) / 60 for v in visits if v.called is not None]
                served = sum(v.served for v in visits)
                figures = (f"{mean(minutes):.1f}", f"{max(minutes):.1f}") if minutes else ("-", "-")
                waits.add_row(self._settings.rules.class_name(klass), str(len(visits)), str(served), *figures)
        console.print(waits)
        checks = Table("what", "journal", "seen", "", title=f"The journal ({self._rows} rows) against what was seen")
        for c in self.counts:
            good = c.seen == c.journal if exact and c.exact else c.seen >= c.journal
            checks.add_row(c.what, str(c.journal), str(c.seen), "right" if good else "WRONG")
        console.print(checks)


def _taken_back(connection: sqlite3.Connection, within: float) -> Iterator[int]:
    """Which calls, counted from 0, ended so soon after they were made (ms of the clock, as it went then)."""
    open_: dict[str, tuple[int, float]] = {}
    calls, set_by = 0, 0
    for kind, at, data in connection.execute("SELECT kind, at, data FROM event ORDER BY seq"):
        about = json.loads(data)
        if kind == "clock_stepped":
            set_by += about["by"]
        elif kind == "ticket_called":
            open_[about["ticket"]] = (calls, at - set_by)
            calls += 1
        elif kind in TAKEN_BACK and about["ticket"] in open_:
            call, since = open_.pop(about["ticket"])
            if at - set_by - since < within:
                yield call
