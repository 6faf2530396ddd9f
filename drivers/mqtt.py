"""The lobby on MQTT, without I/O: topics and payloads in, meaning out.

Below `lobby/<branch>/`: presses of keypads, of the manager's panels and of ticket buttons come in and are answered on
the `ack` topic beside them; boards, keypad screens, device states and the controller's own status are retained levels;
every journal row goes out as an event. A press that the broker has kept is an old one by nature and never taken, and
`drivers.mqtt_session` never uses a persistent session, which would deliver presses of an outage late.

Only the controller may publish levels: what others publish there is overwritten, and retained levels of devices that no
longer exist are cleared.

Beside them, `listen` hears single topics of devices that are not ours, wherever they are; and `announce` keeps retained
messages elsewhere, such as Home Assistant's discovery, on topics that are `ours`.

`(boot, seq)` identify a press: `boot` is new at each power-up of the device, `seq` counts. A press delivered again gets
the same answer and acts once; that is the controller's business.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

TOPICS_BEGIN = "lobby"
"""The first part of every topic of ours; the second is the branch."""
PRESS_LIMIT = 2048
"""Most bytes of a press."""
ANSWERS_LIMIT = 10_000
"""Answers kept while the broker is slow: more than the controller takes presses at a time."""
EVENTS_LIMIT = 5000
"""Events kept while the broker is slow; the oldest go first. Levels are always kept."""

Where = Literal["keypad", "panel", "kiosk"]
PRESS_TOPICS = tuple(f"{where}/+/press" for where in ("keypad", "panel", "kiosk"))
DEVICE_TOPICS = ("keypad/+/screen", "device/+")
"""Levels of single devices, which may be retained for devices that no longer exist."""
LEVEL_TOPICS = (*DEVICE_TOPICS, "status", "board", "triage", "advice", "alarms", "day")


class PressPayload(BaseModel):
    """What every press has: the key, and `boot` and `seq` to tell it from all others; `at` in ms since 1970, UTC.

    Subclasses add the fields of their keys.
    """

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)

    key: Annotated[str, Field(min_length=1, max_length=16)]
    boot: Annotated[str, Field(min_length=1, max_length=32)]
    seq: Annotated[int, Field(ge=0, lt=2**63)]
    at: Annotated[int, Field(ge=0, lt=2**53)] | None = None


@dataclass(frozen=True, slots=True)
class MqttPress:
    """A well-formed press; `id` is the counter of a keypad, else the device."""

    where: Where
    id: str
    payload: PressPayload


@dataclass(frozen=True, slots=True)
class BadPress:
    """A press that cannot be accepted. `field` names what is wrong: a field, `json`, `length` or `retained`.

    `boot` and `seq`: for the answer, as far as they could be read.
    """

    where: Where
    id: str
    field: str
    boot: Any = None
    seq: Any = None


@dataclass(frozen=True, slots=True)
class Foreign:
    """Another client has published on one of the controller's own topics."""

    topic: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A message on a topic of somebody else that is listened to. `stored`: the broker has kept it, nobody knows since
    when; otherwise it has just been published, with or without the retain flag."""

    topic: str
    payload: bytes
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish, QoS 1."""

    topic: str
    payload: bytes
    retain: bool
    seq: int = field(default=0, compare=False)
    """For an event: the number of its row."""


