"""What a person does with a button that only tells "down" and "up": press it, press it twice, hold it.

Pure: times are passed in, in monotonic seconds. The first state that a device tells is no press: nobody knows when it
began.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

SINGLE, DOUBLE, LONG = "single", "double", "long"
GESTURES = (SINGLE, DOUBLE, LONG)
TWICE_WITHIN = 0.4
"""Seconds between two presses that make a double one."""
HELD_FOR = 0.8
"""Seconds after which a button that is held is a long press."""


@dataclass(slots=True)
class _Button:
    is_down: bool
    since: float
    presses: int = 0
    """Presses that may still become a double one."""
    told: bool = False
    """Whether the press under way has been told already."""


class Gestures:
    """The gestures of a device's buttons. `used`: (button, gesture) that mean something; nothing waits for another: a
    button without a double and a long press is told as it goes down."""

    def __init__(self, used: Collection[tuple[str, str]]) -> None:
        self._used = frozenset(used)
        self._buttons: dict[str, _Button] = {}

    def forget(self) -> None:
        """The link was lost: what was under way is no press, and the next states are where to begin."""
        self._buttons.clear()

    def set(self, button: str, is_down: bool, now: float) -> list[tuple[str, str]]:
        """A button's state as told; the presses that it makes: (button, gesture)."""
        known = self._buttons.get(button)
        if known is None:
            # One that is down at first has been told: its going up is no press either.
            self._buttons[button] = _Button(is_down, now, told=is_down)
            return []
        if known.is_down == is_down:
            return []
        known.is_down, known.since = is_down, now
        if is_down:
            return self._down(button, known)
        return self._up(button, known)

    def _down(self, button: str, known: _Button) -> list[tuple[str, str]]:
        known.told = False
        if known.presses:  # the second of a double press
            known.presses, known.told = 0, True
            return [(button, DOUBLE)]
        if (button, DOUBLE) in self._used or (button, LONG) in self._used:
            return []
        known.told = True
        return [(button, SINGLE)]

    def _up(self, button: str, known: _Button) -> list[tuple[str, str]]:
        if known.told:
            return []
        known.told = True
        if (button, DOUBLE) in self._used:
            known.presses = 1
            return []
        return [(button, SINGLE)]

    def tick(self, now: float) -> list[tuple[str, str]]:
        """The presses that have become clear by now."""
        found = []
        for button, known in self._buttons.items():
            due = self._due(button, known)
            if due is None or now < due:
                continue
            if known.is_down:
                known.told = True
                found.append((button, LONG))
            else:
                known.presses = 0
                found.append((button, SINGLE))
        return found

    def next_deadline(self) -> float | None:
        """When `tick` next has something to tell; None: not before a button's state changes."""
        return min((due for name, known in self._buttons.items() if (due := self._due(name, known))), default=None)

    def _due(self, button: str, known: _Button) -> float | None:
        if known.is_down and not known.told and (button, LONG) in self._used:
            return known.since + HELD_FOR
        if not known.is_down and known.presses:
            return known.since + TWICE_WITHIN
        return None
