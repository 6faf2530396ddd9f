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
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
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
from simulators.branch import SimulatedBranch, running
from simulators.broker import embedded_broker
from simulators.buttons import Buttons
from simulators.clock import PeoplesClock
from simulators.customers import NO_SHOW, Customer, mean_service, stream
from simulators.demo_screen import Screen
from simulators.devices.kit import Called, Count, Day, Pad, far_ends
from simulators.people import COMES_WITHIN, FOREVER, WALK, Hall
from simulators.script import Done, Player, Script
from simulators.virtual_lobby.server import VirtualLobby, free_port
from simulators.words import of_the_demo

PROFILE = "normal"
LOAD = 0.9
"""Arriving work, relative to the capacity of all counters together."""
HAND_OVER = 0.3
"""Real seconds of a counter's time that keys, wires and displays take from one customer to the next."""
LONG_LINE = 10
"""Waiting customers from which another one sees the line through the door, and comes a little later."""
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
    script: Script | None = None,
) -> bool:
    """Run the demo until `customers` have left (None: until interrupted), or the script has been played; whether
    everything was right.

    `tickets`: a directory to which every paper ticket is drawn as a picture. `page`: the port of the virtual lobby (any
    free one if it is taken), None for none; `browser`: and open it.
    """
    console, words = Console(), of_the_demo(settings.language)
    with tempfile.TemporaryDirectory(prefix="lobby-demo-") as directory:
        async with AsyncExitStack() as stack:
            journal = Path(directory) / "lobby.db"
            port = await stack.enter_async_context(embedded_broker()) if settings.mqtt else None
            simulated = SimulatedBranch(settings, Path(directory) / "dev", seed)
            simulated.plug_all()
            stack.callback(simulated.unplug_all)
            web = _screens(settings, Path(directory)) if page is not None else None
            branch = replace(simulated.settings(journal=journal, port=port), web=web)
            hands = PeoplesClock(branch.rules.zone, speed)
            daemon = await stack.enter_async_context(running(branch, hands.clock()))
            name, chance = branch.rules.branch, Random(f"{seed}:buttons")
            buttons = Buttons("127.0.0.1", port or 0, name, chance, lost_says=words["demo.lost"])
            await stack.enter_async_context(buttons)
            simulated.hear(buttons)
            hall = Hall(branch, simulated, buttons, hands)
            address = ""
            if page is not None:
                links: list[dict[str, str]] = []
                if web:
                    await daemon.on_screen.wait()
                if web and daemon.screens:
                    links = _links(branch, web, lambda: hands.wall() / 1000)
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
                console.print(words["demo.open"].format(address=address), highlight=False, soft_wrap=True)
                if browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
                    # Some browsers stay in the foreground; nobody waits for them.
                    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            screen = None if headless else Screen(branch, simulated, buttons, hall, words, address)
            player = Player(script, simulated, buttons, hall, branch.language) if script else None
            with screen or nullcontext():
                if player:
                    console.print(player.title, soft_wrap=True)
                elif headless:
                    begins = words["demo.begins"].format(seed=seed, customers=customers, speed=f"{speed:g}")
                    console.print(begins, soft_wrap=True)
                await _day(branch, hall, customers, seed, screen, playing=_play(player, console, words))
            await daemon.engine.idle()
            await _until(
                lambda: all(ticket.print is not Print.QUEUED for ticket in daemon.engine.state.tickets.values()),
                PRINTED_WITHIN,
            )
            if tickets:
                _draw(simulated, tickets)
                console.print(words["demo.papers"].format(directory=tickets), soft_wrap=True)
            exact = headless and player is None
            report = Report(branch, simulated, buttons, hall, journal, hands.wires, exact=exact)
        report.show(console, words, exact=exact)
        return report.right(exact=exact) and not (player and any(done.wrong for done in player.done))


def _play(player: Player | None, console: Console, words: Mapping[str, str]) -> Coroutine[Any, Any, None] | None:
    """The script, told step by step."""

    def tell(done: Done) -> None:
        right = words["report.wrong" if done.wrong else "report.right"]
        console.print(f"{done.at}  {done.tells}  {right}", highlight=False, markup=False, soft_wrap=True)
        if done.wrong:
            console.print(f"       {done.wrong}", highlight=False, markup=False, soft_wrap=True)

    return player.play(tell) if player else None


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


async def _day(
    settings: Settings,
    hall: Hall,
    customers: int | None,
    seed: int,
    screen: Screen | None,
    load: float = LOAD,
    long_line: float = LONG_LINE,
    playing: Coroutine[Any, Any, None] | None = None,
) -> None:
    """Customers and clerks, until the last customer has left, or somebody quits, or what is `playing` has been
    played."""
    pads = hall.pads()
    work = mean_service(settings.rules, PROFILE) + WALK + NO_SHOW * 2 * COMES_WITHIN

    def gap() -> float:
        """People's seconds between two customers, on average."""
        return (work + HAND_OVER * hall.clock.rate) / (load * len(pads))

    people = islice(stream(settings.rules, PROFILE, seed, 1.0, AT_THE_DOOR), customers)
    async with asyncio.TaskGroup() as group:
        clerks = [group.create_task(_at_work(hall, counter, pad)) for counter, pad in pads.items()]
        manager = group.create_task(hall.manager())
        door = group.create_task(_open_door(hall, people, gap, long_line))
        ending = playing or (screen.run() if screen else None)
        quitting = group.create_task(ending) if ending else None
        working = asyncio.create_task(asyncio.wait((door, *clerks)))
        if quitting:
            await asyncio.wait((quitting, working), return_when=asyncio.FIRST_COMPLETED)
            for task in (quitting, door, *clerks):
                task.cancel()
        await working
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


async def _open_door(hall: Hall, customers: Iterator[Customer], gap: Callable[[], float], long_line: float) -> None:
    """Let customers in; they arrive in mean gaps since the doors opened."""
    before = 0.0
    async with asyncio.TaskGroup() as inside:
        for customer in customers:
            half = (customer.arrives - before) * gap() / 2
            await hall.pass_time(half)
            await hall.until(lambda: hall.waiting() == 0, half)  # who sees no line comes in
            before = customer.arrives
            await hall.until(lambda: hall.waiting() < long_line, FOREVER)
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
            yield Count("count.told", len(self._day.calls), told.total(), True)

    def show(self, console: Console, words: Mapping[str, str], *, exact: bool) -> None:
        """The tables."""
        heads = (words[f"report.{head}"] for head in ("class", "customers", "served", "mean", "longest"))
        waits = Table(*heads, title=words["report.waits"])
        for klass in self._settings.rules.classes:
            visits = [v for v in self._hall.visits if v.customer.klass == klass and v.ticket]
            if visits:
                minutes = [(v.called - v.took) / 60 for v in visits if v.called is not None]
                served = sum(v.served for v in visits)
                figures = (f"{mean(minutes):.1f}", f"{max(minutes):.1f}") if minutes else ("-", "-")
                waits.add_row(self._settings.rules.class_name(klass), str(len(visits)), str(served), *figures)
        console.print(waits)
        heads = (words[f"report.{head}"] for head in ("what", "journal", "seen"))
        checks = Table(*heads, "", title=words["report.checks"].format(rows=self._rows))
        for c in self.counts:
            good = c.seen == c.journal if exact and c.exact else c.seen >= c.journal
            what = words.get(c.what, c.what).format(of=c.of)
            checks.add_row(what, str(c.journal), str(c.seen), words["report.right" if good else "report.wrong"])
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
