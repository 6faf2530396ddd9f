"""Counters: how many were open beside how many were advised, and what each did. Nobody is ranked: the order is that of
the configuration, and no person is named."""

from __future__ import annotations

from collections import Counter as Count
from statistics import fmean

from controller.reports.counted import HOUR_MS, in_order
from controller.reports.document import Chart, Column, Data, Section, Table, Value

PLACE = 60
KINDS = ("day", "week", "month", "counters")


def section(data: Data) -> Section:
    """A table of the counters, and a chart over the hours."""
    own, say = data.own, data.say
    missed: Count[str] = Count()
    for (_, _, counter), count in own.missed.items():
        missed[counter] += count
    ids = [*data.rules.counters, *sorted({*own.counters, *missed} - {*data.rules.counters})]
    rows: list[list[Value]] = []
    for id in ids:
        at = own.counters[id]
        hours = at.open / HOUR_MS
        rows.append(
            [
                say("counter_named", counter=id),
                round(hours, 1),
                round(at.paused / HOUR_MS, 1),
                len(at.visits),
                round(len(at.visits) / hours, 1) if hours >= 0.1 else None,
                round(fmean(at.visits) / 60, 1) if at.visits else None,
                missed[id],
            ]
        )
    columns = [
        Column("name", say("counter"), "text"),
        Column("open", say("hours_open"), "number"),
        Column("paused", say("hours_paused"), "number"),
        Column("served", say("served")),
        Column("served_an_hour", say("served_an_hour"), "number"),
        Column("visit", say("visit"), "minutes"),
        Column("missed", say("missed")),
    ]
    days = max(1, len(own.days))
    hours_open = in_order([*own.open_ms, *own.tickets("hour")], data.rules)
    open_ = [round(own.open_ms[hour] / days / HOUR_MS, 1) for hour in hours_open]
    advised = [round(max(0, own.advised_ms[hour]) / days / HOUR_MS, 1) for hour in hours_open]
    heads = [
        Column("name", say("hour"), "text"),
        Column("open", say("open"), "number"),
        Column("advised", say("open_advised"), "number"),
    ]
    by_hour: list[list[Value]] = [
        [data.hour(hour), *each] for hour, *each in zip(hours_open, open_, advised, strict=True)
    ]
    tables = [
        Table("counter", say("by_counter"), columns, ids, rows),
        Table("hour", say("open_by_hour"), heads, [str(hour) for hour in hours_open], by_hour),
    ]
    names = {"own": say("open"), "advised": say("open_advised")}
    labels = [data.hour(hour) for hour in hours_open]
    lines = {"own": open_, "advised": advised}
    chart = Chart("open", say("open_by_hour"), say("open_unit"), labels, lines, names, bars=True)
    return Section("counters", say("counters"), tables, [chart], say("counters_note"))
