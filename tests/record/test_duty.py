"""Duty: who was where and when, by the counters' keys; lobby duty and what was handed over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.lobby.actions.press import Where
from controller.lobby.model.calendar import parse_spans
from controller.lobby.model.rules import CounterProfile, PauseReason
from controller.record.actions.duty import DutyBegun, DutyEnded, DutySettings
from controller.record.aggregate import Branch
from record.desk import Desk

CLERKS = {"11": "C01", "12": "C02", "13": "C03"}


def desk() -> Desk:
    """A branch with three clerks, on Monday 23 November at nine."""
    found = Desk(DutySettings({"C01": parse_spans("11:30-12:00")}))
    lobby = replace(found.rules.lobby, clerks=CLERKS, pauses={"1": PauseReason("Lunch")})
    found.rules = replace(found.rules, lobby=lobby)
    found.branch = Branch(lobby, found.rules)
    return found


def at_counter(desk: Desk, key: str, counter: str = "1", **typed: str) -> None:
    assert isinstance(desk.press(key, where=Where.COUNTER, counter=counter, **typed), list)


def clock(desk: Desk, time: Any) -> str:
    return f"{desk.rules.lobby.local(time):%H:%M}" if time else ""


def places(desk: Desk) -> dict[str, list[tuple[str, str, str, str]]]:
    """The stretches of each place: from, until, who, what."""
    return {
        each["counter"]: [
            (clock(desk, s["since"]), clock(desk, s["until"]), s["clerk"], s["reason"] or s["does"])
            for s in each["stretches"]
        ]
        for each in desk.picture("duty")["places"]
    }


def people(desk: Desk) -> list[tuple[str, str, list[tuple[str, ...]], str]]:
    return [
        (
            each["counter"],
            each["clerk"],
            [tuple(clock(desk, t) for t in times) for times in each["times"]],
            each["planned"],
        )
        for each in desk.picture("duty")["people"]
    ]


def test_a_counters_day() -> None:
    day = desk()
    at_counter(day, "SIGNIN", digits="11")
    at_counter(day.go(5), "OPEN")
    at_counter(day.go(145), "PAUSE", digits="1")
    at_counter(day.go(40), "PAUSE")
    at_counter(day.go(60), "SIGNIN", digits="12")
    at_counter(day.go(30), "CLOSE")
    at_counter(day.go(5), "SIGNIN")
    assert places(day) == {
        "1": [
            ("09:00", "09:05", "C01", "here"),
            ("09:05", "11:30", "C01", "open"),
            ("11:30", "12:10", "C01", "Lunch"),
            ("12:10", "13:10", "C01", "open"),
            ("13:10", "13:40", "C02", "open"),
            ("13:40", "13:45", "C02", "here"),
        ]
    }
    assert people(day) == [
        ("1", "C01", [("09:00", "13:10")], "11:30-12:00"),
        ("1", "C02", [("13:10", "13:45")], ""),
    ]
    (first, _) = day.picture("duty")["people"]
    assert [(clock(day, b["since"]), clock(day, b["until"]), b["reason"]) for b in first["breaks"]] == [
        ("11:30", "12:10", "Lunch")
    ]
    assert day.replayed().picture("duty") == day.picture("duty")


def test_a_counter_at_which_nobody_signs_in_is_shown_all_the_same() -> None:
    day = desk()
    at_counter(day, "OPEN", "2")
    at_counter(day.go(30), "CLOSE", "2")
    at_counter(day.go(30), "OPEN", "2")
    assert people(day) == [("2", "", [("09:00", "09:30"), ("10:00", "")], "")]


def test_a_clerk_who_signs_in_elsewhere_has_left() -> None:
    day = desk()
    at_counter(day, "SIGNIN", "1", digits="11")
    at_counter(day.go(10), "SIGNIN", "2", digits="11")
    assert places(day) == {"1": [("09:00", "09:10", "C01", "here")], "2": [("09:10", "", "C01", "here")]}


def test_a_pause_that_is_undone_has_not_been() -> None:
    day = desk()
    at_counter(day, "SIGNIN", digits="11")
    at_counter(day, "OPEN")
    at_counter(day.go(10), "PAUSE")
    at_counter(day.go(0.05), "UNDO")
    assert places(day) == {"1": [("09:00", "", "C01", "open")]}
    at_counter(day.go(10), "CLOSE")
    at_counter(day.go(0.05), "UNDO")
    assert places(day) == {"1": [("09:00", "", "C01", "open")]}


def test_a_closing_that_is_undone_has_not_been() -> None:
    day = desk()
    at_counter(day, "OPEN", "2")
    at_counter(day.go(10), "CLOSE", "2")
    at_counter(day.go(0.05), "UNDO", "2")
    assert places(day) == {"2": [("09:00", "", "", "open")]}


def test_what_a_counter_served() -> None:
    day = desk()
    helps = CounterProfile("helps", "Helps", {"cash": 0, "corporate": 0}, 1)
    lobby = replace(day.rules.lobby, counter_profiles={"helps": helps})
    day.branch.reconfigure(replace(day.rules, lobby=lobby))
    at_counter(day, "OPEN")
    at_counter(day.go(10), "PROFILE", digits="1")
    assert places(day) == {"1": [("09:00", "09:10", "", "open"), ("09:10", "", "", "open")]}
    (row,) = day.picture("duty")["people"]
    assert (row["profiles"], len(row["times"])) == (["Helps"], 1)


def test_lobby_duty_is_begun_handed_over_and_ended() -> None:
    day = desk()
    assert day.press("DUTY", clerk="4711") == "no clerk has this alias; there are: C01 C02 C03"
    assert day.press("ENDDUTY") == "nobody of that alias is on lobby duty; on duty: -"
    assert day.press("DUTY", clerk="C01") == [DutyBegun("C01", "user/li")]
    assert day.press("DUTY", clerk="C01") == "C01 is on lobby duty already"
    assert day.press("DUTY", clerk="C02", relieves="C03") == "nobody of that alias is on lobby duty; on duty: C01"
    over = day.go(180).press("DUTY", clerk="C02", relieves="C01", words="one wheelchair is lent")
    assert over == [DutyEnded("C01", "user/li", worded=True), DutyBegun("C02", "user/li")]
    assert day.branch.answer(over).text == "C02 is on lobby duty"
    day.go(10).press("DUTY", clerk="C03")  # in addition
    assert day.press("ENDDUTY") == "say whose duty ends: C02 C03"
    assert day.go(50).press("ENDDUTY", clerk="C03") == [DutyEnded("C03", "user/li")]
    assert people(day) == [
        ("", "C01", [("09:00", "12:00")], "11:30-12:00"),
        ("", "C02", [("12:00", "")], ""),
        ("", "C03", [("12:10", "13:00")], ""),
    ]
    assert day.picture("duty")["on_duty"] == ["C02"]
    assert kinds_with_people(day) == set()
    assert day.replayed().picture("duty") == day.picture("duty")


def kinds_with_people(desk: Desk) -> set[str]:
    """The kinds of rows that have a staff number."""
    return {row.event.KIND for row in desk.rows if {str(each) for each in row.data.values()} & {*CLERKS}}


def test_what_was_handed_over_is_there_on_the_next_day() -> None:
    day = desk()
    at_counter(day, "SIGNIN", digits="11")
    at_counter(day, "NOTE", words="the stamp is in the drawer")
    day.press("DUTY", clerk="C02")
    day.press("ENDDUTY", words="the alarm is set")
    shown = day.picture("duty")["notes"]
    assert [(note["counter"], note["by"], note["days"]) for note in shown] == [("", "C02", 0), ("1", "C01", 0)]
    assert "stamp" not in str([row.data for row in day.rows])
    day.go(24 * 60).do_nothing()
    assert [(n["counter"], n["days"], n["words"]) for n in day.picture("duty")["notes"]] == [
        (n["counter"], 1, n["words"]) for n in shown
    ]
    assert day.picture("duty")["on_duty"] == []
    assert day.replayed().picture("duty") == day.picture("duty")
    at_counter(day, "NOTE", words="")  # removes it
    assert [(n["counter"], n["removed"]) for n in day.picture("duty")["notes"]] == [("", False), ("1", True)]
    day.go(24 * 60).do_nothing()
    assert day.picture("duty")["notes"] == []


def test_whoever_is_there_when_the_day_ends_is_not_there_on_the_next() -> None:
    day = desk()
    at_counter(day, "SIGNIN", digits="11")
    at_counter(day, "OPEN")
    day.press("DUTY", clerk="C02")
    day.go(24 * 60)
    at_counter(day, "OPEN", "2")
    assert list(places(day)) == ["2"]
    closed = [row for row in day.rows if row.event.KIND == "day_closed"]
    before = Branch(day.rules.lobby, day.rules)
    before.replay(row for row in day.rows if row.seq <= closed[0].seq)
    day.branch = before
    assert all(until for each in places(day).values() for _, until, _, _ in each)


def test_a_clock_that_is_set_back_makes_no_time_that_ends_before_it_begins() -> None:
    day = desk()
    at_counter(day, "SIGNIN", digits="11")
    at_counter(day.go(-5), "OPEN")
    assert places(day) == {"1": [("08:55", "", "C01", "open")]}


def test_a_counter_that_opens_and_pauses_all_day_is_kept_within_limits() -> None:
    day = desk()
    at_counter(day, "OPEN")
    for _ in range(300):
        at_counter(day.go(0.2), "PAUSE")
    assert len(places(day)["1"]) == 200
