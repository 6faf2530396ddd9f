"""The day so far, in figures that are worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from branches import MINUTE, Lobby, asking, branch, history, long_steps

from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.day import RollOver
from controller.lobby.actions.enter_roll import EnterRoll
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.model.emergency import Roll
from controller.lobby.model.percentile import percentile
from controller.lobby.model.state import Effect, Stage
from controller.lobby.show import figures

RULES = branch({"1": {"cash": 0}, "2": {"personal": 0}}, triage=asking(("cash",)), target=10 * MINUTE)


def day(lobby: Lobby) -> dict[str, Any]:
    found = figures.day(lobby.state, lobby.rules, lobby.now)
    assert json.loads(json.dumps(found)) == found
    return found


def who_waited(minutes: Iterable[float]) -> Lobby:
    """A lobby in which people have waited so long, one after the other."""
    lobby = Lobby(RULES)
    for each in minutes:
        lobby.take("cash")
        lobby.wait(each)
        lobby.call("1")
    return lobby


def test_an_empty_day() -> None:
    lobby = Lobby(RULES)
    lobby.do(RollOver(at=lobby.now, cause=""))
    assert day(lobby) == {
        "day": "2026-11-23",
        "profile": "normal",
        "target": 10,
        "customers": 0,
        "above_3": 0,
        "above_target": 0,
        "mean": 0,
        "p95": 0,
        "max": 0,
        "classes": {},
        "self_service": {},
    }


def test_how_long_people_waited() -> None:
    found = day(who_waited((0, 3, 3.5, 10, 10.5)))
    assert (found["customers"], found["above_3"], found["above_target"]) == (5, 0.6, 0.2)
    assert (found["mean"], found["p95"], found["max"]) == (5.4, 10.5, 10.5)
    assert found["classes"]["normal"]["share"] == 1


def test_who_still_waits_counts_with_the_time_so_far() -> None:
    lobby = Lobby(RULES)
    lobby.take("cash")
    lobby.call("1")
    lobby.take("cash", "vip")
    lobby.wait(20)
    found = day(lobby)
    assert (found["customers"], found["above_target"], found["max"]) == (2, 0.5, 20)
    assert [(klass, each["customers"], each["share"]) for klass, each in found["classes"].items()] == [
        ("normal", 1, 0.5),
        ("vip", 1, 0.5),
    ]
    lobby.wait(-60)
    assert day(lobby)["max"] == 0, "the clock was set back"


def test_a_second_call_is_no_second_wait() -> None:
    lobby = Lobby(RULES)
    lobby.take("cash")
    lobby.wait(5)
    lobby.call("1")
    lobby.do(NoShow(at=lobby.now, cause="", counter="1"))
    lobby.do(Return(at=lobby.now, cause="", by="panel", ticket="A001"))
    lobby.wait(5)
    assert day(lobby)["max"] == 5
    lobby.call("1")
    found = day(lobby)
    assert (found["customers"], found["max"]) == (1, 5)


def test_what_a_class_did_to_the_others() -> None:
    lobby = Lobby(RULES)
    lobby.take("cash")
    lobby.wait(4)
    lobby.take("cash", "vip")
    lobby.wait(2)
    lobby.take("cash", "vip")
    lobby.call("1")
    lobby.call("1")
    lobby.call("1")
    classes = day(lobby)["classes"]
    vip, normal = classes["vip"], classes["normal"]
    assert (vip["share"], vip["passed"], vip["passed_by_mean"], vip["passed_by_max"]) == (0.667, 2, 5, 6)
    assert (normal["share"], normal["passed"], normal["passed_by_mean"], normal["passed_by_max"]) == (0.333, 0, 0, 0)


def test_a_class_passes_whom_the_counter_would_have_called_first_without_it() -> None:
    """Not only the heads of lines that compete, and of all services that the counter serves, borrowed ones by when they
    count; those of other counters, and those who have gone, are not."""
    lobby = Lobby(branch({"1": {"cash": 0, "corporate": 0, "personal": 4}, "2": {"personal": 0, "loans": 0}}))
    lobby.take("personal")
    lobby.wait(3)
    lobby.take("personal")
    for minutes in (0, 1, 2):
        lobby.take("cash")
        lobby.wait(minutes)
    lobby.take("corporate")
    lobby.take("loans")
    lobby.take("cash")
    lobby.do(Reassign(at=lobby.now, cause="", by="panel", ticket="A004", counter="2"))
    lobby.wait(1)
    lobby.take("cash", "vip")
    lobby.do(Cancel(at=lobby.now, cause="", by="panel", ticket="A002"))
    assert lobby.call("1") == "A005"
    # B001 came 7 minutes before it and counts as 3; A001 4, A003 3, C001 1; B002 counts as come with it, and was first.
    assert lobby.state.effects["vip"] == Effect(passed=5, seconds=(3 + 4 + 3 + 1) * MINUTE, most=4 * MINUTE)
    assert lobby.call("1") == "A001"
    assert "normal" not in lobby.state.effects


def test_under_the_guard_and_by_hand_no_class_passes_anybody() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}, pass_limit=1))
    lobby.take("cash")
    lobby.wait(1)
    for _ in range(3):
        lobby.take("cash", "vip")
    assert [lobby.call("1"), lobby.call("1")] == ["A002", "A001"]
    lobby.take("cash")
    lobby.wait(1)
    lobby.take("cash", "vip")
    lobby.do(CallNumber(at=lobby.now, cause="", counter="1", digits="006"))
    assert lobby.state.effects["vip"] == Effect(passed=1, seconds=MINUTE, most=MINUTE)


def test_who_gives_up_has_waited_too() -> None:
    lobby = Lobby(RULES)
    for _ in range(4):
        lobby.take("cash")
    lobby.wait(40)
    lobby.call("1")
    for ticket in ("A002", "A003", "A004"):
        lobby.do(Cancel(at=lobby.now, cause="", by="panel", ticket=ticket, reason="left"))
    found = day(lobby)
    assert (found["customers"], found["above_target"], found["max"]) == (4, 1, 40)


def test_the_days_figures_stand_in_the_row_that_closes_it() -> None:
    """Without those who were never called and never gave up: when they went nobody knows."""
    lobby = Lobby(RULES)
    for _ in range(3):
        lobby.take("cash")
    lobby.wait(12)
    lobby.call("1")
    lobby.do(Cancel(at=lobby.now, cause="", by="panel", ticket="A002"))
    lobby.wait(24 * 60)
    lobby.do(RollOver(at=lobby.now, cause=""))
    closed = next(row["data"] for row in lobby.rows if row["kind"] == "day_closed")
    assert (closed["unserved"], closed["figures"]["customers"], closed["figures"]["max"]) == (1, 2, 12)
    assert (closed["figures"]["above_3"], closed["figures"]["above_target"], closed["figures"]["target"]) == (1, 1, 10)


def test_who_was_sent_to_a_machine_and_who_insisted() -> None:
    lobby = Lobby(RULES)
    for by, insist in (("left", False), ("right", False), ("right", False), ("screen", True)):
        lobby.do(TakeTicket(at=lobby.now, cause="", by=by, choice="atm-cash", insist=insist))
    assert day(lobby)["self_service"] == {"atm-cash": {"advised": 3, "insisted": 2}}
    lobby = Lobby(RULES)
    lobby.do(TakeTicket(at=lobby.now, cause="", by="screen", choice="atm-cash", insist=True))
    assert day(lobby)["self_service"] == {"atm-cash": {"advised": 1, "insisted": 1}}


@pytest.mark.parametrize("seed", range(8))
def test_the_figures_of_a_busy_day_fit_together(seed: int) -> None:
    lobby = history(RULES, long_steps(seed, 2100))
    before = lobby.state.picture()
    found = day(lobby)
    assert lobby.state.picture() == before
    classes = found["classes"].values()
    assert found["customers"] == sum(each["customers"] for each in classes)
    called = [t for t in lobby.state.tickets.values() if t.called_at]
    waiting = [t for t in lobby.state.tickets.values() if t.stage is Stage.WAITING and not t.called_at]
    gave_up = [t for t in lobby.state.tickets.values() if t.stage is Stage.CANCELLED and not t.called_at]
    everybody = len(called) + len(waiting) + len(gave_up)
    # A day that goes on under another date, since the clock was set, no longer has those who had given up before.
    goes_on = any(row["kind"] == "day_closed" and row["data"].get("continued") for row in lobby.rows)
    assert everybody - goes_on * len(gave_up) <= found["customers"] <= everybody
    assert abs(sum(each["share"] for each in classes) - 1) < 0.01
    assert found["max"] == max(each["max"] for each in classes) >= found["p95"] >= 0
    assert all(each["passed_by_max"] >= each["passed_by_mean"] for each in classes)
    assert found["above_3"] >= found["above_target"]
    assert found["self_service"]["atm-cash"]["advised"] > 0


def test_parts_are_told_in_thousandths_and_minutes_in_tenths() -> None:
    """A wait is felt from a second above three minutes on."""
    found = day(who_waited((0, 3 + 1 / 60, 11.22)))
    assert (found["above_3"], found["above_target"]) == (0.667, 0.333)
    assert (found["mean"], found["p95"], found["max"]) == (4.7, 11.2, 11.2)


@pytest.mark.parametrize(
    ("count", "percent", "found"),
    [(1, 95, 0), (19, 95, 18), (20, 95, 19), (39, 95, 37), (40, 95, 38), (100, 99, 99), (2, 50, 1), (3, 50, 1)],
)
def test_a_percentile_is_the_smallest_that_more_than_its_part_do_not_exceed(
    count: int, percent: int, found: int
) -> None:
    samples = list(range(count))
    Random(1).shuffle(samples)
    assert percentile(samples, percent) == found
    assert min(x for x in samples if sum(y <= x for y in samples) * 100 > percent * count) == found


def test_one_in_twenty_waits_longer_than_the_95th_percentile() -> None:
    """Which is not the longest wait, once there are enough of them."""
    found = day(who_waited(range(40)))
    assert (found["customers"], found["mean"], found["p95"], found["max"]) == (40, 19.5, 38, 39)


def test_the_wait_of_a_paper_number_counts_only_where_it_is_known() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}, rolls=(Roll("X", 1, 500, key=9),)))
    lobby.wait(40)
    for numbers, time, served in (("X001", "09:10", False), ("X002", "", False), ("X003", "09:20", True)):
        about = {"numbers": numbers, "time": time, "served": served}
        lobby.do(EnterRoll(at=lobby.now, cause="", by="panel", **about))  # type: ignore[arg-type]
    assert (day(lobby)["customers"], day(lobby)["max"]) == (1, 30.0)
    assert [lobby.call("1"), lobby.call("1"), lobby.call("1")] == ["X001", "X002", ""]
    lobby.do(CallNumber(at=lobby.now, cause="", counter="1", digits="9004", sure=True))
    found = day(lobby)
    assert (found["customers"], found["mean"], found["max"]) == (1, 30.0, 30.0)
    assert lobby.replayed().picture() == lobby.state.picture()
