"""A whole lobby's hardware: a far end for every configured device, on pseudo-terminals and a broker.

The configuration that the daemon gets differs from the branch's only in where its links lead. It cannot tell.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from random import Random

from controller.clock import Clock
from controller.config import (
    BxDevice,
    CardReaderDevice,
    Device,
    EscposDevice,
    MqttSettings,
    Settings,
    Terminal68Device,
    VfdDevice,
)
from controller.daemon import Daemon, Notifier
from drivers.escpos_model import model
from drivers.link import Link, SerialLink, TcpLink
from simulators.board import BoardFarEnd
from simulators.cards import CardReaderFarEnd
from simulators.farend import FarEnd
from simulators.faults import Faults
from simulators.printer import PrinterFarEnd
from simulators.terminals import TerminalBus
from simulators.window import WindowFarEnd
from simulators.wire import TcpWire, Wire

SECONDS_PER_LINE = 0.02
"""A printer of today: 150 mm of paper a second, 3 mm a line."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One simulated device: its configuration, the device itself, and its wire with the fault knobs."""

    device: Device
    far_end: FarEnd
    wire: Wire


class Stage:
    """The far ends of a branch's devices on byte links; `seed` drives their faults.

    Each is a pseudo-terminal `directory/<device id>`, or a device server where the branch has one.
    """

    def __init__(self, settings: Settings, directory: Path, seed: int) -> None:
        self._settings = settings
        self._directory = directory
        self.placed: dict[str, Placed] = {}
        for device in settings.devices:
            faults = Faults(Random(f"{seed}:{device.id}"))
            far_end = _far_end(device, faults)
            if far_end is not None:
                link = device.link  # type: ignore[union-attr]
                wire: Wire
                if isinstance(link, TcpLink):
                    wire = TcpWire(far_end, faults, baud=None, clock=time.monotonic)
                else:
                    baud = link.baud if isinstance(link, SerialLink) else None
                    wire = Wire(far_end, faults, directory / device.id, baud=baud, clock=time.monotonic)
                self.placed[device.id] = Placed(device, far_end, wire)

    def plug_all(self) -> None:
        """Put every cable in."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for placed in self.placed.values():
            placed.wire.plug()

    def unplug_all(self) -> None:
        """Pull every cable."""
        for placed in self.placed.values():
            placed.wire.unplug()

    def settings(self, *, journal: Path | None = None, port: int | None = None) -> Settings:
        """The branch's settings with links to the far ends; with a journal and a broker of its own where given."""
        settings = self._settings
        devices = tuple(self._connected(device) for device in settings.devices)
        mqtt = settings.mqtt
        if mqtt and port:
            mqtt = MqttSettings(embedded=True, host="127.0.0.1", port=port, tls=False, client_id=mqtt.client_id)
        return replace(settings, devices=devices, mqtt=mqtt, journal_path=journal or settings.journal_path)

    def _connected(self, device: Device) -> Device:
        placed = self.placed.get(device.id)
        if placed is None:
            return device
        return device.model_copy(update={"link": _leading_to(placed.wire, device.link)})  # type: ignore[union-attr]


def _leading_to(wire: Wire, link: Link) -> Link:
    if isinstance(wire, TcpWire):
        return TcpLink("127.0.0.1", wire.port)
    return replace(link, path=str(wire.path)) if isinstance(link, SerialLink) else SerialLink(str(wire.path))


def _far_end(device: Device, faults: Faults) -> FarEnd | None:
    match device:
        case EscposDevice():
            cuts = model(device.profile).cuts
            return PrinterFarEnd(faults, columns=device.columns, cuts=cuts, seconds_per_line=SECONDS_PER_LINE)
        case Terminal68Device():
            return TerminalBus(device.addresses, device.raters, faults)
        case BxDevice():
            return BoardFarEnd(dynamic_header=device.dynamic_header)
        case VfdDevice():
            return WindowFarEnd(device.dialect)
        case CardReaderDevice():
            return CardReaderFarEnd()
    return None


class FastClock:
    """A wall clock that starts at nine today and runs `speed` times as fast, as people do; wires keep real time."""

    def __init__(self, settings: Settings, speed: float) -> None:
        now = datetime.now(settings.rules.zone)
        self._nine = int(now.replace(hour=9, minute=0, second=0, microsecond=0).timestamp() * 1000)
        self._speed = speed
        self._started = time.monotonic()
        self.set_by = 0
        """Milliseconds by which somebody has set the clock: a knob."""

    def clock(self) -> Clock:
        """What the daemon gets."""

        def wall() -> int:
            return self._nine + self.set_by + int((time.monotonic() - self._started) * 1000 * self._speed)

        return Clock(wall, time.monotonic, time.monotonic, "simulated", self._speed)


@asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncIterator[Daemon]:
    """The real daemon in this process, ready; stopped in good order at the end."""
    daemon = Daemon(settings, clock, Notifier(None))
    task = asyncio.create_task(daemon.run(), name="daemon")
    ready = asyncio.create_task(daemon.ready.wait())
    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if task.done():
        task.result()
    try:
        yield daemon
    finally:
        daemon.stop()
        await task
