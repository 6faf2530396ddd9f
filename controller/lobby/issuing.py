"""Giving a ticket: triage and machines, hours and quotas, appointments, the wait that is told, overflow."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from controller.lobby import calendar, waiting
from controller.lobby import commands as cm
from controller.lobby import events as ev
from controller.lobby.outcome import Decision, Events, Refused, Same, Told
from controller.lobby.rules import Counter, Rules, Service
from controller.lobby.state import ENDED, CounterStage, State, Ticket
from controller.lobby.triage import INSISTS_WITHIN, NEEDS, Choice

SELF_SERVICE = "self_service"
"""The code of an answer that is an advice and no ticket."""
APPOINTMENT = "appointment"
"""The class of a customer with a slot who has no other."""
CROWD = 50
"""So many wait in a line when those who take a ticket for it in one and the same second are told the same wait: to
reckon it costs a look at the rule for each customer before, and a crowd presses often."""
LATE = 10 * 60
"""Seconds after which a counter that has not opened, with others at work, is not waited for any more."""


def take(state: State, rules: Rules, command: cm.TakeTicket) -> Decision:
    """A ticket, the advice to use a machine, or why there is none."""
    choice = rules.triage.choice(command.choice) if command.choice else None
    if command.choice and choice is None:
        raise Refused("unknown_choice", choice=command.choice)
    wanted = choice.service if choice else command.service
    service = rules.services.get(wanted or rules.default_service)
    if service is None:
        raise Refused("unknown_service", service=wanted)
    klass = rules.classes.get((choice.klass if choice else "") or command.klass or _usual_class(rules, command))
    if klass is None:
        raise Refused("unknown_class", klass=command.klass)
    needs = tuple(dict.fromkeys(command.needs))
    if unknown := [need for need in needs if need not in NEEDS]:
        raise Refused("unknown_need", need=unknown[0], known=", ".join(NEEDS))
    slot = _slot(state, rules, command) if command.slot else None
    wanted_again = (choice.id if choice else "", klass.id, slot or 0, command.form, needs)
    last = state.takes.get((command.by, service.id))
    if last and command.hold_off and abs(command.at - last.at) < command.hold_off * 1000:
        same = state.tickets[last.ticket]
        given = (last.choice, same.klass, same.booked, same.form, same.needs)
        if given == wanted_again and same.stage not in ENDED:
            return Same(same.id)
    insists = False
    if choice and choice.advice and not command.granted and slot is None:
        since = _since_advised(state, choice, command)
        again = command.hold_off * 1000 <= since < INSISTS_WITHIN * 1000
        insists = command.insist or (again and not command.asks)
        if not insists:
            advised = Told(choice.advice, code=SELF_SERVICE)
            return (
                advised
                if since < command.hold_off * 1000
                else [ev.SelfServiceAdvised(choice.id, service.id, command.by)]
            )
    if not command.granted:
        _must_be_open(state, rules, service, command.at, booked=slot is not None)
    if command.paper not in ("ready", "none") and not command.screen:
        raise no_paper(rules, command.paper)
    number = state.numbers.get(service.id, 0)
    while True:  # a prefix that was given to another service during the day may have been used up to here
        number += 1
        id = f"{service.prefix}{number:0{service.digits}d}"
        if id not in state.tickets:
            break
    ticket = waiting.newcomer(state, rules, command.at, service.id, klass.id)
    _must_have_room(state, rules, slot)
    if slot is not None and command.at // 1000 <= slot + rules.appointments.grace:
        ticket.seniority, ticket.not_before = slot, slot - rules.appointments.early
    told: tuple[int, tuple[int, int, int] | list[int]] | None = None
    if not waiting.finds_free_counter(state, rules, ticket):
        told = _told_just_now(state, ticket) or waiting.expected(state, rules, command.at, ticket)
    return [
        ev.TicketIssued(
            id,
            service.id,
            klass.id,
            ticket.seniority,
            number,
            command.by,
            command.paper == "ready",
            command.reason,
            expected=told[1] if told else None,
            rolled=told[0] if told else None,
            choice=choice.id if choice else None,
            insisted=insists or None,
            form=command.form or None,
            needs=needs or None,
            slot=slot,
            not_before=ticket.not_before or None,
        ),
        *overflow(state, rules, service.id, id, command.at),
    ]


def _told_just_now(state: State, ticket: Ticket) -> tuple[int, list[int]] | None:
    """What the last of a long line was told, who came in the same second, as `waiting.expected` gives it."""
    line = state.lines.get(ticket.line, ())
    if len(line) < CROWD:
        return None
    last = state.tickets[line[-1].ticket]
    if last.moved or not last.expected or last.seniority != ticket.seniority:
        return None
    return (last.rolled, [*last.expected]) if last.issued_at // 1000 == ticket.issued_at // 1000 else None


def _usual_class(rules: Rules, command: cm.TakeTicket) -> str:
    """The class of whoever has none by card, by grant or by what they chose."""
    return APPOINTMENT if command.slot and APPOINTMENT in rules.classes else rules.default_class


def gives(state: State, rules: Rules, service: Service, at: int) -> bool:
    """Whether there are tickets for a service at `at` (ms since 1970, UTC)."""
    try:
        _must_be_open(state, rules, service, at)
    except Refused:
        return False
    return True


def _must_be_open(state: State, rules: Rules, service: Service, at: int, *, booked: bool = False) -> None:
    """Refuse a ticket outside the service's hours, on holidays and beyond its quota, saying when to come again. Who has
    booked has a place whatever the quota says."""
    local = rules.local(at)
    if service.hours and not rules.calendar.is_open(service.hours, local):
        opens = rules.calendar.next_opening(service.hours, local)
        raise Refused("closed_now", service=service.name, opens=_when(rules, local, opens))
    if service.quota is not None and not booked and state.numbers.get(service.id, 0) >= service.quota:
        when = rules.wording.say("time.tomorrow")
        if service.hours:
            begins = rules.local(rules.end_of_day(at))
            is_open = rules.calendar.is_open(service.hours, begins)
            when = _when(rules, local, begins if is_open else rules.calendar.next_opening(service.hours, begins))
        raise Refused("quota_used", service=service.name, quota=service.quota, opens=when)


def _when(rules: Rules, now: datetime, when: datetime | None) -> str:
    """A time to come, as people say it."""
    if when is None:
        return rules.wording.say("time.never")
    if when.date() == now.date():
        return rules.wording.say("time.today", clock=when.strftime("%H:%M"))
    weekday = rules.wording.say(f"weekday.{calendar.WEEKDAYS[when.weekday()]}")
    return rules.wording.say(
        "time.later", weekday=weekday, year=when.year, month=when.month, day=when.day, clock=when.strftime("%H:%M")
    )


def _since_advised(state: State, choice: Choice, command: cm.TakeTicket) -> float:
    """Milliseconds since this very button sent a customer with this answer to a machine; infinity: not today."""
    advised = state.advised.get((command.by, choice.id))
    return float("inf") if advised is None else abs(command.at - advised)


def open_slots(state: State, rules: Rules, at: int) -> list[str]:
    """The slots ("HH:MM") whose appointments may check in at `at` (ms since 1970, UTC) and be on time."""
    appointments = rules.appointments
    return [
        calendar.clock(start)
        for start in appointments.slots
        if at // 1000 <= (slot := _begin(rules, at, start)) + appointments.grace and _has_room(state, rules, slot)
    ]


def _begin(rules: Rules, at: int, start: int) -> int:
    """A slot's start on the business day of `at` (ms since 1970, UTC), in seconds since 1970, UTC."""
    day = date.fromisoformat(rules.day_of(at))
    if start < rules.rollover.total_seconds():
        day += timedelta(days=1)  # past midnight the same business day goes on
    return int(calendar.at_second(day, start, rules.zone).timestamp())


