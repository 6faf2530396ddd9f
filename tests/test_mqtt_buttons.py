# ruff: noqa: F401, F811 - the fixtures of a neighbour
"""Buttons of other makers on MQTT: what their messages mean, and what acts of it, at a real broker."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from branches import branch
from brokers import at_work, press
from golden import published
from hypothesis import given
from hypothesis import strategies as st
from ports import PATIENCE, eventually
from system.broker import Mosquitto
from test_mqtt_broker import at, broker, impatient, port, relay

from controller.config import read as read_file
from controller.config import wording
from controller.devices import kit
from controller.devices.hub import Hub
from controller.devices.mqtt import MqttAdapter
from controller.engine import Request
from controller.journal import Journal
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.model.units import Ms
from controller.operation.doctor_broker import examine_broker
from controller.presses import PAYLOADS
from drivers.mqtt import Heard, MqttLobby
from drivers.mqtt_buttons import (
    LIMIT,
    Battery,
    EspHome,
    Moved,
    Pressed,
    Reader,
    Shelly,
    Tasmota,
    There,
    Unreadable,
    Zigbee2Mqtt,
    read,
)
from drivers.mqtt_session import MqttSession

SAID = published("mqtt_buttons")
SHELLY = "shellyplus1-a8032abc7158"
READERS: dict[str, Reader] = {
    "zigbee2mqtt": Zigbee2Mqtt("zigbee2mqtt/FRIENDLY_NAME", "zigbee2mqtt"),
    "esphome": EspHome("livingroom", ["binary_sensor/call", "event/remote"]),
    "tasmota": Tasmota("tasmota", "%prefix%/%topic%/", [1]),
    "shelly": Shelly(SHELLY),
}
MEANS = {
    "zigbee2mqtt single": [Pressed("single")],
    "zigbee2mqtt other": [],
    "zigbee2mqtt double": [Pressed("double"), Battery(False)],
    "zigbee2mqtt low": [Battery(True)],
    "zigbee2mqtt empty": [],
    "zigbee2mqtt offline": [There("device", False)],
    "zigbee2mqtt online": [There("device", True)],
    "zigbee2mqtt legacy offline": [There("device", False)],
    "zigbee2mqtt legacy online": [There("device", True)],
    "zigbee2mqtt bridge offline": [There("bridge", False)],
    "zigbee2mqtt bridge online": [There("bridge", True)],
    "esphome online": [There("device", True)],
    "esphome offline": [There("device", False)],
    "esphome up": [Moved("binary_sensor/call", False)],
    "esphome down": [Moved("binary_sensor/call", True)],
    "esphome event": [Pressed("event/remote press")],
    "tasmota single": [Pressed("button1 single")],
    "tasmota double": [Pressed("button1 double")],
    "tasmota hold": [Pressed("button1 hold")],
    "tasmota other": [],
    "tasmota online": [There("device", True)],
    "tasmota offline": [There("device", False)],
    "shelly double": [Pressed("0 double_push", f"{SHELLY}:input:0:double_push:1646945882.47", 1646945882.47)],
    "shelly other": [],
    "shelly status": [],
    "shelly unset clock": [Pressed("1 single_push")],
    "shelly online": [There("device", True)],
    "shelly offline": [There("device", False)],
}

# -- what they mean ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAID)
def test_a_documented_message_means_what_it_says(name: str) -> None:
    topic, payload = SAID[name]
    reader = READERS[name.partition(" ")[0]]
    assert topic in reader.topics
    assert read(reader, topic, payload) == MEANS[name]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b" " * (LIMIT + 1), "length"),
        (b'{"action": "\xff"}', "utf-8"),
        (b'{"action": "single"', "json"),
        (b"[" * 16_000, "json"),
        (b"single", "json"),
        (b'["single"]', "shape"),
        (b'{"action": ["single"]}', "shape"),
        (b'{"action": 1e999}', "shape"),
    ],
)
def test_a_payload_that_means_nothing_says_why(payload: bytes, why: str) -> None:
    reader = READERS["zigbee2mqtt"]
    assert read(reader, "zigbee2mqtt/FRIENDLY_NAME", payload) == [Unreadable(why)]  # type: ignore[arg-type]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.sampled_from(["single", "online", "input:0"])
    | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["action", "Button1", "ACTION", "method", "params", "events", "ts", "battery", "state"]),
            inner,
        )
    ),
)


@given(st.binary() | JSON.map(lambda content: json.dumps(content).encode()))
def test_no_payload_breaks_a_reader(payload: bytes) -> None:
    for reader in READERS.values():
        for topic in reader.topics:
            read(reader, topic, payload)


def test_the_twin_topic_is_not_listened_to() -> None:
    assert not any(topic.endswith("/action") for topic in READERS["zigbee2mqtt"].topics)


# -- at a broker -------------------------------------------------------------------------------------------------

ON_THE_DAY = Ms(1_646_945_882_470)
"""When the Shelly's vector was said."""
KEYS = {
    "zigbee2mqtt": ({"topic": "zigbee2mqtt/FRIENDLY_NAME"}, {"single": "FINISH", "double": "FINISH"}),
    "esphome": ({"topic": "livingroom"}, {"binary_sensor/call": "FINISH", "event/remote press": "FINISH"}),
    "tasmota": ({"topic": "tasmota"}, {"SINGLE": "FINISH", "button1 double": "FINISH", "Hold": "FINISH"}),
    "shelly": ({"topic": SHELLY}, {"double_push": "FINISH", "1 single_push": "FINISH"}),
}
PRESSES = {name for name, facts in MEANS.items() if any(isinstance(fact, Pressed) for fact in facts)}


