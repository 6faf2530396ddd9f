"""The lobby's topics without a broker, and the session against a real Mosquitto: presses, levels, wills, outages."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from shutil import which
from typing import Any

import aiomqtt
import pytest
from ports import PATIENCE, eventually, open_files
from system.broker import Mosquitto, free_port

from bench import processes
from controller.presses import PAYLOADS, KeypadPayload, KioskPayload, PanelPayload
from drivers import mqtt_session
from drivers.mqtt import (
    ANSWERS_LIMIT,
    EVENTS_LIMIT,
    PRESS_LIMIT,
    PRESS_TOPICS,
    BadPress,
    Foreign,
    Message,
    MqttLobby,
    MqttPress,
)
from drivers.mqtt_session import Broker, MqttSession
from drivers.session import LinkDown, LinkUp

ROOT = "lobby/b1/"
PRESS = {"key": "CALL", "digits": "", "boot": "a1b2", "seq": 41}


def dumps(content: object) -> bytes:
    return json.dumps(content).encode()


def press(**changes: object) -> bytes:
    """A keypad's press with fields changed; a field of None is left out."""
    return dumps({name: value for name, value in (PRESS | changes).items() if value is not None})


def receive(payload: bytes, topic: str = "keypad/3/press", **how: bool) -> MqttPress | BadPress | Foreign | None:
    return MqttLobby("b1", PAYLOADS).receive(ROOT + topic, payload, **how)


def drain(lobby: MqttLobby) -> list[Message]:
    messages = []
    while message := lobby.next_message():
        messages.append(message)
    return messages


# -- presses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "content", "where", "id", "payload"),
    [
        ("keypad/3/press", PRESS, "keypad", "3", KeypadPayload(key="CALL", digits="", boot="a1b2", seq=41)),
        (
            "keypad/12/press",
            {"key": "CALL", "digits": "017", "boot": "b", "seq": 0, "at": 1_700_000_000_000},
            "keypad",
            "12",
            KeypadPayload(key="CALL", digits="017", boot="b", seq=0, at=1_700_000_000_000),
        ),
        (
            "panel/manager/press",
            {"key": "GREEN", "ticket": "A017", "reason": "年长", "boot": "b", "seq": 1},
            "panel",
            "manager",
            PanelPayload(key="GREEN", ticket="A017", reason="年长", boot="b", seq=1),
        ),
        (
            "kiosk/door/press",
            {"key": "TAKE", "service": "cash", "class": "vip", "boot": "b", "seq": 2},
            "kiosk",
            "door",
            KioskPayload(key="TAKE", service="cash", klass="vip", boot="b", seq=2),
        ),
        (
            "kiosk/door/press",
            {
                "key": "TAKE",
                "choice": "small",
                "insist": True,
                "form": True,
                "needs": ["time", "glasses"],
                "slot": "09:30",
                "boot": "b",
                "seq": 2,
            },
            "kiosk",
            "door",
            KioskPayload(
                key="TAKE",
                choice="small",
                insist=True,
                form=True,
                needs=["time", "glasses"],
                slot="09:30",
                boot="b",
                seq=2,
            ),
        ),
        (
            "kiosk/door/press",
            {"key": "TAKE", "boot": "b", "seq": 2},
            "kiosk",
            "door",
            KioskPayload(key="TAKE", boot="b", seq=2),
        ),
    ],
)
def test_well_formed_presses(topic: str, content: dict[str, Any], where: Any, id: str, payload: Any) -> None:
    assert receive(dumps(content), topic) == MqttPress(where, id, payload)


@pytest.mark.parametrize(
    "changes",
    [
        {"boot": "x"},
        {"boot": "x" * 32},
        {"boot": "键" * 32},
        {"boot": "😀 \n\x00"},
        {"seq": 0},
        {"seq": 2**63 - 1},
        {"at": 0},
        {"at": None},
        {"digits": "123456"},
        {"digits": None},
        {"key": "X" * 16},
        {"colour": "red", "ticket": 5, "nested": {"a": [1, None]}},  # what newer keypads may add
    ],
)
def test_what_a_press_may_have(changes: dict[str, object]) -> None:
    found = receive(press(**changes))
    assert isinstance(found, MqttPress)
    for name, value in changes.items():
        if name in KeypadPayload.model_fields and value is not None:
            assert getattr(found.payload, name) == value


