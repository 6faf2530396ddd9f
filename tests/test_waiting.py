"""How long it takes: what is rolled forward is what happens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from heapq import heapify, heapreplace
from itertools import pairwise
from random import Random
from statistics import fmean

import pytest
from branches import (
    ALL,
    MINUTE,
    USUAL,
    Lobby,
    Step,
    branch,
    branches,
    half_hours,
    history,
    local,
    long_steps,
    steps,
)
from chance import examples
from hypothesis import event, given
from hypothesis import strategies as st
from sweeps import long
from waits import HOUR, agrees, do, exact, lived

from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.day import RollOver
from controller.lobby.forecast.waiting import (
    begins_at,
    coming,
    finds_free_counter,
    newcomer,
    predict,
)
from controller.lobby.model.calendar import Calendar, Profile, Span, parse_spans
from controller.lobby.model.knowledge import LEFT, MISSES, PRIOR_WEIGHT, SPREAD, Knowledge
from controller.lobby.model.rules import Appointments, Rules
from controller.lobby.model.state import CounterStage, Stage

few = examples(60)


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
    lobby.state.day, lobby.state.emergency = rules.day_of(lobby.now), None
    who = newcomer(lobby.state, lobby.rules, lobby.now, wanted, whom)
    free = finds_free_counter(lobby.state, lobby.rules, who)
    is_shut = begins_at(lobby.state, lobby.rules, lobby.now, who) is not None
    written = len(lobby.rows)
    id = lobby.take(wanted, whom, by="newcomer")
    issued = lobby.rows[written]["data"]
    overflows = lobby.rows[-1]["kind"] == "ticket_reassigned"
    if free or is_shut:  # at night it is told when work begins
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
@pytest.mark.parametrize("counters", [1, long(2), long(4), 7, long(10)])
@pytest.mark.parametrize("ahead", [0, long(1), 3])
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
