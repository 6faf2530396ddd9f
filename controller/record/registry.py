"""The table of what the record can do, filled by its items: see `controller.lobby.actions.registry`, whose rules hold
here as well. `decide` changes nothing, a refused command leaves no row, and applying an event never reads the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from controller.lobby.actions.command import Command
from controller.lobby.actions.event import Event
from controller.lobby.actions.registry import Decision, Events, marks
from controller.lobby.aggregate import Row
from controller.lobby.model.outcome import Refused
from controller.lobby.model.units import NEVER, Ms
from controller.record import times
from controller.record.state import Facts, Part, Record

Severity = Literal["urgent", "fault", "warning", "note"]
"""As of the console's faults: see `controller.lobby.show.faults`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCommand(Command):
    """Base of what people and the clock ask of the record; `by`: who asks."""

    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAtRecord(RecordCommand):
    """Do what is due by now, as what lasts too long or comes too late; comes every few seconds. `machine`: see
    `Facts`."""

    BEGINS_DAY: ClassVar[bool] = False

    machine: Mapping[str, Any] = field(default_factory=dict)


class Alarm(NamedTuple):
    """What cannot wait. `id` stays the same for as long as it lasts; `about` fills the sentences `alarm.<kind>` and
    `alarm.<kind>_remedy`."""

    id: str
    kind: str
    about: Mapping[str, Any] = {}
    since: Ms = NEVER
    severity: Severity = "fault"


class Line(NamedTuple):
    """A line of the day's log, made from what has happened: below which heading (`log.heading_<heading>`), the
    sentence, when (ms since 1970, UTC; NEVER: of the whole day), and the cause of the row with a person's words."""

    heading: str
    text: str
    at: Ms = NEVER
    words: str = ""


Decide = Callable[[Facts, Any], Decision]
Apply = Callable[[Any, Any, Row], None]
D = TypeVar("D", bound=Decide)
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_DECIDE: dict[type[RecordCommand], Decide] = {}
_APPLY: dict[type[Event], list[tuple[type[Part], Apply]]] = {}
_DUE: list[Callable[[Facts], Iterable[Event]]] = []
_ALARMS: list[Callable[[Facts], Iterable[Alarm]]] = []
_PICTURES: dict[str, Callable[[Facts], Any]] = {}
_NOTICES: list[Callable[[Facts], Iterable[str]]] = []
_DRAFTED: list[Callable[[Facts], Iterable[Line]]] = []
_OUTSTANDING: list[Callable[[Facts], Iterable[str]]] = []


def decides(command: type[RecordCommand]) -> Callable[[D], D]:
    """Marks the function that decides a command of the record: it returns events, or raises `Refused`."""

    return marks(_DECIDE, command, "decided")


def applies(part: type[Part], *events: type[Event]) -> Callable[[F], F]:
    """Marks a function (part, event, row) by which events change a part: the item's own, or the lobby's that the item
    follows."""

    def mark(function: F) -> F:
        for event in events:
            _APPLY.setdefault(event, []).append((part, function))
        return function

    return mark


def due(function: F) -> F:
    """Marks a function that gives the events which are due by now, without anybody's doing."""
    _DUE.append(function)
    return function


def alarms(function: F) -> F:
    """Marks a function that gives what cannot wait now."""
    _ALARMS.append(function)
    return function


def notices(function: F) -> F:
    """Marks a function that gives what customers are told now, on boards and televisions."""
    _NOTICES.append(function)
    return function


def drafted(function: F) -> F:
    """Marks a function that gives an item's lines of the day's log. They are made when they are shown; so an item
    keeps what it needs for them, kinds and figures, in its part, and limits how many there can be."""
    _DRAFTED.append(function)
    return function


def outstanding(function: F) -> F:
    """Marks a function that gives, in a few words each, what should be done before the day is signed off."""
    _OUTSTANDING.append(function)
    return function


def pictured(name: str) -> Callable[[F], F]:
    """Marks the function that gives what the page of the record shows of an item, as plain data."""

    def mark(function: F) -> F:
        _PICTURES[name] = function
        return function

    return mark


def commands() -> frozenset[type[RecordCommand]]:
    """Every command that can be decided."""
    return frozenset(_DECIDE)


def applied() -> frozenset[type[Event]]:
    """Every event that changes a part of the record."""
    return frozenset(_APPLY)


def decide(facts: Facts, command: RecordCommand) -> Decision:
    """The events that `command` leads to (none: nothing to write), or a refusal."""
    try:
        return _DECIDE[type(command)](facts, command)
    except Refused as refused:
        return refused.refusal


def apply(record: Record, row: Row) -> None:
    """Apply a row, the record's own or the lobby's, to the parts that it concerns. One that does not fit what an item
    remembers is left out there, also on replay: the lobby must open whatever became of a repair."""
    for part, function in _APPLY.get(type(row.event), ()):
        try:
            function(record.part(part), row.event, row)
        except Exception as error:
            record.failed(f"row {row.seq} ({row.event.KIND}) does not fit what {part.NAME} holds: {error!r}")


def put_right(record: Record, right: Callable[[Ms], Ms]) -> None:
    """The clock was set: every part puts its times right, those that were handed on as well."""
    for kind in dict.fromkeys(part for functions in _APPLY.values() for part, _ in functions):
        try:
            times.put_right(record.part(kind), right)
        except Exception as error:
            record.failed(f"the times of {kind.NAME} could not be put right: {error!r}")
    record.started = right(record.started)


def _of_all(functions: Iterable[Callable[[Facts], Iterable[T]]], facts: Facts) -> Iterator[T]:
    """What all of these give; of one that goes wrong what it gave before, and the others."""
    for function in functions:
        try:
            yield from function(facts)
        except Exception as error:
            facts.record.failed(_about(function, error))


def _about(function: Callable[..., object], error: Exception) -> str:
    return f"{function.__module__}.{function.__name__} failed: {error!r}"


def all_due(facts: Facts) -> Events:
    """Everything that is due by now."""
    return list(_of_all(_DUE, facts))


def all_alarms(facts: Facts) -> Iterator[Alarm]:
    """Everything that cannot wait now."""
    yield from _of_all(_ALARMS, facts)


def all_notices(facts: Facts) -> Iterator[str]:
    """Everything that customers are told of the record now."""
    yield from _of_all(_NOTICES, facts)


def all_drafted(facts: Facts) -> list[Line]:
    """The lines of the day's log, each heading's in the order of time."""
    return sorted(_of_all(_DRAFTED, facts), key=lambda line: line.at)


def all_outstanding(facts: Facts) -> list[str]:
    """What should be done before the day is signed off."""
    return list(_of_all(_OUTSTANDING, facts))


def pictures(facts: Facts) -> dict[str, Any]:
    """What the page of the record shows, by item."""
    shown: dict[str, Any] = {}
    for name, picture in sorted(_PICTURES.items()):
        try:
            shown[name] = picture(facts)
        except Exception as error:
            facts.record.failed(_about(picture, error))
    return shown


@decides(LookAtRecord)
def _look(facts: Facts, command: LookAtRecord) -> Decision:
    return all_due(facts)