@pytest.mark.parametrize(
    ("changes", "bad"),
    [
        ({"key": None}, BadPress("keypad", "3", "key", "a1b2", 41)),
        ({"key": ""}, BadPress("keypad", "3", "key", "a1b2", 41)),
        ({"key": "X" * 17}, BadPress("keypad", "3", "key", "a1b2", 41)),
        ({"key": 5}, BadPress("keypad", "3", "key", "a1b2", 41)),
        ({"key": ["CALL"]}, BadPress("keypad", "3", "key", "a1b2", 41)),
        ({"digits": "1a"}, BadPress("keypad", "3", "digits", "a1b2", 41)),
        ({"digits": "1\n"}, BadPress("keypad", "3", "digits", "a1b2", 41)),
        ({"digits": "１７"}, BadPress("keypad", "3", "digits", "a1b2", 41)),
        ({"digits": "1234567"}, BadPress("keypad", "3", "digits", "a1b2", 41)),
        ({"digits": 17}, BadPress("keypad", "3", "digits", "a1b2", 41)),
        ({"boot": None}, BadPress("keypad", "3", "boot", None, 41)),
        ({"boot": ""}, BadPress("keypad", "3", "boot", "", 41)),
        ({"boot": "x" * 33}, BadPress("keypad", "3", "boot", None, 41)),
        ({"boot": 7}, BadPress("keypad", "3", "boot", None, 41)),
        ({"boot": "\ud800"}, BadPress("keypad", "3", "boot", None, 41)),
        ({"seq": None}, BadPress("keypad", "3", "seq", "a1b2", None)),
        ({"seq": -1}, BadPress("keypad", "3", "seq", "a1b2", None)),
        ({"seq": 2**63}, BadPress("keypad", "3", "seq", "a1b2", None)),
        ({"seq": 10**1000}, BadPress("keypad", "3", "seq", "a1b2", None)),
        ({"seq": "41"}, BadPress("keypad", "3", "seq", "a1b2", None)),
        ({"seq": 41.0}, BadPress("keypad", "3", "seq", "a1b2", None)),
        ({"seq": True}, BadPress("keypad", "3", "seq", "a1b2", None)),
        ({"seq": [41]}, BadPress("keypad", "3", "seq", "a1b2", None)),
        ({"at": -1}, BadPress("keypad", "3", "at", "a1b2", 41)),
        ({"at": 2**53}, BadPress("keypad", "3", "at", "a1b2", 41)),
        ({"at": "now"}, BadPress("keypad", "3", "at", "a1b2", 41)),
        ({"at": True}, BadPress("keypad", "3", "at", "a1b2", 41)),
        ({"at": 1e12}, BadPress("keypad", "3", "at", "a1b2", 41)),
    ],
    ids=lambda value: next(iter(value.items())).__repr__()[:30] if isinstance(value, dict) else "",
)
def test_each_bad_field_is_named_and_the_rest_is_read_for_the_answer(changes: dict[str, object], bad: BadPress) -> None:
    found = receive(press(**changes))
    assert found == bad
    assert type(found.seq) in (int, type(None))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("topic", "field", "value"),
    [
        ("panel/m/press", "ticket", "A" * 17),
        ("panel/m/press", "service", "s" * 33),
        ("panel/m/press", "counter", "1" * 9),
        ("panel/m/press", "reason", "r" * 201),
        ("panel/m/press", "ticket", None),
        ("kiosk/m/press", "service", "s" * 33),
        ("kiosk/m/press", "class", "c" * 33),
        ("kiosk/m/press", "class", 1),
        ("kiosk/m/press", "choice", "c" * 33),
        ("kiosk/m/press", "insist", "yes"),
        ("kiosk/m/press", "insist", 1),
        ("kiosk/m/press", "form", None),
        ("kiosk/m/press", "needs", "time"),
        ("kiosk/m/press", "needs", ["time"] * 9),
        ("kiosk/m/press", "needs", ["n" * 33]),
        ("kiosk/m/press", "slot", "09:30:00"),
        ("kiosk/m/press", "token", "0" * 63),
        ("kiosk/m/press", "token", "0" * 63 + "g"),
        ("kiosk/m/press", "token", "0" * 64 + "\n"),
        ("kiosk/m/press", "token", None),
    ],
)
def test_bad_fields_of_panels_and_kiosks(topic: str, field: str, value: object) -> None:
    found = receive(dumps({"key": "GREEN", "boot": "b", "seq": 1, field: value}), topic)
    assert found == BadPress(topic.partition("/")[0], "m", field, "b", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"", "json"),
        (b"CALL", "json"),
        (b"{", "json"),
        (b"[]", "json"),
        (b"null", "json"),
        (b"41", "json"),
        (b'"CALL"', "json"),
        (b"\xff\xfe\xfd", "json"),
        (b'{"key":"CALL"', "json"),
        (b'{"key":"\xff"}', "json"),
        (b"[" * 1000, "json"),
        (b'{"a":' * 400, "json"),
        (b"{" + b" " * (PRESS_LIMIT - 1), "json"),
        (b" " * (PRESS_LIMIT + 1), "length"),
        (press(colour="x" * PRESS_LIMIT), "length"),
    ],
    ids=repr,
)
def test_what_is_no_press_at_all(payload: bytes, field: str) -> None:
    assert receive(payload) == BadPress("keypad", "3", field)


def test_a_press_of_just_the_limit_is_read() -> None:
    payload = press(colour="")
    payload = press(colour="x" * (PRESS_LIMIT - len(payload)))
    assert len(payload) == PRESS_LIMIT
    assert isinstance(receive(payload), MqttPress)


def test_every_answer_to_a_bad_press_can_be_sent() -> None:
    """Whatever is read back for the answer must go through JSON and UTF-8; `\\ud800` is JSON's half a character."""
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.connected()
    drain(lobby)
    for text in (
        '{"boot":"\\ud800","seq":1}',
        '{"boot":"\\udfff\\ud800","seq":1}',
        '{"boot":"\\ud83d\\ude00","seq":-1}',
    ):
        found = lobby.receive(ROOT + "keypad/3/press", text.encode())
        assert isinstance(found, BadPress)
        lobby.answer("keypad", "3", {"boot": found.boot, "seq": found.seq})
        (message,) = drain(lobby)
        assert json.loads(message.payload.decode()) == {"boot": found.boot, "seq": found.seq}
    assert found.boot == "😀"


@pytest.mark.parametrize(
    "topic",
    [
        "lobby/b2/keypad/3/press",
        "lobby/b1/keypad/3/ack",
        "lobby/b1/keypad/3/screen",
        "lobby/b1/keypad/3/press/more",
        "lobby/b1/keypad/press",
        "lobby/b1/printer/3/press",
        "lobby/b1/press",
        "lobby/b11/keypad/3/press",
        "keypad/3/press",
        "other/lobby/b1/keypad/3/press",
        "",
    ],
)
def test_foreign_topics_are_no_presses(topic: str) -> None:
    assert MqttLobby("b1", PAYLOADS).receive(topic, press()) is None


@pytest.mark.parametrize("payload", [press(), b"garbage", b""])
def test_a_press_that_the_broker_has_kept_is_an_old_one(payload: bytes) -> None:
    assert receive(payload, stored=True) is None


