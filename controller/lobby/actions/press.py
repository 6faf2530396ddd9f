"""Keys and buttons: what each is called, where it is, what is typed or chosen with it, and which command it makes.

A key is declared once, beside its command. Everything that takes presses uses the declarations: keypads, panels and
ticket buttons on MQTT, terminals on a bus, HTTP, the virtual lobby, and the reference in `docs/`
(`controller.presses`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import cleandoc
from typing import Any, Generic, Literal, TypeVar, cast

from controller.lobby.actions.command import Command
from controller.lobby.model.paper import Paper, Printers
from controller.lobby.model.units import Ms

T = TypeVar("T", str, bool, int, tuple[str, ...])
M = TypeVar("M", bound=Callable[..., Command])


class Where(StrEnum):
    """Where keys and buttons are."""

    COUNTER = "counter"
    PANEL = "panel"
    """The lobby manager's buttons."""
    KIOSK = "kiosk"
    """Ticket buttons."""
    RATER = "rater"
    RECORD = "record"
    """The day's record, which the lobby does not know."""


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """What is typed or chosen with a key: a text, a boolean, several texts or a number, of the type of its default.

    `longest`: most characters of a text, or most entries; `each`: most characters of an entry; `alias`: its name in
    JSON, if different. `read`: read by a device and not typed by a person; must not be shown.
    """

    name: str
    default: T
    means: str
    longest: int | None = None
    each: int | None = None
    pattern: str | None = None
    alias: str | None = None
    read: bool = False


DIGITS = Field("digits", "", "typed before the key", pattern=r"^[0-9]{0,6}$")
TICKET = Field("ticket", "", "a ticket: A018, or 18 if only one has that number", longest=16)
SERVICE = Field(
    "service", "", "a service's id; empty: the branch's default service where a ticket is taken", longest=32
)
COUNTER = Field("counter", "", "a counter's id", longest=8)
REASON = Field(
    "reason", "", "why: a short code, or a person's own words, which the journal keeps beside its rows", longest=200
)
REMARK = "remark"
"""The code that an event has as its reason where a person used their own words."""
WORDS = Field(
    "words",
    "",
    "the text of a notice or a note, a person's own words, which the journal keeps beside its rows",
    longest=120,
)
MINUTES = Field("minutes", 0, "for how many minutes; 0: until the business day ends")
NOTICE = Field("notice", "", "a notice's id; empty: the one that was posted last", longest=16)

ChosenBy = Literal["staff", "button", "customer", "card"]
"""Who chose a ticket's class: the staff, the ticket button that was pressed, a customer at a touch screen, or the card
that a customer has shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A key that was pressed: when (ms since 1970, UTC), the cause that identifies the press, where, and what was typed
    or chosen with it, by field name.

    `counter`: whose key it is; `by`: who pressed, or which button; `printers`: all of the branch. The other fields: see
    `TakeTicket`.
    """

    at: Ms
    cause: str
    counter: str = ""
    by: str = ""
    paper: Paper = "none"
    printer: str = ""
    late: bool = False
    printers: Printers = ()
    screen: bool = False
    hold_off: float = 0
    asks: bool = False
    chosen_by: ChosenBy = "staff"
    typed: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, field: Field[T]) -> T:
        """What was typed or chosen."""
        return cast(T, self.typed.get(field.name, field.default))

    @property
    def at_counter(self) -> dict[str, Any]:
        """The fields that every command of a counter has."""
        return {"at": self.at, "cause": self.cause, "counter": self.counter}

    @property
    def by_hand(self) -> dict[str, Any]:
        """The fields that every command of the lobby manager or of a ticket button has."""
        return {"at": self.at, "cause": self.cause, "by": self.by}


@dataclass(frozen=True, slots=True)
class TerminalKey:
    """A key of a 68-terminal by name, and the digits that must be typed before it; None: any digits or none. `more`:
    these begin with `digits`, and those after them are the key's own."""

    name: str
    digits: str | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """A key or button. `does`: what it is for, in plain English; `terminal`: what it is on a 68-terminal."""

    name: str
    where: Where
    fields: tuple[Field[Any], ...]
    does: str
    command: Callable[[Press], Command]
    terminal: TerminalKey | None = None


KEYS: dict[tuple[Where, str], Key] = {}
"""All declared keys."""


def key(name: str, where: Where, *fields: Field[Any], terminal: TerminalKey | None = None) -> Callable[[M], M]:
    """Decorator that declares a key. It stands on a function that makes a command from a `Press`, or on a command class
    whose fields are filled from where the key was pressed and from `fields`, by name. The docstring says what the key
    does."""

    def declare(make: M) -> M:
        if (where, name) in KEYS:
            raise TypeError(f"the key {name} at the {where} is declared twice")
        command = _filled(make, where, fields) if isinstance(make, type) else make
        does = " ".join(cleandoc(make.__doc__ or "").split())
        KEYS[where, name] = Key(name, where, fields, does, command, terminal)
        return make

    return declare


def _filled(make: Callable[..., Command], where: Where, fields: tuple[Field[Any], ...]) -> Callable[[Press], Command]:
    def command(press: Press) -> Command:
        about = press.at_counter if where in (Where.COUNTER, Where.RATER) else press.by_hand
        return make(**about, **{field.name: press[field] for field in fields})

    return command
