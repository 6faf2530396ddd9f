"""From the last byte of a call key on the terminals' wire to the first byte on the hall board's wire."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from bench.branch import REPEAT_MS, configuration, far_ends, mosquitto, running
from bench.far_ends import PATIENCE, FarEnds
from bench.figures import Figure, against_floor
from bench.floors import Commits, Echo, echo
from bench.history import waiting, write
from controller.config import read
from controller.lobby.model.percentile import percentile
from controller.lobby.model.units import Ms
from drivers.terminal68 import Frame, Function, Key
from simulators.devices.bx import BoardFarEnd

SPARE_TICKETS = 50
SETTLING = 2.0
"""Seconds after READY until probes, first levels and device reports are done."""
PAUSE = (0.03, 0.07)
"""Seconds of quiet after each press has run its course: shortest and longest."""


def measure(
    directory: Path, counters: int, presses: int, runs: int, done: Callable[[], None], *, echoing: bool = False
) -> list[Figure]:
    """With one counter: terminals and board. With more: the whole branch, with printer, counter displays and MQTT.

    `echoing`: the terminals' bus echoes, as with a two-wire adapter.
    """
    figures: dict[int, tuple[list[float], list[float]]] = {50: ([], []), 99: ([], [])}
    most = {50: 3.0, 99: 4.0}
    for run in range(runs):
        ours, echoes, commits = _run(directory, counters, presses, Random(run), done, echoing)
        for percent, (values, floors) in figures.items():
            values.append(percentile(ours, percent) * 1000)
            floors.append((percentile(echoes, percent) + percentile(commits, percent)) * 1000)
    name = f"press to board, {counters} counter{'s' if counters > 1 else ''}{', echoing bus' if echoing else ''}"
    return [
        against_floor(f"{name}, p{percent}", values, floors, "ms", most=most[percent], presses=presses)
        for percent, (values, floors) in figures.items()
    ]


def _run(
    directory: Path, counters: int, presses: int, random: Random, done: Callable[[], None], echoing: bool
) -> tuple[list[float], list[float], list[float]]:
    ours, echoes, commits = [], [], []
    with branch(directory, counters, presses, echoing=echoing) as (ends, far_echo, synced):
        for n in range(presses):
            frame = Frame(1 + n % counters, Function.ANSWER_RATER, bytes([Key.CALL])).to_bytes()
            ours.append(press(ends, frame))
            ends.serve(REPEAT_MS / 1000 + random.uniform(*PAUSE))
            echoes.append(far_echo.time(frame))
            commits.append(synced.time())
            done()
    return ours, echoes, commits


def press(ends: FarEnds, frame: bytes) -> float:
    """Seconds from a key frame's last byte to the board's first, with the board's text changed."""
    board = ends.far_ends["hall"]
    assert isinstance(board, BoardFarEnd)
    before = board.lines()
    seconds = ends.time("terminals", frame, "hall")
    if not ends.serve(PATIENCE, lambda: board.lines() != before):
        raise RuntimeError("the board did not change")
    return seconds


@contextmanager
def branch(
    directory: Path, counters: int, presses: int, more: str = "", *, echoing: bool = False
) -> Iterator[tuple[FarEnds, Echo, Commits]]:
    """A daemon with tickets waiting, settled; and the floors beside it. `more` is added to its configuration."""
    journal, config = directory / "press.db", directory / "press.toml"
    for old in directory.glob("press.db*"):
        old.unlink()
    ends = far_ends(counters, full=counters > 1, echoing=echoing)
    synced = Commits(directory / "floor.db")
    try:
        with mosquitto(directory) as port, echo() as far_echo:
            mqtt = port if counters > 1 else None
            config.write_text(configuration(counters, journal, ends.paths, mqtt) + more, "utf-8")
            write(journal, waiting(read(config).rules, Ms(time.time_ns() // 1_000_000), presses + SPARE_TICKETS))
            with running(config):
                ends.serve(SETTLING)
                yield ends, far_echo, synced
    finally:
        ends.close()
        synced.close()
