"""A clerk's keypad on MQTT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from controller.devices.kit import Context, Fault, File, Kind, Table, one_a_counter
from controller.devices.mqtt import MqttAdapter, needs_broker
from controller.devices.settings import BrokerUser, CounterId, DeviceSettings


class MqttKeypadSettings(DeviceSettings):
    """A clerk's keypad on MQTT."""

    driver: Literal["mqtt-keypad"]
    counter: CounterId

    @property
    def presses_on(self) -> str:
        return f"keypad/{self.counter}"

    def on_broker(self, root: str) -> BrokerUser:
        own = root + self.presses_on
        return BrokerUser(self.id, (f"{own}/press",), (f"{own}/ack", f"{own}/screen", f"{root}status"))


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from needs_broker(table, file)
    yield from one_a_counter(table, file, "keypad")


def _build(device: MqttKeypadSettings, context: Context) -> None:
    mqtt = context.shared.get(MqttAdapter)
    if mqtt:
        mqtt.keypads[device.id] = device.counter


KIND = Kind("mqtt-keypad", MqttKeypadSettings, _build, _check, order=80)
