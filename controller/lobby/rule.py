"""Which ticket is next: the "minutes" rule.

For a counter w and the head i of each line::

    key(w, i) = seniority(i) - credit[class(i)] + handicap[w, service(i), class(i)]

The smallest key is called; a tie goes to the ticket issued earlier. To a lobby manager: "A VIP counts as having come 10
minutes earlier, green channel 60. A borrowed customer counts as later. After five have passed you, the next call
ignores privilege."

Because the credit is fixed, the order of two waiting tickets never changes with time: positions told to customers stay
true, and overtaking is bounded in minutes. The guard bounds it in customers: `passed(i)` counts the calls of a later
ticket made while i was the head of its line, by a counter whose own work i is; when an eligible head has been passed
K times, credits are dropped for that call.

One pick looks at the head of each line only: its cost does not grow with the number waiting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import State, Ticket
from controller.lobby.model.units import Ms, Seconds, in_ms, in_seconds


class Head(NamedTuple):
    """The head of a line that a counter may serve, with its sort key: the smallest is called. All times in seconds."""

    key: int
    """The key, in seconds since 1970, UTC."""
    order: int
    fair: int
    """The same without privilege, for the guard."""
    seniority: Seconds
    handicap: int
    passed: int
    early: bool
    """An appointment before its time: called only if there is nobody else."""
    line: Any
    """Identifies the line to the caller."""

    @classmethod
    def of(
        cls, seniority: Seconds, order: int, credit: int, handicap: int, passed: int, early: bool, line: Any
    ) -> Head:
        """The head, with its keys."""
        fair = seniority + handicap
        return cls(fair - credit, order, fair, seniority, handicap, passed, early, line)


def rank(heads: Sequence[Head], pass_limit: int) -> tuple[list[Head], bool]:
    """The rule itself: heads in the order in which they would be called, and whether the guard applies.

    `heads` must not be empty; no two have the same order of issue.
    """
    ready = [head for head in heads if not head.early] or list(heads)
    guard = any(head.passed >= pass_limit and head.handicap == 0 for head in ready)
    if guard:
        ready.sort(key=lambda head: (head.fair, head.order))
    else:
        ready.sort()
    return ready, guard


@dataclass(frozen=True, slots=True)
class Candidate:
    """The head of a line that a counter may serve, and its key (seconds since 1970, UTC)."""

    key: int
    ticket: Ticket
    handicap: int


@dataclass(frozen=True, slots=True)
class Pick:
    """The next ticket for a counter, and why."""

    ticket: Ticket
    candidates: tuple[Candidate, ...]
    """Best first; the first is the ticket's."""
    guard: bool
    """Whether credits were dropped for this call."""
    early: bool
    """Whether it is an appointment that is called before its time, since nobody else may be called."""
    alone: bool
    """Whether no other ticket that the counter serves is waiting, in any line."""

    @property
    def passed(self) -> tuple[str, ...]:
        """The tickets that this call passes: earlier heads that are the counter's own work."""
        return tuple(
            c.ticket.id for c in self.candidates[1:] if c.handicap == 0 and c.ticket.seniority < self.ticket.seniority
        )


def pick(state: State, rules: Rules, counter: Counter, at: Ms) -> Pick | None:
    """The ticket that `counter` would call at `at` (ms since 1970, UTC); None if nobody waits whom it serves."""
    now = in_seconds(at)
    heads = [
        Head.of(
            ticket.seniority,
            ticket.order,
            rules.credit(ticket.klass),
            handicap,
            ticket.passed,
            ticket.not_before > now,
            ticket,
        )
        for ticket in state.heads()
        if (handicap := counter.handicap(ticket.service, ticket.klass, ticket.only)) is not None
    ]
    if not heads:
        return None
    ranked, guard = rank(heads, rules.pass_limit)
    candidates = tuple(Candidate(head.fair if guard else head.key, head.line, head.handicap) for head in ranked)
    alone = len(heads) == 1 and len(state.lines[candidates[0].ticket.line]) == 1
    return Pick(candidates[0].ticket, candidates, guard, ranked[0].early, alone)


