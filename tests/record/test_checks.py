"""Check lists: when they are to be done, who ticks them, what a fault becomes, and who is late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from branches import branch, hours

from controller.lobby.actions.press import Where
from controller.lobby.model.calendar import parse_spans
from controller.record.actions.alarms import AlarmRaised, as_faults
from controller.record.actions.checks import Checklist, ChecklistDone, CheckSettings, Item, ItemsChecked, time_of
from controller.record.actions.repairs import RepairNoted, RepairOpened
from controller.record.rules import RecordRules, Thing
from record.desk import PRINTER, WATER, Desk

FORMS = Thing("forms", "Forms and pens", hall=False)
WINDOWS = [Thing("windows", "Windows", is_device=True), Thing("windows.3", "Window 3", is_device=True)]
THINGS = (PRINTER, WATER, FORMS, *WINDOWS)
MORNING = Checklist(
    "before",
    "Before opening",
    "before_opening",
    (Item("forms", "Forms and pens", "forms"), Item("machine", "Ticket machine", "printer", ("printer",))),
)
ROUND = Checklist("round", "Round", parse_spans("10:00-11:00")[0], (Item("water", "Water", "water"),))
EVENING = Checklist("after", "After closing", "after_closing", (Item("doors", "Doors", "forms"),))


def desk(*lists: Checklist, at: str = "08:30", things: tuple[Thing, ...] = THINGS) -> Desk:
    """A branch that is open from nine to five, on Monday 23 November at a time; its day has begun."""
    found = Desk(CheckSettings(lists or (MORNING, ROUND, EVENING)), things=things)
    hour, minute = at.split(":")
    found.go((int(hour) - 9) * 60 + int(minute))
    found.do_nothing()
    found.rows.clear()
    return found


def kinds(events: object) -> list[str]:
    assert isinstance(events, list), events
    return [event.KIND for event in events]


def state(desk: Desk, id: str) -> str:
    (found,) = (each["state"] for each in desk.picture("checks")["lists"] if each["id"] == id)
    return str(found)


def results(desk: Desk, id: str) -> dict[str, str]:
    (found,) = (each["items"] for each in desk.picture("checks")["lists"] if each["id"] == id)
    return {item["id"]: item["result"] for item in found}


def at(desk: Desk, times: Iterable[int]) -> list[str]:
    return [desk.rules.lobby.local(time).strftime("%d %H:%M") for time in times]  # type: ignore[arg-type]


# -- when ------------------------------------------------------------------------------------------------------------


def test_lists_are_to_be_done_by_the_hours_of_the_day() -> None:
    rules = desk().rules
    found = {each.id: time_of(rules, each, "2026-11-23") for each in (MORNING, ROUND, EVENING)}
    assert {id: at(desk(), time) for id, time in found.items() if time} == {
        "before": ["23 08:00", "23 09:00"],
        "round": ["23 10:00", "23 11:00"],
        "after": ["23 17:00", "23 18:00"],
    }


def test_the_last_ticket_is_not_the_closing() -> None:
    about = {"cash": {"hours": hours("09:00-12:00 13:30-17:00", last_ticket=1800)}}
    rules = RecordRules(branch({"1": {"cash": 0}}, services=about))
    assert [f"{each:%H:%M}" for each in rules.doors(date(2026, 11, 23)) or ()] == ["09:00", "17:00"]


def test_a_branch_without_hours_has_those_of_the_kind_of_day() -> None:
    rules = RecordRules(branch({"1": {"cash": 0}}))
    assert [f"{each:%H:%M}" for each in rules.doors(date(2026, 11, 23)) or ()] == ["09:00", "17:00"]


def test_a_time_before_the_roll_over_is_of_the_night_after_the_business_day() -> None:
    night = replace(ROUND, when=parse_spans("01:00-02:30")[0])
    time = time_of(desk().rules, night, "2026-11-23")
    assert time
    assert at(desk(), time) == ["24 01:00", "24 02:30"]


def test_a_closed_day_has_no_lists() -> None:
    closed = desk()
    lobby = closed.rules.lobby
    calendar = replace(lobby.calendar, holidays=frozenset({date(2026, 11, 23)}))
    closed.branch.reconfigure(replace(closed.rules, lobby=replace(lobby, calendar=calendar)))
    assert closed.picture("checks") == {"configured": True, "lists": []}
    assert closed.press("CHECK", checklist="before") == "the branch is closed today, so Before opening is not done"
    assert closed.go(120).look() == []


def test_a_list_that_is_far_off_is_not_ticked_by_mistake() -> None:
    early = desk()
    assert early.press("CHECK", checklist="after") == "After closing can be filled in from 16:00 on"
    assert kinds(early.go(7.5 * 60).press("CHECK", checklist="after")) == ["items_checked", "checklist_done"]


# -- by hand ---------------------------------------------------------------------------------------------------------


def test_several_items_in_one_go_and_the_rest() -> None:
    opened = desk()
    assert kinds(opened.press("CHECK", checklist="before", items=" forms , forms")) == ["items_checked"]
    checked, done = opened.press("CHECK", by="user/wang")  # the only one that is to be done now
    assert checked == ItemsChecked("before", ["machine"], "ok", "user/wang")
    assert done == ChecklistDone("before", late=False)
    assert state(opened, "before") == "done"
    assert opened.branch.answer([checked, done]).text == "Before opening: all has been checked"
    assert opened.branch.answer([checked]).text == "Before opening: Ticket machine in order"
    assert opened.look() == []
    assert opened.press("CHECK") == "say which check list: -"


def test_an_item_that_two_people_tick_is_ticked_once() -> None:
    opened = desk()
    opened.press("CHECK", checklist="before", items="forms", by="user/li")
    again = opened.go(1).press("CHECK", checklist="before", items="forms", by="user/wang")
    assert again == '"Forms and pens" was checked at 08:30 already (li)'
    (checked, _) = opened.press("CHECK", checklist="before", items="forms,machine", by="user/wang")
    assert checked == ItemsChecked("before", ["machine"], "ok", "user/wang")


def test_a_tick_is_taken_back() -> None:
    opened = desk()
    opened.press("CHECK", checklist="before")
    assert kinds(opened.press("CHECK", checklist="before", items="forms", result="open")) == ["items_unchecked"]
    assert results(opened, "before") == {"forms": "", "machine": "ok"}
    again = opened.press("CHECK", checklist="before", items="forms", result="open")
    assert again == "Forms and pens has not been checked yet"
    assert kinds(opened.press("CHECK", checklist="before", items="forms")) == ["items_checked", "checklist_done"]


def test_what_is_not_there_is_refused_in_a_sentence() -> None:
    opened = desk()
    assert opened.press("CHECK", checklist="noon") == "there is no such check list; there are: before round after"
    refused = opened.press("CHECK", checklist="before", items="forms,roof")
    assert refused == 'Before opening has no item "roof"; it has: forms machine'
    refused = opened.press("CHECK", checklist="before", result="fault")
    assert refused == "say which item of Before opening: forms machine"
    assert opened.rows == []


def test_a_fault_that_is_found_becomes_a_repair() -> None:
    opened = desk()
    events = opened.press("CHECK", checklist="before", items="forms,machine", result="fault", words="nothing left")
    assert isinstance(events, list)
    checked, forms, printer, done = events
    assert checked == ItemsChecked("before", ["forms", "machine"], "fault", "user/li", worded=True)
    assert isinstance(forms, RepairOpened)
    assert isinstance(printer, RepairOpened)
    assert [(each.repair, each.thing) for each in (forms, printer)] == [("R1", "forms"), ("R2", "printer")]
    assert done.KIND == "checklist_done"
    assert "nothing left" not in str([row.data for row in opened.rows])
    assert opened.notices() == ["Ticket printer is out of order: Cash cannot be done at the moment, we are sorry"]
    (machine,) = (item for item in opened.picture("checks")["lists"][0]["items"] if item["id"] == "machine")
    assert (machine["result"], machine["repair"], machine["words"]) == ("fault", "R2", opened.rows[-1].cause)


def test_a_fault_that_is_reported_already_is_no_second_repair() -> None:
    opened = desk(at="10:10")
    opened.press("FAULT", thing="water")
    assert kinds(opened.press("CHECK", checklist="round", items="water", result="fault")) == [
        "items_checked",
        "checklist_done",
    ]
    refused = opened.press("CHECK", checklist="round", items="water", result="fault")
    assert refused == '"Water" was checked at 10:10 already (li)'
    checked, noted = opened.press("CHECK", checklist="round", items="water", result="fault", words="it leaks")
    assert isinstance(checked, ItemsChecked)
    assert isinstance(noted, RepairNoted)
    assert kinds(opened.press("CHECK", checklist="round", items="water")) == ["items_checked"]  # it has been mended


# -- by the controller -----------------------------------------------------------------------------------------------


def test_what_the_controller_sees_it_ticks_by_itself_from_the_lists_time_on() -> None:
    opened = desk(at="07:00")
    opened.device("printer", "ok")
    assert opened.look() == []
    (checked,) = opened.go(60).look()
    assert checked == ItemsChecked("before", ["machine"], "ok", "controller")
    assert opened.look() == []
    refused = opened.press("CHECK", checklist="before", items="machine")
    assert refused == '"Ticket machine" was checked at 08:00 already (the controller)'
    assert kinds(opened.press("CHECK", checklist="before")) == ["items_checked", "checklist_done"]


def test_a_device_of_which_nothing_is_known_ticks_nothing() -> None:
    opened = desk()
    assert opened.look() == []
    assert results(opened, "before") == {"forms": "", "machine": ""}


def test_all_units_of_a_device_must_work() -> None:
    seen = replace(MORNING, items=(Item("displays", "Displays", "windows", ("windows",)),))
    opened = desk(seen)
    opened.device("windows", "ok")
    assert opened.look() == []
    opened.device("windows.3", "ok")
    assert kinds(opened.look()) == ["items_checked", "checklist_done"]


def test_a_device_that_stops_working_takes_its_tick_back_and_gives_it_again() -> None:
    opened = desk()
    opened.device("printer", "ok")
    opened.look()
    opened.press("CHECK", checklist="before")
    opened.device("printer", "offline", "offline")
    assert opened.go(0.5).look() == []  # one that is started anew is not broken
    assert kinds(opened.go(0.5).look()) == ["items_unchecked"]
    assert opened.look() == []
    (machine,) = (item for item in opened.picture("checks")["lists"][0]["items"] if item["id"] == "machine")
    assert machine["trouble"].startswith("Ticket printer: ")
    assert (machine["result"], state(opened, "before")) == ("", "open")
    refused = opened.press("CHECK", checklist="before", items="machine")
    assert isinstance(refused, str)
    assert refused.endswith('so "Ticket machine" is not in order: report the fault, or wait until it works')
    refused = opened.press("CHECK", checklist="before")
    assert refused == "nothing of Before opening can be ticked in one go; not checked yet: Ticket machine"
    opened.device("printer", "ok")
    assert kinds(opened.look()) == ["items_checked", "checklist_done"]


def test_what_has_been_found_in_order_in_time_stays_so() -> None:
    opened = desk()
    opened.device("printer", "ok")
    opened.press("CHECK", checklist="before")
    opened.look()
    opened.go(45).device("printer", "offline", "offline")
    assert opened.go(5).look() == []
    assert state(opened, "before") == "done"


def test_a_device_that_fails_in_a_list_is_what_its_fault_is_of() -> None:
    seen = replace(MORNING, items=(Item("displays", "Displays", "windows", ("windows",)),))
    opened = desk(seen)
    opened.device("windows.3", "offline", "offline")
    _, repair, _ = opened.press("CHECK", checklist="before", items="displays", result="fault")
    assert isinstance(repair, RepairOpened)
    assert (repair.thing, repair.detail) == ("windows.3", "offline")


# -- late ------------------------------------------------------------------------------------------------------------


def test_who_is_late_is_reminded_once() -> None:
    opened = desk(ROUND, at="10:30")
    assert [fault.text for fault in as_faults(opened.facts)] == ["Round is to be done by 11:00: 1 not checked yet"]
    assert opened.look() == []  # that is a note, and no alarm
    (raised,) = opened.go(30).look()
    assert isinstance(raised, AlarmRaised)
    assert (raised.alarm, raised.kind) == ("checklist:round", "checklist_late")
    assert opened.go(60).look() == []
    assert state(opened, "round") == "late"
    _, done = opened.press("CHECK")
    assert done == ChecklistDone("round", late=True)
    assert kinds(opened.look()) == ["alarm_ended"]
    assert opened.look() == []


def test_after_closing_is_ticked_after_midnight_and_begins_anew_with_the_business_day() -> None:
    opened = desk(EVENING, at="16:00")
    assert kinds(opened.go(8 * 60 + 30).look()) == ["alarm_raised"]
    _, done = opened.press("CHECK", checklist="after")  # at 00:30
    assert done == ChecklistDone("after", late=True)
    assert opened.rows[-1].day == "2026-11-23"
    opened.look()
    opened.go(150).do_nothing()  # the day begins at three
    assert opened.facts.lobby.day == "2026-11-24"
    assert (results(opened, "after"), state(opened, "after")) == ({"doors": ""}, "later")
    assert opened.press("CHECK", checklist="after") == "After closing can be filled in from 16:00 on"
    assert opened.look() == []


def test_a_list_that_nobody_has_done_is_over_with_its_day() -> None:
    opened = desk(EVENING, at="17:30")
    assert kinds(opened.go(60).look()) == ["alarm_raised"]
    opened.go(9 * 60).do_nothing()
    assert kinds(opened.look()) == ["alarm_ended"]


def test_nothing_is_due_while_the_day_is_about_to_change() -> None:
    opened = desk(EVENING, at="17:30")
    assert opened.go(24 * 60).look() == []


# -- restarts and other configurations -------------------------------------------------------------------------------


def test_a_restart_changes_nothing() -> None:
    opened = Desk(CheckSettings((MORNING, ROUND, EVENING)), things=THINGS)
    opened.go(-30).do_nothing()
    opened.device("printer", "ok")
    opened.look()
    opened.press("CHECK", checklist="before", items="forms", result="fault", words="none left")
    again = opened.replayed()
    assert again.picture("checks") == opened.picture("checks")
    assert again.look() == []
    opened.go(24 * 60).do_nothing()
    assert kinds(opened.look())[:1] == ["items_checked"]  # the printer still works


def test_ticks_stay_with_their_items_when_these_are_renamed_or_removed() -> None:
    opened = desk()
    opened.press("CHECK", checklist="before", items="forms")
    renamed = replace(MORNING, name="Morning", items=(Item("forms", "Paper", "forms"), Item("pens", "Pens", "forms")))
    settings: dict[type, Any] = {CheckSettings: CheckSettings((renamed,))}
    opened.branch.reconfigure(replace(opened.rules, settings=settings))
    (shown,) = opened.picture("checks")["lists"]
    assert [(item["name"], item["result"]) for item in shown["items"]] == [("Paper", "ok"), ("Pens", "")]
    refused = opened.press("CHECK", checklist="before", items="machine")
    assert refused == 'Morning has no item "machine"; it has: forms pens'
    gone = replace(renamed, items=renamed.items[:1])
    opened.branch.reconfigure(replace(opened.rules, settings={CheckSettings: CheckSettings((gone,))}))
    assert kinds(opened.look()) == ["checklist_done"]  # nothing is left of it
    assert opened.rows[0].data["items"] == ["forms"]


def test_a_day_that_goes_on_under_another_date_keeps_its_ticks() -> None:
    opened = desk()
    opened.press("CHECK", checklist="before", items="forms")
    opened.go(24 * 60).press("NEWDAY", where=Where.PANEL)
    assert opened.facts.lobby.day == "2026-11-24"
    assert results(opened, "before") == {"forms": "ok", "machine": ""}
