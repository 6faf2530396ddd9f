"""Ticket buttons on MQTT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from controller.devices.kit import Context, Fault, File, Kind, Table, names_printer
from controller.devices.mqtt import MqttAdapter, needs_broker
from controller.devices.settings import BrokerUser, DeviceSettings, PrinterId, between, takes


class MqttKioskSettings(DeviceSettings):
    """Ticket buttons. `hold_off`: seconds in which TAKE again gives the same ticket; `screen`: can show a number;
    `printer`: where its tickets come out, by default the first in the file."""

    driver: Literal["mqtt-kiosk"]
    hold_off: Annotated[float, between(0, 60, "seconds")] = 2
    screen: Annotated[bool, takes("true or false")] = False
    printer: PrinterId | None = None

    @property
    def presses_on(self) -> str:
        return f"kiosk/{self.id}"

    def on_broker(self, root: str) -> BrokerUser:
        own = root + self.presses_on
        reads = (f"{own}/ack", f"{root}triage", f"{root}board", f"{root}status")
        return BrokerUser(self.id, (f"{own}/press",), reads)


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from needs_broker(table, file)
    yield from names_printer(table, file)


def _build(device: MqttKioskSettings, context: Context) -> None:
    mqtt = context.shared.get(MqttAdapter)
    if mqtt:
        mqtt.kiosks[device.id] = (device.hold_off, device.screen)
        if device.printer:
            mqtt.printers[device.id] = device.printer


KIND = Kind("mqtt-kiosk", MqttKioskSettings, _build, _check, order=80)
