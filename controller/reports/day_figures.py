"""A business day from its rows: in steps of half an hour for charts, and in figures for a day sheet.

Pure: rows come in, time is passed in. The rows are applied with the lobby's own `evolve`, so that what is counted here
is what the lobby knew; whatever `lobby.show.figures` has as well comes from there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from statistics import fmean
from typing import Any, NamedTuple, Protocol

from sortedcontainers import SortedList

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.cancel import TicketCancelled
from controller.lobby.actions.clock import ClockStepped, putting_right
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.day import DayClosed, DayOpened
from controller.lobby.actions.enter_roll import TicketServed
from controller.lobby.actions.event import Event
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.promote import TicketPromoted
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.return_ticket import TicketReturned
from controller.lobby.actions.take_ticket import GRANTED, TicketIssued
from controller.lobby.actions.undo import TicketRestored
from controller.lobby.actions.undo_at_counter import CallUndone, ServiceResumed
from controller.lobby.aggregate import Row
from controller.lobby.model.calendar import DAY, at_second
from controller.lobby.model.percentile import percentile
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, Stage, State, Ticket
from controller.lobby.model.units import NEVER, Ms, in_ms
from controller.lobby.show import figures, views

STEP = 30 * 60
"""Seconds of a step."""
ALL = ""
"""In place of a service: all of them."""


class Taken(NamedTuple):
    """A ticket was taken; `service` as it was then, `at` in ms since 1970, UTC."""

    ticket: str
    service: str
    at: Ms


class Waited(NamedTuple):
    """A wait is over at `at` (ms since 1970, UTC): by the first call, or the customer gave up before one. Service and
    class as they were then."""

    ticket: str
    service: str
    klass: str
    seconds: int
    at: Ms
    called: bool


class Turn(NamedTuple):
    """A counter opened, paused or closed; `at` in ms since 1970, UTC."""

    at: Ms
    counter: str
    stage: CounterStage


class DayLog:
    """What has happened on a business day, as far as it has been told: rows in order by `add`."""

    def __init__(self) -> None:
        self.state = State()
        self.over = False
        """The day has ended."""
        self.last = NEVER
        """When something last happened to a ticket or a counter, in ms since 1970, UTC."""
        self.taken: list[Taken] = []
        self.waited: list[Waited] = []
        self.queue: list[tuple[Ms, Mapping[str, int]]] = []
        """How many have waited for each service, and since when (ms since 1970, UTC)."""
        self.turns: list[Turn] = []
        self.finished: list[tuple[str, str]] = []
        """(ticket, counter)"""
        self.missed: list[str] = []
        self.returned: list[str] = []
        self.granted: dict[str, tuple[str, str]] = {}
        """Ticket -> (class that the lobby manager gave it, code of the reason)."""
        self._at_the_end: list[Row] = []

    def add(self, row: Row, rules: Rules) -> None:
        """One row more."""
        event = row.event
        if isinstance(event, DayClosed):
            ends, self._at_the_end = self._at_the_end, []
            self.over = True
            if not event.continued:
                return  # what the roll-over closed and finished was no work of the day, and its state is still needed
            for each in ends:
                self._happened(each.at, each.event, rules)
        elif row.cause.startswith("day:") and isinstance(event, TicketFinished | CounterClosed):
            self._at_the_end.append(row)
            return
        elif isinstance(event, DayOpened):
            self.over = False
        self._happened(row.at, event, rules)

    def _happened(self, at: Ms, event: Event, rules: Rules) -> None:
        if isinstance(event, ClockStepped):
            self._put_right(putting_right(event.by, self.state.started_at, at))
        ticket = self.state.tickets.get(getattr(event, "ticket", ""))
        waits = ticket is not None and not ticket.called_at
        if isinstance(event, CounterOpened) and event.undone:
            self._reopened(event.counter)
        if ticket:
            self._take_back(event, ticket)
        evolve(self.state, at, event)
        if hasattr(event, "ticket") or hasattr(event, "counter"):
            self.last = at
        self._note(at, event, waits=waits)
        now = views.waiting_by_service(self.state, rules)
        if not self.queue or now != self.queue[-1][1]:
            self.queue.append((at, now))

    def _take_back(self, event: Event, ticket: Ticket) -> None:
        """Whom an event brings back had not been served, or had not missed their call."""
        if not isinstance(event, TicketReturned | ServiceResumed):
            return
        if ticket.stage is Stage.FINISHED:
            self.finished = [each for each in self.finished if each[0] != ticket.id]
        left = self.state.counter(event.counter).left if isinstance(event, ServiceResumed) else None
        if left and left.visit.missed:
            _remove_last(self.missed, ticket.id)
            if ticket.returns > left.returns:
                _remove_last(self.returned, ticket.id)

    def _note(self, at: Ms, event: Event, *, waits: bool) -> None:
        match event:
            case TicketIssued():
                taken = at if event.taken is None else in_ms(event.taken)
                self.taken.append(Taken(event.ticket, event.service, taken))
                if event.klass in GRANTED:
                    self.granted[event.ticket] = event.klass, event.reason or ""
            case TicketCalled() | TicketCancelled() if waits:
                self._waited(event.ticket, at, called=isinstance(event, TicketCalled))
            case CallUndone() if not waits and not self.state.tickets[event.ticket].called_at:
                self.waited = [each for each in self.waited if each.ticket != event.ticket]
            case TicketFinished():
                self.finished.append((event.ticket, event.counter))
            case TicketServed():
                self.finished.append((event.ticket, ""))
            case TicketMissed():
                self.missed.append(event.ticket)
            case TicketReturned() if not event.finished:
                self.returned.append(event.ticket)
            case TicketPromoted() if event.klass in GRANTED:
                self.granted[event.ticket] = event.klass, event.reason
            case TicketRestored():
                klass, _ = self.granted.get(event.ticket, (event.klass, ""))
                if klass != event.klass:
                    del self.granted[event.ticket]
            case CounterOpened(undone=True):
                pass
            case CounterOpened() | CounterPaused() | CounterClosed():
                self.turns.append(Turn(at, event.counter, self.state.counters[event.counter].stage))
            case DayOpened() if event.kept is not None:
                self._keep(set(event.kept))

    def _reopened(self, counter: str) -> None:
        """A counter had not paused or closed after all."""
        while (last := next((t for t in reversed(self.turns) if t.counter == counter), None)) is not None:
            if last.stage is CounterStage.OPEN:
                return
            self.turns.remove(last)

    def _waited(self, id: str, at: Ms, *, called: bool) -> None:
        ticket = self.state.tickets[id]
        if ticket.untimed:
            return
        seconds = max(0, at - ticket.waits_from) // 1000
        self.waited.append(Waited(id, ticket.service, ticket.klass, seconds, at, called))

    def _keep(self, kept: set[str]) -> None:
        """Keep only these tickets: the others belong to the day before."""
        self.taken = [each for each in self.taken if each.ticket in kept]
        self.waited = [each for each in self.waited if each.ticket in kept and each.called]
        self.finished = [each for each in self.finished if each[0] in kept]
        self.missed = [each for each in self.missed if each in kept]
        self.returned = [each for each in self.returned if each in kept]
        self.granted = {id: grant for id, grant in self.granted.items() if id in kept}

    def _put_right(self, right: Callable[[Ms], Ms]) -> None:
        """The clock was set: see `putting_right`."""
        self.taken = [each._replace(at=right(each.at)) for each in self.taken]
        self.waited = [each._replace(at=right(each.at)) for each in self.waited]
        self.queue = [(right(at), waiting) for at, waiting in self.queue]
        self.turns = [each._replace(at=right(each.at)) for each in self.turns]
        self.last = right(self.last)


def _remove_last(tickets: list[str], id: str) -> None:
    place = max((n for n, each in enumerate(tickets) if each == id), default=None)
    if place is not None:
        del tickets[place]


# -- in steps ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a business day: `first` is the start of the first one in seconds since local midnight, `edges` are
    the starts of all and the end of the last, in ms since 1970, UTC."""

    first: int
    edges: Sequence[Ms]

    @classmethod
    def of(cls, day: str, rules: Rules) -> Steps:
        """All of them, from one roll-over to the next."""
        rollover = rules.rollover // timedelta(seconds=1)
        first = rollover // STEP * STEP
        seconds = range(first, rollover + DAY + STEP, STEP)
        on = date.fromisoformat(day)
        return cls(first, [Ms(round(at_second(on, second, rules.zone).timestamp() * 1000)) for second in seconds])

    def at(self, ms: Ms) -> int | None:
        """The step that a time is in; None: it is none of this day's."""
        place = bisect_right(self.edges, ms) - 1
        return place if 0 <= place < len(self.edges) - 1 else None


