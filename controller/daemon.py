"""The daemon: puts journal, engine, desk, drivers and sessions together, and runs them until told to stop.

Read `Daemon.run` from top to bottom: that is the order in which a branch starts and stops.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
import tomllib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.config import (
    BxDevice,
    EscposDevice,
    MqttKeypad,
    MqttKiosk,
    MqttPanel,
    Settings,
    Terminal68Device,
    VfdDevice,
    shipped,
)
from controller.desk import Desk, Post
from controller.desk.displays import HallPost, WindowPost
from controller.desk.mqtt import MqttPost
from controller.desk.printing import PrinterPost, Render
from controller.desk.terminals import TerminalsPost
from controller.engine import Engine, Request
from controller.journal import Journal
from controller.lobby.commands import RollOver
from controller.lobby.rules import Rules
from drivers.bx import BxBoard
from drivers.device import Driver
from drivers.escpos import EscposPrinter
from drivers.link import Link, SerialLink
from drivers.mqtt import MqttLobby
from drivers.mqtt_session import Broker, MqttSession
from drivers.session import Session
from drivers.terminal68 import Terminal68
from drivers.vfd import WindowDisplay

log = logging.getLogger(__name__)

SETTLE = 1.5
"""Seconds within which every link has been opened or has failed, and the broker has answered or has not."""
CLOCK_CHECK = 30.0
"""Seconds after which a clock that was set is noticed, when the end of the business day is awaited."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The time, passed in: `wall` in ms since 1970, UTC; `steady` in seconds, never set back."""

    wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    steady: Callable[[], float] = time.monotonic


class Notifier:
    """Tells systemd (`sd_notify`); an address that nobody listens at is nobody's problem."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    def tell(self, text: str) -> None:
        """Send one notification, such as `READY=1`."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as to:
                to.sendto(text.encode(), address)
        except OSError:
            pass


