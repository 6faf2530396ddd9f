"""Complaints by cause: how many, how many were answered, how many too late."""

from __future__ import annotations

from collections import Counter as Count
from statistics import fmean

from controller.record.actions.complaints import ComplaintAnswered, ComplaintOpened, ComplaintSettings
from controller.reports.counted import HOUR_MS
from controller.reports.document import Column, Data, Section, Table, Value

PLACE = 90
KINDS = ("day", "week", "month")


def section(data: Data) -> Section | None:
    """Complaints that were opened, and those that were answered for the first time, in these days."""
    say = data.say
    opened: Count[str] = Count()
    late: Count[str] = Count()
    took: dict[str, list[float]] = {}
    for at, kind, about in data.own.other:
        if kind == ComplaintOpened.KIND:
            opened[about["about"]] += 1
        elif kind == ComplaintAnswered.KIND and not about.get("again"):
            took.setdefault(about["about"], []).append((at - about["since"]) / HOUR_MS)
            late[about["about"]] += about["late"]
    ids = sorted({*opened, *took})
    if not ids:
        return None
    rows: list[list[Value]] = []
    for id in ids:
        hours = took.get(id, [])
        name = data.record.of(ComplaintSettings).name_of(id, data.rules)
        rows.append([name, opened[id], len(hours), late[id], round(fmean(hours), 1) if hours else None])
    columns = [
        Column("name", say("complaint_about"), "text"),
        Column("opened", say("complaints_opened")),
        Column("answered", say("complaints_answered")),
        Column("late", say("repairs_late")),
        Column("mean", say("complaint_mean"), "number"),
    ]
    return Section("complaints", say("complaints"), [Table("cause", say("complaints"), columns, ids, rows)])
