"""Why a ticket was called, or why it is not next: one sentence, and the table it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.lobby import rule
from controller.lobby.forecast import waiting
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import ENDED, IN_HAND, Stage, State, Ticket, open_counters
from controller.lobby.model.units import Ms, Seconds, in_ms, in_seconds
from controller.lobby.show import views
from controller.lobby.show.ahead import ahead_at

ROWS = 30
"""Tickets shown in a table; more come before one only on the worst of days."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: when the ticket was taken, and when it counts as having come, in seconds since 1970, UTC."""

    ticket: str
    service: str
    klass: str
    came: Seconds
    counts: Seconds


@dataclass(frozen=True, slots=True)
class Explanation:
    """The sentence and its table, best first. `ticket` is empty if there is no such ticket."""

    ticket: str
    text: str
    table: tuple[Line, ...] = ()


def call(state: State, rules: Rules, ticket: str, why: Mapping[str, Any]) -> Explanation:
    """Explains a call from the journal, with the state before it. Sentence and keys are those recorded at the time."""
    heads = [(state.tickets.get(head["ticket"]), head["key"]) for head in why.get("heads", ())]
    table = [_line(rules, head, key) for head, key in heads if head]
    return Explanation(ticket, str(why.get("text", "")), tuple(table))


def ticket(state: State, rules: Rules, text: str, at: Ms, *, calls: bool = True) -> Explanation:
    """Where a ticket stands at `at` (ms since 1970, UTC), and why it is not next.

    `calls`: also why it was called last.
    """
    found = state.tickets.get(text) or state.tickets.get(text.upper())
    say = rules.wording.say
    if found is None:
        return Explanation("", say("explain.unknown", ticket=text))
    if found.stage in ENDED:
        stage = rules.wording.say(f"stage.{found.stage}")
        ended = say("explain.ended", ticket=found.id, stage=stage)
        return Explanation(found.id, ended + _why_called(rules, found, calls))
    if found.stage is not Stage.WAITING:
        calls = calls and found.stage in IN_HAND
        return Explanation(found.id, _elsewhere(rules, found, at) + _why_called(rules, found, calls))
    return _waiting(state, rules, found, at)


def _elsewhere(rules: Rules, ticket: Ticket, at: Ms) -> str:
    """Where a ticket is that neither waits nor has ended."""
    say, known = rules.wording.say, {"ticket": ticket.id, "counter": ticket.counter}
    if ticket.stage in IN_HAND:
        return say("explain.in_hand", **known)
    if ticket.stage is Stage.HELD:
        return say("explain.held", **known)
    until = ticket.returns_until(rules)
    if until < at:
        return say("explain.missed_late", **known)
    return say("explain.missed", **known, until=rules.local(until).strftime("%H:%M"))


def _why_called(rules: Rules, ticket: Ticket, calls: bool) -> str:
    return " " + rules.wording.say("explain.called", why=ticket.why) if calls and ticket.why else ""


def _waiting(state: State, rules: Rules, ticket: Ticket, at: Ms) -> Explanation:
    say = rules.wording.say
    orders = {
        counter.id: _order(state, rules, counter, at)
        for counter in open_counters(state, rules)
        if counter.handicap(ticket.service, ticket.klass, ticket.only) is not None
    }
    if not orders:
        return Explanation(ticket.id, say("explain.nobody", ticket=ticket.id))
    places = {id: ahead_at(state, rules, rules.counters[id], ticket, at) for id in orders}
    best = min(places, key=lambda id: places[id])
    pick = rule.pick(state, rules, rules.counters[best], at)
    if pick and pick.ticket is ticket:
        text = say("explain.next", ticket=ticket.id, counter=best, why=rule.why(rules, pick)["text"])
        return Explanation(ticket.id, text, tuple(orders[best][:ROWS]))
    order, place = orders[best], places[best]
    other = state.tickets[order[place - 1].ticket] if place else pick.ticket if pick else ticket
    text = say(
        "explain.waits",
        ticket=ticket.id,
        place=max(place, 1) + 1,
        counters=best,
        counted=rules.local(in_ms(order[place].counts)).strftime("%H:%M"),
        other=other.id,
        reason=_reason(rules, rules.counters[best], ticket, other, at),
    )
    told = waiting.expected(state, rules, at, ticket)
    if told and told[0] < waiting.HORIZON:
        least, most = views.in_minutes(told[1])
        # A Chinese full stop brings its own room.
        text += ("" if text.endswith("。") else " ") + say(
            "explain.wait" if least else "explain.wait_within", least=least, most=most
        )
    return Explanation(ticket.id, text, tuple(order[: max(ROWS, place + 1)]))


def _reason(rules: Rules, counter: Counter, ticket: Ticket, other: Ticket, at: Ms) -> str:
    """What puts `other` before `ticket` at a counter."""
    say, now = rules.wording.say, in_seconds(at)
    if other.not_before <= now < ticket.not_before:
        slot = rules.local(in_ms(ticket.seniority)).strftime("%H:%M")
        return say("explain.early", ticket=ticket.id, slot=slot)
    if other.seniority < ticket.seniority:
        return say("explain.earlier", other=other.id, came=rule.came(rules, other, ticket))
    if rules.credit(other.klass) > rules.credit(ticket.klass):
        klass = rules.class_name(other.klass)
        return say("explain.privilege", klass=klass, credit=rules.credit(other.klass) // 60)
    handicap = counter.handicap(ticket.service, ticket.klass, ticket.only) or 0
    if handicap > (counter.handicap(other.service, other.klass, other.only) or 0):
        return say("explain.borrowed", ticket=ticket.id, counter=counter.id, handicap=handicap // 60)
    return say("explain.number")


def _order(state: State, rules: Rules, counter: Counter, at: Ms) -> list[Line]:
    """All tickets that a counter may serve, ordered by their keys there, appointments before their time last; the guard
    may still change it."""
    lines, now = [], in_seconds(at)
    for key, places in state.lines.items():
        handicap = counter.handicap(key.service, key.klass, key.only)
        if handicap is not None:
            shift = handicap - rules.credit(key.klass)
            for place in places:
                early = key.slot and state.tickets[place.ticket].not_before > now
                lines.append((early, place.seniority + shift, place.order, place.ticket))
    return [_line(rules, state.tickets[id], Seconds(key)) for _, key, _, id in sorted(lines)]


def _line(rules: Rules, ticket: Ticket, key: Seconds) -> Line:
    return Line(
        ticket.id, rules.service_name(ticket.service), rules.class_name(ticket.klass), in_seconds(ticket.issued_at), key
    )
