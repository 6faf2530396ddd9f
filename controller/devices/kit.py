"""What a kind of device is made of: its settings, its checks, its adapter, and how that is built.

A new kind is one file with `KIND = Kind(..)`, and a line in its package's entry points `lobby.devices`. Kinds do not
import the configuration or the hub: the configuration reads them, and the hub tells them what has happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from controller.devices.probe import Probe
from controller.devices.settings import DeviceSettings, nearest
from controller.devices.stations import Stations
from controller.engine import Request
from controller.journal import Journal
from controller.lobby.aggregate import Row
from controller.lobby.model.paper import Printer, Printers, printing
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import NEVER, Ms
from controller.lobby.model.wording import Wording
from controller.lobby.show.views import Waits
from controller.operation.tally import Tally
from controller.record.state import Facts
from drivers.device import Driver, Health
from drivers.link import Link
from drivers.session import LinkDown, Session

GROUP = "lobby.devices"
"""The entry points of kinds: a driver's name = `module:KIND`."""
Table = Mapping[str, Any]
"""A table as the file has it; None stands for a wrong value, which has been reported already."""
S = TypeVar("S", bound=DeviceSettings)


class AnySession(Protocol):
    """Runs a device. `settled` is set once the first attempt has ended, successful or not."""

    settled: asyncio.Event

    async def run(self) -> None:
        """Until cancelled."""


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """A device's state as it is published; `since` in ms since 1970, UTC. For people: the device's `name`, what helps
    (`remedy`), whether it `prints` tickets, and its `place` in a list of devices."""

    state: str
    detail: str
    since: Ms
    name: str = ""
    remedy: str = ""
    prints: bool = False
    place: int = 0
    wired: bool = False
    """Whether it has a line of its own."""
    heard: Mapping[str, Ms] = field(default_factory=dict)
    """When each station of its line that nobody asks was heard last, by address; 0: not since the start."""
    silent: Sequence[str] = ()
    """Of those, which were never heard though their counter is open."""
    code: str = ""
    """The wording key of `detail`, for programs."""
    failure: str = ""
    """The failure that it is when the device is gone, by `emergency.FAILURES`; empty: there is no plan for it."""

    def content(self) -> Mapping[str, object]:
        """The payload of `device/<id>`."""
        return {"state": self.state, "detail": self.detail, "since": self.since}

    def for_people(self) -> Mapping[str, object]:
        """All of it, for the lobby manager."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Context:
    """Everything of the controller that an adapter may use."""

    configured: Callable[[], Rules]
    """The rules as configured at present."""
    state: Callable[[], State]
    """The lobby as it was shown last."""
    journal: Journal
    submit: Callable[[Request], None]
    now: Callable[[], Ms]
    """The time in ms since 1970, UTC."""
    steady: Callable[[], float]
    """Monotonic seconds."""
    waits: Callable[[], Waits]
    """The expected waits, as last computed."""
    printers: Callable[[], Printers]
    """The ticket printers as they are now."""
    health: Callable[[str, Health, str], None]
    """(device, health, what to log beside it)."""
    forget: Callable[[str], None]
    """Called with a device that no longer exists."""
    settled: Callable[[], bool]
    """Whether the state is what the journal holds; no other state is shown."""
    page: Callable[[str, str], str]
    """(business day, ticket) -> the content of its QR code."""
    connect: Callable[[str, Driver, Link], Session]
    """(device, driver, link) -> the session that runs it; its facts go to the device's adapter."""
    run: Callable[[str, AnySession], None]
    """Have a session of another kind run, under a device's id."""
    heard: Callable[[str, object], None]
    """Called with each fact of a session: (device, fact)."""
    shipped: Path
    """The directory of the files that come with the program: layouts, wording."""
    wording: Callable[[str], Wording]
    """The sentences of a language (zh or en)."""
    facts: Callable[[], Facts]
    """The day's record, at this moment."""
    shared: dict[type, Any] = field(default_factory=dict)
    """Objects that several devices share, by type: the lobby on MQTT, the cards that were shown."""
    tally: Tally = field(default_factory=Tally)
    """What is counted for a monitor."""

    @property
    def rules(self) -> Rules:
        """The rules in force: as configured, but for what counters serve now."""
        return self.configured().serving(self.state().serving)

    def printing(self, own: str = "") -> dict[str, Any]:
        """The fields of a `Press` that say how its ticket can be printed; `own`: the printer of the place, if it names
        one."""
        return printing(self.printers(), own)


