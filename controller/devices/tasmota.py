"""Buttons of a device with Tasmota. Its actions are SINGLE to PENTA and HOLD, of any button, or of one: "button2
SINGLE"; capitals or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from controller.devices import key_map
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.mqtt import MqttAdapter
from controller.devices.mqtt_buttons import ButtonSettings, MqttButton, check_topic
from controller.devices.settings import BrokerUser, takes
from drivers.mqtt_buttons import Reader, Tasmota, tasmota_topic

BUTTONS = 8
"""Buttons of an ordinary device; those beyond it are heard if they have keys of their own."""
_ACTION = re.compile(r"(?:button([1-9][0-9]?) )?(single|double|triple|quad|penta|hold)", re.IGNORECASE)


class TasmotaSettings(ButtonSettings):
    """Buttons of a device with Tasmota and SetOption73 1. `topic`, `full_topic`: its Topic and FullTopic."""

    driver: Literal["tasmota"]
    full_topic: Annotated[str, takes("FullTopic as on its console, with %prefix% and %topic%, in quotes")] = (
        "%prefix%/%topic%/"
    )

    def reader(self) -> Reader:
        return Tasmota(self.topic, self.full_topic, {number for number, _, _ in _parsed(self)})

    def on_broker(self, root: str) -> BrokerUser:
        stat, tele, cmnd = (tasmota_topic(self.topic, self.full_topic, each, "#") for each in ("stat", "tele", "cmnd"))
        return BrokerUser(self.id, (stat, tele), (cmnd,))


def _parsed(device: TasmotaSettings) -> Iterator[tuple[int, str, str]]:
    """(button, what is done with it, action) of each key; those of any button before those of one."""
    found = [(match, action) for action in device.keys if (match := _ACTION.fullmatch(action))]
    for match, action in sorted(found, key=lambda each: each[0][1] is not None):
        for number in (int(match[1]),) if match[1] else range(1, BUTTONS + 1):
            yield number, match[2].lower(), action


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
    actions = {f"button{number} {what}": action for number, what, action in _parsed(device)}
    return MqttButton(device, context, mqtt, actions=actions)


KIND = Kind("tasmota", TasmotaSettings, _build, _check, order=80)
