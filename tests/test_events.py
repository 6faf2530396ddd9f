"""Every kind of event has an answer and a row."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from branches import history, long_steps
from dialogues import usual, with_profiles

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.event import _KINDS, Event, UnknownEventError, from_row
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.windows import WindowAdviceAnswered
from controller.record.aggregate import Branch


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_of_event_has_an_answer(language: str) -> None:
    """With what an event of the kind has in its row at least."""
    rules = usual(language=language)
    examples = {type(event): event for event in all_kinds()}
    assert {kind.KIND for kind in examples} == _KINDS.keys()
    for event in examples.values():
        answer = Branch(rules).answer_to([event])
        assert answer.result == "ok"
        assert answer.text
        assert answer.ticket == event.to_row().get("ticket", "")


def all_kinds() -> list[Event]:
    """An event of every kind, with no optional field."""
    made = []
    for kind in _KINDS.values():
        about: dict[str, Any] = {}
        for field in fields(kind):  # type: ignore[arg-type]
            text = str(field.type)
            if "None" not in text:
                about[field.name] = {"int": 1, "bool": False, "Mapping[str, Any]": {}}.get(text, "x")
        if kind is TicketCalled:
            about["passed"] = ["x"]
        if kind is WindowAdviceAnswered:
            about["action"] = "close"
        made.append(kind(**about))
    return made


@pytest.mark.parametrize("event", all_kinds(), ids=lambda event: event.KIND)
def test_every_kind_of_event_comes_back_from_its_row(event: Event) -> None:
    data = json.loads(json.dumps(event.to_row()))
    assert from_row(event.KIND, event.VERSION, data) == event
    assert from_row(event.KIND, event.VERSION, data | {"from_a_newer_version": 1}) == event
    with pytest.raises(UnknownEventError, match=f"{event.KIND} version 2"):
        from_row(event.KIND, 2, data)


def test_rows_have_the_fields_that_outsiders_read() -> None:
    """The kinds and fields of the journal's description, by name."""
    wanted = {
        "ticket_issued": {"ticket", "service", "class", "seniority"},
        "ticket_called": {"ticket", "counter", "forced", "why"},
        "ticket_missed": {"ticket", "counter"},
        "ticket_returned": {"ticket", "seniority"},
        "ticket_transferred": {"ticket", "service"},
        "ticket_promoted": {"ticket", "class", "reason", "by"},
        "ticket_finished": {"ticket", "counter"},
        "ticket_held": {"ticket", "counter"},
        "ticket_cancelled": {"ticket"},
        "ticket_reassigned": {"ticket"},
        "ticket_restored": {"ticket", "service", "class", "only", "by"},
    }
    kinds = (
        "day_opened day_closed ticket_issued ticket_printed print_unknown ticket_called ticket_recalled "
        "service_started ticket_finished ticket_missed ticket_returned ticket_held ticket_transferred "
        "ticket_reassigned ticket_promoted ticket_restored ticket_cancelled ticket_reprinted counter_opened "
        "counter_paused counter_closed device_changed rated"
    )
    assert set(kinds.split()) <= _KINDS.keys()
    rows = {event.KIND: event.to_row().keys() for event in all_kinds()}
    for kind, names in wanted.items():
        assert names <= rows[kind], kind
    lobby = history(with_profiles(), long_steps(5, 4000))
    lobby.wait(24 * 60)
    lobby.take()
    ticket = lobby.take(paper="ready")
    lobby.do(ReportPrint(at=lobby.now, cause="", ticket=ticket, copy=1, result="dropped"))
    seen = {row["kind"] for row in lobby.rows}
    assert seen == {kind for kind, event in _KINDS.items() if event.OF_LOBBY}
    heads = [row["data"]["why"]["heads"] for row in lobby.rows if row["kind"] == "ticket_called"]
    assert any(heads)
    assert all(head.keys() == {"ticket", "key"} for each in heads for head in each)
    moved = [row["data"] for row in lobby.rows if row["kind"] == "ticket_reassigned"]
    assert all(data.keys() & {"service", "counter", "any"} for data in moved)
