"""Window advice: when to open another window, and when one could close.

Every few minutes, for each group of services that share windows: B is the work waiting (including that of the people
whom the calendar expects at the door), m the mean time at the counter, lambda the arrivals to come (half those of the
last 20 minutes, half what the calendar expects), s the open windows, and H the horizon. The expected wait is

    W(s) = max(B / s, max(0, B + H (lambda m - s)) / s)

Where the windows of a group do not all serve the same, W is the greatest of its parts: of the group as a whole, and of
each service with those that no other windows serve than its own. A window that opens or closes changes only the parts
that it serves, so that nobody is advised to open one that could call nobody.

Opening is advised when W(s) is above 0.8 of the branch's target at two checks in a row, or far above it at one, as
many windows as it takes; and at once, whatever W is, when people wait whom no open window may serve. Closing is advised
when W(s - 1) is below half of it at three and the window has been open for half an hour. An advice always says what it
would change. In simulated days a lower bound for closing (0.3) kept windows open for nothing, and waiting for the
second check on a pension morning cost those at the door five minutes each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from controller.lobby.forecast.waiting import at_the_door, seconds_at_counter
from controller.lobby.model.calendar import DAY, second_of
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import Advice, CounterStage, CounterState, State, open_counters
from controller.lobby.model.units import Ms

CHECK_EVERY = 5 * 60
"""Seconds between two checks."""
CHECK_AFTER = 4 * 60
"""Seconds since the last check within which another one is ignored: consecutive checks must be minutes apart."""
AHEAD = 15 * 60
"""H: the horizon in seconds."""
RECENT = 20 * 60
"""Seconds of arrivals that count as recent."""
OPEN_ABOVE, OPEN_CHECKS = 0.8, 2
CLOSE_BELOW, CLOSE_CHECKS = 0.5, 3
"""Fractions of the target, and how many checks in a row."""
AT_ONCE = 1.6
"""The multiple of the target from which one check is enough."""
OPEN_FOR = 30 * 60
"""Seconds that a window is open at least before closing is advised."""
DECLINED_FOR = 30 * 60
"""Seconds in which an advice that was declined is not given again."""
BACK_SOON = 5 * 60
"""Seconds from the end of a pause within which its counter is reckoned with."""
ACCEPTED_FOR = 10 * 60
"""Seconds for which a window counts as about to open or close after the advice was accepted."""
NO_WINDOW = 2 * 3600
"""The wait in seconds assumed while no window is open."""


class Kind(NamedTuple):
    """Customers who are served by the same counters: those for a service, or of these the ones restricted by `only`
    (see `Ticket.only`)."""

    service: str
    only: str = ""


class Demand(NamedTuple):
    """What customers of a kind need: `work` in seconds (their share of B), `load` in windows (of lambda m)."""

    work: float
    load: float


@dataclass(frozen=True, slots=True)
class Need:
    """What a group of services needs: all in seconds, `load` in windows."""

    work: float
    """B."""
    load: float
    """lambda m: how many windows the arrivals to come keep busy."""
    windows: int
    """s."""

    def wait(self, windows: int) -> int:
        """W for a number of windows."""
        if windows <= 0:
            return NO_WINDOW if self.work or self.load else 0
        ahead = max(0.0, self.work + AHEAD * (self.load - windows))
        return round(max(self.work, ahead) / windows)


def groups(rules: Rules) -> dict[str, list[str]]:
    """The groups of services that share windows."""
    found: dict[str, list[str]] = {}
    for service in rules.services.values():
        found.setdefault(service.group or service.id, []).append(service.id)
    return found


def owns(rules: Rules, counter: Counter, services: Sequence[str]) -> bool:
    """Whether one of the services is the counter's own work."""
    return any(counter.handicap(service, rules.default_class) == 0 for service in services)


