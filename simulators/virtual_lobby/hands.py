"""What a visitor of the page does: presses keys at the devices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import aiomqtt
from pydantic import BaseModel, ConfigDict, Field

from controller.config import Settings
from controller.devices.mqtt_keypad import MqttKeypadSettings
from controller.devices.mqtt_kiosk import MqttKioskSettings
from controller.devices.mqtt_panel import MqttPanelSettings
from drivers.terminal68 import Key
from simulators.buttons import Buttons
from simulators.cards import CardReaderFarEnd
from simulators.stage import Placed, Stage
from simulators.terminals import TerminalBus

TERMINAL_KEYS: Mapping[str, tuple[Key, str]] = {
    "CALL": (Key.CALL, ""),
    "RECALL": (Key.RECALL, ""),
    "NOSHOW": (Key.CONFIRM, "6"),
    "HOLD": (Key.CONFIRM, "0"),
    "UNHOLD": (Key.CONFIRM, "3"),
    "UNDO": (Key.CANCEL, ""),
    "TRANSFER": (Key.TRANSFER, ""),
    "PAUSE": (Key.PAUSE, ""),
    "EVALUATE": (Key.EVALUATE, ""),
}
"""A terminal's keys: the byte, and the digit that is always typed before it."""
KEYPAD_KEYS = (
    "CALL", "RECALL", "START", "FINISH", "NOSHOW", "HOLD", "UNHOLD", "UNDO", "TRANSFER", "PAUSE", "CLOSE", "EVALUATE",
    "OPEN",
)  # fmt: skip
PANEL_KEYS = ("GREEN", "URGENT", "REASSIGN", "RETURN", "CANCEL", "REPRINT", "WHY", "ACCEPT", "DECLINE", "NEWDAY")
SCORES = range(1, 6)

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


class Press(BaseModel):
    """A key of a device; what is typed or chosen with it depends on its kind."""

    model_config = _STRICT

    key: Annotated[str, Field(min_length=1, max_length=16)]
    address: Annotated[int, Field(ge=1, le=99)] | None = None
    """Which of the terminals and raters on a bus."""
    digits: Annotated[str, Field(max_length=19, pattern=r"^[0-9]*$")] = ""
    ticket: Annotated[str, Field(max_length=16)] = ""
    service: Annotated[str, Field(max_length=32)] = ""
    counter: Annotated[str, Field(max_length=8)] = ""
    reason: Annotated[str, Field(max_length=200)] = ""
    klass: Annotated[str, Field(max_length=32, alias="class")] = ""


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
            case MqttKeypadSettings(counter=counter):
                _known(press.key, KEYPAD_KEYS)
                return await self._send(f"keypad/{counter}", key=press.key, digits=press.digits)
            case MqttPanelSettings(id=id):
                _known(press.key, PANEL_KEYS)
                about = {name: getattr(press, name) for name in ("ticket", "service", "counter", "reason")}
                return await self._send(f"panel/{id}", key=press.key, **about)
            case MqttKioskSettings(id=id):
                _known(press.key, ("TAKE",))
                return await self._send(f"kiosk/{id}", key="TAKE", service=press.service, **{"class": press.klass})
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

    async def _send(self, topic: str, **content: Any) -> dict[str, Any]:
        buttons = self._buttons()
        if buttons is None:
            raise NobodyAnswersError("press.no_broker")
        try:
            async with asyncio.timeout(ANSWER):
                answer = await buttons.press(topic, **content)
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
            _known(press.key, TERMINAL_KEYS)
            key, always = TERMINAL_KEYS[press.key]
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
