"""One language for all keys: what each means at a counter, on a 68-terminal and on the manager's panel."""

from __future__ import annotations

from typing import Any

import pytest

from controller import keys
from controller.lobby.actions.ask_why import AskWhy
from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.rating import AskRating
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.reprint import Reprint
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.undo_finish import UndoFinish
from controller.lobby.actions.unhold import Unhold
from controller.lobby.actions.windows import AnswerAdvice
from drivers.terminal68 import Key

COUNTER = {"counter": "3", "at": 5, "cause": "mqtt:keypad/3:a1b2:41"}
PANEL = {"by": "panel/manager", "at": 5, "cause": "mqtt:panel/manager:a1b2:41"}

AT_A_COUNTER = [
    ("CALL", "", CallNext(**COUNTER)),
    ("CALL", "17", CallNumber(**COUNTER, digits="17")),
    ("CALL", "0", CallNumber(**COUNTER, digits="0")),
    ("RECALL", "", Recall(**COUNTER)),
    ("START", "", Start(**COUNTER)),
    ("FINISH", "", Finish(**COUNTER)),
    ("UNDO", "", UndoFinish(**COUNTER)),
    ("NOSHOW", "", NoShow(**COUNTER)),
    ("HOLD", "", Hold(**COUNTER)),
    ("UNHOLD", "", Unhold(**COUNTER, digits="")),
    ("UNHOLD", "17", Unhold(**COUNTER, digits="17")),
    ("TRANSFER", "2", Transfer(**COUNTER, digits="2")),
    ("TRANSFER", "02", Transfer(**COUNTER, digits="02")),
    ("TRANSFER", "", Transfer(**COUNTER, digits="")),
    ("PAUSE", "", Pause(**COUNTER, reason="")),
    ("PAUSE", "4", Pause(**COUNTER, reason="4")),
    ("OPEN", "", Open(**COUNTER)),
    ("CLOSE", "", Close(**COUNTER)),
    ("EVALUATE", "", AskRating(**COUNTER)),
]


@pytest.mark.parametrize(("key", "digits", "command"), AT_A_COUNTER)
def test_a_key_at_a_counter(key: str, digits: str, command: Command) -> None:
    assert keys.at_counter(key, digits, "3", 5, COUNTER["cause"]) == command


def test_every_key_at_a_counter_is_in_the_table_above() -> None:
    assert {key for key, _, _ in AT_A_COUNTER} == keys._AT_COUNTER.keys()


@pytest.mark.parametrize("key", ["RECALL", "START", "FINISH", "NOSHOW", "HOLD", "OPEN", "CLOSE", "EVALUATE"])
def test_digits_before_a_key_that_takes_none_are_ignored(key: str) -> None:
    assert keys.at_counter(key, "17", "3", 5, "cause") == keys.at_counter(key, "", "3", 5, "cause")


@pytest.mark.parametrize("key", ["", "call", "CALL ", "GREEN", "TAKE", "__class__"])
def test_no_such_key_at_a_counter(key: str) -> None:
    assert keys.at_counter(key, "", "3", 5, "cause") is None


ON_A_TERMINAL = {
    (Key.CALL, ""): ("CALL", ""),
    (Key.CALL, "7"): ("CALL", "7"),
    (Key.CALL, "17"): ("CALL", "17"),
    (Key.RECALL, ""): ("RECALL", ""),
    (Key.EVALUATE, ""): ("EVALUATE", ""),
    (Key.PAUSE, ""): ("PAUSE", ""),
    (Key.PAUSE, "1"): ("PAUSE", "1"),
    (Key.PAUSE, "9"): ("CLOSE", ""),
    (Key.PAUSE, "99"): ("PAUSE", "99"),
    (Key.TRANSFER, ""): ("TRANSFER", ""),
    (Key.TRANSFER, "2"): ("TRANSFER", "2"),
    (Key.TRANSFER, "02"): ("TRANSFER", "02"),
    (Key.CONFIRM, "6"): ("NOSHOW", ""),
    (Key.CONFIRM, "0"): ("HOLD", ""),
    (Key.CONFIRM, "3"): ("UNHOLD", ""),
    (Key.CONFIRM, ""): None,
    (Key.CONFIRM, "06"): None,
    (Key.CONFIRM, "1"): None,
    (Key.CANCEL, ""): ("UNDO", ""),
    (Key.CANCEL, "6"): None,
    (Key.ONE_METRE_LINE, ""): None,
}


@pytest.mark.parametrize(("pressed", "means"), ON_A_TERMINAL.items())
def test_a_key_of_a_terminal(pressed: tuple[Key, str], means: tuple[str, str] | None) -> None:
    assert keys.terminal_key(*pressed) == means
    if means:
        assert keys.at_counter(*means, "3", 5, "cause") is not None


