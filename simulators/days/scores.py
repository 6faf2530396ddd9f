"""The accuracy of estimated waits: ours and five baselines, against the actual waits.

Only tickets that found no free counter are scored; the others do not wait. Those without an estimate that waited all
the same are counted. Every estimate is made when the ticket is issued, from what was known then, for its service:

* `les`: the wait of the last customer to be called today (last to enter service);
* `hol`: how long the one at the head of the line has waited by now;
* `ql`: customers waiting x mean service time / open windows that serve them (queue length);
* `last5`: the mean wait of the last five who were called today;
* `hour`: the mean wait of that hour of the day, of earlier days of the same kind and today so far.

A baseline without data yet gives the value of `ql`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.cancel import TicketCancelled
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.event import Event
from controller.lobby.actions.promote import TicketPromoted
from controller.lobby.actions.reassign import TicketReassigned
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.actions.undo import TicketRestored
from controller.lobby.forecast.waiting import seconds_at_counter
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State, open_counters
from controller.lobby.model.units import NEVER, Ms, between

BASELINES = ("les", "hol", "ql", "last5", "hour")
FIRST = 30 * 60
"""Seconds after the day's first ticket that are scored separately as well."""
WAITED = 60
"""Seconds above which a customer without an estimate counts as having waited."""


@dataclass(slots=True)
class Guess:
    """One ticket: the estimate that was told, those of the baselines, and the actual wait, all in seconds."""

    klass: str
    service: str
    day: str
    into_day: float
    """Seconds since the day's first ticket."""
    told: Sequence[int]
    """[least, middle, most]; empty: nothing."""
    guesses: dict[str, float]
    actual: float = -1.0

    @property
    def inside(self) -> bool:
        """Whether the wait lay in the range that was told, its ends included."""
        return self.told[0] <= self.actual <= self.told[2]


@dataclass(slots=True)
class _Service:
    last: deque[float] = field(default_factory=lambda: deque(maxlen=5))
    by_hour: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    """(profile, hour) -> [customers, seconds they waited]."""


class Scorer:
    """Observes a lobby's events, with the state after each. `guesses`: of tickets that have been called."""

    def __init__(self, rules: Rules, state: State) -> None:
        self._rules = rules
        self._state = state
        self.guesses: list[Guess] = []
        self._open: dict[str, Guess] = {}
        self._services: dict[str, _Service] = defaultdict(_Service)
        self._first = NEVER

    def heard(self, at: Ms, event: Event) -> None:
        """One event."""
        match event:
            case DayOpened():
                self._open.clear()
                self._first = NEVER
                for known in self._services.values():
                    known.last.clear()
            case TicketIssued():
                self._first = self._first or at
                guesses = self._guesses(event.service, at, event.ticket) if event.expected else {}
                into = between(self._first, at)
                told = event.expected or ()
                self._open[event.ticket] = Guess(event.klass, event.service, self._state.day, into, told, guesses)
            case TicketPromoted() | TicketTransferred() | TicketReassigned() | TicketRestored() | TicketCancelled():
                self._open.pop(event.ticket, None)
            case TicketCalled():
                ticket = self._state.tickets[event.ticket]
                if ticket.called_at != at or ticket.untimed:
                    return
                waited = between(ticket.issued_at, at)
                service = self._services[ticket.service]
                service.last.append(waited)
                total = service.by_hour[self._state.profile, self._rules.local(ticket.issued_at).hour]
                total[0] += 1
                total[1] += waited
                guess = self._open.pop(event.ticket, None)
                if guess and not event.forced and (guess.told or waited > WAITED):
                    guess.actual = waited
                    self.guesses.append(guess)

    def _guesses(self, id: str, at: Ms, newcomer: str) -> dict[str, float]:
        state, rules, service = self._state, self._rules, self._services[id]
        waiting, oldest = 0, at
        for key, line in state.lines.items():
            if key.service == id:
                waiting += len(line)
                first = line[0].ticket
                if first != newcomer:
                    oldest = min(oldest, state.tickets[first].issued_at)
        windows = sum(id in counter.serves for counter in open_counters(state, rules))
        ql = waiting * seconds_at_counter(state, rules, id, rules.default_class) / max(1, windows)
        count, total = service.by_hour[state.profile, rules.local(at).hour]
        return {
            "les": service.last[-1] if service.last else ql,
            "hol": between(oldest, at),
            "ql": ql,
            "last5": fmean(service.last) if service.last else ql,
            "hour": total / count if count else ql,
        }


def minutes(seconds: float) -> float:
    """Rounded to hundredths."""
    return round(seconds / 60, 2)


def score(guesses: Iterable[Guess]) -> dict[str, object]:
    """The score of a set of estimates: in minutes, and `coverage80`, from 0 to 1, of the range that people were told.

    `not_told`: how many without an estimate waited, and how long on average; they count in nothing else."""
    told_or_not = list(guesses)
    guesses = [guess for guess in told_or_not if guess.told]
    untold = [guess.actual for guess in told_or_not if not guess.told]
    mae = _mae(guesses)
    n = len(guesses)
    return {
        "n": n,
        "mae": mae(lambda g: g.told[1]),
        "bias": minutes(fmean(g.told[1] - g.actual for g in guesses)) if n else 0.0,
        "coverage80": round(sum(g.inside for g in guesses) / n, 4) if n else 0.0,
        "width80": minutes(fmean(g.told[2] - g.told[0] for g in guesses)) if n else 0.0,
        "not_told": {"n": len(untold), "mean": minutes(fmean(untold)) if untold else 0.0},
        "baselines": {name: mae(lambda g, name=name: g.guesses[name]) for name in BASELINES},  # type: ignore[misc]
    }


def _mae(guesses: Sequence[Guess]) -> Callable[[Callable[[Guess], float]], float]:
    def mae(guess: Callable[[Guess], float]) -> float:
        return minutes(fmean(abs(guess(g) - g.actual) for g in guesses)) if guesses else 0.0

    return mae
