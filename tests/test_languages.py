"""The language that a customer has chosen: kept with the ticket, on paper, in the call, on the pages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from branches import NINE, Lobby, branch, hours, local
from errors import GOOD

from controller.config import read
from controller.devices.escpos import EscposSettings, _render
from controller.devices.hub import Hub
from controller.journal import Journal
from controller.lobby.actions.event import from_row
from controller.lobby.actions.press import Press, Where
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.answers import answer, answer_to
from controller.lobby.model.admission import why_none
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Color, Icon, Rules
from controller.lobby.model.wording import LANGUAGES
from controller.lobby.show import screens, views
from controller.presses import KioskPayload, command, typed

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "controller" / "web" / "pages"
BRANCH = """
[branch]
id = "b-1"
name = "解放路支行"
language = "zh"

[[service]]
id = "cash"
name = { zh = "现金业务", en = "Cash" }
prefix = "A"
hours = "09:00-12:00 13:30-17:00"

[[service]]
id = "loans"
name = "贷款"
prefix = "L"
icon = "help"
color = "red"

[[service]]
id = "gold"
name = "贵金属"
prefix = "G"

[[question]]
id = "begin"
text = { zh = "您要办理什么业务？", en = "What brings you here?" }

[[question.answers]]
id = "loan"
text = "贷款"
service = "loans"

[[question.answers]]
id = "small"
text = { zh = "取款", en = "Cash" }
service = "cash"
advice = { zh = "请用取款机", en = "Use the machine" }

