"""One language for all keys: what each means at a counter, on a 68-terminal and on the manager's panel."""

from __future__ import annotations

from typing import Any

import pytest

from controller import keys
from controller.lobby import commands as cm
from drivers.terminal68 import Key

COUNTER = {"counter": "3", "at": 5, "cause": "mqtt:keypad/3:a1b2:41"}
PANEL = {"by": "panel/manager", "at": 5, "cause": "mqtt:panel/manager:a1b2:41"}

AT_A_COUNTER = [
    ("CALL", "", cm.CallNext(**COUNTER)),
    ("CALL", "17", cm.CallNumber(**COUNTER, digits="17")),
    ("CALL", "0", cm.CallNumber(**COUNTER, digits="0")),
    ("RECALL", "", cm.Recall(**COUNTER)),
    ("START", "", cm.Start(**COUNTER)),
    ("FINISH", "", cm.Finish(**COUNTER)),
    ("UNDO", "", cm.UndoFinish(**COUNTER)),
    ("NOSHOW", "", cm.NoShow(**COUNTER)),
    ("HOLD", "", cm.Hold(**COUNTER)),
    ("UNHOLD", "", cm.Unhold(**COUNTER, digits="")),
    ("UNHOLD", "17", cm.Unhold(**COUNTER, digits="17")),
    ("TRANSFER", "2", cm.Transfer(**COUNTER, digits="2")),
    ("TRANSFER", "02", cm.Transfer(**COUNTER, digits="02")),
    ("TRANSFER", "", cm.Transfer(**COUNTER, digits="")),
    ("PAUSE", "", cm.Pause(**COUNTER, reason="")),
    ("PAUSE", "4", cm.Pause(**COUNTER, reason="4")),
    ("OPEN", "", cm.Open(**COUNTER)),
    ("CLOSE", "", cm.Close(**COUNTER)),
    ("EVALUATE", "", cm.AskRating(**COUNTER)),
]


@pytest.mark.parametrize(("key", "digits", "command"), AT_A_COUNTER)
def test_a_key_at_a_counter(key: str, digits: str, command: cm.Command) -> None:
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


def on_panel(key: str, **given: str) -> cm.Command | None:
    about: dict[str, Any] = {"ticket": "", "service": "", "counter": "", "reason": "", "paper": "ready"} | given
    return keys.at_panel(key, PANEL["by"], 5, PANEL["cause"], **about)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "given", "command"),
    [
        ("GREEN", {}, cm.TakeTicket(**PANEL, klass="green", paper="ready", granted=True)),
        (
            "GREEN",
            {"service": "cash", "reason": "elderly"},
            cm.TakeTicket(**PANEL, service="cash", klass="green", paper="ready", reason="elderly", granted=True),
        ),
        (
            "GREEN",
            {"ticket": "A017", "reason": "elderly"},
            cm.Promote(**PANEL, ticket="A017", klass="green", reason="elderly"),
        ),
        ("GREEN", {"ticket": "A017"}, cm.Promote(**PANEL, ticket="A017", klass="green")),
        (
            "URGENT",
            {"ticket": "A017", "reason": "ill"},
            cm.Promote(**PANEL, ticket="A017", klass="urgent", reason="ill"),
        ),
        ("ACCEPT", {}, cm.AnswerAdvice(**PANEL, accept=True)),
        ("ACCEPT", {"counter": "4"}, cm.AnswerAdvice(**PANEL, accept=True, counter="4")),
        ("DECLINE", {"counter": "4"}, cm.AnswerAdvice(**PANEL, accept=False, counter="4")),
        ("REASSIGN", {}, cm.Reassign(**PANEL)),
        ("REASSIGN", {"ticket": "A017", "counter": "2"}, cm.Reassign(**PANEL, ticket="A017", counter="2")),
        (
            "REASSIGN",
            {"ticket": "A017", "service": "corporate", "reason": "big"},
            cm.Reassign(**PANEL, ticket="A017", service="corporate", reason="big"),
        ),
        ("UNDO", {"ticket": "A017"}, cm.Undo(**PANEL, ticket="A017")),
        ("UNDO", {"ticket": "A017", "reason": "mistake"}, cm.Undo(**PANEL, ticket="A017", reason="mistake")),
        ("UNDO", {}, cm.Undo(**PANEL)),
        ("CALL", {"ticket": "A017", "counter": "2"}, cm.CallByHand(**PANEL, ticket="A017", counter="2")),
        (
            "CALL",
            {"ticket": "A017", "counter": "2", "reason": "asked"},
            cm.CallByHand(**PANEL, ticket="A017", counter="2", reason="asked"),
        ),
        ("CALL", {}, cm.CallByHand(**PANEL, counter="")),
        ("RETURN", {"ticket": "A017", "reason": "late"}, cm.Return(**PANEL, ticket="A017", reason="late")),
        ("RETURN", {}, cm.Return(**PANEL)),
        ("CANCEL", {"ticket": "A017", "reason": "left"}, cm.Cancel(**PANEL, ticket="A017", reason="left")),
        ("WHY", {"ticket": "A017"}, cm.AskWhy(at=5, cause=PANEL["cause"], ticket="A017")),
        ("WHY", {}, cm.AskWhy(at=5, cause=PANEL["cause"], ticket="")),
        ("REPRINT", {"ticket": "A017"}, cm.Reprint(**PANEL, ticket="A017", paper="ready")),
        ("REPRINT", {"paper": "down"}, cm.Reprint(**PANEL, paper="down")),
    ],
)
def test_the_managers_buttons(key: str, given: dict[str, str], command: cm.Command | None) -> None:
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
