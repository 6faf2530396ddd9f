"""How long a customer will wait: the calling rule itself, simulated forward from the present state.

Every counter serves whoever the rule gives it, each for the mean time of their service and class, until the ticket in
question is called. When the counters that may serve it become free is computed together (`durations`), since it is not
known which of them will be first. Counters open, take breaks and come back by the day's plan. The errors of earlier
estimates make a range of the result (`model.knowledge`).

The simulation stops at the ticket: the cost is one pick for each customer before it. Who will be called next, and
where, is the beginning of the same, with the counters that are open and the tickets that wait now.
"""

from __future__ import annotations

from bisect import insort
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from heapq import heapify, heappop, heapreplace
from itertools import count, islice
from typing import NamedTuple

from controller.lobby.forecast.durations import STILL, frees, left, of_several
from controller.lobby.model.calendar import Profile, Span, second_of
from controller.lobby.model.overflow import taken_over
from controller.lobby.model.rules import ANY, Counter, Rules
from controller.lobby.model.state import CounterStage, CounterState, LineKey, Place, State, Ticket, open_counters
from controller.lobby.model.units import UNSET, Ms, Seconds, between, in_ms, in_seconds
from controller.lobby.rule import Head, rank

LATE = 10 * 60
"""Seconds after its planned opening from which a closed counter is no longer expected to open."""
OPENS_IN = 60
"""Seconds within which a counter that should be open already is expected to open."""
LONG_BEFORE = 3600
"""Seconds before the first counter begins to work, from which customers are told when that is instead of a range."""
DOOR = 3 * 60
"""Seconds in which the customers waiting at the door take their tickets."""
TO_COME = 1_000_000
"""Orders of issue from here on belong to customers who are yet to come .."""
NOBODY_YET = "-"
""".. and this stands for their ticket numbers."""
HOUR = 3600
HORIZON = 10 * HOUR
"""Seconds beyond which there is no estimate."""


SecondsOf = Callable[[str, str], float]
"""(service, class) -> mean seconds at the counter."""


@dataclass(slots=True)
class _Line:
    """A line in the simulation: `at` is the index of its head; `passed` and `not_before` are the head's."""

    key: LineKey
    places: Sequence[Place]
    credit: int
    at: int = 0
    passed: int = 0
    arrivals: Sequence[Seconds] = ()
    """Arrival times of customers who are yet to come, in seconds since 1970."""
    comes: Seconds = UNSET
    """When the head arrives; `not_before`: when it may be called. Seconds since 1970; 0: now."""
    not_before: Seconds = UNSET
    heads: dict[int, Head] = field(default_factory=dict)
    """The head as it competes, by the counter's handicap."""

    def head(self, handicap: int, now: float) -> Head | None:
        """The head as it competes for a counter at a time; None: nobody is waiting."""
        if self.comes > now or self.at >= len(self.places):
            return None
        head = self.heads.get(handicap)
        if head is None or self.not_before:
            seniority, order, _ = self.places[self.at]
            early = self.not_before > now
            head = Head.of(seniority, order, self.credit, handicap, self.passed, early, self)
            self.heads[handicap] = head
        return head

    def passes(self) -> None:
        """The head has been passed once more."""
        self.passed += 1
        self.heads.clear()

    def advance(self, by: int, tickets: Mapping[str, Ticket]) -> None:
        """Make the next ticket the head, or with 0 the first."""
        self.at += by
        self.heads.clear()
        if self.at < len(self.places):
            head = tickets.get(self.places[self.at].ticket)
            self.passed, self.not_before = (head.passed, head.not_before) if head else (0, UNSET)
            self.comes = self.arrivals[self.at] if self.arrivals else UNSET


class _Stretch(NamedTuple):
    """A period in which a counter works, in seconds from now."""

    begins: float
    """When it is first free."""
    until: float
    pace: float = 1.0
    """Duration of its first service, in means."""
    service: tuple[float, float] | None = None
    """The service under way until it begins: (mean, elapsed) in seconds."""


