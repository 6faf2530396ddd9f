"""How much open browser pages delay a key press: from the key to the hall board, without and with many of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

from bench import press, processes
from bench.far_ends import FarEnds
from bench.figures import Figure, against_floor
from bench.ports import free_port
from bench.viewers import CONSOLES, TELEVISIONS
from controller.lobby.model.percentile import percentile
from controller.web.accounts import Accounts
from drivers.terminal68 import Frame, Function, Key

COUNTERS = 12
MOST = 1.5
BEFORE = (0.02, 0.4)
"""Seconds from a press at another counter, which the pages are being sent, to the one that is measured."""
SERVED_WITHIN = 30.0


def measure(directory: Path, presses: int, runs: int, done: Callable[[], None]) -> list[Figure]:
    """The same daemon, alternately without and with the pages open."""
    figures: dict[int, tuple[list[float], list[float]]] = {50: ([], []), 99: ([], [])}
    for run in range(runs):
        random = Random(run)
        accounts = directory / "access.db"
        accounts.unlink(missing_ok=True)
        with closing(Accounts(accounts, time.time)) as made:
            tokens = made.add("manager", "manager"), made.add("screen", "screen")
        port = free_port()
        web = f'[web]\nlisten = "127.0.0.1:{port}"\naccounts = "{accounts.absolute()}"\n'
        with press.branch(directory, COUNTERS, 4 * presses, web) as (ends, *_):
            _wait_for(port)
            alone = _times(ends, presses, random, done)
            with _pages(port, *tokens):
                watched = _times(ends, presses, random, done)
        for percent, (values, floors) in figures.items():
            values.append(percentile(watched, percent) * 1000)
            floors.append(percentile(alone, percent) * 1000)
    name = f"press to board, {TELEVISIONS} televisions and {CONSOLES} consoles open"
    return [
        against_floor(f"{name}, p{percent}", values, floors, "ms", most=MOST, presses=presses, floor="none open")
        for percent, (values, floors) in figures.items()
    ]


def _times(ends: FarEnds, presses: int, random: Random, done: Callable[[], None]) -> list[float]:
    times = []
    for n in range(presses):
        for counter in (2 * n, 2 * n + 1):
            frame = Frame(1 + counter % COUNTERS, Function.ANSWER_RATER, bytes([Key.CALL])).to_bytes()
            took = press.press(ends, frame)
            ends.serve(random.uniform(*BEFORE))
        times.append(took)
        done()
    return times


@contextmanager
def _pages(port: int, manager: str, screen: str) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.viewers", str(port), manager, screen]
    process = processes.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        if process.stdout.readline() != "open\n":
            raise RuntimeError("the pages could not be opened")
        yield
        process.stdin.close()
        if (said := process.stdout.readline()) != "lost 0\n":
            raise RuntimeError(f"pages were dropped: {said}")
    finally:
        processes.kill(process)
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + SERVED_WITHIN
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if json.load(answer)["status"] == "ok":
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the screens are not served")
