"""What the lobby manager answers to an advice, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from branches import MINUTE, Lobby, history, hours, local, long_steps
from windows import HOUR, busy, checked, lobby_at, need, open_counters, quiet, rules

from controller.daemon import check_is_due
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.day import RollOver
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.windows import AnswerAdvice, CheckWindows, WindowsChecked
from controller.lobby.answers import answer_to
from controller.lobby.forecast.staffing import (
    ACCEPTED_FOR,
    CHECK_AFTER,
    CHECK_EVERY,
    DECLINED_FOR,
    NO_WINDOW,
    RECENT,
)
from controller.lobby.model.calendar import Calendar, Profile, Span
from controller.lobby.model.outcome import Refusal
from controller.lobby.show import views


def advised(lobby: Lobby) -> list[str]:
    """What stands."""
    return [f"{advice.action} {advice.counter}" for advice in lobby.state.windows.advice]


def answer(lobby: Lobby, counter: str = "", *, accept: bool) -> None:
    decision = lobby.do(AnswerAdvice(at=lobby.now, cause="", by="panel", accept=accept, counter=counter))
    assert not isinstance(decision, Refusal)


# -- answers --------------------------------------------------------------------------------------------------------


def test_a_declined_advice_is_not_given_for_half_an_hour() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}}, "1", tickets=60)
    checked(lobby)
    checked(lobby)
    answer(lobby, accept=False)
    assert lobby.state.windows.advice == []
    declined = lobby.now
    while lobby.now + CHECK_EVERY * 1000 < declined + DECLINED_FOR * 1000:
        assert checked(lobby) == []
    assert checked(lobby) == ["open 2"]


def test_a_decline_is_about_one_counter() -> None:
    """The next best one is asked for, and nobody asks again for the one that cannot open."""
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}}, "1", tickets=5)
    checked(lobby)
    assert checked(lobby) == ["open 2"]
    answer(lobby, "2", accept=False)
    assert list(lobby.state.windows.declined) == [("open", "2")]
    assert checked(lobby) == ["open 3"]
    answer(lobby, "3", accept=False)
    assert checked(lobby) == []


def test_a_declined_closing_leaves_the_opening_open() -> None:
    lobby = quiet({"1": {"cash": 0}, "2": {"cash": 0}}, "1", "2")
    assert [checked(lobby) for _ in range(3)][-1] == ["close 2"]
    answer(lobby, accept=False)
    assert checked(lobby) == []
    lobby.do(Pause(at=lobby.now, cause="", counter="2"))
    for _ in range(20):
        lobby.take("cash")
    assert checked(lobby) == ["open 2"]


def test_an_advice_ends_when_its_window_opens() -> None:
    """At once, not at the next check; what is advised of another stays."""
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}}, "1", tickets=8)
    assert checked(lobby) == ["open 2", "open 3"]
    open_counters(lobby, "2")
    assert [a.counter for a in lobby.state.windows.advice] == ["3"]
    assert lobby.replayed().picture() == lobby.state.picture()


def test_an_advice_ends_when_its_window_closes() -> None:
    lobby = quiet({"1": {"cash": 0}, "2": {"cash": 0}}, "1", "2")
    assert [checked(lobby) for _ in range(3)][-1] == ["close 2"]
    lobby.do(Close(at=lobby.now, cause="", counter="2"))
    assert lobby.state.windows.advice == []


def test_an_advice_that_would_not_help_is_not_given() -> None:
    """A second of work for each of three windows: with a fourth it is a second still."""
    counters = {str(n): {"cash": 0.0} for n in range(1, 5)}
    for opened, advised in ((("1", "2", "3"), []), (("1", "2"), ["open 3"])):
        lobby = lobby_at("10:00", counters, target=1, services={"cash": {"minutes": 0.05}})
        open_counters(lobby, *opened)
        lobby.take("cash")
        assert [checked(lobby) for _ in range(2)][-1] == advised


def test_the_first_window_is_advised_however_many_wait() -> None:
    """More work than the two hours that are reckoned with while nobody is there."""
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}}, tickets=40)
    assert need(lobby, ["cash"]).wait(1) > NO_WINDOW
    assert checked(lobby) == ["open 1", "open 2"]
    assert views.advice(lobby.state, lobby.rules)["items"][0]["text"] == "Open counter 1: nobody serves Cash now"
    open_counters(lobby, "1")
    assert checked(lobby) == ["open 2"]
    (item,) = views.advice(lobby.state, lobby.rules)["items"]
    assert item["before"] * 60 > NO_WINDOW
    assert item["text"].startswith("Open counter 2: wait for Cash "), "counter 1 serves them, if slowly"


def test_counters_that_lend_a_hand_count_while_no_own_one_is_open() -> None:
    counters = {"1": {"cash": 0}, "2": {"personal": 0, "cash": 10}, "3": {"personal": 0, "cash": 5}}
    lobby = lobby_at("10:00", counters)
    lobby.take("cash")

    def windows() -> int:
        return need(lobby, ["cash"]).windows

    assert windows() == 0
    open_counters(lobby, "2", "3")
    assert windows() == 2
    open_counters(lobby, "1")
    assert windows() == 1


def test_nobody_is_expected_for_a_service_outside_its_hours() -> None:
    about = {"cash": {"minutes": 4, "hours": hours("09:00-10:00")}}
    for text, expected in (("09:30", 40 / 3600 * 3 / 4 * 240 / 2), ("10:30", 0)):
        lobby = lobby_at(text, {"1": {"cash": 0}, "2": {"personal": 0}}, 40, services=about)
        lobby.do(RollOver(at=lobby.now, cause=""))
        assert need(lobby, ["cash"]).load == pytest.approx(expected)
        assert need(lobby, ["personal"]).load > 0


def test_an_advice_names_what_its_window_serves() -> None:
    about = {"services": {"cash": {"group": "front"}, "personal": {"group": "front"}}}
    lobby = busy({"1": {"cash": 0, "personal": 0}, "2": {"cash": 0}}, "1", tickets=10, **about)
    checked(lobby)
    (item, *_) = views.advice(lobby.state, lobby.rules)["items"]
    assert item["text"].startswith("Open counter 2: wait for Cash ")
    assert "Personal" not in item["text"]
    lobby = busy({"1": {"cash": 0, "personal": 0}, "2": {"cash": 0, "personal": 0}}, "1", tickets=10, **about)
    checked(lobby)
    (item, *_) = views.advice(lobby.state, lobby.rules)["items"]
    assert item["text"].startswith("Open counter 2: wait for Cash, Personal ")
    lobby = busy({"1": {"cash": 0, "personal": 0}}, tickets=10, **about)
    checked(lobby)
    (item, *_) = views.advice(lobby.state, lobby.rules)["items"]
    assert item["text"] == "Open counter 1: nobody serves Cash, Personal now"


def test_a_decline_is_about_one_group_and_one_action() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"personal": 0}, "4": {"personal": 0}}, "1", "3", tickets=60)
    for _ in range(60):
        lobby.take("personal")
    checked(lobby)
    assert checked(lobby) == ["open 2", "open 4"]
    answer(lobby, "4", accept=False)
    assert checked(lobby) == ["open 2"]


def test_an_accepted_advice_is_not_given_again_while_its_counter_is_on_its_way() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}}, "1", tickets=60)
    assert checked(lobby) == ["open 2"]
    answer(lobby, "2", accept=True)
    assert views.advice(lobby.state, lobby.rules) == {"items": []}
    accepted = lobby.now
    while lobby.now + CHECK_EVERY * 1000 < accepted + ACCEPTED_FOR * 1000:
        assert checked(lobby) == []
    assert checked(lobby) == ["open 2"], "nobody has come"
    answer(lobby, "2", accept=True)
    open_counters(lobby, "2")
    lobby.do(Close(at=lobby.now, cause="", counter="2"))
    assert checked(lobby) == ["open 2"], "it has come, and gone again"
    assert lobby.replayed().picture() == lobby.state.picture()


def test_a_counter_on_its_way_counts_for_whether_another_one_is_needed() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}}, "1", tickets=5)
    checked(lobby)
    assert checked(lobby) == ["open 2"]
    answer(lobby, "2", accept=True)
    assert checked(lobby) == [], "with 2 it is 10 min"


def test_an_accepted_closing_is_neither_advised_again_nor_of_another_while_it_is_under_way() -> None:
    lobby = quiet({str(n): {"cash": 0} for n in range(1, 5)}, "1", "2", "3", "4")
    assert [checked(lobby) for _ in range(3)][-1] == ["close 4"]
    answer(lobby, "4", accept=True)
    assert checked(lobby) == []
    lobby.do(Close(at=lobby.now, cause="", counter="4"))
    assert checked(lobby) == ["close 3"]


def test_of_several_advices_one_must_be_named() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}}, "1", tickets=8)
    assert checked(lobby) == ["open 2", "open 3"]
    refused = lobby.do(AnswerAdvice(at=lobby.now, cause="", by="panel", accept=True))
    assert isinstance(refused, Refusal)
    assert refused.text(lobby.rules.wording) == (
        "which advice? There is open counter 2, open counter 3; say its counter"
    )
    answer(lobby, "3", accept=False)
    answer(lobby, accept=True)
    assert advised(lobby) == []


@pytest.mark.parametrize(
    ("accept", "text"),
    [(True, "noted: counter 2 is to open"), (False, "noted: counter 2 is not to open")],
)
def test_an_answer_says_what_is_to_be_done_and_its_row_what_it_would_change(accept: bool, text: str) -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}}, "1", tickets=10)
    checked(lobby)
    decision = lobby.do(AnswerAdvice(at=lobby.now, cause="", by="panel", accept=accept))
    assert isinstance(decision, list)
    assert answer_to(lobby.rules, decision).text == text
    assert lobby.rows[-1]["data"] == {
        "counter": "2", "action": "open", "accepted": accept, "by": "panel", "before": 2400, "after": 1200,
    }  # fmt: skip


# -- who may serve whom ---------------------------------------------------------------------------------------------


FRONT: dict[str, Any] = {
    "services": {service: {"group": "front", "minutes": 4} for service in ("cash", "personal", "corporate")}
}
"""All of them in one group, as they are where some counters have several as their own work."""


def waiting_for(service: str, counters: dict[str, dict[str, float]], *opened: str, tickets: int) -> Lobby:
    lobby = lobby_at("10:00", counters, **FRONT)
    open_counters(lobby, *opened)
    for _ in range(tickets):
        lobby.take(service)
    lobby.wait(20)
    return lobby


def test_who_waits_for_what_nobody_serves_is_helped_at_the_first_check() -> None:
    """However short the group's average is: counter 1 has all the time in the world."""
    counters: dict[str, dict[str, float]] = {
        "1": {"cash": 0}, "2": {"cash": 0, "personal": 20}, "3": {"cash": 0, "personal": 0}, "4": {"personal": 0},
    }  # fmt: skip
    lobby = waiting_for("personal", counters, "1", tickets=1)
    assert checked(lobby) == ["open 3"], "the first whose own work it is"
    assert views.advice(lobby.state, lobby.rules)["items"][0]["text"] == "Open counter 3: nobody serves Personal now"
    answer(lobby, "3", accept=False)
    assert checked(lobby) == ["open 4"]
    answer(lobby, "4", accept=False)
    assert checked(lobby) == ["open 2"], "else one that may borrow"
    open_counters(lobby, "2")
    assert checked(lobby) == []


