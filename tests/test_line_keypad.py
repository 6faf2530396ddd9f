"""The keypad that says one line a key: its lines, what the lobby makes of them, and the driver facing a keypad."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from branches import NINE, branch
from hypothesis import given
from hypothesis import strategies as st

from controller.devices.hub import Hub
from controller.devices.line_keypad import PORT_ONLY, LineKeypad, LineKeypadAdapter, Pressed
from controller.engine import Request
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.transfer import Transfer
from controller.lobby.answers import Answer
from simulators.devices.line_keypad import LineKeypadFarEnd
from simulators.faults import Faults


def connected() -> LineKeypad:
    keypad = LineKeypad()
    assert keypad.connected(0.0) == [PORT_ONLY]
    return keypad


# -- the driver --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "key", "digits"),
    [
        (b"CALL\r\n", "CALL", ""),
        (b"12 TRANSFER\r\n", "TRANSFER", "12"),
        (b"NOSHOW\n", "NOSHOW", ""),
        (b"7 CALL\r", "CALL", "7"),
        (b"call\r\n", "", ""),
        (b"1234567 CALL\r\n", "", ""),
        (b"CALL" * 100 + b"\r\n", "", ""),
        (b"\xff\xfe\r\n", "", ""),
    ],
)
def test_a_line_is_a_key_in_chunks_of_any_size(line: bytes, key: str, digits: str) -> None:
    whole, bytewise = connected(), connected()
    assert whole.receive(line, 1.0) == [Pressed(key, digits, 1)]
    assert [fact for byte in line for fact in bytewise.receive(bytes([byte]), 1.0)] == [Pressed(key, digits, 1)]


def test_a_press_of_a_lost_link_is_not_answered_on_the_next() -> None:
    keypad = connected()
    (pressed,) = keypad.receive(b"CALL\r\nREC", 1.0)
    assert isinstance(pressed, Pressed)
    keypad.disconnected(2.0)
    keypad.connected(3.0)
    keypad.answer(pressed, done=True)
    assert keypad.data_to_send(3.0) == b""
    assert keypad.receive(b"CALL\r\n", 4.0) == [Pressed("CALL", "", 3)]


@given(st.lists(st.binary()))
def test_no_bytes_break_the_driver(chunks: list[bytes]) -> None:
    keypad = connected()
    for chunk in chunks:
        keypad.receive(chunk, 1.0)
    keypad.receive(b"\r\n", 1.0)
    assert keypad.receive(b"CALL\r\n", 1.0) == [Pressed("CALL", "", 1)]


# -- driver and keypad -------------------------------------------------------------------------------------------


def test_driver_and_keypad() -> None:
    keypad, far_end = connected(), LineKeypadFarEnd()
    far_end.type("1")
    far_end.type("2")
    far_end.press("TRANSFER")
    (line,) = far_end.data_to_send(1.0)
    (pressed,) = keypad.receive(line, 1.0)
    assert pressed == Pressed("TRANSFER", "12", 1)
    for done, shown in ((True, "OK"), (False, "NO")):
        keypad.answer(pressed, done=done)
        for byte in keypad.data_to_send(1.0):
            far_end.receive(bytes([byte]), 1.0)
        assert far_end.last == shown
    assert far_end.answers == 2
    assert far_end.data_to_send(2.0) == []


def test_a_key_that_bounces_is_said_twice() -> None:
    far_end = LineKeypadFarEnd(Faults(bounce=0.5))
    far_end.press("CALL")
    assert (far_end.data_to_send(0.0), far_end.next_deadline()) == ([b"CALL\r\n"], 0.5)
    assert (far_end.data_to_send(0.5), far_end.next_deadline()) == ([b"CALL\r\n"], None)


# -- what the lobby makes of it ----------------------------------------------------------------------------------


class Counter:
    """A keypad at counter 3, before an engine that answers when the test does."""

    def __init__(self, journal: Journal) -> None:
        rules = branch({"3": {"cash": 0}})
        self.requests: list[Request] = []
        desk = Hub(rules, journal, self.requests.append, lambda: True, lambda: NINE)
        self.keypad = connected()
        self.adapter = LineKeypadAdapter("pad", self.keypad, "3", desk.context, lambda: None)

    def says(self, line: bytes) -> bytes:
        """What the keypad is answered at once."""
        for fact in self.keypad.receive(line, 1.0):
            self.adapter.heard(fact)
        return self.keypad.data_to_send(1.0)


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    journal = Journal(tmp_path / "lobby.db")
    yield Counter(journal)
    journal.close()


def test_presses_become_commands_of_the_counter_each_with_a_cause_of_its_own(counter: Counter) -> None:
    assert counter.says(b"CALL\r\n12 TRANSFER\r\n") == b""
    assert [request.command for request in counter.requests] == [
        CallNext(at=NINE, cause=f"line-keypad:pad:{NINE}", counter="3"),
        Transfer(at=NINE + 1, cause=f"line-keypad:pad:{NINE + 1}", counter="3", digits="12"),
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer("ok", "A001"), b"OK\r\n"),
        (Answer("refused", "no", code="recall_gap"), b"NO\r\n"),
        (Answer("ok", "nobody", code="none_waiting"), b"NO\r\n"),
        (Answer("error", "the disk is full", written=False), b""),
    ],
)
def test_a_press_is_answered_once_it_is_in_the_journal(counter: Counter, answer: Answer, said: bytes) -> None:
    counter.says(b"CALL\r\n")
    counter.requests[0].reply(answer)
    assert counter.keypad.data_to_send(1.0) == said


@pytest.mark.parametrize("line", [b"TEA\r\n", b"\xff\r\n", b"GREEN\r\n"])
def test_what_is_no_key_of_a_counter_is_refused_at_once(counter: Counter, line: bytes) -> None:
    assert counter.says(line) == b"NO\r\n"
    assert counter.requests == []
