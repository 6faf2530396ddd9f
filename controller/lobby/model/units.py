"""Two ways to count time that must not be taken for each other, both since 1970, UTC.

Rows, commands and clocks count milliseconds; seniority and appointments count seconds. A type checker tells them apart
wherever they are handed on. Arithmetic gives a plain number: a sum is given its unit again where it is kept, and how
long something lasts stays one, in the unit that it is described with.
"""

from __future__ import annotations

from typing import NewType

Ms = NewType("Ms", int)
"""A time in milliseconds since 1970, UTC."""
Seconds = NewType("Seconds", int)
"""A time in whole seconds since 1970, UTC."""

NEVER = Ms(0)
"""When something happened that has not happened yet."""
UNSET = Seconds(0)
"""A time that was never set, such as the slot of a customer without an appointment."""


def in_seconds(at: Ms) -> Seconds:
    """The same time in whole seconds, rounded down."""
    return Seconds(at // 1000)


def in_ms(seconds: Seconds) -> Ms:
    """The same time in milliseconds."""
    return Ms(seconds * 1000)


def between(then: Ms, at: Ms) -> float:
    """Seconds from one time to another; negative if the clock was set back."""
    return (at - then) / 1000
