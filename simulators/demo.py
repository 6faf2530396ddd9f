"""`lobby demo`: a whole branch on simulated hardware, and at the end a check whether everything was right."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, closing, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

from controller.config import Settings, WebSettings
from controller.lobby.model.state import Print
from controller.web.accounts import Accounts
from simulators.branch import FastClock, SimulatedBranch, running
from simulators.broker import embedded_broker
from simulators.buttons import Buttons
from simulators.customers import Customer, stream
from simulators.demo_screen import Screen
from simulators.devices.kit import Called, Count, Day, Pad, far_ends
from simulators.people import Hall
from simulators.virtual_lobby.server import VirtualLobby, free_port

PROFILE = "normal"
LOAD = 1.25
"""Arriving work, relative to the capacity of all counters together."""
PRINTED_WITHIN = 30.0
"""Seconds in which tickets under way are printed when the demo is ended."""
AT_THE_DOOR = 6
"""Customers waiting when the doors open."""


def missing(settings: Settings) -> str:
    """What a branch lacks for a demo, in words; empty if nothing."""
    used = {kind.USED_BY for device in settings.devices if (kind := far_ends().get(device.driver))}
    if "customer" not in used:
        return 'a ticket button (a device with driver = "mqtt-kiosk")'
    if "clerk" not in used:
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
            simulated = SimulatedBranch(settings, Path(directory) / "dev", seed)
            simulated.plug_all()
            stack.callback(simulated.unplug_all)
            web = _screens(settings, Path(directory)) if page is not None else None
            branch = replace(simulated.settings(journal=journal, port=port), web=web)
            hands = FastClock(branch, speed)
            clock = hands.clock()
            daemon = await stack.enter_async_context(running(branch, clock))
            buttons = Buttons("127.0.0.1", port or 0, branch.rules.branch, Random(f"{seed}:buttons"))
            await stack.enter_async_context(buttons)
            simulated.hear(buttons)
            hall = Hall(branch, simulated, buttons, speed)
            address = ""
            if page is not None:
                links: list[dict[str, str]] = []
                if web:
                    await daemon.on_screen.wait()
                if web and daemon.screens:
                    links = _links(branch, web, lambda: clock.wall() / 1000)
                lobby = VirtualLobby(
                    branch,
                    simulated,
                    port=free_port(page),
                    buttons=buttons,
                    people=hall.about,
                    links=links,
                    clock=hands,
                )
                address = await stack.enter_async_context(lobby.serving())
                console.print(f"Open {address}", highlight=False, soft_wrap=True)
                if browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
                    # Some browsers stay in the foreground; nobody waits for them.
                    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            screen = None if headless else Screen(branch, simulated, buttons, hall, address)
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
                _draw(simulated, tickets)
                console.print(f"The paper tickets are in {tickets}.")
            report = Report(branch, simulated, buttons, hall, journal, hands.wires, exact=headless)
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


def _draw(simulated: SimulatedBranch, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for id, device in simulated.devices.items():
        for number, paper in enumerate(device.papers or (), 1):
            (directory / f"{id}-{number:03d}.png").write_bytes(paper.png())


ENDS = (
    *("ticket_finished", "ticket_missed", "ticket_held", "ticket_transferred", "ticket_returned", "ticket_reassigned"),
    *("ticket_called", "ticket_cancelled"),
)
"""The events that end a call: its customer is not expected at the counter any more."""


class Report:
    """The day in figures, and a comparison of what was seen with the journal."""

    def __init__(
        self,
        settings: Settings,
        simulated: SimulatedBranch,
        buttons: Buttons,
        hall: Hall,
        journal: Path,
        wires: Callable[[float], float],
        *,
        exact: bool,
    ) -> None:
        self._settings = settings
        self._simulated = simulated
        self._hall = hall
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT kind, at, data FROM event ORDER BY seq").fetchall()
        self._rows = len(rows)
        events = [(kind, at, json.loads(data)) for kind, at, data in rows]
        issued = [about["ticket"] for kind, _, about in events if kind == "ticket_issued"]
        if not exact:  # somebody may have taken the paper out
            confirmed = {about["ticket"] for kind, _, about in events if kind == "ticket_printed"}
            issued = [ticket for ticket in issued if ticket in confirmed]
        hall.has_paper("")
        self._day = Day(settings.rules, issued, _calls(events, wires), hall.papers)
        self.counts = list(self._count(buttons))

    def right(self, *, exact: bool) -> bool:
        """Whether everything in the journal was seen; `exact`: and nothing else."""
        return all(c.seen == c.journal if exact and c.exact else c.seen >= c.journal for c in self.counts)

    def _count(self, buttons: Buttons) -> Iterator[Count]:
        for device in self._simulated.devices.values():
            yield from device.counts(self._day)
        if self._settings.mqtt:
            told = Counter(e["data"]["ticket"] for e in buttons.events if e["kind"] == "ticket_called")
            yield Count("calls told on MQTT", len(self._day.calls), told.total(), True)

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


def _calls(events: Sequence[tuple[str, int, Mapping[str, Any]]], wires: Callable[[float], float]) -> list[Called]:
    """Every call of (kind, at, data) rows. `wires`: the wires' seconds at a time of a clock that nobody has set."""
    calls: list[Called] = []
    open_: dict[str, int] = {}
    set_by = 0
    for kind, at, about in events:
        now = wires(at - set_by)
        if kind == "clock_stepped":
            set_by += about["by"]
        if kind in ENDS and about["ticket"] in open_:
            n = open_.pop(about["ticket"])
            calls[n] = replace(calls[n], ended=now)
        if kind == "ticket_called":
            open_[about["ticket"]] = len(calls)
            calls.append(Called(about["ticket"], about["counter"], now))
    return calls
