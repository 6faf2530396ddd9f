"""Simulated days: the same for one seed, as the calendar has them, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from branches import branch, local

from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.day import DayClosed, DayOpened
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.take_ticket import TakeTicket, TicketIssued
from controller.lobby.actions.unhold import Unhold
from controller.lobby.aggregate import Aggregate, Row
from controller.lobby.model.calendar import Hours, Span
from controller.lobby.model.rules import Rules
from simulation.rows import rows_of
from simulators.customers import day as customers_of
from simulators.days.simulation import DayTally, Tally, days_of, simulate
from simulators.days.virtual import Policy, follow_advice, leave_alone

# -- one seed, one day -----------------------------------------------------------------------------------------------


def test_one_seed_gives_the_same_days(bank: Rules) -> None:
    assert rows_of(bank, "normal", 3, 41) == rows_of(bank, "normal", 3, 41)
    assert rows_of(bank, "normal", 1, 41) != rows_of(bank, "normal", 1, 42)


def test_another_configuration_gets_the_same_customers(bank: Rules) -> None:
    counters = {id: counter for id, counter in bank.counters.items() if id not in ("2", "5")}
    other = replace(bank, counters=counters, pass_limit=2)
    one, two = ([c for n in range(2) for c in customers_of(rules, "normal", f"41:{n}")] for rules in (bank, other))
    assert one == two
    issued, issued_there = (
        [(row.at, row.event.service, row.event.klass) for row in rows if isinstance(row.event, TicketIssued)]
        for rows in (rows_of(rules, "normal", 2, 41) for rules in (bank, other))
    )
    assert issued == issued_there
    assert len(issued) > 300


def test_the_calendar_chooses_the_profile_of_each_day(bank: Rules) -> None:
    opened = [row.event for row in rows_of(bank, None, 14, 43) if isinstance(row.event, DayOpened)]
    assert [event.day for event in opened] == [f"2026-01-{day:02d}" for day in range(5, 19)]
    assert [event.profile for event in opened] == [bank.profile(event.day).id for event in opened]
    assert {event.profile for event in opened} == {"normal", "busy", "pension"}


def test_days_on_which_nobody_can_take_a_ticket_are_left_out(bank: Rules) -> None:
    """Monday the 5th of January is the first; the 7th is a holiday, and the weekend is closed."""
    week = Hours((*((Span(9 * 3600, 12 * 3600),),) * 5, (), ()))
    calendar = replace(bank.calendar, holidays=frozenset({date(2026, 1, 7)}))
    services = {id: replace(service, hours=week) for id, service in bank.services.items()}
    found = [day.day for day, _ in days_of(replace(bank, services=services, calendar=calendar), "normal", 6)]
    assert found == [5, 6, 8, 9, 12, 13]
    some = services | {"cash": replace(services["cash"], hours=None)}
    assert [day.day for day, _ in days_of(replace(bank, services=some), "normal", 6)] == [5, 6, 7, 8, 9, 10]


def test_over_lunch_nobody_comes(bank: Rules) -> None:
    lunch = (Span(9 * 3600, 12 * 3600), Span(13 * 3600, 16 * 3600))
    profiles = {id: profile.within((lunch,) * 7) for id, profile in bank.calendar.profiles.items()}
    rules = replace(bank, calendar=replace(bank.calendar, profiles=profiles))
    times = [customer.arrives for n in range(3) for customer in customers_of(rules, "normal", f"lunch:{n}")]
    assert len(times) > 100
    assert all(any(time in span for span in lunch) for time in times)


# -- what is counted of the windows ----------------------------------------------------------------------------------


def short_of_staff(bank: Rules) -> Rules:
    """A pension day for which two of six windows are planned."""
    kind = replace(bank.calendar.profiles["pension"], staff=dict.fromkeys(("2", "3", "5", "6"), ()))
    return replace(bank, calendar=replace(bank.calendar, profiles={**bank.calendar.profiles, "pension": kind}))


def counted(rows: Sequence[Row]) -> tuple[float, float, list[str]]:
    """From the rows alone: seconds that windows were open, and busy, and those left open at the end of a day."""
    opened: dict[str, int] = {}
    called: dict[str, int] = {}
    open_for = busy_for = 0
    left: list[str] = []
    for row in rows:
        match row.event:
            case DayClosed():
                left += opened
            case CounterOpened(counter=id):
                opened[id] = row.at
            case CounterClosed(counter=id) | CounterPaused(counter=id):
                open_for += row.at - opened.pop(id)
            case TicketCalled(counter=id):
                called[id] = row.at
            case TicketFinished(counter=id) | TicketMissed(counter=id):
                busy_for += row.at - called.pop(id)
    return open_for / 1000, busy_for / 1000, left + list(opened)


@pytest.mark.parametrize("policy", [leave_alone, follow_advice])
def test_windows_that_advice_opens_are_counted_and_close_in_the_evening(bank: Rules, policy: Policy) -> None:
    """Also where nobody is planned for them, so that no shift of theirs ends."""
    rules = short_of_staff(bank)
    rows: list[Row] = []
    tally = simulate(rules, "pension", 2, 45, policy, keep=rows.extend)
    advised = {row.event.counter for row in rows if isinstance(row.event, CounterOpened)} - {"1", "4"}
    assert bool(advised) == (policy is follow_advice)
    open_for, busy_for, left = counted(rows)
    assert left == []
    assert tally.window_seconds == pytest.approx(open_for)
    assert tally.busy_seconds == pytest.approx(busy_for)
    assert 0 <= tally.idle < 0.5


def test_a_window_that_nobody_closes_is_open_until_the_last_that_happens() -> None:
    rules = branch({"1": {"cash": 0}})
    lobby, tally = Aggregate(rules), Tally()
    counts = DayTally(lobby.state, tally)
    lobby.heard = counts.heard
    nine = local("2026-11-23 09:00")
    for minute, ask in (
        (0, lambda **about: TakeTicket(by="kiosk", service="cash", **about)),
        (0, lambda **about: CallNext(counter="1", **about)),
        (10, lambda **about: Hold(counter="1", **about)),
        (20, lambda **about: Unhold(counter="1", **about)),
    ):
        lobby.do(ask(at=nine + minute * 60_000, cause=f"{minute}:{ask}"))
    counts.over(nine + 30 * 60_000)
    assert (tally.window_seconds, tally.busy_seconds) == (30 * 60, 20 * 60)
    assert tally.idle == pytest.approx(1 / 3, abs=0.001)
