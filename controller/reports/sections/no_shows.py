"""Calls that nobody came to, by service."""

from __future__ import annotations

from collections import Counter as Count

from controller.reports.document import Column, Data, Section, Table, Value

PLACE = 30
KINDS = ("day", "week", "month")


def section(data: Data) -> Section:
    """Missed calls beside the calls that were answered, and their share of both."""
    own, say = data.own, data.say
    missed: Count[str] = Count()
    for (_, service, _), count in own.missed.items():
        missed[service] += count
    served = own.served
    ids = data.ordered(data.rules.services, {*missed, *served})
    rows: list[list[Value]] = [[data.service(id), missed[id], served[id], _share(missed[id], served[id])] for id in ids]
    rows.append([say("all"), missed.total(), served.total(), _share(missed.total(), served.total())])
    columns = [
        Column("name", say("service"), "text"),
        Column("missed", say("missed")),
        Column("served", say("served")),
        Column("share", say("share_missed"), "share"),
    ]
    note = say("no_shows_note", returned=own.returned, gave_up=own.gave_up, left=own.left)
    return Section(
        "no_shows", say("no_shows"), [Table("service", say("by_service"), columns, [*ids, "all"], rows)], note=note
    )


def _share(missed: int, served: int) -> float | None:
    return round(missed / (missed + served), 3) if missed + served else None
