"""One vocabulary of keys: what each means, wherever it is pressed, and what is made of the declarations."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import controller.web
from controller import presses
from controller.lobby.actions import press as press_module
from controller.lobby.actions.ask_help import AskHelp
from controller.lobby.actions.ask_why import AskWhy
from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import BeginDay
from controller.lobby.actions.emergency import DeclareEmergency, EndEmergency
from controller.lobby.actions.enter_roll import EnterRoll
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.leave_note import LeaveNote
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.press import DIGITS, KEYS, Field, Press, TerminalKey, Where, key
from controller.lobby.actions.press import Key as DeclaredKey
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.rating import AskRating, Rate
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.registry import commands
from controller.lobby.actions.reprint import Reprint
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.set_profile import SetOwnProfile
from controller.lobby.actions.sign_in import SignIn
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.undo_at_counter import UndoAtCounter
from controller.lobby.actions.unhold import Unhold
from controller.lobby.actions.windows import AnswerAdvice
from controller.presses import PAYLOADS
from controller.record import registry
from controller.record.actions.cards import CountCard
from controller.record.actions.complaints import HearComplaint
from controller.web.bodies import KeyPress, PanelPress, Take
from docs.generate.keys import reference
from drivers.terminal68 import Key

PAGES = Path(controller.web.__file__).parent / "pages"

COUNTER = {"counter": "3", "at": 5, "cause": "mqtt:keypad/3:a1b2:41"}
PANEL = {"by": "panel/manager", "at": 5, "cause": "mqtt:panel/manager:a1b2:41"}

AT_A_COUNTER = [
    ("CALL", "", CallNext(**COUNTER)),
    ("CALL", "17", CallNumber(**COUNTER, digits="17")),
    ("CALL", "0", CallNumber(**COUNTER, digits="0")),
    ("RECALL", "", Recall(**COUNTER)),
    ("START", "", Start(**COUNTER)),
    ("FINISH", "", Finish(**COUNTER)),
    ("UNDO", "", UndoAtCounter(**COUNTER)),
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
    ("HELP", "", AskHelp(**COUNTER)),
    ("PROFILE", "", SetOwnProfile(**COUNTER, digits="")),
    ("PROFILE", "1", SetOwnProfile(**COUNTER, digits="1")),
    ("SIGNIN", "", SignIn(**COUNTER, number="")),
    ("SIGNIN", "4711", SignIn(**COUNTER, number="4711")),
    ("NOTE", "", LeaveNote(**COUNTER)),
    ("COMPLAINT", "", HearComplaint(**COUNTER, by="counter/3")),
    ("COUNT", "", CountCard(**COUNTER, by="counter/3")),
]


def at_counter(key: str, digits: str = "") -> Command | None:
    return presses.command(Where.COUNTER, key, Press(**COUNTER, by="keypad/3", typed={"digits": digits}))


@pytest.mark.parametrize(("key", "digits", "command"), AT_A_COUNTER)
def test_a_key_at_a_counter(key: str, digits: str, command: Command) -> None:
    assert at_counter(key, digits) == command


def test_every_key_at_a_counter_is_in_the_table_above() -> None:
    assert {key for key, _, _ in AT_A_COUNTER} == presses.keys(Where.COUNTER).keys()


@pytest.mark.parametrize("key", ["RECALL", "START", "FINISH", "NOSHOW", "HOLD", "OPEN", "CLOSE", "EVALUATE", "HELP"])
def test_digits_before_a_key_that_takes_none_are_ignored(key: str) -> None:
    assert at_counter(key, "17") == at_counter(key)


@pytest.mark.parametrize("key", ["", "call", "CALL ", "GREEN", "TAKE", "__class__"])
def test_no_such_key_at_a_counter(key: str) -> None:
    assert at_counter(key) is None


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
    assert presses.terminal_key(*pressed) == means
    if means:
        assert at_counter(*means) is not None


def test_every_terminal_key_is_in_the_table_above_and_no_other_byte_is_a_key() -> None:
    assert {key for key, _ in ON_A_TERMINAL} == set(Key)
    for byte in set(range(256)) - set(Key):
        assert presses.terminal_key(byte, "") is None
        assert presses.terminal_key(byte, "6") is None


def on_panel(key: str, **given: Any) -> Command | None:
    paper: Any = given.pop("paper", "ready")
    return presses.command(Where.PANEL, key, Press(**PANEL, paper=paper, typed=given))


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
        ("EMERGENCY", {}, DeclareEmergency(**PANEL, plan="printer")),
        ("EMERGENCY", {"plan": "power"}, DeclareEmergency(**PANEL, plan="power")),
        ("ENDEMERGENCY", {}, EndEmergency(**PANEL)),
        ("ROLL", {"numbers": "X014-X027"}, EnterRoll(**PANEL, numbers="X014-X027")),
        (
            "ROLL",
            {"numbers": "X014", "service": "cash", "klass": "vip", "time": "09:10", "served": True},
            EnterRoll(**PANEL, numbers="X014", service="cash", klass="vip", time="09:10", served=True),
        ),
        ("NEWDAY", {"reason": "clock"}, BeginDay(**PANEL, reason="clock")),
        ("OPEN", {"counter": "3"}, Open(**PANEL, counter="3")),
        ("PAUSE", {"counter": "3", "digits": "1"}, Pause(**PANEL, counter="3", reason="1")),
        ("PAUSE", {"counter": "3", "reason": "remark"}, Pause(**PANEL, counter="3", reason="remark")),
        ("CLOSE", {"counter": "3"}, Close(**PANEL, counter="3")),
        ("REPRINT", {"ticket": "A017"}, Reprint(**PANEL, ticket="A017", paper="ready")),
        ("REPRINT", {"paper": "down"}, Reprint(**PANEL, paper="down")),
    ],
)
def test_the_managers_buttons(key: str, given: dict[str, Any], command: Command | None) -> None:
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
    assert presses.reason_and_remark(text) == (reason, remark)


def test_a_ticket_button() -> None:
    typed = {"service": "cash", "klass": "vip", "token": "0" * 64, "choice": "small", "insist": True, "form": True}
    typed |= {"needs": ["time", "glasses"], "slot": "09:30"}
    known: Any = {"by": "kiosk/hall", "paper": "ready", "screen": True, "hold_off": 2, "asks": True}
    press = Press(at=5, cause="cause", **known, chosen_by="button", typed=typed)
    del typed["token"]
    assert presses.command(Where.KIOSK, "TAKE", press) == TakeTicket(
        at=5, cause="cause", **known, chosen_by="button", **typed | {"needs": ("time", "glasses")}
    )
    assert presses.command(Where.KIOSK, "TAKE", Press(at=5, cause="c", by="x")) == TakeTicket(at=5, cause="c", by="x")


def test_a_rater() -> None:
    press = Press(**COUNTER, typed={"score": 4})
    assert presses.command(Where.RATER, "RATE", press) == Rate(**COUNTER, score=4)


@pytest.mark.parametrize("declared", KEYS.values(), ids=lambda key: f"{key.where} {key.name}")
def test_every_key_can_be_decided_and_says_what_it_does(declared: DeclaredKey) -> None:
    made = declared.command(Press(**COUNTER, by="user/li"))
    assert type(made) in commands() | registry.commands()
    assert (made.at, made.cause) == (5, COUNTER["cause"])
    assert declared.does.endswith((".", "?", "it."))
    assert declared.fields == tuple(dict.fromkeys(declared.fields))


def test_a_key_is_declared_once() -> None:
    with pytest.raises(TypeError, match="the key HOLD at the counter is declared twice"):
        key("HOLD", Where.COUNTER)(Hold)


def test_no_two_keys_are_one_key_of_a_terminal() -> None:
    assert len(set(presses.ON_TERMINAL.values())) == len(presses.ON_TERMINAL)


def test_one_declaration_is_a_key_at_every_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an action's file would have it, with a field of its own."""
    monkeypatch.setattr(press_module, "KEYS", dict(KEYS))
    monkeypatch.setattr(presses, "KEYS", press_module.KEYS)
    colour = Field("colour", "red", "the lamp's colour", longest=8, alias="color")

    @key("LAMP", Where.COUNTER, DIGITS, colour, terminal=TerminalKey("ONE_METRE_LINE", "5"))
    def _lamp(press: Press) -> Pause:
        """Light the lamp."""
        return Pause(**press.at_counter, reason=press[colour] + press[DIGITS])

    assert "LAMP" in presses.keys(Where.COUNTER)
    assert "| `LAMP` | 5 ONE_METRE_LINE | `digits`, `color` | Light the lamp. |" in reference()

    @presses.with_fields(Where.COUNTER)
    class Lamp(BaseModel):
        """At some door."""

        key: str

    lamp = Lamp.model_validate({"key": "LAMP", "digits": "4", "color": "blue"})
    typed = presses.typed(lamp)
    assert presses.command(Where.COUNTER, "LAMP", Press(**COUNTER, typed=typed)) == Pause(**COUNTER, reason="blue4")
    described = Lamp.model_json_schema()["properties"]["color"]
    assert (described["maxLength"], described["default"], described["description"]) == (8, "red", colour.means)
    with pytest.raises(ValidationError):
        Lamp.model_validate({"key": "LAMP", "color": "multicoloured"})