class MqttLobby:
    """One branch's topics. `root` is `lobby/<branch id>/`; `payloads`: what a press has at each place."""

    def __init__(self, branch: str, payloads: Mapping[Where, type[PressPayload]], devices: Iterable[str] = ()) -> None:
        self._payloads = payloads
        self.root = f"{TOPICS_BEGIN}/{branch}/"
        self.will = Message(f"{self.root}status", b"offline", True)
        self._expected: set[str] = set()
        self.expect(devices)
        self.listened: dict[str, bool] = {}
        """Topics of others that are listened to, and whether what the broker has kept there is wanted."""
        self.ours: list[str] = []
        """Filters of further topics on which only the controller publishes: what is kept there and not announced is
        cleared. The single wildcard that they may have is +."""
        self._again: dict[str, bytes] = {}
        """Announcements by topic, which are not refreshed: each costs its readers more than a level."""
        self._levels: dict[str, bytes] = {self.will.topic: b"online"}
        self._unsent: dict[str, None] = {}
        self._round: deque[str] = deque()
        """Levels still to be published again in this round."""
        self._wrong: dict[str, None] = {}
        """Levels that another client has overwritten."""
        self._orphans: dict[str, None] = {}
        """Topics to be cleared."""
        self._answers: deque[Message] = deque(maxlen=ANSWERS_LIMIT)
        self._events: deque[Message] = deque(maxlen=EVENTS_LIMIT)
        self.is_connected = False
        self.connections = 0
        """Connections to the broker so far."""
        self.confirmed = 0
        """The last row whose event the broker has confirmed; 0: none yet."""

    def expect(self, devices: Iterable[str]) -> None:
        """The states of these devices will be levels."""
        self._expected |= {f"{self.root}device/{id}" for id in devices}

    def listen(self, topic: str, *, kept: bool) -> None:
        """Hear what others publish on a topic; `kept`: also what the broker has kept, when the connection begins."""
        self.listened[topic] = self.listened.get(topic, False) or kept

    def unlisten(self, topic: str) -> None:
        """Hear it no longer."""
        self.listened.pop(topic, None)

    # -- what the controller says ----------------------------------------------------------------------------

    def level(self, topic: str, content: Mapping[str, Any]) -> None:
        """The present content of a retained topic below the root; sent if it has changed, and after every outage."""
        topic = self.root + topic
        payload = _json(content)
        if self._levels.get(topic) != payload:
            self._levels[topic] = payload
            self._unsent[topic] = None

    def clear(self, topic: str) -> None:
        """Clear a retained topic below the root: its object no longer exists."""
        self._clear(self.root + topic)

    def _clear(self, topic: str) -> None:
        if self._levels.pop(topic, None) is not None:
            self._unsent.pop(topic, None)
            self._wrong.pop(topic, None)
            self._round = deque(each for each in self._round if each != topic)
            self._orphans[topic] = None

    def announce(self, topic: str, content: Mapping[str, Any]) -> None:
        """The present content of a retained topic anywhere, one of `ours`."""
        payload = _json(content)
        if self._levels.get(topic) != payload:
            self._levels[topic] = self._again[topic] = payload
            self._unsent[topic] = None

    def withdraw(self, topic: str) -> None:
        """Clear an announcement."""
        self._again.pop(topic, None)
        self._clear(topic)

    def announce_again(self) -> None:
        """Publish every announcement again: somebody has come who may have missed them."""
        self._unsent |= dict.fromkeys(self._again)

    def say(self, topic: str, content: Mapping[str, Any]) -> None:
        """Something that has just happened, on a topic below the root: published once, and only while connected."""
        if self.is_connected:
            self._answers.append(Message(self.root + topic, _json(content), False))

    def answer(self, where: Where, id: str, content: Mapping[str, Any]) -> None:
        """The answer to a press: published once, and only while connected; a device without an answer presses again."""
        if self.is_connected:
            self._answers.append(Message(f"{self.root}{where}/{id}/ack", _json(content), False))

    def event(self, seq: int, content: Mapping[str, Any]) -> None:
        """The event of row `seq`: published while connected, and again if it is not confirmed."""
        if self.is_connected:
            self._events.append(Message(f"{self.root}event", _json(content), False, seq))

    def published(self, message: Message) -> None:
        """The broker has confirmed a message."""
        self.confirmed = max(self.confirmed, message.seq)

    # -- what the wire does ----------------------------------------------------------------------------------

    def connected(self) -> None:
        """Connected to the broker: what it retains may be old, so every level is published again."""
        self.is_connected = True
        self.connections += 1
        self._unsent = dict.fromkeys(self._levels)

    def disconnected(self) -> None:
        """The broker is gone; queued answers and events are dropped."""
        self.is_connected = False
        self._answers.clear()
        self._events.clear()
        self._wrong.clear()
        self._orphans.clear()

    def receive(
        self, topic: str, payload: bytes, *, stored: bool = False, retain: bool = False
    ) -> MqttPress | BadPress | Foreign | Heard | None:
        """Interpret a message of another client; None: not for us.

        `stored`: it was retained by the broker. `retain`: just published with the flag; known only in MQTT 5.
        """
        if topic in self.listened:
            return None if stored and not self.listened[topic] else Heard(topic, payload, stored)
        if any(_fits(topic, each) for each in self.ours):
            return self._on_ours(topic, payload, stored, is_devices=True)
        if not topic.startswith(self.root):
            return None
        where, *rest = topic.removeprefix(self.root).split("/")
        if len(rest) == 2 and rest[1] == "press" and where in self._payloads:
            if stored or (retain and not payload):  # an old one, or what clears it
                return None
            return self._read(where, rest[0], payload, retain=retain)  # type: ignore[arg-type]
        is_devices = (where, len(rest)) == ("device", 1) or (where == "keypad" and rest[1:] == ["screen"])
        return self._on_ours(topic, payload, stored, is_devices)

    def _on_ours(self, topic: str, payload: bytes, stored: bool, is_devices: bool) -> Foreign | None:
        """Somebody else has published where only we do, or the broker has kept something there. `is_devices`: it is of
        one object, which may be no more."""
        if stored:
            if is_devices and payload and topic not in self._levels and topic not in self._expected:
                self._orphans[topic] = None
        elif topic in self._again and not payload:
            pass  # somebody has deleted it over there, and sees it again after the next connection
        elif topic in self._levels and payload != self._levels[topic]:
            self._wrong[topic] = None
            return Foreign(topic)
        return None

    @property
    def levels(self) -> int:
        """The number of levels, of which each is said again from time to time."""
        return len(self._levels) - len(self._again)

    def put_right(self) -> bool:
        """Publish the overwritten levels again; whether there are any."""
        found = bool(self._wrong)
        self._unsent |= self._wrong
        self._wrong.clear()
        return found

    def say_again(self) -> None:
        """Publish one level again, each in turn, for clients that have missed it or have a wrong value."""
        if not self._round:
            self._round.extend(topic for topic in self._levels if topic not in self._again)
        self._unsent[self._round.popleft()] = None

    def next_message(self) -> Message | None:
        """The next message to publish: answers first, since people wait for them; then current levels, and topics to be
        cleared; then events.

        No kind can starve the next: answers and events are bounded, and levels are few.
        """
        if not self.is_connected:
            return None
        if self._answers:
            return self._answers.popleft()
        if self._unsent:
            topic = next(iter(self._unsent))
            del self._unsent[topic]
            return Message(topic, self._levels[topic], True)
        if self._orphans:
            topic = next(iter(self._orphans))
            del self._orphans[topic]
            return Message(topic, b"", True)
        return self._events.popleft() if self._events else None

    def _read(self, where: Where, id: str, payload: bytes, *, retain: bool) -> MqttPress | BadPress:
        if len(payload) > PRESS_LIMIT:
            return BadPress(where, id, "length")
        try:
            content = json.loads(payload)
        except (ValueError, RecursionError):
            return BadPress(where, id, "json")
        if not isinstance(content, dict):
            return BadPress(where, id, "json")
        try:
            press = self._payloads[where].model_validate(content)
            return BadPress(where, id, "retained", press.boot, press.seq) if retain else MqttPress(where, id, press)
        except ValidationError as error:
            field = str(error.errors(include_url=False)[0]["loc"][0])
            boot, seq = content.get("boot"), content.get("seq")
            return BadPress(
                where,
                id,
                field,
                boot if isinstance(boot, str) and len(boot) <= 32 and _is_text(boot) else None,
                seq if type(seq) is int and 0 <= seq < 2**63 else None,
            )


def _fits(topic: str, filter: str) -> bool:
    """Whether a topic is one of a filter's, whose wildcards are +."""
    parts, wanted = topic.split("/"), filter.split("/")
    return len(parts) == len(wanted) and all(want in ("+", part) for part, want in zip(parts, wanted, strict=True))


def _is_text(text: str) -> bool:
    """Whether it can be encoded: JSON may contain half a surrogate pair, UTF-8 may not."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
