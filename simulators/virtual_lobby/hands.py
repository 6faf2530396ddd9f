"""Presses by the user of the virtual lobby."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import aiomqtt

from controller.config import Settings
from controller.lobby.actions.press import Where
from controller.presses import fields, keys
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.devices.kit import ANSWER, NobodyAnswersError, Press, UnknownDeviceError, known


class Hands:
    """Presses keys of the simulated devices. `buttons`: the connection of the MQTT devices, None while there is no
    broker."""

    def __init__(
        self,
        settings: Settings,
        simulated: SimulatedBranch,
        buttons: Callable[[], Buttons | None],
        words: Mapping[str, str],
    ) -> None:
        self._devices = {
            id: device for id, device in simulated.devices.items() if settings.mqtt is not None or not device.topic
        }
        self._buttons = buttons
        self.words = words

    async def press(self, device: str, press: Press) -> dict[str, Any]:
        """As `Simulated.press`."""
        if device not in self._devices:
            raise UnknownDeviceError(device)
        return await self._devices[device].press(press, self)

    async def send(self, topic: str, where: Where, press: Press) -> dict[str, Any]:
        """Press a button on MQTT, and wait for its answer; UnknownKeyError, NobodyAnswersError."""
        known(press.key, keys(where))
        typed = press.model_dump(by_alias=True, exclude_unset=True, include={field.name for field in fields(where)})
        buttons = self._buttons()
        if buttons is None or not buttons.connected:
            raise NobodyAnswersError("press.no_broker")
        try:
            async with asyncio.timeout(ANSWER):
                answer = await buttons.press(topic, key=press.key, **typed)
        except (TimeoutError, aiomqtt.MqttError):
            raise NobodyAnswersError("press.no_answer") from None
        return {name: answer[name] for name in ("result", "text", "ticket", "printed") if name in answer}
