"""Check lists: on how many days each was done, after its time, and how many faults were found."""

from __future__ import annotations

from collections import Counter as Count

from controller.record.actions.checks import ChecklistDone, CheckSettings, ItemsChecked
from controller.reports.document import Column, Data, Section, Table, Value

PLACE = 85
KINDS = ("day", "week", "month")


def section(data: Data) -> Section | None:
    """By list, those that are no longer configured last."""
    say = data.say
    done: Count[str] = Count()
    late: Count[str] = Count()
    faults: Count[str] = Count()
    for _, kind, about in data.own.other:
        if kind == ChecklistDone.KIND:
            done[about["checklist"]] += 1
            late[about["checklist"]] += about["late"]
        elif kind == ItemsChecked.KIND and about["result"] == "fault":
            faults[about["checklist"]] += len(about["items"])
    names = {each.id: each.name for each in data.record.of(CheckSettings).lists}
    ids = data.ordered(names, {*done, *faults})
    if not ids:
        return None
    rows: list[list[Value]] = [[names.get(id, id), done[id], late[id], faults[id]] for id in ids]
    columns = [
        Column("name", say("checklist"), "text"),
        Column("done", say("checks_done")),
        Column("late", say("checks_late")),
        Column("faults", say("checks_faults")),
    ]
    return Section("checks", say("checks"), [Table("checklist", say("checks"), columns, ids, rows)])
