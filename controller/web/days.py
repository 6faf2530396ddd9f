"""Days as the journal tells them, for pages: today's rows are read as they come, those of a past day once.

Everything is read by a reader of its own, on a thread of its own that rests between rows: no press waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from controller.devices.notices import Remarks
from controller.journal import JournalError, JournalReader
from controller.journal.chain import Anchor, Chain, MisfitError
from controller.lobby.actions.day import DayOpened
from controller.lobby.aggregate import Row
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import NEVER, Ms
from controller.record.aggregate import follow
from controller.record.rules import RecordRules
from controller.record.state import Record
from controller.reports import day_figures
from controller.reports.day_figures import DayLog, Series, Sheet
from controller.reports.day_report import report
from controller.threads import one_thread

log = logging.getLogger(__name__)

T = TypeVar("T")

USUAL = 5
"""Most days of the same kind whose mean is taken."""
LOOK_BACK = 120
"""Business days among which they are looked for."""
KEPT = 32
"""Past days whose figures are kept."""
AT_A_TIME = 50
"""Rows that are counted between two rests: a millisecond or two, for which a press may wait."""
REST = 0.001
"""Seconds of a rest."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A day in steps, in figures and as its report has it, as they were `until` (ms since 1970, UTC)."""

    day: str
    kind: str
    until: Ms
    over: bool
    series: dict[str, Series]
    sheet: Sheet
    report: dict[str, Any]
    """See `day_report.report`."""


class _Log(DayLog):
    """What has happened on a day in the lobby and in the record."""

    def __init__(self) -> None:
        super().__init__()
        self.record = Record()

    def add(self, row: Row, rules: Rules) -> None:
        super().add(row, rules)
        follow(self.record, row)


