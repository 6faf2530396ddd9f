"""Ticket buttons on MQTT."""

from __future__ import annotations

from typing import Annotated, Literal

from controller.devices.kit import Context, Kind
from controller.devices.mqtt import MqttAdapter, needs_broker
from controller.devices.settings import DeviceSettings, between, takes


class MqttKioskSettings(DeviceSettings):
    """Ticket buttons. `hold_off`: seconds in which TAKE again gives the same ticket; `screen`: can show a number."""

    driver: Literal["mqtt-kiosk"]
    hold_off: Annotated[float, between(0, 60, "seconds")] = 2
    screen: Annotated[bool, takes("true or false")] = False


def _build(device: MqttKioskSettings, context: Context) -> None:
    mqtt = context.shared.get(MqttAdapter)
    if mqtt:
        mqtt.kiosks[device.id] = (device.hold_off, device.screen)


KIND = Kind("mqtt-kiosk", MqttKioskSettings, _build, needs_broker, order=80)
