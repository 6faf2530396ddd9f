"""`lobby plan`: what it reads, runs, prints, draws and writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from controller.journal import JournalError, JournalReader
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import Ms
from controller.output import console, room_for, write_json
from simulators.days import pictures
from simulators.days.record import Day
from simulators.rosters.expected import Past, events_of
from simulators.rosters.picture import draw
from simulators.rosters.plan import look_back, make
from simulators.rosters.reports import figures, show_plan

LOOKED_AT = 120
"""Days of a journal that are read, the last ones before the planned day."""


class NoPlanError(Exception):
    """There is nothing to plan; the text says why, and what to do."""


def run_plan(
    rules: Rules,
    journal: Path | None,
    day: date,
    seed: int = 1,
    picture: Path | None = None,
    out: Path | None = None,
) -> None:
    """Plan a day of a branch; no journal: by its configuration alone. NoPlanError if there is nothing to plan,
    JournalError if the journal cannot be read or is another branch's."""
    started = time.perf_counter()
    if picture:
        pictures.must_be_possible()
    if not rules.opens_on(day):
        raise NoPlanError(f"{day}: the calendar has the branch closed, no tickets are given; plan another day")
    with room_for(out), Progress(*_COLUMNS, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=1.0)

        def told(part: str, done: float) -> None:
            progress.update(task, completed=done, description=rules.wording.say(f"roster.progress_{part}"))

        past, its_own = history(rules, journal, day, told)
        plan = make(rules, day, past, seed, told)
        progress.update(task, completed=1.0)
        back = look_back(plan, *its_own) if its_own else None
        found = figures(plan, back, journal.name if journal else "", seed, time.perf_counter() - started)
    show_plan(console(), found, rules)
    if picture:
        pictures.save(draw(plan, back), picture)
    write_json(out, found)


_COLUMNS = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())


def history(
    rules: Rules, journal: Path | None, day: date, told: Callable[[str, float], None] = lambda part, done: None
) -> tuple[list[Past], tuple[Past, Day] | None]:
    """The days of a journal before a day, oldest first; and that day, if it is there already. NoPlanError if it is
    over and is not."""
    today = rules.day_of(Ms(round(time.time() * 1000)))
    if journal is None:
        _must_come(day, today, [], "the configuration's journal")
        return [], None
    reader = JournalReader(journal)
    try:
        _, branch = reader.identity()
        if branch and branch != rules.branch:
            raise JournalError(
                f"{journal}: is the journal of branch {branch}, and the configuration is that of {rules.branch}; name "
                "the journal and the configuration of one branch"
            )
        days = reader.days()
        before = [each for each in days if each < str(day)][-LOOKED_AT:]
        past = []
        for n, each in enumerate(before):
            told("history", n / len(before))
            rows = list(reader.rows(each))
            found = Past.of(rows, rules)
            # The last one is over too, although nothing has closed it yet, if it is not today's.
            found.over = found.over or (each == days[-1] and each < today)
            past.append(found)
        rows = list(reader.rows(str(day)))
        if any(isinstance(row.event, TicketIssued) for row in rows):
            return past, (Past.of(rows, rules), events_of(rows))
        _must_come(day, today, days, str(journal))
        return past, None
    finally:
        reader.close()


def _must_come(day: date, today: str, days: Sequence[str], journal: str) -> None:
    """NoPlanError for a day that has been, and of which nothing is known."""
    if str(day) < today:
        last = f"; its last day is {days[-1]}" if days else ""
        raise NoPlanError(
            f"{day}: is over, and {journal} has no tickets of it{last}; name a day that is to come, or one that it has"
        )
