"""What a decision can be besides events: a refusal, a ticket that was issued already, or the answer to a query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from controller.lobby.model.wording import Wording


class Choice(NamedTuple):
    """A ticket that a person may have meant, and the digits that mean this one alone; empty: there are none."""

    ticket: str
    digits: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal: its code is a wording key below `refused.`, and `about` has the values for its sentence.

    `asks`: the same press once more is taken to be meant. `choices`: what may have been meant, if that is unclear.
    """

    code: str
    about: tuple[tuple[str, object], ...] = ()
    asks: bool = False
    choices: tuple[Choice, ...] = field(default=(), kw_only=True)

    def text(self, wording: Wording) -> str:
        """The reason in the branch's language."""
        return wording.say(f"refused.{self.code}", **dict(self.about))


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """The command asks for something that is done already (a button pressed twice): the answer is this ticket again."""

    ticket: str


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The answer to a query; `ticket` is the ticket that it is about."""

    text: str
    ticket: str = ""
    code: str = ""


class Refused(Exception):
    """Raised to end a decision with a refusal; never leaves `decide`."""

    def __init__(self, code: str, /, choices: tuple[Choice, ...] = (), **about: object) -> None:
        super().__init__(code)
        self.refusal = Refusal(code, tuple(about.items()), choices=choices)


class Unsure(Refused):
    """Raised where a person may not have meant it: pressed once more, it is done."""

    def __init__(self, code: str, /, **about: object) -> None:
        super().__init__(code)
        self.refusal = Refusal(code, tuple(about.items()), asks=True)
