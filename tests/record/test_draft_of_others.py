"""What other items say in the day's log, and before it is signed off: check lists, duty, complaints, emergencies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.lobby.actions.press import Where
from controller.lobby.model.emergency import Plan
from controller.record.actions.checks import Checklist, CheckSettings, Item
from controller.record.aggregate import Branch
from controller.record.rules import Thing
from record.desk import Desk

LIST = Checklist("before", "Before opening", "before_opening", (Item("forms", "Forms", "forms"),))


def desk() -> Desk:
    """A branch with a check list, a clerk and an emergency plan, at nine."""
    found = Desk(CheckSettings((LIST,)), things=(Thing("forms", "Forms", hall=False),))
    plan = Plan("printer", "printer out of order", "", (), roll=True)
    lobby = replace(found.rules.lobby, clerks={"11": "C01"}, emergency_plans={"printer": plan})
    found.rules = replace(found.rules, lobby=lobby)
    found.branch = Branch(lobby, found.rules)
    found.do_nothing()
    return found


def drafted(desk: Desk) -> dict[str, list[str]]:
    """The drafted sentences by heading."""
    return {each["name"]: [line["text"] for line in each["lines"]] for each in desk.picture("logbook")["drafted"]}


def test_what_others_say_in_the_log_and_before_it_is_signed() -> None:
    day = desk()
    day.press("SIGNIN", where=Where.COUNTER, counter="1", digits="11")
    day.press("DUTY", clerk="C01")
    day.press("COMPLAINT", about="waiting")
    day.press("EMERGENCY", where=Where.PANEL, plan="printer")
    day.go(30).press("ENDEMERGENCY", where=Where.PANEL)
    said: Any = drafted(day)
    assert said["checks"] == ["Before opening: 1 not looked at"]
    assert said["duty"] == ["counter 1: C01 09:00-", "lobby: C01 09:00-"]
    assert said["complaints"] == ["complaint T20261123-1"]
    assert said["emergency"] == ["emergency: printer out of order; over at 09:30"]
    assert day.press("SIGNOFF") == (
        "not done yet: Before opening: 1 not looked at; complaints not answered: 1. Sign off all the same?"
    )

    day.press("ANSWER", outcome="explained")
    day.press("CHECK", checklist="before", items="forms")
    said = drafted(day)
    assert said["checks"] == ["Before opening: done at 09:30, after its time"]
    assert said["complaints"] == ["complaint T20261123-1", "complaint T20261123-1 answered"]
    assert isinstance(day.press("SIGNOFF"), list)
    assert drafted(day.replayed()) == drafted(day)
