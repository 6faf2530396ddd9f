"""A ticket button on MQTT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controller.devices.mqtt_kiosk import MqttKioskSettings
from controller.lobby.actions.press import Where
from controller.lobby.model.rules import Rules
from simulators.devices.kit import Press, Simulated, Visitor


class SimulatedKiosk(Simulated):
    """A ticket button on MQTT."""

    device: MqttKioskSettings
    USED_BY = "customer"

    @property
    def topic(self) -> str:
        return f"kiosk/{self.device.id}"

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield "kiosks", self.device.id

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        return await visitor.send(self.topic, Where.KIOSK, press)