class Daemon:
    """One branch's controller. `ready` is set once presses are taken; `engine` and `desk` are there from `run` on."""

    def __init__(self, settings: Settings, clock: Clock, notifier: Notifier) -> None:
        self._settings = settings
        self._clock = clock
        self._notifier = notifier
        self.ready = asyncio.Event()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Take no more presses, finish writing, and return from `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Until `stop`. Raises JournalError if the journal cannot be used."""
        settings, rules = self._settings, self._settings.rules
        journal = Journal(settings.journal_path)
        try:
            engine = self.engine = Engine(rules, journal)
            desk = self.desk = Desk(rules, journal, engine.submit, self._clock.wall)
            sessions = _furnish(settings, desk, self._clock.steady)
            engine.replay()
            deciding = asyncio.create_task(
                engine.run(desk.published, desk.trouble, lambda: self._notifier.tell("WATCHDOG=1")), name="engine"
            )
            self._submit_roll_over()
            await engine.idle()
            desk.begin(engine.state)
            tasks = [asyncio.create_task(session.run(), name=name) for name, session in sessions]
            tasks.append(asyncio.create_task(self._follow_the_day(), name="day"))
            await _settled([session.settled for _, session in sessions])
            self._notifier.tell("READY=1")
            self.ready.set()
            await _first(self._stop.wait(), deciding, *tasks)
            self._notifier.tell("STOPPING=1")
            engine.stop()
            await deciding
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            journal.close()

    async def _follow_the_day(self) -> None:
        """Begin each business day at its hour, with nobody there to press anything."""
        while True:
            wall = self._clock.wall()
            wait = (_next_roll_over(self._settings.rules, wall) - wall) / 1000
            await asyncio.sleep(min(wait, CLOCK_CHECK))
            if self._settings.rules.day_of(self._clock.wall()) > self.engine.state.day:
                self._submit_roll_over()

    def _submit_roll_over(self) -> None:
        now = self._clock.wall()
        day = self._settings.rules.day_of(now)
        if day > self.engine.state.day:
            self.engine.submit(Request(RollOver(at=now, cause=f"day:{day}")))


async def run_until_signalled(settings: Settings) -> None:
    """The daemon as `lobby run` runs it: SIGTERM and SIGINT stop it, SIGHUP does nothing yet."""
    notifier = Notifier(os.environ.get("NOTIFY_SOCKET"))
    daemon = Daemon(settings, Clock(), notifier)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(quiet_transports)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: log.warning("SIGHUP is ignored; restart to read the configuration"))
    await daemon.run()


def quiet_transports(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A transport that dies in the middle of a write is the session's business, which says so once and reopens it."""
    if "transport" not in context:
        loop.default_exception_handler(context)


# -- furnishing the branch -----------------------------------------------------------------------------------


def _furnish(settings: Settings, desk: Desk, steady: Callable[[], float]) -> list[tuple[str, Session | MqttSession]]:
    """A post, a driver and a session for every device; displays first, since customers look at them first."""
    sessions: list[tuple[str, Session | MqttSession]] = []
    lobby = desk.lobby

    def install(id: str, driver: Driver, link: Link, post: Callable[[Callable[[], None]], Post]) -> None:
        session = Session(driver, link, lambda fact: desk.heard(id, fact), steady)
        desk.add(post(session.flush))
        sessions.append((id, session))

    order = (BxDevice, VfdDevice, Terminal68Device, EscposDevice)
    for device in sorted(settings.devices, key=lambda d: order.index(type(d)) if type(d) in order else len(order)):
        match device:
            case BxDevice():
                board = BxBoard(
                    model=device.model,
                    lines=device.lines,
                    width=device.width,
                    line_height=device.line_height,
                    x_unit=device.x_unit,
                    dynamic_header=device.dynamic_header,
                )
                install(device.id, board, device.link, _hall(device.id, board, device.lines, desk))
            case VfdDevice():
                window = WindowDisplay(device.dialect, brightness=device.brightness)
                install(device.id, window, device.link, _window(device.id, window, device.counter, desk))
            case Terminal68Device():
                bus = Terminal68(device.addresses, device.raters, repeat_ms=device.repeat_ms, baud=_baud(device.link))
                install(device.id, bus, device.link, _terminals(device, bus, desk))
            case EscposDevice():
                printer = EscposPrinter(baud=_baud(device.link))
                install(device.id, printer, device.link, _printer(device, printer, _render(settings, device), desk))
    if settings.mqtt:
        mqtt = MqttLobby(settings.rules.branch)
        where = settings.mqtt
        broker = Broker(
            where.host, where.port, where.client_id, where.tls, where.username, where.password_file, where.ca_file
        )
        mqtt_session = MqttSession(mqtt, broker, lambda fact: desk.heard(MqttPost.id, fact))
        desk.add(
            MqttPost(
                mqtt,
                keypads={d.id: d.counter for d in settings.devices if isinstance(d, MqttKeypad)},
                panels=[d.id for d in settings.devices if isinstance(d, MqttPanel)],
                kiosks={d.id: (d.hold_off, d.screen) for d in settings.devices if isinstance(d, MqttKiosk)},
                lobby=lobby,
                flush=mqtt_session.flush,
            )
        )
        sessions.append((MqttPost.id, mqtt_session))
    return sessions


def _hall(id: str, board: BxBoard, lines: int, desk: Desk) -> Callable[[Callable[[], None]], Post]:
    return lambda flush: HallPost(id, board, lines, desk.lobby, flush)


def _window(id: str, display: WindowDisplay, counter: str, desk: Desk) -> Callable[[Callable[[], None]], Post]:
    return lambda flush: WindowPost(id, display, counter, desk.lobby, flush)


def _terminals(device: Terminal68Device, bus: Terminal68, desk: Desk) -> Callable[[Callable[[], None]], Post]:
    return lambda flush: TerminalsPost(
        device.id, bus, device.addresses, device.raters, device.repeat_ms, desk.lobby, flush
    )


def _printer(
    device: EscposDevice, printer: EscposPrinter, render: Render, desk: Desk
) -> Callable[[Callable[[], None]], Post]:
    return lambda flush: PrinterPost(device.id, printer, render, desk.lobby, flush)


def _render(settings: Settings, device: EscposDevice) -> Render:
    # python-escpos takes a third of a second to import: paid here, before READY, and only where there is a printer.
    from drivers.paper import Layout  # noqa: PLC0415

    path = device.layout or shipped(f"ticket.{settings.language}.toml")
    layout = Layout.from_dict(tomllib.loads(path.read_text("utf-8")))
    return lambda fields: layout.render(fields if device.qr else {**fields, "qr": ""}, device.columns)


def _baud(link: Link) -> int | None:
    return link.baud if isinstance(link, SerialLink) else None


# -- small things of the loop ----------------------------------------------------------------------------------


async def _settled(events: Sequence[asyncio.Event]) -> None:
    try:
        async with asyncio.timeout(SETTLE):
            for event in events:
                await event.wait()
    except TimeoutError:
        pass


async def _first(waiting: Coroutine[Any, Any, Any], *tasks: asyncio.Task[None]) -> None:
    """Until `waiting` ends; if one of the tasks ends before, which it never should, raise what it ended with."""
    wait = asyncio.create_task(waiting)
    done, _ = await asyncio.wait((wait, *tasks), return_when=asyncio.FIRST_COMPLETED)
    wait.cancel()
    for task in done - {wait}:
        task.result()
        raise RuntimeError(f"{task.get_name()} has ended")


def _next_roll_over(rules: Rules, now: int) -> int:
    """The next end of a business day after `now`, both in ms since 1970, UTC."""
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(rules.zone)
    at = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + rules.rollover
    if at <= local:
        at += timedelta(days=1)
    return int(at.timestamp() * 1000)
