"""What buttons of other makers say over MQTT, without I/O: a payload on one of their topics in, meaning out.

Sources, each at its class. A payload that cannot be read is a fact too, and never an error; one that is about
something else (a lamp, a temperature) says nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, TypeGuard

LIMIT = 16_384
"""Most bytes of a payload that is read."""
LOW = 10
"""Percent of a battery's charge from which it counts as low."""
CLOCK_BEGINS = 1_000_000_000
"""The time stamp (seconds since 1970, UTC: September 2001) below which a device's clock has not been set."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """Something was done with the device, in its own words. `mark`: what tells this from all others, and is the same if
    it is delivered again; empty: there is no such thing. `at`: when, in seconds since 1970 by the device's clock."""

    action: str
    mark: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A button is down or up."""

    button: str
    is_down: bool


@dataclass(frozen=True, slots=True)
class There:
    """Whether the device, or the bridge that speaks for it, is connected; None: nobody says so any more."""

    what: Literal["device", "bridge"]
    is_there: bool | None


@dataclass(frozen=True, slots=True)
class Battery:
    """How its battery does."""

    is_low: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A payload that means nothing: it is too long, no UTF-8, no JSON, or not of the shape that is documented."""

    why: Literal["length", "utf-8", "json", "shape"]


Fact = Pressed | Moved | There | Battery | Unreadable


class Reader(Protocol):
    """A kind of button."""

    @property
    def topics(self) -> Mapping[str, bool]:
        """What it speaks on, and whether what the broker has kept there is of use: a state is, a press never."""

    def read(self, topic: str, payload: bytes) -> list[Fact]:
        """What a payload on one of the topics means; never raises."""


class _ShapeError(ValueError):
    """The payload is not of the shape that is documented."""


def read(reader: Reader, topic: str, payload: bytes) -> list[Fact]:
    """What a reader makes of a payload, whatever it is. An empty one clears what the broker has kept."""
    if len(payload) > LIMIT:
        return [Unreadable("length")]
    if not payload and not reader.topics.get(topic):
        return []
    try:
        return reader.read(topic, payload)
    except UnicodeDecodeError:
        return [Unreadable("utf-8")]
    except _ShapeError:
        return [Unreadable("shape")]
    except (ValueError, RecursionError):
        return [Unreadable("json")]


def _table(payload: bytes) -> dict[str, Any]:
    content = json.loads(payload.decode("utf-8"))
    if not isinstance(content, dict):
        raise _ShapeError
    return content


def _there(what: Literal["device", "bridge"], payload: bytes, yes: str = "online", no: str = "offline") -> list[Fact]:
    """An availability message: one of two words, whatever their case, or `{"state": word}`."""
    text = payload.decode("utf-8").strip()
    if not text:
        return [There(what, None)]
    word = _table(payload).get("state") if text.startswith("{") else text
    if not isinstance(word, str) or word.lower() not in (yes, no):
        raise _ShapeError
    return [There(what, word.lower() == yes)]


class Zigbee2Mqtt:
    """A button behind Zigbee2MQTT. `base`: the bridge's base topic.

    Its topic has the whole device in JSON, with `action` when something was done with it; `battery` is in percent. A
    second message with an empty action follows where an old setting is on, and a twin topic `<topic>/action` exists
    with the Home Assistant integration: neither is a press. Availability is JSON, plain text in version 1.

    Sources: zigbee2mqtt.io, "MQTT Topics and Messages", "Device-Availability".
    """

    def __init__(self, topic: str, base: str) -> None:
        self._topic, self._bridge = topic, f"{base}/bridge/state"
        self.topics = {topic: False, f"{topic}/availability": True, self._bridge: True}

    def read(self, topic: str, payload: bytes) -> list[Fact]:
        if topic != self._topic:
            return _there("bridge" if topic == self._bridge else "device", payload)
        return list(self._device(_table(payload)))

    def _device(self, content: Mapping[str, Any]) -> Iterator[Fact]:
        action, battery, low = (content.get(key) for key in ("action", "battery", "battery_low"))
        if action:
            if not isinstance(action, str):
                raise _ShapeError
            yield Pressed(action)
        if isinstance(low, bool):
            yield Battery(low)
        elif _is_number(battery):
            yield Battery(battery <= LOW)