class Days:
    """The days of the journal at `path`; `rules`: those in force, as of each request; `now`: the time in ms since 1970,
    UTC. `record`: the record's rules, as of each request."""

    def __init__(
        self,
        path: Path,
        rules: Callable[[], Rules],
        now: Callable[[], Ms],
        record: Callable[[], RecordRules] | None = None,
    ) -> None:
        self._path, self._in_force, self._now = path, rules, now
        self._record_rules = record or (lambda: RecordRules(rules()))
        self._rules = rules()
        self._thread = one_thread("days")
        self._today = ""
        self._log = _Log()
        """Today's rows, up to the row `_seq`."""
        self._seq = 0
        self._chain: Chain | None = None
        """The journal's hash chain, as far as it has been followed; None: it begins at the newest anchor."""
        self._past: OrderedDict[str, Counted | None] = OrderedDict()
        """Day -> its figures; None: it cannot be read."""
        self._kinds: dict[str, str] = {}

    async def about(self, day: str = "") -> dict[str, Any] | None:
        """A day, by default the one that is open, with the day before it and the mean of the last days of its kind;
        None: there is no such day. Raises JournalError if the journal cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._about, day)

    async def report(self, day: str = "") -> dict[str, Any] | None:
        """The report of a day, by default of the one that is open; None: there is no such day. Raises JournalError if
        the journal cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._report, day)

    # -- on the thread -------------------------------------------------------------------------------------------

    def _found(self, reader: JournalReader, day: str) -> Counted | None:
        rules = self._in_force()
        if rules.configured is not self._rules.configured:
            self._past.clear()
        self._rules = rules
        today = reader.last_day()
        if (day or today) not in reader.days():
            return None
        return self._count_today(reader, today) if day in ("", today) else self._count(reader, day)

    def _report(self, day: str) -> dict[str, Any] | None:
        with closing(JournalReader(self._path)) as reader:
            found = self._found(reader, day)
            if found is None:
                return None
            doors = self._rules.profile(found.day).open
            return {
                "branch": self._rules.branch_name,
                "day": found.day,
                "kind": found.kind,
                "until": found.until,
                "over": found.over,
                "doors": [[span.start, span.end] for span in doors],
                "target": self._rules.target / 60,
                "sheet": found.sheet.content(),
                **found.report,
                "words": Remarks(reader).of(found.report),
            }

    def _about(self, day: str) -> dict[str, Any] | None:
        with closing(JournalReader(self._path)) as reader:
            found = self._found(reader, day)
            if found is None or (found.over and not found.sheet.tickets):
                return None
            known = reader.days()
            before = [each for each in known if each < found.day][-LOOK_BACK:][::-1]
            last = next(self._busy(reader, before), None)
            same = (each for each in before if self._kind(reader, each) == found.kind)
            usual = [*islice(self._busy(reader, same), USUAL)]
            return _content(found, last, usual, self._anchor(reader, found), self._rules)

    def _busy(self, reader: JournalReader, days: Iterable[str]) -> Iterator[Counted]:
        """Those of past days on which anybody took a ticket."""
        for day in days:
            if (counted := self._count(reader, day)) and counted.sheet.tickets:
                yield counted

    def _anchor(self, reader: JournalReader, found: Counted) -> Anchor | None:
        """The anchor of a day that is over, else of the newest row; None: it has none, or the rows do not fit."""
        if found.over:
            return reader.last_anchor(found.day)
        chain, self._chain = self._chain or Chain(reader.last_anchor()), None
        try:
            for row in unhurried(reader.stored(chain.seq + 1)):
                chain.add(row)
        except MisfitError:
            return None  # the log says which row it is
        self._chain = chain
        return chain.here

    def _count_today(self, reader: JournalReader, today: str) -> Counted:
        if today != self._today or self._log.over:
            self._today, self._log, self._seq = today, _Log(), 0
            self._take_in(reader.rows(today))
        while rows := reader.rows_after(self._seq, 1000):
            mine = [row for row in rows if row.day == today]
            self._take_in(mine)
            if len(mine) < len(rows):
                break  # another day has begun, and is the next request's
        return self._counted(self._log, today, self._now())

    def _take_in(self, rows: Iterable[Row]) -> None:
        try:
            for row in unhurried(rows):
                self._log.add(row, self._rules)
                self._seq = row.seq
        except BaseException:
            self._today = ""  # what is half taken in is begun again
            raise

    def _count(self, reader: JournalReader, day: str) -> Counted | None:
        """A day that is past."""
        if day not in self._past:
            self._past[day] = self._read(reader, day)
            while len(self._past) > KEPT:
                self._past.popitem(last=False)
        self._past.move_to_end(day)
        return self._past[day]

    def _read(self, reader: JournalReader, day: str) -> Counted | None:
        past, last = _Log(), NEVER
        try:
            for row in unhurried(reader.rows(day)):
                past.add(row, self._rules)
                last = row.at
        except (JournalError, KeyError, TypeError, ValueError) as error:
            log.warning(
                "%s: %s is left out of the pictures of the days, since it cannot be read (%s)", self._path, day, error
            )
            return None
        past.over = True
        return self._counted(past, day, last)

    def _counted(self, counted: _Log, day: str, until: Ms) -> Counted:
        rules = self._rules
        series = day_figures.series(counted, day, rules, until)
        return Counted(
            day,
            counted.state.profile or rules.profile(day).id,
            until,
            counted.over,
            series,
            day_figures.sheet(counted, rules, until),
            report(counted, counted.record, self._record_rules(), until, series),
        )

    def _kind(self, reader: JournalReader, day: str) -> str:
        """What kind of day it was, as its first row has it."""
        if day not in self._kinds:
            try:
                first = next(reader.rows(day), None)
            except JournalError:
                return ""
            profile = first.event.profile if first and isinstance(first.event, DayOpened) else None
            self._kinds[day] = profile or self._rules.profile(day).id
        return self._kinds[day]


def unhurried(rows: Iterable[T]) -> Iterable[T]:
    """The same, with a rest now and then, in which a press is decided."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % AT_A_TIME == 0:
            time.sleep(REST)


def _content(
    found: Counted, last: Counted | None, usual: list[Counted], anchor: Anchor | None, rules: Rules
) -> dict[str, Any]:
    days = [each for each in (found, last, *usual) if each]
    steps = day_figures.shown([each.series[day_figures.ALL] for each in days], found.day, rules)

    def lines(service: str) -> dict[str, Any]:
        known = [each.series[service] for each in usual]
        return {
            "today": found.series[service].content(steps),
            "before": last.series[service].content(steps) if last else None,
            "usual": day_figures.mean(known).content(steps) if known else None,
        }

    return {
        "branch": rules.branch_name,
        "day": found.day,
        "kind": found.kind,
        "until": found.until,
        "over": found.over,
        "before": last.day if last else "",
        "usual": [each.day for each in usual],
        "step": day_figures.STEP,
        "first": day_figures.Steps.of(found.day, rules).first + steps.start * day_figures.STEP,
        "target": rules.target / 60,
        "services": [{"id": service.id, "name": service.name} for service in rules.services.values()],
        "series": {service: lines(service) for service in found.series},
        "sheet": found.sheet.content(),
        "anchor": anchor and {"row": anchor.seq, "hash": anchor.hash},
    }
