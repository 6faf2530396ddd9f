"""A clerk's keypad on MQTT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.devices.mqtt_keypad import MqttKeypadSettings
from controller.lobby.actions.press import Where
from controller.lobby.model.rules import Rules
from simulators.buttons import Buttons
from simulators.devices.kit import Pad, Press, Simulated, Visitor


class MqttPad:
    """A clerk at such a keypad."""

    def __init__(self, buttons: Buttons, counter: str) -> None:
        self._buttons, self._counter = buttons, counter

    async def press(self, key: str, digits: str = "") -> bool:
        answer = await self._buttons.press(f"keypad/{self._counter}", key=key, digits=digits)
        return bool(answer["result"] == "ok")

    def waiting(self) -> int:
        return int(self._buttons.screen(self._counter).get("waiting", 0))

    async def call(self) -> bool:
        answer = await self._buttons.press(f"keypad/{self._counter}", key="CALL", digits="")
        return bool(answer["result"] == "ok" and answer["ticket"])

    async def started(self) -> None:
        await self.press("START")


class SimulatedKeypad(Simulated):
    """A clerk's keypad on MQTT."""

    device: MqttKeypadSettings
    USED_BY = "clerk"

    @property
    def topic(self) -> str:
        return f"keypad/{self.device.counter}"

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield from ()

    def stands_at(self, rules: Rules) -> Iterator[tuple[str, str, Any]]:
        yield self.device.counter, "keypads", self.device.id

    def shows(self) -> tuple[str, Any]:
        retained = self.buttons.retained if self.buttons else {}
        return "keypads", retained.get(f"{self.topic}/screen") or {}

    def pads(self) -> Mapping[str, Pad]:
        return {self.device.counter: MqttPad(self.buttons, self.device.counter)} if self.buttons else {}

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        return await visitor.send(self.topic, Where.COUNTER, press)
