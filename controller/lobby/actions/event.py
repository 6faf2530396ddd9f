"""What has happened in the lobby: the base of every event, and how it is read from a row of the journal.

Rows are kept for ever: a kind is never changed and never removed. When one needs other fields, it gets a new
`VERSION`, and a function marked `@reads(kind, version)` turns the data of the old version into those of the next.
Absent optional fields are None here and missing in the row. No event holds personal data or free text: a reason is a
short code; a remark typed by a person is kept in a table of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, ClassVar


class UnknownEventError(ValueError):
    """The row's kind or version was written by a newer program."""


class Event:
    """Base of all events; a subclass's kind is its name in snake case."""

    __slots__ = ()
    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1
    OF_LOBBY: ClassVar[bool] = True
    """Whether it is the lobby's. Those of a record beside it are in the same journal, and change nothing in it."""

    def __init_subclass__(cls, *, base: bool = False) -> None:
        """`base`: it is no kind of its own, but the base of several."""
        if base:
            return
        cls.KIND = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        # A dataclass with slots is created twice; the second is the one that stays.
        _KINDS[cls.KIND] = cls

    def to_row(self) -> dict[str, Any]:
        """The event's `data` object, as the journal and MQTT carry it."""
        row = {}
        for attribute, name in _names(type(self)):
            value = getattr(self, attribute)
            if value is not None:
                row[name] = value
        return row


Data = Mapping[str, Any]
"""An event's fields as its row has them."""

_KINDS: dict[str, type[Event]] = {}
_NAMES: dict[type[Event], tuple[tuple[str, str], ...]] = {}
_READS: dict[tuple[str, int], Callable[[Data], Data]] = {}


def known_kinds() -> Mapping[str, type[Event]]:
    """The kinds of rows that this program knows, and their events."""
    return _KINDS


def reads(kind: str, version: int) -> Callable[[Callable[[Data], Data]], Callable[[Data], Data]]:
    """Marks a function (an upcaster) that turns the data of an old version of a kind into those of the next version."""

    def mark(function: Callable[[Data], Data]) -> Callable[[Data], Data]:
        _READS[kind, version] = function
        return function

    return mark


def _names(kind: type[Event]) -> tuple[tuple[str, str], ...]:
    """(attribute, field name in the row) of a kind; `class` is a reserved word in Python."""
    names = _NAMES.get(kind)
    if names is None:
        names = tuple((f.name, "class" if f.name == "klass" else f.name) for f in fields(kind))  # type: ignore[arg-type]
        _NAMES[kind] = names
    return names


def kinds() -> Mapping[str, type[Event]]:
    """Every event that has been declared, by its kind."""
    return _KINDS


def from_row(kind: str, version: int, data: Mapping[str, Any]) -> Event:
    """The event of a journal row; fields that this version does not know are ignored."""
    cls = _KINDS.get(kind)
    while cls is not None and version < cls.VERSION and (older := _READS.get((kind, version))):
        version, data = version + 1, older(data)
    if cls is None or version != cls.VERSION:
        raise UnknownEventError(f"{kind} version {version}")
    return cls(**{attribute: data[name] for attribute, name in _names(cls) if name in data})
