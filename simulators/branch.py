"""The simulated hardware of a whole branch: a far end for every configured device, on pseudo-terminals and a broker.

The daemon's configuration differs from the branch's only in where its links lead.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

from controller.clock import Clock
from controller.config import MqttSettings, Settings
from controller.daemon import Daemon
from controller.devices.settings import DeviceSettings, WiredSettings
from controller.operation.service import Notifier
from drivers.link import InputLink, Link, SerialLink, TcpLink
from drivers.owner import own
from simulators.buttons import Buttons
from simulators.devices.farend import FarEnd
from simulators.devices.kit import Simulated, Wired, far_ends
from simulators.faults import Faults
from simulators.wire import TcpWire, Wire

TERMINALS = "/dev/pts/"
"""Where the kernel has pseudo-terminals."""


class SimulatedBranch:
    """The simulated devices of a branch; `seed` drives their faults.

    Those on byte links are `placed`, each on a pseudo-terminal `directory/<device id>`, or behind a device server where
    the branch has one.
    """

    def __init__(self, settings: Settings, directory: Path, seed: int) -> None:
        self._settings = settings
        self._directory = directory
        self._owner: int | None = None
        self.devices: dict[str, Simulated] = {}
        self.placed: dict[str, Wired] = {}
        for device in settings.devices:
            kind = far_ends().get(device.driver)
            if kind is None:
                continue
            if isinstance(device, WiredSettings) and issubclass(kind, Wired):
                placed = self.placed[device.id] = self._placed(device, kind, seed)
                self.devices[device.id] = placed
            else:
                self.devices[device.id] = kind(device)

    def _placed(self, device: WiredSettings, kind: type[Wired], seed: int) -> Wired:
        faults = Faults(Random(f"{seed}:{device.id}"))

        def wire(far_end: FarEnd) -> Wire:
            if isinstance(device.link, TcpLink):
                return TcpWire(far_end, faults, baud=None, clock=time.monotonic)
            baud = device.link.baud if isinstance(device.link, SerialLink) else None
            return Wire(far_end, faults, self._directory / device.id, baud=baud, clock=time.monotonic)

        return kind(device, faults, wire)

    def hear(self, buttons: Buttons | None) -> None:
        """Connected to the broker, or (None) disconnected: `buttons` is the connection of the MQTT devices."""
        for device in self.devices.values():
            device.buttons = buttons

    def used_by(self, whom: str) -> Iterator[Simulated]:
        """The devices whose buttons are pressed by clerks, customers or the manager."""
        return (device for device in self.devices.values() if whom == device.USED_BY)

    def plug_all(self) -> None:
        """Put every cable in. OSError if other simulators have the directory."""
        self._own()
        for placed in self.placed.values():
            placed.wire.plug()

    def unplug_all(self) -> None:
        """Pull every cable."""
        for placed in self.placed.values():
            placed.wire.unplug()
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    def _own(self) -> None:
        """Have the directory locked while we run, and remove links of those who have ended: see `drivers.owner`."""
        if self._owner is not None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            self._owner = own(self._directory)
        except BlockingIOError:
            raise BlockingIOError(f"{self._directory}: other simulators have their links here; give another") from None
        for link in self._directory.iterdir():
            if link.is_symlink() and str(link.readlink()).startswith(TERMINALS):
                link.unlink()

    def settings(self, *, journal: Path | None = None, port: int | None = None) -> Settings:
        """The branch's settings with links to the far ends; with a journal and a broker of its own where given."""
        settings = self._settings
        devices = tuple(self._connected(device) for device in settings.devices)
        mqtt = settings.mqtt
        if mqtt and port:
            mqtt = MqttSettings(
                embedded=True,
                host="127.0.0.1",
                port=port,
                tls=False,
                client_id=mqtt.client_id,
                home_assistant=mqtt.home_assistant,
            )
        return replace(settings, devices=devices, mqtt=mqtt, journal_path=journal or settings.journal_path)

    def _connected(self, device: DeviceSettings) -> DeviceSettings:
        placed = self.placed.get(device.id)
        if placed is None:
            return device
        return device.model_copy(update={"link": _leading_to(placed.wire, placed.device.link)})


def _leading_to(wire: Wire, link: Link) -> Link:
    if isinstance(wire, TcpWire):
        return TcpLink("127.0.0.1", wire.port)
    if isinstance(link, InputLink):
        return InputLink(str(wire.path))
    return replace(link, path=str(wire.path)) if isinstance(link, SerialLink) else SerialLink(str(wire.path))


@asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncIterator[Daemon]:
    """The real daemon in this process, ready; stopped at the end."""
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
