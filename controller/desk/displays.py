"""Hall boards and window displays: levels only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controller.desk.post import Lobby
from controller.journal import Row
from controller.lobby import views
from controller.lobby.state import State
from drivers.bx import BxBoard
from drivers.device import Health
from drivers.vfd import WindowDisplay


class HallPost:
    """A hall board with the newest calls."""

    def __init__(self, id: str, board: BxBoard, lines: int, lobby: Lobby, flush: Callable[[], None]) -> None:
        self.id = id
        self._board = board
        self._lines = lines
        self._lobby = lobby
        self._flush = flush

    def heard(self, fact: object) -> None:
        if isinstance(fact, Health):
            self._lobby.health(self.id, fact, "")

    def update(self, state: State) -> None:
        self._board.show(views.hall_lines(state, self._lobby.rules, self._lines))
        self._flush()

    def told(self, rows: Sequence[Row], state: State) -> None:
        pass


class WindowPost:
    """A counter's own display above its window."""

    def __init__(self, id: str, display: WindowDisplay, counter: str, lobby: Lobby, flush: Callable[[], None]) -> None:
        self.id = id
        self._display = display
        self._counter = counter
        self._lobby = lobby
        self._flush = flush

    def heard(self, fact: object) -> None:
        if isinstance(fact, Health):
            self._lobby.health(self.id, fact, "")

    def update(self, state: State) -> None:
        self._display.show(*views.window_lines(state, self._lobby.rules, self._counter))
        self._flush()

    def told(self, rows: Sequence[Row], state: State) -> None:
        pass
