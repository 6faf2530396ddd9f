"""Buttons of a board with ESPHome. An action is an entity's path as in its topic, and what was done: `event/remote
press`; a binary sensor has "single", "double" and "long", which are told here: `binary_sensor/call long`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from controller.devices import key_map
from controller.devices.key_map import KeysSettings
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.mqtt import MqttAdapter
from controller.devices.mqtt_buttons import MqttButton, Topic, check_topic
from drivers.gestures import GESTURES, SINGLE, Gestures
from drivers.mqtt_buttons import EspHome

_ACTION = re.compile(rf"(binary_sensor/[^\s/+#]+)(?: ({'|'.join(GESTURES)}))?|(event/[^\s/+#]+) (\S.*)")


class EspHomeSettings(KeysSettings):
    """Buttons of a board with ESPHome. `topic`: its topic_prefix, by default the name of the node; `keys`: by
    "binary_sensor/ID", with single, double or long behind it, and by "event/ID TYPE"."""

    driver: Literal["esphome"]
    topic: Topic


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from check_topic(table, file)
    known = 'write an entity as in its topic: "binary_sensor/call", "binary_sensor/call long" or "event/remote press"'
    yield from key_map.check(table, file, lambda action: _ACTION.fullmatch(action) is not None, known)


def _build(device: EspHomeSettings, context: Context) -> Adapter | None:
    mqtt = context.shared.get(MqttAdapter)
    if mqtt is None:
        return None
    actions, entities, used = {}, set(), set()
    for action in device.keys:
        found = _ACTION.fullmatch(action)
        assert found is not None, "the configuration has been checked"
        sensor, gesture, event, what = found.groups()
        entities.add(sensor or event)
        if sensor:
            used.add((sensor, gesture or SINGLE))
            actions[f"{sensor} {gesture or SINGLE}"] = action
        else:
            actions[f"{event} {what}"] = action
    gestures = Gestures(used) if used else None
    return MqttButton(device, EspHome(device.topic, entities), context, mqtt, actions=actions, gestures=gestures)


KIND = Kind("esphome", EspHomeSettings, _build, _check, order=80)
