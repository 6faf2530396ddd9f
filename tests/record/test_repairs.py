"""Faults and repairs: what becomes one, until when, what is told, and what outlives the day."""

from __future__ import annotations

import pytest

from controller.lobby.actions.press import Where
from controller.record.actions.alarms import AlarmEnded, AlarmRaised, as_faults
from controller.record.actions.repairs import RepairConfirmed, RepairNoted, RepairOpened, RepairReminded
from record.desk import Desk


def kinds(events: object) -> list[str]:
    assert isinstance(events, list), events
    return [event.KIND for event in events]


def test_trouble_that_lasts_becomes_a_repair_with_a_deadline_in_working_hours() -> None:
    desk = Desk()
    desk.go(6 * 60).device("printer", "offline", "offline")  # at 15:00
    assert desk.go(9).look() == []
    (opened,) = desk.go(1).look()
    assert isinstance(opened, RepairOpened)
    assert (opened.repair, opened.thing, opened.by, opened.detail) == ("R1", "printer", "controller", "offline")
    zone = desk.rules.lobby
    assert zone.local(opened.since).strftime("%d %H:%M") == "23 15:00"
    assert zone.local(opened.due).strftime("%d %H:%M") == "24 11:10"  # four hours, of which two are tomorrow's
    assert desk.notices() == ["Ticket printer is out of order: Cash cannot be done at the moment, we are sorry"]
    assert desk.look() == []


def test_a_moment_without_paper_is_no_repair_yet_and_an_hour_is() -> None:
    desk = Desk()
    desk.device("printer", "degraded", "paper_end")
    assert desk.go(59).look() == []
    assert kinds(desk.go(1).look()) == ["repair_opened"]


def test_what_goes_back_and_forth_counts_from_its_last_fault() -> None:
    desk = Desk()
    for _ in range(20):
        desk.device("printer", "offline", "offline")
        desk.go(5).device("printer", "ok")
        assert desk.go(1).look() == []


def test_what_works_again_is_repaired_once_somebody_says_so() -> None:
    desk = Desk()
    desk.device("printer", "offline", "offline")
    desk.go(10).look()
    assert desk.press("REPAIRED") == "Ticket printer still does not work, so R1 cannot be confirmed"
    desk.go(5).device("printer", "ok")
    assert desk.notices() == []
    (fault,) = as_faults(desk.facts)
    assert (fault.severity, fault.text) == ("note", "Ticket printer works again: confirm that it is repaired (R1)")
    assert desk.look() == []  # a note is no alarm
    desk.go(1).device("printer", "offline", "offline")
    assert desk.press("REPAIRED", repair="r1") == "Ticket printer still does not work, so R1 cannot be confirmed"
    desk.go(1).device("printer", "ok")
    (confirmed,) = desk.press("REPAIRED", repair="1")
    assert isinstance(confirmed, RepairConfirmed)
    assert (confirmed.late, confirmed.by) == (False, "user/li")
    assert desk.press("REPAIRED", repair="1") == "there is no open repair R1; there are: -"


def test_a_thing_that_nothing_reports_is_reported_by_hand_and_once() -> None:
    desk = Desk()
    (opened,) = desk.press("FAULT", thing="water", words="it leaks")
    assert isinstance(opened, RepairOpened)
    assert opened.worded
    assert "leaks" not in str(desk.rows[-1].data)
    assert desk.notices() == ["Water dispenser is out of order, we are sorry"]
    assert desk.press("FAULT", thing="water") == (
        "Water dispenser is reported already (R1); to add to it, say what there is"
    )
    assert kinds(desk.press("FAULT", thing="water", words="and is hot")) == ["repair_noted"]
    assert desk.press("FAULT", thing="roof") == 'there is no device or thing "roof"; there are: printer water'
    assert kinds(desk.press("CALLED", words="ticket 4711")) == ["repair_noted"]
    assert desk.picture("repairs")["open"][0]["called"] == desk.now


def test_which_repair_is_asked_if_there_are_several() -> None:
    desk = Desk()
    desk.press("FAULT", thing="water")
    desk.press("FAULT", thing="printer")
    assert desk.press("REPAIRED") == "say which repair: R1 R2"


