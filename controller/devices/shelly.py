"""Buttons at the inputs of a Shelly of the second generation or later. Its actions are its events, of any input or of
one: "single_push", "1 long_push"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from controller.devices import key_map
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.mqtt import MqttAdapter
from controller.devices.mqtt_buttons import ButtonSettings, MqttButton, check_topic
from drivers.mqtt_buttons import PUSHES, Reader, Shelly

INPUTS = 8
"""Inputs of an ordinary device; those beyond it are heard if they have keys of their own."""
REPEAT = 0.4
"""Seconds in which the same event is the same press, where the device's clock has not been set: its messages have
QoS 1, and only their time tells them apart."""
_ACTION = re.compile(rf"(?:([0-9]{{1,3}}) )?({'|'.join(PUSHES)})")


class ShellySettings(ButtonSettings):
    """Buttons at the inputs of a Shelly (Gen2 or later). `topic`: its MQTT prefix, by default its id; `keys`: by event,
    such as "single_push", or by input and event, such as "0 single_push"."""

    driver: Literal["shelly"]

    def reader(self) -> Reader:
        return Shelly(self.topic)


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from check_topic(table, file)
    known = f'it has {", ".join(PUSHES)}, of one input as in "0 single_push"'
    yield from key_map.check(table, file, lambda action: _ACTION.fullmatch(action) is not None, known)


def _build(device: ShellySettings, context: Context) -> Adapter | None:
    mqtt = context.shared.get(MqttAdapter)
    if mqtt is None:
        return None
    found = {action: match.groups() for action in device.keys if (match := _ACTION.fullmatch(action))}
    numbers = {*range(INPUTS), *(int(number) for number, _ in found.values() if number)}
    actions = {f"{each} {what}": key for key, (number, what) in found.items() if not number for each in numbers}
    actions |= {f"{int(number)} {what}": key for key, (number, what) in found.items() if number}
    return MqttButton(device, context, mqtt, actions=actions, repeat=REPEAT)


KIND = Kind("shelly", ShellySettings, _build, _check, order=80)
