"""The journal on real files: what it refuses to open and says, what it keeps, and what a failed write leaves."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from disks import small_disk

from controller.journal import (
    APPLICATION_ID,
    AT_A_TIME,
    SCHEMA_VERSION,
    SPARE,
    Journal,
    JournalError,
    JournalLostError,
    JournalReader,
    JournalWriteError,
    Remark,
)
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.event import Event
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Row
from controller.openfiles import log_size
from simulators.disk import INDEX, LOCK, LOG, Disk, Moved, beside, cut, delete, move

DAY = "2026-11-23"
BY_CONTRACT = """
CREATE TABLE event(seq INTEGER PRIMARY KEY, at INTEGER, day TEXT, kind TEXT, version INTEGER, data TEXT, cause TEXT,
    part INTEGER, UNIQUE(cause, part)) STRICT;
CREATE INDEX by_day ON event(day);
CREATE TRIGGER no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'no'); END;
CREATE TRIGGER no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'no'); END;
"""
NOBODY = 65534


def row(
    seq: int, event: Event | None = None, *, day: str = DAY, cause: str = "", part: int = 0, press: str = ""
) -> Row:
    return Row(seq, 1000 * seq, day, event or CounterOpened(str(seq)), cause or f"c{seq}", part, press or None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lobby.db"


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


# -- what it keeps -------------------------------------------------------------------------------------------------


def test_rows_come_back_as_they_were(path: Path) -> None:
    issued = TicketIssued("A001", "cash", "normal", 1795482000, 1, "kiosk", True, "年长")
    rows = [row(1, DayOpened(DAY)), row(2, issued, cause="k:1", press="0c1f"), row(3, cause="k:1", part=1)]
    write(path, *rows)
    with opened(path) as journal:
        assert list(journal.rows(DAY)) == rows
        assert journal.of_cause("k:1") == rows[1:]
        assert journal.of_cause("k") == []
        assert (journal.last_day(), journal.opened_at) == (DAY, 3)


def test_a_new_file_has_the_schema_that_outsiders_rely_on(path: Path) -> None:
    write(path, row(1, DayOpened(DAY)))
    columns = sql(path, "SELECT name, type, pk FROM pragma_table_info('event')")
    assert columns == [
        ("seq", "INTEGER", 1),
        ("at", "INTEGER", 0),
        ("day", "TEXT", 0),
        ("kind", "TEXT", 0),
        ("version", "INTEGER", 0),
        ("data", "TEXT", 0),
        ("cause", "TEXT", 0),
        ("part", "INTEGER", 0),
    ]
    assert sql(path, "SELECT strict FROM pragma_table_list('event')") == [(1,)]
    unique = sql(path, "SELECT name FROM pragma_index_list('event') WHERE \"unique\" AND origin = 'u'")
    assert sql(path, f"SELECT name FROM pragma_index_info('{unique[0][0]}')") == [("cause",), ("part",)]
    assert sql(path, "PRAGMA journal_mode") == [("wal",)]
    assert sql(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert sql(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert sql(path, "SELECT day, kind, version, data, cause, part FROM event") == [
        (DAY, "day_opened", 1, f'{{"day":"{DAY}"}}', "c1", 0)
    ]
    plan = sql(path, "EXPLAIN QUERY PLAN SELECT * FROM event WHERE day = '2026-11-23'")
    assert "USING INDEX" in str(plan)


def test_every_write_is_synced(path: Path) -> None:
    with opened(path) as journal:
        synchronous = journal._thread.submit(lambda: journal._open_writer().execute("PRAGMA synchronous").fetchone())
        assert synchronous.result() == (2,), "2 is FULL"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET data = '{}'",
        "DELETE FROM event",
        "DELETE FROM event WHERE seq = 1",
        "REPLACE INTO event(seq, cause, part) VALUES (1, 'x', 0)",
        "REPLACE INTO event(seq, cause, part) VALUES (3, 'c1', 0)",
        "UPDATE OR REPLACE event SET seq = 2 WHERE seq = 1",
    ],
)
def test_rows_are_never_changed_or_deleted(path: Path, change: str) -> None:
    write(path, row(1), row(2))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        sql(path, change)
    assert held(path) == [1, 2]


def test_a_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    with opened(path) as journal:
        journal.append([row(1, cause="press")]).result()
        with pytest.raises(JournalWriteError, match="append-only"):
            journal.append([row(2), row(3, cause="press"), row(4)], [Remark("c2", 0, "words")]).result()
        assert held(path) == [1]
        assert sql(path, "SELECT * FROM remark") == []
        journal.append([row(2), row(3)]).result()
        assert held(path) == [1, 2, 3]


def test_remarks_live_in_a_table_that_may_be_purged(path: Path) -> None:
    with opened(path) as journal:
        journal.append([row(1)], [Remark("c1", 7, "旧客户"), Remark("c1", 8, "twice")]).result()
    assert sql(path, "SELECT * FROM remark") == [("c1", 7, "旧客户")]
    sql(path, "DELETE FROM remark")
    assert held(path) == [1]


def test_the_writer_can_be_asked_whether_it_still_works(path: Path) -> None:
    with opened(path) as journal:
        journal.idle().result()
        journal.probe().result()
    assert sql(path, "SELECT * FROM probe") == []
    assert held(path) == []


@pytest.mark.parametrize(
    ("since", "until", "press", "found"),
    [
        (1000, 2000, "0c", "bus:1:0000000001500"),
        (1500, 1500, "0c", "bus:1:0000000001500"),
        (1501, 2000, "0c", None),
        (1000, 1499, "0c", None),
        (1000, 2000, "0d", None),
        (0, 99999, "0c", "bus:1:0000000009000"),
    ],
)
def test_a_retransmitted_press_is_found_by_its_time(path: Path, since: int, until: int, press: str, found: str) -> None:
    causes = ["bus:1:0000000001500", "bus:1:0000000009000", "bus:11:0000000001600"]
    with opened(path) as journal:
        journal.append([row(n, cause=cause, press="0c") for n, cause in enumerate(causes, 1)]).result()
        assert journal.recent_cause("bus:1:", since, until, press) == found


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("http:li:k1:", "http:li:k1:aa"),
        ("http:li:k1:aa", "http:li:k1:aa"),
        ("http:li:k1:ab", None),
        ("http:li:k:", None),
        ("http:li:k12:", "http:li:k12:bb"),
        ("http:li:%:", None),
        ("http:li:_1:", None),
        ("http:l:", None),
        ("", "http:li:k12:bb"),
    ],
)
def test_a_cause_is_found_by_its_beginning(path: Path, prefix: str, found: str | None) -> None:
    with opened(path) as journal:
        causes = ["http:li:k1:aa", "http:li:k12:bb", "http:wang:k3:cc", "press"]
        journal.append([row(n, cause=cause) for n, cause in enumerate(causes, 1)]).result()
        assert journal.cause_beginning(prefix) == found


def test_only_the_day_asked_for_is_read(path: Path) -> None:
    write(path, row(1, DayOpened("2026-11-22"), day="2026-11-22"), row(2, DayOpened(DAY)))
    old = "INSERT INTO event VALUES (0, 0, '2026-11-22', 'from_the_future', 9, 'no json', 'c0', 0)"
    sql(path, old)
    with opened(path) as journal:
        assert [r.seq for r in journal.rows(journal.last_day())] == [2]
        with pytest.raises(JournalError):
            list(journal.rows("2026-11-22"))


def test_a_journal_that_somebody_else_made_by_the_contract_is_taken(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(BY_CONTRACT)
    sql(path, f"INSERT INTO event VALUES (1, 5, '{DAY}', 'day_opened', 1, '{{\"day\": \"{DAY}\"}}', 'x', 0)")
    write(path, row(2))
    with opened(path) as journal:
        assert [r.seq for r in journal.rows(DAY)] == [1, 2]
    assert sql(path, "PRAGMA application_id") == [(APPLICATION_ID,)]


def test_a_closed_journal_is_one_whole_file(path: Path) -> None:
    write(path, *(row(n) for n in range(1, 20)))
    assert sorted(p.name for p in path.parent.iterdir()) == ["lobby.db", "lobby.db.lock"]
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    assert held(copy) == list(range(1, 20))


def test_the_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "er" / "lobby.db"
    write(path, row(1))
    assert held(path) == [1]


def test_a_name_full_of_signs(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c%41 营业.db"
    write(path, row(1))
    assert held(path) == [1]
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".db"] == [path.name]


# -- what it refuses -----------------------------------------------------------------------------------------------


def test_a_second_controller(path: Path) -> None:
    with opened(path) as journal:
        assert "another controller is using this journal; stop it first" in why_not(path)
        journal.append([row(1)]).result()
    write(path, row(2))
    assert held(path) == [1, 2]


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_text("dear diary, " * 500)
    assert "this is no journal; move the file away" in why_not(path)
    assert path.read_text() == "dear diary, " * 500


def test_another_programs_database(path: Path) -> None:
    sql(path, "CREATE TABLE song(title TEXT)", "INSERT INTO song VALUES ('x')")
    before = path.read_bytes()
    assert "belongs to another program" in why_not(path)
    assert path.read_bytes() == before


def test_another_programs_event_table(path: Path) -> None:
    sql(path, "CREATE TABLE event(id INTEGER, name TEXT)")
    assert "belongs to another program" in why_not(path)


def test_a_newer_schema(path: Path) -> None:
    write(path, row(1))
    sql(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    assert "newer version of this program; install that version" in why_not(path)


@pytest.mark.parametrize(("kind", "version"), [("ticket_blessed", 1), ("counter_opened", 2)])
def test_a_newer_kind_of_event(path: Path, kind: str, version: int) -> None:
    write(path, row(1))
    sql(path, f"INSERT INTO event VALUES (2, 0, '{DAY}', '{kind}', {version}, '{{\"counter\": \"1\"}}', 'x', 0)")
    told = why_not(path)
    assert f"row 2 ({kind} version {version})" in told
    assert "install that version" in told


@pytest.mark.parametrize("data", ["'no json'", "'[1]'", "'7'", "'{}'", "NULL", "'null'"])
def test_a_row_that_cannot_be_read(path: Path, data: str) -> None:
    write(path, row(1))
    sql(path, f"INSERT INTO event VALUES (2, 0, '{DAY}', 'counter_opened', 1, {data}, 'x', 0)")
    assert "row 2 cannot be read; the file is damaged: restore it from a backup" in why_not(path)


def test_a_folder_where_the_file_should_be(path: Path) -> None:
    path.mkdir()
    assert "cannot be opened" in why_not(path)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = why_not(tmp_path / "file" / "lobby.db")
    assert "cannot be opened" in told
    assert "folder" in told


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


def test_a_folder_that_must_not_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    folder.chmod(0)
    try:
        with as_nobody():
            told = why_not(folder / "lobby.db")
    finally:
        folder.chmod(stat.S_IRWXU)
    assert "Permission denied" in told
    assert "give it to the user this program runs as" in told


@pytest.mark.parametrize("mode", [0o555, 0o777], ids=["folder too", "file only"])
def test_a_file_that_must_not_be_written(mode: int) -> None:
    with TemporaryDirectory() as name:  # pytest's own folders are closed to other users
        folder, path = Path(name), Path(name) / "lobby.db"
        write(path, row(1))
        path.with_name("lobby.db.lock").chmod(0o666)
        path.chmod(0o444)
        folder.chmod(mode)
        try:
            with as_nobody():
                told = why_not(path)
        finally:
            folder.chmod(0o755)
    assert "cannot be opened" in told
    assert "is writable" in told


# -- for reading only ----------------------------------------------------------------------------------------------


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


def days_in(path: Path) -> list[str]:
    reader = JournalReader(path)
    try:
        return reader.days()
    finally:
        reader.close()


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


# -- a disk that fills up ------------------------------------------------------------------------------------------


@contextmanager
def full_disk(path: Path, room: int = 0) -> Iterator[None]:
    """No file of this process may grow beyond `room` bytes more than the journal's log has now."""
    log = path.with_name(path.name + "-wal")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_fails_the_whole_batch_and_leaves_nothing(path: Path) -> None:
    def batch(first: int, count: int) -> Sequence[Row]:
        return [row(first + n, cause=f"long cause {first + n:0500d}") for n in range(count)]

    with opened(path) as journal:
        journal.append(batch(1, 10)).result()
        with full_disk(path, room=20_000):
            with pytest.raises(JournalWriteError) as caught:
                journal.append(batch(100, 200)).result()
            assert caught.value.reason
            with pytest.raises(JournalWriteError):
                journal.probe().result()
            assert [r.seq for r in journal.rows(DAY)] == list(range(1, 11))
            assert journal.of_cause(batch(100, 1)[0].cause) == []
        journal.probe().result()
        journal.append(batch(11, 5)).result()
        assert [r.seq for r in journal.rows(DAY)] == list(range(1, 16))
    assert held(path) == list(range(1, 16))


