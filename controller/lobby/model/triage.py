"""Triage (分流): from what a customer wants to the service that a ticket is for, or to a self-service machine.

A tree of questions for ticket buttons, kiosks and screens. An answer leads to another question or to a service; it may
advise a machine first: then a ticket is given only to a customer who insists, and both are counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NEEDS = ("time", "glasses", "change")
"""What a customer may need at the counter, without saying who they are: extra time, reading glasses, small change."""
INSISTS_WITHIN = 60
"""Seconds in which the same answer at the same button again means that the customer insists on a ticket."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer. It leads to `question` or to `service`; `advice`, if any, is shown first."""

    id: str
    text: str
    question: str = ""
    service: str = ""
    advice: str = ""
    klass: str = ""
    """The class that it gives, such as wealth management customers; empty: the class of the press."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its answers, in the order in which they are shown."""

    id: str
    text: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Triage:
    """The tree. `questions` by id, the first is the root; without any, customers choose among the services."""

    questions: Mapping[str, Question] = field(default_factory=dict)

    def choice(self, id: str) -> Choice | None:
        """The answer with that id, if it leads to a service."""
        for question in self.questions.values():
            for choice in question.choices:
                if choice.id == id and choice.service:
                    return choice
        return None

    def picture(self) -> dict[str, Any]:
        """The tree as plain data, for kiosks."""
        return {
            "start": next(iter(self.questions), ""),
            "questions": {
                question.id: {
                    "text": question.text,
                    "choices": [
                        {
                            key: value
                            for key, value in (
                                ("id", choice.id),
                                ("text", choice.text),
                                ("question", choice.question),
                                ("service", choice.service),
                                ("advice", choice.advice),
                            )
                            if value
                        }
                        for choice in question.choices
                    ],
                }
                for question in self.questions.values()
            },
        }


def loops(leads_to: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A cycle of questions, which begins and ends with the same one; empty: there is none.

    `leads_to`: for each question, those that its answers lead to; unknown questions lead nowhere.
    """
    done: set[str] = set()
    for first in leads_to:
        # Iterative and not recursive: a chain of questions may be as long as a file allows.
        path = [first] if first not in done else []
        ahead = [iter(leads_to[question]) for question in path]
        on_path = set(path)
        while path:
            following = next(ahead[-1], None)
            if following is None:
                done.add(path[-1])
                on_path.discard(path.pop())
                ahead.pop()
            elif following in on_path:
                return [*path[path.index(following) :], following]
            elif following not in done:
                path.append(following)
                on_path.add(following)
                ahead.append(iter(leads_to.get(following, ())))
    return []