def test_a_press_that_is_published_to_be_kept_is_refused_by_name() -> None:
    assert receive(press(), retain=True) == BadPress("keypad", "3", "retained", "a1b2", 41)
    assert receive(b"", retain=True) is None, "this is how a kept one is cleared"
    assert receive(press(seq=-1), retain=True) == BadPress("keypad", "3", "seq", "a1b2", None)


@pytest.mark.parametrize("id", ["", "柜台", "a b", "x" * 500])
def test_any_id_is_handed_on_as_it_is(id: str) -> None:
    found = receive(press(), f"keypad/{id}/press")
    assert isinstance(found, MqttPress)
    assert found.id == id


# -- what is published -------------------------------------------------------------------------------------------


def test_online_is_the_first_level_and_offline_the_will() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    assert lobby.will == Message(ROOT + "status", b"offline", True)
    assert lobby.next_message() is None, "nothing is said before there is a broker"
    lobby.level("board", {"calls": []})
    lobby.connected()
    assert drain(lobby) == [Message(ROOT + "status", b"online", True), Message(ROOT + "board", b'{"calls":[]}', True)]


def test_a_level_is_sent_once_and_again_when_it_changes() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.connected()
    drain(lobby)
    lobby.level("board", {"soon": ["A018"]})
    assert [message.payload for message in drain(lobby)] == [b'{"soon":["A018"]}']
    lobby.level("board", {"soon": ["A018"]})
    assert drain(lobby) == []
    lobby.level("board", {"soon": []})
    assert [message.payload for message in drain(lobby)] == [b'{"soon":[]}']


def test_the_latest_of_a_level_wins_and_each_keeps_its_place() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.connected()
    drain(lobby)
    for number in range(5):
        lobby.level("keypad/1/screen", {"waiting": number})
        lobby.level("keypad/2/screen", {"waiting": -number})
    assert [(m.topic, m.payload) for m in drain(lobby)] == [
        (ROOT + "keypad/1/screen", b'{"waiting":4}'),
        (ROOT + "keypad/2/screen", b'{"waiting":-4}'),
    ]


def test_every_level_is_sent_again_after_an_outage_as_it_is_then() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.connected()
    lobby.level("board", {"n": 1})
    lobby.level("device/printer", {"state": "ok"})
    drain(lobby)
    lobby.disconnected()
    lobby.level("board", {"n": 2})
    assert lobby.next_message() is None
    lobby.connected()
    assert [(m.topic.removeprefix(ROOT), m.payload) for m in drain(lobby)] == [
        ("status", b"online"),
        ("board", b'{"n":2}'),
        ("device/printer", b'{"state":"ok"}'),
    ]


def test_answers_go_before_levels_and_those_before_events_each_in_their_order() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.connected()
    drain(lobby)
    lobby.event(1, {"seq": 1})
    lobby.level("board", {})
    lobby.answer("keypad", "3", {"text": "请到3号"})
    lobby.event(1, {"seq": 2})
    lobby.answer("panel", "m", {"text": ""})
    assert drain(lobby) == [
        Message(ROOT + "keypad/3/ack", '{"text":"请到3号"}'.encode(), False),
        Message(ROOT + "panel/m/ack", b'{"text":""}', False),
        Message(ROOT + "board", b"{}", True),
        Message(ROOT + "event", b'{"seq":1}', False),
        Message(ROOT + "event", b'{"seq":2}', False),
    ]


def test_what_is_said_to_nobody_is_not_kept() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    for seq in range(6):
        if seq in (1, 4):
            lobby.connected()
        if seq == 3:
            lobby.disconnected()
        assert lobby.is_connected is (seq in (1, 2, 4, 5))
        lobby.event(1, {"seq": seq})
        lobby.answer("keypad", "3", {"seq": seq})
    assert [message.payload for message in drain(lobby) if not message.retain] == [
        b'{"seq":4}',
        b'{"seq":5}',
        b'{"seq":4}',
        b'{"seq":5}',
    ]


def test_answers_and_events_have_a_limit_and_the_oldest_go_first() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.connected()
    drain(lobby)
    lobby.level("board", {"kept": True})
    for number in range(ANSWERS_LIMIT + 10):
        lobby.event(1, {"seq": number})
        lobby.answer("keypad", "3", {"seq": number})
    found = [json.loads(message.payload) for message in drain(lobby)]
    every = range(ANSWERS_LIMIT + 10)
    assert [content["seq"] for content in found[:ANSWERS_LIMIT]] == list(every)[-ANSWERS_LIMIT:]
    assert found[ANSWERS_LIMIT] == {"kept": True}
    assert [content["seq"] for content in found[ANSWERS_LIMIT + 1 :]] == list(every)[-EVENTS_LIMIT:]


def test_levels_are_said_again_each_in_turn_as_they_are_then() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.level("board", {"n": 1})
    lobby.level("day", {})
    lobby.connected()
    drain(lobby)
    said = []
    for number in range(7):
        lobby.level("board", {"n": number})
        drain(lobby)
        lobby.say_again()
        said += [(m.topic.removeprefix(ROOT), m.payload) for m in drain(lobby)]
    status, day = ("status", b"online"), ("day", b"{}")
    assert said == [status, ("board", b'{"n":1}'), day, status, ("board", b'{"n":4}'), day, status]
    assert lobby.levels == 3


def test_the_topic_of_a_device_that_is_no_longer_there_is_cleared_also_after_an_outage() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.level("device/page.tv", {"state": "ok"})
    lobby.connected()
    drain(lobby)
    lobby.say_again()
    lobby.clear("device/page.tv")
    assert [(m.topic, m.payload, m.retain) for m in drain(lobby) if m.topic != ROOT + "status"] == [
        (ROOT + "device/page.tv", b"", True)
    ]
    for _ in range(3):
        lobby.say_again()
        assert [m.topic for m in drain(lobby)] == [ROOT + "status"]
    lobby.level("device/page.tv", {"state": "ok"})
    lobby.disconnected()
    lobby.clear("device/page.tv")
    lobby.connected()
    lobby.receive(ROOT + "device/page.tv", b'{"state":"ok"}', stored=True)
    assert (ROOT + "device/page.tv", b"") in [(m.topic, m.payload) for m in drain(lobby)]


