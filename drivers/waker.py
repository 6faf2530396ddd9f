"""Time for what waits without a link of its own: a gesture of a button that speaks over somebody else's connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

LEAST = 0.01
"""Seconds between two `Due`, also when the first has changed nothing."""


@dataclass(frozen=True, slots=True)
class Due:
    """What was waited for has come, or the waiting begins; `now` in monotonic seconds."""

    now: float


class Waker:
    """Says `Due` when it begins, and whenever `next_deadline` has come (monotonic seconds of `clock`; None: nothing is
    waited for). Call `poke` after anything that may have changed it."""

    def __init__(
        self, next_deadline: Callable[[], float | None], heard: Callable[[object], None], clock: Callable[[], float]
    ) -> None:
        self._next_deadline, self._heard, self._clock = next_deadline, heard, clock
        self._changed = asyncio.Event()
        self.settled = asyncio.Event()
        self.settled.set()

    def poke(self) -> None:
        """Look again what is waited for."""
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        self._heard(Due(self._clock()))
        while True:
            self._changed.clear()
            due = self._next_deadline()
            try:
                async with asyncio.timeout(None if due is None else max(LEAST, due - self._clock())):
                    await self._changed.wait()
            except TimeoutError:
                self._heard(Due(self._clock()))
