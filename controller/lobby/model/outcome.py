"""What a decision can be besides events: a refusal, a ticket that was given already, or the answer to a question."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.model.wording import Wording


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a wording key below `refused.`, and what to fill into its sentence."""

    code: str
    about: tuple[tuple[str, object], ...] = ()

    def text(self, wording: Wording) -> str:
        """The reason in the branch's language."""
        return wording.say(f"refused.{self.code}", **dict(self.about))


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """The command asks for what is done already (a button pressed twice): the answer is this ticket again."""

    ticket: str


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The command was a question, and this is the answer; `ticket` is what it is about."""

    text: str
    ticket: str = ""
    code: str = ""


class Refused(Exception):
    """Ends a decision early; never leaves `decide`."""

    def __init__(self, code: str, **about: object) -> None:
        super().__init__(code)
        self.refusal = Refusal(code, tuple(about.items()))
