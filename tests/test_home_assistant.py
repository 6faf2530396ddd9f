# ruff: noqa: F401, F811 - the fixtures of a neighbour
"""What the branch announces in Home Assistant, by the schema that is documented there, at a real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import aiomqtt
import pytest
from brokers import at_work
from jinja2 import Environment
from ports import PATIENCE, eventually
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from system.broker import Mosquitto
from test_mqtt_broker import broker, impatient, port, relay
from test_mqtt_buttons import Lobby

from controller.devices.home_assistant import BUTTONS, HomeAssistant, ours
from controller.devices.mqtt import MqttAdapter
from controller.engine import Request
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from drivers.device import Health

# -- the documented schema ---------------------------------------------------------------------------------------
# https://www.home-assistant.io/integrations/mqtt/ "Device discovery payload", "Using availability topics"; what a
# component may have: /integrations/sensor.mqtt/, /binary_sensor.mqtt/, /event.mqtt/, /button.mqtt/. Of those, what we
# use; a key that is not documented would be ignored there, and is an error here.

Topic = Annotated[str, Field(pattern=r"^[^+#\x00]{1,200}$")]
Template = Annotated[str, Field(pattern=r"^\{\{.*\}\}$")]
UniqueId = Annotated[str, Field(min_length=1)]


class Documented(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Device(Documented):
    """At least one of identifiers and connections, and the name."""

    identifiers: Annotated[list[str], Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    model: str = ""
    sw_version: str = ""
    via_device: str = ""


class Origin(Documented):
    name: str
    sw_version: str = ""


class Availability(Documented):
    topic: Topic
    payload_available: str = "online"
    payload_not_available: str = "offline"


class Entity(Documented):
    """Of every component: the platform, and the unique id that is required in a device's discovery."""

    unique_id: UniqueId
    name: Annotated[str, Field(min_length=1)]
    icon: str = ""
    entity_category: Literal["config", "diagnostic"] | None = None


class Sensor(Entity):
    platform: Literal["sensor"]
    state_topic: Topic
    value_template: Template
    state_class: Literal["measurement", "total", "total_increasing"]


class BinarySensor(Entity):
    platform: Literal["binary_sensor"]
    state_topic: Topic
    value_template: Template
    device_class: Literal["problem"]
    json_attributes_topic: Topic


class Event(Entity):
    platform: Literal["event"]
    state_topic: Topic
    event_types: Annotated[list[str], Field(min_length=1)]


class Button(Entity):
    platform: Literal["button"]
    command_topic: Topic
    payload_press: str = "PRESS"
    qos: Literal[0, 1, 2] = 0
    retain: bool = False


class Announcement(Documented):
    device: Device
    origin: Origin
    availability: list[Availability]
    components: dict[
        Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$")],
        Annotated[Sensor | BinarySensor | Event | Button, Field(discriminator="platform")],
    ]


DISCOVERY = r"^homeassistant/device/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config$"
"""`<discovery_prefix>/<component>/[<node_id>/]<object_id>/config`."""

# -- at a broker -------------------------------------------------------------------------------------------------


class Announced(Lobby):
    """A branch that announces itself, with one button as its device."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(directory, port, "zigbee2mqtt", language="zh")
        context = self.hub.context
        self.mqtt.ours.append(ours(context.rules.branch, "homeassistant"))
        mqtt = context.shared[MqttAdapter]
        self.hub.add(HomeAssistant("homeassistant", self.mqtt, mqtt, context, self.session.flush))
        self.node = f"lobby-{context.rules.branch}"

    def topic(self, object_id: str) -> str:
        return f"homeassistant/device/{self.node}/{object_id}/config"


@asynccontextmanager
async def announced(directory: Path, port: int) -> AsyncIterator[Announced]:
    running = Announced(directory, port)
    async with at_work(running.hub, running.mqtt, running.journal):
        yield running


class HomeAssistants:
    """What Home Assistant has been told: the latest of each topic, and how often."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.said: dict[str, bytes] = {}
        self.times: dict[str, int] = {}
        self.kept: dict[str, bool] = {}

    async def read(self) -> None:
        async for message in self._client.messages:
            topic = message.topic.value
            self.said[topic] = bytes(message.payload or b"")  # type: ignore[arg-type]
            self.times[topic] = self.times.get(topic, 0) + 1
            self.kept[topic] = message.retain


