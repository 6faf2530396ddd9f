"""Simulations and replays as tables to read, minutes throughout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from simulators.days.scores import BASELINES

_BASELINES = {
    "les": "last customer called",
    "hol": "head of the line",
    "ql": "queue length",
    "last5": "mean of the last five",
    "hour": "mean of the hour",
}


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def show_simulation(console: Console, report: Mapping[str, Any]) -> None:
    """What `lobby simulate` says."""
    table = _table("Waits in minutes", "", "customers", "mean", "median", "95 %", "longest", "overtaken")
    for kind in ("classes", "services"):
        for id, waits in report[kind].items():
            figures = (waits[key] for key in ("n", "mean", "p50", "p95", "max", "overtaken_max"))
            table.add_row(id, *(str(figure) for figure in figures))
        table.add_section()
    console.print(table)
    days = "1 day" if report["days"] == 1 else f"{report['days']} days"
    console.print(
        f"{report['customers']:,} customers in {days}, {report['above_3']:.0%} above 3 min; windows open "
        f"{report['window_minutes'] / 60:.0f} h, idle {report['idle']:.0%}; "
        f"{report['no_shows']:,} calls unanswered, {report['turned_away']:,} customers without a ticket."
    )
    estimates = report["estimates"]
    table = _table(
        "Estimated waits",
        "",
        "tickets",
        "off by",
        "too long by",
        "in the 80 % range",
        "its width",
        *_BASELINES.values(),
    )
    for name, score in (("all", estimates), ("first 30 min", estimates["first_30"]), *estimates["classes"].items()):
        if score["n"]:
            marks = [f"{score['mae']:.1f}", f"{score['bias']:+.1f}", f"{score['coverage80']:.0%}"]
            others = (f"{score['baselines'][baseline]:.1f}" for baseline in BASELINES)
            table.add_row(name, str(score["n"]), *marks, f"{score['width80']:.1f}", *others)
    console.print(table)
    if advice := report.get("advice"):
        table = _table("Windows", "", "window hours", "idle", "mean wait", "95 %", "person-hours above 15 min")
        for name, key in (("as planned", "planned"), ("with the advice", "followed")):
            row = advice[key]
            table.add_row(
                name,
                f"{row['window_minutes'] / 60:.0f}",
                f"{row['idle']:.0%}",
                f"{row['mean']:.1f}",
                f"{row['p95']:.1f}",
                f"{row['too_long'] / 60:.0f}",
            )
        console.print(table)


def show_replay(console: Console, report: Mapping[str, Any]) -> None:
    """What `lobby replay` says."""
    both = "would_be" in next(iter(report["classes"].values()), {})
    columns = ("customers", "mean", "95 %", "longest", "overtaken")
    titles = ("as it was", "as it would be") if both else ("as it was",)
    table = _table("Waits in minutes", "", *(f"{column}, {title}" for column in columns for title in titles))
    for kind in ("classes", "services"):
        for id, sides in report[kind].items():
            figures = [
                str(sides.get(side, {}).get(key, "-"))
                for key in ("n", "mean", "p95", "max", "overtaken_max")
                for side in (("was", "would_be") if both else ("was",))
            ]
            table.add_row(id, *figures)
        table.add_section()
    console.print(table)
    if report["changed"]:
        table = _table("For whom most changes", "ticket", "class", "as it was", "as it would be")
        for change in report["changed"]:
            table.add_row(change["ticket"], change["class"], f"{change['was']:.1f}", f"{change['would_be']:.1f}")
        console.print(table)
    if report["left_out"]:
        console.print(f"{report['left_out']} tickets are left out: that configuration does not give them.")