class Adapter:
    """Connects one device to the lobby. By default it is told everything and does nothing with it."""

    watches = False
    """Whether it shows the whole branch, and so is told of notices, figures and other devices as well."""
    failure = ""
    """The failure that it is when the device is gone, by `emergency.FAILURES`; empty: there is no plan for it."""

    def __init__(self, id: str, context: Context) -> None:
        self.id = id
        self.context = context

    def heard(self, fact: object) -> None:
        """A fact from the device's session: the device said something, or its link went down or up."""
        if isinstance(fact, Health):
            self.context.health(self.id, fact, "")

    def update(self, state: State) -> None:
        """The lobby has changed: show the present state."""

    def told(self, rows: Sequence[Row], state: State) -> None:
        """These events have just happened: do what is to be done once for each."""

    def restarted(self, state: State) -> None:
        """The day has been replayed after a start: the results of jobs of the last run are unknown."""

    def left(self) -> None:
        """The device has been taken off, after its session has ended: what was under way has no result any more."""

    @property
    def printer(self) -> Printer | None:
        """The ticket printer that it is, as it is now; None: it prints no tickets."""
        return None

    @property
    def stations(self) -> Stations | None:
        """The stations of its line that nobody asks; None: it has none."""
        return None

    def health_without(self, down: LinkDown) -> Health | None:
        """The device's state while its link is down; None: simply "not connected"."""
        return None

    # -- where it watches ------------------------------------------------------------------------------------

    def notice(self, notices: Sequence[str], staff: Sequence[str], trouble: str) -> None:
        """Notices for customers; further notices for the staff; the text that screens show instead of their own, if
        any. Shown by `update`."""

    def figures(self, figures: Mapping[str, Any]) -> None:
        """The day's figures so far; shown by `update`."""

    def device(self, id: str, report: DeviceReport) -> None:
        """A device's state has changed."""

    def gone(self, id: str) -> None:
        """A device no longer exists."""


SAME_MOMENT = 1000
"""Milliseconds by which the times of presses may be ahead of the clock, so that no two presses have the same time."""


class PressTimes:
    """The times of presses, by which their causes differ: two heard at one place in one millisecond are two."""

    def __init__(self) -> None:
        self._latest: dict[int, Ms] = {}

    def next(self, now: Ms, place: int = 0) -> Ms:
        """The time of a press heard `now`, in ms since 1970, UTC. A clock that was set back is a different case."""
        latest = self._latest.get(place, NEVER)
        self._latest[place] = Ms(latest + 1) if now <= latest < now + SAME_MOMENT else now
        return self._latest[place]


class Display(Adapter):
    """A display: `show` sets its level from the lobby's state, and `flush` sends it."""

    def __init__(self, id: str, show: Callable[[State], None], context: Context, flush: Callable[[], None]) -> None:
        super().__init__(id, context)
        self._show = show
        self._flush = flush

    def update(self, state: State) -> None:
        self._show(state)
        self._flush()


# -- a kind ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class File:
    """The rest of the configuration, as far as the checks of a device may use it."""

    sections: frozenset[str]
    """The names of the tables, such as `mqtt`."""
    counters: Sequence[str] | None
    """The ids of the counters; None: not all are known."""
    services: Sequence[str] | None
    """The ids of the services; None: not all are known."""
    devices: Sequence[Table]
    """All devices, this one among them."""
    before: Sequence[Table]
    """Those before it in the file."""


Fault = tuple[tuple[str | int, ...], str]
"""A place inside the device's table, and a sentence for the installer about what is wrong there."""


def one_a_counter(table: Table, file: File, what: str) -> Iterator[Fault]:
    """A fault if a device of the same kind, `what` in words, has the table's counter already."""
    for other in file.before:
        if other.get("driver") == table["driver"] and other.get("counter") == table.get("counter") is not None:
            yield ("counter",), f'device "{other.get("id")}" is the {what} of that counter already; remove one'


def names_printer(table: Table, file: File, key: str = "printer") -> Iterator[Fault]:
    """A fault if the key names no ticket printer."""
    if table.get(key) is None or any(device.get("id") is None for device in file.devices):
        return
    printers = [str(device["id"]) for device in file.devices if device.get("driver") == "escpos"]
    if not printers:
        yield (key,), 'there is no ticket printer; add a device with driver = "escpos"'
    elif table[key] not in printers:
        yield (key,), f'there is no ticket printer "{table[key]}"; {nearest(table[key], printers)}'


def no_more_to_check(table: Table, file: File) -> Iterator[Fault]:
    """No check beyond the types of the keys."""
    yield from ()


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """One kind of device.

    `build` starts its sessions and returns its adapter, None if it needs none of its own. `check` yields what is wrong
    with a table beyond the types of its keys. `counters`: the counters that a table names, each with its place.
    `only_one`: why a branch may have only one, with {id} for the one that it has. Kinds are told of a change in
    ascending `order`: first the displays that customers look at first. `prepare` does what takes long before `build`.
    `has_keys`: people press keys on it. `probe`: how `lobby setup` finds it; None: it is not looked for.
    """

    driver: str
    settings: type[S]
    build: Callable[[S, Context], Adapter | None]
    check: Callable[[Table, File], Iterator[Fault]] = no_more_to_check
    counters: Callable[[Table], Iterator[tuple[tuple[str | int, ...], str]]] = lambda table: iter(
        [(("counter",), table["counter"])] if table.get("counter") is not None else []
    )
    only_one: str = ""
    order: int = 50
    prepare: Callable[[], object] = lambda: None
    has_keys: bool = False
    probe: Probe | None = None


@cache
def kinds() -> Mapping[str, Kind[Any]]:
    """Every kind that is installed, by its driver's name, in the order of `Kind.order`."""
    found: list[Kind[Any]] = [point.load() for point in entry_points(group=GROUP)]
    return {kind.driver: kind for kind in sorted(found, key=lambda kind: (kind.order, kind.driver))}