@dataclass(slots=True)
class _Window:
    """A counter in the simulation: the lines it serves with their handicaps, and until when it works.

    `later`: its working periods after that."""

    counter: Counter
    until: float
    pace: float = 1.0
    """Duration of its next service, in means."""
    later: Sequence[_Stretch] = ()
    serves: list[tuple[_Line, int]] | None = None
    """Filled in when it is first free: with a short line, most counters never are."""


class Coming(NamedTuple):
    """A predicted call, `seconds` from now; `place`: of its ticket."""

    seconds: float
    counter: str
    place: Place


def expected(state: State, rules: Rules, at: Ms, ticket: Ticket) -> tuple[int, tuple[int, int, int]] | None:
    """(predicted, [least, middle, most]) seconds that a waiting or new ticket will wait from `at` (ms since 1970, UTC).

    None: there is no estimate, since no counter that may serve it is open or planned to open, or the first is to open
    much later (`begins_at`). All three equal to `HORIZON`: the wait is beyond it.
    """
    if begins_at(state, rules, at, ticket) is not None:
        return None
    rolled = predict(state, rules, at, ticket)
    if rolled is None:
        return (HORIZON, (HORIZON, HORIZON, HORIZON)) if _stay(state, rules, at, ticket) else None
    into_day = between(state.first_issued or at, at)
    return rolled, state.knowledge.range(ticket.service, ticket.klass, rolled, into_day)


def begins_at(state: State, rules: Rules, at: Ms, ticket: Ticket) -> Ms | None:
    """When the first counter that may serve a ticket is planned to begin its day (ms since 1970, UTC), if that is more
    than `LONG_BEFORE` after `at` and none is open; else None. A break is none of that: its waits are known."""
    ours = [c for c in rules.counters.values() if c.handicap(ticket.service, ticket.klass, ticket.only) is not None]
    if any(state.counter(counter.id).stage is CounterStage.OPEN for counter in ours):
        return None
    profile, second = rules.profile_on(state.day, state.profile), second_of(rules.local(at))
    if profile and any(span.start <= second for counter in ours for span in profile.shifts(counter.id)):
        return None
    means = _means(state, rules)
    plans = [_available(state, rules, counter, at, profile, second, means) for counter in ours]
    first = min((stretches[0].begins for stretches in plans if stretches), default=0.0)
    return in_ms(Seconds(in_seconds(at) + round(first))) if first > LONG_BEFORE else None


def _stay(state: State, rules: Rules, at: Ms, ticket: Ticket) -> bool:
    """Whether a counter that may serve it will still be open at the horizon."""
    profile = rules.profile_on(state.day, state.profile)
    second = second_of(rules.local(at))
    return any(
        stretch.until > HORIZON
        for counter in rules.counters.values()
        if counter.handicap(ticket.service, ticket.klass, ticket.only) is not None
        for stretch in _available(state, rules, counter, at, profile, second, _means(state, rules))
    )


def newcomer(state: State, rules: Rules, at: Ms, service: str, klass: str = "") -> Ticket:
    """A ticket as it would be if taken now."""
    seniority = max(in_seconds(at), state.last_seniority)
    only = ANY if taken_over(state, rules, rules.services[service], at) else ""
    return Ticket("", state.issued + 1, service, klass or rules.default_class, seniority, at, 0, only=only)


def finds_free_counter(state: State, rules: Rules, ticket: Ticket) -> bool:
    """Whether a counter that serves it is idle with nobody waiting for it: the customer can go there at once."""
    return any(
        not state.counter(counter.id).ticket
        and counter.handicap(ticket.service, ticket.klass, ticket.only) is not None
        and not any(counter.handicap(*key[:3]) is not None for key in state.lines)
        for counter in open_counters(state, rules)
    )


def predict(state: State, rules: Rules, at: Ms, ticket: Ticket) -> int | None:
    """Seconds from `at` until `ticket` is called, if all services take their mean time; None: never."""
    tickets = state.tickets if ticket.id in state.tickets else ChainMap({ticket.id: ticket}, state.tickets)
    seconds_of = _means(state, rules)
    lines = _lines(state, rules, at, ticket, tickets)
    windows = [
        (first.begins, index, _Window(counter, first.until, first.pace, later))
        for index, counter, (first, *later) in _plan(state, rules, at, ticket, seconds_of)
    ]
    for seconds, _, place in _calls(state, rules, at, windows, lines, tickets, seconds_of):
        if place.order == ticket.order:
            return int(seconds)
    return None


