"""A thread of its own for what takes long, one thing after the other."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


def one_thread(name: str) -> ThreadPoolExecutor:
    """A thread that runs already.

    Ctrl-C in the moment in which a thread is started leaves one that nobody knows, for which the program then waits at
    its end for ever.
    """
    with _uninterrupted():
        made = ThreadPoolExecutor(1, thread_name_prefix=name)
        made.submit(lambda: None).result()
    return made


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Signals that end a program come after this. Blocking them would not do: whichever thread the system gives one to,
    Python handles it in the main thread, and there alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ours = {number: handler for number, handler in before.items() if callable(handler)}
    for number in ours:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        for late in came:
            ours[signal.Signals(late)](late, None)
