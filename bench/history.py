"""Journals to start from: waiting tickets, a whole day of a branch, and years of such days."""

from __future__ import annotations

import heapq
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from controller.journal import SCHEMA_VERSION, Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.transfer import Transfer
from controller.lobby.aggregate import Aggregate, Row
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import Ms

SHAPE = 2
"""To be increased when the rows made here change, so that no old file is used."""
DAY_MS = 86_400_000
HOURS = 10.0
"""A day's tickets come within so many hours."""
KIOSK = "mqtt:kiosk/kiosk:5f0c1d2e3a4b5c6d"


def begun(rules: Rules, day: str, at: Ms, first_seq: int = 1) -> Aggregate:
    """A lobby on a business day that has just begun; `rows` is what a journal would hold."""
    lobby = Aggregate(rules, seq=first_seq - 1)
    lobby.apply([DayOpened(day)], at, f"day:{day}")
    return lobby


def waiting(rules: Rules, now: Ms, tickets: int) -> list[Row]:
    """The rows of a day with so many tickets issued and none called."""
    day = begun(rules, rules.day_of(now), now)
    services = list(rules.services)
    for n in range(tickets):
        service = services[n % len(services)]
        day.do(TakeTicket(at=now, cause=f"{KIOSK}:{n}", by="kiosk/kiosk", service=service))
    return day.rows


def a_day(rules: Rules, day: str, tickets: int, first_seq: int = 1, seed: int = 1) -> list[Row]:
    """The rows of a day until noon: so many customers came, and nearly all have been served.

    Always at the same hours, whenever it is made: days do not overlap, and so all causes differ.
    """
    noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
    return _Branch(rules, day, Ms(int(noon.timestamp() * 1000)), tickets, first_seq, Random(seed)).live()


class _Branch:
    """Customers and clerks, each a generator of pauses in seconds between what they do."""

    def __init__(self, rules: Rules, day: str, until: Ms, tickets: int, first_seq: int, random: Random) -> None:
        self._now = Ms(until - int(HOURS * 3_600_000))
        self._day = begun(rules, day, self._now, first_seq)
        self._end = until
        self._tickets = tickets
        self._random = random
        self._last = 0

    def live(self) -> list[Row]:
        order = count()
        people = [self._customers(), *(self._clerk(counter) for counter in self._day.rules.counters)]
        due = [(self._now, next(order), person) for person in people]
        while due and due[0][0] < self._end:
            self._now, _, person = heapq.heappop(due)
            pause = next(person, None)
            if pause is not None:
                heapq.heappush(due, (Ms(self._now + int(pause * 1000) + 1), next(order), person))
        return self._day.rows

    def _do(self, kind: Callable[..., Command], source: str, **about: object) -> bool:
        """No two presses of the day at the same millisecond: their causes must differ."""
        self._last = max(self._now, self._last + 1)
        return isinstance(self._day.do(kind(at=self._last, cause=f"{source}:{self._last:013d}", **about)), list)

    def _customers(self) -> Iterator[float]:
        services, classes = list(self._day.rules.services), ("normal", "vip", "green")
        between = HOURS * 3600 / self._tickets
        for _ in range(self._tickets):
            (service,) = self._random.choices(services, (60, 28, 12))
            (klass,) = self._random.choices(classes, (90, 7, 3))
            self._do(TakeTicket, KIOSK, by="kiosk/kiosk", service=service, klass=klass, paper="ready")
            ticket = next(reversed(self._day.state.tickets))
            yield between * 0.4
            self._do(ReportPrint, f"printer:{ticket}#1:printed", ticket=ticket, copy=1, result="printed")
            yield between * self._random.uniform(0.1, 1.0)

    def _clerk(self, counter: str) -> Iterator[float]:
        press, chance = f"terminal68:terminals:{counter}", self._random.random
        minutes = len(self._day.rules.counters) * HOURS * 60 / self._tickets
        while True:
            if not self._do(CallNext, press, counter=counter):
                yield 15.0
                continue
            yield 60 * minutes * 0.1
            if chance() < 0.1:
                self._do(Recall, press, counter=counter)
                yield 60 * minutes * 0.1
            if chance() < 0.04:
                ticket = self._day.state.counter(counter).ticket
                self._do(NoShow, press, counter=counter)
                if chance() < 0.4:
                    yield 20.0
                    self._do(Return, "mqtt:panel/manager:5f0c1d2e3a4b5c6d", by="panel/manager", ticket=ticket)
                continue
            self._do(Start, press, counter=counter)
            yield 60 * minutes * self._random.uniform(0.4, 1.0)
            if chance() < 0.03:
                self._do(Transfer, press, counter=counter, digits=self._random.choice("123"))


# -- files -------------------------------------------------------------------------------------------------------


def write(path: Path, rows: Sequence[Row]) -> None:
    """Append rows to a journal, as the daemon would."""
    journal = Journal(path)
    try:
        journal.append(rows).result()
    finally:
        journal.close()


def years_path(directory: Path, rows: int) -> Path:
    """Where the journal of so many rows is kept between two runs."""
    return directory / f"journal-{rows}-v{SCHEMA_VERSION}.{SHAPE}.db"


def build_years(path: Path, rules: Rules, rows: int, now: Ms, tickets: int, written: Callable[[int], None]) -> None:
    """A journal of at least so many rows on the days before today, unless it is there already.

    One day is really decided; the others are copies of it with their own dates, times and causes. Times inside `data`
    are not changed: only today is ever replayed. `written` is called after each day with the number of rows.
    """
    if path.exists():
        return
    for old in path.parent.glob(f"journal-{rows}-*"):
        old.unlink()
    building = path.with_suffix(".part")
    for old in path.parent.glob(f"{building.name}*"):
        old.unlink()
    model_day = rules.day_of(now)
    with TemporaryDirectory() as directory:
        model_path = Path(directory) / "model.db"
        write(model_path, a_day(rules, model_day, tickets, seed=2))
        model = sqlite3.connect(model_path).execute("SELECT * FROM event ORDER BY seq").fetchall()
    days = -(-rows // len(model))
    Journal(building).close()
    database = sqlite3.connect(building, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("BEGIN")
    seq = 0
    for ago in range(days, 0, -1):
        shift = ago * DAY_MS
        day = rules.day_of(Ms(now - shift))
        database.executemany(
            "INSERT INTO event VALUES (?,?,?,?,?,?,?,?)",
            [
                (
                    seq + n,
                    at - shift,
                    day,
                    kind,
                    version,
                    data.replace(model_day, day) if kind == "day_opened" else data,
                    f"day:{day}" if kind == "day_opened" else f"{cause[:-13]}{int(cause[-13:]) - shift:013d}",
                    part,
                )
                for n, (_, at, _, kind, version, data, cause, part) in enumerate(model, 1)
            ],
        )
        seq += len(model)
        written(seq)
    database.execute("COMMIT")
    database.execute("PRAGMA journal_mode = WAL")
    database.close()
    os.replace(building, path)
    for left in path.parent.glob(f"{building.name}*"):
        left.unlink()


def add_today(path: Path, rules: Rules, now: Ms, tickets: int) -> None:
    """Append today's business day, unless the journal ends with it already."""
    journal = Journal(path)
    try:
        if journal.last_day() != rules.day_of(now):
            journal.append(a_day(rules, rules.day_of(now), tickets, journal.opened_at + 1)).result()
    finally:
        journal.close()
