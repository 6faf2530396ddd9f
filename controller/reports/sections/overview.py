"""The main figures, beside those of other days."""

from __future__ import annotations

from collections.abc import Callable

from controller.lobby.show.figures import FELT
from controller.reports.counted import Counted
from controller.reports.document import Column, Data, Section, Table, Unit, Value

PLACE = 10
KINDS = ("day", "week", "month")


def section(data: Data) -> Section:
    """One row a figure, one column for each that it is set beside."""
    own, say = data.own, data.say
    level, target = own.level(), f"{data.rules.target / 60:g}"
    levels = [each.level() for each in data.beside]
    rows: list[tuple[str, str, list[Value]]] = []

    def counts(key: str, name: str, figure: Callable[[Counted], int]) -> None:
        rows.append((key, name, [figure(own), *(each.mean(figure) for each in data.beside)]))

    def waits(key: str, name: str) -> None:
        of_own = level[key] if level["customers"] else None
        rows.append((key, name, [of_own, *(each[key] if each else None for each in levels)]))

    counts("days", say("days"), lambda each: len(each.days))
    counts("tickets", say("tickets"), _tickets)
    waits("mean", say("mean_minutes"))
    waits("median", say("median_minutes"))
    waits("p90", say("p90_minutes"))
    waits("max", say("max_minutes"))
    waits("above_3", say("above", minutes=FELT // 60))
    waits("above_target", say("above_target", minutes=target))
    counts("missed", say("missed"), _missed)
    counts("gave_up", say("gave_up"), lambda each: each.gave_up)
    counts("left", say("left"), lambda each: each.left)
    units: dict[str, Unit] = {"above_3": "share", "above_target": "share"}
    units |= dict.fromkeys(("mean", "median", "p90", "max"), "minutes")
    columns = [Column("name", say("figure"), "text"), Column("own", data.own_name, "mean")]
    columns += [Column(each.key, each.name, "mean") for each in data.beside]
    table = Table(
        "figures",
        say("overview"),
        columns,
        [key for key, *_ in rows],
        [[name, *values] for _, name, values in rows],
        units=[units.get(key, "mean") for key, *_ in rows],
    )
    return Section("overview", say("overview"), [table], note=say("overview_note"))


def _tickets(of: Counted) -> int:
    return sum(of.taken.values())


def _missed(of: Counted) -> int:
    return sum(of.missed.values())
