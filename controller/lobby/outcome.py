"""What a decision can be: events, a refusal, or the ticket that was given already."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby import events as ev
from controller.lobby.rules import Rules
from controller.lobby.wording import Wording


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a wording key below `refused.`, and what to fill into its sentence."""

    code: str
    about: tuple[tuple[str, object], ...] = ()

    def text(self, wording: Wording) -> str:
        """The reason in the branch's language."""
        return wording.say(f"refused.{self.code}", **dict(self.about))


@dataclass(frozen=True, slots=True)
class Same:
    """The command asks for what is done already (a button pressed twice): the answer is this ticket again."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Told:
    """The command was a question, and this is the answer; `ticket` is what it is about."""

    text: str
    ticket: str = ""
    code: str = ""


def sentence(rules: Rules, event: ev.Event) -> str:
    """What has come of a press, in the branch's language, by the event that stands for it."""
    about = event.to_row()
    about["klass"] = rules.class_name(str(about.get("class", "")))
    key = event.KIND
    if isinstance(event, ev.WindowAdviceAnswered):
        key = f"{event.action}_{'accepted' if event.accepted else 'declined'}"
    return rules.wording.say(f"answer.{key}", **about)


Events = list[ev.Event]
Decision = Events | Refusal | Same | Told


class Refused(Exception):
    """Ends a decision early; never leaves `decide`."""

    def __init__(self, code: str, **about: object) -> None:
        super().__init__(code)
        self.refusal = Refusal(code, tuple(about.items()))
