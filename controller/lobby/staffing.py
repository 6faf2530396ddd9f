"""Window advice: when to open another window, and when one could close.

Every few minutes, for each group of services that share windows: B is the work waiting (also that of the crowd which
the calendar expects at the door), m the mean time at the counter, lambda the arrivals to come (half those of the last
20 minutes, half what the calendar expects), s the open windows, and H how far ahead is looked. The wait to expect is

    W(s) = max(B / s, max(0, B + H (lambda m - s)) / s)

Opening is advised when W(s) is above 0.8 of the branch's target at two checks in a row, or far above it at one, as
many windows as it takes; closing when W(s - 1) is below half of it at three and the window has been open for half an
hour. An advice always says what it would change. In simulated days a lower bound for closing (0.3) kept windows open
for nothing, and waiting for the second check on a pension morning cost those at the door five minutes each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.lobby.calendar import second_of
from controller.lobby.rules import Counter, Rules
from controller.lobby.state import Advice, CounterStage, State, open_counters
from controller.lobby.waiting import at_the_door, seconds_at_counter

CHECK_EVERY = 5 * 60
"""Seconds between two checks."""
AHEAD = 15 * 60
"""H: seconds that are looked ahead."""
RECENT = 20 * 60
"""Seconds of arrivals that count as recent."""
OPEN_ABOVE, OPEN_CHECKS = 0.8, 2
CLOSE_BELOW, CLOSE_CHECKS = 0.5, 3
"""Parts of the target, and how many checks in a row."""
AT_ONCE = 1.6
"""The part of the target from which one check is enough."""
OPEN_FOR = 30 * 60
"""Seconds that a window is open at least before closing is advised."""
DECLINED_FOR = 30 * 60
"""Seconds in which an advice that was declined is not given again."""
NO_WINDOW = 2 * 3600
"""The wait in seconds that is reckoned with while no window is open."""


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


def owns(rules: Rules, counter: Counter, services: list[str]) -> bool:
    """Whether one of the services is the counter's own work."""
    return any(counter.handicap(service, rules.default_class) == 0 for service in services)


def need(state: State, rules: Rules, at: int, services: list[str]) -> Need:
    """What a group needs at `at` (ms since 1970, UTC)."""
    waiting = sum(
        len(line) * seconds_at_counter(state, rules, key.service, key.klass)
        for key, line in state.lines.items()
        if key.service in services
    )
    recent = [t.service for t in state.tickets.values() if 0 <= at - t.issued_at < RECENT * 1000]
    profile = rules.profile_on(state.day, state.profile)
    local = rules.local(at)
    second = second_of(local)
    by_calendar = profile.arrivals_at(second) / 3600 if profile else 0.0
    shares = rules.shares.get(state.profile) or dict.fromkeys(rules.services, 1.0)
    total = sum(shares.values()) or 1.0
    crowd = at_the_door(state, profile, second) if profile else 0.0
    load = 0.0
    for service in services:
        hours = rules.services[service].hours
        comes = hours is None or rules.calendar.is_open(hours, local)
        seconds = seconds_at_counter(state, rules, service, rules.default_class)
        part = shares.get(service, 0.0) / total
        load += seconds * (recent.count(service) / RECENT + by_calendar * part * comes) / 2
        waiting += seconds * crowd * part * comes
    open_ones = open_counters(state, rules)
    windows = sum(owns(rules, counter, services) for counter in open_ones)
    if not windows:  # those that only lend a hand serve them for the time being
        windows = sum(
            any(c.handicap(service, rules.default_class) is not None for service in services) for c in open_ones
        )
    return Need(waiting, load, windows)


def check(state: State, rules: Rules, at: int) -> tuple[dict[str, tuple[int, int, int, int]], list[Advice]]:
    """What `WindowsChecked` is to say: each group's figures, and the advice."""
    figures = {}
    advice: list[Advice] = []
    for group, services in groups(rules).items():
        now = need(state, rules, at, services)
        wait, fewer = now.wait(now.windows), now.wait(now.windows - 1)
        more, less = state.windows.checks.get(group, (0, 0))
        more = more + 1 if wait > OPEN_ABOVE * rules.target else 0
        less = less + 1 if now.windows and fewer < CLOSE_BELOW * rules.target else 0
        figures[group] = (wait, fewer, more, less)
        taken = {a.counter for a in advice}
        if more >= OPEN_CHECKS or wait > AT_ONCE * rules.target:
            windows = now.windows
            for counter in to_open(state, rules, services):
                if _declined(state, "open", counter, at):
                    continue
                before, after = now.wait(windows), now.wait(windows + 1)
                helps = after < before or not windows  # the first always does, however much work there is
                if counter not in taken and before > OPEN_ABOVE * rules.target and helps:
                    advice.append(Advice("open", counter, group, before, after))
                    windows += 1
        elif less >= CLOSE_CHECKS:
            counter = next((id for id in to_close(state, rules, at, services) if id not in taken), "")
            if counter and not _declined(state, "close", counter, at):
                advice.append(Advice("close", counter, group, wait, fewer))
    return figures, advice


def _declined(state: State, action: str, counter: str, at: int) -> bool:
    declined = state.windows.declined.get((action, counter))
    return declined is not None and abs(at - declined) < DECLINED_FOR * 1000


def to_open(state: State, rules: Rules, services: list[str]) -> Iterator[str]:
    """The counters that could help, best first: those whose own work it is, then by handicap."""
    helps = []
    for order, (id, counter) in enumerate(rules.counters.items()):
        handicaps = [h for s in services if (h := counter.handicap(s, rules.default_class)) is not None]
        if handicaps and state.counter(id).stage is not CounterStage.OPEN:
            helps.append((min(handicaps), order, id))
    yield from (id for _, _, id in sorted(helps))


def to_close(state: State, rules: Rules, at: int, services: list[str]) -> Iterator[str]:
    """The counters that could go, the last to open first; each service keeps one whose own work it is."""
    open_ones = open_counters(state, rules)
    for counter in sorted(open_ones, key=lambda counter: -state.counter(counter.id).since):
        if not owns(rules, counter, services) or at - state.counter(counter.id).since < OPEN_FOR * 1000:
            continue
        own = [owners for service in rules.services if counter in (owners := rules.owners(service))]
        if all(any(other in open_ones and other is not counter for other in owners) for owners in own):
            yield counter.id