def demands(state: State, rules: Rules, at: Ms) -> dict[Kind, Demand]:
    """What is needed at `at` (ms since 1970, UTC), for each service and for those whom only one counter may serve."""
    work: dict[Kind, float] = {Kind(service): 0.0 for service in rules.services}
    for key, line in state.lines.items():
        if key.service in rules.services:
            kind = Kind(key.service, key.only)
            work[kind] = work.get(kind, 0.0) + len(line) * seconds_at_counter(state, rules, key.service, key.klass)
    recent = [t.service for t in state.tickets.values() if 0 <= at - t.issued_at < RECENT * 1000]
    profile = rules.profile_on(state.day, state.profile)
    local = rules.local(at)
    second = second_of(local)
    by_calendar = profile.arrivals_at(second) / 3600 if profile else 0.0
    shares = rules.shares.get(state.profile) or dict.fromkeys(rules.services, 1.0)
    total = sum(shares.values()) or 1.0
    crowd = at_the_door(state, profile, second) if profile else 0.0
    found = {}
    for kind, waiting in work.items():
        seconds_waiting = waiting
        load = 0.0
        if not kind.only:
            service = kind.service
            hours = rules.services[service].hours
            comes = hours is None or rules.calendar.is_open(hours, local)
            seconds = seconds_at_counter(state, rules, service, rules.default_class)
            part = shares.get(service, 0.0) / total
            load = seconds * (recent.count(service) / RECENT + by_calendar * part * comes) / 2
            seconds_waiting += seconds * crowd * part * comes
        found[kind] = Demand(seconds_waiting, load)
    return found


class Part(NamedTuple):
    """Kinds of customers that are computed together, and the windows that serve them."""

    kinds: tuple[Kind, ...]
    windows: frozenset[str]


