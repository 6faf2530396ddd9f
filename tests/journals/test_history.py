"""Journals are for ever: one that was written by an earlier program leads to the states that it led to then."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from traffic import house

from journals.make import EVERY, digest, states

HERE = Path(__file__).parent
KINDS = {
    "clock_stepped", "controller_started", "counter_closed", "counter_opened", "counter_paused", "day_closed",
    "day_opened", "device_changed", "print_sent", "print_unknown", "rated", "rating_asked", "self_service_advised",
    "service_started", "ticket_called", "ticket_cancelled", "ticket_finished", "ticket_held", "ticket_issued",
    "ticket_missed", "ticket_printed", "ticket_promoted", "ticket_reassigned", "ticket_recalled", "ticket_reprinted",
    "ticket_restored", "ticket_returned", "ticket_transferred", "window_advice_answered", "windows_checked",
}  # fmt: skip
"""All that there were when it was written."""
OPTIONAL = {
    "counter_closed": "dropped",
    "day_closed": "figures continued",
    "day_opened": "profile learned boot origin continues by kept",
    "ticket_called": "by reason effect seniority",
    "ticket_cancelled": "counter",
    "ticket_finished": "none_waiting",
    "ticket_issued": "reason expected rolled choice insisted form needs slot not_before",
    "ticket_promoted": "seniority",
    "ticket_reassigned": "service counter any reason",
    "ticket_reprinted": "reason",
    "ticket_restored": "slot not_before reason seniority",
    "ticket_returned": "reason finished",
    "ticket_transferred": "counter",
    "window_advice_answered": "before after",
    "windows_checked": "unless",
}
"""Fields that a row may have or lack."""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "lobby.db"
    path.write_bytes(lzma.decompress((HERE / "history.db.xz").read_bytes()))
    return path


@pytest.fixture(scope="module")
def pictures() -> Any:
    return json.loads(lzma.decompress((HERE / "history.json.xz").read_bytes()))


def test_it_leads_to_the_states_that_it_led_to(journal: Path, pictures: Any) -> None:
    found = dict(states(journal))
    assert list(found) == list(pictures)
    for day, now in found.items():
        was = pictures[day]
        others = [n for n, (a, b) in enumerate(zip(was["every"], now["every"], strict=True)) if a != b]
        where = f"{day}, at the latest after its row {(others[0] + 1) * EVERY if others else 0}"
        assert now["picture"] == was["picture"], where
        assert not others, where
        assert digest(was["picture"]) == was["every"][-1]


def test_a_controller_starts_on_it(journal: Path, pictures: Any) -> None:
    assert house.plain(house.started_on(journal, "history")) == pictures[max(pictures)]["picture"]


def test_it_has_all_that_a_row_could_be(journal: Path) -> None:
    rows = [(kind, json.loads(data)) for _, _, _, kind, _, data, _, _ in house.rows_of(journal)]
    assert {kind for kind, _ in rows} == KINDS
    for kind, names in OPTIONAL.items():
        for name in names.split():
            assert {name in data for of, data in rows if of == kind} == {True, False}, f"{kind}.{name}"
    assert {("press" in data) for _, data in rows} == {True, False}