def test_nobody_waits_for_long_targets_when_nobody_serves() -> None:
    """Four hours of target: two hours without a window are still to be said at once."""
    lobby = lobby_at("10:00", {"1": {"cash": 0}, "2": {"personal": 0}}, target=240 * MINUTE)
    open_counters(lobby, "1")
    lobby.take("personal")
    assert checked(lobby) == ["open 2"]


def test_no_counter_is_advised_that_could_call_nobody() -> None:
    """Two windows for the group, and 39 who wait for one of them: another window for the others changes nothing."""
    counters: dict[str, dict[str, float]] = {
        "1": {"cash": 0}, "2": {"cash": 0}, "3": {"personal": 0}, "4": {"cash": 0, "corporate": 0},
        "5": {"personal": 0},
    }  # fmt: skip
    lobby = waiting_for("personal", counters, "1", "3", tickets=39)
    assert checked(lobby) == ["open 5"]
    (item,) = views.advice(lobby.state, lobby.rules)["items"]
    assert item["text"] == "Open counter 5: wait for Personal 156 → 78 min, by its own counters alone"


@pytest.mark.parametrize("seed", range(4))
def test_whoever_opens_as_advised_has_somebody_to_call(seed: int) -> None:
    """On random days, when nobody is expected to come: some of those who wait may be served by each that is advised."""
    print(f"seed {seed}")
    counters: dict[str, dict[str, float]] = {
        "1": {"cash": 0}, "2": {"cash": 0, "personal": 0}, "3": {"personal": 0}, "12": {"corporate": 0, "cash": 9},
        "west": {"corporate": 0, "personal": 5},
    }  # fmt: skip
    kinds = (
        *("take", "call", "call", "finish") * 2, "pause", "open", "close", "reassign_counter", "check_windows",
        "answer_advice",
    )  # fmt: skip
    lobby = Lobby(rules(counters, **FRONT, target=2 * MINUTE))
    opening = 0
    for step in long_steps(seed, 1500, kinds):
        lobby.step(step)
        if lobby.rows[-1]["kind"] != "windows_checked":
            continue
        recent = {t.service for t in lobby.state.tickets.values() if lobby.now - t.issued_at < RECENT * 1000}
        for advice in lobby.state.windows.advice:
            counter = lobby.rules.counters[advice.counter]
            if advice.action == "open" and not recent & set(counter.serves):
                opening += 1
                assert views.waiting_for(lobby.state, counter), advice
    assert opening