Values = list[float | None]
"""A value for each step; None: there is none (nobody was called), or the step is still to come."""


@dataclass(slots=True)
class Series:
    """Of all services or one: tickets taken; median and 90th percentile of the waits of those called, in minutes; how
    many waited at a step's end; how many counters that serve it were open, on the mean."""

    arrivals: Values
    median: Values
    p90: Values
    waiting: Values
    open: Values

    def content(self, steps: slice) -> dict[str, Values]:
        """As plain data."""
        return {name: getattr(self, name)[steps] for name in NAMES}


NAMES = ("arrivals", "median", "p90", "waiting", "open")


def series(log: DayLog, day: str, rules: Rules, until: Ms) -> dict[str, Series]:
    """A day in steps, by service, and `ALL`. `until`: what is known so far ends here, in ms since 1970, UTC."""
    steps = Steps.of(day, rules)
    begun = sum(start <= until for start in steps.edges[:-1])
    return {service: _series(log, service, rules, steps, begun, until) for service in (ALL, *rules.services)}


def _series(log: DayLog, service: str, rules: Rules, steps: Steps, begun: int, until: Ms) -> Series:
    count = len(steps.edges) - 1
    arrivals = Count(steps.at(each.at) for each in log.taken if service in (ALL, each.service))
    waits: dict[int | None, list[int]] = {}
    for each in log.waited:
        if each.called and service in (ALL, each.service):
            waits.setdefault(steps.at(each.at), []).append(each.seconds)

    def filled(values: Iterable[float | None]) -> Values:
        return [value if step < begun else None for step, value in enumerate(values)]

    def waited(percent: int) -> Values:
        return filled(_minutes(percentile(waits[step], percent)) if step in waits else None for step in range(count))

    ends = [min(end, until + 1) for end in steps.edges[1:]]
    serving = {id for id, counter in rules.counters.items() if _serves(rules, id, service)}
    hours = [spell for spell in spells(log, until) if spell.counter in serving and spell.stage is CounterStage.OPEN]
    return Series(
        arrivals=filled(arrivals[step] for step in range(count)),
        median=waited(50),
        p90=waited(90),
        waiting=filled(_waiting_at(log.queue, ends, service)),
        open=filled(_open_between(hours, start, end) for start, end in zip(steps.edges[:-1], ends, strict=True)),
    )


