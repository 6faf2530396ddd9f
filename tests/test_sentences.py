"""Whatever is refused, called or reported has its sentence in both languages, and no sentence is for nothing."""

from __future__ import annotations

import ast
import re
from string import Formatter

import pytest
from branches import MINUTE, USUAL, branch, half_hours, history, local, long_steps, wording
from sources import ROOT, calls_in, refusals_of_decide

from controller.lobby.model.rules import Appointments


def blanks(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def all_refusals() -> list[tuple[str, set[str]]]:
    """What anything below `controller` refuses with."""
    decided = [pair for room in ("lobby", "record") for pair in refusals_of_decide(room).items()]
    found = [(code, given) for code, each in decided for given in each]
    for path in sorted((ROOT / "controller").rglob("*.py")):
        found += list(calls_in(path, "_error", "_refusal"))
        said = [each for each in calls_in(path, "say") if each[0].startswith("refused.")]
        named = re.findall(r'"(refused\.\w+)"', path.read_text("utf-8"))
        assert sorted(named) == sorted(code for code, _ in said), f"{path} has one that it does not say on the spot"
        found += [(code.removeprefix("refused."), given) for code, given in said]
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_refusal_has_a_sentence_with_the_blanks_it_fills(language: str) -> None:
    found = all_refusals()
    assert {"none_waiting", "busy", "too_old", "no_keypad", "journal_down", "internal"} <= {code for code, _ in found}
    for code, given in found:
        about = dict.fromkeys(given, "x")
        sentence = wording(language).say(f"refused.{code}", **about)
        assert sentence
        assert "{" not in sentence


def test_no_sentence_refuses_what_nothing_refuses() -> None:
    known = {key.removeprefix("refused.") for key in wording("en").templates if key.startswith("refused.")}
    assert known == {code for code, _ in all_refusals()}


def test_both_languages_have_the_same_sentences_and_blanks() -> None:
    zh, en = wording("zh").templates, wording("en").templates
    assert zh.keys() == en.keys()
    assert {key: blanks(text) for key, text in zh.items()} == {key: blanks(text) for key, text in en.items()}


def health_details() -> set[str]:
    """The wording keys that drivers and the desk give for a device's health, as they stand in the source."""
    found: set[str] = set()
    for path in [*(ROOT / "drivers").glob("*.py"), *(ROOT / "controller").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Health"), args=[_, detail]):
                    found |= {n.value for n in ast.walk(detail) if isinstance(n, ast.Constant)}
                case ast.FunctionDef(name="detail"):
                    found |= {
                        n.value
                        for back in ast.walk(node)
                        if isinstance(back, ast.Return)
                        for n in ast.walk(back)
                        if isinstance(n, ast.Constant)
                    }
                case ast.Assign(targets=[ast.Name(id="DETAILS")], value=table):
                    found |= {n.value for n in ast.walk(table) if isinstance(n, ast.Constant)}
    return {detail for detail in found if isinstance(detail, str)} - {""}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_health_has_a_sentence_and_advice(language: str) -> None:
    found = health_details()
    assert {"offline", "no_answer", "garbled", "port_only", "board_refused", "paper_end", "cutter_error"} <= found
    missing = [
        key for detail in sorted(found) for key in (f"device.{detail}", f"advice.{detail}")
        if key not in wording(language).templates
    ]  # fmt: skip
    assert not missing


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_call_can_say_why(language: str) -> None:
    """All the sentences of a call, from calls that give each of them."""
    counters = {"1": {"cash": 0, "personal": 3}, "2": {"personal": 0}}
    slots = Appointments(half_hours("09:00", "16:00"), early=60 * MINUTE)
    credits = {"normal": 0, "vip": 5}
    rules = branch(counters, credits=credits, language=language, pass_limit=3, appointments=slots)
    lobby = history(rules, long_steps(2, 1500, (*USUAL, "call_number")))
    lobby.now = local("2027-01-04 08:00")
    lobby.take("cash", slot="09:30")
    lobby.call("1")
    said = {row["data"]["why"]["text"] for row in lobby.rows if row["kind"] == "ticket_called"}
    for key in ("alone", "first", "own", "credit", "borrowed", "guard", "forced", "early"):
        template = wording(language).templates[f"why.{key}"]
        pattern = re.sub(r"\\{\w+\\}", ".+", re.escape(template))
        assert any(re.fullmatch(pattern, text) for text in said), key
