"""What tests of the screens share."""

from __future__ import annotations

from typing import Any

from branches import (
    NINE,
    Lobby,
)

from controller.lobby.show import screens

NINE_S = NINE // 1000


def console(lobby: Lobby, **more: Any) -> dict[str, Any]:
    about: dict[str, Any] = {"faults": [], "waits": {}, "devices": {}, "figures": {}, "recent": []}
    about |= {"printer": False} | more
    return screens.console(lobby.state, lobby.rules, lobby.now, **about)
