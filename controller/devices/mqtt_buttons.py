"""Buttons on MQTT that are not ours: what Zigbee2MQTT, ESPHome, Tasmota and Shelly have in common.

They say what was done with them and get no answer. A press that the broker has kept is an old one and never acts; a
press that has just been published acts, whatever flag it has. What they say of being connected becomes their health.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from controller.devices.key_map import KeysAdapter, KeysSettings
from controller.devices.kit import Context, Fault, File, Table
from controller.devices.mqtt import CLOCKS_APART, MqttAdapter, needs_broker
from controller.devices.settings import BrokerUser, DeviceSettings, takes
from drivers import mqtt_buttons
from drivers.device import OK, Health
from drivers.gestures import Gestures
from drivers.mqtt import TOPICS_BEGIN, Heard
from drivers.mqtt_buttons import Battery, Moved, Pressed, Reader, There, Unreadable
from drivers.waker import Due, Waker

log = logging.getLogger(__name__)

TELL_AGAIN = 3600.0
"""Seconds between two lines of the log about what cannot be read, or comes too late, of one device."""

Topic = Annotated[
    str,
    takes(
        "a topic without + and #, 1 to 200 characters in quotes",
        min_length=1,
        max_length=200,
        pattern=r"^[^+#\x00/]([^+#\x00]*[^+#\x00/])?$",
    ),
]


class ButtonSettings(KeysSettings):
    """What the table of every such device has. `topic`: where it publishes, as its kind says."""

    topic: Topic

    def reader(self) -> Reader:
        """What makes sense of its messages."""
        raise NotImplementedError

    def on_broker(self, root: str) -> BrokerUser:
        """By default it has all that is below its topic to itself. It subscribes to commands there, which nobody may
        publish; some devices connect again and again if they may not."""
        own = (f"{self.topic}/#",)
        return BrokerUser(self.id, own, own)


def readers(devices: Iterable[DeviceSettings]) -> dict[str, Reader]:
    """Those of all such devices, by device."""
    return {device.id: device.reader() for device in devices if isinstance(device, ButtonSettings)}


UNHEARD = Health("ok", "button_unheard")
"""Nothing is known before it says something."""


def check_topic(table: Table, file: File) -> Iterator[Fault]:
    """What every such device needs: the broker, and a topic that no other has."""
    yield from needs_broker(table, file)
    topic = table.get("topic")
    for other in file.before:
        if topic is not None and (other.get("driver"), other.get("topic")) == (table["driver"], topic):
            yield (
                ("topic",),
                f'device "{other.get("id")}" has that topic already, and each press would act twice; put all keys into '
                'one table, with @ for those of other counters, such as "CALL @3"',
            )
    if isinstance(topic, str) and topic.partition("/")[0] == TOPICS_BEGIN:
        yield ("topic",), f'topics that begin with "{TOPICS_BEGIN}" are the lobby\'s own; give the device another'


class MqttButton(KeysAdapter):
    """One such device. `actions`: its own words, as they are compared, for those of its key map; `repeat`: seconds in
    which the same action without a mark of its own is the same press; `gestures`: of buttons that only go down and up.
    """

    def __init__(
        self,
        device: ButtonSettings,
        context: Context,
        mqtt: MqttAdapter,
        *,
        actions: Mapping[str, str] | None = None,
        repeat: float = 0.0,
        gestures: Gestures | None = None,
    ) -> None:
        super().__init__(device, context)
        self._reader, self._mqtt, self._repeat = device.reader(), mqtt, repeat
        self._actions = {key: key for key in device.keys} if actions is None else actions
        self._gestures = gestures
        due = gestures.next_deadline if gestures else lambda: None
        self._waker = Waker(due, lambda fact: context.heard(self.id, fact), context.steady)
        context.run(self.id, self._waker)
        self._connection = 0
        """The connection on which the gestures under way have begun."""
        self._heard_at: dict[str, float] = {}
        """Action -> when it last acted, in monotonic seconds."""
        self._there: dict[str, bool | None] = {}
        self._spoke = False
        """Whether it has said anything that can be understood."""
        self._is_low = False
        self._late = 0
        """Presses in a row that came too late by the device's clock; a single one may have been delivered again."""
        self._told: dict[str, float] = {}
        """What is wrong with what it says -> when that was logged last, in monotonic seconds."""
        for topic, kept in self._reader.topics.items():
            mqtt.listen(topic, self.id, kept=kept)

    def left(self) -> None:
        self._mqtt.unlisten(self.id)

    def heard(self, fact: object) -> None:
        self._forget_if_lost()
        if isinstance(fact, Heard):
            if fact.stored and not self._reader.topics.get(fact.topic):
                return
            for each in mqtt_buttons.read(self._reader, fact.topic, fact.payload):
                self._understood(each, fact)
        elif isinstance(fact, Due):
            for button, gesture in self._gestures.tick(fact.now) if self._gestures else ():
                self._act(f"{button} {gesture}")
            self._report()
        else:
            super().heard(fact)
        if self._gestures:
            self._waker.poke()

    def _forget_if_lost(self) -> None:
        """What was under way when the connection was lost is no press; the next states are where to begin."""
        if self._gestures and (self._connection != self._mqtt.connection or not self._mqtt.is_connected):
            self._connection = self._mqtt.connection
            self._gestures.forget()

    def _understood(self, fact: mqtt_buttons.Fact, heard: Heard) -> None:
        match fact:
            case Unreadable(why):
                self._tell(f"notice.unreadable_{why.replace('-', '')}", topic=heard.topic)
                return
            case There(what, is_there):
                self._there[what] = is_there
                if what == "device" and self._gestures and not heard.stored:
                    self._gestures.forget()  # it has come or gone, and tells its states anew, which are no presses
            case Battery(is_low):
                self._is_low = is_low
            case Moved(button, is_down):
                assert self._gestures
                for each, gesture in self._gestures.set(button, is_down, self.context.steady()):
                    self._act(f"{each} {gesture}")
            case Pressed():
                self._there = {what: True for what, known in self._there.items() if known is not None}
                self._spoke = True
                self._pressed(fact)
        self._spoke = self._spoke or not isinstance(fact, There)
        self._report()

    def _pressed(self, pressed: Pressed) -> None:
        if pressed.at is not None:
            late = self.context.now() - pressed.at * 1000
            self._late = self._late + 1 if abs(late) > CLOCKS_APART else 0
            if self._late:
                self._tell("notice.press_late", seconds=round(late / 1000))
                return
        self._act(pressed.action, pressed.mark)

    def _act(self, action: str, mark: str = "") -> None:
        """Press the key of an action, if it has one, unless it is the same press again."""
        key = self._actions.get(action)
        if key is None:
            return
        now = self.context.steady()
        last = self._heard_at.get(action)
        if not mark and last is not None and now - last < self._repeat:
            return
        self._heard_at[action] = now
        self.keys.press(key, mark=mark)

    def _report(self) -> None:
        self.context.health(self.id, self._health(), "")

    def _health(self) -> Health:
        if self._there.get("bridge") is False:
            return Health("offline", "bridge_offline")
        if self._there.get("device") is False:
            return Health("offline", "button_offline")
        if self._late > 1:
            return Health("degraded", "button_clock")
        if self._is_low:
            return Health("degraded", "battery_low")
        return OK if self._spoke or self._there.get("device") else UNHEARD

    def _tell(self, what: str, **about: object) -> None:
        now = self.context.steady()
        if now >= self._told.get(what, now):
            self._told[what] = now + TELL_AGAIN
            log.warning("%s: %s", self.id, self.context.rules.wording.say(what, **about))
