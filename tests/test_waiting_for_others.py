"""How long it takes where others are still to come."""

from __future__ import annotations

from typing import Any

import pytest
from branches import (
    ALL_SERVICES,
    MINUTE,
    Lobby,
    branch,
    half_hours,
    hours,
    local,
)
from waits import HOUR, at_noon, do, exact, left, wait

from controller.lobby.actions.day import RollOver
from controller.lobby.actions.open_counter import Open
from controller.lobby.forecast.waiting import (
    DOOR,
    HORIZON,
    _to_come,
    at_the_door,
    expected,
    finds_free_counter,
    newcomer,
)
from controller.lobby.model.calendar import Calendar, Profile, Span, parse_spans
from controller.lobby.model.rules import Appointments
from controller.lobby.model.state import Ticket
from controller.lobby.show import views


def test_customers_with_privilege_who_are_still_to_come_count() -> None:
    """Thirty an hour, half of them green: one every four minutes comes before a normal newcomer for an hour."""
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (30,) * 8)
    about: dict[str, Any] = {
        "calendar": Calendar({"normal": day}),
        "shares": {"normal": {"cash": 1.0}},
        "class_shares": {"normal": {"normal": 50.0, "green": 50.0}},
        "pass_limit": 100,
    }
    lobby = at_noon({"1": {"cash": 0}}, **about)
    do(lobby, Open, "1")
    for _ in range(5):
        lobby.take("cash")
    waits = {klass: wait(lobby, klass=klass) for klass in ("normal", "green")}
    alone = at_noon({"1": {"cash": 0}})
    do(alone, Open, "1")
    for _ in range(5):
        alone.take("cash")
    assert wait(alone) == 20 * MINUTE
    assert waits["green"] == 0, "those who come later do not come before it"
    assert waits["normal"] is not None
    assert waits["normal"] > 35 * MINUTE


def test_appointments_in_a_line_do_not_hide_those_who_are_still_to_come() -> None:
    """An appointment of the evening stands behind those of its class who will come before it."""
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (60,) * 8)
    lobby = at_noon(
        {"1": {"cash": 0}},
        calendar=Calendar({"normal": day}),
        shares={"normal": {"cash": 1.0}},
        class_shares={"normal": {"green": 50.0, "normal": 50.0}},
        appointments=Appointments(half_hours("12:00", "17:00")),
        pass_limit=100,
    )
    do(lobby, Open, "1")
    for _ in range(5):
        lobby.take("cash")
    without = wait(lobby)
    lobby.take("cash", "green", slot="16:30")
    assert without is not None
    assert wait(lobby) == without


def test_a_ticket_that_is_not_waiting_for_anybody_costs_nothing() -> None:
    """A service or class that is no longer configured has five minutes and no credit."""
    lobby = at_noon({"1": {"cash": 0}})
    do(lobby, Open, "1")
    stranger = Ticket("", 1, "gold", "king", lobby.now // 1000, lobby.now, 0)
    assert left(lobby, stranger) is None
    assert expected(lobby.state, lobby.rules, lobby.now, stranger) is None


def expecting(an_hour: float, classes: dict[str, float], **about: Any) -> dict[str, Any]:
    """About a branch to which so many come an hour, all for cash."""
    return {
        "calendar": Calendar({"normal": Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (an_hour,) * 8)}),
        "shares": {"normal": {"cash": 1.0}},
        "class_shares": {"normal": classes},
        "pass_limit": 100,
    } | about


def test_those_to_come_do_not_stand_behind_those_who_wait() -> None:
    """Who comes in a minute, with an hour's privilege, is there in a minute: the one of the same class who took a
    ticket for the evening does not hide them, nor does one who came before."""
    lobby = at_noon({"1": {"cash": 0}}, **expecting(60, {"normal": 50.0, "green": 50.0}))
    do(lobby, Open, "1")
    for _ in range(3):
        lobby.take("cash")
    lobby.take("cash", "green")
    exact(lobby)
    normal = wait(lobby)
    # One green one every two minutes, and four minutes for each: the normal ones are called when no more green ones
    # count as having come before them, an hour from now, and then those of this hour have to be served as well.
    assert normal is None or normal > HOUR


@pytest.mark.parametrize(("vip", "ahead"), [(40.0, 0), (40.0, 1), (40.0, 4), (40.0, 8), (10.0, 1), (10.0, 8)])
def test_however_a_service_is_cut_the_same_is_reckoned(vip: float, ahead: int) -> None:
    """One counter, sixty an hour, some of them VIP, and the same line: as one service, or as several that each have
    their part of the customers. None of those to come is rounded away because each part has less than half of one."""
    waits = {}
    for number in (1, 2, 3, 4, 8, 10):
        services = ALL_SERVICES[:number]
        about = expecting(60, {"normal": 100 - vip, "vip": vip}, shares={"normal": dict.fromkeys(services, 1.0)})
        about |= {"services": {service: {"minutes": 4} for service in services}}
        lobby = at_noon({"1": dict.fromkeys(services, 0.0)}, **about)
        lobby.take(services[0])
        lobby.call("1")
        for n in range(ahead):
            lobby.take(services[n % number])
        waits[number] = wait(lobby, services[0])
    one = waits[1]
    assert one is not None
    assert one > (1 + ahead) * 4 * MINUTE, "somebody comes who is called before"
    assert {number: other for number, other in waits.items() if other is None or abs(other - one) > 0.05 * one} == {}