def _slot(state: State, rules: Rules, command: cm.TakeTicket) -> int:
    """The start of an appointment's slot in seconds since 1970, UTC."""
    starts = {calendar.clock(start): start for start in rules.appointments.slots}
    if command.slot not in starts:
        raise Refused("unknown_slot", slot=command.slot, known=", ".join(starts) or "-")
    return _begin(rules, command.at, starts[command.slot])


def _has_room(state: State, rules: Rules, slot: int) -> bool:
    places = rules.appointments.places
    return places is None or state.slots.get(slot, 0) < places


def _must_have_room(state: State, rules: Rules, slot: int | None) -> None:
    if slot is not None and not _has_room(state, rules, slot):
        start = rules.local(slot * 1000).strftime("%H:%M")
        raise Refused("slot_full", slot=start, places=rules.appointments.places)


def overflow(state: State, rules: Rules, id: str, ticket: str, at: int, without: str = "") -> Events:
    """A ticket that begins to wait goes to any counter that knows its service `id`, if the service's own have all gone
    (`without` one that is about to go), or have not come although the branch is at work."""
    service = rules.services.get(id)
    if service is None:
        return []
    have_opened = any(state.counter(own.id).since for own in rules.owners(service.id))
    if (have_opened or _at_work(state, at)) and _overflows(state, rules, service, without):
        return [ev.TicketReassigned(ticket, by=ev.OVERFLOW, any=True)]
    return []


def _at_work(state: State, at: int) -> bool:
    """Whether some counter has been open for so long that all who come today should have come."""
    return any(
        counter.stage is CounterStage.OPEN and at - counter.since >= LATE * 1000 for counter in state.counters.values()
    )


def overflow_late(state: State, rules: Rules, at: int) -> Events:
    """The same for those who have waited since before it was clear that nobody comes for them."""
    if not _at_work(state, at):
        return []
    taken_over = [service.id for service in rules.services.values() if _overflows(state, rules, service)]
    return _to_others(state, taken_over, ("",))


def _overflows(state: State, rules: Rules, service: Service, without: str = "") -> bool:
    """Whether other counters take over a service: none of its own is open (`without` one that is about to go)."""
    return service.overflow and not any(
        state.counter(own.id).stage is CounterStage.OPEN for own in rules.owners(service.id) if own.id != without
    )


def overflow_without(state: State, rules: Rules, counter: Counter) -> Events:
    """What follows for those who wait when a counter goes away, perhaps as the last of their own."""
    taken_over = [
        service.id
        for service in rules.services.values()
        if counter in rules.owners(service.id) and _overflows(state, rules, service, counter.id)
    ]
    return _to_others(state, taken_over, ("", counter.id))


def _to_others(state: State, services: Collection[str], only: Collection[str]) -> Events:
    """All who wait for these services, with one of these restrictions, go to any counter that knows theirs."""
    return [
        ev.TicketReassigned(place.ticket, by=ev.OVERFLOW, any=True)
        for key, line in state.lines.items()
        if key.service in services and key.only in only
        for place in line
    ]


def no_paper(rules: Rules, why: cm.Paper) -> Refused:
    """Why nothing can be printed now."""
    return Refused("printer_down", detail=rules.wording.say(f"device.{why}"))
