"""What tests of the calling rule share."""

from __future__ import annotations

from branches import (
    Lobby,
)

from controller.lobby.model.state import State


def same_as_replayed(lobby: Lobby) -> State:
    replayed = lobby.replayed()
    assert replayed.picture() == lobby.state.picture()
    return replayed
