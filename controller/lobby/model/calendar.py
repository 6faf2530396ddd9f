"""When the branch is open, and what kind of day it is: hours, holidays, profiles chosen by date.

All times of day are seconds since local midnight; they become UTC by the time zone, so that a day on which the clocks
change has its right length. Moments are compared in UTC: local times compare by what the clock shows, which on such a
day is not their order.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

DAY = 24 * 3600
LOOK_AHEAD = 400
"""Days within which the next opening is looked for."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Span(NamedTuple):
    """A part of a day, `end` excluded."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{clock(self.start)}-{clock(self.end)}"

    def __contains__(self, second: object) -> bool:
        return isinstance(second, int | float) and self.start <= second < self.end


def clock(second: int) -> str:
    """HH:MM of a time of day; 24:00 is the end of it."""
    return f"{second // 3600:02d}:{second // 60 % 60:02d}"


_SPAN = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)")


def parse_spans(text: str) -> tuple[Span, ...]:
    """Spans of a day from a text such as "09:00-12:00 13:30-17:00", in order; empty for "closed".

    ValueError, with a sentence for the installer, if the text is invalid or two spans overlap.
    """
    if text.strip() == "closed":
        return ()
    spans = []
    for part in re.split(r"(?<=\d)[\s,]+(?=\d)", text.strip()):
        found = _SPAN.fullmatch(part)
        start, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (1, 0)
        if start >= end or end > 24 * 60:
            raise ValueError(f'"{part}" is no span of the day; it takes "HH:MM-HH:MM", the earlier time first')
        spans.append(Span(start * 60, end * 60))
    spans.sort()
    for one, other in pairwise(spans):
        if other.start < one.end:
            raise ValueError(f"{one} and {other} overlap; make one of them shorter, or write them as one")
    return tuple(spans)


Week = tuple[tuple[Span, ...], ...]
"""The spans of each weekday, Monday first."""


def parse_weekdays(text: str) -> tuple[int, ...]:
    """Weekdays (Monday is 0) from "mon", "mon-fri" or "mon,wed"; ValueError, with a sentence, for any other text."""
    days: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            raise ValueError(f'"{part}" is no weekday; it takes mon, tue, wed, thu, fri, sat, sun, or mon-fri')
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days += [day % 7 for day in range(begin, end + (7 if end < begin else 0) + 1)]
    return tuple(days)


@dataclass(frozen=True, slots=True)
class Hours:
    """When tickets are given. `last_ticket`: seconds before the day's end at which the last one is."""

    week: Week
    last_ticket: int = 0


class DateRule(NamedTuple):
    """A set of days: `first` to `last` inclusive. Kinds: `day` of the month; `end`, days before the month's last
    (0: the last); `week`, weekdays (Monday is 0); `date`, ordinals."""

    kind: str
    first: int
    last: int

    def holds(self, day: date, weekday: int | None = None) -> bool:
        """Whether a day is one of them; `weekday`: the weekday that it is worked as, if not its own."""
        match self.kind:
            case "day":
                value = day.day
            case "end":
                value = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - day).days - 1
            case "week":
                value = day.weekday() if weekday is None else weekday
            case _:
                value = day.toordinal()
        return self.first <= value <= self.last


def parse_date_rule(text: str) -> DateRule:
    """A date rule from "13", "13-16", "end", "end-2" (the last three days of a month), "fri", "2026-12-31" or
    "2026-12-24..2026-12-31"; ValueError, with a sentence, if it is none."""
    if found := re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", text):
        first, last = int(found[1]), int(found[2] or found[1])
        if 1 <= first <= last <= 31:
            return DateRule("day", first, last)
    if found := re.fullmatch(r"end(?:-(\d{1,2}))?", text):
        before = int(found[1] or 0)
        if before < 31:
            return DateRule("end", 0, before)
    if text in WEEKDAYS:
        return DateRule("week", WEEKDAYS.index(text), WEEKDAYS.index(text))
    try:
        first_day, last_day = parse_dates(text)
        return DateRule("date", first_day.toordinal(), last_day.toordinal())
    except ValueError:
        raise ValueError(
            f'"{text}" is no rule for dates; it takes "13", "13-16", "end", "end-2", "fri" or "2026-12-31"'
        ) from None