def test_every_terminal_key_is_in_the_table_above_and_no_other_byte_is_a_key() -> None:
    assert {key for key, _ in ON_A_TERMINAL} == set(Key)
    for byte in set(range(256)) - set(Key):
        assert keys.terminal_key(byte, "") is None
        assert keys.terminal_key(byte, "6") is None


def on_panel(key: str, **given: str) -> Command | None:
    about: dict[str, Any] = {"ticket": "", "service": "", "counter": "", "reason": "", "paper": "ready"} | given
    return keys.at_panel(key, PANEL["by"], 5, PANEL["cause"], **about)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "given", "command"),
    [
        ("GREEN", {}, TakeTicket(**PANEL, klass="green", paper="ready", granted=True)),
        (
            "GREEN",
            {"service": "cash", "reason": "elderly"},
            TakeTicket(**PANEL, service="cash", klass="green", paper="ready", reason="elderly", granted=True),
        ),
        (
            "GREEN",
            {"ticket": "A017", "reason": "elderly"},
            Promote(**PANEL, ticket="A017", klass="green", reason="elderly"),
        ),
        ("GREEN", {"ticket": "A017"}, Promote(**PANEL, ticket="A017", klass="green")),
        (
            "URGENT",
            {"ticket": "A017", "reason": "ill"},
            Promote(**PANEL, ticket="A017", klass="urgent", reason="ill"),
        ),
        ("ACCEPT", {}, AnswerAdvice(**PANEL, accept=True)),
        ("ACCEPT", {"counter": "4"}, AnswerAdvice(**PANEL, accept=True, counter="4")),
        ("DECLINE", {"counter": "4"}, AnswerAdvice(**PANEL, accept=False, counter="4")),
        ("REASSIGN", {}, Reassign(**PANEL)),
        ("REASSIGN", {"ticket": "A017", "counter": "2"}, Reassign(**PANEL, ticket="A017", counter="2")),
        (
            "REASSIGN",
            {"ticket": "A017", "service": "corporate", "reason": "big"},
            Reassign(**PANEL, ticket="A017", service="corporate", reason="big"),
        ),
        ("UNDO", {"ticket": "A017"}, Undo(**PANEL, ticket="A017")),
        ("UNDO", {"ticket": "A017", "reason": "mistake"}, Undo(**PANEL, ticket="A017", reason="mistake")),
        ("UNDO", {}, Undo(**PANEL)),
        ("CALL", {"ticket": "A017", "counter": "2"}, CallByHand(**PANEL, ticket="A017", counter="2")),
        (
            "CALL",
            {"ticket": "A017", "counter": "2", "reason": "asked"},
            CallByHand(**PANEL, ticket="A017", counter="2", reason="asked"),
        ),
        ("CALL", {}, CallByHand(**PANEL, counter="")),
        ("RETURN", {"ticket": "A017", "reason": "late"}, Return(**PANEL, ticket="A017", reason="late")),
        ("RETURN", {}, Return(**PANEL)),
        ("CANCEL", {"ticket": "A017", "reason": "left"}, Cancel(**PANEL, ticket="A017", reason="left")),
        ("WHY", {"ticket": "A017"}, AskWhy(at=5, cause=PANEL["cause"], ticket="A017")),
        ("WHY", {}, AskWhy(at=5, cause=PANEL["cause"], ticket="")),
        ("REPRINT", {"ticket": "A017"}, Reprint(**PANEL, ticket="A017", paper="ready")),
        ("REPRINT", {"paper": "down"}, Reprint(**PANEL, paper="down")),
    ],
)
def test_the_managers_buttons(key: str, given: dict[str, str], command: Command | None) -> None:
    assert on_panel(key, **given) == command


@pytest.mark.parametrize("key", ["", "green", "RECALL", "TAKE", "PROMOTE", "undo", "why"])
def test_no_such_button(key: str) -> None:
    assert on_panel(key, ticket="A017") is None


@pytest.mark.parametrize(
    ("text", "reason", "remark"),
    [
        ("", "", ""),
        ("elderly", "elderly", ""),
        ("wheel-chair_2", "wheel-chair_2", ""),
        ("a" * 32, "a" * 32, ""),
        ("a" * 33, "remark", "a" * 33),
        ("Elderly", "remark", "Elderly"),
        ("2nd time", "remark", "2nd time"),
        ("2nd", "remark", "2nd"),
        ("Mr Wang, 13800138000", "remark", "Mr Wang, 13800138000"),
        ("13800138000", "remark", "13800138000"),
        ("年长", "remark", "年长"),
        ("elderly\n", "remark", "elderly\n"),
        ("\n", "remark", "\n"),
        (" ", "remark", " "),
        ("élan", "remark", "élan"),
    ],
)
def test_a_persons_own_words_never_stand_in_an_event(text: str, reason: str, remark: str) -> None:
    assert keys.reason_and_remark(text) == (reason, remark)
