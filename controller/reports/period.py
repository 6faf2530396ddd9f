"""Which days a report is about, and what they are set beside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Literal

from controller.journal import JournalReader
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.model.rules import Rules

Kind = Literal["day", "week", "month"]
TAKES = {
    "day": "YYYY-MM-DD, such as 2026-01-05",
    "week": "YYYY-Www, such as 2026-W02, or a day of it",
    "month": "YYYY-MM, such as 2026-01",
}
USUAL = 5
"""Most days of the same kind whose mean is taken."""
LOOK_BACK = 120
"""Days back within which they are looked for."""
WEEKS = 4
"""Weeks whose mean a week is set beside."""


class NoPeriodError(ValueError):
    """A text is no day, week or month."""


@dataclass(frozen=True, slots=True)
class Period:
    """A day, a week from Monday or a month: its first and its last day."""

    kind: Kind
    first: date
    last: date

    @classmethod
    def around(cls, kind: Kind, day: date) -> Period:
        """The one that a day is in."""
        if kind == "day":
            return cls(kind, day, day)
        if kind == "week":
            monday = day - timedelta(days=day.weekday())
            return cls(kind, monday, monday + timedelta(days=6))
        after = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        return cls(kind, day.replace(day=1), after - timedelta(days=1))

    @classmethod
    def read(cls, kind: Kind, text: str) -> Period:
        """The one that a person has typed; NoPeriodError, in one sentence, if it is none."""
        try:
            if kind == "month" and re.fullmatch(r"\d{4}-\d{2}", text, re.ASCII):
                return cls.around(kind, date.fromisoformat(f"{text}-01"))
            if kind == "week" and re.fullmatch(r"\d{4}-W\d{2}", text, re.ASCII):
                return cls.around(kind, date.fromisoformat(f"{text}-1"))
            if kind != "month" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
                return cls.around(kind, date.fromisoformat(text))
        except (ValueError, OverflowError):
            pass
        raise NoPeriodError(f'"{text}" is no {kind}; it takes {TAKES[kind]}')

    def before(self, times: int = 1) -> Period:
        """The one so many times earlier."""
        found = self
        for _ in range(times):
            found = Period.around(self.kind, found.first - timedelta(days=1))
        return found

    @property
    def text(self) -> str:
        """As it is typed."""
        if self.kind == "month":
            return f"{self.first:%Y-%m}"
        if self.kind == "week":
            year, week, _ = self.first.isocalendar()
            return f"{year}-W{week:02d}"
        return self.first.isoformat()

    def days(self, reader: JournalReader) -> list[str]:
        """Its business days that the journal has."""
        return reader.days_between(self.first.isoformat(), self.last.isoformat())


@dataclass(frozen=True, slots=True)
class Beside:
    """What a report is set beside: the days of one period, or of several whose mean is taken. `key`: `before` (the day,
    week or month before), `week` (the same day a week before), `usual` (the last of the same kind), `year` (the same
    month a year before)."""

    key: str
    groups: Sequence[Sequence[str]]


def beside(period: Period, reader: JournalReader, rules: Rules) -> list[Beside]:
    """What a period is set beside, as far as the journal has it."""
    found = [*_beside(period, reader, rules)]
    with_days = [Beside(each.key, [days for days in each.groups if days]) for each in found]
    return [each for each in with_days if each.groups]


def _beside(period: Period, reader: JournalReader, rules: Rules) -> Iterator[Beside]:
    first = period.first
    if period.kind == "day":
        back = timedelta(days=LOOK_BACK)
        earlier = reader.days_between((first - back).isoformat(), (first - timedelta(days=1)).isoformat())[::-1]
        busy = [day for day in earlier if next(reader.bare_rows(day, {TicketIssued.KIND}), None)]
        yield Beside("before", [busy[:1]])
        week = (first - timedelta(days=7)).isoformat()
        yield Beside("week", [[week]] if week in busy else [])
        kind = kind_of(reader, first.isoformat(), rules)
        same = (day for day in busy if kind_of(reader, day, rules) == kind)
        yield Beside("usual", [[day] for day in islice(same, USUAL)])
    elif period.kind == "week":
        yield Beside("before", [period.before().days(reader)])
        yield Beside("usual", [period.before(n).days(reader) for n in range(1, WEEKS + 1)])
    else:
        yield Beside("before", [period.before().days(reader)])
        yield Beside("year", [period.before(12).days(reader)])


def kind_of(reader: JournalReader, day: str, rules: Rules) -> str:
    """What kind of day it was, as the row that begins it has it; else as the calendar has it."""
    opened = next(reader.bare_rows(day, {DayOpened.KIND}), None)
    return str((opened[2].get("profile") if opened else "") or rules.profile(day).id)
