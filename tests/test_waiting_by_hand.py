"""How long it takes, worked by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from branches import (
    MINUTE,
    Lobby,
    branch,
    half_hours,
    local,
)
from waits import HOUR, agrees, at_noon, do, exact, left, wait

from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.day import RollOver
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.take_ticket import LONG_LINE
from controller.lobby.forecast.durations import STILL
from controller.lobby.forecast.waiting import (
    HORIZON,
    OPENS_IN,
    begins_at,
    expected,
    newcomer,
)
from controller.lobby.model.calendar import Calendar, Profile, Span, parse_spans
from controller.lobby.model.knowledge import BREAK
from controller.lobby.model.rules import Appointments
from controller.lobby.show import boards, screens, views

# -- by hand -------------------------------------------------------------------------------------------------------


ROUND_THE_CLOCK = Calendar({"normal": Profile("normal", (), Span(0, 24 * HOUR), (0,) * 24)})


def test_one_window_and_three_before_you() -> None:
    lobby = at_noon({"1": {"cash": 0}})
    for _ in range(4):
        lobby.take("cash")
    lobby.call("1")
    exact(lobby)
    lobby.wait(1)
    assert wait(lobby) == (3 + 4 * 3) * MINUTE, "3 minutes of the one in hand are left"
    assert wait(lobby, klass="vip") == 3 * MINUTE, "as having come ten minutes ago"


def test_two_windows_halve_it_and_a_borrowing_one_helps_late() -> None:
    lobby = at_noon({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"personal": 0, "cash": 20}})
    for counter in ("1", "2", "3"):
        do(lobby, Open, counter)
    for _ in range(5):
        lobby.take("cash")
    lobby.take("personal")
    # 1, 2 and 3 call A001, A002 and B001 at 0, since a borrowed one counts 20 minutes later; 1 and 2 call A003 and
    # A004 at 4 minutes and A005 at 8, when 3 is still with B001; the newcomer is called at 8 as well.
    assert wait(lobby) == 8 * MINUTE


def test_a_ticket_for_one_counter_waits_for_that_one() -> None:
    lobby = at_noon({"1": {"cash": 0, "personal": 0}, "2": {"personal": 0}})
    do(lobby, Open, "1")
    do(lobby, Open, "2")
    lobby.take("cash")
    lobby.take("personal")
    lobby.do(Reassign(at=lobby.now, cause="", by="panel", ticket="A001", counter="2"))
    bound = lobby.state.tickets["A001"]
    assert left(lobby, bound) == 0
    lobby.wait(-1)
    lobby.do(Reassign(at=lobby.now, cause="", by="panel", ticket="B001", counter="2"))
    do(lobby, Close, "1")
    exact(lobby)
    assert left(lobby, lobby.state.tickets["B001"]) == 4 * MINUTE


def test_the_guard_comes_into_force_in_the_future() -> None:
    lobby = at_noon({"1": {"cash": 0}}, pass_limit=2)
    do(lobby, Open, "1")
    normal = lobby.take("cash")
    lobby.wait(1)
    for _ in range(4):
        lobby.take("cash", "vip")
    exact(lobby)
    assert left(lobby, lobby.state.tickets[normal]) == 2 * 4 * MINUTE
    assert agrees(lobby) == 5


def test_an_early_appointment_waits_for_its_time_or_an_idle_counter() -> None:
    lobby = at_noon({"1": {"cash": 0}}, appointments=Appointments(half_hours("12:00", "13:00"), early=0))
    do(lobby, Open, "1")
    early = lobby.state.tickets[lobby.take("cash", "green", slot="12:30")]
    assert left(lobby, early) == 0, "the counter would be idle"
    for _ in range(3):
        lobby.take("cash")
    assert left(lobby, early) == 12 * MINUTE
    for _ in range(9):
        lobby.take("cash")
    assert left(lobby, early) == 32 * MINUTE, "at 12:28 it is not its time yet"
    assert agrees(lobby) == 13


def test_nobody_can_tell_when_nobody_can_serve() -> None:
    lobby = at_noon({"1": {"cash": 0}, "2": {"personal": 0}})
    assert wait(lobby) is None
    do(lobby, Open, "2")
    assert wait(lobby) is None
    assert expected(lobby.state, lobby.rules, lobby.now, newcomer(lobby.state, lobby.rules, lobby.now, "cash")) is None
    waits = {service: views.wait(lobby.state, lobby.rules, lobby.now, service) for service in lobby.rules.services}
    assert waits == {"cash": None, "personal": (0, 0)}
    do(lobby, Open, "1")
    assert wait(lobby) == 0
    do(lobby, Close, "1")
    assert wait(lobby) is None


def test_beyond_the_horizon_it_is_said_that_it_will_be_longer() -> None:
    lobby = at_noon({"1": {"cash": 0}}, services={"cash": {"minutes": 60}}, calendar=ROUND_THE_CLOCK)
    do(lobby, Open, "1")
    for _ in range(10):
        lobby.take("cash")
    assert wait(lobby) == 10 * HOUR
    lobby.take("cash")
    assert wait(lobby) is None
    told = expected(lobby.state, lobby.rules, lobby.now, newcomer(lobby.state, lobby.rules, lobby.now, "cash"))
    assert told == (HORIZON, (HORIZON, HORIZON, HORIZON))
    minutes = views.wait(lobby.state, lobby.rules, lobby.now, "cash")
    assert views.in_words(lobby.rules, minutes) == "more than 10 h"
    assert minutes is not None
    footers = [boards.footer(lobby.state, lobby.rules, {"cash": minutes}, 10_000 * turn) for turn in range(2)]
    assert any("more than 10 h" in footer for footer in footers)
    do(lobby, Close, "1")
    assert expected(lobby.state, lobby.rules, lobby.now, newcomer(lobby.state, lobby.rules, lobby.now, "cash")) is None


def test_a_paused_counter_is_away_for_its_break_and_the_longer_it_stays_away_the_longer_it_will() -> None:
    lobby = at_noon({"1": {"cash": 0}})
    do(lobby, Open, "1")
    do(lobby, Pause, "1")
    assert wait(lobby) == BREAK
    lobby.wait(4)
    assert wait(lobby) == BREAK - 4 * MINUTE
    lobby.wait(16)
    assert wait(lobby) == STILL * BREAK, "twice its break"
    lobby.wait(100)
    assert wait(lobby) == STILL * 110 * MINUTE, "two hours"
    lobby.wait(-180)
    assert wait(lobby) == BREAK, "the clock was set back an hour: not even begun"


def test_a_service_that_takes_longer_takes_a_little_longer_still() -> None:
    lobby = at_noon({"1": {"cash": 0}})
    lobby.take("cash")
    lobby.call("1")
    exact(lobby)
    mean = 4 * MINUTE
    assert wait(lobby) == mean
    lobby.wait(3.9)
    assert wait(lobby) == STILL * mean
    lobby.wait(60)
    assert wait(lobby) == STILL * mean, "the clock jumped an hour ahead"
    lobby.wait(-120)
    assert wait(lobby) == mean, "the clock jumped two hours back: it is taken to have begun just now"


@pytest.mark.parametrize("jump", [60, -60])
def test_a_clock_that_jumps_an_hour_tells_nothing_absurd(jump: int) -> None:
    lobby = at_noon({"1": {"cash": 0}, "2": {"cash": 10, "personal": 0}})
    for service in ("cash", "personal", "cash", "cash"):
        lobby.take(service)
    lobby.call("1")
    lobby.call("2")
    exact(lobby)
    before = wait(lobby)
    lobby.wait(jump)
    after = wait(lobby)
    assert before == 10 * MINUTE, "when counter 2 is free, it borrows"
    assert after is not None
    assert 0 < after <= before
    ticket = lobby.take("cash")
    told = lobby.state.tickets[ticket].expected
    assert len(told) == 3
    assert sorted(told) == list(told)
    assert told[0] >= 0


def test_who_comes_in_the_same_second_at_the_end_of_a_long_line_is_told_the_same() -> None:
    lobby = at_noon({"1": {"cash": 0}})
    lobby.take("cash")
    lobby.call("1")
    exact(lobby)

    def rolled(klass: str = "") -> int:
        ticket = lobby.state.tickets[lobby.take("cash", klass)]
        assert ticket.expected
        return ticket.rolled

    short = [rolled() for _ in range(LONG_LINE)]
    assert all(before < after for before, after in pairwise(short)), "each is reckoned"
    lobby.now += 999
    assert [rolled(), rolled()] == [short[-1]] * 2
    assert rolled("vip") < short[-1], "another line"
    lobby.now += 1
    assert rolled() == short[-1] + 4 * 4 * MINUTE - 1, "two, a VIP and the last of the short line are before it as well"


# -- counters that will open ---------------------------------------------------------------------------------------


STAFF = {"1": parse_spans("09:00-12:00 13:00-17:00"), "2": parse_spans("10:00-11:00"), "3": ()}
DAY = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (10,) * 8, staff=STAFF)


@pytest.mark.parametrize(
    ("clock", "seconds"),
    [
        ("08:40", 20 * MINUTE),  # 1 opens at nine
        ("09:00", OPENS_IN),  # it should be here
        ("09:09:59", OPENS_IN),
        ("09:10", 50 * MINUTE),  # it will not come; 2 opens at ten
        ("10:05", OPENS_IN),  # 2 is late
        ("10:10", 170 * MINUTE),  # 1 opens again at one
        ("13:30", None),
        ("20:00", None),
    ],
)
def test_closed_counters_are_expected_by_the_days_plan(clock: str, seconds: int | None) -> None:
    rules = branch({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}}, calendar=Calendar({"normal": DAY}))
    lobby = exact(Lobby(rules, local(f"2026-11-23 {clock}")))
    lobby.do(RollOver(at=lobby.now, cause=""))
    assert wait(lobby) == seconds


@pytest.mark.parametrize(("language", "until"), [("zh", "至 09:00 以后"), ("en", "until after 09:00")])
def test_before_the_counters_open_people_are_told_when_that_is_and_no_range(language: str, until: str) -> None:
    """At midnight, nine hours before the doors open, a range would be of hours, and mean nothing."""
    calendar = Calendar({"normal": DAY})
    counters = {"1": {"cash": 0}, "2": {"cash": 0}}
    rules = branch(counters, language=language, calendar=calendar, rollover=timedelta())
    lobby = exact(Lobby(rules, local("2026-11-23 00:20")))

    def told(ticket: str = "") -> set[str]:
        state, rules, at = lobby.state, lobby.rules, lobby.now
        minutes = views.wait(state, rules, at, "cash")
        waits = {"cash": minutes} if minutes else {}
        television = screens.television(state, rules, at, [], waits)
        kiosk = screens.kiosk(state, rules, at, [], waits, paper=True)
        found = {television["services"][0]["wait"], kiosk["services"][0]["wait"]}
        if ticket:
            taken = state.tickets[ticket]
            found.add(views.ticket_fields(state, rules, taken, "", at)["wait"])
            found.add(screens.ticket(state, rules, taken, at, screens.still_waits(state, rules, taken, at))["wait"])
        return found

    lobby.do(RollOver(at=lobby.now, cause=""))
    assert told() == {until}
    ticket = lobby.take("cash")
    assert told(ticket) == {until}
    assert lobby.rows[-1]["data"].get("expected") is None, "nothing is learned from a wait for the doors"
    lobby.now = local("2026-11-23 08:00")
    assert all("09:00" not in each and re.search(r"\d", each) for each in told()), "within the hour there is a range"
    lobby.now = local("2026-11-23 07:59")
    do(lobby, Open, "1")
    assert until not in told(), "somebody has come early"


def test_in_a_long_break_there_is_a_range() -> None:
    shifts = (Span(9 * 3600, 12 * 3600), Span(13 * 3600 + 1800, 17 * 3600))
    broken = replace(DAY, staff={"1": shifts})
    lobby = exact(Lobby(branch({"1": {"cash": 0}}, calendar=Calendar({"normal": broken})), local("2026-11-23 12:05")))
    lobby.do(RollOver(at=lobby.now, cause=""))
    about = (lobby.state, lobby.rules, lobby.now)
    assert begins_at(*about, newcomer(*about, "cash")) is None
    assert views.wait(*about, "cash") is not None


def test_the_first_of_the_counters_that_may_serve_a_ticket_counts() -> None:
    counters = {"1": {"cash": 0}, "2": {"personal": 0}}
    lobby = exact(Lobby(branch(counters, calendar=Calendar({"normal": DAY})), local("2026-11-23 05:00")))
    lobby.do(RollOver(at=lobby.now, cause=""))
    about = (lobby.state, lobby.rules, lobby.now)
    opens = {id: begins_at(*about, newcomer(*about, id)) for id in ("cash", "personal")}
    assert opens == {"cash": local("2026-11-23 09:00"), "personal": local("2026-11-23 10:00")}
    do(lobby, Open, "2")
    about = (lobby.state, lobby.rules, lobby.now)
    assert begins_at(*about, newcomer(*about, "personal")) is None
    assert views.wait(*about, "cash") is None


def test_who_has_gone_home_is_expected_at_the_next_shift_only() -> None:
    rules = branch({"1": {"cash": 0}}, calendar=Calendar({"normal": DAY}))
    lobby = exact(Lobby(rules, local("2026-11-23 09:00")))
    do(lobby, Open, "1")
    do(lobby, Close, "1")
    assert wait(lobby) == 4 * HOUR


LUNCH = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (0,) * 8, staff={"1": parse_spans("09:00-12:00 13:30-17:00")})


@pytest.mark.parametrize(
    ("clock", "before", "minutes"),
    [
        ("11:55", 1, 4),
        ("11:55", 2, 95),  # at 11:59 it calls the second, and goes when it is free at 12:03
        ("11:55", 5, 107),
        ("11:00", 3, 12),
    ],
)
def test_a_wait_may_reach_across_a_break(clock: str, before: int, minutes: int) -> None:
    rules = branch({"1": {"cash": 0}}, services={"cash": {"minutes": 4}}, calendar=Calendar({"normal": LUNCH}))
    lobby = exact(Lobby(rules, local(f"2026-11-23 {clock}")))
    do(lobby, Open, "1")
    for _ in range(before):
        lobby.take("cash")
    exact(lobby)
    assert wait(lobby) == minutes * MINUTE
    assert agrees(lobby) == before


def test_who_is_late_for_the_break_goes_when_the_customer_in_hand_has_gone() -> None:
    rules = branch({"1": {"cash": 0}}, services={"cash": {"minutes": 20}}, calendar=Calendar({"normal": LUNCH}))
    lobby = exact(Lobby(rules, local("2026-11-23 11:55")))
    lobby.take("cash")
    lobby.call("1")
    lobby.wait(10)
    exact(lobby)
    assert wait(lobby) == 85 * MINUTE, "at 12:05, until half past one"
    told = lobby.state.tickets[lobby.take("cash")].expected
    assert told[0] < 85 * MINUTE < told[2]
    lobby.wait(9)
    do(lobby, Pause, "1")
    exact(lobby)
    assert wait(lobby) == (76 + 20) * MINUTE, "paused over lunch, and one before"
    do(lobby, Close, "1")
    assert wait(lobby) == (76 + 20) * MINUTE
    lobby.wait(78)
    exact(lobby)
    assert wait(lobby) == OPENS_IN + 20 * MINUTE, "at 13:32 it should be back"
    do(lobby, Open, "1")
    do(lobby, Close, "1")
    assert wait(lobby) is None, "it has gone home"


def test_nobody_is_called_by_a_counter_that_has_gone_home_by_then() -> None:
    rules = branch(
        {"1": {"cash": 0}, "2": {"cash": 0}},
        services={"cash": {"minutes": 25}},
        calendar=Calendar({"normal": DAY}),
    )
    lobby = exact(Lobby(rules, local("2026-11-23 11:00")))
    do(lobby, Open, "1")
    for _ in range(3):
        lobby.take("cash")
    assert wait(lobby) == 2 * HOUR, "at 12:15 counter 1 is at lunch until one, and 2 has had its hour"
    do(lobby, Open, "2")
    assert wait(lobby) == 25 * MINUTE, "2 is open all the same, after its hour as well"
