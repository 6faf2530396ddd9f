"""What tests of the journal share: rows, files, and other programs that look into them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from controller.journal import (
    Journal,
    JournalError,
    JournalReader,
)
from controller.lobby.actions.event import Event
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.aggregate import Row
from simulators.disk import INDEX, LOG

DAY = "2026-11-23"
NOBODY = 65534


def row(
    seq: int, event: Event | None = None, *, day: str = DAY, cause: str = "", part: int = 0, press: str = ""
) -> Row:
    return Row(seq, 1000 * seq, day, event or CounterOpened(str(seq)), cause or f"c{seq}", part, press or None)


@contextmanager
def opened(path: Path) -> Iterator[Journal]:
    journal = Journal(path)
    try:
        yield journal
    finally:
        journal.close()


def write(path: Path, *rows: Row) -> None:
    with opened(path) as journal:
        journal.append(rows).result()


def sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """Run statements as another program would; the last one's rows."""
    with closing(sqlite3.connect(path)) as connection, connection:
        found: list[tuple[object, ...]] = []
        for statement in statements:
            found = connection.execute(statement).fetchall()
        return found


def held(path: Path) -> list[int]:
    return [seq for (seq,) in sql(path, "SELECT seq FROM event ORDER BY seq")]  # type: ignore[misc]


def why_not(path: Path) -> str:
    """What opening and reading the journal complains of."""
    with pytest.raises(JournalError) as caught, opened(path) as journal:
        list(journal.rows(journal.last_day()))
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert "\n" not in told
    assert "Traceback" not in told
    return told


# -- what it refuses -----------------------------------------------------------------------------------------------


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights, which no mode of a file stops."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


# -- for reading only ----------------------------------------------------------------------------------------------


def days_in(path: Path) -> list[str]:
    reader = JournalReader(path)
    try:
        return reader.days()
    finally:
        reader.close()


# -- files that are not there any more -----------------------------------------------------------------------------


ALL = ("", LOG, INDEX)
