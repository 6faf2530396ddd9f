"""`lobby simulate` and `lobby replay`: what they run, draw, print and write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from controller.config import wording
from controller.journal import Journal, JournalError, JournalWriteError
from controller.lobby.aggregate import Row
from controller.lobby.model.rules import Rules
from controller.lobby.show.figures import FELT
from controller.output import console, make_folder, room_for, write_json
from controller.record.rules import RecordRules
from simulators.days import pictures
from simulators.days.record import as_meant, on_one_clock
from simulators.days.replay import Opening, as_it_was, bare_rules, compare, most_changed, never_called
from simulators.days.replay import report as compared_report
from simulators.days.reports import show_replay, show_simulation
from simulators.days.scores import minutes
from simulators.days.simulation import Tally, above, report, simulate, waits, waits_by
from simulators.days.virtual import follow_advice


class InterruptedRunError(Exception):
    """A simulation was interrupted; the text says what is complete."""


class _Keeper:
    """Saves the days of a simulation as a journal and as pictures, if these are wanted."""

    def __init__(self, rules: Rules, journal: Path | None, drawings: Path | None) -> None:
        self._rules = rules
        self._drawings = drawings
        self._path = journal
        self._journal: Journal | None = None
        self.written = 0
        self.drawn = 0

    def open(self) -> None:
        """Create the outputs. JournalError, OSError or NoMatplotlibError if that fails."""
        if self._drawings:
            pictures.must_be_possible()
            make_folder(self._drawings)
        self._journal = Journal(self._path, self._rules.branch) if self._path else None

    def keep(self, rows: Sequence[Row]) -> None:
        """Save one day; JournalError or OSError if it cannot be written."""
        if self._journal:
            try:
                synced = self._journal.append(rows)
                self.written += 1
                synced.result()
            except JournalWriteError as error:
                raise JournalError(f"{self._journal.path}: cannot be written ({error.reason})") from error
        if self._drawings:
            day = rows[-1].day
            title = f"{self._rules.branch_name or self._rules.branch}  {day}"
            figure = pictures.day([(row.at, row.event) for row in rows], self._rules, title)
            pictures.save(figure, self._drawings / f"{day}.svg")
            self.drawn += 1

    def close(self) -> None:
        """Close the outputs."""
        if self._journal:
            self._journal.close()


def run_simulation(
    rules: Rules,
    profile: str | None,
    days: int,
    seed: int,
    journal: Path | None,
    drawings: Path | None,
    out: Path | None,
    record: RecordRules | None = None,
) -> None:
    """Run the days, once as planned and with their `record`, and once with the advice about windows followed; on Ctrl-C
    show the figures of the whole days as planned, and raise InterruptedRunError."""
    with room_for(out):
        keeper = _Keeper(rules, journal, drawings)
        planned, followed = Tally(), Tally()
        done = {"planned": 0, "followed": 0}
        interrupted: KeyboardInterrupt | None = None
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
        started, seconds = time.perf_counter(), 0.0
        try:
            keeper.open()
            with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
                task = progress.add_task("", total=2 * days)

                def passed(side: str) -> None:
                    done[side] += 1
                    what = rules.wording.say(f"days.{side}")
                    text = rules.wording.say("days.progress", what=what, n=done[side], days=days)
                    progress.update(task, advance=1, description=text)

                done_as_planned = partial(passed, "planned")
                simulate(
                    rules, profile, days, seed, keep=keeper.keep, done=done_as_planned, tally=planned, record=record
                )
                seconds = time.perf_counter() - started
                simulate(rules, profile, days, seed, follow_advice, done=lambda: passed("followed"), tally=followed)
        except KeyboardInterrupt as interrupt:
            interrupted, seconds = interrupt, seconds or time.perf_counter() - started
        finally:
            keeper.close()
        whole = done["planned"]
        if whole:
            figures = report(planned, whole, seconds, rules.target)
            if not interrupted:
                figures["advice"] = {"planned": _windows(planned, rules), "followed": _windows(followed, rules)}
            show_simulation(console(), figures, rules)
            write_json(out, figures)
    if interrupted:
        left = [f"{journal} has {keeper.written}"] if journal else []
        left += [f"{drawings} has the pictures of {keeper.drawn}"] if drawings else []
        left += [f"{out} has the figures of {whole}"] if out and whole else []
        text = f"interrupted after {whole} of {days} days as planned and {done['followed']} as advised"
        raise InterruptedRunError("; ".join([text, *left])) from interrupted


def _windows(tally: Tally, rules: Rules) -> dict[str, Any]:
    waited = waits(tally.waits) if tally.waits else {"mean": 0.0, "p95": 0.0}
    return {
        "window_minutes": minutes(tally.window_seconds),
        "idle": tally.idle,
        "mean": waited["mean"],
        "p95": waited["p95"],
        "above_3": above(tally.waits, FELT),
        "above_target": above(tally.waits, rules.target),
        "too_long": minutes(tally.too_long),
    }


def run_replay(
    rows: Sequence[Row],
    journal: Path,
    rules: Rules | None = None,
    config: Path | None = None,
    branch: Rules | None = None,
    opened: Sequence[Opening] = (),
    picture: Path | None = None,
    out: Path | None = None,
) -> None:
    """Show a day as it was, and as it would be under `rules`, from the file `config`, with some counters `opened` as
    well. `branch` is whose day it is: zone, names, language and colours; without it, the rules' or ids."""
    if picture:
        pictures.must_be_possible()
    events = as_meant(on_one_clock([(row.at, row.event) for row in rows]))
    day = rows[-1].day
    names = _names(branch, rules) or bare_rules(events, UTC, wording("en"))
    known = bool(branch or rules)
    head = f"{names.branch_name or names.branch}  {day}".strip()
    figures: dict[str, Any] = {"day": day, "journal": journal.name, "utc": not known, "changed": [], "left_out": 0}
    with room_for(out):
        if rules is None:
            sides = {"was": as_it_was(events)}
            for kind, by in (("classes", "klass"), ("services", "service")):
                figures[kind] = {group: {"was": members} for group, members in waits_by(sides["was"], by).items()}
            figures["never_called"] = {"was": never_called(events)}
            title = head if known else f"{head}  UTC"
            figure = pictures.day(events, names, title) if picture else None
        else:
            compared = compare(events, rules, opened)
            sides = {"was": compared.was, "would_be": compared.would_be}
            file = config.name if config else ""
            figures |= {
                "config": file,
                "classes": compared_report(compared, "klass"),
                "services": compared_report(compared, "service"),
                "changed": most_changed(compared),
                "left_out": compared.left_out,
                "never_called": dict(zip(sides, compared.never_called, strict=True)),
                "closed": compared.closed,
                "unknown_counters": compared.unknown,
            }
            say = names.wording.say
            labels = (say("days.was"), say("days.with", file=file))
            figure = pictures.compare(events, compared.rows, names, labels, compared.pairs, head) if picture else None
        figures["all"] = {side: waits(waited) for side, waited in sides.items() if waited}
        figures["above_3"] = {side: above(waited, FELT) for side, waited in sides.items()}
        if known:
            figures["target"] = minutes(names.target)
            figures["above_target"] = {side: above(waited, names.target) for side, waited in sides.items()}
        show_replay(console(), figures, names, head)
        if picture and figure:
            pictures.save(figure, picture)
        write_json(out, figures)


def _names(branch: Rules | None, rules: Rules | None) -> Rules | None:
    """The rules for names and colours: the branch's, completed by the other rules."""
    if branch is None or rules is None:
        return branch or rules
    return replace(
        branch,
        services={**branch.services, **rules.services, **branch.services},
        classes={**branch.classes, **rules.classes, **branch.classes},
        counters={**branch.counters, **rules.counters, **branch.counters},
    )