class Change(NamedTuple):
    """The effect of one more window; waits in seconds."""

    before: int
    after: int
    nobody: bool
    """Whether there are customers among them whom no window serves."""
    handicap: int
    """The new window's handicap for those who wait longest, in seconds."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the windows: what is needed, and who serves it."""

    state: State
    rules: Rules
    at: Ms
    demand: Mapping[Kind, Demand]
    windows: Mapping[Kind, frozenset[str]]
    """The open counters whose own work a kind is; while there are none, the others that may serve it."""

    @classmethod
    def of(cls, state: State, rules: Rules, at: Ms) -> Check:
        """The check at `at` (ms since 1970, UTC)."""
        demand = demands(state, rules, at)
        open_ones = open_counters(state, rules)
        windows = {}
        for kind in demand:
            known = {c.id: h for c in open_ones if (h := _handicap(rules, c, kind)) is not None}
            windows[kind] = frozenset(id for id, h in known.items() if h == 0) or frozenset(known)
        return cls(state, rules, at, demand, windows)

    def kinds(self, services: Sequence[str], counter: Counter | None = None) -> list[Kind]:
        """The kinds of some services; of them those that a counter may serve."""
        kinds = [kind for kind in self.demand if kind.service in services]
        return [k for k in kinds if _handicap(self.rules, counter, k) is not None] if counter else kinds

    def together(self, kinds: Sequence[Kind]) -> Part:
        """All of them as one part."""
        return Part(tuple(kinds), frozenset[str]().union(*(self.windows[kind] for kind in kinds)))

    def parts(self, kinds: Sequence[Kind]) -> list[Part]:
        """All of them together, and each kind with those that are served by the same windows or fewer."""
        found = [tuple(kinds)]
        found += [tuple(other for other in kinds if self.windows[other] <= self.windows[kind]) for kind in kinds]
        return [self.together(part) for part in dict.fromkeys(found)]

    def need(self, part: Part) -> Need:
        """What a part needs."""
        demand = [self.demand[kind] for kind in part.kinds]
        return Need(sum(d.work for d in demand), sum(d.load for d in demand), len(part.windows))

    def wait(self, kinds: Sequence[Kind]) -> int:
        """W: the greatest of the parts."""
        return max(need.wait(need.windows) for need in map(self.need, self.parts(kinds)))

    def with_one_more(self, counter: Counter, services: Sequence[str], coming: Sequence[Counter]) -> Change | None:
        """The effect of a counter on the customers of some services whom it may serve, beside the open counters and
        those that are `coming`; None: none."""
        kinds = self.kinds(services, counter)
        found = []
        for part in self.parts(kinds) if kinds else ():
            need = self.need(part)
            windows = need.windows + sum(_serves(self.rules, other, part.kinds) for other in coming)
            before = need.wait(windows)
            handicap = min(_handicap(self.rules, counter, kind) or 0 for kind in part.kinds)
            found.append((not windows and before > 0, before, need.wait(windows + 1), -handicap))
        if not found:
            return None
        nobody, before, _, handicap = max(found)
        after = max(after for _, _, after, _ in found)
        # The first window always helps, however much work there is.
        return Change(before, after, nobody, -handicap) if nobody or after < before else None

    def with_one_less(self, counter: Counter) -> tuple[int, int]:
        """(W, W without it), of all kinds that an open counter serves as a window."""
        found = [(0, 0)]
        for services in groups(self.rules).values():
            for part in self.parts(self.kinds(services)):
                if counter.id in part.windows:
                    need = self.need(part)
                    found.append((need.wait(need.windows), need.wait(need.windows - 1)))
        return max(before for before, _ in found), max(after for _, after in found)

    def candidates(self, kinds: Sequence[Kind]) -> list[Counter]:
        """The counters that could be advised to open for some kinds, best first."""
        found = (self.rules.counters[id] for id in to_open(self.state, self.rules, kinds))
        return [counter for counter in found if not self.answered("open", counter.id)]

    def answered(self, action: str, counter: str) -> bool:
        """Whether the manager has recently declined or accepted such an advice."""
        declined = self.state.windows.declined.get((action, counter))
        return _lately(declined, self.at, DECLINED_FOR) or self.accepted(action, counter)

    def accepted(self, action: str, counter: str) -> bool:
        """Whether the manager has recently accepted it, and it has not been carried out yet."""
        return _lately(self.state.windows.accepted.get((action, counter)), self.at, ACCEPTED_FOR)

    def open_others(self, counter: Counter, services: Sequence[str], coming: Sequence[Counter]) -> tuple[str, ...]:
        """The counters that would serve the same customers if they opened instead of this one."""
        kinds = self.kinds(services, counter)
        others = (self.rules.counters[id] for id in to_open(self.state, self.rules, kinds))
        return tuple(
            other.id
            for other in others
            if other is not counter
            and other not in coming
            and any(
                (handicap := _handicap(self.rules, other, kind)) == 0
                or (handicap is not None and not self.windows[kind])
                for kind in kinds
            )
        )


def check(state: State, rules: Rules, at: Ms) -> tuple[dict[str, tuple[int, int, int, int]], list[Advice]]:
    """The contents of `WindowsChecked`: each group's figures, and the advice."""
    now = Check.of(state, rules, at)
    figures = {}
    advice = _unserved(now)
    # Checks of hours ago, before an outage, are not consecutive with this one.
    in_a_row = 0 <= at - state.windows.checked_at < 2 * CHECK_EVERY * 1000
    before = state.windows.checks if in_a_row else {}
    for group, services in groups(rules).items():
        kinds = now.kinds(services)
        wait, fewer = now.wait(kinds), _with_one_less(now, services)
        more, less = before.get(group, (0, 0))
        more = more + 1 if wait > OPEN_ABOVE * rules.target else 0
        less = less + 1 if now.together(kinds).windows and fewer < CLOSE_BELOW * rules.target else 0
        figures[group] = (wait, fewer, more, less)
        if more >= OPEN_CHECKS or wait > AT_ONCE * rules.target:
            instead = _by_profile(now, group, services)
            advice += [instead] if instead else _to_open(now, group, services, advice)
        elif less >= CLOSE_CHECKS:
            advice += _to_close(now, group, services, advice)
    return figures, advice


