"""The independent checker finds what violates the rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from checker import Checker, Numbers, check

TWO = Numbers(
    credits={"normal": 0, "vip": 600},
    serves={"1": {"cash": 0, "loans": 1200}, "2": {"loans": 0}, "3": {"loans": 0}},
    class_handicaps={},
    services=("cash", "loans"),
    pass_limit=2,
)
Row = dict[str, Any]


def rows(*told: tuple[Any, ...]) -> list[Row]:
    return [{"kind": kind, "at": 1000 * at, "data": data} for kind, data, at in ((*each, 0)[:3] for each in told)]


def took(ticket: str, seniority: int, service: str = "cash", klass: str = "normal", **more: int) -> tuple[str, Row]:
    return "ticket_issued", {"ticket": ticket, "service": service, "class": klass, "seniority": seniority} | more


def later(seconds: int, told: tuple[str, Row]) -> tuple[str, Row, int]:
    """The same, so many seconds after the day began."""
    return (*told, seconds)


def called(
    ticket: str, counter: str = "1", *, forced: bool = False, seniority: int | None = None, **why: Any
) -> tuple[str, Row]:
    now = {} if seniority is None else {"seniority": seniority}
    return "ticket_called", {"ticket": ticket, "counter": counter, "forced": forced, "why": why} | now


def did(what: str, ticket: str, counter: str = "1", **more: Any) -> tuple[str, Row]:
    return f"ticket_{what}", {"ticket": ticket, "counter": counter} | more


VIOLATIONS = {
    1: [
        # A vip who came 11 minutes later; a borrowed ticket 19 minutes earlier than it may be.
        (took("A1", 0), took("A2", 660, klass="vip"), called("A2")),
        (took("B1", 0, "loans"), took("A1", 100), called("B1")),
    ],
    2: [
        # The third vip in a row passes the same head; the guard is not reported when it should be.
        (
            took("A1", 0),
            *(took(f"A{n}", n, klass="vip") for n in (2, 3, 4)),
            *(row for n in (2, 3) for row in (called(f"A{n}"), did("finished", f"A{n}"))),
            called("A4"),
        ),
        (took("A1", 0), called("A1", guard=True)),
    ],
    4: [(took("A1", 0), took("A2", 5), called("A2"))],
    5: [(took("A1", 0), took("A2", 5), called("A1"), did("finished", "A1", none_waiting=True))],
    6: [
        # At one key it is the one issued earlier; a head is missing from the account; a key is wrong in it.
        (took("A1", 0), took("A2", 0, klass="normal"), called("A2")),
        (took("A1", 600), took("B1", 600, "loans"), called("A1", heads=[{"ticket": "A1", "key": 600}])),
        (took("A1", 600), called("A1", heads=[{"ticket": "A1", "key": 599}])),
        # An appointment before its time while somebody else waits; one in its time that is not called.
        (
            took("A1", 650),
            took("A2", 900, klass="vip", slot=900, not_before=600),
            later(599, called("A2")),
        ),
        (
            took("A1", 650),
            took("A2", 900, klass="vip", slot=900, not_before=600),
            later(600, called("A1")),
        ),
        # One that was promoted has no time to wait for.
        (
            took("B1", 650, "loans"),
            took("A2", 900, slot=900, not_before=600),
            ("ticket_promoted", {"ticket": "A2", "class": "vip", "seniority": 0}),
            called("B1", heads=[{"ticket": "B1", "key": 1850}]),
        ),
    ],
    7: [(took("A1", 0, klass="vip"), took("A2", 0), called("A2"))],
    8: [
        (took("A1", 0), called("A1"), did("finished", "A1"), did("finished", "A1")),
        (took("A1", 0), ("ticket_cancelled", {"ticket": "A1"}), called("A1")),
        (took("A1", 0), took("A1", 0)),
        (took("A1", 0), called("A1"), ("day_closed", {"day": ""})),
    ],
    9: [
        (took("A1", 50), called("A1"), did("transferred", "A1", service="cash", from_counter="1", seniority=51)),
        (
            took("A1", 50),
            ("ticket_reassigned", {"ticket": "A1", "any": True}),
            called("A1", heads=[{"ticket": "A1", "key": 60}]),
        ),
        (took("A1", 50), ("ticket_reassigned", {"ticket": "A1", "any": True, "seniority": 49})),
    ],
    10: [
        (took("B1", 0, "loans"), called("B1", "1"), called("B1", "2", forced=True)),
        (took("A1", 0), took("A2", 5), called("A1"), called("A2")),
        (took("A1", 0), called("A1"), did("finished", "A1", counter="2")),
        (took("A1", 0), called("A1"), did("missed", "A1"), called("A1")),
        (took("A1", 0), called("A1"), ("ticket_cancelled", {"ticket": "A1"})),
        (took("A1", 0), ("service_started", {"ticket": "A1", "counter": "1"})),
    ],
    0: [
        (took("B1", 0, "loans"), ("ticket_finished", {"ticket": "A9", "counter": "1"})),
        (took("A1", 0), called("A1", "2")),
        (took("A1", 10), took("A2", 9)),
        (took("A1", 10), took("A2", 9, slot=8)),
        (took("A1", 10), took("A2", 10, slot=9, not_before=9)),
        (took("A1", 10), took("A2", 9, slot=9, not_before=10)),
        # Work given to others though two counters are open for it, or though its last one stays.
        (
            took("A1", 0),
            *(("counter_opened", {"counter": counter}) for counter in ("2", "3")),
            took("B1", 0, "loans"),
            ("ticket_reassigned", {"ticket": "B1", "any": True, "by": "overflow"}),
        ),
        (
            ("counter_opened", {"counter": "1"}),
            took("A1", 0),
            ("ticket_reassigned", {"ticket": "A1", "any": True, "by": "overflow"}),
            called("A1"),
        ),
        (took("A1", 10), ("ticket_returned", {"ticket": "A1", "seniority": 10})),
        (took("A1", 9), called("A1"), did("missed", "A1"), ("ticket_returned", {"ticket": "A1", "seniority": 8})),
        # Tickets of the day before are nobody's.
        (took("A1", 0), ("day_closed", {"day": ""}), ("day_opened", {"day": ""}), called("A1", forced=True)),
    ],
}


@pytest.mark.parametrize(
    ("invariant", "told"), [(invariant, told) for invariant, each in VIOLATIONS.items() for told in each]
)
def test_the_checker_finds_what_violates(invariant: int, told: tuple[Any, ...]) -> None:
    journal = rows(*told)
    found = list(check(journal, TWO))
    assert invariant in {v.invariant for v in found}, found
    assert all(v.row == len(journal) for v in found), "found before it happened"
    assert not list(check(journal[:-1], TWO))


def test_the_checker_finds_a_service_that_nobody_serves_as_own_work() -> None:
    starving = replace(TWO, class_handicaps={"2": {"normal": 1}, "3": {"normal": 1}})
    assert [v.invariant for v in check([], starving)] == [3]
    assert not list(check([], TWO))


def test_the_checker_has_nothing_against_appointments_and_overflow() -> None:
    told = (
        took("A1", 650),
        took("A2", 500, klass="vip", slot=500, not_before=400),
        took("A3", 900, klass="vip", slot=900, not_before=600),
        later(399, called("A1")),
        later(400, did("finished", "A1")),
        later(400, called("A2", seniority=400)),
        later(500, did("finished", "A2")),
        took("A4", 650),
        later(599, called("A4")),
        later(599, did("finished", "A4")),
        later(599, called("A3", seniority=599)),
        ("counter_opened", {"counter": "1"}),
        later(599, did("finished", "A3")),
        took("A5", 660),
        ("ticket_reassigned", {"ticket": "A5", "any": True, "by": "overflow"}),
        ("counter_closed", {"counter": "1"}),
        took("A6", 700),
        ("ticket_reassigned", {"ticket": "A6", "any": True, "by": "overflow"}),
    )
    assert not list(check(rows(*told), TWO))


def test_calls_by_hand_are_exempt_and_listed() -> None:
    checker = Checker(TWO)
    for row in rows(took("A1", 0), took("A2", 5), took("A3", 6), called("A3", forced=True)):
        checker.row(row)
    assert not checker.violations
    assert checker.forced == [4]
    assert checker.passed("A1") == 0


def test_every_invariant_has_a_violation_that_is_found() -> None:
    assert VIOLATIONS.keys() | {3} == set(range(11))
