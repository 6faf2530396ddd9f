"""A branch: its lobby and its record, which change by the rows of one sequence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controller.lobby.actions.clock import ClockStepped, ControllerStarted, putting_right
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.event import Event
from controller.lobby.actions.registry import Decision
from controller.lobby.aggregate import Aggregate, Row
from controller.lobby.answers import Answer, answer, answer_to
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms
from controller.record import registry
from controller.record.actions.day import RecordHandedOn
from controller.record.answers import sentence
from controller.record.registry import LookAtRecord, RecordCommand
from controller.record.rules import RecordRules
from controller.record.state import Facts, Record, RecordEvent


class Branch(Aggregate):
    """A lobby with its record."""

    def __init__(self, rules: Rules, record_rules: RecordRules | None = None, state: State | None = None) -> None:
        super().__init__(rules, state)
        self.record = Record()
        self._record_rules = record_rules or RecordRules(rules)
        self.machine: Mapping[str, Any] = {}
        """See `Facts`; as of the last look."""

    def reconfigure(self, rules: RecordRules) -> None:
        """Decide by these rules from now on."""
        self.rules, self._record_rules = rules.lobby, rules

    def facts(self, at: Ms) -> Facts:
        """What the record is now, at `at` (ms since 1970, UTC)."""
        rules = RecordRules(self.rules, self._record_rules.things, self._record_rules.settings)
        return Facts(self.record, self.state, rules, at, self.machine)

    def decide(self, command: Command) -> Decision:
        if isinstance(command, LookAtRecord):
            return registry.decide(replace(self.facts(command.at), machine=command.machine), command)
        if isinstance(command, RecordCommand):
            return registry.decide(self.facts(command.at), command)
        decision = super().decide(command)
        if isinstance(decision, list) and any(_begins(event) for event in decision):
            handed_on = self.record.carried()
            return [*decision, RecordHandedOn(handed_on)] if handed_on else decision
        return decision

    def answer(self, decision: Decision, language: str = "") -> Answer:
        """What a press is answered that led to this decision, in the customer's language or the branch's."""
        if isinstance(decision, list):
            return self.answer_to(decision, language)
        return answer(self.rules.spoken(language), self.state, decision)

    def answer_to(self, events: Sequence[Event], language: str = "") -> Answer:
        """The answer to the request that led to these events: the same before and after a restart."""
        others = [event for event in events if not isinstance(event, RecordEvent)]
        if events and isinstance(events[-1], RecordEvent) and not (others and isinstance(events[-1], RecordHandedOn)):
            rules, language = self.facts(Ms(0)).rules, language or getattr(events[-1], "language", "") or ""
            return Answer("ok", sentence(replace(rules, lobby=rules.lobby.spoken(language)), events[-1]))
        return answer_to(self.rules.spoken(language), others)

    def replay(self, rows: Iterable[Row]) -> None:
        """Become what these rows of a business day lead to."""
        record, self.record = self.record, Record()
        state, self.state = self.state, State()
        try:
            seq = 0
            for row in rows:
                self.evolve(row)
                seq = row.seq
        except BaseException:
            self.record = record
            raise
        finally:
            new, self.state = self.state, state
        self.become(new, seq)

    def evolve(self, row: Row) -> None:
        if row.event.OF_LOBBY:
            super().evolve(row)
        follow(self.record, row)


def follow(record: Record, row: Row) -> None:
    """Change a record by what a row tells, its own or the lobby's."""
    if isinstance(row.event, RecordHandedOn):
        record.begin(row.event.parts)
        return
    if _begins(row.event):
        record.begin({})
    if isinstance(row.event, ControllerStarted):
        record.started = row.at
    elif isinstance(row.event, ClockStepped):
        registry.put_right(record, putting_right(row.event.by, record.started, row.at))
    registry.apply(record, row)


def _begins(event: Event) -> bool:
    """Whether a day begins with an event, and does not only go on under another date."""
    return isinstance(event, DayOpened) and event.continues is None