@asynccontextmanager
async def home_assistant(port: int) -> AsyncIterator[tuple[aiomqtt.Client, HomeAssistants]]:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        heard = HomeAssistants(client)
        await client.subscribe("homeassistant/device/#", qos=1)
        await client.subscribe("lobby/#", qos=1)
        reading = asyncio.create_task(heard.read())
        try:
            yield client, heard
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def test_every_announcement_is_as_documented_and_kept(tmp_path: Path, broker: Mosquitto, port: int) -> None:
    async with announced(tmp_path, port) as b:
        wanted = {b.topic(each) for each in ("branch", "counter-1", "device-button")}
        wanted_too = wanted | {f"{b.mqtt.root}board"}
        async with home_assistant(broker.port) as (_, early):
            await eventually(lambda: wanted_too <= early.said.keys())
        async with home_assistant(broker.port) as (_, heard):
            await eventually(lambda: wanted_too <= heard.said.keys())
            assert {topic for topic in heard.said if topic.startswith("homeassistant/")} == wanted
            ids: list[str] = []
            for topic in wanted:
                assert heard.kept[topic], topic
                TypeAdapter(Annotated[str, Field(pattern=DISCOVERY)]).validate_python(topic)
                found = Announcement.model_validate_json(heard.said[topic])
                assert [each.topic for each in found.availability] == [b.mqtt.will.topic]
                ids += [each.unique_id for each in found.components.values()]
                ids += found.device.identifiers
            assert len(ids) == len(set(ids))
            of_branch = Announcement.model_validate_json(heard.said[b.topic("branch")]).components
            waiting = of_branch["waiting_cash"]
            assert isinstance(waiting, Sensor)
            assert waiting.name == "Cash等候人数"
            await eventually(lambda: rendered(waiting, heard.said) == "0")
            of_device = Announcement.model_validate_json(heard.said[b.topic("device-button")]).components["problem"]
            assert isinstance(of_device, BinarySensor)
            await eventually(lambda: rendered(of_device, heard.said) == "OFF")
            b.hub.health("button", Health("offline", "button_offline"), "")
            await eventually(lambda: rendered(of_device, heard.said) == "ON")


def rendered(entity: Sensor | BinarySensor, said: dict[str, bytes]) -> str:
    """The state that Home Assistant makes of what is published; empty: nothing has been yet."""
    if entity.state_topic not in said:
        return ""
    value = json.loads(said[entity.state_topic])
    return Environment(autoescape=False).from_string(entity.value_template).render(value_json=value)


async def test_all_is_announced_again_when_it_has_started(tmp_path: Path, broker: Mosquitto, port: int) -> None:
    async with home_assistant(broker.port) as (client, heard), announced(tmp_path, port) as b:
        topics = [b.topic(each) for each in ("branch", "counter-1", "device-button")]
        await eventually(lambda: all(topic in heard.said for topic in topics))
        before = dict(heard.times)
        await client.publish("homeassistant/status", b"offline", qos=1)
        await client.publish("homeassistant/status", b"online", qos=1)
        await eventually(lambda: all(heard.times[topic] > before[topic] for topic in topics))


async def test_what_is_no_more_is_cleared_and_others_have_their_own(
    tmp_path: Path, broker: Mosquitto, port: int
) -> None:
    async with home_assistant(broker.port) as (client, heard):
        other, old = "homeassistant/device/lobby-other/branch/config", ""
        async with announced(tmp_path, port) as b:
            old = b.topic("counter-9")
            await eventually(lambda: b.topic("device-button") in heard.said)
        for topic in (other, old):
            await client.publish(topic, b'{"device":{}}', qos=1, retain=True)
        async with announced(tmp_path, port) as b:
            await eventually(lambda: heard.said.get(old) == b"")
            b.hub.remove("button")
            b.hub.forget("button")
            await eventually(lambda: heard.said[b.topic("device-button")] == b"")
            assert heard.said[other] != b""


async def test_a_button_there_acts_once_a_message_and_never_one_that_was_kept(
    tmp_path: Path, broker: Mosquitto, relay: Any, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        root = ""
        async with announced(tmp_path, port) as b:
            root = f"{b.mqtt.root}button"
        for key in BUTTONS:
            await client.publish(f"{root}/1/{key}", b"PRESS", qos=1, retain=True)
        async with announced(tmp_path, port) as b:
            await b.all_heard(client)
            assert pressed(b.requests) == []
            for key in BUTTONS:
                await client.publish(f"{root}/1/{key}", b"PRESS")
            for topic, payload in (("9/CALL", b"PRESS"), ("1/NEWDAY", b"PRESS"), ("1/CALL", b"ON"), ("1/CALL", b"")):
                await client.publish(f"{root}/{topic}", payload, qos=1)
                await client.publish(f"{root}/{topic}", payload, qos=1)
            await b.all_heard(client)
            assert [type(command) for command in pressed(b.requests)] == [CallNext, Open, Pause, Close]
            assert {command.counter for command in pressed(b.requests)} == {"1"}
            assert [command.by for command in pressed(b.requests)[1:]] == ["panel/home-assistant"] * 3
            await relay.cut()
            await relay.open()
            await eventually(lambda: b.mqtt.connections == 2)
            await b.all_heard(client)
            assert len(pressed(b.requests)) == 4
            assert len({command.cause for command in pressed(b.requests)}) == 4
    said = b.hub.context.rules.wording.say("notice.no_button_press", topic=f"{root}/1/CALL")
    assert [record.getMessage() for record in caplog.records].count(said) == 1


def pressed(requests: list[Request]) -> list[Any]:
    return [request.command for request in requests if request.command.cause.startswith("home-assistant:")]
