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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.lobby.rules import Counter, Rules
from controller.lobby.state import State, Ticket


@dataclass(frozen=True, slots=True)
class Candidate:
    """The head of a line that a counter may serve, and the key it competes with (seconds since 1970, UTC)."""

    key: int
    order: int
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

    @property
    def passed(self) -> tuple[str, ...]:
        """The tickets that this call passes: earlier heads that are the counter's own work."""
        return tuple(
            c.ticket.id for c in self.candidates[1:] if c.handicap == 0 and c.ticket.seniority < self.ticket.seniority
        )


def pick(state: State, rules: Rules, counter: Counter) -> Pick | None:
    """The ticket that `counter` would call now; None if nobody waits whom it serves."""
    heads = [
        (ticket, handicap)
        for ticket in state.heads()
        if (handicap := counter.handicap(ticket.service, ticket.klass, ticket.only)) is not None
    ]
    if not heads:
        return None
    guard = any(handicap == 0 and ticket.passed >= rules.pass_limit for ticket, handicap in heads)
    candidates = sorted(
        (
            Candidate(
                ticket.seniority + handicap - (0 if guard else rules.credit(ticket.klass)),
                ticket.order,
                ticket,
                handicap,
            )
            for ticket, handicap in heads
        ),
        key=lambda c: (c.key, c.order),
    )
    return Pick(candidates[0].ticket, tuple(candidates), guard)


def why(rules: Rules, pick: Pick) -> Mapping[str, Any]:
    """The pick in one sentence in the branch's language, with the table behind it, for the journal."""
    return {
        "text": _sentence(rules, pick),
        "guard": pick.guard,
        "heads": [{"ticket": c.ticket.id, "key": c.key} for c in pick.candidates],
    }


def forced(rules: Rules, ticket: Ticket, counter: Counter) -> Mapping[str, Any]:
    """The same for a call that a person forced by hand."""
    text = rules.wording.say("why.forced", ticket=ticket.id, counter=counter.id)
    return {"text": text, "guard": False, "heads": []}


def _sentence(rules: Rules, pick: Pick) -> str:
    best, *others = pick.candidates
    say, ticket = rules.wording.say, best.ticket
    if not others:
        return say("why.alone", ticket=ticket.id)
    if pick.guard:
        return say("why.guard", ticket=ticket.id, limit=rules.pass_limit)
    credit = rules.credit(ticket.klass)
    earlier = next((c for c in others if c.ticket.seniority < ticket.seniority), None)
    if earlier and ticket.seniority - credit > earlier.ticket.seniority - rules.credit(earlier.ticket.klass):
        # It is not its credit that has put it first: the other counts as later here.
        ahead = _span(rules, ticket.seniority - earlier.ticket.seniority)
        handicap = earlier.handicap // 60
        return say("why.own", ticket=ticket.id, other=earlier.ticket.id, ahead=ahead, handicap=handicap)
    if earlier:
        counted = rules.local((ticket.seniority - credit) * 1000).strftime("%H:%M")
        klass = rules.class_name(ticket.klass)
        return say(
            "why.credit", ticket=ticket.id, klass=klass, credit=credit // 60, counted=counted, other=others[0].ticket.id
        )
    if best.handicap:
        return say("why.borrowed", ticket=ticket.id, handicap=best.handicap // 60, other=others[0].ticket.id)
    second = min((c.ticket for c in others), key=lambda other: other.place)
    return say("why.first", ticket=ticket.id, ahead=_span(rules, second.seniority - ticket.seniority), other=second.id)


def _span(rules: Rules, seconds: int) -> str:
    if seconds >= 60:
        return rules.wording.say("why.minutes", n=seconds // 60)
    return rules.wording.say("why.seconds", n=seconds)
