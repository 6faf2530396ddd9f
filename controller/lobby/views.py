"""What each display should show now: pure functions of the state, computed again after every change.

Displays are levels: whoever was away is simply told the present view again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from controller.lobby import calling
from controller.lobby.rules import Counter, Rules
from controller.lobby.state import CounterStage, Stage, State, Ticket

SOON = 3
"""How many of the next tickets a board announces."""


def waiting_by_service(state: State, rules: Rules) -> dict[str, int]:
    """The number waiting for each configured service."""
    counts = dict.fromkeys(rules.services, 0)
    for key, line in state.lines.items():
        counts[key.service] = counts.get(key.service, 0) + len(line)
    return counts


def waiting_for(state: State, counter: Counter) -> int:
    """The number waiting whom this counter may serve."""
    return sum(
        len(line) for key, line in state.lines.items() if counter.handicap(key.service, key.klass, key.only) is not None
    )


def ahead_of(state: State, rules: Rules, ticket: Ticket) -> int:
    """The number waiting for the same service who come before `ticket` by the rule."""
    rank = (ticket.seniority - rules.credit(ticket.klass), ticket.order)
    count = 0
    for key, line in state.lines.items():
        if key.service == ticket.service:
            # Compared without the name: no two tickets have the same order of issue.
            count += line.bisect_left((rank[0] + rules.credit(key.klass), rank[1]))
    return count


def soon(state: State, rules: Rules) -> list[str]:
    """The next few tickets, whoever calls them."""
    first = (
        (place.seniority - rules.credit(key.klass), place.order, place.ticket)
        for key, line in state.lines.items()
        for place in islice(line, SOON)
    )
    return [ticket for _, _, ticket in sorted(first)[:SOON]]


def board(state: State, rules: Rules, notices: Sequence[str]) -> dict[str, Any]:
    """The hall's state for MQTT boards: calls newest first, who is next, how many wait for what."""
    return {
        "calls": [{"ticket": c.ticket, "counter": c.counter, "at": c.at} for c in state.calls],
        "soon": soon(state, rules),
        "waiting": waiting_by_service(state, rules),
        "notices": list(notices),
    }


def hall_lines(state: State, rules: Rules, lines: int) -> list[str]:
    """The hall board's text, newest call first."""
    return [rules.wording.say("board.call", ticket=call.ticket, counter=call.counter) for call in state.calls[:lines]]


def window_lines(state: State, rules: Rules, counter: str) -> tuple[str, str]:
    """The two lines of a window's own display: the ticket in hand, or what the counter is doing."""
    here = state.counter(counter)
    name = rules.wording.say("window.counter", counter=counter)
    if here.ticket:
        return rules.wording.say("window.ticket", ticket=here.ticket), name
    return rules.wording.say(f"window.{here.stage}"), name


def screen(state: State, rules: Rules, counter: Counter) -> dict[str, Any]:
    """What a counter's own keypad shows: `state` is closed, open, paused, called or serving."""
    here = state.counter(counter.id)
    pick = calling.pick(state, rules, counter)
    stage: Stage | CounterStage = state.tickets[here.ticket].stage if here.ticket else here.stage
    return {
        "ticket": here.ticket,
        "state": str(stage),
        "waiting": waiting_for(state, counter),
        "next": pick.ticket.id if pick else "",
        "text": rules.wording.say(f"screen.{stage}", ticket=here.ticket, counter=counter.id),
    }


def ticket_fields(state: State, rules: Rules, ticket: Ticket) -> dict[str, str]:
    """What a ticket's layout can print; a field that does not apply is empty.

    The QR code names branch, day and ticket, nothing of the customer.
    """
    return {
        "branch": rules.branch_name,
        "ticket": ticket.id,
        "service": rules.service_name(ticket.service),
        "class": "" if ticket.klass == rules.default_class else rules.class_name(ticket.klass),
        "ahead": str(ahead_of(state, rules, ticket)),
        "time": rules.local(ticket.issued_at).strftime("%Y-%m-%d %H:%M"),
        "reprint": rules.wording.say("ticket.reprint") if ticket.copies > 1 else "",
        "qr": f"lobby:{rules.branch}:{state.day}:{ticket.id}",
    }