def _serves(rules: Rules, counter: str, service: str) -> bool:
    return service == ALL or rules.counters[counter].handicap(service, rules.default_class) is not None


def _waiting_at(queue: Sequence[tuple[Ms, Mapping[str, int]]], ends: Sequence[int], service: str) -> Iterator[int]:
    """How many waited before each of these times."""
    ordered = sorted(queue, key=lambda each: each[0])
    times = [at for at, _ in ordered]
    for end in ends:
        place = bisect_right(times, end - 1)
        waiting = ordered[place - 1][1] if place else {}
        yield sum(waiting.values()) if service == ALL else waiting.get(service, 0)


class Attended(Protocol):
    """What tells when counters were open: their turns, when anything last happened, whether the day is over."""

    turns: list[Turn]
    last: Ms
    over: bool


class Spell(NamedTuple):
    """A counter was open or paused between two times in ms since 1970, UTC."""

    counter: str
    stage: CounterStage
    start: Ms
    end: Ms


def spells(log: Attended, until: Ms) -> list[Spell]:
    """When counters were open and when paused. One that was not closed counts until `until`, or on a day that is over
    until anything last happened."""
    found = []
    by_counter: dict[str, list[Turn]] = {}
    for turn in log.turns:
        by_counter.setdefault(turn.counter, []).append(turn)
    for counter, turns in by_counter.items():
        end = Turn(max(turns[-1].at, log.last if log.over else until), counter, CounterStage.CLOSED)
        for turn, after in pairwise([*turns, end]):
            if turn.stage is not CounterStage.CLOSED:
                found.append(Spell(counter, turn.stage, turn.at, after.at))
    return found


def _open_between(hours: Iterable[Spell], start: int, end: int) -> float:
    if end <= start:
        return 0.0
    return round(sum(max(0, min(end, spell.end) - max(start, spell.start)) for spell in hours) / (end - start), 1)


def mean(days: Sequence[Series]) -> Series:
    """The mean of several days, step by step, of those that have a value there."""

    def means(name: str) -> Values:
        columns = zip(*(getattr(day, name) for day in days), strict=True)
        known = ([value for value in column if value is not None] for column in columns)
        return [round(fmean(values), 1) if values else None for values in known]

    return Series(**{name: means(name) for name in NAMES})


