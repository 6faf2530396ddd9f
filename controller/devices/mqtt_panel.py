"""The lobby manager's buttons on MQTT."""

from __future__ import annotations

from typing import Literal

from controller.devices.kit import Context, Kind
from controller.devices.mqtt import MqttAdapter, needs_broker
from controller.devices.settings import BrokerUser, DeviceSettings


class MqttPanelSettings(DeviceSettings):
    """The lobby manager's buttons."""

    driver: Literal["mqtt-panel"]

    @property
    def presses_on(self) -> str:
        return f"panel/{self.id}"

    def on_broker(self, root: str) -> BrokerUser:
        own = root + self.presses_on
        reads = (f"{own}/ack", *(f"{root}{level}" for level in ("board", "advice", "day", "device/+", "status")))
        return BrokerUser(self.id, (f"{own}/press",), reads)


def _build(device: MqttPanelSettings, context: Context) -> None:
    mqtt = context.shared.get(MqttAdapter)
    if mqtt:
        mqtt.panels.append(device.id)


KIND = Kind("mqtt-panel", MqttPanelSettings, _build, needs_broker, order=80)
