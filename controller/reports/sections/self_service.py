"""Customers who were sent to a machine."""

from __future__ import annotations

from controller.reports.document import Column, Data, Section, Table, Value

PLACE = 40
KINDS = ("day", "week", "month")


def section(data: Data) -> Section | None:
    """By answer of the triage: who was advised, who wanted a ticket all the same, whom the counters did not see."""
    own, say = data.own, data.say
    ids = sorted({*own.sent_away, *own.insisted})
    if not ids:
        return None
    rows: list[list[Value]] = []
    for id in ids:
        advised, insisted = own.sent_away[id], own.insisted[id]
        rows.append([_name(data, id), advised, insisted, advised - insisted, _share(advised, insisted)])
    advised, insisted = own.sent_away.total(), own.insisted.total()
    rows.append([say("all"), advised, insisted, advised - insisted, _share(advised, insisted)])
    columns = [
        Column("name", say("choice"), "text"),
        Column("advised", say("advised")),
        Column("insisted", say("insisted")),
        Column("diverted", say("diverted")),
        Column("share", say("share_diverted"), "share"),
    ]
    tables = [Table("choice", say("self_service"), columns, [*ids, "all"], rows)]
    return Section("self_service", say("self_service"), tables, note=say("self_service_note"))


def _name(data: Data, id: str) -> str:
    for question in data.rules.triage.questions.values():
        for choice in question.choices:
            if choice.id == id:
                return choice.text
    return id


def _share(advised: int, insisted: int) -> float | None:
    return round((advised - insisted) / advised, 3) if advised else None
