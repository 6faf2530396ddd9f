"""How long somebody will wait: the rule rolled forward against the rule at work, and examples by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from heapq import heapify, heappop, heappush, heapreplace
from itertools import pairwise
from random import Random
from statistics import fmean
from typing import Any

import pytest
from branches import (
    ALL,
    ALL_SERVICES,
    MINUTE,
    USUAL,
    Lobby,
    Step,
    branch,
    branches,
    half_hours,
    history,
    hours,
    local,
    long_steps,
    steps,
)
from chance import examples
from hypothesis import event, given
from hypothesis import strategies as st

from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.day import RollOver
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.take_ticket import LONG_LINE
from controller.lobby.forecast.durations import STILL
from controller.lobby.forecast.waiting import (
    DOOR,
    HORIZON,
    LATE,
    OPENS_IN,
    _to_come,
    at_the_door,
    coming,
    expected,
    finds_free_counter,
    newcomer,
    predict,
)
from controller.lobby.model.calendar import Calendar, Profile, Span, parse_spans
from controller.lobby.model.knowledge import BREAK, LEFT, MISSES, PRIOR_WEIGHT, SPREAD, Knowledge
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Appointments, Rules
from controller.lobby.model.state import CounterStage, Stage, Ticket
from controller.lobby.show import views

few = examples(60)
HOUR = 3600


def exact(lobby: Lobby) -> Lobby:
    """The lobby in a world in which everything takes its configured time, everybody comes, and it is a full second."""
    calls = [[0.0, -PRIOR_WEIGHT * MISSES] for _ in range(len(LEFT) + 1)]
    lobby.state.knowledge = Knowledge(calls=calls, spread=0.0)
    lobby.now -= lobby.now % 1000
    return lobby


def plan(lobby: Lobby, counter: str) -> list[tuple[float, float]]:
    """When a counter is next free and when it goes, in seconds from now, and the same of its further shifts: what
    `waiting` promises of each stage."""
    here, at, state = lobby.state.counter(counter), lobby.now, lobby.state
    local_now = lobby.rules.local(at)
    second = local_now.hour * HOUR + local_now.minute * MINUTE + local_now.second
    profile = lobby.rules.profile_on(state.day, state.profile)
    shifts = profile.shifts(counter) if profile else ()
    closing = profile.hours.end if profile else 0
    spans = [(s.start - second, float("inf") if s.end >= closing else float(s.end - second)) for s in shifts]
    now_in = [span for shift, span in zip(shifts, spans, strict=True) if shift.start <= second < shift.end]
    later = [(float(start), end) for start, end in spans if start > 0]
    until = now_in[0][1] if now_in else float("inf")
    if here.stage is CounterStage.OPEN:
        if not here.ticket:
            return [(0.0, until), *later]
        ticket = state.tickets[here.ticket]
        over = [second - shift.end for shift in shifts if shift.end <= second]
        if later and not now_in and over and ticket.since < at - 1000 * min(over):
            return later
        mean = lobby.rules.services[ticket.service].minutes * MINUTE
        return [(max(mean - max(0, at - ticket.since) / 1000, STILL * mean), until), *later]
    if here.stage is CounterStage.PAUSED and (now_in or not later):
        away = max(0, at - here.since) / 1000
        return [(max(BREAK - away, STILL * max(BREAK, away - BREAK)), until), *later]
    if here.stage is CounterStage.CLOSED and now_in:
        began = now_in[0][0]
        has_gone = here.since and (at - here.since) / 1000 <= -began
        if not has_gone and -began < LATE:
            return [(float(OPENS_IN), until), *later]
    return later


def lived(lobby: Lobby) -> dict[str, int]:
    """When each waiting ticket is called, in seconds from now, if the counters press CALL as soon as they are free."""
    twin = Lobby(lobby.rules, lobby.now)
    twin.state = lobby.replayed()
    minutes = {id: service.minutes for id, service in lobby.rules.services.items()}
    plans = {id: plan(lobby, id) for id in lobby.rules.counters}
    counters = [(plans[id][0][0], n, id) for n, id in enumerate(lobby.rules.counters) if plans[id]]
    heapify(counters)
    called: dict[str, int] = {}
    while counters:
        free, n, id = heappop(counters)
        if free > HORIZON:
            continue
        if free > plans[id][0][1]:
            plans[id] = plans[id][1:]
            if plans[id]:
                heappush(counters, (max(free, plans[id][0][0]), n, id))
            continue
        twin.now = lobby.now + round(1000 * free)
        # The day is not to end under the counters' hands: its roll-over is not what is tried here.
        twin.state.day = twin.rules.day_of(twin.now)
        answer = twin.do(CallNext(at=twin.now, cause="", counter=id))
        call = answer[-1] if isinstance(answer, list) else None
        if isinstance(call, TicketCalled):
            called.setdefault(call.ticket, int(free))
            service = twin.state.tickets[call.ticket].service
            heappush(counters, (free + minutes[service] * MINUTE, n, id))
    return called


def agrees(lobby: Lobby) -> int:
    """Compare both for every ticket that waits; how many have a time."""
    exact(lobby)
    called = lived(lobby)
    state, told = lobby.state, 0
    for ticket in state.tickets.values():
        if ticket.stage is Stage.WAITING:
            assert predict(state, lobby.rules, lobby.now, ticket) == called.get(ticket.id), ticket
            told += ticket.id in called
    return told


def closed(rules: Rules) -> Rules:
    """The branch with nobody expected who has not come: what is told of them is tried elsewhere."""
    return replace(rules, shares={}, class_shares={})


@few
@given(rules=branches().map(closed), happens=st.lists(steps(), min_size=10, max_size=120))
def test_what_is_rolled_forward_is_what_happens(rules: Rules, happens: list[Step]) -> None:
    told = agrees(history(rules, happens))
    event(f"{min(told, 10)} tickets")


@few
@given(
    rules=branches().map(closed),
    seed=st.integers(0, 2**32 - 1),
    kinds=st.sampled_from((USUAL, ALL, (*USUAL, *("appointment",) * 6))),
    staff=st.dictionaries(
        st.sampled_from(("1", "2", "3")),
        st.sampled_from(("closed", "09:00-09:20", "09:15-10:00", "09:30-12:00 13:00-17:00")).map(parse_spans),
    ),
)
def test_what_is_rolled_forward_is_what_happens_on_a_long_day(
    rules: Rules, seed: int, kinds: tuple[str, ...], staff: dict[str, tuple[Span, ...]]
) -> None:
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (10,) * 8, staff=staff)
    rules = replace(rules, calendar=Calendar({"normal": day}))
    agrees(history(rules, long_steps(seed, 150, kinds)))


@few
@given(rules=branches().map(closed), seed=st.integers(0, 2**32 - 1), kinds=st.sampled_from((USUAL, ALL)))
def test_what_is_dealt_is_what_the_open_counters_do(rules: Rules, seed: int, kinds: tuple[str, ...]) -> None:
    """In a plan by which nobody comes beside them: each ticket once, in the order of the calls."""
    nobody = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (0,) * 8, staff=dict.fromkeys(rules.counters, ()))
    lobby = history(replace(rules, calendar=Calendar({"normal": nobody})), long_steps(seed, 150, kinds))
    for id in rules.counters:
        if lobby.state.counter(id).stage is CounterStage.PAUSED:
            do(lobby, Close, id)
    exact(lobby)
    calls = coming(lobby.state, lobby.rules, lobby.now, 1000)
    assert {call.place.ticket: int(call.seconds) for call in calls} == lived(lobby)
    assert len({call.place.ticket for call in calls}) == len(calls)
    assert [call.seconds for call in calls] == sorted(call.seconds for call in calls)
    assert coming(lobby.state, lobby.rules, lobby.now, 3) == calls[:3]
    event(f"{min(len(calls), 10)} calls")


@few
@given(rules=branches().map(closed), seed=st.integers(0, 2**32 - 1), klass=st.integers(0, 9), service=st.integers(0, 9))
def test_a_newcomer_is_told_what_will_happen(rules: Rules, seed: int, klass: int, service: int) -> None:
    services = {id: replace(each, hours=None, quota=None) for id, each in rules.services.items()}
    lobby = exact(history(replace(rules, services=services), long_steps(seed, 60)))
    wanted = list(rules.services)[service % len(rules.services)]
    whom = list(rules.classes)[klass % len(rules.classes)]
    lobby.state.day = rules.day_of(lobby.now)
    free = finds_free_counter(lobby.state, lobby.rules, newcomer(lobby.state, lobby.rules, lobby.now, wanted, whom))
    written = len(lobby.rows)
    id = lobby.take(wanted, whom, by="newcomer")
    issued = lobby.rows[written]["data"]
    overflows = lobby.rows[-1]["kind"] == "ticket_reassigned"
    if free:
        assert "rolled" not in issued
        assert "expected" not in issued
    elif not overflows:
        assert issued.get("rolled") == lived(lobby).get(id)


def test_the_properties_above_have_something_to_compare() -> None:
    """Long lines with the guard in force, borrowing, tickets bound to a counter and early appointments."""
    rules = branch(
        {"1": {"cash": 0}, "2": {"cash": 10, "personal": 0}, "3": {"personal": 5, "corporate": 0}},
        pass_limit=2,
        appointments=Appointments(half_hours("09:00", "16:00")),
    )
    print("seed 5")
    kinds = (*USUAL, *("take",) * 12, "appointment", "appointment", "reassign_counter", "reassign_any", "pause")
    lobby = history(rules, long_steps(5, 300, kinds))
    waiting = [ticket for ticket in lobby.state.tickets.values() if ticket.stage is Stage.WAITING]
    assert agrees(lobby) > 40
    assert any(ticket.passed for ticket in waiting)
    assert any(ticket.only for ticket in waiting)
    assert any(ticket.not_before > lobby.now // 1000 for ticket in waiting)


# -- by hand -------------------------------------------------------------------------------------------------------


ROUND_THE_CLOCK = Calendar({"normal": Profile("normal", (), Span(0, 24 * HOUR), (0,) * 24)})


def wait(lobby: Lobby, service: str = "cash", klass: str = "normal") -> int | None:
    """What the roll says of somebody who comes now, if the times are as configured."""
    return left(lobby, newcomer(lobby.state, lobby.rules, lobby.now, service, klass))


def left(lobby: Lobby, ticket: Ticket) -> int | None:
    """The same of a ticket."""
    exact(lobby)
    return predict(lobby.state, lobby.rules, lobby.now, ticket)


def at_noon(counters: dict[str, dict[str, float]], **about: Any) -> Lobby:
    """A lobby at noon, when nobody who has not opened is expected any more."""
    about = {"services": {"cash": {"minutes": 4}, "personal": {"minutes": 10}}} | about
    return exact(Lobby(branch(counters, **about), local("2026-11-23 12:00")))


def do(lobby: Lobby, command: type[CounterCommand], counter: str, **about: Any) -> None:
    answer = lobby.do(command(at=lobby.now, cause="", counter=counter, **about))
    assert not isinstance(answer, Refusal), answer


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
    footers = [views.footer(lobby.state, lobby.rules, {"cash": minutes}, 10_000 * turn) for turn in range(2)]
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


# -- counters that are busy ------------------------------------------------------------------------------------------


def a_service(chance: Random) -> float:
    """Seconds at the counter: lognormal, mean four minutes."""
    variance = math.log(1 + SPREAD**2)
    return chance.lognormvariate(math.log(4 * MINUTE) - variance / 2, math.sqrt(variance))


def under_way(chance: Random) -> tuple[float, float]:
    """(elapsed, left) of a service that somebody finds who comes at any time: the longer, the likelier to be found."""
    took = a_service(chance) * math.exp(math.log(1 + SPREAD**2))
    elapsed = took * chance.random()
    return elapsed, took - elapsed


def just_begun(chance: Random) -> tuple[float, float]:
    """The same of one that has begun now."""
    return 0.0, a_service(chance)


Found = Callable[[Random], tuple[float, float]]


def true_wait(found: Found, counters: int, ahead: int) -> float:
    """The mean wait of many newcomers who find so many busy counters, and so many in line."""
    chance, waits = Random(f"true {counters} {ahead}"), []
    for _ in range(12_000):
        free = [found(chance)[1] for _ in range(counters)]
        heapify(free)
        for _ in range(ahead):
            heapreplace(free, free[0] + a_service(chance))
        waits.append(free[0])
    return fmean(waits)


def rolled_wait(found: Found, counters: int, ahead: int) -> float:
    """The mean of what the lobby reckons for them."""
    rules = branch({str(n): {"cash": 0} for n in range(1, counters + 1)}, services={"cash": {"minutes": 4}})
    chance, waits = Random(f"rolled {counters} {ahead}"), []
    for _ in range(300 if found is under_way else 1):
        lobby = Lobby(rules, local("2026-11-23 12:00"))
        lobby.do(RollOver(at=lobby.now, cause=""))
        noon = lobby.now
        for n, elapsed in enumerate(sorted((found(chance)[0] for _ in range(counters)), reverse=True), 1):
            lobby.now = noon - round(1000 * elapsed)
            lobby.take("cash")
            assert lobby.call(str(n))
        lobby.now = noon
        for _ in range(ahead):
            lobby.take("cash")
        calls = [[0.0, -PRIOR_WEIGHT * MISSES] for _ in range(len(LEFT) + 1)]
        lobby.state.knowledge = Knowledge(calls=calls)
        seconds = predict(lobby.state, rules, noon, newcomer(lobby.state, rules, noon, "cash"))
        assert seconds is not None
        waits.append(seconds)
    return fmean(waits)


@pytest.mark.parametrize("found", [under_way, just_begun])
@pytest.mark.parametrize("counters", [1, 2, 4, 7, 10])
@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_the_first_of_several_busy_counters_is_free_far_sooner_than_each(
    found: Found, counters: int, ahead: int
) -> None:
    """Against the mean wait itself: the seventh part of a service at seven counters, and not half of one."""
    true, rolled = true_wait(found, counters, ahead), rolled_wait(found, counters, ahead)
    print(f"{counters} counters, {ahead} in line: {true:.1f} s, rolled {rolled:.1f} s")
    assert abs(rolled - true) < 5 + 0.01 * ahead * true


def test_counters_that_open_together_are_free_one_after_the_other() -> None:
    """Thirty people wait for four counters at nine."""
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (0,) * 8)
    rules = branch({str(n): {"cash": 0} for n in range(1, 5)}, services={"cash": {"minutes": 4}})
    lobby = Lobby(replace(rules, calendar=Calendar({"normal": day})), local("2026-11-23 08:50"))
    lobby.do(RollOver(at=lobby.now, cause=""))
    waits = []
    for _ in range(12):
        waiting_one = newcomer(lobby.state, lobby.rules, lobby.now, "cash")
        waits.append(predict(lobby.state, lobby.rules, lobby.now, waiting_one))
        lobby.take("cash")
    nine = 10 * MINUTE
    assert waits[:4] == [nine] * 4
    gaps = [b - a for a, b in pairwise(waits[3:]) if a is not None and b is not None]
    assert len(gaps) == 8
    assert 80 < gaps[0] < 130, "the first of four"
    assert all(30 < gap < 90 for gap in gaps[1:]), "then one a minute"


def test_one_who_can_be_served_by_one_counter_alone_waits_for_that_one() -> None:
    """However many others are busy."""
    serves = {"1": {"personal": 0}, **{str(n): {"cash": 0} for n in range(2, 8)}}
    lobby = Lobby(branch(serves, services={"personal": {"minutes": 4}}), local("2026-11-23 12:00"))
    for n in serves:
        lobby.take("personal" if n == "1" else "cash")
        lobby.call(n)
    seconds = predict(lobby.state, lobby.rules, lobby.now, newcomer(lobby.state, lobby.rules, lobby.now, "personal"))
    assert seconds == 4 * MINUTE


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


# -- those who will come -------------------------------------------------------------------------------------------


def test_customers_with_privilege_who_are_still_to_come_count() -> None:
    """Thirty an hour, half of them green: one every four minutes comes before a normal newcomer for an hour."""
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (30,) * 8)
    about: dict[str, Any] = {
        "calendar": Calendar({"normal": day}),
        "shares": {"normal": {"cash": 1.0}},
        "class_shares": {"normal": {"normal": 50.0, "green": 50.0}},
        "pass_limit": 100,
    }
    lobby = at_noon({"1": {"cash": 0}}, **about)
    do(lobby, Open, "1")
    for _ in range(5):
        lobby.take("cash")
    waits = {klass: wait(lobby, klass=klass) for klass in ("normal", "green")}
    alone = at_noon({"1": {"cash": 0}})
    do(alone, Open, "1")
    for _ in range(5):
        alone.take("cash")
    assert wait(alone) == 20 * MINUTE
    assert waits["green"] == 0, "those who come later do not come before it"
    assert waits["normal"] is not None
    assert waits["normal"] > 35 * MINUTE


def test_appointments_in_a_line_do_not_hide_those_who_are_still_to_come() -> None:
    """An appointment of the evening stands behind those of its class who will come before it."""
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (60,) * 8)
    lobby = at_noon(
        {"1": {"cash": 0}},
        calendar=Calendar({"normal": day}),
        shares={"normal": {"cash": 1.0}},
        class_shares={"normal": {"green": 50.0, "normal": 50.0}},
        appointments=Appointments(half_hours("12:00", "17:00")),
        pass_limit=100,
    )
    do(lobby, Open, "1")
    for _ in range(5):
        lobby.take("cash")
    without = wait(lobby)
    lobby.take("cash", "green", slot="16:30")
    assert without is not None
    assert wait(lobby) == without


def test_a_ticket_that_is_not_waiting_for_anybody_costs_nothing() -> None:
    """A service or class that is no longer configured has five minutes and no credit."""
    lobby = at_noon({"1": {"cash": 0}})
    do(lobby, Open, "1")
    stranger = Ticket("", 1, "gold", "king", lobby.now // 1000, lobby.now, 0)
    assert left(lobby, stranger) is None
    assert expected(lobby.state, lobby.rules, lobby.now, stranger) is None


def expecting(an_hour: float, classes: dict[str, float], **about: Any) -> dict[str, Any]:
    """About a branch to which so many come an hour, all for cash."""
    return {
        "calendar": Calendar({"normal": Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (an_hour,) * 8)}),
        "shares": {"normal": {"cash": 1.0}},
        "class_shares": {"normal": classes},
        "pass_limit": 100,
    } | about


def test_those_to_come_do_not_stand_behind_those_who_wait() -> None:
    """Who comes in a minute, with an hour's privilege, is there in a minute: the one of the same class who took a
    ticket for the evening does not hide them, nor does one who came before."""
    lobby = at_noon({"1": {"cash": 0}}, **expecting(60, {"normal": 50.0, "green": 50.0}))
    do(lobby, Open, "1")
    for _ in range(3):
        lobby.take("cash")
    lobby.take("cash", "green")
    exact(lobby)
    normal = wait(lobby)
    # One green one every two minutes, and four minutes for each: the normal ones are called when no more green ones
    # count as having come before them, an hour from now, and then those of this hour have to be served as well.
    assert normal is None or normal > HOUR


@pytest.mark.parametrize(("vip", "ahead"), [(40.0, 0), (40.0, 1), (40.0, 4), (40.0, 8), (10.0, 1), (10.0, 8)])
def test_however_a_service_is_cut_the_same_is_reckoned(vip: float, ahead: int) -> None:
    """One counter, sixty an hour, some of them VIP, and the same line: as one service, or as several that each have
    their part of the customers. None of those to come is rounded away because each part has less than half of one."""
    waits = {}
    for number in (1, 2, 3, 4, 8, 10):
        services = ALL_SERVICES[:number]
        about = expecting(60, {"normal": 100 - vip, "vip": vip}, shares={"normal": dict.fromkeys(services, 1.0)})
        about |= {"services": {service: {"minutes": 4} for service in services}}
        lobby = at_noon({"1": dict.fromkeys(services, 0.0)}, **about)
        lobby.take(services[0])
        lobby.call("1")
        for n in range(ahead):
            lobby.take(services[n % number])
        waits[number] = wait(lobby, services[0])
    one = waits[1]
    assert one is not None
    assert one > (1 + ahead) * 4 * MINUTE, "somebody comes who is called before"
    assert {number: other for number, other in waits.items() if other is None or abs(other - one) > 0.05 * one} == {}


def test_those_to_come_are_as_many_as_the_calendar_has_hour_by_hour() -> None:
    """Sixty in this hour and twelve in the next, and none over lunch: of each, half are green."""
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (0, 0, 0, 60, 12, 60, 60, 60)).within(
        (parse_spans("09:00-13:30 14:30-17:00"),) * 7
    )
    rules = branch(
        {"1": {"cash": 0}},
        calendar=Calendar({"normal": day}),
        shares={"normal": {"cash": 1.0}},
        class_shares={"normal": {"normal": 50.0, "green": 50.0}},
        credits={"normal": 0, "green": 180},
    )
    lobby = Lobby(rules, local("2026-11-23 12:00"))
    lobby.do(RollOver(at=lobby.now, cause=""))
    ticket = newcomer(lobby.state, rules, lobby.now, "cash")
    (times,) = _to_come(lobby.state, rules, lobby.now, ticket).values()
    after = [time - lobby.now // 1000 for time in times]
    counted = [sum(begin <= time < begin + HOUR // 2 for time in after) for begin in range(0, 3 * HOUR, HOUR // 2)]
    assert counted == [15, 15, 3, 0, 0, 15]


def test_nobody_is_expected_from_an_hour_without_arrivals() -> None:
    lobby = at_noon({"1": {"cash": 0}}, **expecting(0, {"normal": 50.0, "green": 50.0}))
    do(lobby, Open, "1")
    for _ in range(3):
        lobby.take("cash")
    assert wait(lobby) == 12 * MINUTE


def test_those_to_come_are_never_more_than_the_horizon_ahead() -> None:
    """Whatever privilege a class is given, there is an end to who is thought of."""
    credits = {"normal": 0, "king": 10_000_000}
    lobby = at_noon({"1": {"cash": 0}}, credits=credits, **expecting(60, {"normal": 99.0, "king": 1.0}))
    do(lobby, Open, "1")
    lobby.take("cash")
    ticket = newcomer(lobby.state, lobby.rules, lobby.now, "cash")
    times = [time for times in _to_come(lobby.state, lobby.rules, lobby.now, ticket).values() for time in times]
    assert 0 < len(times) <= HORIZON / HOUR * 60
    assert max(times) < lobby.now // 1000 + HORIZON
    assert wait(lobby) is not None


def test_a_window_with_nobody_to_serve_waits_for_the_next_to_come() -> None:
    """Counter 2 has nothing of its own now, and borrows the one who waits only after its own next customers."""
    about = expecting(6, {"normal": 100.0}, shares={"normal": {"personal": 1.0}})
    lobby = at_noon({"1": {"cash": 0}, "2": {"personal": 0}}, **about)
    do(lobby, Open, "2")
    assert wait(lobby, "personal") == 0
    lobby = at_noon({"1": {"cash": 0, "personal": 30}}, **about)
    do(lobby, Open, "1")
    lobby.take("cash")
    exact(lobby)
    lonely = at_noon({"1": {"cash": 0, "personal": 30}})
    do(lonely, Open, "1")
    lonely.take("cash")
    assert wait(lobby) == wait(exact(lonely)) == 4 * MINUTE


def test_who_waits_for_the_idle_counter_is_before_a_newcomer() -> None:
    """The counter is free, but its next customer stands in front of it."""
    lobby = at_noon({"1": {"cash": 0, "personal": 0}, "2": {"personal": 0}})

    def free(service: str) -> bool:
        return finds_free_counter(lobby.state, lobby.rules, newcomer(lobby.state, lobby.rules, lobby.now, service))

    do(lobby, Open, "1")
    assert free("cash")
    lobby.take("personal")
    assert not free("cash"), "one waits whom the idle counter serves"
    do(lobby, Open, "2")
    assert not free("personal")
    assert lobby.call("2") == "B001"
    assert free("cash")
    assert views.wait(lobby.state, lobby.rules, lobby.now, "cash") == (0, 0)


def test_services_that_give_no_tickets_now_have_no_wait() -> None:
    about = {"cash": {"hours": hours("09:00-12:30"), "minutes": 4}, "personal": {"quota": 1}}
    lobby = at_noon({"1": {"cash": 0}, "2": {"personal": 0}}, services=about)
    do(lobby, Open, "1")
    do(lobby, Open, "2")

    def told() -> list[tuple[int, int] | None]:
        return [views.wait(lobby.state, lobby.rules, lobby.now, service) for service in ("cash", "personal")]

    assert told() == [(0, 0), (0, 0)]
    lobby.take("personal")
    lobby.call("2")
    assert told() == [(0, 0), None], "its quota is used up"
    lobby.wait(30)
    assert told() == [None, None], "its hours are over"


def test_the_crowd_at_the_door_comes_when_the_doors_open() -> None:
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (10,) * 8, burst=(20, 20))
    lobby = at_noon({"1": {"cash": 0}})
    for profile, opens in ((day, 9 * HOUR), (day.within((parse_spans("10:00-12:00 13:00-15:00"),) * 7), 10 * HOUR)):
        crowd = [at_the_door(lobby.state, profile, opens + second) for second in (-1, 0, DOOR - 1, DOOR)]
        assert crowd == [0, 20, 20, 0]
