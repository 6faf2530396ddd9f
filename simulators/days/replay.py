"""A day of a journal again under other rules: the same customers, at the same times, with the same needs.

From the rows come who took a ticket when and for what, how long each was at the counter, who did not come, and when
each window was open. Who is called when, and by whom, is left to the rules. Calls that a person forced by hand are
left to the rules as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from controller.lobby import commands as cm
from controller.lobby import events as ev
from controller.lobby.calendar import DAY, Span, second_of
from controller.lobby.rules import Counter, Rules, Service, TicketClass
from controller.lobby.wording import Wording
from simulators.customers import Customer
from simulators.days.scores import minutes
from simulators.days.simulation import Waited, waits_by
from simulators.days.virtual import Leg, VirtualDay, VirtualLobby

FOREVER = float("inf")
NOBODY_KNOWS = 4 * 60.0
"""Seconds at the counter of a customer who never got there."""
NAMED = 10
"""Customers who are named in a comparison: those for whom most changes."""

Day = Sequence[tuple[int, ev.Event]]
"""A business day's events with their times, ms since 1970, UTC."""


@dataclass(slots=True)
class _Ticket:
    """What the journal tells of one ticket."""

    issued: ev.TicketIssued
    at: int
    legs: list[Leg] = field(default_factory=list)
    """Where it was served, the first leg at the service it was issued for."""
    next: tuple[str, str] = ("", "")
    seconds: float = 0.0
    since: int = 0
    held: bool = False
    waited: float = -1.0
    misses: int = 0
    returns: int = 0
    changes: list[tuple[int, ev.Event]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Compared:
    """Both days. `pairs` maps a ticket's number in the journal to its number in the other day."""

    was: list[Waited]
    would_be: list[Waited]
    pairs: Mapping[str, str]
    changed: list[tuple[str, str, float, float]]
    """(ticket, class, seconds as it was, seconds as it would be), the greatest change first."""
    rows: Day
    left_out: int
    """Tickets that the other configuration does not give."""


def bare_rules(events: Day, zone: Any, wording: Wording) -> Rules:
    """Rules that know the ids of a day and nothing else, to show it as it was."""
    services, classes, counters = {}, {}, {}
    for _, event in events:
        match event:
            case ev.TicketIssued(ticket=ticket, service=service, klass=klass):
                prefix = ticket.rstrip("0123456789")
                services[service] = Service(service, service, prefix)
                classes[klass] = TicketClass(klass, klass)
            case ev.TicketCalled(counter=counter) | ev.CounterOpened(counter=counter):
                counters[counter] = Counter(counter, {})
    default = next(iter(services), "")
    return Rules("", "", zone, wording, services, classes, counters, default)


def as_it_was(events: Day) -> list[Waited]:
    """How long everybody waited who was called."""
    return _waited(_tickets(events))


def compare(events: Day, day: str, rules: Rules) -> Compared:
    """The day under other rules."""
    tickets = _tickets(events)
    known = {
        id: t for id, t in tickets.items() if t.issued.service in rules.services and t.issued.klass in rules.classes
    }
    midnight = date.fromisoformat(day)
    numbers = dict(enumerate(known, 1))
    lobby = VirtualLobby(rules)
    pairs: dict[str, str] = {}
    spans = _shifts(events, rules)

    def issued(at: int, customer: Customer, ticket: str) -> None:
        pairs[numbers[customer.number]] = ticket

    def take(customer: Customer, command: cm.TakeTicket) -> cm.TakeTicket:
        return _press(command, known[numbers[customer.number]].issued, rules)

    virtual = VirtualDay(
        lobby,
        midnight,
        [_customer(n, known[id], rules) for n, id in numbers.items()],
        shifts=lambda counter: spans.get(counter, ()),
        legs=lambda customer: [
            leg
            for leg in known[numbers[customer.number]].legs[1:]
            if (leg.service or leg.counter) in (rules.counters if leg.counter else rules.services)
        ],
        walk=0,
        take=take,
        issued=issued,
    )
    for id, ticket in known.items():
        for at, change in ticket.changes:
            virtual.later(at, lambda at, id=id, change=change: _change(virtual, at, pairs.get(id, ""), change))  # type: ignore[misc]
    virtual.run()
    rows = [(row.at, row.event) for row in lobby.rows]
    would_be = _tickets(rows)
    changed = [
        (id, known[id].issued.klass, known[id].waited, would_be[other].waited)
        for id, other in pairs.items()
        if known[id].waited >= 0 and would_be[other].waited >= 0
    ]
    changed.sort(key=lambda each: -abs(each[3] - each[2]))
    return Compared(_waited(tickets), _waited(would_be), pairs, changed, rows, len(tickets) - len(pairs))


def report(compared: Compared, by: str) -> dict[str, Any]:
    """Side by side by `klass` or `service`, in minutes."""
    was, would_be = waits_by(compared.was, by), waits_by(compared.would_be, by)
    return {
        group: {side: waits[group] for side, waits in (("was", was), ("would_be", would_be)) if group in waits}
        for group in [*was, *(group for group in would_be if group not in was)]
    }


def most_changed(compared: Compared) -> list[dict[str, Any]]:
    """The customers for whom most changes, in minutes."""
    return [
        {"ticket": id, "class": klass, "was": minutes(was), "would_be": minutes(would_be)}
        for id, klass, was, would_be in compared.changed[:NAMED]
    ]


# -- reading a day -----------------------------------------------------------------------------------------------------


def _tickets(events: Day) -> dict[str, _Ticket]:
    tickets: dict[str, _Ticket] = {}
    for at, event in events:
        match event:
            case ev.TicketIssued():
                tickets[event.ticket] = _Ticket(event, at)
            case ev.TicketCalled():
                ticket = tickets[event.ticket]
                ticket.since, ticket.held = at, False
                if ticket.waited < 0:
                    ticket.waited = max(0, at - ticket.at) / 1000
            case ev.TicketFinished() | ev.TicketHeld() | ev.TicketTransferred() | ev.TicketMissed():
                ticket = tickets[event.ticket]
                if isinstance(event, ev.TicketMissed):
                    ticket.misses += 1
                    continue
                ticket.seconds += max(0, at - ticket.since) / 1000
                ticket.held = isinstance(event, ev.TicketHeld)
                if not ticket.held:
                    ticket.legs.append(Leg(*ticket.next, ticket.seconds))
                    ticket.seconds = 0.0
                if isinstance(event, ev.TicketTransferred):
                    ticket.next = ("", event.counter) if event.counter else (event.service, "")
            case ev.TicketReturned():
                tickets[event.ticket].returns += 1
            case ev.TicketPromoted() | ev.TicketRestored() | ev.TicketCancelled():
                tickets[event.ticket].changes.append((at, event))
            case ev.TicketReassigned():
                ticket = tickets[event.ticket]
                if ticket.held and event.by.startswith("counter/"):
                    # Parked and then sent on: what a transfer does in one.
                    ticket.legs.append(Leg(*ticket.next, ticket.seconds))
                    ticket.seconds, ticket.next = 0.0, (event.service or "", event.counter or "")
                elif event.by_hand:
                    ticket.changes.append((at, event))
                ticket.held = False
    return tickets


def _waited(tickets: Mapping[str, _Ticket]) -> list[Waited]:
    """In the order of issue, with how many later ones of the same service were called before each."""
    called = [t for t in tickets.values() if t.waited >= 0]
    return [
        Waited(
            t.issued.klass,
            t.issued.service,
            t.waited,
            sum(
                other.issued.service == t.issued.service
                and other.issued.seniority > t.issued.seniority
                and other.at + other.waited * 1000 < t.at + t.waited * 1000
                for other in called
            ),
        )
        for t in called
    ]


def _customer(number: int, ticket: _Ticket, rules: Rules) -> Customer:
    seconds = ticket.legs[0].seconds if ticket.legs else NOBODY_KNOWS
    return Customer(
        number=number,
        arrives=_second(ticket.at, rules),
        service=ticket.issued.service,
        klass=ticket.issued.klass,
        service_time=seconds,
        misses=ticket.misses,
        returns=ticket.returns,
        patience=FOREVER,
    )


def _press(command: cm.TakeTicket, issued: ev.TicketIssued, rules: Rules) -> cm.TakeTicket:
    """What the customer pressed then: who gave the ticket, and an appointment if the branch has that slot."""
    slot = rules.local(issued.slot * 1000) if issued.slot is not None else None
    has_slot = slot is not None and second_of(slot) in rules.appointments.slots
    return replace(
        command,
        by=issued.by,
        granted=issued.by.startswith("panel"),
        reason=issued.reason,
        form=bool(issued.form),
        needs=tuple(issued.needs or ()),
        slot=slot.strftime("%H:%M") if slot and has_slot else "",
    )


def _second(at: int, rules: Rules) -> float:
    """Seconds since local midnight."""
    return second_of(rules.local(at)) + at % 1000 / 1000


def _shifts(events: Day, rules: Rules) -> dict[str, list[Span]]:
    """When each counter was open."""
    opened: dict[str, int] = {}
    spans: dict[str, list[Span]] = defaultdict(list)
    for at, event in events:
        match event:
            case ev.CounterOpened():
                opened.setdefault(event.counter, at)
            case ev.CounterPaused() | ev.CounterClosed():
                if event.counter in opened:
                    _add(spans, event.counter, opened.pop(event.counter), at, rules)
    last = max((at for at, _ in events), default=0)
    for counter, at in opened.items():
        _add(spans, counter, at, last, rules)
    return spans


def _add(spans: dict[str, list[Span]], counter: str, begin: int, end: int, rules: Rules) -> None:
    start, stop = int(_second(begin, rules)), int(_second(end, rules))
    spans[counter].append(Span(start, stop if stop > start else DAY - 1))


def _change(virtual: VirtualDay, at: int, ticket: str, change: ev.Event) -> None:
    """What a person did to a ticket, done again; whether it is still possible is up to the rules."""
    cause = virtual.cause()
    command: cm.Command
    match change:
        case ev.TicketPromoted(klass=klass, reason=reason, by=by):
            command = cm.Promote(at=at, cause=cause, by=by, ticket=ticket, klass=klass, reason=reason)
        case ev.TicketRestored(by=by):
            command = cm.Undo(at=at, cause=cause, by=by, ticket=ticket)
        case ev.TicketCancelled(by=by, reason=reason):
            command = cm.Cancel(at=at, cause=cause, by=by, ticket=ticket, reason=reason)
        case ev.TicketReassigned(by=by, service=service, counter=counter):
            command = cm.Reassign(
                at=at, cause=cause, by=by, ticket=ticket, service=service or "", counter=counter or ""
            )
        case _:
            return
    if ticket:
        virtual.do(command)
