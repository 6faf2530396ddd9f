"""What has been pressed, called and waited for since the daemon's start, counted for a monitor.

Counts begin anew with each start, as Prometheus expects of them. A door is where a press came in: a device's id, with
its address on a bus (`terminals.3`); a place on MQTT (`keypad/3`), `mqtt` for what no configured place has sent;
`pages` for all browsers and programs together, since an account may be a person's.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.clock import ClockStepped
from controller.lobby.aggregate import Row
from controller.lobby.answers import Answer
from controller.lobby.model.state import State

BOUNDS = (60, 180, 300, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200)
"""Seconds by which waits are sorted."""
TOGETHER = {"http": "pages", "home-assistant": "home-assistant"}
"""Doors that are one, however many people come in there, by the first word of their causes."""


@dataclass(slots=True)
class Waited:
    """The waits of one service: how many were at most as long as each of `BOUNDS`, but longer than the one before; the
    last is longer than all. `seconds`: their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: int = 0

    def add(self, seconds: int) -> None:
        """One more."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Each bound, and how many were at most as long."""
        so_far = 0
        for bound, count in zip([*map(str, BOUNDS), "+Inf"], self.counts, strict=True):
            so_far += count
            yield bound, so_far


class Tally:
    """`steady`: monotonic seconds; `doors`: the first words of the causes of people's presses (see `Command.cause`).
    What the controller asks of itself is not counted."""

    def __init__(self, steady: Callable[[], float] = time.monotonic, doors: Collection[str] = ()) -> None:
        self._steady = steady
        self._doors = doors
        self.presses: Counter[tuple[str, str]] = Counter()
        """By door and result (ok, refused, error); one that is delivered again is counted again."""
        self.refused: Counter[str] = Counter()
        """Those that did not act, by the code of the reason."""
        self._pressed: dict[str, float] = {}
        self.calls: Counter[str] = Counter()
        """Calls of tickets, by counter."""
        self.waits: dict[str, Waited] = {}
        """The waits until the first call, by service."""
        self.clock_steps = 0
        """How often the wall clock was set."""

    def answered(self, cause: str, answer: Answer) -> None:
        """A request was answered."""
        door = self._door(cause)
        if not door:
            return
        self.presses[door, answer.result] += 1
        self._pressed[door] = self._steady()
        if answer.result != "ok":
            self.refused[answer.code] += 1

    def told(self, rows: Sequence[Row], state: State) -> None:
        """These events have happened; `state`: after them."""
        for row in rows:
            match row.event:
                case TicketCalled(id, counter):
                    self.calls[counter] += 1
                    ticket = state.tickets.get(id)
                    if ticket and ticket.called_at == row.at and not ticket.untimed:
                        waited = max(0, row.at - ticket.waits_from) // 1000
                        self.waits.setdefault(ticket.service, Waited()).add(waited)
                case ClockStepped():
                    self.clock_steps += 1

    def since_press(self) -> Iterator[tuple[str, float]]:
        """Each door at which something was pressed since the start, and how many seconds ago that was the last time."""
        now = self._steady()
        return ((door, now - at) for door, at in self._pressed.items())

    def _door(self, cause: str) -> str:
        """Where a press came in; empty: it is no person's."""
        word, _, rest = cause.partition(":")
        if word not in self._doors:
            return ""
        if word in TOGETHER:
            return TOGETHER[word]
        place, _, more = rest.partition(":")
        unit, _, press = more.partition(":")
        has_unit = press and unit.isdecimal() and len(unit) <= 3 and "/" not in place
        return f"{place}.{unit}" if has_unit else place or word