@pytest.mark.parametrize("payload", [b"offline", b"", b"\xff"])
def test_what_somebody_else_says_in_our_place_is_put_right(payload: bytes) -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.level("board", {"n": 1})
    lobby.connected()
    drain(lobby)
    assert not lobby.put_right()
    assert lobby.receive(ROOT + "status", payload) == Foreign(ROOT + "status")
    assert lobby.receive(ROOT + "board", b'{"n":1}') is None, "it is what it should be"
    assert drain(lobby) == [], "when it is time"
    assert lobby.put_right()
    assert drain(lobby) == [Message(ROOT + "status", b"online", True)]
    assert not lobby.put_right()


def test_only_levels_of_devices_that_are_no_more_are_cleared() -> None:
    lobby = MqttLobby("b1", PAYLOADS, devices=["hall"])
    lobby.level("keypad/3/screen", {})
    lobby.connected()
    drain(lobby)
    theirs = (
        "keypad/9/note",
        "keypad/9/screen/2",
        "keypad/screen",
        "panel/9/screen",
        "device/a/b",
        "device",
        "board/2",
    )
    ours = ("status", "board", "keypad/3/screen", "device/hall")
    for topic in (*theirs, *ours, "keypad/9/screen", "device/gone", "device/", "keypad//screen"):
        assert lobby.receive(ROOT + topic, b"ok", stored=True) is None
    assert lobby.receive("lobby/b2/device/gone", b"ok", stored=True) is None
    assert lobby.receive(ROOT + "device/guest", b"ok") is None, "said now, by whomever"
    gone = ("keypad/9/screen", "device/gone", "device/", "keypad//screen")
    assert drain(lobby) == [Message(ROOT + topic, b"", True) for topic in gone]
    lobby.receive(ROOT + "device/gone", b"ok", stored=True)
    lobby.disconnected()
    lobby.connected()
    assert [message.topic for message in drain(lobby)] == [ROOT + "status", ROOT + "keypad/3/screen"]


# -- with a real broker ------------------------------------------------------------------------------------------


class Guarded(Mosquitto):
    """A broker that wants a password."""

    def __init__(self, directory: Path, user: str, password: str) -> None:
        super().__init__(directory)
        file = directory / "users"
        processes.run(["mosquitto_passwd", "-b", "-c", file, user, password], check=True, capture_output=True)
        text = self._config.read_text().replace("allow_anonymous true", "allow_anonymous false")
        self._config.write_text(f"{text}password_file {file}\nuser root\n")


SUBACK = 0x90


class Relay:
    """A way to the broker that can be deaf or cut, know MQTT 3.1.1 alone, or let no second subscription pass until it
    is told to."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.deaf = False
        self.old = False
        self.silent = False
        """Whether it says nothing to what it does not know."""
        self.accepted = 0
        self.times: list[float] = []
        self.second_subscription: asyncio.Event | None = None
        self.subscribed = asyncio.Event()
        self.port = free_port()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Without a goodbye, as when a cable is pulled and the broker's machine notices."""
        if self._server:
            self._server.close()
        for writer in self._streams:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def say(self, packet: bytes) -> None:
        """Say something to the client in the broker's place, and end the connection."""
        for writer in self._clients:
            writer.write(packet)
            writer.close()

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.times.append(time.monotonic())
        self._streams.add(writer)
        self._clients.add(writer)
        self._tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        if self.deaf:
            with suppress(OSError):
                while await reader.read(4096):
                    pass
            writer.transport.abort()
            return
        first = await reader.read(4096)
        if self.old and first[first.index(b"MQTT") + 4] > 4:
            if self.silent:
                await reader.read()
            writer.write(b"\x20\x02\x00\x01")  # connection refused: unacceptable protocol version
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        far_writer.write(first)
        self._streams.add(far_writer)
        await asyncio.gather(self._pass(reader, far_writer, True), self._pass(far_reader, writer, False))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(4096):
                if self.second_subscription and up and self.subscribed.is_set():
                    await self.second_subscription.wait()
                writer.write(data)
                if not up and data[0] == SUBACK:
                    self.subscribed.set()
        writer.transport.abort()


