"""When a window is advised to open or to close."""

from __future__ import annotations

import pytest
from branches import Lobby, branch, long_steps
from windows import busy, checked, lobby_at, need, open_counters, quiet, rules

from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.day import RollOver
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.forecast.staffing import (
    AT_ONCE,
    NO_WINDOW,
    OPEN_ABOVE,
    Need,
    groups,
)
from controller.lobby.model.state import Advice
from controller.lobby.show import views

# -- the formula ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "load", "windows", "wait"),
    [
        (2400, 1.0, 1, 2400),  # what waits is done while as many come
        (2400, 1.0, 2, 1200),  # in a quarter of an hour less is left: what counts is who comes now
        (2400, 3.0, 1, 4200),  # 2400 + 900 * 2
        (2400, 3.0, 2, 1650),  # (2400 + 900) / 2
        (2400, 3.0, 3, 800),
        (0, 1.5, 1, 450),  # nobody waits, and half a window is missing
        (0, 0.5, 1, 0),
        (0, 0, 0, 0),
        (0, 0.01, 0, NO_WINDOW),
        (10, 0, 0, NO_WINDOW),
        (10, 0, -1, NO_WINDOW),
    ],
)
def test_the_wait_to_expect(work: float, load: float, windows: int, wait: int) -> None:
    assert Need(work, load, windows).wait(windows) == wait


def test_what_a_group_needs() -> None:
    """Work that waits, half of what came in the last 20 minutes and half of what the calendar expects."""
    lobby = lobby_at("10:00", {"1": {"cash": 0}, "2": {"cash": 0, "personal": 5}, "3": {"personal": 0}}, 40)
    for _ in range(4):
        lobby.take("cash")
    lobby.take("personal")
    lobby.wait(20.1)
    for _ in range(6):
        lobby.take("cash")
    open_counters(lobby, "1", "3")
    cash = need(lobby, ["cash"])
    assert (cash.work, cash.windows) == (10 * 240, 1)
    assert cash.load == pytest.approx((0.5 * 6 / 1200 + 0.5 * 40 / 3600 * 3 / 4) * 240)
    personal = need(lobby, ["personal"])
    assert (personal.work, personal.windows) == (300, 1)
    assert personal.load == pytest.approx(0.5 * 40 / 3600 / 4 * 300)
    both = need(lobby, ["cash", "personal"])
    assert (both.work, both.windows) == (2700, 2)
    assert both.load == pytest.approx(cash.load + personal.load)


def test_before_and_after_hours_the_calendar_expects_nobody() -> None:
    for text in ("08:00", "17:00", "23:00"):
        lobby = lobby_at(text, {"1": {"cash": 0}}, 60)
        lobby.do(RollOver(at=lobby.now, cause=""))
        assert need(lobby, ["cash"]).load == 0


def test_a_clock_set_back_makes_nobody_recent() -> None:
    lobby = lobby_at("10:00", {"1": {"cash": 0}})
    lobby.take("cash")
    lobby.now -= 1
    assert need(lobby, ["cash"]).load == 0


def test_groups() -> None:
    named = {"cash": {"group": "front"}, "personal": {"group": "front"}, "corporate": {}}
    own = branch({"1": {"cash": 0, "personal": 0}, "2": {"corporate": 0}}, services=named)
    assert groups(own) == {"front": ["cash", "personal"], "corporate": ["corporate"]}


# -- when it is given -----------------------------------------------------------------------------------------------


def test_two_checks_in_a_row_advise_to_open() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}}, "1", tickets=5)
    assert checked(lobby) == []
    assert lobby.rows[-1]["data"]["groups"] == {"cash": [1200, NO_WINDOW, 1, 0]}
    assert checked(lobby) == ["open 2"]
    assert checked(lobby) == ["open 2"], "until something is done"
    open_counters(lobby, "2")
    assert checked(lobby) == []
    assert lobby.state.windows.checks == {"cash": (0, 0)}


def test_far_too_long_a_wait_advises_at_once_as_many_windows_as_it_takes() -> None:
    lobby = busy({str(n): {"cash": 0} for n in range(1, 9)}, "1", tickets=10)
    assert checked(lobby) == ["open 2", "open 3", "open 4"]
    told = [(advice.before, advice.after) for advice in lobby.state.windows.advice]
    assert told == [(2400, 1200), (1200, 800), (800, 600)]
    assert told[-1][1] <= OPEN_ABOVE * lobby.rules.target < told[-1][0]
    for windows, wait in ((1, AT_ONCE * 900), (2, AT_ONCE * 900 + 1)):
        lobby = lobby_at("10:00", {"1": {"cash": 0}, "2": {"cash": 0}}, services={"cash": {"minutes": wait / 60}})
        open_counters(lobby, "1")
        lobby.take("cash")
        lobby.wait(20)
        assert len(checked(lobby)) == windows - 1, "not at the limit, above it"


def test_one_quiet_check_in_between_begins_the_count_again() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}}, "1", tickets=4)
    assert checked(lobby) == []
    assert lobby.state.windows.checks["cash"][0] == 1
    for _ in range(3):
        lobby.call("1")
    lobby.wait(20)
    checked(lobby)
    assert lobby.state.windows.checks["cash"][0] == 0
    for _ in range(4):
        lobby.take("cash")
    assert checked(lobby) == []
    assert checked(lobby) == ["open 2"]