def coming(state: State, rules: Rules, at: Ms, number: int) -> list[Coming]:
    """The next calls after `at` (ms since 1970, UTC), at most `number`, by the counters that are open now, if all
    services take their mean time. Each ticket appears once; one that none of the counters may serve does not appear.
    """
    seconds_of = _means(state, rules)
    # With constant service times: the counter that has been busy longest must come first.
    windows = [
        (_now(state, here, at, float("inf"), seconds_of, spread=0.0).begins, index, _Window(counter, float("inf")))
        for index, counter in enumerate(rules.counters.values())
        if (here := state.counter(counter.id)).stage is CounterStage.OPEN
    ]
    lines = [_line(rules, key, places, state.tickets) for key, places in state.lines.items()] if windows else []
    calls = _calls(state, rules, at, windows, lines, state.tickets, seconds_of)
    return [Coming(*call) for call in islice(calls, number)]


def _calls(
    state: State,
    rules: Rules,
    at: Ms,
    windows: list[tuple[float, int, _Window]],
    lines: Iterable[_Line],
    tickets: Mapping[str, Ticket],
    seconds_of: SecondsOf,
) -> Iterator[tuple[float, str, Place]]:
    """Simulates the rule: yields the calls to come, in order, as in `Coming`. `windows`: when each is first free, in
    seconds from `at`, and its index in the configuration, which breaks ties. Windows and lines are consumed."""
    now = in_seconds(at)
    heapify(windows)
    while windows:
        free, index, window = windows[0]
        if free > HORIZON or (free > window.until and not window.later):
            heappop(windows)
            continue
        if free > window.until:
            (begins, window.until, window.pace, _), *window.later = window.later
            heapreplace(windows, (max(free, begins), index, window))
            continue
        if window.serves is None:
            handicap_of = window.counter.handicap
            window.serves = [(line, h) for line in lines if (h := handicap_of(*line.key[:3])) is not None]
        heads = [head for line, handicap in window.serves if (head := line.head(handicap, now + free))]
        if not heads:
            # Nobody whom it serves is waiting: it waits for the next arrival.
            to_come = [line.comes - now for line, _ in window.serves if line.at < len(line.places)]
            if to_come:
                heapreplace(windows, (min(to_come), index, window))
            else:
                heappop(windows)
            continue
        ranked, _ = rank(heads, rules.pass_limit)
        first = ranked[0]
        line = first.line
        yield free, window.counter.id, line.places[line.at]
        for other in ranked:
            if other.seniority < first.seniority and other.handicap == 0:
                other.line.passes()
        line.advance(1, tickets)
        misses = state.knowledge.misses(now + free - first.seniority)
        seconds = window.pace * seconds_of(line.key.service, line.key.klass)
        window.pace = 1.0
        heapreplace(windows, (free + seconds + misses * (state.knowledge.missed_time - seconds), index, window))


def _plan(
    state: State, rules: Rules, at: Ms, ticket: Ticket, seconds_of: SecondsOf
) -> list[tuple[int, Counter, list[_Stretch]]]:
    """The working periods of each counter that is expected today, with its index in the configuration.

    Those that may serve the ticket are computed together: of several that are busy, or begin together, the first is
    free far sooner than each is expected to be."""
    profile = rules.profile_on(state.day, state.profile)
    second = second_of(rules.local(at))
    spread = state.knowledge.spread
    plan = [
        (index, counter, stretches)
        for index, counter in enumerate(rules.counters.values())
        if (stretches := _available(state, rules, counter, at, profile, second, seconds_of))
    ]
    ours = [
        each for _, counter, each in plan if counter.handicap(ticket.service, ticket.klass, ticket.only) is not None
    ]
    busy = sorted((each for each in ours if each[0].service), key=lambda each: each[0].begins)
    times = frees([service for each in busy if (service := each[0].service)], spread)
    for stretches, begins in zip(busy, times, strict=True):
        stretches[0] = stretches[0]._replace(begins=begins)
    together: dict[float, list[tuple[list[_Stretch], int]]] = {}
    for stretches in ours:
        for n, stretch in enumerate(stretches):
            if not stretch.service:
                together.setdefault(stretch.begins, []).append((stretches, n))
    for begin in together.values():
        for (stretches, n), pace in zip(begin, of_several(len(begin), spread), strict=True):
            stretches[n] = stretches[n]._replace(pace=pace)
    return plan


