"""Call terminals and raters on a 68-frame bus."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from controller import presses
from controller.devices.kit import Adapter, Context, Fault, File, Kind, PressTimes, Table
from controller.devices.probe import Heard, Place, Probe
from controller.devices.settings import CounterId, WiredSettings, between, takes
from controller.devices.stations import Stations
from controller.engine import Request
from controller.lobby.actions.command import Command
from controller.lobby.actions.press import DIGITS, Press, Where
from controller.lobby.actions.rating import SCORE, RatingAsked
from controller.lobby.aggregate import Row
from controller.lobby.answers import Answer
from controller.lobby.model.state import State
from controller.lobby.model.units import NEVER, Ms
from controller.lobby.show import views
from drivers.device import Health, UnknownAddress
from drivers.link import SerialLink
from drivers.terminal68 import OUTAGE, Frame, Function, NotHeard, Pressed, Rated, Terminal68, echo_of, presses_in

log = logging.getLogger(__name__)


REFRESH = 60.0
"""Seconds between two refreshes of displays that cannot confirm what they are sent."""


def _address(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]?", value):
        return int(value)
    raise ValueError(f'"{value}" is no bus address; use 1 to 99')


Address = Annotated[int, BeforeValidator(_address)]
_Addresses = Annotated[
    dict[Address, CounterId], takes('bus address from 1 to 99 = counter id in quotes, as in { 1 = "1" }')
]


class Terminal68Settings(WiredSettings):
    """Call terminals and raters on one bus: `addresses` and `raters` map bus addresses to counters."""

    driver: Literal["terminal68"]
    addresses: _Addresses = Field(default_factory=dict)
    raters: _Addresses = Field(default_factory=dict)
    repeat_ms: Annotated[int, between(0, 5000, "milliseconds")] = 400

    @property
    def rated(self) -> Collection[str]:
        return self.raters.values()


def _counters(table: Table) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for key in ("addresses", "raters"):
        for address, counter in (table.get(key) or {}).items():
            if counter is not None:
                yield (key, address), counter


def _check(table: Table, file: File) -> Iterator[Fault]:
    for address in (table.get("addresses") or {}).keys() & (table.get("raters") or {}).keys():
        yield ("raters", address), f"{address} is also the address of a terminal; give each its own"


class TerminalsAdapter(Adapter):
    """One bus; `addresses` and `raters` map bus addresses to counters."""

    failure = "terminals"

    def __init__(
        self,
        id: str,
        bus: Terminal68,
        addresses: Mapping[int, str],
        raters: Mapping[int, str],
        context: Context,
        flush: Callable[[], None],
    ) -> None:
        super().__init__(id, context)
        self._bus = bus
        self._addresses = addresses
        self._raters = raters
        self._flush = flush
        self._resumed = True
        """Whether all presses since the start may have been made before it."""
        rows = context.journal.rows_after(context.journal.opened_at - 1, 1)
        self._last_sign = rows[0].at if rows else NEVER
        """The time of the last row of the previous run."""
        self._times = PressTimes()
        self._stations = Stations(context.now(), addresses, raters)

    @property
    def stations(self) -> Stations:
        return self._stations

    def heard(self, fact: object) -> None:
        match fact:
            case Pressed(frame, digits, key, early):
                self._pressed(frame, presses.terminal_key(key, digits), early)
            case Rated(frame, score, early):
                self._rated(frame, score, early)
            case NotHeard(address):
                log.warning(
                    "%s: the device at bus address %d has been repeating one key for seconds, and our answers do not "
                    "stop it; check its wires A and B and its key",
                    self.id,
                    address,
                )
            case UnknownAddress(address):
                log.warning(
                    "%s: a key was pressed at bus address %d, which no counter has; give it one under addresses or "
                    "raters, or set the terminal to another address",
                    self.id,
                    address,
                )
            case Health():
                self.context.health(self.id, fact, "")

    def update(self, state: State) -> None:
        counters = self.context.rules.counters
        for address, id in self._addresses.items():
            self._bus.show_ticket(address, state.counter(id).ticket)
            self._bus.show_waiting(address, views.waiting_for(state, counters[id]))
        self._flush()

    def told(self, rows: Sequence[Row], state: State) -> None:
        for row in rows:
            if isinstance(row.event, RatingAsked):
                for address, counter in self._raters.items():
                    if counter == row.event.counter:
                        self._bus.ask_rating(address)
        self._flush()

    # -- presses ---------------------------------------------------------------------------------------------

    def _pressed(self, frame: Frame, key: tuple[str, str] | None, early: bool) -> None:
        counter = self._addresses.get(frame.address)
        at, cause = self._cause(frame, early)
        command = None
        if key and counter:
            name, digits = key
            press = Press(at=at, cause=cause, counter=counter, typed={DIGITS.name: digits})
            command = presses.command(Where.COUNTER, name, press)
        if command is None:
            self._bus.answer(frame, refused=True)
            self._flush()
        else:
            self._submit(frame, command)

    def _rated(self, frame: Frame, score: int, early: bool) -> None:
        counter = self._raters.get(frame.address)
        if counter is None:
            self._bus.unanswered(frame)
            return
        at, cause = self._cause(frame, early)
        press = Press(at=at, cause=cause, counter=counter, typed={SCORE.name: score})
        command = presses.command(Where.RATER, "RATE", press)
        assert command
        self._submit(frame, command)

    def _submit(self, frame: Frame, command: Command) -> None:
        def answered(answer: Answer) -> None:
            if answer.written:
                self._bus.answer(frame, refused=answer.result != "ok")
                if answer.result == "refused" and answer.code == "none_waiting":
                    self._bus.show_waiting_again(frame.address)
            else:
                self._bus.unanswered(frame)
            self._flush()

        self.context.submit(Request(command, answered, press=_press(frame)))

    def _cause(self, frame: Frame, early: bool) -> tuple[Ms, str]:
        """The time and the cause of a press. The first press after a start may be a copy of the last one written before
        it: then it gets the same time and cause. One written long before the end was echoed, and is not repeated."""
        at = self._times.next(self.context.now(), frame.address)
        self._stations.hears(frame.address, at)
        prefix = f"terminal68:{self.id}:{frame.address}:"
        self._resumed = self._resumed and early
        if self._resumed:
            journal = self.context.journal
            earlier = journal.recent_cause(prefix, Ms(at - round(OUTAGE * 1000)), at, _press(frame))
            if earlier and self._last_sign - int(earlier.rpartition(":")[2]) <= self._bus.repeat_ms:
                return at, earlier
        return at, f"{prefix}{at}"


def _press(frame: Frame) -> str:
    return bytes((frame.function, *frame.data)).hex()


def _build(device: Terminal68Settings, context: Context) -> Adapter:
    baud = device.link.baud if isinstance(device.link, SerialLink) else None
    bus = Terminal68(device.addresses, device.raters, repeat_ms=device.repeat_ms, baud=baud, refresh=REFRESH)
    session = context.connect(device.id, bus, device.link)
    return TerminalsAdapter(device.id, bus, device.addresses, device.raters, context, session.flush)


def _pressed(replies: Sequence[bytes]) -> Sequence[Heard]:
    """Terminals and raters at which something was pressed."""
    return [
        Heard(
            Place("raters" if frame.function == Function.RATED else "addresses", frame.address),
            echo_of(frame).to_bytes(),
        )
        for frame in presses_in(replies[0])
    ]


def _table(places: Mapping[Place, str], chosen: Mapping[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = {"addresses": {}}
    for place, counter in sorted(places.items()):
        table.setdefault(place.part, {})[str(place.address)] = counter
    return table | dict(chosen)


PROBE = Probe("terminals", hears=_pressed, counters="each", unit="addresses", table=_table)
KIND = Kind("terminal68", Terminal68Settings, _build, _check, _counters, order=30, has_keys=True, probe=PROBE)
