"""Who is expected on a day: by the calendar and the configured shares, and by the branch's own days before it.

What is configured counts as `WEIGHT` days of its kind; each day of that kind in the journal counts as one more, the
last `KEPT` of them. Days of other kinds tell how many more or fewer come to this branch than is configured. Times at
the counter, classes and how much days differ are learned in the same way.

A simulated day of these people is drawn by `simulators.customers`, with what was learned in the place of what is
configured. Days are drawn in strata: of n days, each n-th part of the busy and the quiet ones has one, so that few days
stand for many.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter as Count
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from statistics import NormalDist, fmean, median

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.day import DayClosed, DayOpened
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Row
from controller.lobby.model.calendar import Profile, Span, second_of
from controller.lobby.model.knowledge import LONGEST, PRIOR_WEIGHT
from controller.lobby.model.rules import Rules, Service
from simulators.customers import AT_THE_BUTTON, DAY_SPREAD, ELDERLY, Customer, draw
from simulators.days.record import Day, as_meant, on_one_clock
from simulators.days.virtual import WALK

WEIGHT = 2.0
"""How many days what is configured counts for."""
KEPT = 12
"""Days of the same kind that count, the last ones; and days of other kinds."""
ODD = 2.0
"""A day with so many times fewer or more customers than is usual for its kind does not count: the branch closed early,
or the journal has only a part of it."""
ODD_FROM = 4
"""Days of a kind from which it is known what is usual."""
CLASSES_WEIGHT = 100
"""How many customers the configured shares of the classes count for."""
DOOR = 5 * 60
"""Seconds after the doors open in which those come who have waited at the door."""


@dataclass(slots=True)
class Past:
    """A business day of the journal. Times in seconds since local midnight."""

    day: str
    kind: str
    taken: list[tuple[float, str, str]] = field(default_factory=list)
    """(when, service, class) of each ticket, in order."""
    stays: list[float] = field(default_factory=list)
    """For each ticket, the seconds from its last call to the end of the visit; 0: it was not served."""
    missed: list[int] = field(default_factory=list)
    """For each ticket, how many calls were not answered."""
    over: bool = False
    """The day has ended."""

    @classmethod
    def of(cls, rows: Sequence[Row], rules: Rules) -> Past:
        """The day of some rows; `over` says whether they go on to its end, or to a day that continues it."""
        day = rows[-1].day
        opened = next((row.event for row in rows if isinstance(row.event, DayOpened)), None)
        recorded = (opened.profile if opened else None) or ""
        kind = recorded if recorded in rules.calendar.profiles else rules.profile(day).id
        last = rows[-1].event
        past = cls(day, kind, over=isinstance(last, DayClosed) and not last.continued)
        past._read(events_of(rows), rules)
        return past

    def _read(self, events: Day, rules: Rules) -> None:
        place: dict[str, int] = {}
        called: dict[str, int] = {}
        for at, event in events:
            match event:
                case TicketIssued() if event.service in rules.services and event.klass in rules.classes:
                    local = rules.local(at)
                    place[event.ticket] = len(self.taken)
                    self.taken.append((second_of(local) + local.microsecond / 1e6, event.service, event.klass))
                    self.stays.append(0.0)
                    self.missed.append(0)
                case TicketCalled():
                    called[event.ticket] = at
                case TicketFinished() if event.ticket in place and event.ticket in called:
                    self.stays[place[event.ticket]] = (at - called[event.ticket]) / 1000
                case TicketMissed() if event.ticket in place:
                    self.missed[place[event.ticket]] += 1

    def counts(self, periods: Sequence[Span]) -> list[Count[str]]:
        """Tickets by service in each period: before the first and between two, those of the next one."""
        found: list[Count[str]] = [Count() for _ in periods]
        for at, service, _ in self.taken:
            found[period_of(periods, at)][service] += 1
        return found

    def at_the_door(self, opens: int) -> float:
        """How many had waited at the door when it opened: of the first minutes, what the rest of the half-hour does
        not account for."""
        first = sum(at < opens + DOOR for at, _, _ in self.taken)
        rest = sum(opens + DOOR <= at < opens + 6 * DOOR for at, _, _ in self.taken)
        return max(0.0, first - rest / 5)


def events_of(rows: Sequence[Row]) -> Day:
    """A day's events on one clock, without what was taken back."""
    return as_meant(on_one_clock([(row.at, row.event) for row in rows]))


def period_of(periods: Sequence[Span], second: float) -> int:
    """The period of a time of day; before the first and between two, the next one; after the last, the last."""
    return min(len(periods) - 1, bisect_right([period.end for period in periods], second))


