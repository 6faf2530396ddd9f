"""The log book: what is drafted, what people enter, correct and sign, and the reminders that outlive the day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.lobby.actions.clock import StepClock
from controller.lobby.actions.press import Where
from controller.lobby.actions.windows import WindowAdviceAnswered, WindowsChecked
from controller.lobby.aggregate import Row
from controller.lobby.model.calendar import Hours, parse_spans
from controller.record.actions.alarms import as_faults
from controller.record.actions.daylines import LISTED
from controller.record.actions.logbook import ENTRIES, TOPICS, DaySignedOff, LogEntered, LogStruck
from controller.record.actions.reminders import AT_ONCE, TASKS, ReminderDone, ReminderSet
from record.desk import Desk

DAY = 24 * 60


def kinds(events: object) -> list[str]:
    assert isinstance(events, list), events
    return [event.KIND for event in events]


def drafted(desk: Desk) -> dict[str, list[str]]:
    """The drafted sentences by heading."""
    found = desk.picture("logbook")["drafted"]
    return {each["name"]: [line["text"] for line in each["lines"]] for each in found}


def reminders(desk: Desk) -> list[tuple[str, str, str]]:
    return [(each["id"], each["day"], each["state"]) for each in desk.picture("reminders")["open"]]


def entries(desk: Desk) -> dict[str, str]:
    """What strikes each entry; empty: it stands."""
    return {each["id"]: each["struck"] for each in desk.picture("logbook")["entries"]}


# -- entries and the signature -----------------------------------------------------------------------------------


def test_an_entry_has_its_topic_in_the_row_and_its_words_beside_it() -> None:
    desk = Desk()
    assert desk.press("LOG", topic="suspicious", words="grey coat at the machines") == [
        LogEntered("L1", "suspicious", "user/li", worded=True)
    ]
    assert "coat" not in str([row.data for row in desk.rows])
    assert kinds(desk.press("LOG", topic="suspicious")) == ["log_entered"]  # a button, pressed without a word
    first, second = desk.picture("logbook")["entries"]
    assert (first["words"], first["private"], second["words"]) == (desk.rows[-2].cause, True, "")
    assert desk.press("LOG", topic="weather", words="rain") == (
        f"there is no topic “weather”; there are: {' '.join(TOPICS)}"
    )
    assert desk.press("LOG") == "say in words what it is about"


def test_a_correction_strikes_what_it_corrects_and_both_stay() -> None:
    desk = Desk()
    desk.press("LOG", topic="visit", words="two of head office")
    assert desk.press("LOGEDIT", entry="1", words="three of head office") == [
        LogEntered("L2", "visit", "user/li", worded=True, strikes="L1")
    ]
    assert desk.press("LOGEDIT", entry="L1", words="four") == "L1 has been struck already"
    assert desk.press("LOGEDIT") == [LogStruck("L2", "user/li")]  # the last one
    assert entries(desk) == {"L1": "L2", "L2": "-"}
    assert desk.press("LOGEDIT", entry="L9") == "there is no entry L9 today; there are: L1 L2"
    assert desk.replayed().picture("logbook") == desk.picture("logbook")


def test_a_day_is_signed_once_and_after_that_there_are_addenda() -> None:
    desk = Desk()
    desk.press("LOG", topic="service", words="a thank-you letter")
    assert desk.press("SIGNOFF") == [DaySignedOff("2026-11-23", "user/li", 0)]
    desk.go(5)
    assert desk.press("SIGNOFF", by="user/wang") == "the day was signed off by li at 09:00"
    assert desk.press("LOGEDIT", entry="L1") == "the day is signed off; add to it with a new entry"
    assert desk.press("LOG", topic="service", words="and a flag") == [
        LogEntered("L2", "service", "user/li", worded=True, addendum=True)
    ]
    again = desk.replayed()
    assert again.picture("logbook") == desk.picture("logbook")
    assert again.picture("logbook")["signed"] == {"by": "user/li", "at": desk.now - 5 * 60_000, "left_open": 0}
    assert again.press("SIGNOFF") == "the day was signed off by li at 09:00"


def test_what_is_not_done_is_asked_about_once() -> None:
    desk = Desk()
    desk.press("GREEN", where=Where.PANEL, service="cash")
    desk.press("GREEN", where=Where.PANEL, service="cash")
    desk.press("CALL", where=Where.COUNTER, counter="1")
    desk.press("REMIND", day="2026-11-23", topic="change")
    asked = (
        "not done yet: counters still open: 1; customers still in the hall: 1; reminders: T1. Sign off all the same?"
    )
    assert sorted(str(desk.press("SIGNOFF"))) == sorted(asked)
    assert desk.press("SIGNOFF", sure=True) == [DaySignedOff("2026-11-23", "user/li", 3)]


def test_a_day_that_is_closed_and_not_signed_is_told_of_and_the_next_day_says_so() -> None:
    desk = Desk()
    desk.do_nothing()
    desk.press("OPEN", where=Where.COUNTER, counter="1")
    desk.go(8 * 60).press("CLOSE", where=Where.COUNTER, counter="1")
    assert [fault.id for fault in as_faults(desk.go(30).facts)] == []  # nobody has ever kept a log book here
    desk.press("SIGNOFF", sure=True)
    desk.go(DAY - 510)
    desk.press("OPEN", where=Where.COUNTER, counter="1")
    desk.go(3 * 60).press("CLOSE", where=Where.COUNTER, counter="1")
    desk.go(30)
    assert [fault.id for fault in as_faults(desk.facts)] == []  # at noon they may open again
    desk.press("OPEN", where=Where.COUNTER, counter="1")
    desk.go(14 * 60 - 210).press("CLOSE", where=Where.COUNTER, counter="1")
    assert drafted(desk)["day"] == ["first counter opened; at most 1 were open at once", "last counter closed"]
    assert [fault.id for fault in as_faults(desk.go(30).facts)] == ["alarm:log_unsigned"]
    desk.go(DAY).do_nothing()
    assert drafted(desk)["day"] == ["the log of 2026-11-24 was not signed off"]
    assert drafted(desk.replayed())["day"] == drafted(desk)["day"]
    desk.go(DAY).do_nothing()  # a day on which nothing happened leaves that to be seen
    assert drafted(desk)["day"] == ["the log of 2026-11-24 was not signed off"]


def test_what_the_rollover_closes_was_closed_by_nobody() -> None:
    desk = Desk()
    desk.press("OPEN", where=Where.COUNTER, counter="1")
    before = len(desk.rows)
    desk.go(DAY).do_nothing()
    assert "counter_closed" in [row.event.KIND for row in desk.rows[before:]]
    assert desk.picture("logbook")["signed"] is None


def test_a_day_has_room_for_so_many_entries() -> None:
    desk = Desk()
    for _ in range(ENTRIES):
        desk.press("LOG", topic="service")
    assert desk.press("LOG", topic="service") == f"there are {ENTRIES} entries today already"


def test_a_clock_that_is_set_back_takes_entries_with_it() -> None:
    desk = Desk()
    desk.go(60).press("LOG", topic="service")
    desk.device("printer", "offline", "offline")
    desk.go(-30)
    desk.do(StepClock(at=desk.now, cause="clock:1", by=-30 * 60_000))
    (entry,) = desk.picture("logbook")["entries"]
    assert entry["at"] == desk.now
    assert drafted(desk.go(5))["faults"] == ["Ticket printer: not connected, since 09:30, not over yet"]
    assert desk.replayed().picture("logbook") == desk.picture("logbook")


# -- what is drafted ---------------------------------------------------------------------------------------------


def test_faults_repairs_and_alarms_are_drafted_and_the_same_after_a_restart() -> None:
    desk = Desk()
    desk.device("printer", "degraded", "paper_low")  # is no fault
    assert drafted(desk) == {}
    desk.device("printer", "offline", "offline")
    desk.go(15).look()
    desk.go(5).device("printer", "ok")
    desk.press("REPAIRED")
    desk.look(disk=0.01)
    desk.go(1).look(disk=0.5)
    assert drafted(desk) == {
        "faults": ["Ticket printer: not connected, until 09:20 (20 min)"],
        "repairs": ["Ticket printer reported (R1)", "Ticket printer repaired (R1)"],
        "alarms": ["only 1% of the disk is free; over at 09:21"],
    }
    assert drafted(desk.replayed()) == drafted(desk)


def test_what_goes_back_and_forth_is_one_line_however_often() -> None:
    desk = Desk()
    for _ in range(300):
        desk.device("printer", "offline", "offline")
        desk.go(0.5).device("printer", "ok")
        desk.go(0.5)
    assert drafted(desk)["faults"] == ["Ticket printer: not connected, 300 times, 150 min in all, until 13:59"]


def test_a_fault_of_the_day_before_is_told_with_its_date() -> None:
    desk = Desk()
    desk.device("printer", "offline", "offline")
    desk.go(DAY).do_nothing()
    assert drafted(desk)["faults"] == ["Ticket printer: not connected, since 11-23 09:00, not over yet"]
    desk.device("printer", "ok")
    assert drafted(desk.replayed())["faults"] == ["Ticket printer: not connected, until 09:00 (1440 min)"]


def test_advice_is_counted_and_its_answers_are_listed_up_to_a_number() -> None:
    desk = Desk()
    desk.do_nothing()

    def happens(event: WindowsChecked | WindowAdviceAnswered) -> None:
        seq = desk.branch.seq + 1
        desk.branch.seq = seq
        row = Row(seq, desk.now, "2026-11-23", event, f"a:{seq}", 0, None)
        desk.rows.append(row)
        desk.branch.evolve(row)

    def advised(*counters: str) -> WindowsChecked:
        about = {"action": "open", "group": "cash", "before": 900, "after": 300}
        return WindowsChecked({}, tuple({**about, "counter": counter} for counter in counters))

    for n in range(LISTED + 5):
        happens(advised("1", "2"))
        happens(advised("1", "2"))  # still the same advice
        happens(WindowAdviceAnswered("1", "open", accepted=n % 2 == 0, by="user/li"))
        happens(advised())
    lines = drafted(desk)["advice"]
    assert lines[0] == "advice given: 50; taken 13, declined 12, not answered 25"
    assert lines[1:3] == ["open counter 1: taken", "open counter 1: declined"]
    assert (len(lines), lines[-1]) == (LISTED + 2, "and 5 more")
    assert drafted(desk.replayed()) == drafted(desk)


def test_green_channel_with_a_reason_in_words_is_listed() -> None:
    desk = Desk()
    desk.press("GREEN", where=Where.PANEL, service="cash", reason="elderly")
    desk.press("GREEN", where=Where.PANEL, service="cash", reason="remark")
    (line,) = desk.picture("logbook")["drafted"][0]["lines"]
    assert (line["text"], line["words"]) == ("A002, Green", desk.rows[-1].cause)


# -- reminders ---------------------------------------------------------------------------------------------------


def test_a_reminder_is_there_until_it_is_done_also_over_days_and_restarts() -> None:
    desk = Desk()
    assert desk.press("REMIND", topic="cash", whom="2", words="ref 4711") == [
        ReminderSet("T1", "2026-11-24", "cash", "user/li", whom="2", worded=True)
    ]
    desk.press("REMIND", day="2026-11-26", topic="customer", words="appointment 12")
    assert reminders(desk) == [("T1", "2026-11-24", "later"), ("T2", "2026-11-26", "later")]
    desk.go(DAY).do_nothing()
    assert reminders(desk.replayed()) == [("T1", "2026-11-24", "today"), ("T2", "2026-11-26", "later")]
    desk.go(DAY).do_nothing()
    assert reminders(desk)[0] == ("T1", "2026-11-24", "overdue")
    assert desk.press("DONE", reminder="t2") == [ReminderDone("T2", "user/li")]
    assert desk.press("DONE") == [ReminderDone("T1", "user/li")]  # the only one that is due
    assert desk.press("DONE", reminder="T1") == "there is no reminder T1; due are: -"
    assert [each["id"] for each in desk.replayed().picture("reminders")["done"]] == ["T2", "T1"]
    desk.go(DAY).do_nothing()
    assert desk.picture("reminders")["done"] == []
    desk.press("REMIND", topic="change")
    assert reminders(desk) == [("T3", "2026-11-27", "later")]  # a number is never given twice


def test_a_reminder_for_a_closed_day_is_one_of_the_next_open_day() -> None:
    desk = Desk()
    on_weekdays = Hours((*(parse_spans("09:00-17:00"),) * 5, (), ()))
    services = desk.rules.lobby.services
    for id, service in services.items():
        services[id] = replace(service, hours=on_weekdays)  # type: ignore[index]
    desk.press("REMIND", day="2026-11-28", topic="change")
    desk.go(4 * DAY).press("REMIND", topic="change")  # on Friday
    assert [day for _, day, _ in reminders(desk)] == ["2026-11-30", "2026-11-30"]


@pytest.mark.parametrize(
    ("typed", "refusal"),
    [
        ({"topic": "tea"}, f"there is no topic “tea”; there are: {' '.join(TASKS)}"),
        ({}, "say in words what it is about"),
        ({"topic": "cash", "whom": "7"}, "there is no counter “7”"),
        ({"topic": "cash", "day": "2026-11-22"}, "choose a day from 2026-11-23 to 2027-11-24"),
        ({"topic": "cash", "day": "2029-01-01"}, "choose a day from 2026-11-23 to 2027-11-24"),
        ({"topic": "cash", "day": "2026-02-30"}, "there is no day 2026-02-30"),
    ],
)
def test_a_reminder_that_cannot_be(typed: dict[str, Any], refusal: str) -> None:
    assert Desk().press("REMIND", **typed) == refusal


def test_reminders_have_a_limit() -> None:
    desk = Desk()
    for _ in range(AT_ONCE):
        desk.press("REMIND", topic="change")
    full = f"there are {AT_ONCE} reminders already; mark those that are done"
    assert desk.press("REMIND", topic="change") == full
    assert desk.press("LOG", topic="service", tomorrow=True) == full
    assert entries(desk) == {}


def test_an_entry_for_tomorrow_is_its_reminder_and_striking_it_takes_that_back() -> None:
    desk = Desk()
    assert kinds(desk.press("LOG", topic="service", words="bring forms", tomorrow=True)) == [
        "reminder_set",
        "log_entered",
    ]
    (reminder,) = desk.picture("reminders")["open"]
    (entry,) = desk.picture("logbook")["entries"]
    assert (reminder["words"], reminder["entry"]) == (entry["words"], "L1")
    assert kinds(desk.press("LOGEDIT", entry="L1", words="bring more forms", tomorrow=True)) == [
        "reminder_done",
        "reminder_set",
        "log_entered",
    ]
    assert [each[0] for each in reminders(desk)] == ["T2"]
    desk.press("LOGEDIT", entry="L2")
    assert reminders(desk) == []
    assert desk.picture("reminders")["done"] == []  # it was not done


def test_what_is_private_has_no_words_where_reminders_are_shown() -> None:
    desk = Desk()
    desk.press("LOG", topic="suspicious", words="grey coat", tomorrow=True)
    (reminder,) = desk.picture("reminders")["open"]
    assert reminder["words"] == ""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_event_topic_and_task_has_its_words(language: str) -> None:
    words = Desk(language=language).rules.lobby.wording.templates
    for kind in (LogEntered, LogStruck, DaySignedOff, ReminderSet, ReminderDone):
        assert words[f"answer.{kind.KIND}"]
    for key in (*(f"topic_{each}" for each in TOPICS), *(f"task_{each}" for each in TASKS)):
        assert words[f"log.{key}"]
