"""What every post has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from controller.engine import Request
from controller.journal import Journal
from controller.lobby.aggregate import Row
from controller.lobby.model.paper import Paper
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.show.views import Waits
from drivers.device import Health


class Post(Protocol):
    """One device's place in the lobby."""

    id: str

    def heard(self, fact: object) -> None:
        """The device said something, or its link went down or up."""

    def update(self, state: State) -> None:
        """The lobby has changed: show what is to be shown now."""

    def told(self, rows: Sequence[Row], state: State) -> None:
        """These have just happened: do what happens once."""


class Watcher(Post, Protocol):
    """A post that shows the whole branch: also what no single device is told."""

    def notice(self, notices: Sequence[str], staff: Sequence[str], trouble: str) -> None:
        """What customers must know, what else the staff must, and what screens say instead of their text; shown by
        `update`."""

    def figures(self, figures: Mapping[str, Any]) -> None:
        """The day so far; shown by `update`."""

    def device(self, id: str, report: DeviceReport) -> None:
        """A device's state has changed."""

    def gone(self, id: str) -> None:
        """There is no such device any more."""


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """A device's state as outsiders read it; `since` in ms since 1970, UTC."""

    state: str
    detail: str
    since: int

    def content(self) -> Mapping[str, object]:
        """The payload of `device/<id>`."""
        return {"state": self.state, "detail": self.detail, "since": self.since}


@dataclass(frozen=True, slots=True)
class Lobby:
    """What a post may use of the rest: nothing else."""

    rules: Rules
    journal: Journal
    submit: Callable[[Request], None]
    now: Callable[[], int]
    """The time in ms since 1970, UTC."""
    waits: Callable[[], Waits]
    """How long people will wait, as of the last look ahead."""
    paper: Callable[[], Paper]
    """Whether a ticket can be printed now."""
    health: Callable[[str, Health, str], None]
    """(device, health, what to log beside it)."""
    forget: Callable[[str], None]
    """There is no such device any more."""
    settled: Callable[[], bool]
    """Whether the state is what the journal holds: nothing of any other is shown."""
    page: Callable[[str, str], str]
    """(business day, ticket) -> what its QR code says."""