def test_those_to_come_are_as_many_as_the_calendar_has_hour_by_hour() -> None:
    """Sixty in this hour and twelve in the next, and none over lunch: of each, half are green."""
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (0, 0, 0, 60, 12, 60, 60, 60)).within(
        (parse_spans("09:00-13:30 14:30-17:00"),) * 7
    )
    rules = branch(
        {"1": {"cash": 0}},
        calendar=Calendar({"normal": day}),
        shares={"normal": {"cash": 1.0}},
        class_shares={"normal": {"normal": 50.0, "green": 50.0}},
        credits={"normal": 0, "green": 180},
    )
    lobby = Lobby(rules, local("2026-11-23 12:00"))
    lobby.do(RollOver(at=lobby.now, cause=""))
    ticket = newcomer(lobby.state, rules, lobby.now, "cash")
    (times,) = _to_come(lobby.state, rules, lobby.now, ticket).values()
    after = [time - lobby.now // 1000 for time in times]
    counted = [sum(begin <= time < begin + HOUR // 2 for time in after) for begin in range(0, 3 * HOUR, HOUR // 2)]
    assert counted == [15, 15, 3, 0, 0, 15]


def test_nobody_is_expected_from_an_hour_without_arrivals() -> None:
    lobby = at_noon({"1": {"cash": 0}}, **expecting(0, {"normal": 50.0, "green": 50.0}))
    do(lobby, Open, "1")
    for _ in range(3):
        lobby.take("cash")
    assert wait(lobby) == 12 * MINUTE


def test_those_to_come_are_never_more_than_the_horizon_ahead() -> None:
    """Whatever privilege a class is given, there is an end to who is thought of."""
    credits = {"normal": 0, "king": 10_000_000}
    lobby = at_noon({"1": {"cash": 0}}, credits=credits, **expecting(60, {"normal": 99.0, "king": 1.0}))
    do(lobby, Open, "1")
    lobby.take("cash")
    ticket = newcomer(lobby.state, lobby.rules, lobby.now, "cash")
    times = [time for times in _to_come(lobby.state, lobby.rules, lobby.now, ticket).values() for time in times]
    assert 0 < len(times) <= HORIZON / HOUR * 60
    assert max(times) < lobby.now // 1000 + HORIZON
    assert wait(lobby) is not None


def test_a_window_with_nobody_to_serve_waits_for_the_next_to_come() -> None:
    """Counter 2 has nothing of its own now, and borrows the one who waits only after its own next customers."""
    about = expecting(6, {"normal": 100.0}, shares={"normal": {"personal": 1.0}})
    lobby = at_noon({"1": {"cash": 0}, "2": {"personal": 0}}, **about)
    do(lobby, Open, "2")
    assert wait(lobby, "personal") == 0
    lobby = at_noon({"1": {"cash": 0, "personal": 30}}, **about)
    do(lobby, Open, "1")
    lobby.take("cash")
    exact(lobby)
    lonely = at_noon({"1": {"cash": 0, "personal": 30}})
    do(lonely, Open, "1")
    lonely.take("cash")
    assert wait(lobby) == wait(exact(lonely)) == 4 * MINUTE


def test_who_waits_for_the_idle_counter_is_before_a_newcomer() -> None:
    """The counter is free, but its next customer stands in front of it."""
    lobby = at_noon({"1": {"cash": 0, "personal": 0}, "2": {"personal": 0}})

    def free(service: str) -> bool:
        return finds_free_counter(lobby.state, lobby.rules, newcomer(lobby.state, lobby.rules, lobby.now, service))

    do(lobby, Open, "1")
    assert free("cash")
    lobby.take("personal")
    assert not free("cash"), "one waits whom the idle counter serves"
    do(lobby, Open, "2")
    assert not free("personal")
    assert lobby.call("2") == "B001"
    assert free("cash")
    assert views.wait(lobby.state, lobby.rules, lobby.now, "cash") == (0, 0)


def test_services_that_give_no_tickets_now_have_no_wait() -> None:
    about = {"cash": {"hours": hours("09:00-12:30"), "minutes": 4}, "personal": {"quota": 1}}
    lobby = at_noon({"1": {"cash": 0}, "2": {"personal": 0}}, services=about)
    do(lobby, Open, "1")
    do(lobby, Open, "2")

    def told() -> list[tuple[int, int] | None]:
        return [views.wait(lobby.state, lobby.rules, lobby.now, service) for service in ("cash", "personal")]

    assert told() == [(0, 0), (0, 0)]
    lobby.take("personal")
    lobby.call("2")
    assert told() == [(0, 0), None], "its quota is used up"
    lobby.wait(30)
    assert told() == [None, None], "its hours are over"


def test_the_crowd_at_the_door_comes_when_the_doors_open() -> None:
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (10,) * 8, burst=(20, 20))
    lobby = at_noon({"1": {"cash": 0}})
    for profile, opens in ((day, 9 * HOUR), (day.within((parse_spans("10:00-12:00 13:00-15:00"),) * 7), 10 * HOUR)):
        crowd = [at_the_door(lobby.state, profile, opens + second) for second in (-1, 0, DOOR - 1, DOOR)]
        assert crowd == [0, 20, 20, 0]