def test_a_counter_that_is_away_is_asked_for_whom_only_it_may_serve() -> None:
    lobby = lobby_at("10:00", {"1": {"cash": 0}, "2": {"cash": 0}, "3": {"personal": 0}}, **FRONT)
    open_counters(lobby, "1", "3")
    lobby.take("cash")
    lobby.do(Reassign(at=lobby.now, cause="", by="panel", ticket="A001", counter="3"))
    assert checked(lobby) == []
    lobby.do(Pause(at=lobby.now, cause="", counter="3"))
    assert checked(lobby) == ["open 3"], "although it does not know the service"
    (item,) = views.advice(lobby.state, lobby.rules)["items"]
    assert item["text"] == "Open counter 3: nobody serves Personal now"
    lobby = lobby_at("10:00", {"1": {"cash": 0}, "2": {"cash": 0}})
    open_counters(lobby, "1", "2")
    lobby.take("cash")
    lobby.do(Reassign(at=lobby.now, cause="", by="panel", ticket="A001", counter="2"))
    lobby.do(Pause(at=lobby.now, cause="", counter="2"))
    assert checked(lobby) == ["open 2"]
    (item,) = views.advice(lobby.state, lobby.rules)["items"]
    assert item["text"] == "Open counter 2: customers are waiting who can only be served there"


