"""An item of the record that goes wrong costs itself a row, and not the branch its lobby."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.record import registry
from controller.record.actions.repairs import RepairNoted
from controller.record.state import Facts
from record.desk import Desk


def test_a_row_that_does_not_fit_is_left_out_and_told_also_on_replay() -> None:
    desk = Desk()
    desk.press("FAULT", thing="water")
    stray = replace(desk.rows[-1], seq=99, event=RepairNoted("R7", "water", "user/li"), cause="test:stray")
    for branch in (desk.branch, desk.replayed().branch):
        branch.evolve(stray)
        assert branch.record.errors() == ["row 99 (repair_noted) does not fit what repairs holds: KeyError('R7')"]
        assert branch.record.errors() == []
    assert [each["id"] for each in desk.picture("repairs")["open"]] == ["R1"]
    assert desk.press("REPAIRED") != []


def test_an_item_that_fails_keeps_the_others_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(facts: Facts) -> list[Any]:
        raise ValueError("a mistake of ours")

    desk = Desk()
    desk.press("FAULT", thing="water")
    for functions in (registry._DUE, registry._ALARMS, registry._NOTICES, registry._DRAFTED, registry._OUTSTANDING):
        functions.insert(0, fails)
    monkeypatch.setitem(registry._PICTURES, "cards", fails)
    try:
        desk.go(9 * 60)
        assert [event.KIND for event in desk.look()] == ["alarm_raised"]
        assert desk.notices() == ["Water dispenser is out of order, we are sorry"]
        assert "cards" not in registry.pictures(desk.facts)
        assert desk.picture("repairs")["open"]
        told = desk.branch.record.errors()
        assert told
        assert all("fails failed: ValueError" in each for each in told)
    finally:
        for functions in (registry._DUE, registry._ALARMS, registry._NOTICES, registry._DRAFTED, registry._OUTSTANDING):
            functions.remove(fails)
