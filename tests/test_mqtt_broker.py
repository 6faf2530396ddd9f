"""The connection to a real broker, through outages."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from shutil import which
from typing import Any

import aiomqtt
import pytest
from brokers import ROOT, Guarded, Relay, Watch, bench, press, watch
from ports import PATIENCE, eventually, open_files
from system.broker import Mosquitto

from drivers import mqtt_session
from drivers.mqtt import (
    PRESS_TOPICS,
    BadPress,
    Foreign,
    MqttPress,
)
from drivers.mqtt_session import Broker
from drivers.session import LinkDown, LinkUp


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
            await b.told(LinkDown(f"{file}: no such file or directory"))
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
            assert b.facts == [LinkDown("not_authorised", f"127.0.0.1:{guarded.port}")]
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


@pytest.mark.long
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
            clash = LinkDown("closed_again", "lobby-b1")
            await a.until(lambda facts: clash in facts)
            told = len(relay.times)
            await eventually(lambda: len(relay.times) >= told + 2)
        # Who is thrown out before it has subscribed was not up, so there may be fewer losses and ups before the clash.
        assert a.facts[-1] == clash
        assert a.facts.count(clash) == 1
        assert {type(fact) for fact in a.facts[:-1]} <= {LinkDown, LinkUp}
        assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
        if not relay.old:  # else there are two attempts a time
            gaps = [later - earlier for earlier, later in pairwise(relay.times)]
            assert all(gap >= pause for gap, pause in zip(gaps[:3], pauses[1:4], strict=True))


async def test_a_clash_is_told_also_when_the_connection_was_never_up_between(
    broker: Mosquitto, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_session, "BACK_OFF", (0.02, 0.05))
    relay.ends_after_connack = True
    async with bench(at(relay.port)) as a:
        await a.told(LinkDown, LinkDown("closed_again", "lobby-b1"))
        accepted = relay.accepted
        await eventually(lambda: relay.accepted >= accepted + 3)
        assert a.facts == []


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
