"""A day under a roster by the calling rule alone: the waits of `simulators.days.virtual`, in a hundredth of the time.

People and clerks do what they do there, and `rule.rank` decides who is next; estimates, advice, sentences, rows and
overflow are left out, since a search runs thousands of days. A test says that the waits are the same to the
millisecond.
All times in ms since local midnight; customers go by their place in the order of arrival.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from heapq import heappop, heappush
from typing import NamedTuple

from controller.lobby.actions.day import RollOver
from controller.lobby.actions.set_profile import FollowPlan
from controller.lobby.actions.take_ticket import GRANTED
from controller.lobby.aggregate import Aggregate
from controller.lobby.model.calendar import Span, at_second
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import Ms, Seconds
from controller.lobby.rule import Head, rank
from simulators.customers import Customer
from simulators.days.record import REACTS
from simulators.days.virtual import GIVES_UP_AFTER, NOTICES_LATE, WALK

NEVER_CALLED = -1
"""In the place of a wait."""
_RETURNS, _BEGINS, _ENDS, _CALLS, _MISSES, _FOLLOWS = range(6)


class Arrival(NamedTuple):
    """A customer with a ticket: when, for which line (see `Branch.lines`), `seconds` at the counter in ms, and what
    `Customer` says of calls that are not answered (`patience` in ms)."""

    at: int
    line: int
    seconds: int
    misses: int
    returns: int
    patience: float


class Busy(NamedTuple):
    """A counter had a customer from `start` until `end`, or waited for one who did not come."""

    counter: int
    start: int
    end: int


@dataclass(slots=True)
class Outcome:
    """What came of a day: each customer's wait until their first call in ms, or `NEVER_CALLED`."""

    waits: list[int]
    busy: list[Busy]


Serves = tuple[tuple[int, int], ...]
"""What a counter serves: (line, handicap in seconds)."""