def test_a_field_has_one_meaning_and_one_name_in_json() -> None:
    for where in Where:
        names = [name for field in presses.fields(where) for name in {field.name, field.alias or field.name}]
        assert len(names) == len(set(names))


def test_what_a_device_has_read_is_no_part_of_a_request_and_not_shown() -> None:
    token = "0123456789abcdef" * 4
    assert "token" not in Take.model_fields
    payload = PAYLOADS["kiosk"].model_validate({"key": "TAKE", "boot": "b", "seq": 1, "token": token})
    assert presses.typed(payload)["token"] == token
    assert token not in repr(payload)


def test_a_persons_words_go_beside_the_event() -> None:
    press = PanelPress.model_validate({"key": "CANCEL", "ticket": "A017", "reason": "Mr Wang has left"})
    assert presses.typed(press)["reason"] == "remark"
    assert presses.remark(press) == "Mr Wang has left"
    assert presses.remark(KeyPress.model_validate({"key": "CALL"})) == ""


def test_pages_press_keys_that_there_are() -> None:
    others = {"GET", "POST", "DELETE", "NFKC"}
    for page, *places in (("counter", Where.COUNTER), ("console", Where.PANEL, Where.RECORD)):
        script = "".join(path.read_text("utf-8") for path in PAGES.glob(f"{page}*.js"))
        pressed = set(re.findall(r'"([A-Z]{3,})"', script)) - others
        assert {"CALL"} < pressed <= {key for where in places for key in presses.keys(where)}
