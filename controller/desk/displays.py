"""Displays that only show: hall boards and window displays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controller.desk.post import Lobby
from controller.lobby.aggregate import Row
from controller.lobby.model.state import State
from drivers.device import Health


class DisplayPost:
    """A display whose level `show` sets from the lobby's state."""

    def __init__(self, id: str, show: Callable[[State], None], lobby: Lobby, flush: Callable[[], None]) -> None:
        self.id = id
        self._show = show
        self._lobby = lobby
        self._flush = flush

    def heard(self, fact: object) -> None:
        if isinstance(fact, Health):
            self._lobby.health(self.id, fact, "")

    def update(self, state: State) -> None:
        self._show(state)
        self._flush()

    def told(self, rows: Sequence[Row], state: State) -> None:
        pass