def parse_dates(text: str) -> tuple[date, date]:
    """The first and last day of "2026-10-01" or "2026-10-01..2026-10-08"; ValueError, with a sentence, for others."""
    first, _, last = text.partition("..")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        days = date.max, date.min
    if days[0] > days[1] or (days[1] - days[0]).days > LOOK_AHEAD:
        raise ValueError(f'"{text}" is no day; it takes "2026-10-01" or "2026-10-01..2026-10-08"')
    return days


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of day. `arrivals`: expected customers per hour, for each hour of `hours`.

    `burst`: how many wait at the door when it opens: (least, most). `staff`: when each counter is to be open; a counter
    that is not named is open during all of `hours`.
    """

    id: str
    when: tuple[DateRule, ...]
    hours: Span
    arrivals: tuple[float, ...]
    burst: tuple[int, int] = (0, 0)
    staff: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    doors: tuple[Span, ...] = ()
    """When the doors are open, if not during all of `hours`."""
    weekdays: tuple[Profile, ...] = ()
    """The same kind of day on each weekday, Monday first; empty: it is the same on all."""

    @property
    def open(self) -> tuple[Span, ...]:
        """When customers come."""
        return self.doors or (self.hours,)

    def arrivals_at(self, second: float) -> float:
        """Customers expected an hour at a time of day."""
        if not any(second in span for span in self.open):
            return 0.0
        return self.arrivals[min(len(self.arrivals) - 1, int(second - self.hours.start) // 3600)]

    def shifts(self, counter: str) -> tuple[Span, ...]:
        """When a counter is to be open."""
        return self.staff.get(counter, self.open)

    def on(self, weekday: int) -> Profile:
        """The same kind of day with the doors of a weekday (Monday is 0)."""
        return self.weekdays[weekday] if self.weekdays else self

    def within(self, week: Week) -> Profile:
        """The same kind of day in a branch with other hours: each hour of the clock keeps its arrivals.

        For a closed weekday, and as long as no weekday is chosen, the hours are those of the first open weekday.
        """
        first = next((spans for spans in week if spans), ())
        if not first:
            return self
        usual = self._between(first)
        if all(spans in ((), first) for spans in week):
            return usual
        return replace(usual, weekdays=tuple(self._between(spans) if spans else usual for spans in week))

    def _between(self, doors: tuple[Span, ...]) -> Profile:
        hours = Span(doors[0].start, doors[-1].end)
        middles = range(hours.start + 1800, hours.end + 1800, 3600)
        arrivals = [self.arrivals[min(max(0, (m - self.hours.start) // 3600), len(self.arrivals) - 1)] for m in middles]
        return replace(self, hours=hours, doors=doors, arrivals=tuple(arrivals), weekdays=())


@dataclass(frozen=True, slots=True)
class Calendar:
    """The kinds of days by date. `workdays`: weekend days that are worked as a Monday (调休).

    `profiles` in the order in which they are tried; the last one is for all other days.
    """

    profiles: Mapping[str, Profile]
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def weekday(self, day: date) -> int:
        """The weekday that a day is worked as (Monday is 0)."""
        return 0 if day in self.workdays else day.weekday()

    def profile(self, day: date) -> Profile:
        """The kind of day, with the day's opening hours."""
        *special, usual = self.profiles.values()
        weekday = self.weekday(day)
        return next((p for p in special if any(rule.holds(day, weekday) for rule in p.when)), usual).on(weekday)

    def spans(self, hours: Hours, day: date) -> tuple[Span, ...]:
        """When tickets are given on a day: until the last ticket, so long before the end of the day's last span."""
        if day in self.holidays:
            return ()
        spans = hours.week[self.weekday(day)]
        if not spans:
            return ()
        last = spans[-1].end - hours.last_ticket
        return tuple(Span(span.start, min(span.end, last)) for span in spans if span.start < last)

    def is_open(self, hours: Hours, local: datetime) -> bool:
        """Whether tickets are given at a local time."""
        second = second_of(local)
        return any(second in span for span in self.spans(hours, local.date()))

    def next_opening(self, hours: Hours, local: datetime) -> datetime | None:
        """When tickets are next given, from a local time on, in local time; None: not within `LOOK_AHEAD` days."""
        for ahead in range(LOOK_AHEAD):
            day = local.date() + timedelta(days=ahead)
            for span in self.spans(hours, day):
                opens = at_second(day, span.start, local.tzinfo)
                if opens.date() != day or second_of(opens) not in span:
                    continue  # the clock change skips all of it, or even the whole day
                for moment in (opens, opens.replace(fold=1)):  # a local time that occurs twice opens twice
                    if _utc(moment) > _utc(local):
                        return moment
        return None


def second_of(local: datetime) -> int:
    """The time of day of a local time."""
    return local.hour * 3600 + local.minute * 60 + local.second


def at_second(day: date, second: int, zone: tzinfo | None) -> datetime:
    """The local time at a time of day: the first of two if it occurs twice; the end of the gap if it is skipped."""
    whole, rest = divmod(second, DAY)
    local = datetime.combine(day + timedelta(days=whole), time(rest // 3600, rest // 60 % 60, rest % 60), zone)
    # In a gap, fold 1 uses the offset after it and so comes before fold 0; everywhere else it comes after or is equal.
    early, late = _utc(local.replace(fold=1)), _utc(local)
    if early >= late:
        return local
    before = early.astimezone(zone).utcoffset()
    seconds = range(int((late - early).total_seconds()))
    gap = bisect_left(
        seconds, True, key=lambda s: (early + timedelta(seconds=s)).astimezone(zone).utcoffset() != before
    )
    return (early + timedelta(seconds=gap)).astimezone(zone)


def _utc(local: datetime) -> datetime:
    """The moment of a local time, for comparisons; a local time of no zone as it is."""
    return local.astimezone(UTC) if local.tzinfo else local


def hours_of(arrivals: Sequence[float], span: Span) -> bool:
    """Whether there is one figure for each hour, or part of one, of a span."""
    return len(arrivals) == -(-(span.end - span.start) // 3600)


_NINE_TO_FIVE = Span(9 * 3600, 17 * 3600)

PROFILES: Mapping[str, Profile] = {
    profile.id: profile
    for profile in (
        # Pensions are paid on the 13th in some cities, on the 15th in others, and people come for days afterwards.
        Profile("pension", (DateRule("day", 13, 16),), _NINE_TO_FIVE, (70, 58, 44, 28, 24, 28, 24, 16), (35, 60)),
        Profile(
            "busy",
            (DateRule("end", 0, 1), DateRule("day", 10, 10)),
            _NINE_TO_FIVE,
            (36, 46, 44, 26, 24, 32, 32, 22),
            (8, 16),
        ),
        Profile("normal", (), _NINE_TO_FIVE, (26, 34, 32, 20, 18, 24, 24, 16), (2, 6)),
    )
}
"""The kinds of day that every branch has, unless it says otherwise. Month's end and salary day (the 10th) are busy."""
EVERY_OTHER_DAY = "normal"
"""The profile of days that no date rule names."""

ALWAYS = Hours(((Span(0, DAY),),) * 7)
"""At any time, except on holidays."""
