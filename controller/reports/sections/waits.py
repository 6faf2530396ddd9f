"""Waits by hour, by day, by class and by service, beside those of other days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from controller.lobby.show.figures import FELT
from controller.reports.counted import Level, in_order
from controller.reports.document import Chart, Column, Data, Section, Table, Value

PLACE = 20
KINDS = ("day", "week", "month")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def section(data: Data) -> Section:
    """Tables, and charts over the hours of a day and the days of the period."""
    own, rules, say = data.own, data.rules, data.say
    seen = [*own.tickets("hour"), *own.levels("hour")]
    hours = in_order([*seen, *(hour for each in data.beside for hour in each.tickets("hour"))], rules)
    tables, charts = [_table(data, "hour", say("by_hour"), say("hour"), hours, data.hour)], _charts(data, hours)
    if len(own.days) > 1:
        tables.append(_table(data, "day", say("by_day"), say("day"), own.days, lambda day: _day(data, day), alone=True))
        charts += _charts_of_days(data)
    services = data.ordered(rules.services, {*own.tickets("service"), *own.levels("service")})
    classes = data.ordered(rules.classes, {*own.tickets("klass"), *own.levels("klass")})
    tables.append(_table(data, "service", say("by_service"), say("service"), services, data.service))
    tables.append(_table(data, "klass", say("by_class"), say("class"), classes, rules.class_name))
    return Section("waits", say("waits"), tables, charts, say("waits_note"))


def wait_columns(data: Data) -> list[Column]:
    """The columns of waits."""
    say = data.say
    return [
        Column("mean", say("mean"), "minutes"),
        Column("median", say("median"), "minutes"),
        Column("p90", say("p90"), "minutes"),
        Column("above_3", say("above_short", minutes=FELT // 60), "share"),
        Column("above_target", say("above_short", minutes=f"{data.rules.target / 60:g}"), "share"),
    ]


def wait_values(level: Level | None) -> list[Value]:
    """What stands in them."""
    known = level and level["customers"]
    return [level[name] if level and known else None for name in ("mean", "median", "p90", "above_3", "above_target")]


def _table(
    data: Data,
    name: str,
    title: str,
    heading: str,
    ids: Sequence[Any],
    named: Callable[[Any], str],
    *,
    alone: bool = False,
) -> Table:
    tickets, levels = data.own.tickets(name), data.own.levels(name)
    beside = [] if alone else [(each, each.levels(name)) for each in data.beside]
    columns = [Column("name", heading, "text"), Column("tickets", data.say("tickets")), *wait_columns(data)]
    columns += [Column(f"mean_{each.key}", data.say("mean_of", name=each.name), "minutes") for each, _ in beside]
    rows: list[list[Value]] = [
        [
            named(id),
            tickets[id],
            *wait_values(levels.get(id)),
            *(found[id]["mean"] if id in found else None for _, found in beside),
        ]
        for id in ids
    ]
    return Table(name if name != "klass" else "class", title, columns, [str(id) for id in ids], rows)


def _charts(data: Data, hours: Sequence[int]) -> list[Chart]:
    say = data.say
    sides = [("own", data.own.tickets("hour"), data.own.levels("hour"), len(data.own.days))]
    for each in data.beside:
        days = sum(len(group.days) for group in each.groups) / len(each.groups)
        sides.append((each.key, each.tickets("hour"), each.levels("hour"), days))  # type: ignore[arg-type]
    labels = [data.hour(hour) for hour in hours]
    a_day = {key: [round(tickets.get(hour, 0) / days, 1) for hour in hours] for key, tickets, _, days in sides if days}
    waits = {key: [_mean(levels.get(hour)) for hour in hours] for key, _, levels, _ in sides}
    unit = say("a_day") if len(data.own.days) > 1 else say("each_hour")
    return [
        Chart("tickets", say("chart_tickets"), unit, labels, a_day, data.names, bars=True),
        Chart("mean", say("chart_mean"), say("minutes"), labels, waits, data.names, mark=_target(data)),
    ]


def _charts_of_days(data: Data) -> list[Chart]:
    say, own = data.say, data.own
    tickets, levels = own.tickets("day"), own.levels("day")
    labels, names = [f"{int(day[8:])}" for day in own.days], {"own": data.own_name}
    waits = {"own": [_mean(levels.get(day)) for day in own.days]}
    taken = {"own": [tickets[day] for day in own.days]}
    return [
        Chart("tickets_by_day", say("chart_tickets_days"), say("each_day"), labels, taken, names, bars=True),
        Chart("mean_by_day", say("chart_mean_days"), say("minutes"), labels, waits, names, mark=_target(data)),
    ]


def _target(data: Data) -> tuple[float, str]:
    minutes = data.rules.target / 60
    return minutes, data.say("target", minutes=f"{minutes:g}")


def _mean(level: Level | None) -> float | None:
    return level["mean"] if level and level["customers"] else None


def _day(data: Data, day: str) -> str:
    weekday = data.rules.wording.say(f"weekday.{WEEKDAYS[date.fromisoformat(day).weekday()]}")
    return data.say("day_named", day=day, weekday=weekday)
