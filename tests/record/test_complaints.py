"""Opinions and complaints: who owns one, until when, what happens when nobody answers, and what is never stored."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from controller.lobby.actions.press import Where
from controller.lobby.model.units import Ms
from controller.record.actions.alarms import AlarmRaised, as_faults
from controller.record.actions.complaints import (
    AT_ONCE,
    OF_FORM,
    ComplaintAnswered,
    ComplaintEscalated,
    ComplaintOpened,
    ComplaintPassed,
    ComplaintSettings,
    ComplaintSettled,
)
from controller.record.actions.opinions import A_DAY, GiveOpinion, OpinionGiven
from controller.record.personal import cleaned, looks_personal
from record.desk import Desk, read_again


def kinds(events: object) -> list[str]:
    assert isinstance(events, list), events
    return [event.KIND for event in events]


def one(events: object) -> ComplaintOpened:
    assert isinstance(events, list), events
    found = [event for event in events if isinstance(event, ComplaintOpened)]
    assert len(found) == 1
    return found[0]


def wrote(desk: Desk, score: int, **more: object) -> object:
    desk._causes += 1
    return desk.do(GiveOpinion(at=desk.now, cause=f"form:{desk._causes}", score=score, **more))  # type: ignore[arg-type]


def time(desk: Desk, at: Ms) -> str:
    return desk.rules.lobby.local(at).strftime("%d %H:%M")


def served(desk: Desk, counter: str = "1") -> str:
    (issued,) = desk.press("GREEN", where=Where.PANEL, service="cash")[-1:]
    for key in ("CALL", "START", "FINISH"):
        desk.press(key, where=Where.COUNTER, counter=counter)
    return str(issued.ticket)  # type: ignore[union-attr]


# -- whoever hears it first owns it ------------------------------------------------------------------------------


def test_whoever_hears_a_complaint_owns_it_and_has_half_an_hour() -> None:
    desk = Desk()
    opened = one(desk.press("COMPLAINT", about="fees", counter="2", words="too dear"))
    assert re.fullmatch(r"T20261123-1", opened.complaint)
    assert (opened.owner, opened.about, opened.counter, opened.source) == ("user/li", "fees", "2", None)
    assert time(desk, opened.due) == "23 09:30"
    assert "dear" not in str(desk.rows[-1].data)
    (shown,) = desk.picture("complaints")["open"]
    assert shown["notes"] == [{"words": desk.rows[-1].cause}]
    assert (shown["cause"], shown["overdue"]) == ("Fees", False)


def test_a_counter_owns_what_it_hears_of_the_ticket_in_hand() -> None:
    desk = Desk()
    ticket = served(desk)
    opened = one(desk.press("COMPLAINT", where=Where.COUNTER, counter="1", about="waiting"))
    assert (opened.owner, opened.counter, opened.ticket) == ("counter/1", "1", ticket)
    assert desk.press("COMPLAINT", where=Where.COUNTER, counter="9") == "there is no counter “9”"


def test_where_a_contact_was_left_it_is_answered_on_the_same_day() -> None:
    desk = Desk()
    assert time(desk, one(desk.press("COMPLAINT", contact=True)).due) == "23 17:00"
    desk.go(8 * 60 - 10)  # 16:50: the half hour ends on the next morning, and so does that day's work
    assert time(desk, one(desk.press("COMPLAINT")).due) == "24 09:20"
    assert time(desk, one(desk.press("COMPLAINT", contact=True)).due) == "24 17:00"


def test_what_is_not_answered_in_time_is_escalated_once_and_is_an_alarm() -> None:
    desk = Desk()
    desk.press("COMPLAINT", about="attitude")
    assert desk.go(29).look() == []
    events = desk.go(1).look()
    assert sorted(kinds(events)) == ["alarm_raised", "complaint_escalated"]
    (raised,) = (event for event in events if isinstance(event, AlarmRaised))
    assert (raised.kind, raised.about["owner"]) == ("complaint_overdue", "li")
    assert desk.go(60).look() == []
    (fault,) = as_faults(desk.facts)
    assert fault.text == "complaint T20261123-1 was to be answered by 11-23 09:30 (owner: li)"
    (answered,) = desk.press("ANSWER", outcome="apologised", words="called back")
    assert isinstance(answered, ComplaintAnswered)
    assert (answered.late, answered.outcome, answered.again) == (True, "apologised", None)
    assert kinds(desk.look()) == ["alarm_ended"]
    (again,) = desk.press("ANSWER")
    assert isinstance(again, ComplaintAnswered)
    assert (again.late, again.again) == (False, True)


def test_a_restart_and_a_clock_that_is_set_back_while_the_time_runs() -> None:
    desk = Desk()
    desk.press("COMPLAINT")
    again = desk.go(20).replayed()
    again.now = Ms(desk.now)
    assert again.look() == []
    assert kinds(again.go(10).look()).count("complaint_escalated") == 1
    again.go(-60)
    assert kinds(again.look()) == ["alarm_ended"]
    assert "complaint_escalated" not in kinds(again.go(60).look())


def test_a_complaint_is_passed_on_escalated_and_settled_once_it_is_answered() -> None:
    desk = Desk()
    id = one(desk.press("COMPLAINT")).complaint
    assert desk.press("SETTLE") == f"{id} has not been answered yet; say first what came of it"
    assert desk.press("PASS", owner="user/li") == f"{id} is owned by user/li; say who owns it from now on"
    (passed,) = desk.press("PASS", complaint="1", owner="user/wang", words="your counter")
    assert isinstance(passed, ComplaintPassed)
    (escalated,) = desk.press("ESCALATE", complaint=id.lower())
    assert isinstance(escalated, ComplaintEscalated)
    assert not escalated.late
    assert desk.press("ESCALATE") == f"{id} has been escalated already"
    assert desk.press("ANSWER", outcome="magic").startswith('there is no outcome "magic"')  # type: ignore[union-attr]
    desk.press("ANSWER", outcome="solved")
    assert desk.picture("complaints")["open"][0]["result"] == "solved"
    (settled,) = desk.press("SETTLE")
    assert isinstance(settled, ComplaintSettled)
    assert desk.picture("complaints")["open"] == []
    assert desk.press("SETTLE", complaint="1") == "there is no open complaint T20261123-1; there are: -"
    desk.press("COMPLAINT")
    desk.press("COMPLAINT")
    assert desk.press("ANSWER") == "say which complaint: T20261123-2 T20261123-3"
    assert desk.press("COMPLAINT", about="weather").startswith('there is no cause "weather"')  # type: ignore[union-attr]


def test_open_complaints_are_carried_on_and_numbers_are_never_given_twice() -> None:
    desk = Desk()
    desk.press("COMPLAINT", about="fees", words="too dear")
    desk.press("COMPLAINT", about="rules", contact=True)
    desk.look()
    before = desk.picture("complaints")
    assert desk.replayed().picture("complaints") == before
    desk.go(24 * 60).do_nothing()
    after = desk.picture("complaints")
    assert [each["id"] for each in after["open"]] == [each["id"] for each in before["open"]]
    assert after["month"] == before["month"]
    assert desk.replayed().picture("complaints") == after
    assert one(desk.press("COMPLAINT")).complaint == "T20261124-1"
    # A clock that is set back: the lobby goes on under the day before, and its numbers after those given then.
    desk.go(-24 * 60).press("NEWDAY", where=Where.PANEL)
    assert desk.branch.state.day == "2026-11-23"
    assert one(desk.press("COMPLAINT")).complaint == "T20261123-3"


def test_a_number_stays_unique_when_its_date_is_remembered_no_more() -> None:
    desk = Desk()
    given = [one(desk.press("COMPLAINT")).complaint]
    for _ in range(15):
        desk.go(24 * 60).do_nothing()
        given.append(one(desk.press("COMPLAINT")).complaint)
    desk.go(-15 * 24 * 60).press("NEWDAY", where=Where.PANEL)
    assert desk.branch.state.day == "2026-11-23"
    given += [one(desk.press("COMPLAINT")).complaint for _ in range(3)]
    assert len({*given}) == len(given)


def test_a_month_is_counted_by_cause() -> None:
    desk = Desk()
    desk.press("COMPLAINT", about="fees", contact=True)
    desk.press("COMPLAINT", about="fees")
    desk.press("COMPLAINT", about="waiting")
    desk.go(10).press("ANSWER", complaint="2", outcome="solved")
    desk.press("SETTLE", complaint="2")
    desk.go(30).look()
    fees, waiting = desk.picture("complaints")["month"]
    assert fees == {
        "id": "fees",
        "name": "Fees",
        "opened": 2,
        "contact": 1,
        "answered": 1,
        "late": 0,
        "escalated": 0,
        "settled": 1,
        "minutes": 10,
    }
    assert (waiting["opened"], waiting["escalated"], waiting["minutes"]) == (1, 1, None)
    desk.go(8 * 24 * 60).do_nothing()  # December
    assert desk.picture("complaints")["month"] == []
    desk.press("ANSWER", complaint="T20261123-3")
    assert [(each["id"], each["late"]) for each in desk.picture("complaints")["month"]] == [("waiting", 1)]


# -- the opinion form --------------------------------------------------------------------------------------------


def test_a_bad_opinion_is_a_complaint_and_a_good_one_of_a_ticket_is_a_rating() -> None:
    desk = Desk()
    ticket = served(desk)
    rated, given = wrote(desk, 5, ticket=ticket)  # type: ignore[misc]
    assert (rated.KIND, rated.score, rated.source, rated.service, rated.counter) == ("rated", 5, "page", "cash", "1")
    assert (given.ticket, given.complaint) == (ticket, None)
    assert "already" in str(wrote(desk, 1, ticket=ticket))
    bad = wrote(desk, 2, about="attitude", counter="2", words="nobody greeted me")
    assert kinds(bad) == ["opinion_given", "complaint_opened"]
    opened = one(bad)
    assert (opened.owner, opened.source, opened.counter, opened.worded) == ("form", "form", "2", True)
    assert "greeted" not in str([row.data for row in desk.rows])
    assert kinds(wrote(desk, 4, counter="2")) == ["opinion_given"]
    assert time(desk, one(wrote(desk, 4, contact=True)).due) == "23 17:00"
    (taken,) = desk.press("PASS", complaint="1")  # type: ignore[misc]
    assert taken.owner == "user/li"
    assert desk.press("PASS", complaint="1").startswith("T20261123-1 is owned by user/li")  # type: ignore[union-attr]
    desk.press("ANSWER", complaint="2", by="user/wang")
    assert {each["id"][-1]: each["owned_by"] for each in desk.picture("complaints")["open"]} == {"1": "li", "2": "wang"}
    assert wrote(desk, 6) == "6 is not a score; scores are 1 to 5"


def test_the_customer_is_answered_in_their_language_also_after_a_restart() -> None:
    desk = Desk(language="zh")
    desk.branch.rules = replace(desk.rules.lobby, others={"en": Desk().rules.lobby})
    desk.do_nothing()
    events = wrote(desk, 1, language="en")
    assert isinstance(events, list)
    now = desk.branch.answer(events, "en").text
    assert now.startswith("Thank you for telling us. Your reference is T20261123-1;")
    assert desk.branch.answer_to([read_again(row) for row in desk.rows[-2:]]).text == now


def test_an_opinion_begins_no_day() -> None:
    desk = Desk()
    assert "closed" in str(wrote(desk, 5))
    desk.do_nothing()
    desk.go(24 * 60)
    assert kinds(wrote(desk, 5)) == ["opinion_given"]
    assert desk.branch.state.day == "2026-11-23"


def test_a_branch_may_close_the_form() -> None:
    desk = Desk(ComplaintSettings(form=False))
    desk.do_nothing()
    assert "closed" in str(wrote(desk, 5))


def test_somebody_who_writes_all_day_leaves_so_many_rows_and_one_alarm() -> None:
    desk = Desk()
    desk.do_nothing()
    for _ in range(AT_ONCE + 100):
        wrote(desk, 1)
        desk.go(0.01)
    assert "complaint_opened" in kinds(desk.press("COMPLAINT", words="the staff can still enter one"))
    assert len(desk.picture("complaints")["open"]) == OF_FORM + 1
    for _ in range(2 * A_DAY):
        wrote(desk, 5)
    rows = len(desk.rows)
    assert rows < 4 * A_DAY
    desk.go(60).look()
    assert "no more opinions" in str(wrote(desk, 1))
    raised = [row.event for row in desk.rows if isinstance(row.event, AlarmRaised)]
    assert sorted(alarm.kind for alarm in raised) == ["complaint_overdue", "opinions_full", "opinions_overdue"]
    assert sum(isinstance(row.event, OpinionGiven) for row in desk.rows) == A_DAY
    assert desk.go(1).look() == []


# -- what is never stored ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "call me: 13812345678",
        "138 1234 5678",
        "138-1234-5678",
        "010-6552 1234",
        "身份证 11010519491231002X",
        "卡号 6222 0210 0112 3456 789",
        "１３８１２３４５６７８",
        "一三八一二三四五六七八",
        "(010) 65521234",
        "li.wei@example.com",
        "1.3.8.1.2.3.4.5.6.7.8",
    ],
)
def test_numbers_of_people_are_refused_before_they_are_stored(text: str) -> None:
    assert looks_personal(text)
    desk = Desk()
    desk.do_nothing()
    rows = len(desk.rows)
    assert "they belong on paper" in str(wrote(desk, 1, words=text))
    assert "they belong on paper" in str(desk.press("COMPLAINT", words=text))
    assert len(desk.rows) == rows


@pytest.mark.parametrize(
    "text",
    ["", "等了40分钟", "on 2026-11-23 at 10:30 I waited 40 minutes for A018", "收费 1,200.50 元", "窗口3 A018 B021"],
)
def test_other_numbers_are_not(text: str) -> None:
    assert not looks_personal(text)


def test_what_cannot_be_seen_is_left_out() -> None:
    assert cleaned(" a\u202eb\n\tc\x00d\u200be ") == "ab c de"
    assert cleaned("<b>\"'&</b> 😀") == "<b>\"'&</b> 😀"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_event_alarm_and_cause_has_its_words(language: str) -> None:
    desk = Desk(language=language)
    words = desk.rules.lobby.wording.templates
    mine = (ComplaintOpened, ComplaintAnswered, ComplaintPassed, ComplaintEscalated, ComplaintSettled, OpinionGiven)
    for event in mine:
        assert words[f"answer.{event.KIND}"]
    for alarm in ("complaint_overdue", "opinions_overdue", "opinions_full"):
        assert words[f"alarm.{alarm}"]
        assert words[f"alarm.{alarm}_remedy"]
    named = [each["name"] for each in desk.picture("complaints")["causes"]]
    assert not {*named} & {*ComplaintSettings().causes}


def test_a_branch_has_causes_of_its_own() -> None:
    desk = Desk(ComplaintSettings(causes={"parking": {"zh": "停车", "en": "Parking"}, "other": {}}))
    assert [each["name"] for each in desk.picture("complaints")["causes"]] == ["Parking", "Something else"]
    assert one(desk.press("COMPLAINT", about="parking")).about == "parking"
