"""Buttons of a device with Tasmota. Its actions are SINGLE to PENTA and HOLD, of any button, or of one: "button2
SINGLE"; capitals or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from controller.devices import key_map
from controller.devices.key_map import KeysSettings
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.mqtt import MqttAdapter
from controller.devices.mqtt_buttons import MqttButton, Topic, check_topic
from controller.devices.settings import takes
from drivers.mqtt_buttons import Tasmota

BUTTONS = 8
"""Buttons of an ordinary device; those beyond it are heard if they have keys of their own."""
_ACTION = re.compile(r"(?:button([1-9][0-9]?) )?(single|double|triple|quad|penta|hold)", re.IGNORECASE)


class TasmotaSettings(KeysSettings):
    """Buttons of a device with Tasmota and SetOption73 1. `topic`, `full_topic`: its Topic and FullTopic."""

    driver: Literal["tasmota"]
    topic: Topic
    full_topic: Annotated[str, takes("FullTopic as on its console, with %prefix% and %topic%, in quotes")] = (
        "%prefix%/%topic%/"
    )


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from check_topic(table, file)
    full = table.get("full_topic", "")
    if isinstance(full, str) and full and not _is_full(full):
        yield ("full_topic",), "it has %prefix% and %topic% in it, and neither + nor #"
    known = 'it has SINGLE, DOUBLE, TRIPLE, QUAD, PENTA and HOLD, of one button as in "button2 SINGLE"'
    yield from key_map.check(table, file, lambda action: _ACTION.fullmatch(action) is not None, known)


def _is_full(text: str) -> bool:
    return "%prefix%" in text and "%topic%" in text and not re.search(r"[+#\x00]|^/", text)


def _build(device: TasmotaSettings, context: Context) -> Adapter | None:
    mqtt = context.shared.get(MqttAdapter)
    if mqtt is None:
        return None
    of_one, of_any = {}, {}
    for action in device.keys:
        found = _ACTION.fullmatch(action)
        assert found is not None, "the configuration has been checked"
        if found[1]:
            of_one[int(found[1]), found[2].lower()] = action
        else:
            of_any[found[2].lower()] = action
    numbers = {number for number, _ in of_one} | (set(range(1, BUTTONS + 1)) if of_any else set())
    actions = {f"button{number} {what}": key for number in numbers for what, key in of_any.items()}
    actions |= {f"button{number} {what}": key for (number, what), key in of_one.items()}
    reader = Tasmota(device.topic, device.full_topic, numbers)
    return MqttButton(device, reader, context, mqtt, actions=actions)


KIND = Kind("tasmota", TasmotaSettings, _build, _check, order=80)
