"""What the checker knows of a lobby: the configuration's numbers, its tickets, and what it objects to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

EVERYWHERE = "*"
"""The restriction of a ticket that was given to any counter that knows its service."""
Line = tuple[str, str, str, bool]
"""(service, class, restriction, has a slot): the tickets for which one counter has one handicap."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the configuration says, in seconds."""

    credits: Mapping[str, int]
    serves: Mapping[str, Mapping[str, int]]
    """Counter -> service -> handicap; an absent one is never served."""
    class_handicaps: Mapping[str, Mapping[str, int]]
    """Counter -> class -> what is added to it."""
    services: tuple[str, ...]
    pass_limit: int

    def handicap(self, counter: str, line: Line) -> int | None:
        """A counter's total handicap for a line's tickets; None: it may not serve them."""
        service, klass, only, _ = line
        knows = self.serves.get(counter, {})
        if only:
            return 0 if only == counter or (only == EVERYWHERE and service in knows) else None
        if service not in knows:
            return None
        return knows[service] + self.class_handicaps.get(counter, {}).get(klass, 0)


class Violation(NamedTuple):
    """`invariant` is its number; 0: the row does not fit to those before it."""

    invariant: int
    row: int
    """The how-manieth row it was found at, from 1; 0: in the configuration."""
    text: str


class Before(NamedTuple):
    """What a promotion or reassignment may change of a ticket."""

    service: str
    klass: str
    only: str
    slot: int
    not_before: int
    seniority: int


@dataclass(slots=True)
class Ticket:
    id: str
    order: int
    service: str
    klass: str
    seniority: int
    came: int
    """When it was issued, in ms since 1970, UTC."""
    only: str = ""
    where: str = "waiting"
    counter: str = ""
    passed: int = 0
    slot: int = 0
    """An appointment's start, in seconds since 1970, UTC; 0: it is none. These stand in lines of their own, since their
    head may be one before its time."""
    not_before: int = 0
    """When an appointment's time begins, in seconds since 1970, UTC."""
    moved: bool = False
    """It was transferred or reassigned."""
    called: bool = False
    unstarted: bool = False
    """Its service has not started since it was called."""
    called_as: tuple[str, str] = ("", "")
    """Its service and restriction when it was called."""
    undone: Before | None = None
    """What it has to be again when its last promotion or reassignment is undone; None: there is nothing to undo."""
    given: tuple[str, str, bool, Before | None] | None = None
    """Where it was, who alone might call it, whether it had been moved and what could be undone, before it was given to
    others since its counter went; None: it has moved since."""
    roll: int | None = None
    """Its number on the paper roll; None: it is not from there."""
    back: bool = False
    """It has returned after a missed call, and counts from later since."""
    stays: int = 0
    """How often it has entered a line: tells its present place from those it left."""

    @property
    def line(self) -> Line:
        return self.service, self.klass, self.only, self.not_before > 0

    @property
    def before(self) -> Before:
        """What somebody might change of it."""
        return Before(self.service, self.klass, self.only, self.slot, self.not_before, self.seniority)


@dataclass(slots=True)
class Call:
    """What was so before a counter called the ticket that it has in hand, to be so again if the call is taken back."""

    where: str
    counter: str
    seniority: int
    not_before: int
    called: bool
    undone: Before | None
    passed: list[Ticket] = field(default_factory=list)


class Left(NamedTuple):
    """Who left a counter last, and with which seniority."""

    ticket: str
    seniority: int


class Rival(NamedTuple):
    """The head of a line that a counter may serve."""

    ticket: Ticket
    credit: int
    handicap: int

    @property
    def counted(self) -> tuple[int, int]:
        """When it counts as having come, privilege left out."""
        return self.ticket.seniority + self.handicap, self.ticket.order

    @property
    def place(self) -> tuple[int, int]:
        return self.ticket.seniority, self.ticket.order

    def key(self, guard: bool) -> tuple[int, int]:
        return self.counted[0] - (0 if guard else self.credit), self.ticket.order
