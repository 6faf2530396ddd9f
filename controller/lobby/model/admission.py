"""Whether tickets are given: the hours and quota of a service, and the slots of appointments."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from controller.lobby.model import calendar
from controller.lobby.model.emergency import Plan
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules, Service
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms, Seconds, in_ms, in_seconds

SlotState = Literal["open", "late", "full"]
"""Of a slot: it can be checked in to, its time has passed, or as many as it has places for have checked in."""


def gives(state: State, rules: Rules, service: Service, at: Ms) -> bool:
    """Whether tickets for a service are given at `at` (ms since 1970, UTC)."""
    try:
        must_not_be_emergency(state, rules)
        must_be_open(state, rules, service, at)
    except Refused:
        return False
    return True


def must_be_open(state: State, rules: Rules, service: Service, at: Ms, *, booked: bool = False) -> None:
    """Refuse a ticket outside the service's hours, on holidays and beyond its quota, saying when to come again. The
    quota does not apply to customers with an appointment (`booked`)."""
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


def roll_only(state: State, rules: Rules) -> Plan | None:
    """The plan of an emergency in which customers take their numbers from the paper roll; None: there is none, or the
    branch has no roll."""
    plan = rules.emergency_plans.get(state.emergency.plan) if state.emergency else None
    return plan if plan and plan.roll and rules.rolls else None


def must_not_be_emergency(state: State, rules: Rules) -> None:
    """Refuse a ticket while numbers come from the paper roll, saying where to take one."""
    if plan := roll_only(state, rules):
        raise Refused("emergency", notice=plan.notice)


def why_none(state: State, rules: Rules, service: Service, at: Ms) -> str:
    """Why no tickets for a service are given at `at` (ms since 1970, UTC), and from when, in a few words for its
    button; empty: they are given."""
    say, local = rules.wording.say, rules.local(at)
    if roll_only(state, rules):
        return say("closed.roll")
    if service.hours and not rules.calendar.is_open(service.hours, local):
        opens = rules.calendar.next_opening(service.hours, local)
        if opens and opens.date() == local.date():
            return say("closed.from", clock=opens.strftime("%H:%M"))
        if spans := rules.calendar.spans(service.hours, local.date()):
            return say("closed.since", clock=calendar.clock(spans[-1].end))
        return say("closed.today", opens=_when(rules, local, opens))
    return "" if gives(state, rules, service, at) else say("closed.quota")


def _when(rules: Rules, now: datetime, when: datetime | None) -> str:
    """A future time, as a phrase of the branch's wording."""
    if when is None:
        return rules.wording.say("time.never")
    if when.date() == now.date():
        return rules.wording.say("time.today", clock=when.strftime("%H:%M"))
    weekday = rules.wording.say(f"weekday.{calendar.WEEKDAYS[when.weekday()]}")
    return rules.wording.say(
        "time.later", weekday=weekday, year=when.year, month=when.month, day=when.day, clock=when.strftime("%H:%M")
    )


def slots(state: State, rules: Rules, at: Ms) -> dict[str, SlotState]:
    """The day's slots ("HH:MM"), and whether their appointments may check in at `at` (ms since 1970, UTC) and be on
    time."""
    found: dict[str, SlotState] = {}
    for start in rules.appointments.slots:
        slot = slot_start(rules, at, start)
        late = in_seconds(at) > slot + rules.appointments.grace
        found[calendar.clock(start)] = "late" if late else "open" if _has_room(state, rules, slot) else "full"
    return found


def slot_start(rules: Rules, at: Ms, start: int) -> Seconds:
    """A slot's start on the business day of `at` (ms since 1970, UTC), in seconds since 1970, UTC."""
    day = date.fromisoformat(rules.day_of(at))
    if start < rules.rollover.total_seconds():
        day += timedelta(days=1)  # past midnight the same business day goes on
    return Seconds(int(calendar.at_second(day, start, rules.zone).timestamp()))


def slot_of(rules: Rules, text: str, at: Ms) -> Seconds:
    """The start of the appointments' slot "HH:MM" on the business day of `at`, in seconds since 1970, UTC."""
    starts = {calendar.clock(start): start for start in rules.appointments.slots}
    if text not in starts:
        raise Refused("unknown_slot", slot=text, known=", ".join(starts) or "-")
    return slot_start(rules, at, starts[text])


def _has_room(state: State, rules: Rules, slot: Seconds) -> bool:
    places = rules.appointments.places
    return places is None or state.slots.get(slot, 0) < places


def must_have_room(state: State, rules: Rules, slot: Seconds | None) -> None:
    if slot is not None and not _has_room(state, rules, slot):
        start = rules.local(in_ms(slot)).strftime("%H:%M")
        raise Refused("slot_full", slot=start, places=rules.appointments.places)
