"""What could not wait: alarms, and for how long they lasted."""

from __future__ import annotations

from collections import Counter as Count

from controller.record.actions.alarms import AlarmEnded, AlarmRaised
from controller.reports.document import Column, Data, Section, Table, Value

PLACE = 78
KINDS = ("day", "week", "month")


def section(data: Data) -> Section | None:
    """By kind of alarm: how often it was raised, and the minutes of those that have ended."""
    say = data.say
    kinds: dict[str, str] = {}
    raised: Count[str] = Count()
    lasted: dict[str, list[float]] = {}
    for at, kind, about in data.own.other:
        if kind == AlarmRaised.KIND:
            kinds[about["alarm"]] = about["kind"]
            raised[about["kind"]] += 1
        elif kind == AlarmEnded.KIND and about["alarm"] in kinds:
            lasted.setdefault(kinds[about["alarm"]], []).append((at - about["since"]) / 60_000)
    if not raised:
        return None
    ids = sorted(raised)
    rows: list[list[Value]] = []
    for id in ids:
        minutes = lasted.get(id, [])
        rows.append(
            [
                data.rules.wording.templates.get(f"report.alarm_{id}", id),
                raised[id],
                len(minutes),
                round(sum(minutes), 1),
                round(max(minutes, default=0), 1),
            ]
        )
    columns = [
        Column("name", say("alarm"), "text"),
        Column("raised", say("alarms_raised")),
        Column("ended", say("alarms_ended")),
        Column("minutes", say("alarms_minutes"), "minutes"),
        Column("longest", say("longest"), "minutes"),
    ]
    return Section("alarms", say("alarms"), [Table("kind", say("alarms"), columns, ids, rows)], note=say("alarms_note"))
