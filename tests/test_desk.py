"""The desk's posts, with a real journal and the real drivers, told what happens by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from branches import NINE, branch

from controller.desk import Desk
from controller.desk.displays import DisplayPost
from controller.desk.mqtt import MqttPost
from controller.desk.terminals import TerminalsPost
from controller.engine import Answer, Request, Step
from controller.journal import Journal, Row
from controller.lobby import commands as cm
from controller.lobby.events import CounterOpened
from controller.lobby.state import State
from drivers.mqtt import Message, MqttLobby
from drivers.session import LinkDown, LinkUp
from drivers.terminal68 import Frame, Function, Key, Terminal68

RULES = branch({"1": {"cash": 0}})
CALL = Frame(1, Function.ANSWER_RATER, bytes([Key.CALL]))
NO_SHOW = Frame(1, Function.ANSWER_RATER, bytes([6, Key.CONFIRM]))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "lobby.db")
    yield journal
    journal.close()


def test_two_presses_heard_in_one_millisecond_are_two(journal: Journal) -> None:
    requests: list[Request] = []
    desk = Desk(RULES, journal, requests.append, lambda: True, lambda: NINE)
    bus = Terminal68([1])
    post = TerminalsPost("bus", bus, {1: "1"}, {}, 400, desk.lobby, lambda: None)
    bus.connected(0.0)
    for fact in bus.receive(CALL.to_bytes() + NO_SHOW.to_bytes(), 0.0):
        post.heard(fact)
    commands = [request.command for request in requests]
    assert [type(command) for command in commands] == [cm.CallNext, cm.NoShow]
    assert [command.cause for command in commands] == [f"terminal68:bus:1:{NINE}", f"terminal68:bus:1:{NINE + 1}"]


def test_a_press_that_could_not_be_written_gets_no_answer(journal: Journal) -> None:
    requests: list[Request] = []
    desk = Desk(RULES, journal, requests.append, lambda: True, lambda: NINE)
    bus = Terminal68([1])
    post = TerminalsPost("bus", bus, {1: "1"}, {}, 400, desk.lobby, lambda: None)
    bus.connected(0.0)
    while bus.data_to_send(1000.0):
        pass
    (pressed,) = bus.receive(CALL.to_bytes(), 2000.0)
    post.heard(pressed)
    requests[0].reply(Answer("error", "", written=False))
    assert bus.data_to_send(3000.0) == b""
    assert len(bus.receive(CALL.to_bytes(), 3000.1)) == 1, "the retransmission is a new try"


def test_a_display_that_cannot_be_told_does_not_keep_the_news_from_the_next(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(RULES, journal, lambda request: None, lambda: True, lambda: NINE)
    shown: list[str] = []

    def broken(state: State) -> None:
        raise ZeroDivisionError

    desk.add(DisplayPost("hall", broken, desk.lobby, lambda: None))
    desk.add(DisplayPost("window", lambda state: shown.append(state.day), desk.lobby, lambda: None))
    row = Row(1, NINE, "2026-11-20", CounterOpened("1"), "press", 0)
    desk.published(Step([row], State(day="2026-11-20")))
    assert shown == ["2026-11-20"]
    assert "hall could not be told" in caplog.text


def test_events_that_the_broker_did_not_confirm_are_said_again(journal: Journal) -> None:
    desk = Desk(RULES, journal, lambda request: None, lambda: True, lambda: NINE)
    mqtt = MqttLobby("b")
    post = MqttPost(mqtt, {}, [], {}, desk.lobby, lambda: None)
    rows = [Row(seq, NINE, "2026-11-20", CounterOpened("1"), f"press {seq}", 0) for seq in (1, 2, 3, 4)]

    def events() -> list[Message]:
        messages = []
        while message := mqtt.next_message():
            messages.append(message)
        return [message for message in messages if message.seq]

    journal.append(rows[:1]).result()  # before the broker is there
    mqtt.connected()
    post.heard(LinkUp())
    journal.append(rows[1:3]).result()
    post.told(rows[1:3], State())
    said = events()
    assert [message.seq for message in said] == [1, 2, 3]
    mqtt.published(said[0])
    mqtt.disconnected()
    post.heard(LinkDown("lost"))
    journal.append(rows[3:]).result()
    post.told(rows[3:], State())
    assert events() == []
    mqtt.connected()
    post.heard(LinkUp())
    assert [message.seq for message in events()] == [2, 3, 4]
