"""The lobby manager's panel on MQTT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controller.devices.mqtt_panel import MqttPanelSettings
from controller.lobby.actions.press import Where
from controller.lobby.model.rules import Rules
from simulators.devices.kit import Press, Simulated, Visitor


class SimulatedPanel(Simulated):
    """The lobby manager's panel on MQTT."""

    device: MqttPanelSettings
    USED_BY = "manager"

    @property
    def topic(self) -> str:
        return f"panel/{self.device.id}"

    def stands(self, rules: Rules) -> Iterator[tuple[str, Any]]:
        yield "panels", self.device.id

    async def press(self, press: Press, visitor: Visitor) -> dict[str, Any]:
        return await visitor.send(self.topic, Where.PANEL, press)
