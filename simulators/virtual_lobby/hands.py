"""What a visitor of the page does: presses keys at the devices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import aiomqtt
from pydantic import BaseModel, ConfigDict, Field

from controller.config import MqttKeypad, MqttKiosk, MqttPanel, Settings
from controller.lobby.actions.press import Where
from controller.lobby.actions.rating import SCORES
from controller.presses import ON_TERMINAL, fields, keys, with_fields
from simulators.buttons import Buttons
from simulators.cards import CardReaderFarEnd
from simulators.stage import Placed, Stage
from simulators.terminals import TerminalBus

ANSWER = 3.0
"""Seconds that a visitor waits for an answer: less than the page does, which would press again."""
BEEP = 0.15
"""Seconds within which a beep follows its echo."""
GLANCE = 0.01


class UnknownDeviceError(LookupError):
    """There is no such device, or nothing at it can be pressed."""


class UnknownKeyError(ValueError):
    """The device is there, but has no such key."""


class NobodyAnswersError(Exception):
    """A press that was not answered; `why` is a key of the page's words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


_STRICT = ConfigDict(strict=True, frozen=True, extra="forbid", populate_by_name=True)


@with_fields(Where.COUNTER)
@with_fields(Where.PANEL)
@with_fields(Where.KIOSK)
class Press(BaseModel):
    """A key of a device; what is typed or chosen with it depends on its kind."""

    model_config = _STRICT

    key: Annotated[str, Field(min_length=1, max_length=16)]
    address: Annotated[int, Field(ge=1, le=99)] | None = None
    """Which of the terminals and raters on a bus."""
    digits: Annotated[str, Field(max_length=19, pattern=r"^[0-9]*$")] = ""
    """Of a card too."""


class Hands:
    """A visitor's hands. `buttons` gives the connection of the MQTT devices, None while there is no broker."""

    def __init__(
        self, settings: Settings, stage: Stage, buttons: Callable[[], Buttons | None], words: Mapping[str, str]
    ) -> None:
        self._placed = stage.placed
        self._mqtt = {device.id: device for device in settings.devices} if settings.mqtt else {}
        self._buttons = buttons
        self._words = words

    async def press(self, device: str, press: Press) -> dict[str, Any]:
        """Press a key, and wait for what the device hears of it: {result, text, ticket?}.

        UnknownDeviceError, UnknownKeyError, or NobodyAnswersError after `ANSWER` seconds.
        """
        match self._mqtt.get(device):
            case MqttKeypad(counter=counter):
                return await self._send(f"keypad/{counter}", Where.COUNTER, press)
            case MqttPanel(id=id):
                return await self._send(f"panel/{id}", Where.PANEL, press)
            case MqttKiosk(id=id):
                return await self._send(f"kiosk/{id}", Where.KIOSK, press)
        placed = self._placed.get(device)
        match placed and placed.far_end:
            case TerminalBus() as bus if placed:
                return await self._at_bus(bus, placed, press)
            case CardReaderFarEnd() as reader if placed:
                _known(press.key, ("SWIPE",))
                if not 12 <= len(press.digits) <= 19:
                    raise UnknownKeyError("a card number has 12 to 19 digits")
                self._plugged(placed)
                reader.swipe(press.digits)
                placed.wire.poke()
                return {"result": "ok", "text": self._words["reader.swiped"]}
        raise UnknownDeviceError(device)

    # -- inside ----------------------------------------------------------------------------------------------

    async def _send(self, topic: str, where: Where, press: Press) -> dict[str, Any]:
        _known(press.key, keys(where))
        typed = press.model_dump(by_alias=True, exclude_unset=True, include={field.name for field in fields(where)})
        buttons = self._buttons()
        if buttons is None:
            raise NobodyAnswersError("press.no_broker")
        try:
            async with asyncio.timeout(ANSWER):
                answer = await buttons.press(topic, key=press.key, **typed)
        except (TimeoutError, aiomqtt.MqttError):
            raise NobodyAnswersError("press.no_answer") from None
        return {name: answer[name] for name in ("result", "text", "ticket", "printed") if name in answer}

    async def _at_bus(self, bus: TerminalBus, placed: Placed, press: Press) -> dict[str, Any]:
        address = press.address
        if address in bus.raters:
            if press.key != "RATE" or press.digits not in map(str, SCORES):
                raise UnknownKeyError("a rater has RATE with one digit from 1 to 5")
            heard: Any = bus.raters[address]
            self._plugged(placed)
            echoes = heard.echoes
            bus.rate(address, int(press.digits))
        elif address in bus.terminals:
            _known(press.key, ON_TERMINAL)
            key, always = ON_TERMINAL[press.key]
            heard = bus.terminals[address]
            self._plugged(placed)
            echoes, beeps = heard.echoes, heard.beeps
            bus.press(address, key, always or press.digits[:6])
        else:
            raise UnknownDeviceError(f"address {address}")
        placed.wire.poke()
        if not await _seen(lambda: heard.echoes > echoes, ANSWER):
            raise NobodyAnswersError("press.no_echo")
        if address in bus.terminals and await _seen(lambda: heard.beeps > beeps, BEEP):
            return {"result": "refused", "text": self._words["terminal.beeped"]}
        return {"result": "ok", "text": self._words["terminal.echoed"]}

    @staticmethod
    def _plugged(placed: Placed) -> None:
        if not placed.wire.plugged:
            raise NobodyAnswersError("press.unplugged")


def _known(key: str, keys: Any) -> None:
    if key not in keys:
        raise UnknownKeyError(f"there is no key {key} here; there are {', '.join(keys)}")


async def _seen(happened: Callable[[], bool], seconds: float) -> bool:
    """Whether it is to be seen within that time: a device tells nobody that its lamp has come on."""
    try:
        async with asyncio.timeout(seconds):
            while not happened():  # noqa: ASYNC110
                await asyncio.sleep(GLANCE)
    except TimeoutError:
        return False
    return True
