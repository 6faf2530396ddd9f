"""Hours and business days on the days on which clocks change."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from branches import Lobby, branch, hours, local
from chance import examples
from hypothesis import given
from hypothesis import strategies as st
from zones import BERLIN, CHANGES, DAY_TIMES, HOUR, USUAL, ZONES

from controller.daemon import CLOCK_CHECK, DAY_CHECK, until_day_ends
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.model.calendar import (
    Hours,
)
from controller.lobby.model.outcome import Refusal

BY_NIGHT = branch(
    {"1": {"cash": 0}, "2": {"personal": 0}},
    zone="Europe/Berlin",
    services={
        "cash": {"hours": hours("00:30-03:30 09:00-17:00")},
        "personal": {"hours": hours("09:00-17:00"), "quota": 1},
    },
)


def takes(service: str, at: int) -> str:
    """What somebody is told who asks a new lobby for a ticket."""
    lobby = Lobby(BY_NIGHT, at)
    answer = lobby.do(TakeTicket(at=at, cause="", by="kiosk", service=service))
    return answer.text(BY_NIGHT.wording) if isinstance(answer, Refusal) else "ticket"


@pytest.mark.parametrize(
    ("day", "offset_before", "offset_after"), [("2026-10-25", 2, 1), ("2026-03-29", 1, 2)], ids=["autumn", "spring"]
)
def test_hours_on_a_day_on_which_the_clocks_change(day: str, offset_before: int, offset_after: int) -> None:
    nine = local(f"{day} 09:00", "Europe/Berlin")
    midnight = local(f"{day} 00:00", "Europe/Berlin")
    assert nine - midnight == (9 + offset_before - offset_after) * HOUR * 1000
    assert takes("personal", nine - 1000) == "no tickets for Personal now; again today at 09:00"
    assert takes("personal", nine) == "ticket"
    assert takes("personal", local(f"{day} 16:59:59", "Europe/Berlin")) == "ticket"
    late = takes("personal", local(f"{day} 17:00", "Europe/Berlin"))
    tomorrow = date.fromisoformat(day) + timedelta(days=1)
    assert late == f"no tickets for Personal now; again on Monday {tomorrow} at 09:00"


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    for fold in (0, 1):
        assert takes("cash", local("2026-10-25 02:30", "Europe/Berlin", fold)) == "ticket"
    assert takes("cash", local("2026-10-25 03:30", "Europe/Berlin")).endswith("again today at 09:00")


def test_an_hour_that_is_skipped_opens_when_it_is_over() -> None:
    skipped = branch({"1": {"cash": 0}}, zone="Europe/Berlin", services={"cash": {"hours": hours("02:30-05:00")}})
    lobby = Lobby(skipped, local("2026-03-29 01:59:59", "Europe/Berlin"))
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="kiosk"))
    assert isinstance(refused, Refusal)
    assert refused.text(skipped.wording) == "no tickets for Cash now; again today at 03:00"
    lobby.now += 1000
    assert lobby.rules.local(lobby.now).hour == 3
    assert lobby.take() == "A001"


def test_a_time_that_comes_twice_opens_twice() -> None:
    night = hours("02:30-02:45 09:00-17:00")
    for now, fold, opens, opens_fold in (
        ("01:00", 0, "02:30", 0),
        ("02:10", 0, "02:30", 0),
        ("02:30", 0, "02:30", 1),
        ("02:50", 0, "02:30", 1),
        ("02:10", 1, "02:30", 1),
        ("02:50", 1, "09:00", 0),
    ):
        local_now = datetime.fromisoformat(f"2026-10-25 {now}").replace(tzinfo=BERLIN, fold=fold)
        found = USUAL.next_opening(night, local_now)
        assert found is not None
        assert (f"{found:%H:%M}", found.fold) == (opens, opens_fold), (now, fold)


def test_the_evening_before_names_the_right_moment() -> None:
    """The next opening, as a moment and not as a text, is a true number of hours away."""
    for day, asleep in (("2026-10-25", 17), ("2026-03-29", 15)):
        evening = datetime.fromisoformat(day).replace(tzinfo=BERLIN) - timedelta(hours=7)
        opens = USUAL.next_opening(hours("09:00-17:00"), evening)
        assert opens is not None
        assert opens.timestamp() - evening.timestamp() == asleep * HOUR


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "all 1 tickets of today for Cash have been given; again tomorrow"),
        ("zh", "Cash今天的 1 个号已发完，请于明天再来"),
    ],
)
def test_a_used_quota_says_when_there_are_tickets_again(language: str, told: str) -> None:
    rules = branch({"1": {"cash": 0}}, language=language, services={"cash": {"quota": 1}})
    lobby = Lobby(rules)
    lobby.take()
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="kiosk"))
    assert isinstance(refused, Refusal)
    assert refused.text(rules.wording) == told


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-24 02:00", "today at 09:00"),  # the day before, by its business
        ("2026-11-24 10:00", "on Wednesday 2026-11-25 at 09:00"),
    ],
)
def test_a_used_quota_is_one_of_the_business_day(now: str, opens: str) -> None:
    day = {"hours": hours("00:00-02:30 09:00-17:00"), "quota": 1}
    rules = branch({"1": {"cash": 0}}, services={"cash": day})
    lobby = Lobby(rules, local(now))
    lobby.take()
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="kiosk"))
    assert isinstance(refused, Refusal)
    assert refused.text(rules.wording).endswith(f"again {opens}")


def test_a_branch_that_closes_for_good_says_so() -> None:
    rules = branch({"1": {"cash": 0}}, services={"cash": {"hours": Hours(((),) * 7)}})
    lobby = Lobby(rules)
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="kiosk"))
    assert isinstance(refused, Refusal)
    assert refused.text(rules.wording) == "no tickets for Cash now; again when the branch says so"


@pytest.mark.parametrize(
    ("zone", "now", "fold", "ends"),
    [
        ("Europe/Berlin", "2026-10-24 22:00", 0, "2026-10-25T02:30+02:00"),
        ("Europe/Berlin", "2026-10-25 02:29", 0, "2026-10-25T02:30+02:00"),
        ("Europe/Berlin", "2026-10-25 02:30", 0, "2026-10-26T02:30+01:00"),
        ("Europe/Berlin", "2026-10-25 02:10", 1, "2026-10-26T02:30+01:00"),  # the day has begun, and does so once
        ("Europe/Berlin", "2026-10-25 02:40", 1, "2026-10-26T02:30+01:00"),
        ("Europe/Berlin", "2026-03-29 01:59", 0, "2026-03-29T03:00+02:00"),  # half past two is skipped
        ("Europe/Berlin", "2026-03-29 03:00", 0, "2026-03-30T02:30+02:00"),
        ("Australia/Lord_Howe", "2026-10-03 12:00", 0, "2026-10-04T02:30+11:00"),  # half past two is the gap's end
    ],
)
def test_a_business_day_on_a_day_on_which_the_clocks_change(zone: str, now: str, fold: int, ends: str) -> None:
    rules = branch({"1": {"cash": 0}}, zone=zone, rollover=timedelta(hours=2, minutes=30))
    at = local(now, zone, fold)
    assert rules.local(rules.end_of_day(at)).isoformat(timespec="minutes") == ends
    assert until_day_ends(rules, at) >= DAY_CHECK


@examples(500)
@given(st.sampled_from(ZONES), st.sampled_from(CHANGES), st.integers(-36 * HOUR * 1000, 36 * HOUR * 1000), DAY_TIMES)
def test_a_business_day_begins_once_and_ends_when_the_next_begins(
    zone: str, near: datetime, away: int, rollover: int
) -> None:
    rules = branch({"1": {"cash": 0}}, zone=zone, rollover=timedelta(seconds=rollover))
    at = round(near.timestamp() * 1000) + away
    end = rules.end_of_day(at)
    assert end > at
    assert rules.day_of(at) == rules.day_of(end - 1) < rules.day_of(end)
    assert rules.day_of(at) <= rules.day_of(at + 1000)
    assert DAY_CHECK <= until_day_ends(rules, at) <= CLOCK_CHECK


@pytest.mark.parametrize("jump", [-HOUR, HOUR], ids=["back", "forward"])
def test_hours_and_the_last_ticket_go_by_a_clock_that_jumps(jump: int) -> None:
    """Somebody sets the clock an hour wrong in the middle of the day, and right again: hours follow, tickets go on."""
    until_noon = {"cash": {"hours": hours("09:00-12:00", 15 * 60)}}
    lobby = Lobby(branch({"1": {"cash": 0}}, services=until_noon), local("2026-11-23 10:15"))

    def told(now: str) -> str:
        lobby.now = local(f"2026-11-23 {now}")
        answer = lobby.do(TakeTicket(at=lobby.now, cause=f"{now} {len(lobby.rows)}", by="kiosk"))
        return answer.text(lobby.rules.wording) if isinstance(answer, Refusal) else ""

    assert told("10:15") == told("11:00") == ""
    wrong = {-HOUR: "10:00", HOUR: "12:00"}[jump]
    assert told(wrong) == ("" if jump < 0 else "no tickets for Cash now; again on Tuesday 2026-11-24 at 09:00")
    assert told("11:01") == ""
    assert told("11:44:59") == ""
    closed = "no tickets for Cash now; again on Tuesday 2026-11-24 at 09:00"
    assert told("11:45") == closed
    # An hour earlier it is open again, an hour later closed as before; the last ticket is the clock's.
    assert told({-HOUR: "10:45", HOUR: "12:45"}[jump]) == ("" if jump < 0 else closed)
    assert told("11:45") == closed
    taken = [row["data"]["ticket"] for row in lobby.rows if row["kind"] == "ticket_issued"]
    assert taken == [f"A{number:03d}" for number in range(1, len(taken) + 1)]
    assert len(taken) == (6 if jump < 0 else 4)


def test_a_clock_that_jumps_over_the_opening_and_back() -> None:
    by_day = {"cash": {"hours": hours("09:00-17:00")}}
    lobby = Lobby(branch({"1": {"cash": 0}}, services=by_day), local("2026-11-23 08:30"))
    for now, ticket in (("08:30", ""), ("09:30", "A001"), ("08:31", ""), ("09:00", "A002")):
        lobby.now = local(f"2026-11-23 {now}")
        answer = lobby.do(TakeTicket(at=lobby.now, cause=now, by="kiosk"))
        assert isinstance(answer, Refusal) == (not ticket), now
    assert lobby.state.day == "2026-11-23"