def test_a_window_that_others_need_is_not_closed_for_a_quiet_group() -> None:
    """Nobody waits for cash; but counter 2 is one of two that all the others wait for."""
    counters: dict[str, dict[str, float]] = {
        "1": {"cash": 0, "personal": 0}, "2": {"cash": 0, "personal": 0}, "3": {"cash": 0},
    }  # fmt: skip
    lobby = quiet(counters, "3", "1", "2")
    for _ in range(3):
        for _ in range(3):
            lobby.take("personal")
        found = checked(lobby)
    assert found == ["close 3"]


# -- when what it was made of has gone ------------------------------------------------------------------------------


def test_another_window_that_opens_makes_an_advice_to_open_false() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}, "4": {"personal": 0}}, "1", tickets=5)
    checked(lobby)
    assert checked(lobby) == ["open 2"]
    open_counters(lobby, "4")
    assert advised(lobby) == ["open 2"], "4 is for others"
    open_counters(lobby, "3")
    assert advised(lobby) == []
    assert lobby.replayed().picture() == lobby.state.picture()


def test_another_window_that_goes_makes_an_advice_to_close_false() -> None:
    for command in (Pause, Close):
        lobby = quiet({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}, "4": {"personal": 0}}, "4", "1", "3", "2")
        assert [checked(lobby) for _ in range(3)][-1] == ["close 2"]
        lobby.do(command(at=lobby.now, cause="", counter="4"))
        assert advised(lobby) == ["close 2"], "4 is for others"
        lobby.do(command(at=lobby.now, cause="", counter="3"))
        assert advised(lobby) == []


