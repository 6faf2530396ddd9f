"""A roster: which counter is open in which half-hour of a day; and what a roster has to keep, whatever it costs.

A counter may be open whenever the day's profile has it open (`staff`): what the profile leaves out is a break of its
clerk, or there is none. A counter is open for an hour at a time at least, and opens at most twice a day. Each
service has a counter that may serve it at any time at which its tickets are given, if that is possible at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from controller.lobby.model.calendar import Span
from controller.lobby.model.rules import Rules
from simulators.rosters.quick import Branch

STEP = 30 * 60
"""Seconds of a period; one may be shorter, where the doors or a counter's own hours end between two half-hours."""
SHORTEST = 3600
"""Seconds for which a counter is open at a time, unless the profile has it open for less."""
BREAK = 90 * 60
"""Seconds for which a counter may be closed between two openings so that it is a break."""
OPENINGS = 2
"""How often a counter opens in a day at most, unless the profile has it open more often."""

Roster = tuple[int, ...]
"""For each counter in the order of the configuration: bit n is set if it is open in period n."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A day in periods, and what is possible in each."""

    counters: tuple[str, ...]
    periods: tuple[Span, ...]
    available: Roster
    """When each counter may be open."""
    needed: tuple[tuple[int, ...], ...]
    """For each period: sets of counters (bit n: counter n), of each of which one must be open."""

    @classmethod
    def of(cls, branch: Branch) -> Grid:
        """The grid of a day."""
        rules, day = branch.rules, branch.day
        profile = rules.profile(day.isoformat())
        shifts = {id: profile.shifts(id) for id in rules.counters}
        edges = {edge for span in profile.open for edge in span}
        edges |= {edge for spans in shifts.values() for span in spans for edge in span}
        periods = tuple(
            Span(start, end)
            for doors in profile.open
            for start, end in pairwise(
                sorted({*doors, *range(-(-doors.start // STEP) * STEP, doors.end, STEP), *edges})
            )
            if doors.start <= start and end <= doors.end
        )
        available = tuple(
            sum(
                1 << n
                for n, period in enumerate(periods)
                if any(span.start <= period.start and period.end <= span.end for span in shifts[id])
            )
            for id in rules.counters
        )
        needed = tuple(tuple(_needed(rules, branch, available, n, period, day)) for n, period in enumerate(periods))
        return cls(tuple(rules.counters), periods, available, needed)

    def seconds(self, roster: Roster) -> int:
        """Counter-seconds of a roster."""
        return sum(
            period.end - period.start for n, period in enumerate(self.periods) for mask in roster if mask >> n & 1
        )

    def spans(self, mask: int) -> list[Span]:
        """When a counter is open, periods that follow each other as one span."""
        found: list[Span] = []
        for n, period in enumerate(self.periods):
            if mask >> n & 1:
                if found and found[-1].end == period.start:
                    found[-1] = Span(found[-1].start, period.end)
                else:
                    found.append(period)
        return found

    def shifts(self, roster: Roster) -> list[list[Span]]:
        """When each counter is open."""
        return [self.spans(mask) for mask in roster]

    def open_in(self, roster: Roster, period: int) -> list[str]:
        """The counters that are open in a period."""
        return [id for id, mask in zip(self.counters, roster, strict=True) if mask >> period & 1]

    def breaks(self, mask: int) -> list[tuple[Span, Span]]:
        """The openings between which a counter has a break."""
        return [(one, other) for one, other in pairwise(self.spans(mask)) if other.start - one.end <= BREAK]

    def breaks_in(self, roster: Roster, period: int) -> list[str]:
        """The counters that have a break in a period."""
        at = self.periods[period].start
        return [
            id
            for id, mask in zip(self.counters, roster, strict=True)
            if any(one.end <= at < other.start for one, other in self.breaks(mask))
        ]

    def may(self, counter: int, mask: int) -> bool:
        """Whether a counter may be open like that."""
        if mask & ~self.available[counter]:
            return False
        allowed = self.spans(self.available[counter])
        spans = self.spans(mask)
        return len(spans) <= max(OPENINGS, len(allowed)) and all(
            span.end - span.start >= SHORTEST or span in allowed for span in spans
        )

    def fits(self, roster: Roster) -> bool:
        """Whether each counter may be open like that, and each service has somebody at any time."""
        return all(self.may(n, mask) for n, mask in enumerate(roster)) and self.covers(roster)

    def covers(self, roster: Roster) -> bool:
        """Whether each service has a counter that may serve it at any time."""
        for period, sets in enumerate(self.needed):
            here = sum(1 << n for n, mask in enumerate(roster) if mask >> period & 1)
            if not all(here & one_of for one_of in sets):
                return False
        return True

    def constant(self, counters: int) -> Roster:
        """Some counters (bit n: counter n) all the day, as far as they may be."""
        return tuple(mask if counters >> n & 1 else 0 for n, mask in enumerate(self.available))


def _needed(rules: Rules, branch: Branch, available: Roster, n: int, period: Span, day: date) -> Iterator[int]:
    """The sets of counters of each of which one must be open in a period."""
    kind = rules.profile(day.isoformat()).id
    shares = rules.shares.get(kind) or dict.fromkeys(rules.services, 1.0)
    serving = branch.serving(period.start * 1000)
    found = set()
    for service in rules.services.values():
        spans = rules.calendar.spans(service.hours, day) if service.hours else (period,)
        if shares.get(service.id, 0) <= 0 or not any(s.start < period.end and period.start < s.end for s in spans):
            continue
        line = branch.lines.index((service.id, rules.default_class))
        found.add(
            sum(
                1 << place
                for place, serves in enumerate(serving)
                if available[place] >> n & 1 and any(line == known for known, _ in serves)
            )
        )
    yield from sorted(found - {0})
