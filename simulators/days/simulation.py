"""Many days in virtual time, and their results: waits, overtaking, idle time, estimates, and the effect of advice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from statistics import fmean
from typing import Any

from sortedcontainers import SortedList

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.event import Event
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.hold import TicketHeld
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.aggregate import Row
from controller.lobby.model.percentile import percentile
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms, between
from controller.lobby.show.figures import FELT
from controller.record.aggregate import Branch
from controller.record.rules import RecordRules
from simulators.customers import Customer
from simulators.customers import day as customers_of
from simulators.days.record_keeping import RecordKeeping
from simulators.days.scores import FIRST, Guess, Scorer, minutes, score
from simulators.days.virtual import Policy, VirtualDay, leave_alone

FIRST_DAY = date(2026, 1, 5)
"""A Monday; simulated days go on from here."""
LONG = 15 * 60
"""Seconds of waiting beyond which every further second counts as too long."""


@dataclass(slots=True)
class Waited:
    """A ticket that was called: seconds, and how many who came later for the same service were called before it."""

    ticket: str
    klass: str
    service: str
    seconds: float
    overtaken: int


@dataclass(slots=True)
class Tally:
    """The counts over all days."""

    waits: list[Waited] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)
    customers: int = 0
    missed: int = 0
    turned_away: int = 0
    """Customers who got no ticket."""
    window_seconds: float = 0.0
    """Time that windows were open, of all together."""
    busy_seconds: float = 0.0

    def add(self, day: Tally) -> None:
        """One day more."""
        for each in fields(self):
            total = getattr(self, each.name)
            total += getattr(day, each.name)
            setattr(self, each.name, total)

    @property
    def idle(self) -> float:
        """The share of the windows' open time without a customer."""
        return round(1 - self.busy_seconds / self.window_seconds, 3) if self.window_seconds else 0.0

    @property
    def too_long(self) -> float:
        """Person-seconds above `LONG`."""
        return sum(max(0.0, w.seconds - LONG) for w in self.waits)


class DayTally:
    """Counts one day's events into a tally, with the state after each."""

    def __init__(self, state: State, tally: Tally) -> None:
        self._state = state
        self._tally = tally
        self._opened: dict[str, Ms] = {}
        self._called: dict[str, Ms] = {}
        self._seniority: dict[str, SortedList] = defaultdict(SortedList)

    def heard(self, at: Ms, event: Event) -> None:
        """One event."""
        tally = self._tally
        match event:
            case TicketIssued():
                tally.customers += 1
            case TicketCalled():
                self._called[event.counter] = at
                ticket = self._state.tickets[event.ticket]
                if ticket.called_at == at and not ticket.untimed:
                    before = self._seniority[ticket.service]
                    overtaken = len(before) - before.bisect_right(ticket.seniority)
                    before.add(ticket.seniority)
                    waited = max(0, at - ticket.waits_from) / 1000
                    tally.waits.append(Waited(ticket.id, ticket.klass, ticket.service, waited, overtaken))
            case TicketFinished() | TicketMissed() | TicketHeld():
                self._leaves(at, event.counter)
                tally.missed += isinstance(event, TicketMissed)
            case TicketTransferred():
                self._leaves(at, event.from_counter)
            case CounterOpened():
                self._opened[event.counter] = at
            case CounterPaused() | CounterClosed():
                tally.window_seconds += between(self._opened.pop(event.counter, at), at)

    def _leaves(self, at: Ms, counter: str) -> None:
        """A counter has no customer any more."""
        self._tally.busy_seconds += between(self._called.pop(counter, at), at)

    def over(self, at: Ms) -> None:
        """The day is over: counters that are still open or busy have been so until now."""
        for counter in list(self._called):
            self._leaves(at, counter)
        self._tally.window_seconds += sum(at - opened for opened in self._opened.values()) / 1000
        self._opened.clear()


def days_of(rules: Rules, profile: str | None, number: int) -> Iterator[tuple[date, str]]:
    """Days from the first on on which tickets are given, each with its profile: `profile`, or the calendar's (None)."""
    day = FIRST_DAY
    for _ in range(number):
        while not any(s.hours is None or rules.calendar.spans(s.hours, day) for s in rules.services.values()):
            day += timedelta(days=1)
        yield day, profile or rules.calendar.profile(day).id
        day += timedelta(days=1)