def test_an_advice_to_close_ends_when_its_window_pauses() -> None:
    lobby = quiet({"1": {"cash": 0}, "2": {"cash": 0}}, "1", "2")
    assert [checked(lobby) for _ in range(3)][-1] == ["close 2"]
    lobby.do(Pause(at=lobby.now, cause="", counter="2"))
    assert advised(lobby) == []


def test_a_check_of_an_older_program_is_read_as_it_was() -> None:
    """Its advice ends with its own counter only."""
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}, "3": {"cash": 0}}, "1", tickets=5)
    advice = [{"action": "open", "counter": "2", "group": "cash", "before": 1200, "after": 600}]
    evolve(lobby.state, lobby.now, WindowsChecked({"cash": [1200, 7200, 2, 0]}, tuple(advice)))
    open_counters(lobby, "3")
    assert advised(lobby) == ["open 2"]
    open_counters(lobby, "2")
    assert advised(lobby) == []


# -- when it is checked ---------------------------------------------------------------------------------------------


def test_checks_in_a_row_are_minutes_apart_however_often_the_daemon_starts() -> None:
    lobby = quiet({"1": {"cash": 0}, "2": {"cash": 0}}, "1", "2")
    assert checked(lobby) == []
    for _ in range(3):
        lobby.now += 7000
        assert lobby.do(CheckWindows(at=lobby.now, cause="")) == []
    assert lobby.state.windows.checks == {"cash": (0, 1)}
    lobby.now += CHECK_AFTER * 1000 - 21_001
    assert lobby.do(CheckWindows(at=lobby.now, cause="")) == []
    lobby.now += 1
    assert lobby.do(CheckWindows(at=lobby.now, cause=""))
    lobby.now -= HOUR * 1000
    assert lobby.do(CheckWindows(at=lobby.now, cause="")), "a clock that was set back is no last check"
    assert lobby.replayed().picture() == lobby.state.picture()


def test_a_start_goes_on_where_the_last_check_was() -> None:
    lobby = busy({"1": {"cash": 0}}, "1")
    assert check_is_due(lobby.state.windows.checked_at, lobby.now), "none yet"
    checked(lobby)
    last = lobby.replayed().windows.checked_at
    assert last == lobby.now
    assert not check_is_due(last, last + CHECK_EVERY * 1000 - 1)
    assert check_is_due(last, last + CHECK_EVERY * 1000)
    assert check_is_due(last, last - 1), "the clock was set back"


@pytest.mark.parametrize("late", ["17:05", "23:55", "02:30"])
def test_after_the_planned_hours_a_forgotten_ticket_writes_nothing(late: str) -> None:
    lobby = busy({"1": {"cash": 0}}, "1", tickets=2)
    lobby.call("1")
    lobby.do(Close(at=lobby.now, cause="", counter="1"))
    assert checked(lobby) == ["open 1"], "within the hours somebody is to come"
    lobby.now = local(f"2026-11-{23 + (late < '03:00')} {late}") - CHECK_EVERY * 1000
    assert checked(lobby) == [], "the last row takes it back"
    assert views.advice(lobby.state, lobby.rules) == {"items": []}
    for _ in range(3):
        assert checked(lobby) == ["nothing to check"]


