"""`lobby simulate` and `lobby replay`: what they run, draw, print and write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from controller.config import wording
from controller.journal import Journal, JournalError, JournalWriteError, Row
from controller.lobby.rules import Rules
from controller.output import write_json
from simulators.days import pictures
from simulators.days.replay import as_it_was, bare_rules, compare, most_changed
from simulators.days.replay import report as compared_report
from simulators.days.reports import show_replay, show_simulation
from simulators.days.scores import minutes
from simulators.days.simulation import Tally, report, simulate, waits, waits_by
from simulators.days.virtual import follow_advice


def run_simulation(
    rules: Rules,
    profile: str | None,
    days: int,
    seed: int,
    journal: Path | None,
    drawings: Path | None,
    out: Path | None,
) -> None:
    """Run the days, once as planned and once with the advice about windows followed."""
    if drawings:
        pictures.must_be_possible()
        drawings.mkdir(parents=True, exist_ok=True)
    if out:
        out.touch()
    kept = Journal(journal) if journal else None
    started = time.perf_counter()
    console = Console() if Console().is_terminal else Console(width=140)

    def keep(rows: Sequence[Row]) -> None:
        if kept:
            try:
                kept.append(rows).result()
            except JournalWriteError as error:
                raise JournalError(f"{kept.path}: cannot be written ({error.reason})") from error
        if drawings:
            day = rows[-1].day
            title = f"{rules.branch_name or rules.branch}  {day}"
            figure = pictures.day([(row.at, row.event) for row in rows], rules, title)
            pictures.save(figure, drawings / f"{day}.svg")

    try:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
            planned_task = progress.add_task("days as planned", total=days)
            followed_task = progress.add_task("days with the advice followed", total=days)
            planned = simulate(rules, profile, days, seed, keep=keep, done=lambda: progress.advance(planned_task))
            seconds = time.perf_counter() - started
            followed = simulate(
                rules, profile, days, seed, policy=follow_advice, done=lambda: progress.advance(followed_task)
            )
    finally:
        if kept:
            kept.close()
    figures = report(planned, days, seconds)
    figures["advice"] = {"planned": _windows(planned), "followed": _windows(followed)}
    show_simulation(console, figures)
    write_json(out, figures)


def _windows(tally: Tally) -> dict[str, Any]:
    waited = waits(tally.waits) if tally.waits else {"mean": 0.0, "p95": 0.0}
    return {
        "window_minutes": minutes(tally.window_seconds),
        "idle": tally.idle,
        "mean": waited["mean"],
        "p95": waited["p95"],
        "too_long": minutes(tally.too_long),
    }


def run_replay(rows: Sequence[Row], rules: Rules | None, picture: Path | None, out: Path | None) -> None:
    """Show a day as it was, and as it would be under `rules`."""
    events = [(row.at, row.event) for row in rows]
    day = rows[0].day
    figures: dict[str, Any] = {"day": day, "changed": [], "left_out": 0}
    if rules is None:
        names = bare_rules(events, None, wording("en"))
        was = as_it_was(events)
        for kind, by in (("classes", "klass"), ("services", "service")):
            figures[kind] = {group: {"was": members} for group, members in waits_by(was, by).items()}
        figure = pictures.day(events, names, day) if picture else None
    else:
        compared = compare(events, rules)
        figures["classes"] = compared_report(compared, "klass")
        figures["services"] = compared_report(compared, "service")
        figures["changed"] = most_changed(compared)
        figures["left_out"] = compared.left_out
        labels = (day, rules.branch_name or rules.branch)
        figure = pictures.compare(events, compared.rows, rules, labels, compared.pairs) if picture else None
    show_replay(Console() if Console().is_terminal else Console(width=140), figures)
    if picture and figure:
        pictures.save(figure, picture)
    write_json(out, figures)
