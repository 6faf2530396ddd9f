"""What people and devices ask of the lobby: the base of every command.

Every command carries its time `at` (ms since 1970, UTC) and its `cause`, the one press or request that led to it:
one cause acts once, whatever is redelivered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Base of all commands. `BEGINS_DAY`: whoever does this first on a new business day begins it."""

    BEGINS_DAY: ClassVar[bool] = True

    at: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterCommand(Command):
    """Base of what is asked at a counter."""

    counter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerCommand(Command):
    """Base of what the lobby manager asks; an empty `ticket` means what the key's description says."""

    by: str
    ticket: str = ""
    reason: str = ""
