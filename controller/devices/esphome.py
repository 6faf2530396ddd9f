"""Buttons of a board with ESPHome. An action is an entity's path as in its topic, and what was done: `event/remote
press`; a binary sensor has "single", "double" and "long", which are told here: `binary_sensor/call long`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from controller.devices import key_map
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.mqtt import MqttAdapter
from controller.devices.mqtt_buttons import ButtonSettings, MqttButton, check_topic
from drivers.gestures import GESTURES, SINGLE, Gestures
from drivers.mqtt_buttons import EspHome, Reader

_ACTION = re.compile(rf"(binary_sensor/[^\s/+#]+)(?: ({'|'.join(GESTURES)}))?|(event/[^\s/+#]+) (\S.*)")


class EspHomeSettings(ButtonSettings):
    """Buttons of a board with ESPHome. `topic`: its topic_prefix, by default the name of the node; `keys`: by
    "binary_sensor/ID", with single, double or long behind it, and by "event/ID TYPE"."""

    driver: Literal["esphome"]

    def reader(self) -> Reader:
        return EspHome(self.topic, {entity for entity, _, _ in _parsed(self)})


def _parsed(device: EspHomeSettings) -> Iterator[tuple[str, str, str]]:
    """(entity, what is done with it, action) of each key."""
    for action in device.keys:
        if found := _ACTION.fullmatch(action):
            sensor, gesture, event, what = found.groups()
            yield (sensor, gesture or SINGLE, action) if sensor else (event, what, action)


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from check_topic(table, file)
    known = 'write an entity as in its topic: "binary_sensor/call", "binary_sensor/call long" or "event/remote press"'
    yield from key_map.check(table, file, lambda action: _ACTION.fullmatch(action) is not None, known)


def _build(device: EspHomeSettings, context: Context) -> Adapter | None:
    mqtt = context.shared.get(MqttAdapter)
    if mqtt is None:
        return None
    used = {(entity, what) for entity, what, _ in _parsed(device) if entity.startswith("binary_sensor/")}
    actions = {f"{entity} {what}": action for entity, what, action in _parsed(device)}
    return MqttButton(device, context, mqtt, actions=actions, gestures=Gestures(used) if used else None)


KIND = Kind("esphome", EspHomeSettings, _build, _check, order=80)
