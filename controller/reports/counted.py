"""Several business days together, as sections of a report take their figures from them."""

from __future__ import annotations

from collections import Counter as Count
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from statistics import fmean
from typing import Any, NamedTuple

from controller.journal import JournalError, JournalReader
from controller.journal.reader import BareRow
from controller.lobby.actions.event import known_kinds
from controller.lobby.model.calendar import at_second
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, Effect
from controller.lobby.model.units import NEVER, Ms
from controller.reports.day_figures import STEP, Steps, level, spells
from controller.reports.tally import KINDS, OF_TICKETS, DayTally, DeviceTurn, tally

HOUR_MS = 3_600_000
Level = dict[str, Any]
"""Figures of some waits: see `day_figures.level`."""


class Wait(NamedTuple):
    """A wait: the local hour of the first call (None: there was none, or not within the day), seconds."""

    day: str
    hour: int | None
    service: str
    klass: str
    seconds: int


class Outages(NamedTuple):
    """A device while the doors were open, in ms: the time of which its state is known, that for which it was away, the
    longest such time, how often it went."""

    known: int
    away: int
    longest: int
    times: int


@dataclass(slots=True)
class AtCounter:
    """A counter: ms open and paused, and the seconds of each finished visit."""

    open: int = 0
    paused: int = 0
    visits: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Counted:
    """Business days on which somebody took a ticket. `until`: the time of the last row (ms since 1970, UTC); `over`:
    the last day has ended."""

    rules: Rules
    days: list[str] = field(default_factory=list)
    kinds: Count[str] = field(default_factory=Count)
    until: Ms = NEVER
    over: bool = True
    waits: list[Wait] = field(default_factory=list)
    taken: Count[tuple[str, int | None, str, str]] = field(default_factory=Count)
    """(day, hour, service, class) -> tickets."""
    missed: Count[tuple[int | None, str, str]] = field(default_factory=Count)
    """(hour, service, counter) -> calls that nobody came to."""
    served: Count[str] = field(default_factory=Count)
    """Service -> finished visits."""
    returned: int = 0
    gave_up: int = 0
    left: int = 0
    grants: Count[tuple[str, str]] = field(default_factory=Count)
    effects: dict[str, Effect] = field(default_factory=dict)
    sent_away: Count[str] = field(default_factory=Count)
    insisted: Count[str] = field(default_factory=Count)
    counters: defaultdict[str, AtCounter] = field(default_factory=lambda: defaultdict(AtCounter))
    open_ms: Count[int] = field(default_factory=Count)
    """Hour -> ms for which counters were open, all together."""
    advised_ms: Count[int] = field(default_factory=Count)
    """Hour -> the same, more or less by what the lobby manager was advised to open or to close."""
    ratings: Count[tuple[int | None, str, str, int]] = field(default_factory=Count)
    """(hour, service, counter, score) -> how often; score 0: a rating was asked for."""
    doors: list[tuple[Ms, Ms]] = field(default_factory=list)
    """When the doors were open."""
    turns: list[DeviceTurn] = field(default_factory=list)
    other: list[tuple[Ms, str, dict[str, Any]]] = field(default_factory=list)
    """Rows of the record: when, kind and data."""

    def add(self, day: DayTally) -> None:
        """One day more; one on which nobody took a ticket adds only what devices did, and the record's rows."""
        rules = self.rules
        self.turns += day.devices
        self.other += day.other
        if not day.taken:
            return
        self._add_doors(day)
        steps = Steps.of(day.day, rules)

        def hour(at: Ms) -> int | None:
            step = steps.at(at)
            return None if step is None else _hour(steps, step)

        self.days.append(day.day)
        self.kinds[day.profile or rules.profile(day.day).id] += 1
        self.until, self.over = day.until, day.over
        for ticket in day.taken.values():
            self.taken[day.day, hour(ticket.at), ticket.service, day.klass(ticket.ticket)] += 1
        for wait in day.waited.values():
            when = hour(wait.at) if wait.called else None
            self.waits.append(Wait(day.day, when, wait.service, wait.klass, wait.seconds))
            self.gave_up += not wait.called
        if not day.over:
            for service, klass, since in day.waiting():
                self.waits.append(Wait(day.day, None, service, klass, max(0, day.until - since) // 1000))
        for visit in day.missed:
            self.missed[hour(visit.at), visit.service, visit.counter] += 1
        for visit in day.finished.values():
            self.served[visit.service] += 1
            self.counters[visit.counter].visits.append(visit.seconds)
        for rating in day.ratings:
            self.ratings[hour(rating.at), rating.service, rating.counter, rating.score] += 1
        self.returned += len(day.returned)
        self.left += day.left
        self.grants.update(day.granted.values())
        self.sent_away.update(day.sent_away)
        self.insisted.update(day.insisted)
        for klass, effect in day.effects.items():
            sum_ = self.effects.setdefault(klass, Effect())
            sum_.passed += effect.passed
            sum_.seconds += effect.seconds
            sum_.most = max(sum_.most, effect.most)
        self._add_counters(day, steps)

    def _add_counters(self, day: DayTally, steps: Steps) -> None:
        for spell in spells(day, day.until):
            counter = self.counters[spell.counter]
            if spell.stage is CounterStage.OPEN:
                counter.open += spell.end - spell.start
                for hour, part in _by_hour(steps, spell.start, spell.end):
                    self.open_ms[hour] += part
                    self.advised_ms[hour] += part
            else:
                counter.paused += spell.end - spell.start
        end = day.last if day.over else day.until
        for (start, more), (until, _) in pairwise([*day.advice, (end, 0)]):
            for hour, part in _by_hour(steps, start, until):
                self.advised_ms[hour] += more * part

    def _add_doors(self, day: DayTally) -> None:
        on = date.fromisoformat(day.day)
        profile = self.rules.profile_on(day.day, day.profile) or self.rules.profile(day.day)
        for span in profile.open:
            start, end = (
                Ms(round(at_second(on, second, self.rules.zone).timestamp() * 1000))
                for second in (span.start, span.end)
            )
            end = end if day.over else min(end, day.until)
            if start < end:
                self.doors.append((start, end))

    # -- what sections ask for -----------------------------------------------------------------------------------------

    def level(self, **of: object) -> Level:
        """The figures of the waits with these values, such as `service`, `hour`, `day`."""
        names, wanted = [*of], tuple(of.values())
        return level(
            (wait.seconds for wait in self.waits if tuple(getattr(wait, name) for name in names) == wanted), self.rules
        )

    def levels(self, name: str) -> dict[Any, Level]:
        """By hour, day, service or class: the figures of the waits. By hour: of those who were called then."""
        groups: dict[Any, list[int]] = {}
        place = Wait._fields.index(name)
        for wait in self.waits:
            if wait[place] is not None:
                groups.setdefault(wait[place], []).append(wait.seconds)
        return {id: level(seconds, self.rules) for id, seconds in groups.items()}

    def tickets(self, name: str) -> Count[Any]:
        """By hour, day, service or class: the tickets taken."""
        place = ("day", "hour", "service", "klass").index(name)
        found: Count[Any] = Count()
        for key, count in self.taken.items():
            found[key[place]] += count
        return found

    def outages(self) -> dict[str, Outages]:
        """Each device of which anything was heard: how long it was away while the doors were open. What it was before
        its first row is known only if it then failed: it worked."""
        by_device: dict[str, list[DeviceTurn]] = {}
        for turn in sorted(self.turns):
            by_device.setdefault(turn.device, []).append(turn)
        first, last = (min(s for s, _ in self.doors), max(e for _, e in self.doors)) if self.doors else (NEVER, NEVER)
        found = {}
        for device, turns in by_device.items():
            if turns[0].state == "ok":
                begins, state = turns[0].at, "ok"
            else:
                begins, state = min(first, turns[0].at), "ok"
            points = [(begins, state), *((turn.at, turn.state) for turn in turns), (max(last, turns[-1].at), "ok")]
            known, aways = 0, []
            merged: list[tuple[int, int]] = []
            for (start, what), (end, _) in pairwise(points):
                inside = self._inside(start, end)
                known += inside
                if what == "offline" and end > start:
                    if merged and merged[-1][1] == start:
                        merged[-1] = merged[-1][0], end
                    else:
                        merged.append((start, end))
            aways = [inside for start, end in merged if (inside := self._inside(start, end))]
            found[device] = Outages(known, sum(aways), max(aways, default=0), len(aways))
        return found

    def _inside(self, start: int, end: int) -> int:
        """Ms between two times for which the doors were open."""
        return sum(max(0, min(end, closed) - max(start, opened)) for opened, closed in self.doors)


def _hour(steps: Steps, step: int) -> int:
    return (steps.first + step * STEP) // 3600 % 24


def _by_hour(steps: Steps, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The ms of a time in each local hour."""
    for step, (begins, ends) in enumerate(pairwise(steps.edges)):
        part = min(end, ends) - max(start, begins)
        if part > 0:
            yield _hour(steps, step), part


def in_order(hours: Iterable[int | None], rules: Rules) -> list[int]:
    """All hours from the first to the last, in the order of a business day."""
    begins = int(rules.rollover.total_seconds()) // 3600
    places = [(hour - begins) % 24 for hour in hours if hour is not None]
    return [(place + begins) % 24 for place in range(min(places), max(places) + 1)] if places else []


RECORD = frozenset(kind for kind, event in known_kinds().items() if not event.OF_LOBBY)
"""The kinds of rows of the record beside the lobby."""


Pace = Callable[[Iterable[BareRow]], Iterable[BareRow]]
"""What gives rows on, at the pace at which they are to be counted."""


def count(days: Iterable[str], reader: JournalReader, rules: Rules, pace: Pace = iter) -> Counted:
    """These days of a journal. Raises JournalError if they cannot be read."""
    found, newest = Counted(rules), reader.last_day()
    kinds = KINDS | RECORD
    pending: DayTally | None = None
    for day in days:
        try:
            one = tally(day, pace(reader.bare_rows(day, kinds, OF_TICKETS - kinds)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise JournalError(
                f"{reader.path}: the rows of {day} do not fit together ({error!r}); the file is damaged: "
                "restore it from a backup"
            ) from error
        one.over = one.over or day != newest
        if pending and one.continues == pending.day:
            # Its rows are counted again as the next day's, of those tickets that it has kept, or of all.
            pending.keep({*pending.tickets()} - one.kept if one.kept is not None else set())
        if pending:
            found.add(pending)
        pending = one
    if pending:
        found.add(pending)
    return found


def mean(levels: Sequence[Level | None]) -> Level | None:
    """The mean of several, each figure by itself, of those that there are."""
    known = [each for each in levels if each and each["customers"]]
    if not known:
        return None
    return {name: round(fmean(each[name] for each in known), 3) for name in known[0]}
