"""`lobby plan`: what it reads, runs, prints, draws and writes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from controller.journal import JournalError, JournalReader
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Row
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import Ms
from controller.output import console, room_for, write_json
from simulators.days import pictures
from simulators.days.record import Day
from simulators.rosters.expected import Past, events_of
from simulators.rosters.picture import draw
from simulators.rosters.plan import look_back, make
from simulators.rosters.quick import Branch
from simulators.rosters.reports import figures, show_plan
from simulators.rosters.roster import Grid

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
    if not any(Grid.of(Branch(rules, day)).available):
        kind = rules.profile(str(day)).id
        raise NoPlanError(
            f"{day}: [profile.{kind}] staff has every counter closed while the doors are open; open one there"
        )
    with room_for(out), History(rules, journal, day) as known, _progress() as progress:
        task = progress.add_task("", total=1.0)

        def told(part: str, done: float) -> None:
            progress.update(task, completed=done, description=rules.wording.say(f"roster.progress_{part}"))

        past = known.before(told)
        plan = make(rules, day, past, seed, told)
        progress.update(task, completed=1.0)
        back = look_back(plan, *its_own) if (its_own := known.itself()) else None
        found = figures(plan, back, journal.name if journal else "", seed, time.perf_counter() - started)
    show_plan(console(), found, rules)
    if picture:
        pictures.save(draw(plan, back), picture)
    write_json(out, found)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


class History:
    """What a branch's journal knows of a day and of those before it; no journal: nothing.

    JournalError if it cannot be read, or is another branch's; NoPlanError if the day is over, and there is nothing of
    it.
    """

    def __init__(self, rules: Rules, journal: Path | None, day: date) -> None:
        self._rules, self._day = rules, str(day)
        self._today = rules.day_of(Ms(round(time.time() * 1000)))
        self._reader = JournalReader(journal) if journal else None
        self._days: list[str] = []
        self._rows: list[Row] = []
        try:
            self._read(journal)
        except BaseException:
            self.close()
            raise

    def _read(self, journal: Path | None) -> None:
        if self._reader:
            _, branch = self._reader.identity()
            if branch and branch != self._rules.branch:
                raise JournalError(
                    f"{journal}: is the journal of branch {branch}, and the configuration is that of "
                    f"{self._rules.branch}; name the journal and the configuration of one branch"
                )
            self._days = self._reader.days()
            rows = list(self._reader.rows(self._day))
            self._rows = rows if any(isinstance(row.event, TicketIssued) for row in rows) else []
        if not self._rows and self._day < self._today:
            last = f"; its last day is {self._days[-1]}" if self._days else ""
            where = f"{journal} has no tickets of it{last}" if journal else "there is no journal that has tickets of it"
            raise NoPlanError(
                f"{self._day}: is over, and {where}; name a day that is to come, or one that a journal has"
            )

    def __enter__(self) -> History:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal."""
        if self._reader:
            self._reader.close()

    def before(self, told: Callable[[str, float], None] = lambda part, done: None) -> list[Past]:
        """The days before the day, oldest first, at most the last `LOOKED_AT`."""
        before = [each for each in self._days if each < self._day][-LOOKED_AT:]
        past = []
        for n, each in enumerate(before):
            told("history", n / len(before))
            found = Past.of(list(self._reader.rows(each)) if self._reader else [], self._rules)
            # The last one is over too, although nothing has closed it yet, if it is not today's.
            found.over = found.over or (each == self._days[-1] and each < self._today)
            past.append(found)
        return past

    def itself(self) -> tuple[Past, Day] | None:
        """The day, if the journal has tickets of it and it is over."""
        past = Past.of(self._rows, self._rules) if self._rows else None
        if past is None or not (past.over or self._day < self._today):
            return None
        return past, events_of(self._rows)