def test_who_is_still_there_after_the_planned_hours_is_helped() -> None:
    lobby = busy({"1": {"cash": 0}, "2": {"cash": 0}}, "1", tickets=20)
    lobby.now = local("2026-11-23 17:05")
    assert checked(lobby) == ["open 2"]


def test_a_lobby_where_nothing_happens_writes_nothing() -> None:
    lobby = lobby_at("20:00", {"1": {"cash": 0}})
    lobby.do(RollOver(at=lobby.now, cause=""))
    written = len(lobby.rows)
    assert checked(lobby) == ["nothing to check"]
    assert len(lobby.rows) == written
    lobby = busy({"1": {"cash": 0}})
    checked(lobby)
    assert checked(lobby) == ["open 1"]


def test_an_advice_does_not_outlive_what_it_was_about() -> None:
    lobby = busy({"1": {"cash": 0}}, tickets=1)
    checked(lobby)
    assert checked(lobby) == ["open 1"]
    lobby.do(Cancel(at=lobby.now, cause="", by="panel", ticket="A001"))
    lobby.wait(30)
    assert checked(lobby) == []
    assert views.advice(lobby.state, lobby.rules) == {"items": []}


def test_a_journal_with_advice_replays() -> None:
    kinds = ("take", "take", "call", "open", "close", "check_windows", "check_windows", "answer_advice")
    lobby = history(
        rules({"1": {"cash": 0}, "2": {"cash": 0, "personal": 0}}, target=5 * MINUTE), long_steps(4, 600, kinds)
    )
    assert lobby.state.windows.declined or lobby.state.windows.advice
    assert lobby.replayed().picture() == lobby.state.picture()


def test_a_window_could_close_below_half_of_the_target() -> None:
    """The wait that is told with one window less, with people waiting."""
    for seconds, less in ((500, 0), (499, 1)):
        counters = {"1": {"cash": 0.0}, "2": {"cash": 0.0}}
        lobby = lobby_at("10:00", counters, target=1000, services={"cash": {"minutes": seconds / 60}})
        open_counters(lobby, "1", "2")
        lobby.take("cash")
        lobby.wait(20)
        assert checked(lobby) == []
        assert lobby.state.windows.checks == {"cash": (0, less)}, seconds


def test_who_came_in_the_last_twenty_minutes_is_recent() -> None:
    lobby = lobby_at("10:00", {"1": {"cash": 0}})
    lobby.take("cash")
    taken = lobby.now
    loads = []
    for after in (0, RECENT * 1000 - 1, RECENT * 1000):
        lobby.now = taken + after
        loads.append(need(lobby, ["cash"]).load)
    assert loads == pytest.approx([0.5 * 240 / 1200, 0.5 * 240 / 1200, 0])


def test_the_crowd_that_is_expected_at_the_door_is_work_that_waits() -> None:
    """For three minutes from the opening on, less those who have taken a ticket; three of four come for cash."""
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (0,) * 8, (10, 20))
    for text, work in (("08:59:59", 0), ("09:00", 15 * 240 * 3 / 4), ("09:02:59", 2700), ("09:03", 0)):
        lobby = lobby_at(text, {"1": {"cash": 0, "personal": 0}}, calendar=Calendar({"normal": day}))
        lobby.do(RollOver(at=lobby.now, cause=""))
        assert need(lobby, ["cash"]).work == work, text
    lobby = lobby_at("09:00", {"1": {"cash": 0, "personal": 0}}, calendar=Calendar({"normal": day}))
    for _ in range(3):
        lobby.take("cash")
    assert need(lobby, ["cash"]).work == 3 * 240 + 12 * 240 * 3 / 4
