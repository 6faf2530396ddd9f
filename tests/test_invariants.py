"""The ten invariants over many random simulated hours, judged from the journal's rows alone (`checker`).

Half of the hours are whole days with customers, clerks and a manager, half are presses at random. One seed is one run;
`--hours` says how many hours there are, `--from` with which seed they begin, `--seed` asks for one run again.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from branches import MINUTE, MINUTE_MS, NINE, Lobby, branch, half_hours, numbers
from checker import Checker, Numbers, Violation, check
from random_days import Run, random_days, random_presses

from controller.lobby import rule
from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.undo import Undo
from controller.lobby.model import rules as cn
from controller.lobby.model.rules import Appointments, Rules
from controller.lobby.model.state import State
from controller.lobby.rule import Candidate, Pick

RUN_HOURS = 50
SOURCES = {"days": random_days, "presses": random_presses}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        option = metafunc.config.getoption
        only, hours, first = option("--seed"), option("--hours"), option("--from")
        runs = -(-hours // RUN_HOURS // len(SOURCES))
        seeds = [only] if only is not None else [first + n for n in range(runs)]
        metafunc.parametrize("seed", seeds, ids=[f"seed {seed}" for seed in seeds])


def told(run: Run, violation: Violation) -> str:
    """What was violated, with the row."""
    row = json.dumps(run.rows[violation.row - 1], ensure_ascii=False) if violation.row else "the configuration"
    return f"{violation.text}\n  {row}"


@pytest.mark.verify
@pytest.mark.parametrize("source", SOURCES)
def test_the_ten_invariants_hold(source: str, seed: int, record_property: Callable[[str, object], None]) -> None:
    print(f"{source}, seed {seed}")
    run = SOURCES[source](seed, RUN_HOURS)
    checker = Checker(numbers(run.rules))
    for row in run.rows:
        checker.row(row)
    again = f'again with: make verify ARGS="--seed {seed} -k {source}"'
    assert not checker.violations, "\n".join([again, *(told(run, v) for v in checker.violations[:10])])
    assert checker.calls > 0
    assert run.replayed().picture() == run.state.picture(), again
    record_property("lobby", (run.hours, len(run.rows), checker.calls, len(checker.forced)))


# -- what this rests on: such runs go to the limits, and what is wrong in them is found --------------------------------


@cache
def a_run() -> Run:
    """One that the guard is needed in."""
    return random_days(GUARDED, 16)


GUARDED = 31


@pytest.mark.long
@pytest.mark.parametrize("source", SOURCES)
def test_random_hours_go_to_the_limits(source: str) -> None:
    runs = [SOURCES[source](seed, 12) for seed in range(31, 42)]
    rows = [row for run in runs for row in run.rows]
    kinds = Counter(row["kind"] for row in rows)
    of_tickets = ("returned", "held", "transferred", "reassigned", "promoted", "restored", "cancelled", "missed")
    for kind in (*of_tickets, "recalled"):
        assert kinds[f"ticket_{kind}"] > 10, kind
    for kind in ("service_resumed", "call_undone", "counter_profile_set"):
        assert kinds[kind] > 20, kind
    assert source == "days" or kinds["clerk_signed_in"] > 20
    assert kinds["day_closed"] > 3
    for kind in ("counter_paused", "counter_closed", "self_service_advised", "windows_checked"):
        assert kinds[kind] > 20, kind
    calls = [row["data"] for row in rows if row["kind"] == "ticket_called"]
    assert sum(call["forced"] for call in calls) > 10
    assert sum("by" in call for call in calls) > 5
    assert sum(call["why"]["guard"] for call in calls) > 20
    assert sum(len(call["why"]["heads"]) > 3 for call in calls) > 50
    assert sum(row["data"].get("by") == "overflow" for row in rows) > 20
    issued = [row["data"] for row in rows if row["kind"] == "ticket_issued"]
    assert len({ticket["class"] for ticket in issued}) == 5
    for field in ("slot", "not_before", "choice", "insisted", "form", "needs", "expected"):
        assert sum(field in ticket for ticket in issued) > 10, field
    finished = [row["data"] for row in rows if row["kind"] == "ticket_finished"]
    assert sum("none_waiting" in data for data in finished) > 20
    print(f"{sum(run.hours for run in runs):.0f} h, {len(rows)} rows, {len(calls)} calls")


def found(rows: Sequence[dict[str, Any]], told_numbers: Numbers) -> set[int]:
    return {violation.invariant for violation in check(rows, told_numbers)}


def test_an_auditor_who_knows_other_numbers_objects() -> None:
    run = a_run()
    true = numbers(run.rules)
    assert not found(run.rows, true)
    assert 2 in found(run.rows, replace(true, pass_limit=true.pass_limit - 1 or 2))
    assert found(run.rows, replace(true, pass_limit=true.pass_limit + 1))
    for klass, credit in true.credits.items():
        wrong = {**true.credits, klass: credit + 7 * MINUTE}
        assert found(run.rows, replace(true, credits=wrong)) & {1, 6, 7}, klass
    for counter, serves in true.serves.items():
        for service, handicap in serves.items():
            wrong_handicaps = {**true.serves, counter: {**serves, service: handicap + 7 * MINUTE}}
            assert found(run.rows, replace(true, serves=wrong_handicaps)), (counter, service)
    nobody_s = {counter: {"normal": 1} for counter in true.serves}
    assert 3 in found([], replace(true, class_handicaps=nobody_s))


Wrong = Callable[[State, Rules, cn.Counter, int], Pick | None]
right = rule.pick


def _never(rules: Rules) -> Rules:
    """The guard is never needed."""
    return replace(rules, pass_limit=10**9)


def _by(key: Callable[[int, int, int], int]) -> Wrong:
    """A rule that ranks by another key, made of seniority, credit and handicap, and knows no guard."""

    def wrong(state: State, rules: Rules, counter: cn.Counter, at: int) -> Pick | None:
        found = right(state, _never(rules), counter, at)
        if found is None:
            return None

        def place(each: Candidate) -> tuple[int, int]:
            return key(each.ticket.seniority, rules.credit(each.ticket.klass), each.handicap), each.ticket.order

        ranked = tuple(sorted(found.candidates, key=place))
        return replace(found, ticket=ranked[0].ticket, candidates=ranked)

    return wrong


def _guard_for_show(state: State, rules: Rules, counter: cn.Counter, at: int) -> Pick | None:
    """Says that it ignores privilege, and does not."""
    true, found = right(state, rules, counter, at), right(state, _never(rules), counter, at)
    return replace(found, guard=true.guard) if true and found else None


def _early_like_others(state: State, rules: Rules, counter: cn.Counter, at: int) -> Pick | None:
    return right(state, rules, counter, at + 24 * 60 * MINUTE_MS)


MUTANTS: dict[str, tuple[Wrong, set[int]]] = {
    "no guard": (lambda state, rules, counter, at: right(state, _never(rules), counter, at), {2}),
    "a guard for show": (_guard_for_show, {2, 6}),
    "credits count twice": (_by(lambda came, credit, handicap: came + handicap - 2 * credit), {1, 6}),
    "credits count against": (_by(lambda came, credit, handicap: came + handicap + credit), {6, 7}),
    "no handicaps": (_by(lambda came, credit, handicap: came - credit), {1, 6}),
    "last come, first served": (_by(lambda came, credit, handicap: -came), {1, 6}),
    "early appointments like others": (_early_like_others, {6}),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_rule_is_found(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, invariants = MUTANTS[mutant]
    monkeypatch.setattr(rule, "pick", wrong)
    for seed in range(31, 41):
        run = random_days(seed, 8)
        if invariants <= found(run.rows, numbers(run.rules)):
            print(f"found with seed {seed}")
            return
    pytest.fail(f"{mutant}: {invariants} not found")


def _exchange_two(rows: list[dict[str, Any]]) -> None:
    """Two of one line, called one right after the other, are called the other way round."""
    moves = ("ticket_promoted", "ticket_reassigned", "ticket_transferred", "ticket_returned", "call_undone")
    moved = {row["data"]["ticket"] for row in rows if row["kind"] in moves or "slot" in row["data"]}
    line = {row["data"]["ticket"]: (row["data"]["service"], row["data"]["class"]) for row in issues(rows)}
    issued = {row["data"]["ticket"]: row["seq"] for row in issues(rows)}
    calls = [row for row in rows if row["kind"] == "ticket_called" and not row["data"]["forced"]]
    for row, after in itertools.pairwise(calls):
        one, other = row["data"]["ticket"], after["data"]["ticket"]
        if line[one] == line[other] and issued[other] < row["seq"] and not {one, other} & moved:
            for each in rows:
                if each["seq"] >= row["seq"] and each["data"].get("ticket") in (one, other):
                    each["data"]["ticket"] = other if each["data"]["ticket"] == one else one
            return
    raise AssertionError("no such two")


def issues(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["kind"] == "ticket_issued"]


def _first(rows: list[dict[str, Any]], kind: str, having: str = "ticket") -> dict[str, Any]:
    return next(row for row in rows if row["kind"] == kind and having in row["data"])


def _none_waiting(rows: list[dict[str, Any]]) -> None:
    """Somebody is told that nobody waits, and calls one all the same."""
    for row, after in itertools.pairwise(rows):
        if row["kind"] == "ticket_finished" and after["kind"] == "ticket_called" and not after["data"]["forced"]:
            row["data"]["none_waiting"] = True
            return


def _ends_twice(rows: list[dict[str, Any]]) -> None:
    row = _first(rows, "ticket_finished")
    rows.insert(rows.index(row) + 1, row)


def _moves_up(rows: list[dict[str, Any]]) -> None:
    row = _first(rows, "ticket_reassigned")
    ticket = next(each["data"] for each in issues(rows) if each["data"]["ticket"] == row["data"]["ticket"])
    row["data"]["seniority"] = ticket["seniority"] - 60


def _never_ends(rows: list[dict[str, Any]]) -> None:
    rows.remove(_first(rows, "ticket_finished"))


UNDONE: list[tuple[str, dict[str, object]]] = [
    ("another service", {"service": "corporate"}),
    ("another class", {"class": "green"}),
    ("another counter", {"only": "1"}),
    ("any counter", {"only": "*"}),
    ("no slot", {"slot": None}),
    ("another slot", {"slot": NINE // 1000}),
    ("another time", {"not_before": None}),
    ("another seniority", {"seniority": NINE // 1000}),
]


def an_undone_day() -> Lobby:
    """An appointment is promoted and given to counter 1; that is undone."""
    slots = Appointments(half_hours("09:00", "12:00"))
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"cash": 0, "corporate": 0}}, appointments=slots))
    lobby.take("cash", "appointment", slot="10:00")
    lobby.do(Open(at=lobby.now, cause="", counter="1"))
    lobby.do(Reassign(**PANEL, at=lobby.now, counter="2"))
    lobby.do(Promote(**PANEL, at=lobby.now, klass="urgent"))
    lobby.do(Open(at=lobby.now, cause="", counter="2"))
    lobby.do(Undo(**PANEL, at=lobby.now))
    return lobby


PANEL: dict[str, Any] = {"cause": "", "by": "panel", "ticket": "A001"}


@pytest.mark.parametrize(("what", "wrong"), UNDONE, ids=[what for what, _ in UNDONE])
def test_what_is_undone_is_as_it_was(what: str, wrong: dict[str, object]) -> None:
    lobby = an_undone_day()
    assert not found(lobby.rows, numbers(lobby.rules))
    row = lobby.rows[-1]
    assert row["kind"] == "ticket_restored"
    row["data"] = {key: value for key, value in (row["data"] | wrong).items() if value is not None}
    assert found(lobby.rows, numbers(lobby.rules)) == {9 if "seniority" in wrong else 0}, what


def test_undone_is_only_the_last_and_only_while_it_waits() -> None:
    lobby = an_undone_day()
    told_numbers, (*before, undone) = numbers(lobby.rules), lobby.rows
    assert found([*before, undone, undone], told_numbers) == {0}, "there is nothing left to undo"
    lobby.do(CallByHand(**PANEL, at=lobby.now, counter="2"))
    call = lobby.rows[-1]
    assert not found([*before, undone, call], told_numbers)
    assert found([*before, call, undone], told_numbers) >= {0}, "it has been called since"
    closed = {"at": lobby.now, "kind": "counter_closed", "data": {"counter": "2"}}
    assert found([*before, closed, undone], told_numbers) == {0}, "nobody would call it"
    paused = closed | {"kind": "counter_paused"}
    assert not found([*before, paused, undone], told_numbers)
    ended = {"at": lobby.now, "kind": "ticket_cancelled", "data": {"ticket": "A001"}}
    assert found([*before, ended, undone], told_numbers) == {8}


BROKEN: dict[int, Callable[[list[dict[str, Any]]], None]] = {
    4: _exchange_two,
    5: _none_waiting,
    8: _ends_twice,
    9: _moves_up,
    10: _never_ends,
}


@pytest.mark.parametrize("invariant", BROKEN)
def test_a_row_that_is_wrong_is_found(invariant: int) -> None:
    run = a_run()
    ends = next(n for n, row in enumerate(run.rows) if row["kind"] == "day_closed")
    rows = deepcopy(run.rows[:ends])  # tickets are called the same on every day
    BROKEN[invariant](rows)
    assert invariant in found(rows, numbers(run.rules))
