"""What the journal keeps, what it refuses, and which journal belongs where."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from controller.journal import SCHEMA_VERSION, Journal, JournalError, JournalWriteError, Remark
from controller.journal.schema import APPLICATION_ID
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.post_notice import NoticeEnded, NoticePosted
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.model.units import Ms
from journals.files import ALL, DAY, as_nobody, days_in, held, opened, row, sql, why_not, write
from simulators.disk import LOCK, LOG, beside, cut, delete, move

BY_CONTRACT = """
CREATE TABLE event(seq INTEGER PRIMARY KEY, at INTEGER, day TEXT, kind TEXT, version INTEGER, data TEXT, cause TEXT,
    part INTEGER, UNIQUE(cause, part)) STRICT;
CREATE INDEX by_day ON event(day);
CREATE TRIGGER no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'no'); END;
CREATE TRIGGER no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'no'); END;
"""


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


def test_what_was_typed_is_found_beside_the_rows_of_its_day(path: Path) -> None:
    before, after = "2026-11-22", "2026-11-24"
    rows = [
        row(1, DayOpened(before), day=before),
        row(2, NoticePosted("1", Ms(0), "user/li"), day=before, cause="of the day before"),
        row(3, DayOpened(DAY)),
        row(4, NoticePosted("1", Ms(0), "user/li"), cause="http:li:1"),
        row(5, NoticePosted("2", Ms(0), "user/li"), cause="purged"),
        row(6, NoticeEnded("2", Ms(0), "user/li"), cause="another kind"),
        row(7, DayOpened(after, continues=DAY), day=after),
        row(8, NoticePosted("3", Ms(0), "user/li"), day=after, cause="mqtt:panel:3"),
    ]
    typed = [Remark(each.cause, each.at, f"words {each.seq}") for each in rows if each.cause != "purged"]
    with opened(path) as journal:
        journal.append(rows, typed).result()
        assert journal.remarks(NoticePosted.KIND, DAY) == [(rows[3], "words 4")]
        assert journal.remarks(NoticePosted.KIND, after) == [(rows[3], "words 4"), (rows[7], "words 8")]
        assert journal.remarks(NoticePosted.KIND, "2026-11-25") == []


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
