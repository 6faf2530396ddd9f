"""What has happened in the lobby. Every event is a row of the journal, for ever.

A kind is never changed and never removed; when one needs other fields, it gets a new `VERSION` and `from_row` learns to
read the old one. Absent optional fields are None here and missing in the row. No event holds personal data or free
text: a reason is a short code, a remark typed by a person lives in a side table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

DeviceState = Literal["ok", "degraded", "offline"]

OVERFLOW = "overflow"
"""Who reassigned a ticket when a service's own counters had gone: nobody, by the configuration."""


class UnknownEventError(ValueError):
    """The row's kind or version was written by a newer program."""


class Event:
    """Base of all events; a subclass's kind is its name in snake case."""

    __slots__ = ()
    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
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


_KINDS: dict[str, type[Event]] = {}
_NAMES: dict[type[Event], tuple[tuple[str, str], ...]] = {}


def _names(kind: type[Event]) -> tuple[tuple[str, str], ...]:
    """(attribute, field name in the row) of a kind; `class` is a word that Python keeps for itself."""
    names = _NAMES.get(kind)
    if names is None:
        names = tuple((f.name, "class" if f.name == "klass" else f.name) for f in fields(kind))  # type: ignore[arg-type]
        _NAMES[kind] = names
    return names


def from_row(kind: str, version: int, data: Mapping[str, Any]) -> Event:
    """The event of a journal row; fields that this version does not know are ignored."""
    cls = _KINDS.get(kind)
    if cls is None or version != cls.VERSION:
        raise UnknownEventError(f"{kind} version {version}")
    return cls(**{attribute: data[name] for attribute, name in _names(cls) if name in data})


@dataclass(frozen=True, slots=True)
class DayOpened(Event):
    """A business day begins: no tickets, no open counters, numbers from 1.

    `profile` says what kind of day it is, `learned` what earlier days have taught (`learning.Knowledge`). `boot` and
    `origin`: as of the last `ControllerStarted`.

    `continues` names the day before, if only the clock was set: its counters, numbers and tickets live on, or of the
    tickets those that `kept` names. That day's rows are this one's too. `by`: who said
    that the clock is right; missing if it has said so for long.
    """

    day: str
    profile: str | None = None
    learned: Mapping[str, Any] | None = None
    boot: str | None = None
    origin: int | None = None
    continues: str | None = None
    by: str | None = None
    kept: tuple[str, ...] | list[str] | None = None


@dataclass(frozen=True, slots=True)
class DayClosed(Event):
    """A business day ends, and with it `unserved` tickets that were waiting, held or missed.

    `figures`: the day's, as on the topic `day` (minutes, parts of one), of those who were called or gave up.
    `continued`: the next day goes on with it.
    """

    day: str
    unserved: int
    figures: Mapping[str, Any] | None = None
    continued: bool | None = None


@dataclass(frozen=True, slots=True)
class ControllerStarted(Event):
    """The controller has started for the first time since the machine was. `boot` names that start; `origin` is what
    the wall clock would have said then (ms since 1970, UTC); `clock_day`: the business day that the clock says."""

    boot: str
    origin: int
    clock_day: str


@dataclass(frozen=True, slots=True)
class ClockStepped(Event):
    """The wall clock was set, by `by` ms; `clock_day` is the business day that it says since. All times since the
    controller started, up to then, are meant to be that much later."""

    by: int
    clock_day: str


@dataclass(frozen=True, slots=True)
class TicketIssued(Event):
    """A ticket was taken. `seniority` in seconds since 1970, UTC; `by` the button; `paper`: it is to be printed.

    `expected`: how long the customer will wait, as told to them: [least, middle, most] seconds, missing if a counter
    was free or nobody could tell; the least and the most in whole minutes (in rows of old to the second), and thrice
    the same if it will be more than that. `rolled` is the middle before anything learned corrected it. `slot`: an
    appointment's start, `not_before`: from when it may be called, both in seconds since 1970. `form`: the form is
    filled in.
    """

    ticket: str
    service: str
    klass: str
    seniority: int
    number: int
    by: str
    paper: bool
    reason: str | None = None
    expected: tuple[int, int, int] | list[int] | None = None
    rolled: int | None = None
    choice: str | None = None
    insisted: bool | None = None
    form: bool | None = None
    needs: tuple[str, ...] | list[str] | None = None
    slot: int | None = None
    not_before: int | None = None


@dataclass(frozen=True, slots=True)
class SelfServiceAdvised(Event):
    """A customer was sent to a self-service machine, and got no ticket."""

    choice: str
    service: str
    by: str


@dataclass(frozen=True, slots=True)
class TicketPrinted(Event):
    """The printer confirmed that the ticket is on paper."""

    ticket: str


@dataclass(frozen=True, slots=True)
class PrintSent(Event):
    """A printer that cannot confirm has taken the whole ticket."""

    ticket: str


@dataclass(frozen=True, slots=True)
class PrintUnknown(Event):
    """Nobody knows whether the ticket came out; it is offered for reprint and never reprinted by itself."""

    ticket: str


