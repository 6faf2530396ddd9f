"""How many come before a customer: the one number for ticket buttons, tickets, phones and the console."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import islice

from controller.lobby.forecast import waiting
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import CounterStage, LineKey, Place, State, Ticket
from controller.lobby.model.units import Ms, Seconds, in_seconds

Order = tuple[list[tuple[Seconds, int]], list[tuple[Seconds, int]]]
"""Whom a counter may serve, by (seniority in its eyes, order of issue): those who may be called now, and appointments
before their time."""


def ahead_of(state: State, rules: Rules, ticket: Ticket, at: Ms) -> int:
    """How many waiting tickets come before `ticket` by the rule at `at` (ms since 1970, UTC), at the counter where they
    are fewest: of the open ones that may serve it, else of all. The guard is left out of it.

    Appointments before their time do not count, unless it is one itself.
    """
    there = _who_may_serve(state, rules, ticket.line)
    # Counters with the same work have the same number.
    alike = {(c.handicap(*ticket.line[:3]), *(c.handicap(*key[:3]) for key in state.lines)): c for c in there}
    return min((ahead_at(state, rules, counter, ticket, at) for counter in alike.values()), default=0)


def ahead_of_all(state: State, rules: Rules, tickets: Iterable[Ticket], at: Ms) -> dict[str, int]:
    """The same for many waiting tickets, by their ids: everybody is put in order once for each sort of counter."""
    now = in_seconds(at)
    lines = list(state.lines)
    sorts = {c.id: tuple(c.handicap(*key[:3]) for key in lines) for c in rules.counters.values()}
    orders: dict[tuple[int | None, ...], Order] = {}
    """By the handicaps of each line at such a counter."""
    by_line: dict[LineKey, list[tuple[int, Order]]] = {}
    found = {}
    for ticket in tickets:
        line = ticket.line
        if line not in by_line:
            alike = {sorts[c.id] for c in _who_may_serve(state, rules, line)}
            for sort in alike - orders.keys():
                orders[sort] = _order(state, rules, dict(zip(lines, sort, strict=True)), now)
            of_line = lines.index(line)
            by_line[line] = [(sort[of_line] or 0, orders[sort]) for sort in alike]
        rank, early = ticket.seniority - rules.credit(ticket.klass), ticket.not_before > now
        found[ticket.id] = min(
            (
                len(ready) + bisect_left(later, (rank + own, ticket.order))
                if early
                else bisect_left(ready, (rank + own, ticket.order))
                for own, (ready, later) in by_line[line]
            ),
            default=0,
        )
    return found


def _who_may_serve(state: State, rules: Rules, line: LineKey) -> list[Counter]:
    """The open counters that may serve a line; where none is open, all."""
    known = [c for c in rules.counters.values() if c.handicap(*line[:3]) is not None]
    return [c for c in known if state.counter(c.id).stage is CounterStage.OPEN] or known


def _order(state: State, rules: Rules, handicaps: dict[LineKey, int | None], now: Seconds) -> Order:
    """Everybody whom a counter with these handicaps may serve."""
    ready: list[tuple[Seconds, int]] = []
    later: list[tuple[Seconds, int]] = []
    for key, handicap in handicaps.items():
        if handicap is None:
            continue
        behind = handicap - rules.credit(key.klass)
        for place in state.lines[key]:
            early = key.slot and is_early(state, place, now)
            (later if early else ready).append((Seconds(place.seniority + behind), place.order))
    ready.sort()
    later.sort()
    return ready, later


def ahead_of_newcomer(state: State, rules: Rules, service: str, at: Ms) -> int:
    """The same for a customer of the usual class who takes a ticket for a service at `at`."""
    return ahead_of(state, rules, waiting.newcomer(state, rules, at, service), at)


def ahead_at(state: State, rules: Rules, counter: Counter, ticket: Ticket, at: Ms) -> int:
    """The same at one counter, which may serve the ticket."""
    own = counter.handicap(ticket.service, ticket.klass, ticket.only) or 0
    rank = ticket.seniority - rules.credit(ticket.klass) + own
    now = in_seconds(at)
    early = ticket.not_before > now
    count = 0
    for key, line in state.lines.items():
        handicap = counter.handicap(key.service, key.klass, key.only)
        if handicap is None:
            continue
        if early and not key.slot:
            count += len(line)
            continue
        # Compared without the name: no two tickets have the same order of issue.
        before = line.bisect_left((rank + rules.credit(key.klass) - handicap, ticket.order))
        count += before
        if key.slot and early:
            count += sum(not is_early(state, place, now) for place in islice(line, before, None))
        elif key.slot:
            count -= sum(is_early(state, place, now) for place in islice(line, before))
    return count


def is_early(state: State, place: Place, now: Seconds) -> bool:
    """Whether a waiting ticket is an appointment before its time."""
    return state.tickets[place.ticket].not_before > now