def test_a_repair_is_reminded_of_once_and_is_an_alarm_when_it_is_late() -> None:
    desk = Desk()
    desk.press("FAULT", thing="water")  # eight working hours: until 17:00
    assert kinds(desk.go(7 * 60).look()) == ["repair_reminded"]
    assert desk.go(10).look() == []
    (raised,) = desk.go(60).look()
    assert isinstance(raised, AlarmRaised)
    assert (raised.alarm, raised.kind) == ("overdue:R1", "repair_overdue")
    assert desk.look() == []
    (late,) = (event for event in desk.press("REPAIRED"))
    assert isinstance(late, RepairConfirmed)
    assert late.late
    (ended,) = desk.look()
    assert isinstance(ended, AlarmEnded)


def test_open_repairs_are_there_on_the_next_day_and_after_a_restart() -> None:
    desk = Desk()
    desk.press("FAULT", thing="water", words="it leaks")
    desk.device("printer", "offline", "offline")
    desk.go(15).look()
    shown = desk.picture("repairs")
    assert desk.replayed().picture("repairs") == shown
    desk.go(24 * 60).do_nothing()
    assert [row.event.KIND for row in desk.rows if row.day == "2026-11-24"][:2] == ["day_opened", "record_handed_on"]
    next_day = desk.picture("repairs")["open"]
    assert [(each["id"], each["words"]) for each in next_day] == [(each["id"], each["words"]) for each in shown["open"]]
    assert desk.replayed().picture("repairs") == desk.picture("repairs")
    desk.device("printer", "ok")
    for number in ("R1", "R2"):
        assert kinds(desk.press("REPAIRED", repair=number)) == ["repair_confirmed"]
    (third,) = desk.press("FAULT", thing="water")
    assert isinstance(third, RepairOpened)
    assert third.repair == "R3"  # a number is never given twice
    desk.go(24 * 60).do_nothing()
    assert desk.replayed().press("REPAIRED", repair="R3")


def test_a_branch_without_opening_hours_counts_every_hour() -> None:
    desk = Desk()
    desk.rules.lobby.services.clear()  # type: ignore[attr-defined]
    assert desk.rules.after_working_hours(desk.now, 4) == desk.now + 4 * 3_600_000


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_event_and_alarm_has_its_words(language: str) -> None:
    desk = Desk(language=language)
    for kind in (RepairOpened, RepairNoted, RepairReminded, RepairConfirmed):
        assert desk.rules.lobby.wording.templates[f"answer.{kind.KIND}"]


def test_an_alarm_that_goes_back_and_forth_is_raised_at_most_once_in_ten_minutes() -> None:
    desk = Desk()
    raised = 0
    for _ in range(60):
        raised += kinds(desk.look(disk=0.01)).count("alarm_raised")
        desk.go(0.5).look(disk=0.5)
        desk.go(0.5)
    assert raised <= 6


def test_alarms_of_the_lobby() -> None:
    desk = Desk()
    desk.press("GREEN", where=Where.PANEL, service="cash")
    desk.press("CALL", where=Where.COUNTER, counter="1")
    desk.press("FINISH", where=Where.COUNTER, counter="1")
    desk.press("GREEN", where=Where.PANEL, service="cash")
    desk.press("PAUSE", where=Where.COUNTER, counter="1")
    assert kinds(desk.go(14).look()) == ["alarm_raised"]  # no counter of its own is open
    (paused,) = desk.go(2).look()
    assert isinstance(paused, AlarmRaised)
    assert (paused.alarm, paused.about) == ("paused:1", {"counter": "1", "waiting": 1})
    (wait,) = desk.go(15).look()
    assert isinstance(wait, AlarmRaised)
    assert wait.about == {"service": "Cash", "minutes": 30}
    assert {row["id"] for row in desk.picture("alarms")} == {"no_counter:Cash", "paused:1", "wait:cash"}
    desk.press("CALL", where=Where.COUNTER, counter="1")
    assert {event.alarm for event in desk.look() if isinstance(event, AlarmEnded)} == {
        "no_counter:Cash",
        "paused:1",
        "wait:cash",
    }
