"""A Zigbee button behind Zigbee2MQTT. Its actions are what its page there names, such as "single" or "1_double"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from controller.devices import key_map
from controller.devices.kit import Adapter, Context, Fault, File, Kind, Table
from controller.devices.mqtt import MqttAdapter
from controller.devices.mqtt_buttons import ButtonSettings, MqttButton, Topic, check_topic
from controller.devices.settings import BrokerUser, between
from drivers.mqtt_buttons import Reader, Zigbee2Mqtt


class Zigbee2MqttSettings(ButtonSettings):
    """A Zigbee button behind Zigbee2MQTT. `topic`: the bridge's base topic and the button's name; `base`: the base
    topic, if it is not what stands before the first "/"; `repeat_ms`: for how long the same action is the same press.
    """

    driver: Literal["zigbee2mqtt"]
    base: Topic | None = None
    repeat_ms: Annotated[int, between(0, 5000, "milliseconds")] = 400
    """A radio repeats what is not acknowledged, and a remote that is bound and in a group is heard twice; the bridge
    passes both on, without a mark. People who press twice have that told by the button itself, as "double"."""

    def reader(self) -> Reader:
        return Zigbee2Mqtt(self.topic, self._bridge)

    def on_broker(self, root: str) -> BrokerUser:
        """The bridge, once for all of its buttons."""
        own = (f"{self._bridge}/#",)
        return BrokerUser(re.sub(r"[^A-Za-z0-9_-]", "-", self._bridge), own, own)

    @property
    def _bridge(self) -> str:
        return self.base or self.topic.partition("/")[0]


def _check(table: Table, file: File) -> Iterator[Fault]:
    yield from check_topic(table, file)
    yield from key_map.check(table, file)
    topic = table.get("topic")
    if isinstance(topic, str) and topic.endswith("/action"):
        name = topic.removesuffix("/action")
        yield ("topic",), f'it is the twin for Home Assistant, which is not always there; write "{name}"'
    if isinstance(topic, str) and "/" not in topic:
        yield ("topic",), f'it has the base topic before the name, as in "zigbee2mqtt/{topic}"'


def _build(device: Zigbee2MqttSettings, context: Context) -> Adapter | None:
    mqtt = context.shared.get(MqttAdapter)
    return mqtt and MqttButton(device, context, mqtt, repeat=device.repeat_ms / 1000)


KIND = Kind("zigbee2mqtt", Zigbee2MqttSettings, _build, _check, order=80)
