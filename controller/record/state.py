"""What the record remembers: one part for each of its items, kept in the item's own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeVar

from controller.lobby.actions.event import Event
from controller.lobby.model.state import State
from controller.lobby.model.units import NEVER, Ms
from controller.record.rules import RecordRules

P = TypeVar("P", bound="Part")
S = TypeVar("S")

ERRORS_KEPT = 20
"""Rows that did not fit and have not been told yet."""


class Part:
    """What is remembered of one item. A business day begins with a new one, which takes over what `carried` gave."""

    NAME: ClassVar[str]

    def carried(self) -> Mapping[str, Any]:
        """What the next business day has to know, as the journal can hold it; empty: nothing."""
        return {}

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        """The part of a day that begins, from what the day before has handed on."""
        return cls()


class Record:
    """The record of a branch: its parts, each made when it is first asked for."""

    def __init__(self) -> None:
        self._parts: dict[str, Part] = {}
        self._handed_on: Mapping[str, Any] = {}
        self._errors: list[str] = []
        self.started = NEVER
        """When the controller was last started on this day, in ms since 1970, UTC."""

    def failed(self, error: str) -> None:
        """A row was left out; kept until it is told."""
        if len(self._errors) < ERRORS_KEPT:
            self._errors.append(error)

    def errors(self) -> list[str]:
        """What was left out since this was asked last."""
        errors, self._errors = self._errors, []
        return errors

    def part(self, kind: type[P]) -> P:
        """One part; of a kind that was not used today, as it was handed on."""
        part = self._parts.get(kind.NAME)
        if part is None:
            part = self._parts[kind.NAME] = kind.resumed(self._handed_on.get(kind.NAME, {}))
        assert isinstance(part, kind)
        return part

    def carried(self) -> dict[str, Any]:
        """What the next business day has to know, by part; also of parts that this program does not know."""
        own = {name: carried for name, part in self._parts.items() if (carried := dict(part.carried()))}
        unused = {name: carried for name, carried in self._handed_on.items() if name not in self._parts}
        return dict(sorted((unused | own).items()))

    def begin(self, handed_on: Mapping[str, Any]) -> None:
        """A business day begins."""
        self._parts.clear()
        self.started = NEVER
        self._handed_on = handed_on


@dataclass(frozen=True, slots=True)
class Facts:
    """What decisions and pictures of the record are made from: nothing of it may be changed there."""

    record: Record
    lobby: State
    rules: RecordRules
    at: Ms
    """Now, in ms since 1970, UTC."""
    machine: Mapping[str, Any] = field(default_factory=dict)
    """What only the machine knows: `disk` (share that is free, 0 to 1), `clock` (whether a time server sets it)."""

    def part(self, kind: type[P]) -> P:
        """One part of the record."""
        return self.record.part(kind)

    def of(self, settings: type[S]) -> S:
        """The settings of an item."""
        return self.rules.of(settings)

    def say(self, key: str, /, **about: object) -> str:
        """A sentence in the branch's language."""
        return self.rules.lobby.wording.say(key, **about)


class RecordEvent(Event, base=True):
    """Base of the events that change the record and not the lobby."""

    __slots__ = ()
    OF_LOBBY = False

    def named(self, rules: RecordRules) -> Mapping[str, object]:
        """What its sentence names that its fields are not enough for."""
        return {}
