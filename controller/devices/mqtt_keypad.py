"""A clerk's keypad on MQTT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from controller.devices.kit import Context, Fault, File, Kind, Table
from controller.devices.mqtt import MqttAdapter, needs_broker
from controller.devices.settings import CounterId, DeviceSettings


class MqttKeypadSettings(DeviceSettings):
    """A clerk's keypad on MQTT."""

    driver: Literal["mqtt-keypad"]
    counter: CounterId


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from needs_broker(table, file)
    for other in file.before:
        if other.get("driver") == "mqtt-keypad" and other.get("counter") == table.get("counter") is not None:
            yield ("counter",), f'device "{other.get("id")}" is the keypad of that counter already; remove one'


def _build(device: MqttKeypadSettings, context: Context) -> None:
    mqtt = context.shared.get(MqttAdapter)
    if mqtt:
        mqtt.keypads[device.id] = device.counter


KIND = Kind("mqtt-keypad", MqttKeypadSettings, _build, _check, order=80)
