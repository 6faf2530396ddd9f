"""A lamp above a counter, lit while a customer is called there.

It takes one byte, 01 to be lit and 00 to be dark, and answers nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from controller.devices.kit import Adapter, Context, Display, Fault, File, Kind, Table, one_a_counter
from controller.devices.settings import CounterId, WiredSettings, between
from controller.lobby.model.state import Stage, State
from drivers.device import Health


class Lamp:
    """The lamp's protocol: a level, which is sent when it changes, after every outage, and every `refresh` seconds."""

    def __init__(self, refresh: float) -> None:
        self._refresh = refresh
        self._lit = False
        self._due: float | None = None
        """When it is to be told; None: it is not connected."""

    def light(self, on: bool) -> None:
        """Whether it is to be lit."""
        if on != self._lit:
            self._lit = on
            self._due = None if self._due is None else 0.0

    def connected(self, now: float) -> Sequence[object]:
        self._due = now
        return [Health("ok", "port_only")]

    def disconnected(self, now: float) -> Sequence[object]:
        self._due = None
        return []

    def receive(self, data: bytes, now: float) -> Sequence[object]:
        return []

    def tick(self, now: float) -> Sequence[object]:
        return []

    def data_to_send(self, now: float) -> bytes:
        if self._due is None or now < self._due:
            return b""
        self._due = now + self._refresh
        return bytes([self._lit])

    def next_deadline(self) -> float | None:
        return self._due


class LampSettings(WiredSettings):
    """A red lamp above a counter. `refresh`: how often it is told again what it is to show."""

    driver: Literal["red-lamp"]
    counter: CounterId
    refresh: Annotated[float, between(1, 600, "seconds")] = 30


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from one_a_counter(table, file, "lamp")


def _build(device: LampSettings, context: Context) -> Adapter:
    lamp = Lamp(device.refresh)
    session = context.connect(device.id, lamp, device.link)

    def show(state: State) -> None:
        ticket = state.tickets.get(state.counter(device.counter).ticket)
        lamp.light(ticket is not None and ticket.stage is Stage.CALLED)

    return Display(device.id, show, context, session.flush)


KIND = Kind("red-lamp", LampSettings, _build, _check)