def simulate(
    rules: Rules,
    profile: str | None,
    number: int,
    seed: int,
    policy: Policy = leave_alone,
    keep: Callable[[Sequence[Row]], None] = lambda rows: None,
    done: Callable[[], None] = lambda: None,
    tally: Tally | None = None,
    customers: Callable[[Rules, str, str, date], Iterable[Customer]] = customers_of,
    record: RecordRules | None = None,
) -> Tally:
    """Run `number` days. `keep` gets each day's rows, `done` is called after each.

    `tally` is what they are counted into: whoever ends this early finds in it the whole days before. `customers`: who
    comes on a day, by the rules, its profile, the seed and its number, and its date. `record`: the day's record is kept
    as well, by these rules.
    """
    forced = _forced(rules, profile) if profile else rules
    lobby = Branch(forced, replace(record, lobby=forced) if record else None)
    keeping = RecordKeeping(lobby, str(seed)) if record else None
    tally = tally or Tally()
    scorer = Scorer(forced, lobby.state)
    for n, (day, kind) in enumerate(days_of(rules, profile, number)):
        today = Tally(guesses=scorer.guesses)
        counts = DayTally(lobby.state, today)

        def heard(at: Ms, event: Event, counts: DayTally = counts) -> None:
            counts.heard(at, event)
            scorer.heard(at, event)

        lobby.heard = heard
        virtual = VirtualDay(lobby, day, customers(forced, kind, f"{seed}:{n}", day), policy)
        if keeping:
            keeping.plan(virtual)
        virtual.run()
        today.turned_away = virtual.turned_away
        if lobby.rows:
            counts.over(lobby.rows[-1].at)
        tally.add(today)
        scorer.guesses.clear()
        keep(lobby.rows)
        lobby.rows.clear()
        done()
    return tally


def _forced(rules: Rules, profile: str) -> Rules:
    """The same branch, where every day is of one kind and none is a holiday."""
    kind = rules.calendar.profiles[profile]
    calendar = replace(rules.calendar, profiles={profile: kind}, holidays=frozenset())
    return replace(rules, calendar=calendar)


def report(tally: Tally, days: int, seconds: float, target: float) -> dict[str, Any]:
    """The figures for `--json`: in minutes, except `seconds` of real time; shares from 0 to 1. `target`: the branch's,
    in seconds."""
    first = [g for g in tally.guesses if g.into_day < FIRST]
    classes = sorted({g.klass for g in tally.guesses})
    return {
        "days": days,
        "customers": tally.customers,
        "seconds": round(seconds, 2),
        "classes": waits_by(tally.waits, "klass"),
        "services": waits_by(tally.waits, "service"),
        "turned_away": tally.turned_away,
        "target": minutes(target),
        "above_3": above(tally.waits, FELT),
        "above_target": above(tally.waits, target),
        "window_minutes": minutes(tally.window_seconds),
        "idle": tally.idle,
        "no_shows": tally.missed,
        "too_long": minutes(tally.too_long),
        "estimates": score(tally.guesses)
        | {
            "first_30": score(first),
            "classes": {id: score(g for g in tally.guesses if g.klass == id) for id in classes},
        },
    }


def above(waited: Sequence[Waited], seconds: float) -> float:
    """The share of tickets that waited longer than so many seconds."""
    return round(sum(w.seconds > seconds for w in waited) / len(waited), 3) if waited else 0.0


def waits_by(waited: Sequence[Waited], by: str) -> dict[str, dict[str, Any]]:
    """The waits by `klass` or by `service`."""
    groups: dict[str, list[Waited]] = defaultdict(list)
    for each in waited:
        groups[getattr(each, by)].append(each)
    return {group: waits(members) for group, members in sorted(groups.items())}


def waits(waited: Sequence[Waited]) -> dict[str, Any]:
    """The waits of some tickets, in minutes."""
    seconds = sorted(w.seconds for w in waited)
    return {
        "n": len(seconds),
        "mean": minutes(fmean(seconds)),
        "p50": minutes(percentile(seconds, 50)),
        "p95": minutes(percentile(seconds, 95)),
        "max": minutes(seconds[-1]),
        "overtaken_max": max(w.overtaken for w in waited),
    }
