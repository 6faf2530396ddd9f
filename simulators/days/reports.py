"""Simulations and replays as tables, in the branch's language and with its names. Every title or heading names its
unit, and no figure is truncated on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from controller.lobby.model.rules import Rules
from controller.output import table
from simulators.days.scores import BASELINES

FIGURES = ("customers", "mean", "median", "p95", "longest", "overtaken")
KEYS = ("n", "mean", "p50", "p95", "max", "overtaken_max")
"""The headings of a table of waits, and where their figures stand."""
KINDS = ("all", "classes", "services")


class _Words:
    """The words of a report, in the branch's language."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def __call__(self, key: str, **about: object) -> str:
        return self._rules.wording.say(f"days.{key}", **about)

    def name(self, kind: str, id: str) -> str:
        """What a row is about: a class, a service or all customers."""
        if kind == "all":
            return self("all")
        return self._rules.class_name(id) if kind == "classes" else self._rules.service_name(id)

    def waits(self) -> Table:
        """An empty table of waits."""
        return table(self("waits"), [""], [self(heading) for heading in FIGURES])


def _percent(part: float) -> str:
    return f"{100 * part:.1f}"


def _figures(waits: Mapping[str, Any]) -> list[str]:
    return [f"{value:.1f}" if isinstance(value := waits[key], float) else str(value) for key in KEYS]


def show_simulation(console: Console, report: Mapping[str, Any], rules: Rules) -> None:
    """Print the report of `lobby simulate`."""
    say = _Words(rules)
    waits = say.waits()
    for kind in ("classes", "services"):
        for id, figures in report[kind].items():
            waits.add_row(say.name(kind, id), *_figures(figures))
        waits.add_section()
    console.print(waits)
    console.print(say("waits_note"), style="italic")
    console.print()
    console.print(
        say(
            "summary",
            customers=f"{report['customers']:,}",
            days=say("one_day") if report["days"] == 1 else say("days", n=report["days"]),
            above_3=_percent(report["above_3"]),
            above_target=_percent(report["above_target"]),
            target=f"{report['target']:g}",
            hours=f"{report['window_minutes'] / 60:.0f}",
            idle=_percent(report["idle"]),
            missed=f"{report['no_shows']:,}",
            turned_away=f"{report['turned_away']:,}",
        )
    )
    console.print()
    _show_estimates(console, report["estimates"], say)
    if advice := report.get("advice"):
        _show_advice(console, advice, report["target"], say)


def _show_estimates(console: Console, estimates: Mapping[str, Any], say: _Words) -> None:
    headings = [say("tickets"), say("off"), say("bias"), say("inside"), say("width")]
    ours = table(say("estimates"), [""], headings)
    methods = ("ours", *BASELINES)
    others = table(say("guesses"), [""], [say(method) for method in methods])
    classes = ((say.name("classes", id), score) for id, score in estimates["classes"].items())
    for name, score in ((say("all"), estimates), (say("first_30"), estimates["first_30"]), *classes):
        if score["n"]:
            marks = [f"{score['mae']:.1f}", f"{score['bias']:+z.1f}", _percent(score["coverage80"])]
            ours.add_row(name, str(score["n"]), *marks, f"{score['width80']:.1f}")
            errors = {"ours": score["mae"], **score["baselines"]}
            others.add_row(name, *(f"{errors[method]:.1f}" for method in methods))
    console.print(ours)
    console.print(say("estimates_note"), style="italic")
    if (untold := estimates["not_told"])["n"]:
        console.print(say("not_told", n=untold["n"], mean=f"{untold['mean']:.1f}"))
    console.print()
    console.print(others)


