"""The one way in which a lobby changes: a command is decided, its events are numbered and applied to the state.

Used by the engine, the simulated days, the measurements and the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from controller.lobby.actions.clock import ClockStepped
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import DayOpened, RollOver, begins_day
from controller.lobby.actions.event import Event
from controller.lobby.actions.registry import Decision, decide, evolve
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms


@dataclass(frozen=True, slots=True)
class Row:
    """One event as the journal holds it; `at` in ms since 1970, UTC."""

    seq: int
    at: Ms
    day: str
    event: Event
    cause: str
    part: int
    press: str | None = None
    """The key frame that led to it, if a driver needs it to recognise retransmissions."""

    @property
    def data(self) -> dict[str, Any]:
        """The row's `data` object."""
        data = self.event.to_row()
        if self.press is not None:
            data["press"] = self.press
        return data


class Aggregate:
    """A lobby: its rules (as configured), its state, and the new `rows` that have not been collected yet.

    `seq`: the number of the last row before them. `heard`: called with (at, event) after each event has been applied.
    """

    def __init__(self, rules: Rules, state: State | None = None, seq: int = 0) -> None:
        self.configured = rules
        self.state = state or State()
        self.seq = seq
        self.rows: list[Row] = []
        self.heard: Callable[[Ms, Event], None] = lambda at, event: None
        self._day_ends = Ms(0)
        """Until when no command can begin a day; 0: to be looked up."""

    @property
    def rules(self) -> Rules:
        """The rules in force: as configured, but for what counters serve now."""
        return self.configured.serving(self.state.serving)

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self.configured, self._day_ends = rules, Ms(0)

    def do(self, command: Command) -> Decision:
        """Decide a command and apply its events; the first command of a business day begins that day before."""
        if due := self.due(command):
            self.do(due)
        decision = self.decide(command)
        if isinstance(decision, list):
            self.apply(decision, command.at, command.cause)
        return decision

    def due(self, command: Command) -> RollOver | None:
        """The roll-over to be decided before a command that is the first of its business day; None: none is due."""
        if command.at < self._day_ends:
            return None
        roll_over = begins_day(self.state, self.rules, command)
        if roll_over is None and self.rules.day_of(command.at) <= self.state.day:
            self._day_ends = self.rules.end_of_day(command.at)
        return roll_over

    def decide(self, command: Command) -> Decision:
        """What a command leads to. Nothing changes."""
        return decide(self.state, self.rules, command)

    def apply(self, events: Sequence[Event], at: Ms, cause: str, press: str | None = None) -> None:
        """Number and apply events, as parts of one cause."""
        for part, event in enumerate(events):
            day = event.day if isinstance(event, DayOpened) else self.state.day
            self.seq += 1
            if isinstance(event, DayOpened | ClockStepped):
                self._day_ends = Ms(0)
            row = Row(self.seq, at, day, event, cause, part, None if part else press)
            self.rows.append(row)
            self.evolve(row)
            self.heard(at, event)

    def evolve(self, row: Row) -> None:
        """Change by what a row tells."""
        evolve(self.state, row.at, row.event)

    def become(self, state: State, seq: int) -> None:
        """Take over another state, after the row `seq`; references to this lobby's state stay valid."""
        self.state.become(state)
        self.seq, self._day_ends = seq, Ms(0)
        self.rows.clear()
