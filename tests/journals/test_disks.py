"""Journals on disks that are full, and files that are not there any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from disks import small_disk
from full_disk import full_disk
from sweeps import long

from controller.journal import Journal, JournalLostError, JournalReader, JournalWriteError, Remark
from controller.journal.openfiles import log_size
from controller.journal.reader import AT_A_TIME
from controller.journal.schema import SPARE
from controller.lobby.aggregate import Row
from journals.files import ALL, DAY, held, opened, row, sql, why_not, write
from simulators.disk import INDEX, LOCK, LOG, Disk, Moved, beside, cut, delete, move

# -- a disk that fills up ------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("state", ["closed", "killed", long("killed, without its index")])
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
