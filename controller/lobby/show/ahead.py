"""How many come before a customer: the one number for ticket buttons, tickets, phones and the console."""

from __future__ import annotations

from itertools import islice

from controller.lobby.forecast import waiting
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import CounterStage, Place, State, Ticket
from controller.lobby.model.units import Ms, Seconds, in_seconds


def ahead_of(state: State, rules: Rules, ticket: Ticket, at: Ms) -> int:
    """How many waiting tickets come before `ticket` by the rule at `at` (ms since 1970, UTC), at the counter where they
    are fewest: of the open ones that may serve it, else of all. The guard is left out of it.

    Appointments before their time do not count, unless it is one itself.
    """
    known = [c for c in rules.counters.values() if c.handicap(ticket.service, ticket.klass, ticket.only) is not None]
    there = [c for c in known if state.counter(c.id).stage is CounterStage.OPEN] or known
    # Counters with the same work have the same number: the console asks for every ticket in its list.
    alike = {(c.handicap(*ticket.line[:3]), *(c.handicap(*key[:3]) for key in state.lines)): c for c in there}
    return min((ahead_at(state, rules, counter, ticket, at) for counter in alike.values()), default=0)


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