def _with_one_less(now: Check, services: Sequence[str]) -> int:
    """W without the window that is needed least, over the kinds that it serves."""
    open_ones = [c for c in open_counters(now.state, now.rules) if owns(now.rules, c, services)]
    if open_ones:
        return min(now.with_one_less(counter)[1] for counter in open_ones)
    need = now.need(now.together(now.kinds(services)))
    return need.wait(need.windows - 1)


def _on_their_way(now: Check) -> list[Counter]:
    """Counters that will be there soon: the manager has them opened, or their pause is about to end."""
    return [
        counter
        for id, counter in now.rules.counters.items()
        if now.accepted("open", id) or _is_back_soon(now, now.state.counter(id))
    ]


def _is_back_soon(now: Check, here: CounterState) -> bool:
    """Whether a counter's pause, by how long its reason takes, ends about now."""
    reason = now.rules.pauses.get(here.reason)
    if here.stage is not CounterStage.PAUSED or reason is None or not reason.seconds:
        return False
    return abs(here.since + reason.seconds * 1000 - now.at) <= BACK_SOON * 1000


def _unserved(now: Check) -> list[Advice]:
    """Advice for customers whom no open or coming window may serve: at once, whatever W is."""
    advice: list[Advice] = []
    coming = _on_their_way(now)
    waiting = {Kind(key.service, key.only) for key in now.state.lines}
    for group, services in groups(now.rules).items():
        for kind in now.kinds(services):
            served = now.windows[kind] or any(_serves(now.rules, counter, [kind]) for counter in coming)
            for counter in now.candidates([kind])[:1] if kind in waiting and not served else ():
                change = now.with_one_more(counter, services, coming)
                if change:
                    unless = now.open_others(counter, services, coming)
                    advice.append(Advice("open", counter.id, group, change.before, change.after, unless))
                    coming.append(counter)
    return advice


def _to_open(now: Check, group: str, services: Sequence[str], advice: Sequence[Advice]) -> Iterator[Advice]:
    """As many windows as needed, first for those who wait longest; preferably windows whose own work they are."""
    taken = {a.counter for a in advice}
    coming = [*_on_their_way(now), *(now.rules.counters[a.counter] for a in advice if a.group == group)]
    able = [counter for counter in now.candidates(now.kinds(services)) if counter.id not in taken]
    while True:
        changes = [(now.with_one_more(counter, services, coming), counter) for counter in able if counter not in coming]
        helping = [(c, counter) for c, counter in changes if c and c.before > OPEN_ABOVE * now.rules.target]
        if not helping:
            return
        change, counter = min(helping, key=lambda each: (not each[0].nobody, -each[0].before, each[0].handicap))
        unless = now.open_others(counter, services, coming)
        yield Advice("open", counter.id, group, change.before, change.after, unless)
        coming.append(counter)


def _to_close(now: Check, group: str, services: Sequence[str], advice: Sequence[Advice]) -> Iterator[Advice]:
    """At most one window, and none if one of the group is about to close."""
    taken = {a.counter for a in advice}
    open_ones = open_counters(now.state, now.rules)
    if any(now.accepted("close", counter.id) and owns(now.rules, counter, services) for counter in open_ones):
        return
    for id in to_close(now.state, now.rules, now.at, services):
        counter = now.rules.counters[id]
        before, after = now.with_one_less(counter)
        if after < CLOSE_BELOW * now.rules.target and id not in taken:
            others = tuple(c.id for c in open_ones if c is not counter and _shares(now, c, counter))
            if not now.answered("close", id):
                yield Advice("close", id, group, before, after, others)
            return