class EspHome:
    """A board with ESPHome. `entities`: paths of its buttons below the prefix: `binary_sensor/<id>`, which are down or
    up, and `event/<id>`, which say what was done.

    All states are retained by default, events too; so a state is one to begin with until it changes.

    Sources: esphome.io, "MQTT Client Component"; esphome/components/mqtt/mqtt_binary_sensor.cpp and mqtt_event.cpp.
    """

    def __init__(self, prefix: str, entities: Collection[str]) -> None:
        self._status = f"{prefix}/status"
        self._entities = {f"{prefix}/{entity}/state": entity for entity in entities}
        self.topics = {self._status: True} | {
            topic: entity.startswith("binary_sensor/") for topic, entity in self._entities.items()
        }

    def read(self, topic: str, payload: bytes) -> list[Fact]:
        if topic == self._status:
            return _there("device", payload)
        entity = self._entities[topic]
        if not self.topics[topic]:
            what = _table(payload).get("event_type")
            if not isinstance(what, str):
                raise _ShapeError
            return [Pressed(f"{entity} {what}")]
        state = payload.decode("utf-8")
        if state and state not in ("ON", "OFF"):
            raise _ShapeError
        return [Moved(entity, state == "ON")] if state else []


def tasmota_topic(topic: str, full_topic: str, prefix: str, last: str) -> str:
    """A topic of Tasmota's; `prefix`: stat, tele or cmnd; `last`: what stands behind its FullTopic."""
    path = full_topic.replace("%prefix%", prefix).replace("%topic%", topic)
    return f"{path.rstrip('/')}/{last}"


class Tasmota:
    """A device with Tasmota and `SetOption73 1`, which has its buttons say what was done instead of switching.

    `topic` and `full_topic`: its Topic and FullTopic; `buttons`: the numbers of its buttons. The message is on RESULT,
    with `SetOption4 1` on BUTTON<n>; versions before 9.1 said `{"ACTION": ..}` there.

    Sources: tasmota.github.io/docs, "Buttons and Switches", "MQTT", the change log of 9.1; support_button.ino.
    """

    def __init__(self, topic: str, full_topic: str, buttons: Collection[int]) -> None:
        of = partial(tasmota_topic, topic, full_topic)
        self._lwt = of("tele", "LWT")
        self._button = {of("stat", f"BUTTON{number}"): number for number in buttons}
        self.topics = {of("stat", "RESULT"): False, self._lwt: True} | dict.fromkeys(self._button, False)

    def read(self, topic: str, payload: bytes) -> list[Fact]:
        if topic == self._lwt:
            return _there("device", payload)
        return list(self._buttons(_table(payload), self._button.get(topic)))

    def _buttons(self, content: Mapping[str, Any], number: int | None) -> Iterator[Fact]:
        said = {key.lower(): value for key, value in content.items()}
        if number is not None and "action" in said:
            said = {f"button{number}": {"action": said["action"]}}
        for name, value in said.items():
            if re.fullmatch(r"button[0-9]{1,2}", name) and isinstance(value, dict):
                action = next((it for what, it in value.items() if what.lower() == "action"), None)
                if not isinstance(action, str):
                    raise _ShapeError
                yield Pressed(f"{name} {action.lower()}")


PUSHES = ("single_push", "double_push", "triple_push", "long_push", "btn_down", "btn_up")
"""What a Shelly says of an input."""


class Shelly:
    """A Shelly of the second generation or later, with RPC notifications over MQTT. `prefix`: its topic prefix, by
    default its id.

    They are published with QoS 1, so that one may come twice: who says it, of what, and when it was are its mark. A
    clock that has not been set makes no mark.

    Sources: shelly-api-docs.shelly.cloud, gen2, "Notifications", "MQTT", "Input".
    """

    def __init__(self, prefix: str) -> None:
        self._online = f"{prefix}/online"
        self.topics = {f"{prefix}/events/rpc": False, self._online: True}

    def read(self, topic: str, payload: bytes) -> list[Fact]:
        if topic == self._online:
            return _there("device", payload, "true", "false")
        content = _table(payload)
        if content.get("method") != "NotifyEvent":
            return []
        params = content.get("params")
        events = params.get("events") if isinstance(params, dict) else None
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise _ShapeError
        return [fact for event in events if (fact := self._event(content.get("src"), event))]

    def _event(self, src: object, event: Mapping[str, Any]) -> Fact | None:
        component, what, at = event.get("component"), event.get("event"), event.get("ts")
        input_ = re.fullmatch(r"input:([0-9]{1,3})", component) if isinstance(component, str) else None
        if input_ is None or what not in PUSHES:
            return None
        action = f"{int(input_[1])} {what}"
        if not _is_number(at) or at < CLOCK_BEGINS:
            return Pressed(action)
        who = src if isinstance(src, str) and re.fullmatch(r"[!-~]{1,64}", src) else ""
        return Pressed(action, f"{who}:{component}:{what}:{at}", float(at))


def _is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number that can be reckoned with: neither true nor false, and no infinity."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)