def usual(days: Iterable[Past]) -> list[Past]:
    """The days without those that are unlike the others of their kind, oldest first."""
    days = [day for day in days if day.taken]
    sizes: dict[str, list[int]] = {}
    for day in days:
        sizes.setdefault(day.kind, []).append(len(day.taken))
    return [
        day
        for day in days
        if len(sizes[day.kind]) < ODD_FROM or 1 / ODD < len(day.taken) / median(sizes[day.kind]) < ODD
    ]


@dataclass(frozen=True, slots=True)
class Expected:
    """Who is expected on a day."""

    rules: Rules
    """The branch's, with what was learned of times at the counter and classes; `shares` by period."""
    kind: str
    periods: tuple[Span, ...]
    arrivals: tuple[Mapping[str, float], ...]
    """Customers by service in each period, without those at the door."""
    door: Mapping[str, float]
    """Those who wait at the door when it opens."""
    door_range: tuple[float, float]
    """Between how many times their mean they are, from day to day."""
    spread: float
    """Coefficient of variation of the number of customers from day to day."""
    own: int
    """Days of the same kind in the branch's history."""
    others: int
    """Days of other kinds that have told how many come here."""

    def customers(self, period: int) -> dict[str, float]:
        """Customers by service in a period, those at the door in the first."""
        found = self.arrivals[period]
        return {service: n + (0 if period else self.door.get(service, 0.0)) for service, n in found.items()}

    @property
    def total(self) -> float:
        """Customers of the day."""
        return sum(sum(self.customers(period).values()) for period in range(len(self.periods)))

    def seconds(self, service: str) -> float:
        """The mean seconds at the counter of a service's customers, from the call to the end."""
        shares = self.rules.class_shares["0"]
        longer = 1 + (ELDERLY - 1) * shares.get("green", 0.0) / 100
        return self.rules.services[service].minutes * 60 * longer + WALK / 1000

    def days(self, number: int, seed: str) -> Iterator[list[Customer]]:
        """So many simulated days, stratified by how busy they are and by how many are at the door."""
        order = Random(f"{seed}:order")
        crowds = order.sample(range(number), number)
        for n in range(number):
            random = Random(f"{seed}:{n}")
            sigma = math.sqrt(math.log(1 + self.spread**2))
            busy = NormalDist(-(sigma**2) / 2, sigma).inv_cdf((n + random.uniform(0.001, 0.999)) / number)
            low, high = self.door_range
            crowd = low + (high - low) * (crowds[n] + random.random()) / number
            yield list(self._day(random, f"{seed}:{n}", math.exp(busy), crowd))

    def _day(self, random: Random, seed: str, factor: float, crowd: float) -> Iterator[Customer]:
        number = 0
        begins = self.periods[0].start
        for number in range(1, round(factor * crowd * sum(self.door.values())) + 1):
            yield draw(self.rules, "door", seed, number, begins + number * AT_THE_BUTTON)
        for n, period in enumerate(self.periods):
            rate = factor * sum(self.arrivals[n].values()) / (period.end - period.start)
            time = float(period.start)
            while rate > 0 and (time := time + random.expovariate(rate)) < period.end:
                number += 1
                yield draw(self.rules, str(n), seed, number, time)


def expect(rules: Rules, day: date, periods: tuple[Span, ...], history: Sequence[Past]) -> Expected:
    """Who is expected on a day of a branch with some days behind it, oldest first."""
    kind = rules.profile(day.isoformat())
    known = usual(past for past in history if past.over)
    own = [past for past in known if past.kind == kind.id][-KEPT:]
    others = [past for past in known if past.kind != kind.id][-KEPT:]
    level = _level(rules, others)
    services = list(rules.services)
    usual_arrivals = _configured(rules, kind, day, periods)
    counts = [past.counts(periods) for past in own]
    doors = [past.at_the_door(periods[0].start) for past in own]
    weight = WEIGHT + len(own)
    configured_door = fmean(kind.burst)
    door = (WEIGHT * level * configured_door + sum(doors)) / weight
    arrivals = [
        {
            service: (WEIGHT * level * usual_arrivals[n][service] + sum(each[n][service] for each in counts)) / weight
            for service in services
        }
        for n in range(len(periods))
    ]
    # Of the days behind it, those at the door are among the first period's.
    first = sum(arrivals[0].values())
    inside = max(0.0, first - sum(doors) / weight)
    mix = {service: n / first if first else 1 / len(services) for service, n in arrivals[0].items()}
    arrivals[0] = {service: inside * part for service, part in mix.items()}
    shares = {str(n): _weights(each, mix) for n, each in enumerate(arrivals)} | {"door": _weights(mix, mix)}
    classes = _classes(rules, kind.id, own or others)
    low, high = kind.burst
    spread = (low / configured_door, high / configured_door) if configured_door else (0.5, 1.5)
    return Expected(
        rules=replace(
            rules,
            services=_services(rules, [*others, *own]),
            shares=shares,
            class_shares=dict.fromkeys(shares, classes),
        ),
        kind=kind.id,
        periods=periods,
        arrivals=tuple(arrivals),
        door={service: door * part for service, part in mix.items()},
        door_range=spread,
        spread=_spread(own),
        own=len(own),
        others=len(others),
    )