def effect(state: State, rules: Rules, counter: Counter, pick: Pick, at: Ms) -> tuple[int, int, int] | None:
    """The effect of the ticket's class on this call: [customers who would be called before it if no class had credit,
    by how many seconds in all, at most]; None: none."""
    best, now = pick.candidates[0], in_seconds(at)
    if pick.guard or not rules.credit(best.ticket.klass):
        return None
    fair = best.ticket.seniority + best.handicap
    ahead: list[int] = []
    for key, line in state.lines.items():
        handicap = counter.handicap(key.service, key.klass, key.only)
        if handicap is not None:
            for place in islice(line, line.bisect_left((fair - handicap, best.ticket.order))):
                if not key.slot or state.tickets[place.ticket].not_before <= now:
                    ahead.append(fair - handicap - place.seniority)
    return (len(ahead), sum(ahead), max(ahead)) if ahead else None


def why(rules: Rules, pick: Pick) -> Mapping[str, Any]:
    """The reason for a pick, for the journal: one sentence in the branch's language, and the keys it rests on."""
    return {
        "text": _sentence(rules, pick),
        "guard": pick.guard,
        "heads": [{"ticket": c.ticket.id, "key": c.key} for c in pick.candidates],
    }


def forced(state: State, rules: Rules, ticket: Ticket, counter: Counter, at: Ms) -> Mapping[str, Any]:
    """The same for a call by hand, with the heads that the rule would have put first."""
    text = rules.wording.say("why.forced", ticket=ticket.id, counter=counter.id)
    rule = pick(state, rules, counter, at)
    heads = [{"ticket": c.ticket.id, "key": c.key} for c in rule.candidates] if rule else []
    return {"text": text, "guard": False, "heads": heads}


def _sentence(rules: Rules, pick: Pick) -> str:
    best, *others = pick.candidates
    say, ticket = rules.wording.say, best.ticket
    if pick.early:
        return say("why.early", ticket=ticket.id, slot=_clock(rules, ticket.seniority))
    if not others:
        return say("why.alone" if pick.alone else "why.line", ticket=ticket.id, mine=came(rules, ticket))
    if pick.guard:
        passed = max((c.ticket for c in pick.candidates if c.handicap == 0), key=lambda t: t.passed)
        return say("why.guard", ticket=ticket.id, limit=passed.passed, other=passed.id)
    earlier = min((c for c in others if c.ticket.place < ticket.place), key=lambda c: c.ticket.place, default=None)
    if earlier is None:
        if best.handicap > others[0].handicap:
            return say("why.borrowed", ticket=ticket.id, handicap=best.handicap // 60, other=others[0].ticket.id)
        second = min((c.ticket for c in others), key=lambda other: other.place)
        if second.seniority == ticket.seniority:
            return say("why.number", ticket=ticket.id, other=second.id)
        mine, theirs = came(rules, ticket, second), came(rules, second, ticket)
        return say("why.first", ticket=ticket.id, mine=mine, other=second.id, theirs=theirs)
    theirs = came(rules, earlier.ticket, ticket)
    if _counted(rules, ticket) > _counted(rules, earlier.ticket):
        # Not its credit has put it first: the other counts as later here.
        mine = came(rules, ticket, earlier.ticket)
        handicap = earlier.handicap // 60
        return say("why.own", ticket=ticket.id, mine=mine, other=earlier.ticket.id, theirs=theirs, handicap=handicap)
    return say(
        "why.credit_borrowed" if best.handicap else "why.credit",
        ticket=ticket.id,
        klass=rules.class_name(ticket.klass),
        credit=rules.credit(ticket.klass) // 60,
        handicap=best.handicap // 60,
        counted=_clock(rules, Seconds(best.key)),
        other=earlier.ticket.id,
        theirs=theirs,
    )


def _counted(rules: Rules, ticket: Ticket) -> tuple[int, int]:
    """When a ticket counts as having come, by its class alone."""
    return ticket.seniority - rules.credit(ticket.klass), ticket.order


def came(rules: Rules, ticket: Ticket, other: Ticket | None = None) -> str:
    """When a ticket's customer came, or counts as having come; to the second if `other` came in the same minute."""
    same = other is not None and ticket.seniority // 60 == other.seniority // 60
    at = _clock(rules, ticket.seniority, "%H:%M:%S" if same else "%H:%M")
    if ticket.booked == ticket.seniority:
        return rules.wording.say("why.slot", at=at)
    return rules.wording.say("why.came" if in_seconds(ticket.issued_at) == ticket.seniority else "why.counts", at=at)


def _clock(rules: Rules, seconds: Seconds, form: str = "%H:%M") -> str:
    return rules.local(in_ms(seconds)).strftime(form)
