"""A month's report from a year of days: seconds from the start of the process to its end, and its most memory."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from bench import processes
from bench.branch import configuration
from bench.figures import Figure
from bench.history import build_years, years_path
from controller.config import read
from controller.lobby.model.units import Ms

COUNTERS = 12
TICKETS = 1100
"""On each day; a year has 400,000."""
MOST_SECONDS = 2.0
MOST_MEMORY = 150


def measure(
    directory: Path, rows: int, starts: int, built: Callable[[int], None], done: Callable[[], None]
) -> list[Figure]:
    """`built` is called with the number of rows while the journal is made, which happens once."""
    now = Ms(time.time_ns() // 1_000_000)
    journal, config = years_path(directory, rows), directory / "report.toml"
    config.write_text(configuration(COUNTERS, journal, {}), "utf-8")
    build_years(journal, read(config).rules, rows, now, TICKETS, built)
    database = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        (newest,) = database.execute("SELECT max(day) FROM event").fetchone()
        # The newest month that is whole.
        month = (date.fromisoformat(newest) + timedelta(days=1)).replace(day=1) - timedelta(days=1)
        select = "SELECT count(*) FROM event WHERE kind = 'ticket_issued'"
        (tickets,) = database.execute(select).fetchone()
        (of_month,) = database.execute(f"{select} AND day LIKE ?", (f"{month:%Y-%m}-%",)).fetchone()
    finally:
        database.close()
    command = [sys.executable, "-m", "controller.cli", "report", "month", f"{month:%Y-%m}", "--config", str(config)]
    command += ["--format", "html", "--output", str(directory / "report.html"), "--force"]
    seconds, processor, memory = [], [], []
    for _ in range(starts):
        started = time.perf_counter()
        process = processes.start(command)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds.append(time.perf_counter() - started)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
        processor.append(usage.ru_utime + usage.ru_stime)
        memory.append(usage.ru_maxrss / 1024)
        done()
    detail = {"tickets": tickets, "tickets of the month": of_month, "bytes": journal.stat().st_size, "runs": seconds}
    return [
        Figure(f"report of a month, {tickets:,} tickets", median(seconds), "s", most=MOST_SECONDS, detail=detail),
        Figure("the same, processor time alone", median(processor), "s", detail={"runs": processor}),
        Figure("the same, most memory", max(memory), "MB", most=MOST_MEMORY, detail={"runs": memory}),
    ]
