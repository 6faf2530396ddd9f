"""Pads of four keys on an RS-485 bus: a lamp, a display of three characters, and a beep for a refused press."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from controller.devices.key_map import KeyMap, KeyMapSettings, KeysAdapter, check, outcome
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.probe import Heard, Place, Probe
from controller.devices.settings import CounterId, Keys, WiredSettings, between, takes
from controller.devices.stations import Stations
from controller.lobby.answers import Answer
from controller.lobby.model.state import Stage, State
from controller.lobby.show import views
from drivers.device import UnknownAddress
from drivers.fourkey import ADDRESSES, GREEN, OFF, RED_BLINKING, FourKeyBus, Pressed, key_reader, lamp_frame
from drivers.link import SerialLink

log = logging.getLogger(__name__)

CALLED = " called"
"""Behind a key's number: what it does while the customer has been called and has not come."""
AT_A_COUNTER: Mapping[str, str] = {
    "1": "CALL",
    "1 called": "RECALL",
    "2": "START",
    "4": "FINISH",
    "4 called": "NOSHOW",
}
"""What the keys do where the table has none; to where the third sends a customer must be said."""
ONE_PRESS = 1.0
"""Seconds in which the same key again means the same, whatever the first press has changed: keys bounce."""


class PadSettings(Keys):
    """One pad on the bus."""

    address: Annotated[int, between(0, ADDRESSES - 1)]
    counter: CounterId


class FourKeyPadSettings(KeyMapSettings, WiredSettings):
    """Pads of four keys on one bus, 57600 8N1. `keys`: what keys "1" to "4" do, and "1 called" to "4 called" while the
    customer has been called and has not come."""

    driver: Literal["four-key-pad"]
    pads: Annotated[list[PadSettings], takes('a list of pads, such as [{ address = 3, counter = "3" }]', min_length=1)]
    keys: KeyMap = Field(default_factory=lambda: dict(AT_A_COUNTER))


class FourKeyPadAdapter(KeysAdapter):
    """The pads of one bus."""

    failure = "terminals"

    def __init__(
        self, device: FourKeyPadSettings, bus: FourKeyBus, context: Context, flush: Callable[[], None]
    ) -> None:
        super().__init__(device, context)
        self._pads = {pad.address: pad.counter for pad in device.pads}
        self._bus = bus
        self._flush = flush
        self._meant: dict[int, tuple[int, str, float]] = {}
        """By address: the key that was pressed last, what it meant, and when (monotonic seconds)."""
        self._stations = Stations(context.now(), self._pads)

    @property
    def stations(self) -> Stations:
        return self._stations

    def heard(self, fact: object) -> None:
        match fact:
            case Pressed():
                self._stations.hears(fact.address, self.context.now())
                self._pressed(fact)
            case UnknownAddress(address):
                log.warning(
                    "%s: a key was pressed at the pad with the address %d, which no counter has; add it to pads, or "
                    "set the pad to another address",
                    self.id,
                    address,
                )
            case _:
                super().heard(fact)

    def update(self, state: State) -> None:
        for address, counter in self._pads.items():
            ticket = state.tickets.get(state.counter(counter).ticket)
            if ticket is None:
                waiting = views.waiting_for(state, self.context.rules.counters[counter])
                self._bus.show(address, OFF, str(min(waiting, 999)))
            else:
                lamp = RED_BLINKING if ticket.stage is Stage.CALLED else GREEN
                self._bus.show(address, lamp, "".join(filter(str.isdigit, ticket.id)))
        self._flush()

    def _pressed(self, pressed: Pressed) -> None:
        def answered(answer: Answer) -> None:
            if (came := outcome(answer)) != "unknown":
                self._answer(pressed, refused=came == "refused")

        if not self.keys.press(self._action(pressed), counter=self._pads[pressed.address], answered=answered):
            self._answer(pressed, refused=True)

    def _action(self, pressed: Pressed) -> str:
        now = self.context.steady()
        key, action, since = self._meant.get(pressed.address, (0, "", now))
        if key != pressed.key or now - since >= ONE_PRESS:
            state = self.context.state()
            ticket = state.tickets.get(state.counter(self._pads[pressed.address]).ticket)
            special = f"{pressed.key}{CALLED}"
            is_called = ticket is not None and ticket.stage is Stage.CALLED
            action = special if is_called and self.keys.has(special) else str(pressed.key)
        self._meant[pressed.address] = (pressed.key, action, now)
        return action

    def _answer(self, pressed: Pressed, *, refused: bool) -> None:
        self._bus.answer(pressed, refused=refused)
        self._flush()


def _pads(table: Table) -> Iterator[tuple[int, Mapping[str, object]]]:
    for n, pad in enumerate(table.get("pads") or []):
        if isinstance(pad, Mapping):
            yield n, pad


def _counters(table: Table) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for n, pad in _pads(table):
        if pad.get("counter") is not None:
            yield ("pads", n, "counter"), str(pad["counter"])


def _check(table: Table, file: File) -> Iterator[Fault]:
    addresses: list[object] = []
    for n, pad in _pads(table):
        if pad.get("address") is not None and pad["address"] in addresses:
            yield ("pads", n, "address"), f"another pad has the address {pad['address']} already; give each its own"
        addresses.append(pad.get("address"))
    actions = {f"{key}{when}" for key in "1234" for when in ("", CALLED)}
    known = 'there are "1" to "4", and "1 called" to "4 called"'
    # Where the pads are wrong, any counter stands for theirs.
    counters = [counter for _, counter in _counters(table)] or file.counters or [""]
    yield from check(table, file, actions.__contains__, known, counters)


def _build(device: FourKeyPadSettings, context: Context) -> Adapter:
    baud = device.link.baud if isinstance(device.link, SerialLink) else None
    bus = FourKeyBus([pad.address for pad in device.pads], baud=baud)
    session = context.connect(device.id, bus, device.link)
    return FourKeyPadAdapter(device, bus, context, session.flush)


def _heard(replies: Sequence[bytes]) -> Sequence[Heard]:
    """Pads at which a key was pressed. There is no check sum, so nothing else may have been said."""
    reader = key_reader()
    pressed = reader.feed(replies[0], 0.0)
    return [] if reader.garbage else [Heard(Place("pads", address), lamp_frame(address, OFF)) for address, _ in pressed]


def _table(places: Mapping[Place, str], chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {"pads": [{"address": place.address, "counter": counter} for place, counter in sorted(places.items())]}


PROBE = Probe("pads", hears=_heard, speeds=(57600,), counters="each", unit="pads", table=_table)
KIND = Kind("four-key-pad", FourKeyPadSettings, _build, _check, _counters, order=35, has_keys=True, probe=PROBE)
