"""Waiting for what must happen, never for a time to pass."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK = 0.003
"""Seconds between two looks."""


async def until(condition: Callable[[], T], seconds: float = 30.0) -> T:
    """What `condition` gives as soon as that is true; AssertionError, naming the condition, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (given := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {_text(condition)} (it gives {given!r})")
        await asyncio.sleep(LOOK)
    return given


def _text(condition: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except OSError:
        return repr(condition)
