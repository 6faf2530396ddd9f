"""From the start of the process to READY, with years of days in the journal, and the memory that it then uses."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import processes
from bench.branch import configuration, far_ends, mosquitto, running
from bench.figures import Figure
from bench.history import add_today, build_years, years_path
from controller.config import read
from controller.lobby.model.units import Ms

COUNTERS = 12
TICKETS = 5000
SETTLING = 3.0
MOST_SECONDS = 1.5
MOST_MEMORY = 80


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds to READY, CPU seconds of it, and memory in MB after `SETTLING` seconds."""

    seconds: float
    processor: float
    resident: float
    proportional: float


def measure(
    directory: Path, rows: int, starts: int, built: Callable[[int], None], done: Callable[[], None]
) -> list[Figure]:
    """`built` is called with the number of rows while the journal is made, which happens once."""
    now = Ms(time.time_ns() // 1_000_000)
    journal, config = years_path(directory, rows), directory / "startup.toml"
    config.write_text(configuration(COUNTERS, journal, {}), "utf-8")
    rules = read(config).rules
    build_years(journal, rules, rows, now, TICKETS, built)
    add_today(journal, rules, now, TICKETS)
    warm, cold, bare = [], [], []
    with mosquitto(directory) as port:
        for _ in range(starts):
            warm.append(_start(journal, config, port))
            _forget(journal)
            cold.append(_start(journal, config, port))
            bare.append(_bare())
            done()
    detail = _contents(journal) | {"mqtt": port is not None, "bare_interpreter": median(bare)}
    seconds = [start.seconds for start in warm]
    resident = [start.resident for start in warm]
    return [
        Figure(
            f"start-up to READY, {rows / 1e6:g} million rows",
            median(seconds),
            "s",
            most=MOST_SECONDS,
            detail=detail | {"starts": seconds},
        ),
        Figure("the same, processor time alone", median([start.processor for start in warm]), "s"),
        Figure("the same, journal not in the page cache", median([start.seconds for start in cold]), "s"),
        Figure("resident memory, day loaded", median(resident), "MB", most=MOST_MEMORY, detail={"starts": resident}),
        Figure("the same, shared pages shared out (PSS)", median([start.proportional for start in warm]), "MB"),
    ]


def _start(journal: Path, config: Path, port: int | None) -> Start:
    ends = far_ends(COUNTERS, full=True)
    try:
        config.write_text(configuration(COUNTERS, journal, ends.paths, port), "utf-8")
        with running(config) as daemon:
            *_, user, system = Path(f"/proc/{daemon.pid}/stat").read_text("utf-8").split()[:15]
            processor = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
            ends.serve(SETTLING)
            smaps = Path(f"/proc/{daemon.pid}/smaps_rollup").read_text("ascii")
            return Start(daemon.seconds, processor, _megabytes(smaps, "Rss"), _megabytes(smaps, "Pss"))
    finally:
        ends.close()


def _megabytes(smaps: str, key: str) -> float:
    found = re.search(rf"^{key}:\s+(\d+) kB", smaps, re.MULTILINE)
    assert found
    return int(found[1]) / 1024


def _forget(journal: Path) -> None:
    """Ask the system to drop the file from its cache, as after boot."""
    for path in (journal, journal.with_name(journal.name + "-wal")):
        if path.exists():
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def _bare() -> float:
    """Seconds that a Python interpreter takes to start and end."""
    started = time.perf_counter()
    processes.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - started


def _contents(journal: Path) -> dict[str, int]:
    database = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        (rows,) = database.execute("SELECT count(*) FROM event").fetchone()
        (today,) = database.execute(
            "SELECT count(*) FROM event WHERE day = (SELECT day FROM event ORDER BY seq DESC LIMIT 1)"
        ).fetchone()
    finally:
        database.close()
    return {"rows": rows, "rows_replayed": today, "bytes": journal.stat().st_size}
