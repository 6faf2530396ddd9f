"""Faults and repairs: how many, how long they took, how many came too late."""

from __future__ import annotations

from statistics import fmean

from controller.record.actions.repairs import RepairConfirmed, RepairOpened
from controller.reports.counted import HOUR_MS
from controller.reports.document import Column, Data, Section, Table, Value

PLACE = 75
KINDS = ("day", "week", "month")


def section(data: Data) -> Section | None:
    """By thing: repairs that were opened and that were confirmed in these days, and hours from the fault to the end."""
    say = data.say
    opened: dict[str, set[str]] = {}
    took: dict[str, list[float]] = {}
    late: dict[str, int] = {}
    for at, kind, about in data.own.other:
        if kind == RepairOpened.KIND:
            opened.setdefault(about["thing"], set()).add(about["repair"])
        elif kind == RepairConfirmed.KIND:
            took.setdefault(about["thing"], []).append((at - about["since"]) / HOUR_MS)
            late[about["thing"]] = late.get(about["thing"], 0) + about["late"]
    ids = data.ordered(data.things, {*opened, *took})
    if not ids:
        return None
    rows: list[list[Value]] = []
    for id in ids:
        hours = took.get(id, [])
        mean, most = (round(fmean(hours), 1), round(max(hours), 1)) if hours else (None, None)
        rows.append([data.thing(id), len(opened.get(id, ())), len(hours), late.get(id, 0), mean, most])
    columns = [
        Column("name", say("thing"), "text"),
        Column("opened", say("repairs_opened")),
        Column("confirmed", say("repairs_confirmed")),
        Column("late", say("repairs_late")),
        Column("mean", say("repair_mean"), "number"),
        Column("longest", say("repair_longest"), "number"),
    ]
    return Section(
        "repairs", say("repairs"), [Table("thing", say("repairs"), columns, ids, rows)], note=say("repairs_note")
    )
