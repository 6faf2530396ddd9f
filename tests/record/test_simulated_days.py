"""The record of simulated days: what each day's rows lead to is what the next day begins with."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from controller.config import read, shipped
from controller.journal import Journal
from controller.lobby.aggregate import Row
from controller.record.actions.day import RecordHandedOn
from controller.record.aggregate import Branch
from controller.reports.period import Period
from controller.reports.report import report
from simulators.days.simulation import simulate


@pytest.mark.long
def test_each_day_hands_on_what_its_rows_lead_to() -> None:
    settings = read(shipped("branch.example.toml"))
    days: list[Sequence[Row]] = []
    simulate(settings.rules, None, 12, 4, keep=lambda rows: days.append(list(rows)), record=settings.record)
    kinds = Counter(row.event.KIND for rows in days for row in rows)
    assert {
        "repair_opened",
        "repair_confirmed",
        "alarm_raised",
        "record_handed_on",
        "complaint_answered",
        "checklist_done",
    } <= kinds.keys()
    rows = [row for each in days for row in each]
    for before, after in pairwise(sorted({row.day for row in rows})):
        branch = Branch(settings.rules, settings.record)
        branch.replay(row for row in rows if row.day == before)
        handed_on = [row.event.parts for row in rows if row.day == after and isinstance(row.event, RecordHandedOn)]
        assert handed_on == ([branch.record.carried()] if branch.record.carried() else [])


@pytest.mark.long
def test_a_simulated_months_report_is_what_sql_finds(tmp_path: Path) -> None:
    """The record's own sections, by queries that know nothing of the program."""
    settings = read(shipped("branch.example.toml"))
    path = tmp_path / "lobby.db"
    journal = Journal(path, settings.rules.branch)
    simulate(settings.rules, None, 30, 7, keep=lambda rows: journal.append(rows).result(), record=settings.record)
    journal.close()
    found = report(path, settings.record, "month", Period.read("month", "2026-01")).content()["sections"]

    def sql(select: str) -> dict[str, tuple[object, ...]]:
        with closing(sqlite3.connect(path)) as connection:
            return {id: tuple(row) for id, *row in connection.execute(select)}

    of_month = "FROM event WHERE day LIKE '2026-01-%' AND kind"
    lists = sql(
        f"""SELECT json_extract(data, '$.checklist'), count(*), sum(json_extract(data, '$.late'))
            {of_month} = 'checklist_done' GROUP BY 1"""
    )
    assert len(lists) > 2
    assert {row["id"]: (row["done"], row["late"]) for row in found["checks"]["checklist"]} == lists
    faults = sql(
        f"""SELECT json_extract(data, '$.checklist'), sum(json_array_length(data, '$.items'))
            {of_month} = 'items_checked' AND json_extract(data, '$.result') = 'fault' GROUP BY 1"""
    )
    assert {row["id"]: (row["faults"],) for row in found["checks"]["checklist"] if row["faults"]} == faults
    repairs = sql(f"SELECT json_extract(data, '$.thing'), count(*) {of_month} = 'repair_opened' GROUP BY 1")
    assert {row["id"]: (row["opened"],) for row in found["repairs"]["thing"] if row["opened"]} == repairs != {}
    complaints = sql(
        f"""SELECT json_extract(data, '$.about'), count(*), sum(json_extract(data, '$.late'))
            {of_month} = 'complaint_answered' AND json_extract(data, '$.again') IS NULL GROUP BY 1"""
    )
    shown = {row["id"]: (row["answered"], row["late"]) for row in found["complaints"]["cause"] if row["answered"]}
    assert shown == complaints != {}
    alarms = sql(f"SELECT json_extract(data, '$.kind'), count(*) {of_month} = 'alarm_raised' GROUP BY 1")
    assert alarms