def _by_profile(now: Check, group: str, services: Sequence[str]) -> Advice | None:
    """Advice to change what an open counter serves, if that alone is enough for the group, and nobody else then waits
    too long or has no counter; None: nothing is enough. The change that leaves the shortest wait."""
    limit, rules = OPEN_ABOVE * now.rules.target, now.rules
    before = now.wait(now.kinds(services))
    found = []
    for counter in open_counters(now.state, rules):
        if now.answered("profile", counter.id) or owns(rules, counter, services):
            continue
        for profile in rules.counter_profiles.values():
            if not profile.fits(counter.id) or now.state.counter(counter.id).profile == profile.id:
                continue
            serving = {**now.state.serving, counter.id: profile.serves}
            after_rules = rules.configured.serving(serving)
            if not owns(after_rules, after_rules.counters[counter.id], services):
                continue
            if any(rules.owners(id) and not after_rules.owners(id) for id in rules.services):
                continue
            then = Check.of(now.state, after_rules, now.at)
            waits = {id: then.wait(then.kinds(theirs)) for id, theirs in groups(rules).items()}
            if max(waits.values()) <= limit and waits[group] < before:
                advice = Advice("profile", counter.id, group, before, waits[group], profile=profile.id)
                found.append((waits[group], advice))
    return min(found, key=lambda each: each[0])[1] if found else None


def _shares(now: Check, counter: Counter, other: Counter) -> bool:
    """Whether two open counters are windows for the same customers."""
    return any({counter.id, other.id} <= windows for windows in now.windows.values())


def _handicap(rules: Rules, counter: Counter, kind: Kind) -> int | None:
    return counter.handicap(kind.service, rules.default_class, kind.only)


def _serves(rules: Rules, counter: Counter, kinds: Sequence[Kind]) -> bool:
    return any(_handicap(rules, counter, kind) is not None for kind in kinds)


def _lately(when: Ms | None, at: Ms, seconds: int) -> bool:
    """Whether `when` was less than `seconds` ago; None: never."""
    return when is not None and abs(at - when) < seconds * 1000


def named(rules: Rules, advice: Sequence[Advice]) -> str:
    """The advised actions in a sentence, in the branch's language."""
    say = rules.wording.say
    return say("windows.and").join(say(f"windows.to_{a.action}", counter=a.counter) for a in advice)


def is_too_early(state: State, at: Ms) -> bool:
    """Whether the day's last check is so close to `at` (ms since 1970, UTC) that another one is ignored."""
    checked = state.windows.checked_at
    return checked > 0 and 0 <= at - checked < CHECK_AFTER * 1000


def is_over(state: State, rules: Rules, at: Ms) -> bool:
    """Whether the day's planned hours are over at `at` (ms since 1970, UTC), and no counter is open."""
    profile = rules.profile_on(state.day, state.profile)
    if profile is None or open_counters(state, rules):
        return False
    second = second_of(rules.local(at))
    if second < rules.rollover.total_seconds():
        second += DAY  # still the night after it
    return second >= profile.hours.end


def to_open(state: State, rules: Rules, kinds: Sequence[Kind]) -> Iterator[str]:
    """The counters that could serve these kinds, best first: those whose own work they are, then by handicap."""
    helps = []
    for order, (id, counter) in enumerate(rules.counters.items()):
        handicaps = [h for kind in kinds if (h := _handicap(rules, counter, kind)) is not None]
        if handicaps and state.counter(id).stage is not CounterStage.OPEN:
            helps.append((min(handicaps), order, id))
    yield from (id for _, _, id in sorted(helps))


def to_close(state: State, rules: Rules, at: Ms, services: Sequence[str]) -> Iterator[str]:
    """The counters that could close, the last to open first; each service keeps one whose own work it is."""
    open_ones = open_counters(state, rules)
    for counter in sorted(open_ones, key=lambda counter: -state.counter(counter.id).since):
        if not owns(rules, counter, services) or at - state.counter(counter.id).since < OPEN_FOR * 1000:
            continue
        own = [owners for service in rules.services if counter in (owners := rules.owners(service))]
        if all(any(other in open_ones and other is not counter for other in owners) for owners in own):
            yield counter.id
