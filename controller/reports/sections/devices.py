"""Devices: for how much of the opening hours each worked."""

from __future__ import annotations

from controller.reports.counted import Outages
from controller.reports.document import Column, Data, Section, Table, Value

PLACE = 70
KINDS = ("day", "week", "month")


def section(data: Data) -> Section | None:
    """Uptime and outages while the doors were open, of the devices that are configured or were heard of."""
    say, outages = data.say, data.own.outages()
    devices = [thing.id for thing in data.things.values() if thing.is_device]
    ids = [*devices, *sorted({*outages} - {*devices})]
    if not ids:
        return None
    rows: list[list[Value]] = []
    for id in ids:
        found = outages.get(id, Outages(0, 0, 0, 0))
        rows.append(
            [
                data.thing(id),
                round(1 - found.away / found.known, 4) if found.known else None,
                found.times,
                round(found.away / 60_000, 1),
                round(found.longest / 60_000, 1),
            ]
        )
    columns = [
        Column("name", say("device"), "text"),
        Column("uptime", say("uptime"), "share"),
        Column("outages", say("outages")),
        Column("away", say("away"), "minutes"),
        Column("longest", say("longest"), "minutes"),
    ]
    return Section(
        "devices", say("devices"), [Table("device", say("devices"), columns, ids, rows)], note=say("devices_note")
    )
