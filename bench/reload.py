"""How much later a press is answered while the daemon goes over to another configuration."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.branch import configuration, far_ends, mosquitto, running
from bench.far_ends import PATIENCE, FarEnds
from bench.figures import Figure
from bench.floors import Commits
from bench.history import waiting, write
from bench.ports import free_port
from bench.rush import SETTLING, Devices, connected
from controller.config import read
from controller.control import ask
from controller.lobby.model.units import Ms
from controller.web.accounts import Accounts

COUNTERS = 12
WAITING = 200
EVERY = 0.02
"""Seconds between two presses."""
AFTER = 0.3
"""Seconds after a reload in which a press may still be delayed by it."""
MOST = 100.0
"""Milliseconds."""
PRESSED = "lobby/bench/kiosk/kiosk", "TAKE"


def measure(directory: Path, reloads: int, done: Callable[[], None]) -> list[Figure]:
    """The slowest press during each reload, and in as long a time without one just before it."""
    with mosquitto(directory) as port:
        if port is None:
            return []
        took, during, without, commits = _run(directory, port, reloads, done)
    later = [(slow - usual) * 1000 for slow, usual in zip(during, without, strict=True)]
    detail = {"during_ms": [1000 * each for each in during], "without_ms": [1000 * each for each in without]}
    detail |= {"reload_ms": [1000 * each for each in took], "commit_ms": [1000 * each for each in commits]}
    name = f"slowest press during a reload, later than without, {reloads} reloads"
    return [
        Figure(f"{name}, median", statistics.median(later), "ms", most=MOST, detail=detail),
        Figure(f"{name}, most", max(later), "ms", most=MOST),
        Figure("a reload", statistics.median(took) * 1000, "ms"),
    ]


def _run(
    directory: Path, port: int, reloads: int, done: Callable[[], None]
) -> tuple[list[float], list[float], list[float], list[float]]:
    journal, config, accounts = (directory / f"reload.{end}" for end in ("db", "toml", "access"))
    for old in directory.glob("reload.*"):
        old.unlink()
    with closing(Accounts(accounts, time.time)) as made:
        made.add("manager", "manager")
    ends = far_ends(COUNTERS, full=True)
    # Without a printer: it would be busy from the second ticket on, and refuse the others.
    links = {id: path for id, path in ends.paths.items() if id != "printer"}
    texts = [configuration(COUNTERS, journal, links, port, keypads) for keypads in (1, 2)]
    web = f'[web]\nlisten = "127.0.0.1:{free_port()}"\naccounts = "{accounts.absolute()}"\n'
    config.write_text(texts[0] + web, "utf-8")
    write(journal, waiting(read(config).rules, Ms(time.time_ns() // 1_000_000), WAITING))
    synced = Commits(directory / "floor.db")
    took, during, without, commits = [], [], [], []
    try:
        with running(config), connected(port) as devices:
            ends.serve(2 * SETTLING)  # the screens are imported after the daemon is ready
            for n in range(1, reloads + 1):
                config.write_text(texts[n % 2] + web, "utf-8")
                reload = _Reload(journal)
                reload.start()
                during.append(_slowest(devices, ends, reload.is_alive))
                took.append(reload.seconds)
                until = time.perf_counter() + reload.seconds
                without.append(_slowest(devices, ends, lambda until=until: time.perf_counter() < until))  # type: ignore[misc]
                commits.append(synced.time())
                done()
    finally:
        ends.close()
        synced.close()
    return took, during, without, commits


class _Reload(threading.Thread):
    """A reload as `lobby reload` asks for it; `seconds`: how long it took."""

    def __init__(self, journal: Path) -> None:
        super().__init__(daemon=True)
        self._journal = journal
        self.seconds = 0.0

    def run(self) -> None:
        started = time.perf_counter()
        *_, last = ask(self._journal, {"do": "reload"}, PATIENCE)
        if last != {"ok": True, "text": "in force"}:
            raise RuntimeError(f"the daemon did not reload: {last}")
        self.seconds = time.perf_counter() - started


def _slowest(devices: Devices, ends: FarEnds, lasts: Callable[[], bool]) -> float:
    """Press as long as it lasts, and a moment longer; the seconds of the press that was answered last."""
    devices.answered = []
    until = None
    while until is None or time.perf_counter() < until:
        devices.press(*PRESSED)
        ends.serve(EVERY)
        if until is None and not lasts():
            until = time.perf_counter() + AFTER
    devices.wait(ends)
    return max(took for _, took in devices.answered)