[[counter]]
id = "1"
serves = { cash = 0, loans = 0, gold = 0 }
"""


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    file = tmp_path / "branch.toml"
    file.write_text(BRANCH)
    return read(file).rules


def test_a_branch_is_in_every_language_and_in_its_own_where_it_has_no_other_name(rules: Rules) -> None:
    english = rules.spoken("en")
    assert list(rules.languages) == ["zh", "en"] == list(LANGUAGES)
    assert (rules.service_name("cash"), english.service_name("cash")) == ("现金业务", "Cash")
    assert english.service_name("loans") == "贷款"
    assert english.triage.questions["begin"].text == "What brings you here?"
    assert (rules.class_name("vip"), english.class_name("vip")) == ("贵宾", "VIP")
    for same in ("", "zh", "fr"):
        assert rules.spoken(same) is rules


def test_pictures_and_colours_are_as_configured_or_by_id_and_in_turn(rules: Rules) -> None:
    look = [(service.icon, service.color) for service in rules.services.values()]
    assert look == [("cash", "blue"), ("help", "red"), ("ticket", "purple")]


@pytest.mark.parametrize(("chosen", "kept"), [("en", "en"), ("zh", None), ("", None)])
def test_the_language_is_kept_with_the_ticket_where_it_is_not_the_branchs(
    rules: Rules, chosen: str, kept: str | None
) -> None:
    lobby = Lobby(rules)
    ticket = lobby.take("cash", language=chosen)
    data = next(row["data"] for row in lobby.rows if row["kind"] == "ticket_issued")
    assert data.get("language") == kept
    assert ("language" in data) == bool(kept)
    assert lobby.replayed().tickets[ticket].language == (kept or "")
    older = {name: value for name, value in data.items() if name != "language"}
    assert from_row("ticket_issued", 1, older).language is None  # type: ignore[attr-defined]


def test_a_press_over_mqtt_and_http_has_the_field_once_declared() -> None:
    content = KioskPayload.model_validate({"key": "TAKE", "boot": "b", "seq": 1, "language": "en"})
    made = command(Where.KIOSK, "TAKE", Press(at=NINE, cause="", typed=typed(content)))
    assert isinstance(made, TakeTicket)
    assert made.language == "en"
    for wrong in ("fr", "EN", "en\n"):
        with pytest.raises(ValueError, match="language"):
            KioskPayload.model_validate({"key": "TAKE", "boot": "b", "seq": 1, "language": wrong})


def test_the_same_press_in_another_language_is_another_customer(rules: Rules) -> None:
    lobby = Lobby(rules)
    taken = [lobby.take("cash", language=language, hold_off=5) for language in ("en", "en", "", "")]
    assert taken == ["A001", "A001", "A002", "A002"]


def test_what_is_answered_is_in_the_customers_language(rules: Rules) -> None:
    lobby = Lobby(rules, local("2026-11-23 12:30"))
    for language, text in (("en", "no tickets for Cash now; again today at 13:30"), ("", "现金业务")):
        press = TakeTicket(at=lobby.now, cause="", by="kiosk", service="cash", language=language)
        refusal = lobby.do(press)
        assert isinstance(refusal, Refusal)
        assert answer(rules.spoken(press.language), lobby.state, refusal).text.startswith(text)
    lobby.wait(60)
    for language, text in (("en", "Use the machine"), ("", "请用取款机")):
        events = lobby.do(TakeTicket(at=lobby.now, cause="", by=f"{language}-", choice="small", language=language))
        assert isinstance(events, list)
        rows = [from_row(event.KIND, 1, event.to_row()) for event in events]
        assert answer_to(rules, rows).text == text, "also after a restart"


def test_the_paper_is_in_the_customers_language(rules: Rules, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "lobby.db")
    try:
        hub = Hub(rules, journal, print, lambda: True, lambda: NINE, shipped=ROOT / "config")
        device = EscposSettings.model_validate({"id": "p", "driver": "escpos", "link": "tcp:10.0.0.1:9100"})
        render, lobby = _render(hub.context, device), Lobby(rules)
        papers = {}
        for language in ("en", ""):
            ticket = lobby.state.tickets[lobby.take("cash", language=language)]
            fields = views.ticket_fields(lobby.state, rules, ticket, "", lobby.now)
            papers[language] = render(ticket.language, fields).decode("gb18030")
    finally:
        journal.close()
    assert {"Cash", "Ahead of you: 0"} <= set(re.findall(r"Cash|Ahead of you: \d", papers["en"]))
    assert "现金业务" not in papers["en"]
    assert "现金业务" in papers[""]
    assert "您前面还有 1 位" in papers[""]


def test_pages_have_what_they_show_in_every_language(rules: Rules) -> None:
    lobby = Lobby(rules)
    ticket = lobby.state.tickets[lobby.take("cash", language="en")]
    kiosk = screens.kiosk(lobby.state, rules, lobby.now, [], {"cash": (5, 9)}, paper=True)
    assert (kiosk["services"][0]["name"], kiosk["in"]["en"]["services"][0]["name"]) == ("现金业务", "Cash")
    assert (kiosk["services"][0]["wait"], kiosk["in"]["en"]["services"][0]["wait"]) == ("5-9 分钟", "5-9 min")
    assert kiosk["in"]["en"]["triage"]["questions"]["begin"]["text"] == "What brings you here?"
    phone = screens.ticket(lobby.state, rules, ticket, lobby.now, (5, 9))
    assert (phone["service"], phone["in"]["en"]["service"]) == ("现金业务", "Cash")
    assert (phone["wait"], phone["in"]["en"]["wait"]) == ("5-9 分钟", "5-9 min")


# -- what a button says where there are no tickets -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "en", "zh"),
    [
        ("2026-11-23 08:59:59", "Tickets from 09:00", "09:00 起取号"),
        ("2026-11-23 09:00", "", ""),
        ("2026-11-23 12:00", "Tickets from 13:30", "13:30 起取号"),
        ("2026-11-23 16:44:59", "", ""),
        ("2026-11-23 16:45", "Closed at 16:45", "16:45 起停止取号"),
        ("2026-11-23 23:00", "Closed at 16:45", "16:45 起停止取号"),
    ],
)
def test_a_button_says_from_when_there_are_tickets(now: str, en: str, zh: str) -> None:
    for language, text in (("en", en), ("zh", zh)):
        about: dict[str, Any] = {"cash": {"hours": hours("09:00-12:00 13:30-17:00", 15 * 60)}}
        lobby = Lobby(branch({"1": {"cash": 0}}, services=about, language=language), local(now))
        assert why_none(lobby.state, lobby.rules, lobby.rules.services["cash"], lobby.now) == text


def test_a_button_says_when_to_come_again_after_a_holiday_and_when_all_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "branch.toml"
    file.write_text(GOOD + '\n[calendar]\nhours = "09:00-17:00"\nholidays = ["2026-11-23"]\n')
    rules = read(file).rules.spoken("en")
    lobby = Lobby(rules, local("2026-11-23 10:00"))
    service = next(iter(rules.services.values()))
    said = why_none(lobby.state, rules, service, lobby.now)
    assert said == "Closed today; again on Tuesday 2026-11-24 at 09:00"
    lobby = Lobby(branch({"1": {"cash": 0}}, services={"cash": {"quota": 1}}))
    lobby.take("cash")
    assert why_none(lobby.state, lobby.rules, lobby.rules.services["cash"], lobby.now).startswith("All of today's")


# -- pictures and colours --------------------------------------------------------------------------------------------


def test_every_picture_is_drawn_and_every_colour_is_there() -> None:
    drawn = re.findall(r'^  (\w+): "M', (PAGES / "icons.js").read_text("utf-8"), re.MULTILINE)
    assert drawn == list(get_args(Icon))
    assert set(colours()) == set(get_args(Color))
    used = re.findall(r"\.service-(\w+) \{ --look: var\(--service-(\w+)\)", (PAGES / "kiosk.css").read_text("utf-8"))
    assert {one for one, other in used if one == other} == set(colours())


def colours() -> dict[str, str]:
    return dict(re.findall(r"--service-(\w+): (#[0-9a-f]{6})", (PAGES / "common.css").read_text("utf-8")))


def _luminance(colour: str) -> float:
    """As WCAG 2.1 has it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("colour", "value"), colours().items())
def test_white_can_be_read_on_a_services_colour_and_it_stands_out_on_light_and_on_dark(colour: str, value: str) -> None:
    assert contrast(value, "#ffffff") >= 4.5, "text"
    assert contrast(value, "#f4f6f8") >= 3, "the button on a light page"
    assert contrast(value, "#10202e") >= 3, "the button on a dark page"


def test_the_demo_is_in_both_languages() -> None:
    """Nothing of it stays in the other language when a customer turns to theirs."""
    data = tomllib.loads((ROOT / "config" / "demo.toml").read_text("utf-8"))
    texts = [*(service["name"] for service in data["service"]), *(question["text"] for question in data["question"])]
    for question in data["question"]:
        texts += [each[name] for each in question["answers"] for name in ("text", "advice") if name in each]
    assert all(isinstance(text, dict) and text.keys() == {"zh", "en"} for text in texts)
