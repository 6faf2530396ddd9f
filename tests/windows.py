"""What tests of the advice about windows share: branches at their checks."""

from __future__ import annotations

from typing import Any

from branches import Lobby, branch, local

from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.windows import CheckWindows, WindowsChecked
from controller.lobby.forecast.staffing import (
    CHECK_EVERY,
    OPEN_FOR,
    Check,
    Need,
)
from controller.lobby.model.calendar import Calendar, Profile, Span
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Rules

HOUR = 3600


def rules(counters: dict[str, dict[str, float]], arrivals: float = 0, **about: Any) -> Rules:
    """Cash takes 4 minutes, everything else 5; so many customers an hour are expected, those for cash 3 of 4."""
    day = Profile("normal", (), Span(9 * HOUR, 17 * HOUR), (arrivals,) * 8)
    about = {
        "calendar": Calendar({"normal": day}),
        "shares": {"normal": {"cash": 3.0, "personal": 1.0}},
        "services": {"cash": {"minutes": 4}},
    } | about
    return branch(counters, **about)


def lobby_at(text: str, *about: Any, **more: Any) -> Lobby:
    return Lobby(rules(*about, **more), local(f"2026-11-23 {text}"))


def checked(lobby: Lobby) -> list[str]:
    """The next check, when its time has come: what is advised."""
    lobby.now += CHECK_EVERY * 1000
    decision = lobby.do(CheckWindows(at=lobby.now, cause=""))
    assert isinstance(decision, list)
    if not decision:
        return ["nothing to check"]
    (event,) = decision
    assert isinstance(event, WindowsChecked)
    return [f"{advice['action']} {advice['counter']}" for advice in event.advice]


def need(lobby: Lobby, services: list[str]) -> Need:
    """What some services need together."""
    now = Check.of(lobby.state, lobby.rules, lobby.now)
    return now.need(now.together(now.kinds(services)))


def open_counters(lobby: Lobby, *counters: str) -> None:
    for counter in counters:
        decision = lobby.do(Open(at=lobby.now, cause="", counter=counter))
        assert not isinstance(decision, Refusal)


# -- when it is given -----------------------------------------------------------------------------------------------


def busy(counters: dict[str, dict[str, float]], *opened: str, tickets: int = 20, **about: Any) -> Lobby:
    """A lobby in which more people wait than can be served."""
    lobby = lobby_at("10:00", counters, **about)
    open_counters(lobby, *opened)
    for _ in range(tickets):
        lobby.take("cash")
    return lobby


def quiet(counters: dict[str, dict[str, float]], *opened: str, **about: Any) -> Lobby:
    """A lobby in which nobody waits; the counters opened one a minute, half an hour ago at least."""
    lobby = lobby_at("10:00", counters, **about)
    for counter in opened:
        open_counters(lobby, counter)
        lobby.wait(1)
    lobby.now += OPEN_FOR * 1000
    return lobby
