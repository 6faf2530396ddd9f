"""How much devices that are broken delay a key press at the others: from the key to the hall board."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

from bench import press, processes
from bench.branch import REPEAT_MS, configuration, running
from bench.far_ends import FarEnds
from bench.figures import Figure, against_floor
from bench.history import waiting, write
from controller.config import read
from controller.lobby.model.percentile import percentile
from controller.lobby.model.units import Ms
from drivers.terminal68 import Frame, Function, Key
from simulators.devices.bx import BoardFarEnd
from simulators.devices.escpos import PrinterFarEnd
from simulators.devices.farend import FarEnd
from simulators.devices.terminal68 import TerminalBus
from simulators.devices.vfd import CounterDisplayFarEnd
from simulators.faults import Faults

TERMINALS = 6
HANGS, FLOODS, FLAPS = "window-1", "printer", "window-2"
"""The printer's driver does most with a byte."""
MOST = 1.5
SETTLING = 12.0
"""Seconds in which a line that takes nothing has been noticed."""


def measure(directory: Path, presses: int, runs: int, done: Callable[[], None]) -> list[Figure]:
    """Ten devices on five lines, alternately sound, and with a bus that echoes, a line that takes nothing, one that
    floods and one that is unplugged and plugged all the time."""
    figures: dict[int, tuple[list[float], list[float]]] = {50: ([], []), 99: ([], [])}
    lines = changes = 0
    for run in range(runs):
        with _branch(directory, presses, faulty=False) as ends:
            sound = _times(ends, presses, Random(run), done)
        with _branch(directory, presses, faulty=True) as ends:
            broken = _times(ends, presses, Random(run), done)
        logged, changed = _told(directory)
        lines, changes = lines + logged, changes + changed
        for percent, (values, floors) in figures.items():
            values.append(percentile(broken, percent) * 1000)
            floors.append(percentile(sound, percent) * 1000)
    name = "press to board, 3 of 5 lines broken and the bus echoing"
    return [
        *(
            against_floor(f"{name}, p{percent}", values, floors, "ms", most=MOST, presses=presses, floor="none broken")
            for percent, (values, floors) in figures.items()
        ),
        Figure("lines of the log, beside changes of devices", lines, "lines", changes, lines / changes, most=1.0),
    ]


def _times(ends: FarEnds, presses: int, random: Random, done: Callable[[], None]) -> list[float]:
    times = []
    for n in range(presses):
        frame = Frame(1 + n % TERMINALS, Function.ANSWER_RATER, bytes([Key.CALL])).to_bytes()
        times.append(press.press(ends, frame))
        ends.serve(REPEAT_MS / 1000 + random.uniform(*press.PAUSE))
        done()
    return times


@contextmanager
def _branch(directory: Path, presses: int, *, faulty: bool) -> Iterator[FarEnds]:
    """A daemon with tickets waiting, and its five lines."""
    journal, config = directory / "faults.db", directory / "faults.toml"
    for old in directory.glob("faults.db*"):
        old.unlink()
    bad = {} if not faulty else {id: str((directory / f"faults-{id}").absolute()) for id in (HANGS, FLOODS, FLAPS)}
    devices: dict[str, FarEnd] = {"terminals": TerminalBus(range(1, TERMINALS + 1)), "hall": BoardFarEnd()}
    if not faulty:
        devices |= {id: CounterDisplayFarEnd("cd5220") for id in (HANGS, FLAPS)}
        devices[FLOODS] = PrinterFarEnd(Faults(), columns=32)
    ends = FarEnds(devices, ["terminals"] if faulty else [])
    try:
        with _bad_lines(*bad.values()):
            config.write_text(configuration(TERMINALS, journal, ends.paths | bad), "utf-8")
            tickets = presses + press.SPARE_TICKETS
            write(journal, waiting(read(config).rules, Ms(time.time_ns() // 1_000_000), tickets))
            with running(config):
                ends.serve(SETTLING)
                yield ends
    finally:
        ends.close()


@contextmanager
def _bad_lines(*paths: str) -> Iterator[None]:
    if not paths:
        yield
        return
    command = [sys.executable, "-m", "bench.bad_lines", *paths]
    process = processes.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        if process.stdout.readline() != "plugged\n":
            raise RuntimeError("the bad lines could not be made")
        yield
        process.stdin.close()
        process.wait()
    finally:
        processes.kill(process)
        process.wait()


def _told(directory: Path) -> tuple[int, int]:
    """How many lines the daemon has logged about devices, and how many changes of them its journal holds."""
    lines = re.findall(
        r"^\S+ (?:terminals|hall|printer|window-\d): ", (directory / "faults.log").read_text("utf-8"), re.M
    )
    with closing(sqlite3.connect(directory / "faults.db")) as journal:
        (changes,) = journal.execute("SELECT count(*) FROM event WHERE kind = 'device_changed'").fetchone()
    return len(lines), changes