# -- files that are not there any more -----------------------------------------------------------------------------


ALL = ("", LOG, INDEX)


def refused(journal: Journal, seq: int) -> str:
    """Why a row cannot be written."""
    with pytest.raises(JournalLostError) as caught:
        journal.append([row(seq)]).result()
    assert "\n" not in caught.value.reason
    return caught.value.reason


def works_again(journal: Journal) -> None:
    """It can be written after one or two tries, as the engine makes them."""
    try:
        journal.probe().result()
    except JournalWriteError:
        journal.probe().result()


@pytest.mark.parametrize("carried_over", [False, True])
@pytest.mark.parametrize("suffixes", [("",), ALL, (*ALL, LOCK)], ids=["file", "with its log", "with its lock"])
def test_moved_away_and_back(path: Path, suffixes: Sequence[str], carried_over: bool) -> None:
    with opened(path) as journal:
        journal.append([row(1)]).result()
        if carried_over:
            sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
            journal.idle().result()
        assert journal.intact()
        moved = move(path, suffixes)
        assert not journal.intact()
        assert refused(journal, 2) == "it has been moved away; move it back"
        with pytest.raises(JournalLostError):
            journal.idle().result()
        with pytest.raises(JournalLostError):
            journal.probe().result()
        assert not path.exists(), "no other journal is begun"
        assert held(moved.to) == [1], "it is whole where it is now"
        assert [r.seq for r in journal.rows(DAY)] == [1]
        moved.back()
        works_again(journal)
        assert journal.intact()
        journal.append([row(2)]).result()
        assert [r.seq for r in journal.rows(DAY)] == [1, 2]
    assert held(path) == [1, 2]
    write(path, row(3))