class Bench:
    """A running session, what it told, and a lobby that answers every press with its `boot` and `seq`."""

    def __init__(self, broker: Broker, devices: Sequence[str]) -> None:
        self.lobby = MqttLobby("b1", PAYLOADS, devices)
        self.facts: list[object] = []
        self.times: list[float] = []
        self._heard = asyncio.Event()
        self.session = MqttSession(self.lobby, broker, self._hear)
        self.task = asyncio.create_task(self.session.run())

    def _hear(self, fact: object) -> None:
        self.facts.append(fact)
        self.times.append(time.monotonic())
        self._heard.set()
        if isinstance(fact, MqttPress | BadPress):
            about = fact.payload if isinstance(fact, MqttPress) else fact
            self.lobby.answer(fact.where, fact.id, {"boot": about.boot, "seq": about.seq})
            self.session.flush()

    def event(self, seq: int) -> None:
        self.lobby.event(1, {"seq": seq})
        self.session.flush()

    def level(self, topic: str, content: dict[str, Any]) -> None:
        self.lobby.level(topic, content)
        self.session.flush()

    async def until(self, condition: Callable[[list[object]], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition(self.facts):
                self._heard.clear()
                await self._heard.wait()

    async def told(self, *kinds: object) -> None:
        """Exactly these since the last time, in this order; a class stands for any fact of it."""
        await self.until(lambda heard: len(heard) >= len(kinds))
        taken, self.facts = self.facts, []
        assert [type(fact) if isinstance(kind, type) else fact for fact, kind in zip(taken, kinds, strict=True)] == [
            *kinds
        ]

    async def stop(self) -> None:
        self.task.cancel()
        async with asyncio.timeout(PATIENCE):
            with suppress(asyncio.CancelledError):
                await self.task


@asynccontextmanager
async def bench(broker: Broker, devices: Sequence[str] = ()) -> AsyncIterator[Bench]:
    running = Bench(broker, devices)
    try:
        yield running
        assert not running.task.done(), "a session never ends by itself"
    finally:
        await running.stop()


class Watch:
    """Somebody else on the broker: every message below the root, in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.messages: list[tuple[str, bytes, bool]] = []
        self._news = asyncio.Event()

    async def read(self) -> None:
        with suppress(aiomqtt.MqttError):
            async for message in self.client.messages:
                topic = message.topic.value.removeprefix(ROOT)
                self.messages.append((topic, bytes(message.payload), message.retain))  # type: ignore[arg-type]
                self._news.set()

    def on(self, topic: str) -> list[bytes]:
        return [payload for heard, payload, _ in self.messages if heard == topic]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def press(self, topic: str = "keypad/3/press", payload: bytes | None = None, **about: Any) -> None:
        await self.client.publish(ROOT + topic, press(**about) if payload is None else payload, qos=1)


@asynccontextmanager
async def watch(port: int, **settings: Any) -> AsyncIterator[Watch]:
    nodelay = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    async with aiomqtt.Client("127.0.0.1", port, socket_options=nodelay, **settings) as client:
        watching = Watch(client)
        await client.subscribe(ROOT + "#", qos=1)
        reading = asyncio.create_task(watching.read())
        try:
            yield watching
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto of the test's own. In continuous integration a missing one is a failure, not a skip."""
    if os.environ.get("CI") == "true" and not (which("mosquitto") or which("mosquitto", path="/usr/sbin")):
        pytest.fail("Mosquitto is not installed")
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
async def relay(broker: Mosquitto) -> AsyncIterator[Relay]:
    relay = Relay(broker.port)
    await relay.open()
    yield relay
    await relay.cut()


@pytest.fixture(params=["MQTT 5", "MQTT 3.1.1"])
async def port(relay: Relay, request: pytest.FixtureRequest) -> int:
    """Where there is a broker that knows this version at most."""
    relay.old = request.param == "MQTT 3.1.1"
    return relay.port


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_session, "BACK_OFF", (0.02, 0.05))


def at(port: int, **settings: Any) -> Broker:
    return Broker("127.0.0.1", port, "lobby-b1", **settings)


async def test_presses_arrive_as_facts_in_order(broker: Mosquitto, port: int) -> None:
    async with watch(broker.port) as keypad, bench(at(port)) as b:
        await b.session.settled.wait()
        await b.told(LinkUp())
        for topic in PRESS_TOPICS:
            await keypad.press(topic.replace("+", "7"), key="GREEN")
        for seq in range(50):
            await keypad.press(seq=seq)
        await b.until(lambda facts: len(facts) == 53)
        assert [(fact.where, fact.id) for fact in b.facts[:3]] == [(w, "7") for w in ("keypad", "panel", "kiosk")]  # type: ignore[attr-defined]
        assert [fact.payload.seq for fact in b.facts[3:]] == list(range(50))  # type: ignore[attr-defined]


async def test_a_press_between_two_subscriptions_is_answered_too(broker: Mosquitto, relay: Relay) -> None:
    """It comes before the session is up, and the broker has its confirmation already."""
    relay.second_subscription = asyncio.Event()
    async with watch(broker.port) as keypad, bench(at(relay.port)) as b:
        await relay.subscribed.wait()
        for seq in (1, 2):
            await keypad.press(seq=seq)
        await keypad.until(lambda: len(keypad.on("keypad/3/press")) == 2)
        assert not b.session.settled.is_set()
        relay.second_subscription.set()
        await keypad.until(lambda: len(keypad.on("keypad/3/ack")) == 2)
        await b.told(LinkUp(), MqttPress, MqttPress)
        assert [json.loads(ack)["seq"] for ack in keypad.on("keypad/3/ack")] == [1, 2]


async def test_a_press_of_a_connection_that_never_was_up_does_not_act_later(
    broker: Mosquitto, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_session, "TIMEOUT", 0.5)  # the library notices the cut only while it waits for nothing
    relay.second_subscription = asyncio.Event()
    async with watch(broker.port) as keypad, bench(at(relay.port)) as b:
        await relay.subscribed.wait()
        await keypad.press(seq=1)
        await eventually(lambda: b.session._early)
        held, relay.second_subscription = relay.second_subscription, None
        cutting = asyncio.create_task(relay.cut())
        await b.until(lambda facts: len(facts) == 1)
        held.set()
        await cutting
        await relay.open()
        await b.until(lambda facts: LinkUp() in facts)
        await keypad.press(seq=2)
        await b.until(lambda facts: len(facts) >= 3)
        assert b.facts[1] == LinkUp()
        assert [fact.payload.seq for fact in b.facts[2:]] == [2]  # type: ignore[attr-defined]


async def test_no_malformed_press_costs_the_connection_and_each_is_answered(broker: Mosquitto, port: int) -> None:
    bad = [
        b"",
        b"{",
        b"[" * 1500,
        b'{"boot":"\\ud800","seq":1}',
        b'{"boot":"\xed\xa0\x80","seq":1}',
        bytes(range(256)),
        b" " * 60_000,
    ]
    async with watch(broker.port) as keypad, bench(at(port)) as b:
        await b.told(LinkUp())
        for payload in bad:
            await keypad.press(payload=payload)
        await keypad.until(lambda: len(keypad.on("keypad/3/ack")) == len(bad))
        await keypad.press()
        await b.told(*[BadPress] * len(bad), MqttPress)


async def test_levels_are_retained_and_answers_are_not(broker: Mosquitto, port: int) -> None:
    async with bench(at(port)) as b, watch(broker.port) as early:
        b.level("board", {"n": 1})
        await early.until(lambda: early.on("board") == [b'{"n":1}'])
        b.event(1)
        b.level("board", {"n": 2})
        await early.until(lambda: early.on("event") and len(early.on("board")) == 2)
        assert early.on("board") == [b'{"n":1}', b'{"n":2}']
        assert early.on("event") == [b'{"seq":1}']
        async with watch(broker.port) as late:
            await late.until(lambda: len(late.messages) == 2)
            assert sorted(late.messages) == [("board", b'{"n":2}', True), ("status", b"online", True)]


async def test_a_burst_arrives_whole_and_in_order(broker: Mosquitto, port: int) -> None:
    burst = 800  # more than may be in flight, less than Mosquitto keeps for one who reads slowly
    async with watch(broker.port) as watching, bench(at(port)) as b:
        await b.told(LinkUp())
        for seq in range(burst):
            b.event(seq)
        b.level("board", {"n": 1})
        await watching.until(lambda: len(watching.on("event")) == burst)
        assert [topic for topic, _, _ in watching.messages][:2] == ["status", "board"], "levels do not wait for events"
        assert [json.loads(event)["seq"] for event in watching.on("event")] == list(range(burst))
        assert b.facts == []


async def test_an_abrupt_end_is_told_by_the_will_and_the_return_by_online(broker: Mosquitto, relay: Relay) -> None:
    async with watch(broker.port) as watching, bench(at(relay.port)) as b:
        await watching.until(lambda: watching.on("status") == [b"online"])
        await relay.cut()
        await watching.until(lambda: watching.on("status") == [b"online", b"offline"])
        await b.until(lambda facts: len(facts) == 2)
        await relay.open()
        await watching.until(lambda: watching.on("status") == [b"online", b"offline", b"online"])
        assert [type(fact) for fact in b.facts] == [LinkUp, LinkDown, LinkUp]


async def test_an_orderly_end_says_the_last_answers_and_offline_once(broker: Mosquitto, port: int) -> None:
    async with watch(broker.port) as watching:
        async with bench(at(port)) as b:
            await b.told(LinkUp())
            await watching.until(lambda: watching.on("status") == [b"online"])
            events = 2 * mqtt_session.IN_FLIGHT
            for seq in range(events):
                b.event(seq)
            b.lobby.answer("keypad", "3", {"seq": 1})
            await b.stop()
            await watching.until(lambda: watching.messages[-1] == ("status", b"offline", False))
            assert watching.messages == [
                ("status", b"online", False),
                ("keypad/3/ack", b'{"seq":1}', False),
                *(("event", b'{"seq":%d}' % seq, False) for seq in range(events)),
                ("status", b"offline", False),
            ]
            b.task = asyncio.create_task(asyncio.sleep(3600))
        await watching.press()  # whatever a will would have said is said before this
        await watching.until(lambda: watching.on("keypad/3/press"))
        assert watching.on("status") == [b"online", b"offline"]
        async with watch(broker.port) as late:
            await late.until(lambda: late.messages)
            assert late.messages == [("status", b"offline", True)]


async def test_a_broker_that_restarts_gets_every_level_again(broker: Mosquitto) -> None:
    async with bench(at(broker.port)) as b:
        await b.told(LinkUp())
        b.level("board", {"n": 1})
        b.level("device/printer", {"state": "ok"})
        for number in (2, 3):
            broker.stop()
            await b.told(LinkDown)
            assert not b.lobby.is_connected
            b.level("board", {"n": number})
            for _ in range(4):
                await asyncio.sleep(max(mqtt_session.BACK_OFF))
            assert b.facts == [], "told once"
            broker.start()
            await b.told(LinkUp())
            async with watch(broker.port) as watching:
                await watching.until(lambda: len(watching.messages) >= 3)
                assert {(topic, payload) for topic, payload, _ in watching.messages} == {
                    ("status", b"online"),
                    ("board", b'{"n":%d}' % number),
                    ("device/printer", b'{"state":"ok"}'),
                }


async def test_a_wrong_port_is_told_once_and_settles(broker: Mosquitto) -> None:
    relay = Relay(broker.port)
    before = open_files()
    async with bench(at(relay.port)) as b:
        await b.session.settled.wait()
        await b.told(LinkDown)
        for _ in range(4):
            await asyncio.sleep(max(mqtt_session.BACK_OFF))
        assert b.facts == []
        assert set(open_files().values()) - set(before.values()) == set()
        await relay.open()
        await b.told(LinkUp())
        await relay.cut()
        await b.told(LinkDown)


@pytest.mark.parametrize("abrupt", [False, True])
async def test_a_press_of_an_outage_is_never_delivered(broker: Mosquitto, relay: Relay, abrupt: bool) -> None:
    async with watch(broker.port) as keypad:
        async with bench(at(relay.port)) as b:
            await b.told(LinkUp())
            await keypad.until(lambda: keypad.on("status") == [b"online"])
            if abrupt:
                await relay.cut()
                await keypad.until(lambda: b"offline" in keypad.on("status"))
                await keypad.press(seq=1)
                await b.told(LinkDown)
                await relay.open()
                await b.told(LinkUp())
                await keypad.press(seq=2)
                await b.until(lambda facts: facts)
                assert [fact.payload.seq for fact in b.facts] == [2]  # type: ignore[attr-defined]
        if not abrupt:
            await keypad.press(seq=1)
            async with bench(at(relay.port)) as b:
                await b.told(LinkUp())
                await keypad.press(seq=2)
                await b.until(lambda facts: facts)
                assert [fact.payload.seq for fact in b.facts] == [2]  # type: ignore[attr-defined]


async def test_a_press_that_the_broker_has_kept_is_not_taken(broker: Mosquitto, port: int) -> None:
    async with watch(broker.port) as keypad:
        await keypad.client.publish(ROOT + "keypad/3/press", press(seq=1), qos=1, retain=True)
        async with bench(at(port)) as b:
            await b.told(LinkUp())
            await keypad.press(seq=2)
            await b.until(lambda facts: facts)
            assert [fact.payload.seq for fact in b.facts] == [2]  # type: ignore[attr-defined]


async def test_a_press_that_is_published_to_be_kept_is_refused_where_the_broker_tells(broker: Mosquitto) -> None:
    async with watch(broker.port) as keypad, bench(at(broker.port)) as b:
        await b.told(LinkUp())
        await keypad.client.publish(ROOT + "keypad/3/press", press(seq=1), qos=1, retain=True)
        await keypad.press(seq=2)
        await b.told(BadPress("keypad", "3", "retained", "a1b2", 1), MqttPress)
        await keypad.until(lambda: len(keypad.on("keypad/3/ack")) == 2)


async def retain(watching: Watch, *topics: str) -> None:
    """Leave something on the broker, and know that it is there."""
    for topic in topics:
        await watching.client.publish(ROOT + topic, b'"left"', qos=1, retain=True)


async def kept(port: int) -> dict[str, bytes]:
    """What the broker keeps below the root."""
    async with watch(port) as late:
        await late.client.publish(ROOT + "all", b"", qos=1)  # comes after everything that is kept
        await late.until(lambda: late.on("all"))
        return {topic: payload for topic, payload, retained in late.messages if retained}


async def test_screens_and_states_of_devices_that_are_no_more_are_cleared(broker: Mosquitto, port: int) -> None:
    theirs = ("keypad/9/note", "device/a/b", "other", "panel/gone/screen")
    async with watch(broker.port) as watching:
        await retain(watching, "keypad/9/screen", "device/gone", "device/slow", "keypad/3/screen", "board", *theirs)
        async with bench(at(port), devices=["slow"]) as b:
            b.level("keypad/3/screen", {"waiting": 0})
            await b.told(LinkUp())
            await watching.until(lambda: {(t, p) for t, p, _ in watching.messages[-2:]} == {
                ("keypad/9/screen", b""), ("device/gone", b"")
            })  # fmt: skip
            assert await kept(broker.port) == {
                **dict.fromkeys(theirs, b'"left"'),
                "device/slow": b'"left"',
                "board": b'"left"',
                "keypad/3/screen": b'{"waiting":0}',
                "status": b"online",
            }


async def test_what_others_say_in_our_place_is_put_right_at_once_and_told_once(broker: Mosquitto) -> None:
    async with watch(broker.port) as stranger, bench(at(broker.port)) as b:
        b.level("keypad/3/screen", {"waiting": 0})
        await b.told(LinkUp())
        await stranger.until(lambda: stranger.on("keypad/3/screen"))
        for payload in (b"offline", b""):
            stranger.messages.clear()
            await stranger.client.publish(ROOT + "status", payload, qos=1, retain=True)
            await stranger.until(lambda: len(stranger.on("status")) == 2)
            assert stranger.on("status") == [payload, b"online"]
            assert await kept(broker.port) == {"status": b"online", "keypad/3/screen": b'{"waiting":0}'}
        await b.told(Foreign(ROOT + "status"))
        stranger.messages.clear()
        await stranger.client.publish(ROOT + "keypad/3/screen", b"{}", qos=1)
        await stranger.until(lambda: len(stranger.on("keypad/3/screen")) == 2)
        await b.told(Foreign(ROOT + "keypad/3/screen"))


async def test_what_we_say_ourselves_is_never_foreign(broker: Mosquitto) -> None:
    async with watch(broker.port) as watching, bench(at(broker.port)) as b:
        await b.told(LinkUp())
        for number in range(50):
            b.level("board", {"n": number})
            await watching.until(lambda n=number: watching.on("board")[-1:] == [b'{"n":%d}' % n])  # type: ignore[misc]
        assert len(watching.on("board")) == 50
        assert b.facts == []


async def test_two_controllers_of_one_branch_do_not_put_each_other_right_in_a_rush(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_session, "PUT_RIGHT_EVERY", 3600.0)
    async with (
        watch(broker.port) as watching,
        bench(at(broker.port)) as one,
        bench(Broker("127.0.0.1", broker.port, "lobby-other")) as other,
    ):
        await one.told(LinkUp())
        await other.told(LinkUp())
        for number in range(100):
            for each, name in ((one, "one"), (other, "other")):
                each.level("board", {name: number})
                each.event(number)
        await watching.until(lambda: len(watching.on("event")) == 200)
        for each in (one, other):
            await each.until(lambda facts: facts)
            assert each.facts == [Foreign(ROOT + "board")]
        said = len(watching.on("board"))
        async with watch(broker.port) as late:
            await late.until(lambda: late.on("board"))
        assert len(watching.on("board")) == said <= 202


async def test_every_level_is_said_again_from_time_to_time(
    broker: Mosquitto, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the broker does not tell whose a message is, what somebody else has said is put right by this."""
    monkeypatch.setattr(mqtt_session, "REFRESH", 0.05)
    async with watch(broker.port) as stranger, bench(at(port)) as b:
        b.level("board", {"n": 1})
        await b.told(LinkUp())
        await stranger.client.publish(ROOT + "board", b"wrong", qos=1, retain=True)
        await stranger.until(lambda: b"wrong" in stranger.on("board") and stranger.on("board")[-1] != b"wrong")
        await stranger.until(lambda: len(stranger.on("status")) >= 4 and len(stranger.on("board")) >= 4)


async def test_the_password_file_is_read_at_each_attempt(broker: Mosquitto, tmp_path: Path) -> None:
    if not which("mosquitto_passwd"):
        pytest.skip("mosquitto_passwd is not installed")
    (tmp_path / "guarded").mkdir()
    guarded = Guarded(tmp_path / "guarded", "lobby", "correct horse")
    guarded.start()
    file = tmp_path / "password"
    try:
        async with bench(at(guarded.port, username="lobby", password_file=file)) as b:
            await b.told(LinkDown("No such file or directory"))
            file.write_text("wrong\n")
            for _ in range(4):
                await asyncio.sleep(max(mqtt_session.BACK_OFF))
            assert b.facts == []
            file.write_text("correct horse\n")
            await b.told(LinkUp())
            async with watch(guarded.port, username="lobby", password="correct horse") as watching:
                await watching.until(lambda: watching.on("status") == [b"online"])
        async with bench(at(guarded.port)) as b:
            await b.until(lambda facts: facts)
            assert b.facts == [LinkDown("[code:135] Not authorized")]
    finally:
        guarded.stop()


async def test_a_broker_that_never_answers_settles_and_is_tried_again(
    broker: Mosquitto, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_session, "TIMEOUT", 0.2)
    relay.deaf = True
    async with bench(at(relay.port)) as b:
        await b.session.settled.wait()
        await b.told(LinkDown)
        await eventually(lambda: relay.accepted >= 3)
        assert b.facts == []
        relay.deaf = False
        await b.told(LinkUp())


@pytest.mark.parametrize("known", [True, False])
async def test_a_broker_that_is_silent_on_mqtt_5_is_spoken_to_in_3(
    broker: Mosquitto, relay: Relay, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    monkeypatch.setattr(mqtt_session, "TIMEOUT", 0.5)
    relay.old = relay.silent = True
    async with watch(broker.port) as keypad, bench(at(relay.port, is_old=known)) as b:
        await b.told(*([] if known else [LinkDown]), LinkUp())
        await keypad.press()
        await b.told(MqttPress)
        assert relay.accepted == (1 if known else 2)


async def test_a_broker_that_stops_answering_is_left_and_come_back_to(
    broker: Mosquitto, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_session, "TIMEOUT", 0.3)
    async with bench(at(broker.port)) as b:
        await b.told(LinkUp())
        broker._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        b.level("board", {"n": 1})
        await b.told(LinkDown)
        broker._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
        await b.told(LinkUp())
        async with watch(broker.port) as watching:
            await watching.until(lambda: b'{"n":1}' in watching.on("board"))


async def test_a_session_ends_although_the_broker_does_not_answer(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_session, "GOODBYE", 0.2)
    async with bench(at(broker.port)) as b:
        await b.told(LinkUp())
        broker._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        b.task.cancel()
        await asyncio.wait([b.task], timeout=PATIENCE)
        broker._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
        assert b.task.cancelled()
        b.task = asyncio.create_task(asyncio.sleep(3600))


@pytest.mark.parametrize("state", ["no answer", "backing off", "connected"])
async def test_a_session_can_be_ended_in_every_state_and_leaves_nothing(
    broker: Mosquitto, relay: Relay, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(mqtt_session, "TIMEOUT", 0.5)
    before = open_files()
    if state == "no answer":
        relay.deaf = True
    if state == "backing off":
        await relay.cut()
    async with bench(at(relay.port)) as b:
        match state:
            case "no answer":
                await eventually(lambda: relay.accepted)
            case _:
                await b.session.settled.wait()
    assert b.task.cancelled()
    await relay.cut()
    await eventually(lambda: len(open_files()) <= len(before))


async def test_another_program_with_our_name_is_told_once_and_the_two_do_not_fight_in_a_rush(
    broker: Mosquitto, relay: Relay, port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker throws the earlier one out each time, and does not say why: the third time is more than chance."""
    pauses = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 5.0)
    monkeypatch.setattr(mqtt_session, "BACK_OFF", pauses)
    async with bench(at(port)) as a:
        await a.told(LinkUp())
        relay.times.clear()
        async with bench(at(broker.port)):
            await a.until(lambda facts: len(facts) >= 5)
            told = len(relay.times)
            await eventually(lambda: len(relay.times) >= told + 2)
        lost = LinkDown("Disconnected during message iteration")
        assert a.facts == [lost, LinkUp(), lost, LinkUp(), LinkDown("closed_again", "lobby-b1")]
        assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
        if not relay.old:  # else there are two attempts a time
            gaps = [later - earlier for earlier, later in pairwise(relay.times)]
            assert all(gap >= pause for gap, pause in zip(gaps[:3], pauses[1:4], strict=True))


async def test_who_has_its_name_for_itself_again_is_up_when_that_has_held(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(at(broker.port)) as a:
        for _ in range(mqtt_session.CLOSINGS):
            await a.told(LinkUp())
            monkeypatch.setattr(mqtt_session, "HOLDS", 0.5)
            async with aiomqtt.Client("127.0.0.1", broker.port, identifier="lobby-b1"):
                await a.told(LinkDown)
        await a.told(LinkUp())


async def test_a_broker_that_says_that_the_name_is_taken_is_believed_at_once(broker: Mosquitto, relay: Relay) -> None:
    async with bench(at(relay.port)) as a:
        await a.told(LinkUp())
        await relay.say(b"\xe0\x01\x8e")
        await a.told(LinkDown("client_id_clash", "lobby-b1"))
        await eventually(lambda: relay.accepted == 2)
        await eventually(lambda: a.lobby.is_connected)
        assert a.facts == []
