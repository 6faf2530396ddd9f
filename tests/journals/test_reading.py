"""Journals that are only read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from controller.journal import (
    SCHEMA_VERSION,
    JournalError,
)
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Row
from journals.files import DAY, as_nobody, days_in, opened, row, sql, write


@contextmanager
def read_only() -> Iterator[Path]:
    """A journal's path in a folder where nobody may write once this is over to the test; see `closed_to_writers`."""
    with TemporaryDirectory() as name:
        try:
            yield Path(name) / "lobby.db"
        finally:
            Path(name).chmod(0o755)


@contextmanager
def closed_to_writers(path: Path) -> Iterator[None]:
    """Who may only read looks at the file and its folder."""
    for file in path.parent.iterdir():
        file.chmod(0o444)
    path.parent.chmod(0o555)
    with as_nobody():
        yield


def test_a_journal_where_nothing_may_be_written_can_be_read() -> None:
    with read_only() as path:
        write(path, row(1, DayOpened(DAY)))
        with closed_to_writers(path):
            assert days_in(path) == [DAY]


def test_rows_that_only_the_log_has_are_not_left_out_in_silence() -> None:
    with read_only() as path, TemporaryDirectory() as live:
        with opened(Path(live) / "lobby.db") as journal:
            journal.append([row(1, DayOpened(DAY))]).result()
            for name in ("lobby.db", "lobby.db-wal"):
                path.with_name(name).write_bytes((Path(live) / name).read_bytes())
        with closed_to_writers(path), pytest.raises(JournalError) as caught:
            days_in(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: cannot be read (")
    assert "lobby.db-wal" in told
    assert "is writable" not in told
    assert "\n" not in told


def test_a_file_that_must_not_be_read_asks_for_no_more_than_reading() -> None:
    with read_only() as path:
        write(path, row(1))
        path.chmod(0)
        path.parent.chmod(0o755)
        with as_nobody(), pytest.raises(JournalError) as caught:
            days_in(path)
    assert "check that you may read it" in str(caught.value)
    assert "writable" not in str(caught.value)


def test_who_only_reads_refuses_a_newer_schema_too(path: Path) -> None:
    write(path, row(1))
    sql(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}", "ALTER TABLE event ADD COLUMN mood TEXT")
    with pytest.raises(JournalError, match=r"^[^\n]*newer version of this program; install that version$"):
        days_in(path)


def test_the_last_day_with_a_ticket(path: Path) -> None:
    issued = TicketIssued("A001", "cash", "normal", 1795482000, 1, "kiosk", True)
    write(path, row(1, DayOpened(DAY)), row(2, issued), row(3, DayOpened("2026-11-24"), day="2026-11-24"))
    with opened(path) as journal:
        assert (journal.last_day(), journal.last_day_with("ticket_issued")) == ("2026-11-24", DAY)
        assert journal.last_day_with("ticket_called") == ""


def damages(size: int, page: int = 4096) -> Iterator[tuple[str, Callable[[bytearray], None]]]:
    """Ways in which a file of `size` bytes goes bad."""

    def overwrite(start: int, data: bytes) -> Callable[[bytearray], None]:
        def damage(content: bytearray) -> None:
            content[start : start + len(data)] = data

        return damage

    def cut(length: int) -> Callable[[bytearray], None]:
        def damage(content: bytearray) -> None:
            del content[length:]

        return damage

    for start in range(0, size, page):
        yield f"page {start // page} zeroed", overwrite(start, bytes(page))
        yield f"page {start // page} garbled", overwrite(start, bytes((7 * n + 13) % 256 for n in range(page)))
        yield f"page {start // page}, its head", overwrite(start + (100 if start == 0 else 0), b"\xff" * 12)
    for part in (1, 2, 3):
        yield f"cut to {part}/4", cut(size * part // 4)
    yield "cut in the header", cut(50)


def read_all(path: Path, rows: Sequence[Row]) -> tuple[str, list[Row]]:
    """What reading everything complains of, if it does, and what could be read."""
    read: list[Row] = []
    try:
        with opened(path) as journal:
            read.extend(journal.rows(journal.last_day()))
            for each in rows:
                journal.of_cause(each.cause)
    except JournalError as error:
        return str(error), read
    return "", read


def test_a_damaged_file_is_an_error_that_names_it_or_is_still_read_whole(path: Path) -> None:
    rows = [
        row(1, DayOpened(DAY)),
        *(row(n, TicketIssued(f"A{n}", "cash", "normal", n, n, "k", True)) for n in range(2, 400)),
    ]
    write(path, *rows)
    sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    assert len(whole) > 10 * 4096
    complained = 0
    for what, damage in damages(len(whole)):
        content = bytearray(whole)
        damage(content)
        for leftover in path.parent.iterdir():
            leftover.unlink()
        path.write_bytes(content)
        told, read = read_all(path, rows)
        complained += bool(told)
        assert read == rows[: len(read)], what
        if told:
            assert told.startswith(f"{path}: "), what
            assert "\n" not in told, what
            assert "damaged" in told or "no journal" in told, what
    assert complained > 20