def shown(days: Iterable[Series], day: str, rules: Rules) -> slice:
    """The steps in which anything happened on one of the days, and those in which the doors of `day` are open."""
    steps = Steps.of(day, rules)
    doors = rules.profile(day).open
    first = max(0, (doors[0].start - steps.first) // STEP)
    last = min(len(steps.edges) - 1, -(-(doors[-1].end - steps.first) // STEP))
    for each in days:
        busy = [
            step
            for step, values in enumerate(zip(each.arrivals, each.median, each.open, strict=True))
            if any(value for value in values)
        ]
        if busy:
            first, last = min(first, busy[0]), max(last, busy[-1] + 1)
    return slice(first, last)


# -- on a sheet --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Sheet:
    """A day's figures: waits in minutes, shares from 0 to 1, times of counters in minutes."""

    tickets: int
    day: Mapping[str, Any]
    """As on the topic `day`, with median and p90."""
    services: list[dict[str, Any]] = field(default_factory=list)
    classes: list[dict[str, Any]] = field(default_factory=list)
    missed: int = 0
    returned: int = 0
    gave_up: int = 0
    """Customers whose ticket was cancelled before it was called."""
    left: int = 0
    """Tickets that wait, are held or missed: still, or when the day ended."""
    grants: list[dict[str, Any]] = field(default_factory=list)
    counters: list[dict[str, Any]] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """As plain data."""
        return {name: getattr(self, name) for name in Sheet.__slots__}


def sheet(log: DayLog, rules: Rules, until: Ms) -> Sheet:
    """The figures of a day, `until` a time in ms since 1970, UTC. As in `figures.day`, those who still wait count with
    the time so far, but not on a day that is over."""
    state, at = log.state, None if log.over else until
    waits = [(each.service, each.klass, each.seconds) for each in log.waited]
    if at is not None:
        waits += [
            (ticket.service, ticket.klass, max(0, at - ticket.waits_from) // 1000)
            for ticket in state.tickets.values()
            if ticket.stage is Stage.WAITING and not ticket.called_at and not ticket.untimed
        ]
    taken = Count((each.service, state.tickets[each.ticket].klass) for each in log.taken)
    services = _in_order(
        rules.services, {service for service, _ in taken} | {service for service, *_ in waits}, every=True
    )
    classes = _in_order(rules.classes, {klass for _, klass in taken} | {klass for _, klass, _ in waits})
    reasons = Count(log.granted.values())
    return Sheet(
        tickets=len(log.taken),
        day={**figures.day(state, rules, at), **level((seconds for *_, seconds in waits), rules)},
        services=[
            {
                "id": id,
                "name": rules.service_name(id),
                "classes": {klass: taken[id, klass] for klass in classes},
                **level((seconds for service, _, seconds in waits if service == id), rules),
                "tickets": sum(taken[id, klass] for klass in classes),
            }
            for id in services
        ],
        classes=[
            {
                "id": id,
                "name": rules.class_name(id),
                **level((seconds for _, klass, seconds in waits if klass == id), rules),
                "tickets": sum(taken[service, id] for service in services),
            }
            for id in classes
        ],
        missed=len(log.missed),
        returned=len(log.returned),
        gave_up=sum(not each.called for each in log.waited),
        left=sum(ticket.stage in (Stage.WAITING, Stage.HELD, Stage.MISSED) for ticket in state.tickets.values()),
        grants=[
            {"class": klass, "name": rules.class_name(klass), "reason": reason, "count": count}
            for (klass, reason), count in sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
        ],
        counters=_counters(log, rules, until),
    )


def _counters(log: DayLog, rules: Rules, until: Ms) -> list[dict[str, Any]]:
    finished = Count(counter for _, counter in log.finished)
    lasted: Count[tuple[str, CounterStage]] = Count()
    for spell in spells(log, until):
        lasted[spell.counter, spell.stage] += spell.end - spell.start
    return [
        {
            "id": id,
            "open": round(lasted[id, CounterStage.OPEN] / 60_000),
            "paused": round(lasted[id, CounterStage.PAUSED] / 60_000),
            "finished": finished[id],
        }
        for id in _in_order(rules.counters, {counter for counter, _ in lasted} | {*finished}, every=True)
    ]


def _in_order(configured: Iterable[str], seen: set[str], *, every: bool = False) -> list[str]:
    """What was seen, in the order of the configuration; after it what is no longer configured. `every`: also what was
    configured and not seen."""
    known = [id for id in configured if every or id in seen]
    return [*known, *sorted(seen.difference(known))]


def level(seconds: Iterable[int], rules: Rules) -> dict[str, Any]:
    """As `figures.level`, with median and 90th percentile, in minutes."""
    waits = SortedList(seconds)
    median, p90 = (_minutes(percentile(waits, percent)) if waits else 0.0 for percent in (50, 90))
    return {**figures.level(waits, rules), "median": median, "p90": p90}


def _minutes(seconds: float) -> float:
    return round(seconds / 60, 1)
