"""What tests of the screens share."""

from __future__ import annotations

from typing import Any

from branches import NINE, Lobby, branch

from controller.lobby.actions.command import Command, ManagerCommand
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Rules
from controller.lobby.show import screens

NINE_S = NINE // 1000
COUNTERS = {"1": {"cash": 0}, "2": {"cash": 20, "personal": 0}}


def console(lobby: Lobby, **more: Any) -> dict[str, Any]:
    about: dict[str, Any] = {"faults": [], "waits": {}, "devices": {}, "figures": {}, "recent": []}
    about |= {"printer": False} | more
    return screens.console(lobby.state, lobby.rules, lobby.now, **about)


def rules(**more: Any) -> Rules:
    return branch(COUNTERS, **({"raters": ("1",)} | more))


def do(lobby: Lobby, kind: type[Command], **about: Any) -> None:
    answer = lobby.do(kind(at=lobby.now, cause="", **about))
    assert not isinstance(answer, Refusal), answer


def manage(lobby: Lobby, kind: type[ManagerCommand], ticket: str, **about: Any) -> None:
    do(lobby, kind, by="user/li", ticket=ticket, **about)


def counter(lobby: Lobby, id: str = "1") -> dict[str, Any]:
    return screens.counter(lobby.state, lobby.rules, lobby.rules.counters[id], lobby.now, [], {})


def page(lobby: Lobby, ticket: str) -> dict[str, Any]:
    meant = lobby.state.tickets[ticket]
    wait = screens.still_waits(lobby.state, lobby.rules, meant, lobby.now)
    return screens.ticket(lobby.state, lobby.rules, meant, lobby.now, wait)