@pytest.mark.parametrize("suffixes", [("",), ALL], ids=["file", "with its log"])
def test_deleted_it_is_put_back_at_the_end(
    path: Path, suffixes: Sequence[str], caplog: pytest.LogCaptureFixture
) -> None:
    with opened(path) as journal:
        journal.append([row(1), row(2)]).result()
        delete(path, suffixes)
        assert refused(journal, 3).startswith("it has been deleted; stop this program and start it again")
        assert not path.exists()
    assert caplog.messages == [f"{path} was deleted while it was in use, and has been put back as it was"]
    assert sorted(p.name for p in path.parent.iterdir()) == ["lobby.db", "lobby.db.lock"]
    assert held(path) == [1, 2]
    write(path, row(3))
    assert held(path) == [1, 2, 3]


def test_what_was_written_into_a_file_that_was_just_moved_is_not_acknowledged(path: Path) -> None:
    class Moving(list[Remark]):
        """Moves the file when they are written: after the look that precedes a commit."""

        def __iter__(self) -> Iterator[Remark]:
            moved.append(move(path, ALL))
            return super().__iter__()

    moved: list[Moved] = []
    with opened(path) as journal:
        journal.append([row(1)]).result()
        with pytest.raises(JournalLostError, match="moved away"):
            journal.append([row(2)], Moving([Remark("c2", 0, "words")])).result()
        moved[0].back()
        works_again(journal)
        assert [r.seq for r in journal.rows(DAY)] == [1, 2], "as after a crash before the answer"
        journal.append([row(3)]).result()


