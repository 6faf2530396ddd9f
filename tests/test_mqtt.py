"""Payloads and topics: what is a press, and what is published."""

from __future__ import annotations

import json
from typing import Any

import pytest
from brokers import PRESS, ROOT, dumps, press

from controller.presses import PAYLOADS, KeypadPayload, KioskPayload, PanelPayload
from drivers.mqtt import (
    ANSWERS_LIMIT,
    EVENTS_LIMIT,
    PRESS_LIMIT,
    BadPress,
    Foreign,
    Heard,
    Message,
    MqttLobby,
    MqttPress,
)


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


# -- topics of others --------------------------------------------------------------------------------------------

CONFIG = "homeassistant/device/lobby-b1/branch/config"
OURS = "homeassistant/device/lobby-b1/+/config"


def test_an_announcement_is_kept_as_a_level_and_not_refreshed() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.ours.append(OURS)
    lobby.connected()
    drain(lobby)
    lobby.announce(CONFIG, {"n": 1})
    lobby.announce(CONFIG, {"n": 1})
    assert [(m.topic, m.payload, m.retain) for m in drain(lobby)] == [(CONFIG, b'{"n":1}', True)]
    lobby.say_again()
    assert [m.topic for m in drain(lobby)] == [ROOT + "status"]
    assert lobby.levels == 1
    lobby.announce_again()
    assert [m.topic for m in drain(lobby)] == [CONFIG]
    lobby.disconnected()
    lobby.connected()
    assert CONFIG in [m.topic for m in drain(lobby)]
    lobby.withdraw(CONFIG)
    assert [(m.topic, m.payload, m.retain) for m in drain(lobby)] == [(CONFIG, b"", True)]
    lobby.announce_again()
    assert drain(lobby) == []


def test_an_announcement_that_somebody_deletes_stays_so_and_one_that_is_changed_is_put_right() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.ours.append(OURS)
    lobby.announce(CONFIG, {"n": 1})
    lobby.connected()
    drain(lobby)
    assert lobby.receive(CONFIG, b"") is None
    assert not lobby.put_right()
    assert lobby.receive(CONFIG, b"{}") == Foreign(CONFIG)
    assert lobby.put_right()
    assert [(m.topic, m.payload) for m in drain(lobby)] == [(CONFIG, b'{"n":1}')]


def test_what_was_announced_before_is_cleared_and_what_is_not_ours_is_not() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.ours.append(OURS)
    lobby.announce(CONFIG, {"n": 1})
    lobby.connected()
    drain(lobby)
    old = OURS.replace("+", "counter-9")
    for topic in (CONFIG, old, CONFIG.replace("b1", "b10"), f"{CONFIG}/more", "homeassistant/status"):
        assert lobby.receive(topic, b"{}", stored=True) is None
    assert [(m.topic, m.payload) for m in drain(lobby)] == [(old, b"")]


def test_topics_of_others_are_heard_exactly_and_what_was_kept_only_where_it_is_wanted() -> None:
    lobby = MqttLobby("b1", PAYLOADS)
    lobby.listen("zigbee2mqtt/press", kept=False)
    lobby.listen("zigbee2mqtt/bridge/state", kept=False)
    lobby.listen("zigbee2mqtt/bridge/state", kept=True)
    assert lobby.receive("zigbee2mqtt/press", b"x") == Heard("zigbee2mqtt/press", b"x")
    assert lobby.receive("zigbee2mqtt/press", b"x", stored=True) is None
    assert lobby.receive("zigbee2mqtt/press/action", b"x") is None
    kept = Heard("zigbee2mqtt/bridge/state", b"online", stored=True)
    assert lobby.receive("zigbee2mqtt/bridge/state", b"online", stored=True) == kept
    lobby.unlisten("zigbee2mqtt/press")
    assert lobby.receive("zigbee2mqtt/press", b"x") is None