class Lobby:
    """One button of a driver, and a keypad, on a connection of the controller's own. The engine is a list."""

    def __init__(
        self, directory: Path, port: int, driver: str, keys: dict[str, str] | None = None, language: str = "en"
    ) -> None:
        rules = replace(branch({"1": {"cash": 0}}), wording=wording(language))
        self.requests: list[Request] = []
        self.journal = Journal(directory / "lobby.db", rules.branch)
        self.now = ON_THE_DAY
        self.later = 0.0
        """Seconds that have passed beside those of the test."""
        self.clock: Callable[[], float] = time.monotonic
        self.hub = Hub(
            rules,
            self.journal,
            self.requests.append,
            lambda: True,
            lambda: self.now,
            steady=lambda: self.clock() + self.later,
        )
        self.mqtt = MqttLobby(rules.branch, PAYLOADS)
        self.session = MqttSession(self.mqtt, at(port), lambda fact: self.hub.heard("mqtt", fact))
        context = self.hub.context
        adapter = MqttAdapter(self.mqtt, {"pad": "1"}, [], {}, context, self.session.flush)
        context.shared[MqttAdapter] = adapter
        kind = kit.kinds()[driver]
        about, usual = KEYS[driver]
        table = {"id": "button", "driver": driver, "counter": "1", "keys": keys or usual, **about}
        button = kind.build(kind.settings.model_validate(table), context)
        assert button
        self.hub.add(button)
        context.run("mqtt", self.session)
        self.hub.add(adapter)

    @property
    def causes(self) -> list[str]:
        """The causes of the button's presses."""
        return [request.command.cause for request in self.requests if isinstance(request.command, Finish)]

    @property
    def health(self) -> list[tuple[str, str]]:
        """(state, detail) of the button, each that it has had."""
        told = [request.command for request in self.requests if isinstance(request.command, ReportDevice)]
        return [(command.state, command.detail) for command in told if command.device == "button"]

    async def all_heard(self, client: aiomqtt.Client) -> None:
        """Until everything that the client has published has been heard."""
        before = sum(request.command.cause.startswith("mqtt:") for request in self.requests)
        await client.publish(f"{self.mqtt.root}keypad/1/press", press(seq=before), qos=1)
        await eventually(lambda: sum(request.command.cause.startswith("mqtt:") for request in self.requests) > before)


@asynccontextmanager
async def lobby(directory: Path, port: int, driver: str, keys: dict[str, str] | None = None) -> AsyncIterator[Lobby]:
    running = Lobby(directory, port, driver, keys)
    async with at_work(running.hub, running.mqtt, running.journal):
        yield running