def test_deleted_while_the_disk_is_full_it_is_put_back_too(path: Path) -> None:
    """The connection that writes has been dropped by then."""
    with opened(path) as journal:
        journal.append([row(1)]).result()
        with full_disk(path), pytest.raises(JournalWriteError):
            journal.append([row(n, cause="x" * 3000 + str(n)) for n in range(2, 200)]).result()
        delete(path, ALL)
        refused(journal, 2)
    assert held(path) == [1]


def test_another_file_in_its_place(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = path.with_name("other.db")
    write(other, row(1), row(2), row(3))
    with opened(path) as journal:
        journal.append([row(1)]).result()
        moved = move(path)
        other.rename(path)
        assert refused(journal, 2).startswith("another file has been put in its place")
        assert held(moved.to) == [1]
        path.rename(other)
        moved.back()
        works_again(journal)
        journal.append([row(2)]).result()
        delete(path)
        other.rename(path)
        refused(journal, 3)
    assert held(path) == [1, 2, 3], "the other one stays as it is"
    saved = path.with_name("lobby.db.saved")
    assert held(saved) == [1, 2]
    assert f"what it held is in {saved}" in caplog.text
    assert "this is not the journal that was used here; put that one back" in why_not(path)
    saved.replace(path)
    write(path, row(3))


@pytest.mark.parametrize("suffixes", [(LOG,), (INDEX,), (LOG, INDEX)], ids=" ".join)
@pytest.mark.parametrize("full", [False, True], ids=["", "on a full disk"])
def test_a_log_that_was_deleted_loses_nothing(path: Path, suffixes: Sequence[str], full: bool) -> None:
    with opened(path) as journal:
        journal.append([row(1), row(2)]).result()
        if full:
            with full_disk(path), pytest.raises(JournalWriteError):
                journal.append([row(n, cause="x" * 3000 + str(n)) for n in range(3, 200)]).result()
        delete(path, suffixes)
        assert refused(journal, 3) == "lobby.db-wal or lobby.db-shm beside it has been deleted or replaced"
        works_again(journal)
        journal.append([row(3)]).result()
        assert held(path) == [1, 2, 3]
        assert [r.seq for r in journal.rows(DAY)] == [1, 2, 3]
        assert journal.intact()
    assert held(path) == [1, 2, 3]


@pytest.mark.parametrize("suffix", ["", LOG])
def test_cut_it_is_given_up_until_it_is_restored(path: Path, suffix: str) -> None:
    with opened(path) as journal:
        journal.append([row(n) for n in range(1, 100)]).result()
        if not suffix:
            sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
            journal.append([row(100)]).result()
        backup = path.read_bytes() if not suffix else b""
        cut(beside(path, suffix), 5000)
        assert not journal.intact()
        assert refused(journal, 101).startswith("it has become shorter and rows are lost; stop this program")
        with pytest.raises(JournalLostError):
            journal.probe().result()
        if not suffix:
            path.write_bytes(backup)
        with pytest.raises(JournalLostError):
            journal.probe().result()
    if suffix:
        assert "this is not the journal that was used here; put that one back" in why_not(path)
    else:
        assert held(path) == list(range(1, 101)), "somebody has restored it"


def test_a_journal_that_lost_rows_is_not_gone_on_with(path: Path) -> None:
    """Their numbers would be given again."""
    write(path, row(1))
    backup = path.read_bytes()
    with opened(path) as journal:
        journal.append([row(2)]).result()
        cut(path, 100)
        refused(journal, 3)
    delete(path, (LOG, INDEX))
    path.write_bytes(backup)
    told = why_not(path)
    assert "its last row is 1, but 2 were written; restore a newer backup, or remove" in told
    assert path.read_bytes() == backup
    delete(path, (LOCK,))
    write(path, row(2))


def test_who_empties_the_log_in_sqlites_own_way_is_in_nobodys_way(path: Path) -> None:
    with opened(path) as journal:
        for seq in range(1, 4):
            journal.append([row(seq)]).result()
            sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        journal.idle().result()
        assert journal.intact()
    assert held(path) == [1, 2, 3]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_lock_that_was_removed_is_had_again(path: Path, replaced: bool, caplog: pytest.LogCaptureFixture) -> None:
    lock = beside(path, LOCK)
    with opened(path) as journal:
        journal.append([row(1)]).result()
        before = lock.read_bytes()
        delete(path, (LOCK,))
        if replaced:
            lock.touch()
        assert not journal.intact()
        journal.append([row(2)]).result()
        assert journal.intact()
        assert lock.read_bytes() == before
        assert caplog.messages == [f"{lock} had been removed or replaced, and has been made again"]
        assert "another controller is using this journal" in why_not(path)


def test_who_lost_the_lock_to_another_controller_writes_no_more(path: Path) -> None:
    with opened(path) as first:
        first.append([row(1)]).result()
        delete(path, (LOCK,))
        with opened(path) as second:
            second.append([row(2)]).result()
            assert "another controller has locked" in refused(first, 3)
            second.append([row(3)]).result()
    assert held(path) == [1, 2, 3]


# -- which journal belongs here ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffixes", [("",), ALL])
@pytest.mark.parametrize("emptied", [False, True])
def test_a_journal_that_is_gone_is_missed(path: Path, suffixes: Sequence[str], emptied: bool) -> None:
    write(path, row(1))
    moved = move(path, suffixes)
    if emptied:
        path.touch()
    told = why_not(path)
    lock = beside(path, LOCK)
    assert f"the journal that was here is gone; put it back or restore a backup, or remove {lock} to begin" in told
    assert path.exists() == emptied
    moved.back()
    write(path, row(2))
    delete(path, ("", LOCK))
    write(path, row(1))


def test_the_log_of_a_journal_that_is_gone_is_left_alone(path: Path, tmp_path: Path) -> None:
    """A journal whose controller was killed has rows in its log alone."""
    with opened(path) as journal:
        journal.append([row(1)]).result()
        whole = {suffix: beside(path, suffix).read_bytes() for suffix in ("", LOG, LOCK)}
    killed = tmp_path / "killed" / "lobby.db"
    killed.parent.mkdir()
    for suffix, content in whole.items():
        beside(killed, suffix).write_bytes(content)
    cut(killed)
    assert "is gone" in why_not(killed)
    assert beside(killed, LOG).read_bytes() == whole[LOG]
    killed.write_bytes(whole[""])
    write(killed, row(2))
    assert held(killed) == [1, 2]


def test_another_branchs_journal(path: Path) -> None:
    Journal(path, "0755-001").close()
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        Journal(path, "0755-002")
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert "0755-001" in told
    assert "0755-002" in told
    assert path.read_bytes() == before
    assert days_in(path) == []
    Journal(path, "0755-001").close()


def test_an_older_journal_is_the_branchs_that_opens_it_first(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(BY_CONTRACT)
    sql(path, f"INSERT INTO event VALUES (1, 5, '{DAY}', 'day_opened', 1, '{{\"day\": \"{DAY}\"}}', 'x', 0)")
    before = path.read_bytes()
    assert days_in(path) == [DAY]
    assert path.read_bytes() == before, "who only reads changes nothing"
    Journal(path).close()
    Journal(path, "0755-001").close()
    identity = sql(path, "SELECT journal, branch FROM identity")
    assert identity[0][1] == "0755-001"
    with pytest.raises(JournalError, match=r"0755-001.*0755-002"):
        Journal(path, "0755-002")
    Journal(path, "0755-001").close()
    assert sql(path, "SELECT journal, branch FROM identity") == identity


# -- a small disk --------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 3 * 1024) as directory:
        yield directory


def fill_with_rows(journal: Journal, first: int) -> int:
    """Write rows, one at a time, until that fails; the last that was written."""
    for seq in range(first, 100_000):
        try:
            journal.append([row(seq, cause=f"mqtt:kiosk/kiosk:0123456789abcdef:{seq}")]).result()
        except JournalWriteError:
            return seq - 1
    raise AssertionError("the disk does not fill up")


def test_the_log_leaves_the_disk_to_the_rows(disk: Path) -> None:
    path = disk / "lobby.db"
    most = 0
    with opened(path) as journal:
        for seq in range(1, 2001):
            journal.append([row(seq)]).result()
            most = max(most, log_size(path))
        assert most < 3 * 1024 * 1024 / 3
        journal.probe().result()
        last = fill_with_rows(journal, 2001)
        assert last > 6000
        assert path.stat().st_size > 2 * 1024 * 1024, "most of it is rows"
        with pytest.raises(JournalWriteError):
            journal.probe().result()
        assert [r.seq for r in journal.rows(DAY)] == list(range(1, last + 1))
    assert held(path) == list(range(1, last + 1))


@pytest.mark.parametrize("state", ["closed", "killed", "killed, without its index"])
def test_on_a_full_disk_it_is_opened_to_be_read(disk: Path, state: str) -> None:
    path, room = disk / "lobby.db", Disk(disk)
    with opened(path) as journal:
        journal.append([row(1), row(2)]).result()
        killed = {suffix: beside(path, suffix).read_bytes() for suffix in ALL}
    if state != "closed":
        for suffix, content in killed.items():
            beside(path, suffix).write_bytes(content)
        if "without" in state:
            delete(path, (INDEX,))
    room.fill()
    with opened(path) as journal:
        assert journal.trouble
        assert [r.seq for r in journal.rows(DAY)] == [1, 2]
        assert (journal.last_day(), journal.opened_at) == (DAY, 2)
        for _ in range(2):
            with pytest.raises(JournalWriteError):
                journal.append([row(3)]).result()
            with pytest.raises(JournalWriteError):
                journal.probe().result()
            assert [r.seq for r in journal.rows(DAY)] == [1, 2]
        room.free()
        works_again(journal)
        journal.append([row(3)]).result()
        assert [r.seq for r in journal.rows(DAY)] == [1, 2, 3]
    assert held(path) == [1, 2, 3]


def test_writing_begins_again_with_room_for_more_than_a_row(disk: Path) -> None:
    """Not now and then, as rows find a gap."""
    path, room = disk / "lobby.db", Disk(disk)
    with opened(path) as journal:
        journal.append([row(1)]).result()
        room.fill()
        fill_with_rows(journal, 2)
        cut(disk / "filler", (disk / "filler").stat().st_size - SPARE + 8192)
        with pytest.raises(JournalWriteError, match="no room on its disk"):
            journal.probe().result()
        room.free()
        journal.probe().result()


def test_a_full_disk_with_no_journal_yet(disk: Path) -> None:
    Disk(disk).fill()
    assert "cannot be opened" in why_not(disk / "lobby.db")


def test_who_reads_a_day_slowly_keeps_no_log_from_being_emptied(path: Path) -> None:
    with opened(path) as journal:
        journal.append([row(seq) for seq in range(1, 3 * AT_A_TIME)]).result()
        reader = JournalReader(path)
        rows = reader.rows(DAY)
        assert next(rows).seq == 1
        assert sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0, "1 is busy"
        journal.append([row(3 * AT_A_TIME)]).result()
        assert [r.seq for r in rows] == list(range(2, 3 * AT_A_TIME)), "those that there were when it began"
        reader.close()


def test_who_keeps_the_log_from_being_emptied_is_told_of_once(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = disk / "lobby.db"
    with opened(path) as journal:
        journal.append([row(1)]).result()
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM event").fetchall()
            last = fill_with_rows(journal, 2)
            assert len(caplog.messages) == 1
            assert "a program that reads lobby.db keeps it from being emptied" in caplog.text
            with pytest.raises(JournalWriteError, match=r"its log leaves no room on its disk"):
                journal.probe().result()
        journal.probe().result()
        for seq in range(last + 1, last + 4):
            journal.append([row(seq)]).result()
        assert caplog.messages[1:] == [f"{path}-wal has been emptied"]
        assert log_size(path) < 1024 * 1024
