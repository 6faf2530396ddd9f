"""Time that passes only when nothing is left to do: a loop whose clock jumps to the next timer.

Nothing here waits for the machine, so what a program does in it is the same on any machine, however loaded: a thread's
work is over before its caller goes on, and is told a moment later; everything else takes no time at all.

`install` is for a process of its own, before the program is imported, whose functions have clocks as defaults.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures.thread import _worker  # type: ignore[attr-defined]
from typing import Any

import anyio.to_thread

STARTS = 1000
"""Seconds that the clock shows at first."""
TICK = 1_000_000
"""Ticks to a second."""
THREAD = 0.0027
"""Seconds from a thread's being asked for something until its answer is known, as of a disk that syncs a write."""


class Clock:
    """Whole ticks, so that no rounding adds up."""

    def __init__(self) -> None:
        self.ticks = STARTS * TICK
        self.threads_take = THREAD
        """Seconds until what a thread has done is known."""

    def now(self) -> float:
        """Seconds."""
        return self.ticks / TICK

    def pass_by(self, seconds: float) -> None:
        """Let time pass, to a whole tick."""
        self.ticks = int((self.now() + seconds) * TICK + 0.01)


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    clock: Clock

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is left that could happen")
        if not ready and timeout:
            self.clock.pass_by(timeout)
        return ready


class Loop(asyncio.SelectorEventLoop):
    """An event loop by such a clock."""

    def __init__(self, clock: Clock) -> None:
        selector = _Selector()
        selector.clock = self._virtual = clock
        super().__init__(selector)
        self._clock_resolution = 1 / TICK
        self._timers = 0

    def time(self) -> float:
        return self._virtual.now()

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        # Just after the deadline, so that who then compares is never a rounding error too early; and those of one tick
        # in the order in which they were set, which a heap alone would not say.
        self._timers = (self._timers + 1) % 400_000
        tick = int(when * TICK + 0.01) + 1
        return super().call_at(tick / TICK + self._timers * 1e-12, callback, *args, context=context)


class _Told(Future[Any]):
    """What a thread has done already, not to be known before its time, unless somebody stands and waits."""

    def __init__(self, done: Future[Any]) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._of = done

    def tell(self) -> None:
        if not self.done():
            if error := self._of.exception():
                self.set_exception(error)
            else:
                self.set_result(self._of.result())

    def result(self, timeout: float | None = None) -> Any:
        self.tell()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self.tell()
        return super().exception(timeout)


def install() -> Clock:
    """Make this whole process go by a virtual clock."""
    clock = Clock()
    time.monotonic = clock.now
    time.monotonic_ns = lambda: clock.ticks * 1000
    time.time = lambda: 1_700_000_000 + clock.now()
    time.time_ns = lambda: 1_700_000_000_000_000_000 + clock.ticks * 1000
    submit, start = ThreadPoolExecutor.submit, threading.Thread.start

    def submitted(self: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future = submit(self, work, *args, **options)
        wait([future])
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return future
        told = _Told(future)
        if clock.threads_take:
            loop.call_later(clock.threads_take, told.tell)
        else:
            loop.call_soon(told.tell)
        return told

    def started(self: threading.Thread) -> None:
        ends = type(self) is threading.Thread and self._target is not _worker  # type: ignore[attr-defined]
        start(self)
        if ends:
            self.join()

    async def run_sync(work: Callable[..., Any], *args: Any, **options: Any) -> Any:
        result = work(*args)
        await asyncio.sleep(clock.threads_take)
        return result

    ThreadPoolExecutor.submit = submitted  # type: ignore[method-assign]
    threading.Thread.start = started  # type: ignore[method-assign]
    anyio.to_thread.run_sync = run_sync  # what Starlette does in threads
    return clock