def _means(state: State, rules: Rules) -> SecondsOf:
    """Mean times at the counter, each computed once."""
    return cache(lambda service, klass: seconds_at_counter(state, rules, service, klass))


def _line(
    rules: Rules, key: LineKey, places: Sequence[Place], tickets: Mapping[str, Ticket], arrivals: Sequence[Seconds] = ()
) -> _Line:
    line = _Line(key, places, rules.credit(key.klass), arrivals=arrivals)
    line.advance(0, tickets)
    return line


def _lines(state: State, rules: Rules, at: Ms, ticket: Ticket, tickets: Mapping[str, Ticket]) -> list[_Line]:
    """All lines with the ticket in its place, and further lines of customers who are yet to come."""
    lines = []
    for key in {**state.lines, ticket.line: None}:
        places = list(state.lines.get(key, ()))
        if key == ticket.line and ticket.id not in state.tickets:
            insort(places, ticket.place)
        lines.append(_line(rules, key, places, tickets))
    orders = count(TO_COME)  # no two may have the same
    for key, times in _to_come(state, rules, at, ticket).items():
        # Seniority never goes down at issue, whatever the clock does.
        places = [Place(max(time, state.last_seniority), next(orders), NOBODY_YET) for time in times]
        lines.append(_line(rules, key, places, tickets, times))
    return lines


def _to_come(state: State, rules: Rules, at: Ms, ticket: Ticket) -> dict[LineKey, list[Seconds]]:
    """Arrival times (seconds since 1970) of customers yet to come who may be called before this ticket, by the
    calendar's rates and evenly spaced: those with privilege, and those who are own work of a counter for which this
    ticket is not.
    """
    profile = rules.profile_on(state.day, state.profile)
    if profile is None:
        return {}
    now, second = in_seconds(at), second_of(rules.local(at))
    counted = ticket.seniority - rules.credit(ticket.klass)
    rivals = []
    for service, klass, part, lead in rules.rivals(state.profile, ticket.service, ticket.klass, ticket.only):
        ahead = min(counted + lead - now, HORIZON)
        if ahead > 0:
            rivals.append((LineKey(service, klass, ""), part, ahead))
    found: dict[LineKey, list[Seconds]] = {}
    for time, key in _one_by_one(rivals, profile, second, at_the_door(state, profile, second)):
        found.setdefault(key, []).append(Seconds(now + int(time)))
    return found


def _one_by_one(
    rivals: Sequence[tuple[LineKey, float, int]], profile: Profile, second: int, door: float
) -> Iterator[tuple[float, LineKey]]:
    """Arrivals from a second of the day on, as (seconds from then, line), for these lines: [(line, its share of all
    arrivals, seconds for which they matter)]. `door`: how many wait at the door.

    Arrivals are counted over all lines, and each goes to the line that is due next, so that their number does not
    depend on how finely people are divided into lines. Counted line by line, a line for which less than half a customer
    is expected would get none.
    """
    furthest = max([0, *(ahead for _, _, ahead in rivals)])
    changes = {DOOR, *(ahead for _, _, ahead in rivals), *(edge - second for span in profile.open for edge in span)}
    changes |= set(range((profile.hours.start - second) % HOUR, furthest, HOUR))
    # When each line's next is due, in customers of all lines.
    due = [(0.5 / part, index) for index, (_, part, _) in enumerate(rivals)]
    heapify(due)
    # The n-th arrives when it is more likely than not that n have come: when n - 1/3 are expected (Poisson).
    time, missing = 0.0, 2 / 3
    for end in sorted(change for change in changes if 0 < change <= furthest):
        an_hour = profile.arrivals_at(second + time) + (HOUR * door / DOOR if end <= DOOR else 0)
        rate = an_hour / HOUR * sum(part for _, part, ahead in rivals if ahead >= end)
        while rate and missing < rate * (end - time):
            time = min(time + missing / rate, end)
            missing = 1.0
            while rivals[due[0][1]][2] < time:
                heappop(due)
            place, index = due[0]
            key, part, _ = rivals[index]
            heapreplace(due, (place + 1 / part, index))
            yield time, key
        missing -= rate * (end - time)
        time = end