@dataclass(slots=True)
class Branch:
    """What a day in a branch needs: lines by service and class, and what each counter serves from when on."""

    rules: Rules
    day: date
    lines: list[tuple[str, str]] = field(init=False)
    counters: list[str] = field(init=False)
    credits: list[int] = field(init=False)
    phases: list[tuple[int, list[Serves]]] = field(init=False)
    """(from when on, what each counter serves), the first from midnight."""

    def __post_init__(self) -> None:
        rules = self.rules
        self.lines = [(service, klass) for service in rules.services for klass in rules.classes]
        self.counters = list(rules.counters)
        self.credits = [rules.credit(klass) for _, klass in self.lines]
        self.phases = [(0, self._serve(rules))]
        lobby = Aggregate(rules)
        lobby.do(RollOver(at=self._at(rules.rollover // timedelta(seconds=1)), cause="day"))
        for second in sorted({second for each in rules.plan for second in (each.start, each.end)}):
            lobby.do(FollowPlan(at=self._at(second), cause=f"plan:{second}"))
            self.phases.append((second * 1000, self._serve(lobby.rules)))

    def _at(self, second: int) -> Ms:
        """A time of the day in ms since 1970, UTC."""
        return Ms(round(at_second(self.day, second, self.rules.zone).timestamp() * 1000))

    def _serve(self, rules: Rules) -> list[Serves]:
        """What each counter serves by some rules."""
        return [
            tuple(
                (line, handicap)
                for line, (service, klass) in enumerate(self.lines)
                if (handicap := rules.counters[id].handicap(service, klass)) is not None
            )
            for id in self.counters
        ]

    def serving(self, at: int) -> list[Serves]:
        """What each counter serves at a time."""
        return [serves for begins, serves in self.phases if begins <= at][-1]

    def admitted(self, customers: Iterable[Customer]) -> list[Arrival]:
        """Those of a day's customers who get a ticket: in the service's hours, and within its quota."""
        place = {line: n for n, line in enumerate(self.lines)}
        hours = {
            s.id: self.rules.calendar.spans(s.hours, self.day) if s.hours else None
            for s in self.rules.services.values()
        }
        given = dict.fromkeys(self.rules.services, 0)
        found = []
        for each in sorted(customers, key=lambda customer: customer.arrives):
            spans, quota = hours[each.service], self.rules.services[each.service].quota
            is_open = spans is None or any(int(each.arrives) in span for span in spans)
            if each.klass in GRANTED or (is_open and (quota is None or given[each.service] < quota)):
                given[each.service] += 1
                at, ms = round(each.arrives * 1000), round(each.service_time * 1000)
                line = place[each.service, each.klass]
                found.append(Arrival(at, line, ms, each.misses, each.returns, each.patience * 1000))
        return found


class _Clerk:
    __slots__ = ("busy", "idle_since", "leaves", "place", "pressing", "there")

    def __init__(self, place: int) -> None:
        self.place = place
        self.there = self.leaves = self.busy = self.pressing = False
        self.idle_since = 0


class _Day:
    def __init__(self, branch: Branch, arrivals: Sequence[Arrival], shifts: Sequence[Sequence[Span]]) -> None:
        self.branch, self.arrivals = branch, arrivals
        self.lines: list[list[tuple[int, int]]] = [[] for _ in branch.lines]
        """(seniority in seconds, order of issue) of those who wait."""
        self.seniority = [each.at // 1000 for each in arrivals]
        self.passed = [0] * len(arrivals)
        self.missed = [0] * len(arrivals)
        self.waits = [NEVER_CALLED] * len(arrivals)
        self.busy: list[Busy] = []
        self.clerks = [_Clerk(n) for n in range(len(branch.counters))]
        self.agenda: list[tuple[int, int, int, int, int]] = []
        self.order = 0
        for place, spans in enumerate(shifts):
            for start, end in spans:
                self.later(start * 1000, _BEGINS, place)
                self.later(end * 1000, _ENDS, place)
        for begins, _ in branch.phases[1:]:
            self.later(begins, _FOLLOWS, 0)
        self.last_end = max((span.end * 1000 for spans in shifts for span in spans), default=0)
        self.handicaps = [[dict(serves) for serves in phase] for _, phase in branch.phases]
        self.phase = 0
        self.returns_in_time = branch.rules.returns > 0 and branch.rules.return_within * 1000 >= NOTICES_LATE

    def later(self, at: int, what: int, counter: int, customer: int = 0) -> None:
        heappush(self.agenda, (at, self.order, what, counter, customer))
        self.order += 1

    def run(self) -> Outcome:
        agenda, arrivals = self.agenda, self.arrivals
        coming, all_of_them = 0, len(arrivals)
        while agenda or coming < all_of_them:
            comes = coming < all_of_them and (not agenda or arrivals[coming].at <= agenda[0][0])
            at = arrivals[coming].at if comes else agenda[0][0]
            if comes:
                self.enter(at, coming)
                coming += 1
                continue
            _, _, what, place, customer = heappop(agenda)
            clerk = self.clerks[place]
            if what == _CALLS:
                clerk.busy = False
                self.calls(at, clerk)
            elif what == _BEGINS:
                clerk.leaves = False
                if not clerk.there:
                    clerk.there = True
                    self.calls(at, clerk)
            elif what == _ENDS:
                clerk.leaves = True
                if clerk.there and not clerk.pressing and not clerk.busy:
                    self.calls(at, clerk)
            elif what == _FOLLOWS:
                self.phase += 1
            elif what == _MISSES:
                clerk.busy = False
                self.misses(at, customer)
                self.calls(at, clerk)
            else:
                self.seniority[customer] += self.branch.rules.return_penalty
                self.enter(at, customer)
        return Outcome(self.waits, self.busy)

    def enter(self, at: int, customer: int) -> None:
        """The customer waits, and an idle clerk notices."""
        line = self.arrivals[customer].line
        insort(self.lines[line], (self.seniority[customer], customer))
        best: tuple[int, int, int] | None = None
        known = self.handicaps[self.phase]
        for clerk in self.clerks:
            if clerk.there and not clerk.pressing and not clerk.busy:
                handicap = known[clerk.place].get(line)
                if handicap is not None and (best is None or (handicap, clerk.idle_since, clerk.place) < best):
                    best = handicap, clerk.idle_since, clerk.place
        if best is not None:
            self.clerks[best[2]].pressing = True
            self.later(at + REACTS, _CALLS, best[2])

    def calls(self, at: int, clerk: _Clerk) -> None:
        """The clerk calls who is next; if there is nobody, waits or goes home."""
        clerk.pressing = False
        serves = self.branch.phases[self.phase][1][clerk.place]
        if clerk.leaves and (at < self.last_end or not any(self.lines[line] for line, _ in serves)):
            clerk.there = False
            return
        customer = self.pick(serves)
        if customer is None:
            clerk.idle_since = at
            return
        who = self.arrivals[customer]
        if self.waits[customer] == NEVER_CALLED:
            self.waits[customer] = at - who.at
        gone = at - who.at > who.patience
        clerk.busy = True
        if gone or self.missed[customer] < who.misses:
            until, what = at + GIVES_UP_AFTER, _MISSES
        else:
            until, what = at + WALK + who.seconds, _CALLS
        self.busy.append(Busy(clerk.place, at, until))
        self.later(until, what, clerk.place, customer)

    def pick(self, serves: Serves) -> int | None:
        """Whom the rule calls, taken out of their line."""
        credits = self.branch.credits
        heads = []
        for line, handicap in serves:
            waiting = self.lines[line]
            if waiting:
                seniority, customer = waiting[0]
                passed = self.passed[customer]
                heads.append(Head.of(Seconds(seniority), customer, credits[line], handicap, passed, False, line))
        if not heads:
            return None
        best = heads[0]
        if len(heads) > 1:
            ranked, _ = rank(heads, self.branch.rules.pass_limit)
            best = ranked[0]
            for other in ranked[1:]:
                if other.handicap == 0 and other.seniority < best.seniority:
                    self.passed[other.order] += 1
        self.lines[best.line].pop(0)
        return best.order

    def misses(self, at: int, customer: int) -> None:
        """The customer did not come; some notice it later and come back."""
        who = self.arrivals[customer]
        # Who is beyond their patience has left for good.
        gone = at - GIVES_UP_AFTER - who.at > who.patience
        self.missed[customer] += 1
        if not gone and self.missed[customer] <= who.returns and self.returns_in_time:
            self.later(at + NOTICES_LATE, _RETURNS, 0, customer)


def run(branch: Branch, arrivals: Sequence[Arrival], shifts: Sequence[Sequence[Span]]) -> Outcome:
    """A day: `shifts` say when each counter of the branch is open, in its order."""
    return _Day(branch, arrivals, shifts).run()
