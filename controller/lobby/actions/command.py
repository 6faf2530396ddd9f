"""What people and devices ask of the lobby: the base of every command.

Every command carries its time `at` (ms since 1970, UTC) and its `cause`, the press or request that led to it:
a cause acts once, however often it is delivered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controller.lobby.model.units import Ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Base of all commands. `BEGINS_DAY`: the first such command on a new business day begins that day.
    `language`: the one that it is answered in; empty: the branch's."""

    BEGINS_DAY: ClassVar[bool] = True
    language: ClassVar[str] = ""
    KEEPS_PRESS: ClassVar[bool] = True
    """Whether the row may have the key frame that led to it: not if a person's number is in it."""

    at: Ms
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterCommand(Command):
    """Base of a counter's commands. `sure`: it was pressed once more after the lobby had asked whether it is meant."""

    counter: str
    sure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCommand(CounterCommand):
    """Base of what both a counter and the lobby manager ask of the counter; `by`: the manager, empty: the counter."""

    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerCommand(Command):
    """Base of the lobby manager's commands; what an empty `ticket` means is said in the key's description."""

    by: str
    ticket: str = ""
    reason: str = ""