@pytest.mark.parametrize("driver", KEYS)
async def test_each_press_acts_once_and_none_that_was_kept(
    tmp_path: Path,
    broker: Mosquitto,
    relay: Any,
    port: int,
    driver: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also after a reconnect; twins, empty actions and what is no press never act."""
    said = [SAID[name] for name in SAID if name.startswith(driver)]
    presses = sum(name.startswith(driver) for name in PRESSES) + (driver == "esphome")
    async with aiomqtt.Client("127.0.0.1", broker.port) as device:
        for topic, payload in said:
            await device.publish(topic, payload, qos=1, retain=True)
        async with lobby(tmp_path, port, driver) as b:
            await b.all_heard(device)
            assert b.causes == []
            for topic, payload in said:
                await device.publish(topic, payload, qos=1)
                if not b.hub.context.shared[MqttAdapter]._mqtt.listened.get(topic):
                    await device.publish(f"{topic}/action", b"single", qos=1)
            await b.all_heard(device)
            assert len(b.causes) == presses
            await relay.cut()
            await eventually(lambda: not b.mqtt.is_connected)
            for topic, payload in said:
                await device.publish(topic, payload, qos=1, retain=True)
            await relay.open()
            await eventually(lambda: b.mqtt.is_connected)
            await b.all_heard(device)
            assert len(b.causes) == presses
            b.now, b.later = Ms(b.now + 1000), 1.0
            for topic, payload in said:
                await device.publish(topic, payload, qos=1)
            await b.all_heard(device)
            again = b.causes[presses:]
            if driver == "shelly":  # by its mark one is the same press as before
                assert set(again) & set(b.causes[:presses]) == {
                    f"shelly:button:{SHELLY}:input:0:double_push:1646945882.47"
                }
            assert len(set(b.causes)) == 2 * presses - (driver == "shelly")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_live_press_acts_whatever_flag_it_has(tmp_path: Path, broker: Mosquitto, port: int) -> None:
    """ESPHome publishes everything with the retain flag, events too."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as device, lobby(tmp_path, port, "esphome") as b:
        await device.publish(*SAID["esphome event"], qos=1, retain=True)
        await b.all_heard(device)
        assert len(b.causes) == 1


async def test_a_level_begins_with_what_is_told_first(tmp_path: Path, broker: Mosquitto, port: int) -> None:
    keys = {"binary_sensor/call": "FINISH", "binary_sensor/call long": "FINISH"}
    up, down = SAID["esphome up"], SAID["esphome down"]
    async with aiomqtt.Client("127.0.0.1", broker.port) as device:
        await device.publish(*down, qos=1, retain=True)
        async with lobby(tmp_path, port, "esphome", keys) as b:
            await device.publish(*up, qos=1)
            await b.all_heard(device)
            assert b.causes == []
            await device.publish(*down, qos=1)
            await device.publish(*up, qos=1)
            await b.all_heard(device)
            assert len(b.causes) == 1
            await device.publish(*down, qos=1)
            await device.publish(*down, qos=1)
            await eventually(lambda: len(b.causes) == 2)  # held
            await device.publish(*SAID["esphome online"], qos=1)  # it was started again, and tells all its states
            await device.publish(*up, qos=1)
            await device.publish(*down, qos=1)
            await device.publish(*SAID["esphome online"], qos=1)
            await device.publish(*down, qos=1)
            await device.publish(*up, qos=1)
            await b.all_heard(device)
            assert len(b.causes) == 2


async def test_a_state_that_the_broker_has_kept_is_where_a_level_begins(
    tmp_path: Path, broker: Mosquitto, port: int
) -> None:
    """The first press after a start or an outage acts, in whatever order the broker says what it has kept."""
    keys = {f"binary_sensor/{each}": "FINISH" for each in ("a", "z")}
    async with aiomqtt.Client("127.0.0.1", broker.port) as device:
        await device.publish(*SAID["esphome online"], qos=1, retain=True)
        for each in ("a", "z"):
            await device.publish(f"livingroom/binary_sensor/{each}/state", b"OFF", qos=1, retain=True)
        async with lobby(tmp_path, port, "esphome", keys) as b:
            await b.all_heard(device)
            for each in ("a", "z"):
                await device.publish(f"livingroom/binary_sensor/{each}/state", b"ON", qos=1, retain=True)
            await b.all_heard(device)
            assert len(b.causes) == 2


async def test_more_topics_than_one_packet_has(
    tmp_path: Path, broker: Mosquitto, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.mqtt_session.TOPICS_AT_ONCE", 3)
    keys = {f"event/{each} press": "FINISH" for each in range(10)}
    async with aiomqtt.Client("127.0.0.1", broker.port) as device, lobby(tmp_path, port, "esphome", keys) as b:
        for each in range(10):
            await device.publish(f"livingroom/event/{each}/state", b'{"event_type":"press"}', qos=1)
        await b.all_heard(device)
        assert len(b.causes) == 10


async def test_what_repeats_without_a_mark_is_one_press(tmp_path: Path, broker: Mosquitto, port: int) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as device, lobby(tmp_path, port, "zigbee2mqtt") as b:
        for name in ("single", "single", "double", "single", "empty"):
            await device.publish(*SAID[f"zigbee2mqtt {name}"], qos=1)
        await b.all_heard(device)
        assert len(b.causes) == 2


async def test_the_first_press_acts_however_long_the_machine_runs(tmp_path: Path) -> None:
    """Differences of large monotonic times are a little off: a time that never was is not to be reckoned with."""
    for n in range(60):
        b = Lobby(tmp_path, 1, "zigbee2mqtt")
        b.clock = lambda n=n: 65_536 * 1.0001**n + n / 7
        b.hub.heard("button", Heard(*SAID["zigbee2mqtt single"]))
        b.journal.close()
        assert len(b.causes) == 1, b.clock()


@pytest.mark.parametrize("driver", KEYS)
async def test_being_connected_is_its_health(tmp_path: Path, broker: Mosquitto, port: int, driver: str) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as device, lobby(tmp_path, port, driver) as b:
        for name in ("offline", "online"):
            await device.publish(*SAID[f"{driver} {name}"], qos=1, retain=True)
        await b.all_heard(device)
        assert b.health == [("ok", "button_unheard"), ("offline", "button_offline"), ("ok", "")]


async def test_a_press_says_that_it_is_there_and_the_battery_how_long(
    tmp_path: Path,
    broker: Mosquitto,
    port: int,
) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as device, lobby(tmp_path, port, "zigbee2mqtt") as b:
        for name in ("bridge offline", "double", "low", "double"):
            await device.publish(*SAID[f"zigbee2mqtt {name}"], qos=1)
        await b.all_heard(device)
        assert b.health[1:] == [("offline", "bridge_offline"), ("ok", ""), ("degraded", "battery_low"), ("ok", "")]


async def test_a_press_that_comes_late_does_not_act(
    tmp_path: Path,
    broker: Mosquitto,
    port: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as device, lobby(tmp_path, port, "shelly") as b:
        b.now = Ms(ON_THE_DAY + 30_000)
        for _ in range(2):
            await device.publish(*SAID["shelly double"], qos=1)
        await b.all_heard(device)
        assert b.causes == []
        assert b.health[-1] == ("degraded", "button_clock")
        b.now = ON_THE_DAY
        await device.publish(*SAID["shelly double"], qos=1)
        await b.all_heard(device)
        assert (len(b.causes), b.health[-1]) == (1, ("ok", ""))
    said = b.hub.context.rules.wording.say("notice.press_late", seconds=30)
    assert [record.getMessage() for record in caplog.records].count(f"button: {said}") == 1


async def test_what_cannot_be_read_is_told_once_and_never_acts(
    tmp_path: Path,
    broker: Mosquitto,
    port: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = [b"single", b"{", b"\xff", b"[]", b"x" * 60_000, b'{"action":{}}', b"null", b"[" * 15_000]
    async with aiomqtt.Client("127.0.0.1", broker.port) as device, lobby(tmp_path, port, "zigbee2mqtt") as b:
        for payload in [*bad, *bad]:
            await device.publish("zigbee2mqtt/FRIENDLY_NAME", payload, qos=1)
        await device.publish(*SAID["zigbee2mqtt single"], qos=1)
        await b.all_heard(device)
        assert len(b.causes) == 1
    told = [record for record in caplog.records if record.getMessage().startswith("button: ")]
    assert len(told) == len({record.getMessage() for record in told}) == 4


BRANCH = """
[branch]
id = "b1"
name = "B"
[[service]]
id = "cash"
name = "Cash"
prefix = "A"
[[counter]]
id = "1"
serves = {{ cash = 0 }}
[mqtt]
broker = "mqtt://127.0.0.1:{port}"
[[device]]
id = "zigbee"
driver = "zigbee2mqtt"
topic = "zigbee2mqtt/FRIENDLY_NAME"
counter = "1"
keys = {{ single = "CALL" }}
[[device]]
id = "board"
driver = "esphome"
topic = "livingroom"
counter = "1"
keys = {{ "binary_sensor/call" = "CALL" }}
"""


async def test_an_examination_hears_every_action_of_them(tmp_path: Path, broker: Mosquitto) -> None:
    """Also those that have no key yet: that is how one finds out what a button says."""
    path = tmp_path / "branch.toml"
    path.write_text(BRANCH.format(port=broker.port))
    said: list[str] = []
    async with aiomqtt.Client("127.0.0.1", broker.port) as device:
        await device.publish(*SAID["zigbee2mqtt single"], qos=1, retain=True)
        examining = asyncio.create_task(examine_broker(read_file(path), PATIENCE, said.append))
        await eventually(lambda: said)
        await device.publish(*SAID["zigbee2mqtt double"], qos=1)
        await device.publish(*SAID["esphome down"], qos=1)
        found = await examining
    assert found.keys == ["zigbee: double", "board: binary_sensor/call"]
    assert (found.state, len(said)) == ("ok", 3)
