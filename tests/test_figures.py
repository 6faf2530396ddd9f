"""The day so far, in figures that are worked out by hand."""

from __future__ import annotations

import json
from typing import Any

from branches import MINUTE, Lobby, asking, branch, history, long_steps

from controller.lobby import commands as cm
from controller.lobby import figures
from controller.lobby.state import Effect, Stage

RULES = branch({"1": {"cash": 0}, "2": {"personal": 0}}, triage=asking(("cash",)), target=10 * MINUTE)


def day(lobby: Lobby) -> dict[str, Any]:
    found = figures.day(lobby.state, lobby.rules, lobby.now)
    assert json.loads(json.dumps(found)) == found
    return found


def test_an_empty_day() -> None:
    lobby = Lobby(RULES)
    lobby.do(cm.RollOver(at=lobby.now, cause=""))
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
    lobby = Lobby(RULES)
    for minutes in (0, 3, 3.5, 10, 10.5):
        lobby.take("cash")
        lobby.wait(minutes)
        lobby.call("1")
    found = day(lobby)
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
    lobby.do(cm.NoShow(at=lobby.now, cause="", counter="1"))
    lobby.do(cm.Return(at=lobby.now, cause="", by="panel", ticket="A001"))
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


def test_all_who_came_earlier_for_the_service_and_still_wait_are_passed() -> None:
    """Not only the heads of lines that compete; those for another service, and those who have gone, are not."""
    lobby = Lobby(RULES)
    for minutes in (0, 1, 2):
        lobby.take("cash")
        lobby.wait(minutes)
    lobby.take("personal")
    lobby.take("cash", "vip")
    lobby.do(cm.Cancel(at=lobby.now, cause="", by="panel", ticket="A002"))
    assert lobby.call("1") == "A004"
    assert lobby.state.effects["vip"] == Effect(passed=2, seconds=(3 + 2) * MINUTE, most=3 * MINUTE)
    assert lobby.call("1") == "A001"
    assert lobby.state.effects["normal"] == Effect()


def test_who_was_sent_to_a_machine_and_who_insisted() -> None:
    lobby = Lobby(RULES)
    for by, insist in (("left", False), ("right", False), ("right", False), ("screen", True)):
        lobby.do(cm.TakeTicket(at=lobby.now, cause="", by=by, choice="atm-cash", insist=insist))
    assert day(lobby)["self_service"] == {"atm-cash": {"advised": 3, "insisted": 2}}
    lobby = Lobby(RULES)
    lobby.do(cm.TakeTicket(at=lobby.now, cause="", by="screen", choice="atm-cash", insist=True))
    assert day(lobby)["self_service"] == {"atm-cash": {"advised": 1, "insisted": 1}}


def test_the_figures_of_a_busy_day_fit_together() -> None:
    print("seed 9")
    lobby = history(RULES, long_steps(9, 2000))
    before = lobby.state.picture()
    found = day(lobby)
    assert lobby.state.picture() == before
    classes = found["classes"].values()
    assert found["customers"] == sum(each["customers"] for each in classes)
    called = [t for t in lobby.state.tickets.values() if t.called_at]
    waiting = [t for t in lobby.state.tickets.values() if t.stage is Stage.WAITING and not t.called_at]
    assert found["customers"] == len(called) + len(waiting) > 50
    assert abs(sum(each["share"] for each in classes) - 1) < 0.01
    assert found["max"] == max(each["max"] for each in classes) >= found["p95"] >= 0
    assert all(each["passed_by_max"] >= each["passed_by_mean"] for each in classes)
    assert found["above_3"] >= found["above_target"]
    assert found["self_service"]["atm-cash"]["advised"] > 0