def _show_advice(console: Console, advice: Mapping[str, Any], target: float, say: _Words) -> None:
    sides = ("planned", "followed")
    windows = table(say("windows"), [""], [say(side) for side in sides])
    rows = (
        (say("open"), "window_minutes", lambda minutes: f"{minutes / 60:.0f}"),
        (say("idle"), "idle", _percent),
        (say("mean_wait"), "mean", lambda minutes: f"{minutes:.1f}"),
        (say("p95_wait"), "p95", lambda minutes: f"{minutes:.1f}"),
        (say("above", minutes=3), "above_3", _percent),
        (say("above_target", minutes=f"{target:g}"), "above_target", _percent),
        (say("too_long"), "too_long", lambda minutes: f"{minutes / 60:.0f}"),
    )
    for name, key, shown in rows:
        windows.add_row(name, *(shown(advice[side][key]) for side in sides))
    console.print(windows)


def show_replay(console: Console, report: Mapping[str, Any], rules: Rules, head: str) -> None:
    """Print the report of `lobby replay`. `head` names branch and day; `rules` give the language and the names."""
    say = _Words(rules)
    file = report.get("config", "")
    key = "both_sides" if file else "one_side"
    console.print(say(key, head=head, journal=report["journal"], file=file), style="bold")
    if report["utc"]:
        console.print(say("utc"))
    sides = ("was", "would_be") if file else ("was",)
    if report["all"]:
        _show_waits(console, report, sides, say)
        _show_shares(console, report, sides, say)
    else:
        console.print(say("nobody_on_both" if file else "nobody"))
    if file:
        _show_changes(console, report["changed"], rules, say)
        if report["all"]:
            console.print(say("compared", n=report["all"]["was"]["n"]))
    if report["left_out"]:
        console.print(say("left_out", n=report["left_out"], file=file))
    if any(report["never_called"].values()):
        console.print(say("never_called_both" if file else "never_called", file=file, **report["never_called"]))
    for key, ids in (("closed", report.get("closed", ())), ("unknown", report.get("unknown_counters", ()))):
        if ids:
            options = " ".join(f"--open {id}" for id in ids)
            one = key if len(ids) > 1 else f"one_{key}"
            console.print(say(one, counters=", ".join(ids), options=options, file=file))


def _show_waits(console: Console, report: Mapping[str, Any], sides: Sequence[str], say: _Words) -> None:
    waits = say.waits()
    for kind in KINDS:
        groups = {"": report["all"]} if kind == "all" else report[kind]
        for id, group in groups.items():
            if len(sides) == 1:
                waits.add_row(say.name(kind, id), *_figures(group["was"]))
                continue
            waits.add_row(say.name(kind, id), style="bold")
            for side in sides:
                waits.add_row("  " + say(side), *_figures(group[side]))
            changes = [group["would_be"][key] - group["was"][key] for key in KEYS[1:]]
            signed = [f"{change:+z.1f}" if isinstance(change, float) else f"{change:+d}" for change in changes]
            waits.add_row("  " + say("change"), "", *signed, end_section=True)
        waits.add_section()
    console.print(waits)
    console.print(say("waits_note"), style="italic")
    console.print()


def _show_shares(console: Console, report: Mapping[str, Any], sides: Sequence[str], say: _Words) -> None:
    both = len(sides) == 2
    headings = [*sides, "change"] if both else sides
    shares = table(say("shares"), [""], [say(heading) for heading in headings])
    rows = [(say("above", minutes=3), report["above_3"])]
    if "above_target" in report:
        rows.append((say("above_target", minutes=f"{report['target']:g}"), report["above_target"]))
    for name, parts in rows:
        change = [f"{100 * (parts['would_be'] - parts['was']):+z.1f}"] if both else []
        shares.add_row(name, *(_percent(parts[side]) for side in sides), *change)
    console.print(shares)


def _show_changes(console: Console, changes: Sequence[Mapping[str, Any]], rules: Rules, say: _Words) -> None:
    if not changes:
        console.print(say("no_change"))
        return
    names = [rules.wording.say("asked.ticket"), rules.wording.say("asked.class")]
    most = table(say("changed"), names, [say("was"), say("would_be"), say("change")])
    for change in changes:
        was, would_be = change["was"], change["would_be"]
        name = rules.class_name(change["class"])
        most.add_row(change["ticket"], name, f"{was:.2f}", f"{would_be:.2f}", f"{would_be - was:+z.2f}")
    console.print(most)
