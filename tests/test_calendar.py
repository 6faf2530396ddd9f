"""Hours, kinds of day and the texts that name them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from branches import Lobby, branch, hours, local
from hypothesis import assume, given
from hypothesis import strategies as st
from zones import BERLIN, CHANGES, DAY_TIMES, HOUR, USUAL, ZONES

from controller.lobby.actions.day import RollOver
from controller.lobby.forecast.waiting import at_the_door, newcomer, predict
from controller.lobby.model.calendar import (
    ALWAYS,
    PROFILES,
    Calendar,
    Hours,
    Profile,
    Span,
    at_second,
    clock,
    hours_of,
    parse_date_rule,
    parse_dates,
    parse_spans,
    parse_weekdays,
)
from simulators.customers import day as customers_of

DAYS = st.dates(date(1999, 1, 1), date(2101, 12, 31))


def days(rule: str, year: int, month: int) -> list[int]:
    """The days of a month that a date rule is about."""
    first = date(year, month, 1)
    parsed = parse_date_rule(rule)
    month_of = (first + timedelta(days=n) for n in range(31))
    return [day.day for day in month_of if day.month == month and parsed.holds(day)]


# -- texts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("closed", []),
        (" closed ", []),
        ("09:00-17:00", ["09:00-17:00"]),
        ("9:00-17:00", ["09:00-17:00"]),
        ("09:00 - 12:00  13:30-17:00", ["09:00-12:00", "13:30-17:00"]),
        ("13:30-17:00,09:00-12:00", ["09:00-12:00", "13:30-17:00"]),
        ("09:00-12:00, 12:00-17:00", ["09:00-12:00", "12:00-17:00"]),
        ("00:00-24:00", ["00:00-24:00"]),
        ("23:59-24:00", ["23:59-24:00"]),
    ],
)
def test_spans(text: str, spans: list[str]) -> None:
    assert [str(span) for span in parse_spans(text)] == spans


@pytest.mark.parametrize(
    "text",
    ["", "9-17", "09:00", "09:00-09:00", "17:00-09:00", "24:00-24:00", "08:00-24:01", "25:00-26:00", "09:60-10:00",
     "09:00-17:00 closed", "09:00–17:00", "09:00-17:00-18:00", "-09:00-10:00", "09:00:00-10:00:00"],
)  # fmt: skip
def test_no_spans(text: str) -> None:
    with pytest.raises(ValueError, match="is no span of the day; it takes") as error:
        parse_spans(text)
    assert str(error.value).startswith('"')


def test_spans_that_overlap_are_named() -> None:
    with pytest.raises(ValueError, match=r"^09:00-12:00 and 11:59-13:00 overlap; ") as error:
        parse_spans("15:00-16:00 11:59-13:00 09:00-12:00")
    assert str(error.value).endswith("make one of them shorter, or write them as one")


def test_the_end_of_a_span_is_not_in_it() -> None:
    (span,) = parse_spans("09:00-17:00")
    assert [second in span for second in (9 * HOUR - 1, 9 * HOUR, 17 * HOUR - 0.5, 17 * HOUR)] == [
        False,
        True,
        True,
        False,
    ]
    assert "09:00" not in span
    assert clock(24 * HOUR) == "24:00"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("mon", [0]),
        ("sun", [6]),
        ("mon-fri", [0, 1, 2, 3, 4]),
        ("mon, wed,fri", [0, 2, 4]),
        ("fri-mon", [4, 5, 6, 0]),
        ("sat-sat", [5]),
        ("mon-tue,sat-sun", [0, 1, 5, 6]),
    ],
)
def test_weekdays(text: str, named: list[int]) -> None:
    assert list(parse_weekdays(text)) == named


@pytest.mark.parametrize("text", ["", "Mon", "monday", "mon-", "-fri", "mon--fri", "mon;tue", "8", "mon-fri-sun"])
def test_no_weekdays(text: str) -> None:
    if text == "mon-":
        assert parse_weekdays(text) == (0,)
        return
    with pytest.raises(ValueError, match=r'" is no weekday; it takes mon, tue, wed, thu, fri, sat, sun, or mon-fri$'):
        parse_weekdays(text)


@pytest.mark.parametrize(
    ("rule", "year", "month", "named"),
    [
        ("13", 2026, 11, [13]),
        ("13-16", 2026, 11, [13, 14, 15, 16]),
        ("31", 2026, 11, []),
        ("30-31", 2026, 11, [30]),
        ("end", 2026, 11, [30]),
        ("end", 2026, 12, [31]),
        ("end", 2026, 2, [28]),
        ("end", 2028, 2, [29]),
        ("end", 2000, 2, [29]),
        ("end", 2100, 2, [28]),
        ("end-2", 2026, 2, [26, 27, 28]),
        ("end-2", 2028, 2, [27, 28, 29]),
        ("end-1", 2026, 4, [29, 30]),
        ("end-30", 2026, 4, list(range(1, 31))),
        ("29", 2026, 2, []),
        ("29", 2028, 2, [29]),
        ("fri", 2026, 11, [6, 13, 20, 27]),
        ("2026-11-30", 2026, 11, [30]),
        ("2026-11-30", 2027, 11, []),
        ("2026-12-30..2027-01-02", 2026, 12, [30, 31]),
        ("2026-12-30..2027-01-02", 2027, 1, [1, 2]),
        ("2028-02-28..2028-03-01", 2028, 2, [28, 29]),
    ],
)
def test_date_rules(rule: str, year: int, month: int, named: list[int]) -> None:
    assert days(rule, year, month) == named


@given(DAYS)
def test_the_end_of_a_month_is_the_day_before_a_first(day: date) -> None:
    assert parse_date_rule("end").holds(day) == ((day + timedelta(days=1)).day == 1)
    assert parse_date_rule("end-3").holds(day) == any((day + timedelta(days=n)).day == 1 for n in range(1, 5))


@pytest.mark.parametrize(
    "text",
    ["", "0", "32", "16-13", "13-", "-13", "end-", "end+1", "end-123", "end-31", "end-99", "friday", "FRI", "mon-fri",
     "2026-13-01", "2026-02-29", "2026-12-31..2026-12-01", "13..16", "13,14"],
)  # fmt: skip
def test_no_date_rule(text: str) -> None:
    with pytest.raises(
        ValueError, match=r'" is no rule for dates; it takes "13", "13-16", "end", "end-2", "fri" or "2026-12-31"$'
    ):
        parse_date_rule(text)


@pytest.mark.parametrize(
    "text", ["", "2026-02-29", "10-01", "2026-10-08..2026-10-01", "2026-01-01..2027-12-31", "..", "2026-10-01.."]
)
def test_no_days(text: str) -> None:
    if text == "2026-10-01..":
        assert parse_dates(text) == (date(2026, 10, 1), date(2026, 10, 1))
        return
    with pytest.raises(ValueError, match=r'" is no day; it takes "2026-10-01" or "2026-10-01..2026-10-08"$'):
        parse_dates(text)


# -- kinds of day -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-11-12", "normal"),
        ("2026-11-13", "pension"),
        ("2026-11-16", "pension"),
        ("2026-11-17", "normal"),
        ("2026-11-10", "busy"),
        ("2026-11-28", "normal"),
        ("2026-11-29", "busy"),
        ("2026-11-30", "busy"),
        ("2028-02-28", "busy"),
        ("2028-02-27", "normal"),
    ],
)
def test_the_usual_kinds_of_day(day: str, kind: str) -> None:
    assert USUAL.profile(date.fromisoformat(day)).id == kind


def test_the_first_kind_that_fits_is_the_days() -> None:
    market = Profile("market", (parse_date_rule("mon"), parse_date_rule("14")), Span(0, HOUR), (1,))
    calendar = Calendar({"market": market} | PROFILES)
    assert calendar.profile(date(2026, 11, 16)).id == "market"
    assert calendar.profile(date(2026, 11, 14)).id == "market"
    assert calendar.profile(date(2026, 11, 15)).id == "pension"
    assert calendar.profile(date(2026, 11, 17)).id == "normal"


def test_arrivals_by_the_hour() -> None:
    profile = Profile("p", (), parse_spans("08:30-11:00")[0], (10, 20, 30), staff={"2": parse_spans("09:00-10:00")})
    assert hours_of(profile.arrivals, profile.hours)
    assert not hours_of(profile.arrivals[:2], profile.hours)
    at = {"08:29": 0, "08:30": 10, "09:29": 10, "09:30": 20, "10:30": 30, "10:59": 30, "11:00": 0}
    for text, expected in at.items():
        (hour, minute) = map(int, text.split(":"))
        assert profile.arrivals_at(hour * HOUR + minute * 60) == expected, text
    assert profile.shifts("1") == (profile.hours,)
    assert profile.shifts("2") == parse_spans("09:00-10:00")


# -- hours ----------------------------------------------------------------------------------------------------------


WEEK = Hours((*(parse_spans("09:00-12:00 13:30-17:00"),) * 5, parse_spans("10:00-12:00"), ()), 15 * 60)


CHINA = Calendar(
    PROFILES,
    holidays=frozenset(date(2026, 10, day) for day in range(1, 8)),
    workdays=frozenset({date(2026, 10, 10), date(2026, 10, 11)}),
)


@pytest.mark.parametrize(
    ("day", "spans"),
    [
        ("2026-09-30", "09:00-12:00 13:30-16:45"),
        ("2026-10-01", ""),  # a holiday on a Thursday
        ("2026-10-04", ""),
        ("2026-10-08", "09:00-12:00 13:30-16:45"),
        ("2026-10-10", "09:00-12:00 13:30-16:45"),  # a Saturday that is worked
        ("2026-10-11", "09:00-12:00 13:30-16:45"),  # a Sunday that is worked
        ("2026-10-17", "10:00-11:45"),
        ("2026-10-18", ""),
    ],
)
def test_hours_of_a_day(day: str, spans: str) -> None:
    assert " ".join(map(str, CHINA.spans(WEEK, date.fromisoformat(day)))) == spans


@pytest.mark.parametrize(
    ("last", "spans"),
    [
        (0, "09:00-12:00 13:30-17:00"),
        (60, "09:00-12:00 13:30-16:00"),
        (210, "09:00-12:00"),
        (300, "09:00-12:00"),
        (360, "09:00-11:00"),  # longer than the afternoon: it ends the morning earlier
        (480, ""),
        (999, ""),
    ],
)
def test_the_last_ticket_is_before_the_end_of_the_day(last: int, spans: str) -> None:
    found = USUAL.spans(hours("09:00-12:00 13:30-17:00", last * 60), date(2026, 11, 23))
    assert " ".join(map(str, found)) == spans


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-09-30 08:59:59", "2026-09-30 09:00"),
        ("2026-09-30 09:00", "2026-09-30 13:30"),  # it is open: the next opening is after lunch
        ("2026-09-30 12:00", "2026-09-30 13:30"),
        ("2026-09-30 16:50", "2026-10-08 09:00"),  # the whole Golden Week
        ("2026-10-09 18:00", "2026-10-10 09:00"),
        ("2026-10-17 11:45", "2026-10-19 09:00"),
    ],
)
def test_next_opening(now: str, opens: str) -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    found = CHINA.next_opening(WEEK, datetime.fromisoformat(now).replace(tzinfo=shanghai))
    assert found == datetime.fromisoformat(opens).replace(tzinfo=shanghai)


def test_a_branch_that_never_opens() -> None:
    never = Hours(((),) * 7)
    assert USUAL.next_opening(never, datetime(2026, 11, 23, 9, 0, tzinfo=BERLIN)) is None
    assert not USUAL.is_open(never, datetime(2026, 11, 23, 9, 0, tzinfo=BERLIN))


def test_always_is_always_but_for_holidays() -> None:
    midnight = datetime(2026, 10, 1, tzinfo=BERLIN)
    assert CHINA.is_open(ALWAYS, midnight - timedelta(seconds=1))
    assert not CHINA.is_open(ALWAYS, midnight)
    assert CHINA.next_opening(ALWAYS, midnight) == datetime(2026, 10, 8, tzinfo=BERLIN)


@given(st.sampled_from(ZONES), st.sampled_from(CHANGES), st.integers(-36 * HOUR, 36 * HOUR), DAY_TIMES, DAY_TIMES)
def test_the_next_opening_is_a_time_that_clocks_show(
    zone: str, near: datetime, away: int, one: int, other: int
) -> None:
    """Near changes of the clocks: it lies ahead, exists, and by then tickets are given."""
    assume(one != other)
    week = Hours(((Span(min(one, other), max(one, other)),),) * 7)
    now = (near + timedelta(seconds=away)).astimezone(ZoneInfo(zone))
    opens = USUAL.next_opening(week, now)
    assert opens is not None
    assert opens.timestamp() > now.timestamp()
    shown = opens.astimezone(UTC).astimezone(ZoneInfo(zone))
    assert (shown.replace(tzinfo=None), shown.fold) == (opens.replace(tzinfo=None), opens.fold)
    assert USUAL.is_open(week, shown)


@pytest.mark.parametrize(
    ("zone", "now", "hours_of_the_day", "opens"),
    [
        ("Pacific/Apia", "2011-12-29 18:00", "09:00-17:00", "2011-12-31 09:00"),  # there was no 30th
        ("Pacific/Apia", "2011-12-29 18:00", "00:00-24:00", "2011-12-31 00:00"),
        ("Pacific/Apia", "2011-12-29 18:00", "00:00-01:00 23:00-24:00", "2011-12-29 23:00"),
        ("Europe/Berlin", "2026-03-28 18:00", "02:00-02:30", "2026-03-30 02:00"),  # nor this half-hour on the 29th
        ("Europe/Berlin", "2026-03-28 18:00", "02:00-03:30", "2026-03-29 03:00"),
    ],
)
def test_what_clocks_skip_has_no_opening(zone: str, now: str, hours_of_the_day: str, opens: str) -> None:
    here = ZoneInfo(zone)
    week = hours(hours_of_the_day)
    found = USUAL.next_opening(week, datetime.fromisoformat(now).replace(tzinfo=here))
    assert found is not None
    assert found == datetime.fromisoformat(opens).replace(tzinfo=here)
    assert USUAL.is_open(week, found)


@given(DAYS, st.integers(0, 24 * HOUR - 1))
def test_at_the_next_opening_it_is_open_and_until_then_it_is_not(day: date, second: int) -> None:
    now = datetime(day.year, day.month, day.day, second // HOUR, second // 60 % 60, second % 60, tzinfo=BERLIN)
    opens = CHINA.next_opening(WEEK, now)
    assert opens is not None
    assert opens > now
    assert CHINA.is_open(WEEK, opens)
    assert not CHINA.is_open(WEEK, opens - timedelta(seconds=1))
    if not CHINA.is_open(WEEK, now):
        between = now + (opens - now) / 2
        assert not CHINA.is_open(WEEK, between)


# -- hours and kinds of day ----------------------------------------------------------------------------------------


def test_a_kind_of_day_keeps_to_the_branchs_hours() -> None:
    """Each hour of the clock keeps its arrivals; what is earlier or later is as the first or the last hour."""
    day = Profile("p", (), parse_spans("09:00-12:00")[0], (10, 20, 30), burst=(1, 2))
    for text, arrivals in (
        ("09:00-12:00", (10, 20, 30)),
        ("10:00-12:00", (20, 30)),
        ("08:00-13:30", (10, 10, 20, 30, 30, 30)),
        ("09:30-11:30", (20, 30)),
        ("09:20-11:20", (10, 20)),
    ):
        kept = day.within((parse_spans(text),) * 7)
        assert (str(kept.hours), kept.arrivals, kept.burst) == (text, arrivals, (1, 2))
        assert hours_of(kept.arrivals, kept.hours)
    assert day.within(((),) * 7) is day


def test_a_kind_of_day_keeps_to_each_weekdays_hours() -> None:
    """Hours by weekday, a make-up Saturday, and a kind of day that is chosen by weekday."""
    weekend = Profile("weekend", (parse_date_rule("sat"), parse_date_rule("sun")), Span(9 * HOUR, 11 * HOUR), (5, 6))
    week = (*(parse_spans("09:00-17:00"),) * 5, parse_spans("10:00-15:00"), ())
    pension = PROFILES["pension"].within(week)
    made_up = frozenset({date(2026, 6, 27)})
    calendar = Calendar({"weekend": weekend, "pension": pension, "normal": PROFILES["normal"]}, workdays=made_up)
    assert str(pension.hours) == "09:00-17:00"

    def on(day: str) -> tuple[str, str, float]:
        profile = calendar.profile(date.fromisoformat(day))
        return profile.id, " ".join(map(str, profile.open)), profile.arrivals_at(9.5 * HOUR)

    assert on("2026-06-15") == ("pension", "09:00-17:00", 70)
    assert on("2026-06-13") == ("weekend", "09:00-11:00", 5)
    assert on("2026-06-20") == ("weekend", "09:00-11:00", 5)
    assert on("2026-06-27") == ("normal", "09:00-17:00", 26), "a Saturday that is worked like a Monday is no weekend"
    assert on("2026-06-28") == ("weekend", "09:00-11:00", 5)
    calendar = replace(calendar, profiles={"pension": pension, "normal": PROFILES["normal"].within(week)})
    assert on("2026-06-13") == ("pension", "10:00-15:00", 0), "a Saturday"
    assert on("2026-06-14") == ("pension", "09:00-17:00", 70), "a Sunday, closed: as on the first day that is open"
    assert on("2026-06-27") == ("normal", "09:00-17:00", 26)
    made_up |= {date(2026, 6, 13)}
    calendar = replace(calendar, workdays=made_up)
    assert on("2026-06-13") == ("pension", "09:00-17:00", 70), "a Saturday that is worked like a Monday"


@pytest.mark.parametrize(
    ("rule", "day", "worked", "holds"),
    [
        ("sat", "2026-10-10", False, True),
        ("sat", "2026-10-10", True, False),
        ("mon", "2026-10-10", True, True),
        ("10", "2026-10-10", True, True),
        ("2026-10-10", "2026-10-10", True, True),
    ],
)
def test_a_make_up_day_is_a_monday_to_rules_by_weekday(rule: str, day: str, worked: bool, holds: bool) -> None:
    special = Profile("special", (parse_date_rule(rule),), Span(0, HOUR), (1,))
    days = frozenset({date.fromisoformat(day)} if worked else ())
    calendar = Calendar({"special": special, "normal": PROFILES["normal"]}, workdays=days)
    assert (calendar.profile(date.fromisoformat(day)) is special) == holds


def test_a_saturdays_crowd_is_at_the_door_when_it_opens() -> None:
    """A pension day on a Saturday that opens at ten: estimates, advice and simulated customers go by its doors."""
    week = (*(parse_spans("09:00-17:00"),) * 5, parse_spans("10:00-15:00"), ())
    profiles = {id: profile.within(week) for id, profile in PROFILES.items()}
    ids = ("pension", "busy", "normal")
    shares = {id: {"cash": 1.0} for id in ids}
    classes = {id: {"normal": 90.0, "green": 10.0} for id in ids}
    rules = branch({"1": {"cash": 0}}, calendar=Calendar(profiles), shares=shares, class_shares=classes)
    lobby = Lobby(rules, local("2026-06-13 08:00"))
    lobby.do(RollOver(at=lobby.now, cause="day"))
    assert (lobby.state.day, lobby.state.profile) == ("2026-06-13", "pension")

    nine = local("2026-06-13 09:00")
    wait = predict(lobby.state, rules, nine, newcomer(lobby.state, rules, nine, "cash"))
    assert wait == HOUR, "the counter opens with the doors, and nobody is there before"
    kind = rules.profile_on(lobby.state.day, lobby.state.profile)
    assert kind == rules.profile("2026-06-13")
    assert kind is not None
    assert [at_the_door(lobby.state, kind, hour * HOUR) > 0 for hour in (9, 10)] == [False, True]
    assert str(kind.hours) == "10:00-15:00"
    assert rules.profile_on(lobby.state.day, "gone") is None
    times = [customer.arrives for customer in customers_of(rules, "pension", "saturday", date(2026, 6, 13))]
    assert len(times) > 50
    assert 10 * HOUR <= min(times) < 10 * HOUR + 60
    assert max(times) < 15 * HOUR
    assert min(customer.arrives for customer in customers_of(rules, "pension", "week")) < 10 * HOUR


def test_over_lunch_the_doors_are_closed() -> None:
    lunch = parse_spans("09:00-12:00 13:30-16:00")
    day = Profile("p", (), parse_spans("09:00-17:00")[0], (10,) * 8).within(((), *(lunch,) * 5, ()))
    assert (str(day.hours), day.open, day.shifts("1")) == ("09:00-16:00", lunch, lunch)
    at = {"08:59": 0, "09:00": 10, "11:59": 10, "12:00": 0, "13:29": 0, "13:30": 10, "15:59": 10, "16:00": 0}
    for text, expected in at.items():
        (hour, minute) = map(int, text.split(":"))
        assert day.arrivals_at(hour * HOUR + minute * 60) == expected, text


def test_the_end_of_a_day_is_the_next_days_beginning() -> None:
    day = date(2026, 11, 30)
    assert at_second(day, 86399, BERLIN) == datetime(2026, 11, 30, 23, 59, 59, tzinfo=BERLIN)
    assert at_second(day, 86400, BERLIN) == datetime(2026, 12, 1, tzinfo=BERLIN)
    assert at_second(day, 86400 + 5400, None) == datetime(2026, 12, 1, 1, 30)