def test_the_limit_is_four_fifths_of_the_target() -> None:
    for target, more in ((1000, 0), (999, 1)):
        lobby = lobby_at("10:00", {"1": {"cash": 0}}, target=target, services={"cash": {"minutes": 800 / 60}})
        open_counters(lobby, "1")
        lobby.take("cash")
        lobby.wait(20)
        assert checked(lobby) == []
        assert lobby.state.windows.checks == {"cash": (more, 0)}, target


def test_an_advice_says_what_it_would_change() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}}, "1", tickets=15)
    lobby.wait(25)
    checked(lobby)
    checked(lobby)
    assert lobby.state.windows.advice == [Advice("open", "2", "cash", 3600, 1800)]
    assert views.advice(lobby.state, lobby.rules) == {
        "items": [
            {
                "action": "open",
                "counter": "2",
                "before": 60,
                "after": 30,
                "text": "Open counter 2: wait for Cash 60 → 30 min, by its own counters alone",
            }
        ]
    }


def test_the_best_counter_is_one_whose_own_work_it_is_then_the_least_handicap() -> None:
    counters = {
        "1": {"cash": 0},
        "2": {"cash": 20, "personal": 0},
        "3": {"cash": 5, "personal": 0},
        "4": {"personal": 0},
        "5": {"cash": 0},
    }
    lobby = busy(counters, "1", tickets=60)
    assert checked(lobby) == ["open 5", "open 3", "open 2"]
    open_counters(lobby, "2", "3", "5")
    assert checked(lobby) == [], "counter 4 does not know the service"


def test_one_counter_is_advised_for_one_group() -> None:
    lobby = busy(
        {"1": {"cash": 0}, "2": {"personal": 0}, "3": {"cash": 0, "personal": 0}, "4": {"personal": 0}}, "1", "2"
    )
    for _ in range(20):
        lobby.take("personal")
    checked(lobby)
    assert checked(lobby) == ["open 3", "open 4"]


def test_a_paused_counter_can_be_asked_back() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}}, "1", "2")
    lobby.do(Pause(at=lobby.now, cause="", counter="2"))
    checked(lobby)
    assert checked(lobby) == ["open 2"]


def test_three_checks_in_a_row_advise_to_close_the_last_to_open() -> None:
    lobby = quiet({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}}, "1", "3", "2")
    assert [checked(lobby), checked(lobby), checked(lobby)] == [[], [], ["close 2"]]
    assert (
        views.advice(lobby.state, lobby.rules)["items"][0]["text"]
        == "Close counter 2: wait for Cash 0 → 0 min, by its own counters alone"
    )
    lobby.do(Close(at=lobby.now, cause="", counter="2"))
    assert checked(lobby) == ["close 3"]
    lobby.do(Close(at=lobby.now, cause="", counter="3"))
    assert checked(lobby) == [], "the last one stays"


def test_a_window_that_has_just_opened_is_not_closed() -> None:
    lobby = quiet({"1": {"cash": 0}, "2": {"cash": 0}}, "1")
    checked(lobby)
    open_counters(lobby, "2")
    assert [checked(lobby) for _ in range(2)] == [[], ["close 1"]], "1 has been open for long enough"
    lobby = quiet({"1": {"cash": 0}, "2": {"cash": 0}})
    open_counters(lobby, "1", "2")
    assert [checked(lobby) for _ in range(6)] == [[]] * 5 + [["close 1"]]


def test_each_service_keeps_a_window_of_its_own() -> None:
    """2 is the last to open, and the only one for personal; 3 is not needed by anything."""
    lobby = quiet({"1": {"cash": 0}, "2": {"cash": 0, "personal": 0}, "3": {"cash": 0, "personal": 9}}, "1", "3", "2")
    assert [checked(lobby) for _ in range(3)][-1] == ["close 3"]
    lobby = quiet({"1": {"cash": 0}, "2": {"personal": 0}}, "1", "2")
    assert [checked(lobby) for _ in range(4)] == [[]] * 4


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_no_service_is_advised_to_lose_its_last_window(seed: int) -> None:
    print(f"seed {seed}")
    counters: dict[str, dict[str, float]] = {
        "1": {"cash": 0}, "2": {"cash": 0, "personal": 0}, "3": {"personal": 0, "cash": 5}, "12": {"corporate": 0},
    }  # fmt: skip
    kinds = (
        "take",
        "call",
        "call",
        "finish",
        "finish",
        "open",
        "open",
        "open",
        "close",
        "check_windows",
        "check_windows",
    )
    lobby = Lobby(rules(counters))
    closing = 0
    for step in long_steps(seed, 1500, kinds):
        lobby.step(step)
        for advice in lobby.state.windows.advice if lobby.rows[-1]["kind"] == "windows_checked" else ():
            if advice.action == "close":
                closing += 1
                stay = [id for id in counters if id != advice.counter and lobby.state.counter(id).stage == "open"]
                for service in (s for s, handicap in counters[advice.counter].items() if handicap == 0):
                    assert any(counters[id].get(service) == 0 for id in stay), (advice, service)
    assert closing or seed