def at_the_door(state: State, profile: Profile, second: int) -> float:
    """How many are expected to be still waiting at the door, at a time of day just after it has opened."""
    opens = profile.open[0].start
    if not opens <= second < opens + DOOR:
        return 0.0
    return max(0.0, sum(profile.burst) / 2 - len(state.tickets))


def seconds_at_counter(state: State, rules: Rules, service: str, klass: str) -> float:
    """The mean time of such a customer at the counter, from the call on, in seconds."""
    known = rules.services.get(service)
    return state.knowledge.mean(service, klass, (known.minutes if known else 5) * 60)


def _available(
    state: State, rules: Rules, counter: Counter, at: Ms, profile: Profile | None, second: int, seconds_of: SecondsOf
) -> list[_Stretch]:
    """The working periods of a counter from `at` on; empty: it is not expected today."""
    here = state.counter(counter.id)
    shifts = profile.shifts(counter.id) if profile else ()
    shift = None
    for span in shifts:
        if span.start <= second < span.end:
            shift = span

    def goes(span: Span | None) -> float:
        # Counters that are open when the doors close stay until everybody has been served.
        return float(span.end - second) if profile and span and span.end < profile.hours.end else float("inf")

    if here.stage is CounterStage.OPEN:
        breaks = shift is None and _goes_after_this(state, here, at, second, shifts)
        if not breaks and (shift is None or profile is None or shift.end >= profile.hours.end):
            return [_now(state, here, at, float("inf"), seconds_of, state.knowledge.spread)]
    later = [_Stretch(float(span.start - second), goes(span)) for span in shifts if span.start > second]
    if here.stage is CounterStage.OPEN:
        now = _now(state, here, at, goes(shift), seconds_of, state.knowledge.spread)
        return later if breaks and later else [now, *later]
    if here.stage is CounterStage.PAUSED and (shift or not later):
        reason = rules.pauses.get(here.reason)
        usual = reason.seconds if reason and reason.seconds else state.knowledge.pause
        away = max(0, at - here.since) / 1000
        return [_Stretch(max(usual - away, STILL * max(usual, away - usual)), goes(shift)), *later]
    gone = shift is not None and here.since > 0 and at - here.since <= (second - shift.start) * 1000
    if here.stage is CounterStage.CLOSED and shift and not gone and second - shift.start < LATE:
        return [_Stretch(OPENS_IN, goes(shift)), *later]
    return later


def _goes_after_this(state: State, here: CounterState, at: Ms, second: int, shifts: Sequence[Span]) -> bool:
    """Whether a counter whose shift is over has had a ticket in hand since before its end, and will leave after it."""
    if not here.ticket:
        return False
    called = state.tickets[here.ticket].since
    return any(span.end <= second and called < at - (second - span.end) * 1000 for span in shifts)


def _now(state: State, here: CounterState, at: Ms, until: float, seconds_of: SecondsOf, spread: float) -> _Stretch:
    """The working period of an open counter: from when its ticket in hand is finished."""
    if not here.ticket:
        return _Stretch(0.0, until)
    ticket = state.tickets[here.ticket]
    mean, elapsed = seconds_of(ticket.service, ticket.klass), max(0, at - ticket.since) / 1000
    return _Stretch(left(mean, elapsed, spread), until, service=(mean, elapsed))
