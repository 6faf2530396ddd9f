"""Buttons of other makers on MQTT: what Zigbee2MQTT, ESPHome, Tasmota and Shelly publish of them.

A press is published as the maker's documentation has it, with what comes beside it: a twin topic, an empty action, the
events of going down and up. They get no answer. `online` and `offline` are what their last wills say.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiomqtt

from controller.devices.esphome import EspHomeSettings
from controller.devices.key_map import KeysSettings
from controller.devices.shelly import ShellySettings
from controller.devices.tasmota import TasmotaSettings
from controller.devices.zigbee2mqtt import Zigbee2MqttSettings
from controller.lobby.model.rules import Rules
from drivers.gestures import DOUBLE, HELD_FOR, LONG
from simulators.devices.kit import NobodyAnswersError, Press, Simulated, Visitor, known

ONLINE, OFFLINE = "online", "offline"


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a device. `after`: seconds since the one before it."""

    topic: str
    payload: str
    qos: int = 0
    retain: bool = False
    after: float = 0.0


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False)


class SimulatedMqttButton(Simulated):
    """A device with such buttons; its keys are the actions of its key map."""

    device: KeysSettings
    last = ""
    """What was done with it last."""

    def pressed(self, action: str) -> Iterator[Said]:
        """What it publishes of an action."""
        raise NotImplementedError

    def available(self, is_online: bool) -> Iterator[Said]:
        """What is published, and retained, when it comes and goes."""
        raise NotImplementedError

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        say, counter = rules.wording.say, self.device.counter
        kind = say(f"kind.{self.device.driver}")
        title = say("kind.at", kind=kind, counter=counter) if counter else kind
        yield "others", {"id": self.device.id, "title": title}

    def shows(self) -> tuple[str, Any]:
        return "others", {"lines": [self.last], "keys": [*self.device.keys, ONLINE, OFFLINE]}

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        known(press.key, (*self.device.keys, ONLINE, OFFLINE))
        buttons = self.buttons
        if buttons is None or not buttons.connected:
            raise NobodyAnswersError("press.no_broker")
        try:
            await self._publish(press.key)
        except (TimeoutError, aiomqtt.MqttError):
            raise NobodyAnswersError("press.no_broker") from None
        if buttons.faults.bounce and press.key in self.device.keys:
            buttons.bounce(lambda: self._publish(press.key))
        self.last = press.key
        return {"result": "ok", "text": visitor.words["press.published"]}

    async def _publish(self, key: str) -> None:
        assert self.buttons
        messages = self.pressed(key) if key in self.device.keys else self.available(key == ONLINE)
        for said in messages:
            await asyncio.sleep(said.after)
            await self.buttons.publish(said.topic, said.payload, qos=said.qos, retain=said.retain)


class SimulatedZigbee(SimulatedMqttButton):
    """A Zigbee button behind Zigbee2MQTT with its Home Assistant integration, in the old setting."""

    device: Zigbee2MqttSettings

    def pressed(self, action: str) -> Iterator[Said]:
        topic = self.device.topic
        yield Said(topic, _json({"action": action, "battery": 100, "linkquality": 102}))
        yield Said(f"{topic}/action", action)
        yield Said(topic, _json({"action": "", "battery": 100, "linkquality": 102}))

    def available(self, is_online: bool) -> Iterator[Said]:
        state = ONLINE if is_online else OFFLINE
        yield Said(f"{self.device.topic}/availability", _json({"state": state}), retain=True)


class SimulatedEspHome(SimulatedMqttButton):
    """A board with ESPHome, which retains everything that it says."""

    device: EspHomeSettings
    booted = False

    def pressed(self, action: str) -> Iterator[Said]:
        if not self.booted:
            yield from self.available(True)
        entity, _, what = action.partition(" ")
        topic = f"{self.device.topic}/{entity}/state"
        if entity.startswith("event/"):
            yield Said(topic, _json({"event_type": what}), retain=True)
            return
        for _ in range(2 if what == DOUBLE else 1):
            yield Said(topic, "ON", retain=True)
            yield Said(topic, "OFF", retain=True, after=HELD_FOR * 1.5 if what == LONG else 0)

    def available(self, is_online: bool) -> Iterator[Said]:
        yield Said(f"{self.device.topic}/status", ONLINE if is_online else OFFLINE, retain=True)
        self.booted = is_online
        entities = {action.partition(" ")[0] for action in self.device.keys}
        for entity in sorted(entities) if is_online else ():
            if entity.startswith("binary_sensor/"):
                yield Said(f"{self.device.topic}/{entity}/state", "OFF", retain=True)


class SimulatedTasmota(SimulatedMqttButton):
    """A device with Tasmota and SetOption73 1."""

    device: TasmotaSettings

    def _topic(self, prefix: str, last: str) -> str:
        path = self.device.full_topic.replace("%prefix%", prefix).replace("%topic%", self.device.topic)
        return f"{path.rstrip('/')}/{last}"

    def pressed(self, action: str) -> Iterator[Said]:
        *button, what = action.split(" ")
        number = re.sub(r"\D", "", button[0]) if button else "1"
        yield Said(self._topic("stat", "RESULT"), _json({f"Button{number}": {"Action": what.upper()}}))

    def available(self, is_online: bool) -> Iterator[Said]:
        yield Said(self._topic("tele", "LWT"), "Online" if is_online else "Offline", qos=1, retain=True)


class SimulatedShelly(SimulatedMqttButton):
    """A Shelly of the second generation."""

    device: ShellySettings

    def pressed(self, action: str) -> Iterator[Said]:
        *input_, what = action.split(" ")
        id = int(input_[0]) if input_ else 0
        for event in dict.fromkeys(("btn_down", "btn_up", what)):
            yield self._event(id, event)

    def _event(self, id: int, event: str) -> Said:
        assert self.buttons
        src, ts = self.device.topic, self.buttons.now() / 1000
        events = [{"component": f"input:{id}", "id": id, "event": event, "ts": ts}]
        content = {"src": src, "dst": f"{src}/events", "method": "NotifyEvent", "params": {"ts": ts, "events": events}}
        return Said(f"{src}/events/rpc", _json(content), qos=1)

    def available(self, is_online: bool) -> Iterator[Said]:
        yield Said(f"{self.device.topic}/online", "true" if is_online else "false", qos=1, retain=True)