@dataclass(frozen=True, slots=True)
class TicketReprinted(Event):
    """A person asked for another copy (marked as such): the `copy`-th paper of this ticket."""

    ticket: str
    copy: int
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TicketCalled(Event):
    """A counter called a ticket. `why`: {text, guard, heads: [{ticket, key}]}, keys in seconds since 1970, UTC.

    `passed` names the tickets to whose `passed` count this call adds one. `effect`: what its class did, [customers who
    would have been called before it without privilege, by how many seconds in all, at most]. `seniority`: an
    appointment's that is called before its slot, from now on, in seconds since 1970. `by` and `reason`: the lobby
    manager's, when it was called by hand from there.
    """

    ticket: str
    counter: str
    forced: bool
    why: Mapping[str, Any]
    passed: tuple[str, ...] | list[str] = ()
    by: str | None = None
    reason: str | None = None
    effect: tuple[int, int, int] | list[int] | None = None
    seniority: int | None = None


@dataclass(frozen=True, slots=True)
class TicketRecalled(Event):
    """The ticket in hand was called again, for the `times`-th time."""

    ticket: str
    counter: str
    times: int


@dataclass(frozen=True, slots=True)
class ServiceStarted(Event):
    """The customer has come to the counter."""

    ticket: str
    counter: str


@dataclass(frozen=True, slots=True)
class TicketFinished(Event):
    """The customer has been served. `none_waiting`: the counter called the next, and there was none."""

    ticket: str
    counter: str
    none_waiting: bool | None = None


@dataclass(frozen=True, slots=True)
class TicketMissed(Event):
    """The customer did not come (no-show)."""

    ticket: str
    counter: str


@dataclass(frozen=True, slots=True)
class TicketReturned(Event):
    """A no-show is back and waits again, with a later seniority; or (`finished`) a customer who was taken for served
    before their service had started, with the seniority that they had."""

    ticket: str
    seniority: int
    by: str
    reason: str | None = None
    finished: bool | None = None


@dataclass(frozen=True, slots=True)
class TicketHeld(Event):
    """A counter parked its ticket, to call it back later."""

    ticket: str
    counter: str


@dataclass(frozen=True, slots=True)
class TicketTransferred(Event):
    """A counter sent its ticket on: to a service, or to one counter. Seniority is kept."""

    ticket: str
    service: str
    from_counter: str
    counter: str | None = None


@dataclass(frozen=True, slots=True)
class TicketReassigned(Event):
    """A waiting or held ticket was given to one counter, to a service, or to any counter that knows its service."""

    ticket: str
    by: str
    service: str | None = None
    counter: str | None = None
    any: bool | None = None
    reason: str | None = None

    @property
    def by_hand(self) -> bool:
        """Whether the lobby manager did it; else it follows from counters that have gone."""
        return self.by != OVERFLOW and not self.by.startswith("counter/")


@dataclass(frozen=True, slots=True)
class TicketPromoted(Event):
    """A waiting ticket was given another class. `seniority` in seconds since 1970, where it is another from now on: an
    appointment that is promoted counts from when its ticket was taken, if that is earlier."""

    ticket: str
    klass: str
    reason: str
    by: str
    seniority: int | None = None


@dataclass(frozen=True, slots=True)
class TicketRestored(Event):
    """A promotion or reassignment was undone: the ticket waits for the `service`, in the class and for whom alone
    (`only`, see `Ticket.only`) as before; `slot` and `not_before` as in `TicketIssued`, `seniority` where it is another
    again."""

    ticket: str
    service: str
    klass: str
    only: str
    by: str
    slot: int | None = None
    not_before: int | None = None
    reason: str | None = None
    seniority: int | None = None


@dataclass(frozen=True, slots=True)
class TicketCancelled(Event):
    """A ticket was ended before it was served; `counter` held it, if one did."""

    ticket: str
    by: str
    reason: str
    counter: str | None = None


@dataclass(frozen=True, slots=True)
class CounterOpened(Event):
    """A counter serves customers (again)."""

    counter: str


@dataclass(frozen=True, slots=True)
class CounterPaused(Event):
    """A counter is away for a while; `reason` is the digit typed, empty if none was."""

    counter: str
    reason: str


@dataclass(frozen=True, slots=True)
class CounterClosed(Event):
    """A counter serves nobody any more today, unless it is opened again. `dropped`: it is no longer configured, and
    these tickets, which it had or which were sent to it, wait for others again."""

    counter: str
    dropped: tuple[str, ...] | list[str] | None = None


@dataclass(frozen=True, slots=True)
class WindowsChecked(Event):
    """How many windows are needed: for each group of services [expected wait in seconds, the same with one window less,
    checks in a row that wanted one more, checks in a row that could do with one less].

    `advice` is what the lobby manager is advised to do now: [{action: open | close, counter, group, before, after}],
    the expected wait in seconds without and with it. `unless`: for each advice, the counters each of which makes it
    false: by opening, if it is to open one, by pausing or closing, if it is to close one.
    """

    groups: Mapping[str, Any]
    advice: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]] = ()
    unless: tuple[Sequence[str], ...] | list[Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class WindowAdviceAnswered(Event):
    """The lobby manager accepted or declined an advice; `before` and `after`: what it said it would change, the
    expected wait in seconds."""

    counter: str
    action: Literal["open", "close"]
    accepted: bool
    by: str
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceChanged(Event):
    """A device went down, came back, or works badly; `detail` is a wording key."""

    device: str
    state: DeviceState
    detail: str


@dataclass(frozen=True, slots=True)
class RatingAsked(Event):
    """A counter asked its customer for a rating."""

    counter: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Rated(Event):
    """A customer pressed a score (1 to 5) at a counter's rater."""

    counter: str
    score: int
    ticket: str
