"""Check lists and breaks, from the configuration's keys."""

from __future__ import annotations

from pathlib import Path

from configurations import plus

from controller.config import read
from controller.lobby.model.calendar import Span, parse_spans
from controller.record.actions.checks import Checklist, CheckSettings, Item
from controller.record.actions.duty import DutySettings
from controller.record.rules import Thing

EXAMPLE = Path(__file__).parents[2] / "config" / "branch.example.toml"

MORE = """
[[thing]]
id = "water"
name = "Water dispenser"
hall = false
[[checklist]]
id = "round"
name = "Round"
when = "10:00-11:00"
items = [{ id = "forms", name = "Forms" }, { id = "cups", name = "Cups", thing = "water" }]
[[checklist]]
id = "after"
name = "After closing"
when = "after_closing"
minutes = 30
items = [{ id = "forms", name = "Forms" }]
[[clerk]]
number = "11"
alias = "C01"
breaks = "11:30-12:00 15:00-15:15"
"""


def test_lists_things_and_breaks_are_as_configured(tmp_path: Path) -> None:
    path = tmp_path / "branch.toml"
    path.write_text(plus(MORE), "utf-8")
    rules = read(path).record
    forms, cups = Item("forms", "Forms", "forms"), Item("cups", "Cups", "water")
    assert rules.of(CheckSettings).lists == (
        Checklist("round", "Round", Span(36000, 39600), (forms, cups)),
        Checklist("after", "After closing", "after_closing", (forms,), 1800),
    )
    assert rules.things["forms"] == Thing("forms", "Forms", hall=False)
    assert not rules.things["water"].hall
    assert rules.of(DutySettings).breaks == {"C01": parse_spans("11:30-12:00 15:00-15:15")}


def test_the_example_checks_before_opening_twice_during_the_day_and_after_closing() -> None:
    lists = read(EXAMPLE).record.of(CheckSettings).lists
    assert [each.when if isinstance(each.when, str) else "day" for each in lists] == [
        "before_opening",
        "day",
        "day",
        "after_closing",
    ]
