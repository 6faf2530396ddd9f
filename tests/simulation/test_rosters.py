"""Rosters: simulated as the lobby does it, legal, and the cheapest that keep the target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from random import Random

import pytest
from sweeps import long

from controller.lobby.aggregate import Row
from controller.lobby.model.calendar import Hours, Span
from controller.lobby.model.rules import CounterProfile, Planned, Rules
from simulation.rosters import PENSION, SMALL_DAYS, rules_of, small, waits_in_the_lobby
from simulators.customers import day as customers_of
from simulators.days.simulation import simulate
from simulators.rosters import erlang
from simulators.rosters.expected import Past, expect
from simulators.rosters.judge import DAYS, Judge, late, may_be_late
from simulators.rosters.plan import make
from simulators.rosters.quick import NEVER_CALLED, Branch, run
from simulators.rosters.roster import SHORTEST, Grid, Roster
from simulators.rosters.search import Search

DAY = date(2026, 12, 14)
"""A Monday, and a pension day."""
HOUR = 3600


# -- the quick day ---------------------------------------------------------------------------------------------------


def odd(rules: Rules, chance: Random) -> Rules:
    """The bank with hours, a quota, and a counter profile by the calendar; nobody returns from time to time."""
    hours = Hours(((Span(9 * HOUR, 12 * HOUR), Span(13 * HOUR, 16 * HOUR)),) * 7, 900)
    services = {id: replace(service, hours=hours) for id, service in rules.services.items()}
    services["personal"] = replace(services["personal"], quota=20)
    profiles = {"helps": CounterProfile("helps", "helps", {"cash": 0, "corporate": 300}, 1)}
    plan = (Planned("3", "helps", 10 * HOUR, 11 * HOUR), Planned("6", "helps", 10 * HOUR, 14 * HOUR, "pension"))
    return replace(
        rules,
        services=services,
        counter_profiles=profiles,
        plan=plan,
        pass_limit=chance.choice((1, 2, 5)),
        returns=chance.choice((0, 2)),
        return_within=chance.choice((60, 900)),
        recalls=chance.choice((0, 3)),
    )


@pytest.mark.parametrize("seed", [1, 2, 3, 4, *map(long, range(5, 40))])
def test_a_quick_day_has_the_waits_of_the_lobby(seed: int, bank: Rules) -> None:
    chance = Random(f"quick:{seed}")
    rules = odd(bank, chance) if seed % 2 else bank
    kind = ("pension", "normal")[seed % 3 == 0]
    day = DAY if kind == "pension" else date(2026, 12, 8)
    customers = list(customers_of(rules, kind, f"quick:{seed}", day))
    shifts = []
    for _ in rules.counters:
        begins, breaks, ends = sorted(chance.sample(range(18, 35), 3))
        shifts.append([Span(begins * 1800, breaks * 1800), Span(breaks * 1800 + 900, ends * 1800)])
    branch = Branch(rules, day)
    quick = run(branch, branch.admitted(customers), shifts)
    there = waits_in_the_lobby(rules, day, customers, shifts)
    assert quick.waits == there
    assert max(there) > 0
    if seed % 2:
        assert len(there) < len(customers), "some came outside the hours, or were too many"


def test_who_is_left_in_the_evening_counts_as_late(bank: Rules) -> None:
    branch = Branch(bank, DAY)
    arrivals = branch.admitted(customers_of(bank, "pension", "left", DAY))
    alone = run(branch, arrivals, [[Span(9 * HOUR, 17 * HOUR)], *[[] for _ in range(5)]])
    left = [branch.lines[who.line][0] for who, w in zip(arrivals, alone.waits, strict=True) if w == NEVER_CALLED]
    assert {"personal", "corporate"} <= set(left), "counter 1 serves cash alone"
    assert late(alone, 10**12) == len(left)


# -- what a roster keeps ---------------------------------------------------------------------------------------------


def test_a_counter_is_open_only_while_the_profile_has_it_open(bank: Rules) -> None:
    staff = {"1": (Span(9 * HOUR, 12 * HOUR), Span(13 * HOUR + 900, 17 * HOUR)), "2": ()}
    profiles = {id: replace(profile, staff=staff) for id, profile in bank.calendar.profiles.items()}
    rules = replace(bank, calendar=replace(bank.calendar, profiles=profiles))
    grid = Grid.of(Branch(rules, DAY))
    assert grid.spans(grid.available[0]) == list(staff["1"])
    assert grid.available[1] == 0
    assert Span(13 * HOUR + 900, 13 * HOUR + 1800) in grid.periods
    assert not grid.may(1, 1)
    assert grid.may(0, grid.available[0])
    everything = grid.available
    lunch = grid.periods.index(Span(12 * HOUR, 12 * HOUR + 1800))
    assert "1" in [*grid.breaks_in(everything, lunch)]
    assert "1" not in grid.open_in(everything, lunch)


def test_a_roster_leaves_no_service_to_nobody_and_opens_nothing_for_half_an_hour(bank: Rules) -> None:
    grid = Grid.of(Branch(bank, DAY))
    nobody_for_corporate = grid.constant(0b010111)
    assert grid.fits(grid.available)
    assert not grid.covers(nobody_for_corporate), "counters 4 and 6 know it"
    assert grid.covers(grid.constant(0b001000)), "counter 4 knows everything"
    assert not grid.may(0, 0b1)
    assert grid.may(0, 0b11)
    assert grid.may(0, 0b11011)
    assert not grid.may(0, 0b11011011), "it would open three times"


# -- who is expected -------------------------------------------------------------------------------------------------


def past_days(rules: Rules, kind: str, number: int, seed: int) -> list[Past]:
    """The days of a simulated history."""
    found: list[Past] = []

    def keep(rows: list[Row]) -> None:
        past = Past.of(rows, rules)
        past.over = True
        found.append(past)

    simulate(rules, kind, number, seed, keep=keep)  # type: ignore[arg-type]
    return found


def test_without_history_those_are_expected_who_are_configured(bank: Rules) -> None:
    grid = Grid.of(Branch(bank, DAY))
    expected = expect(bank, DAY, grid.periods, [])
    assert (expected.kind, expected.own, expected.others) == ("pension", 0, 0)
    assert expected.total == pytest.approx(292 + 47.5)
    assert sum(expected.customers(0).values()) == pytest.approx(35 + 47.5)
    assert expected.customers(4)["cash"] == pytest.approx(22 * 0.75)
    drawn = [len(day) for day in expected.days(40, "drawn")]
    assert sum(drawn) / len(drawn) == pytest.approx(expected.total, rel=0.03), "stratified"
    assert drawn[:10] < drawn[-10:]


@pytest.mark.long
def test_history_teaches_how_many_come_for_what_and_for_how_long(bank: Rules) -> None:
    """The branch has half as many again as is configured, more for corporate business, and they take longer."""
    kinds = {
        id: replace(kind, arrivals=tuple(1.5 * n for n in kind.arrivals)) for id, kind in bank.calendar.profiles.items()
    }
    services = bank.services | {"cash": replace(bank.services["cash"], minutes=6)}
    real = replace(
        bank,
        calendar=replace(bank.calendar, profiles=kinds),
        shares={id: dict(shares) | {"corporate": 30.0} for id, shares in bank.shares.items()},
        services=services,
    )
    grid = Grid.of(Branch(bank, DAY))
    without, known = expect(bank, DAY, grid.periods, []), expect(real, DAY, grid.periods, [])
    history = past_days(real, "pension", 7, 5)
    learned = expect(bank, DAY, grid.periods, history)
    assert (learned.own, learned.others) == (7, 0)

    def off(of: object) -> float:
        return sum(abs(of.customers(n)[s] - known.customers(n)[s]) for n in range(16) for s in real.services)  # type: ignore[attr-defined]

    assert off(learned) < off(without) / 2
    assert learned.rules.services["cash"].minutes == pytest.approx(6, rel=0.1)
    assert without.rules.services["cash"].minutes == 4
    others = expect(bank, DAY, grid.periods, past_days(real, "normal", 6, 6))
    assert (others.own, others.others) == (0, 6)
    assert others.total == pytest.approx(1.4 * without.total, rel=0.12), "other days tell how many come"


def test_a_day_that_is_not_over_or_was_cut_short_teaches_nothing(bank: Rules) -> None:
    grid = Grid.of(Branch(bank, DAY))
    history = past_days(bank, "pension", 6, 7)
    whole = expect(bank, DAY, grid.periods, history)
    short = replace(history[0], taken=history[0].taken[:40], stays=history[0].stays[:40], missed=[0] * 40)
    today = replace(history[1], over=False)
    assert expect(bank, DAY, grid.periods, [*history, short, today]) == whole


# -- Erlang C --------------------------------------------------------------------------------------------------------


def test_erlang_c_is_as_in_the_tables() -> None:
    """The chance to wait at all: 4/9 for 3 servers and 2 erlangs; the load for one server (M/M/1)."""
    assert erlang.waits_longer(3, 2, 0) == pytest.approx(4 / 9)
    assert erlang.waits_longer(1, 0.7, 0) == pytest.approx(0.7)
    assert erlang.waits_longer(10, 8, 0) == pytest.approx(0.409, abs=0.001)
    assert erlang.waits_longer(2, 2, 5) == 1.0
    assert erlang.needed(8, 1.0, 20) == 10


# -- the search ------------------------------------------------------------------------------------------------------


def every_roster(grid: Grid) -> Iterator[Roster]:
    """Every legal roster, the cheapest first."""
    masks = [[m for m in range(1 << len(grid.periods)) if grid.may(n, m)] for n in range(len(grid.counters))]
    yield from sorted((roster for roster in product(*masks) if grid.covers(roster)), key=grid.seconds)


@pytest.mark.long
@pytest.mark.parametrize("which", [0, *map(long, range(1, len(SMALL_DAYS)))])
def test_on_a_small_branch_it_finds_at_most_a_tenth_more_than_the_best_there_is(which: int, tmp_path: Path) -> None:
    rules = rules_of(small(tmp_path, *SMALL_DAYS[which]).read_text("utf-8"), tmp_path)
    branch = Branch(rules, DAY)
    grid = Grid.of(branch)
    days = [branch.admitted(each) for each in expect(rules, DAY, grid.periods, []).days(60, "exhaustive")]
    judge = Judge(branch, grid, days, rules.target * 1000)
    assert judge.meets(grid.available)
    search = Search(judge, Random(1))
    found = search.walk(search.descend(grid.available), 2000)
    assert judge.meets(found)
    assert grid.fits(found)
    best = next(roster for roster in every_roster(grid) if judge.meets(roster))
    assert grid.seconds(found) <= 1.1 * grid.seconds(best)


@pytest.mark.long
@pytest.mark.parametrize("which", range(len(SMALL_DAYS)))
def test_a_whole_plan_is_at_most_a_tenth_above_the_best_there_is(which: int, tmp_path: Path) -> None:
    rules = rules_of(small(tmp_path, *SMALL_DAYS[which]).read_text("utf-8"), tmp_path)
    plan = make(rules, DAY, [], 2)
    assert plan.reachable
    best = next(roster for roster in every_roster(plan.grid) if plan.judge.meets(roster))
    assert plan.found.seconds <= 1.1 * plan.grid.seconds(best)


def test_mending_opens_where_people_wait(tmp_path: Path) -> None:
    rules = rules_of(small(tmp_path).read_text("utf-8"), tmp_path)
    branch = Branch(rules, DAY)
    grid = Grid.of(branch)
    days = [branch.admitted(each) for each in expect(rules, DAY, grid.periods, []).days(20, "mended")]
    judge = Judge(branch, grid, days, rules.target * 1000)
    least = grid.constant(0b100)
    assert grid.fits(least)
    assert not judge.meets(least)
    mended = Search(judge, Random(1)).mend(least)
    assert mended
    assert judge.meets(mended)
    assert all(mask & ~then == 0 for mask, then in zip(least, mended, strict=True))


@pytest.mark.long
def test_where_the_target_is_beyond_reach_it_is_as_good_as_every_counter(tmp_path: Path) -> None:
    rules = rules_of(small(tmp_path, "[60, 12, 2]", "[20, 30]", 5).read_text("utf-8"), tmp_path)
    plan = make(rules, DAY, [])
    assert not plan.reachable
    assert plan.constant is None
    assert plan.limit.kind == "beyond"
    assert plan.found.seconds <= plan.everything.seconds
    assert plan.found.waits.within >= plan.everything.waits.within - 0.03
    assert plan.one_less.waits.within < plan.found.waits.within


# -- pension days ----------------------------------------------------------------------------------------------------

UNSEEN = 20


@pytest.mark.long
@pytest.mark.timeout(400)
def test_on_unseen_pension_days_it_keeps_the_target_for_less(tmp_path: Path) -> None:
    """20 pension days that neither the history nor the search has seen, through the lobby's own core: the target is met
    on 16 of them or more, for no more than the best constant staffing that meets it on as many. And Erlang C, with as
    much reserve as it takes to be met as often (on 100 more days), takes more."""
    rules = rules_of(PENSION, tmp_path)
    plan = make(rules, DAY, past_days(rules, "pension", 20, 46))
    grid, branch = plan.grid, plan.branch
    unseen = [list(customers_of(rules, "pension", f"unseen:{n}", DAY)) for n in range(UNSEEN)]
    met = 0
    for customers in unseen:
        waits = waits_in_the_lobby(rules, DAY, customers, grid.shifts(plan.found.roster))
        too_long = sum(wait == NEVER_CALLED or wait > rules.target * 1000 for wait in waits)
        met += too_long <= may_be_late(len(waits))
    print(f"met on {met} of {UNSEEN} days with {plan.found.seconds / HOUR} counter-hours")
    assert met >= 0.8 * UNSEEN

    judge = Judge(branch, grid, [branch.admitted(each) for each in unseen], rules.target * 1000)

    def failed(roster: Roster, days: int = UNSEEN) -> int:
        failures = 0
        for day in range(days):
            failures += judge.excess(roster, day) > 0
            if failures > 0.2 * days:
                break
        return failures

    constant = sorted((grid.constant(n) for n in range(1, 1 << len(grid.counters))), key=grid.seconds)
    best = next(roster for roster in constant if grid.covers(roster) and failed(roster) <= 0.2 * UNSEEN)
    print(f"the best constant staffing: {grid.seconds(best) / HOUR}")
    assert plan.found.seconds <= grid.seconds(best)

    more = [branch.admitted(customers_of(rules, "pension", f"more:{n}", DAY)) for n in range(100)]
    others = Judge(branch, grid, more, rules.target * 1000)
    ours = others.waits(plan.found.roster).met
    by_the_book = [erlang.staff(branch, grid, plan.expected, rules.target, 0.9 + n / 20) for n in range(30)]
    print(ours, [(grid.seconds(roster) / HOUR, others.waits(roster).met) for roster in by_the_book])
    as_good = [grid.seconds(roster) for roster in by_the_book if others.waits(roster).met >= ours]
    assert as_good
    assert plan.found.seconds < min(as_good)


def test_what_the_target_asks_for_is_a_share_of_customers_and_of_days() -> None:
    assert may_be_late(100) == 10
    assert may_be_late(9) == 0
    assert pytest.approx(0.9) == DAYS
    assert SHORTEST == HOUR
