"""The record of simulated days: what each day's rows lead to is what the next day begins with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from controller.config import read, shipped
from controller.lobby.aggregate import Row
from controller.record.actions.day import RecordHandedOn
from controller.record.aggregate import Branch
from simulators.days.simulation import simulate


def test_each_day_hands_on_what_its_rows_lead_to() -> None:
    settings = read(shipped("branch.example.toml"))
    days: list[Sequence[Row]] = []
    simulate(settings.rules, None, 12, 4, keep=lambda rows: days.append(list(rows)), record=settings.record)
    kinds = Counter(row.event.KIND for rows in days for row in rows)
    assert {"repair_opened", "repair_confirmed", "alarm_raised", "record_handed_on"} <= kinds.keys()
    rows = [row for each in days for row in each]
    for before, after in pairwise(sorted({row.day for row in rows})):
        branch = Branch(settings.rules, settings.record)
        branch.replay(row for row in rows if row.day == before)
        handed_on = [row.event.parts for row in rows if row.day == after and isinstance(row.event, RecordHandedOn)]
        assert handed_on == ([branch.record.carried()] if branch.record.carried() else [])