def _weights(customers: Mapping[str, float], otherwise: Mapping[str, float]) -> dict[str, float]:
    """Shares that can be drawn from, also where nobody is expected."""
    return dict(customers if sum(customers.values()) > 0 else otherwise)


def _configured(rules: Rules, kind: Profile, day: date, periods: Sequence[Span]) -> list[dict[str, float]]:
    """Customers by service in each period, as configured, without those at the door."""
    shares = rules.shares.get(kind.id) or dict.fromkeys(rules.services, 1.0)
    total = sum(shares.values())
    found = []
    for period in periods:
        middle = (period.start + period.end) / 2
        customers = kind.arrivals_at(middle) * (period.end - period.start) / 3600
        given = {}
        for service in rules.services.values():
            hours = rules.calendar.spans(service.hours, day) if service.hours else kind.open
            comes = any(middle in span for span in hours)
            given[service.id] = customers * shares.get(service.id, 0.0) / total * comes
        found.append(given)
    return found


def _level(rules: Rules, days: Sequence[Past]) -> float:
    """How many times as many customers as configured come on days of other kinds."""
    ratios = []
    for past in days:
        kind = rules.profile_on(past.day, past.kind)
        hours = kind.open if kind else ()
        on = date.fromisoformat(past.day)
        configured = sum(sum(each.values()) for each in _configured(rules, kind, on, _hours(hours))) if kind else 0.0
        configured += fmean(kind.burst) if kind else 0.0
        if configured > 0:
            ratios.append(len(past.taken) / configured)
    return (WEIGHT + sum(ratios)) / (WEIGHT + len(ratios))


def _hours(spans: Sequence[Span]) -> list[Span]:
    """Spans in quarters of an hour."""
    return [Span(at, min(at + 900, span.end)) for span in spans for at in range(span.start, span.end, 900)]


def _classes(rules: Rules, kind: str, days: Sequence[Past]) -> dict[str, float]:
    """The shares of the classes in percent."""
    configured = dict(rules.class_shares.get(kind) or {rules.default_class: 100.0})
    rest = 100 - sum(share for klass, share in configured.items() if klass != "normal")
    configured["normal"] = max(0.0, rest)
    found = Count(klass for past in days for _, _, klass in past.taken)
    whole = CLASSES_WEIGHT + sum(found.values())
    return {
        klass: 100 * (CLASSES_WEIGHT * configured.get(klass, 0.0) / 100 + found[klass]) / whole
        for klass in rules.classes
    }


def _services(rules: Rules, days: Sequence[Past]) -> dict[str, Service]:
    """The services with the time at the counter that the days have taught, without the customer's walk."""
    seconds = {
        service.id: [PRIOR_WEIGHT * service.minutes * 60, float(PRIOR_WEIGHT)] for service in rules.services.values()
    }
    for past in days:
        for (_, service, klass), stay in zip(past.taken, past.stays, strict=True):
            if 0 < stay <= LONGEST:
                seconds[service][0] += max(1.0, stay - WALK / 1000) / (ELDERLY if klass == "green" else 1.0)
                seconds[service][1] += 1
    return {
        service.id: replace(service, minutes=seconds[service.id][0] / seconds[service.id][1] / 60)
        for service in rules.services.values()
    }


def _spread(days: Sequence[Past]) -> float:
    """How much the number of customers differs from day to day, beyond chance."""
    sizes = [len(past.taken) for past in days]
    mean = fmean(sizes) if sizes else 0.0
    seen = sum((size / mean - 1) ** 2 for size in sizes) if mean else 0.0
    freedom = max(0, len(sizes) - 1)
    variance = (WEIGHT * DAY_SPREAD**2 + max(0.0, seen - freedom / mean if mean else 0.0)) / (WEIGHT + freedom)
    return math.sqrt(variance)
