"""The hash chain: a row that was changed, removed, inserted or moved is named, in a journal and in exports of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import lzma
import os
import re
import shutil
import sqlite3
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from ports import eventually

from bench import processes
from controller.journal import SCHEMA_VERSION, Journal, JournalError, JournalReader
from controller.journal.anchoring import Anchoring
from controller.journal.audit import FORMATS, Format, export, so_far, verify_export, verify_journal
from controller.journal.chain import Anchor, Chain, MisfitError, ends, wanted
from controller.lobby.actions.day import DayOpened
from journals.files import DAY, held, opened, row, sql, write

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NEXT_DAY = "2026-11-24"
ROWS = 4103
"""Of the journal that an earlier program wrote."""
LAST = "2dae5564b253ebd2a4a099cb9d13fde0f2255afa4ad0c78d5c5d649be157c683"
"""The hash of its last row."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal of an earlier program."""
    path = tmp_path / "old.db"
    path.write_bytes(lzma.decompress((HERE / "history.db.xz").read_bytes()))
    return path


@pytest.fixture
def journal(path: Path) -> Path:
    """Two days, of which the first is over and has its anchor."""
    write(path, row(1, DayOpened(DAY)), *(row(n) for n in range(2, 6)))
    write(path, row(6, DayOpened(NEXT_DAY), day=NEXT_DAY), *(row(n, day=NEXT_DAY) for n in range(7, 10)))
    with opened(path) as journal:
        anchored(journal)
    return path


def anchored(journal: Journal) -> None:
    with closing(JournalReader(journal.path)) as reader:
        journal.anchor(list(ends(Chain(reader.last_anchor()), reader.stored()))).result()


def tampered(path: Path, *statements: str) -> None:
    """What somebody does who may write the file, and does not mind its triggers."""
    names = ("event_is_never_changed", "event_is_never_replaced", "event_is_never_deleted")
    sql(path, *(f"DROP TRIGGER IF EXISTS {name}" for name in names), *statements)


def computed(path: Path) -> str:
    """The hash of the last row, by the words of the documentation, and by nothing of ours."""
    hash = bytes(32)
    with closing(sqlite3.connect(path)) as file:
        for seq, at, day, kind, version, data, cause, part in file.execute("SELECT * FROM event ORDER BY seq"):
            about = {"seq": seq, "at": at, "day": day, "kind": kind, "version": version, "cause": cause, "part": part}
            line = json.dumps(about, ensure_ascii=False, separators=(",", ":"))[:-1] + f',"data":{data}}}'
            hash = hashlib.sha256(hash + line.encode()).digest()
    return hash.hex()


def test_the_chain_of_a_journal_is_for_ever(old: Path) -> None:
    whole = verify_journal(old)
    assert (whole.rows, whole.first, whole.last.seq, whole.last.hash) == (ROWS, 1, ROWS, LAST)
    assert whole.days == len(set(sql(old, "SELECT DISTINCT day FROM event")))
    assert computed(old) == LAST


def test_texts_are_hashed_as_they_stand(path: Path) -> None:
    causes = ['a"b\\c', "线\t1\n2\r", "\x00\x1f\x7f\u2028", "é😀"]
    write(path, *(row(n, cause=cause) for n, cause in enumerate(causes, 1)))
    assert verify_journal(path).last.hash == computed(path)


TAMPERED = {
    "a time": ("UPDATE event SET at = at + 1 WHERE seq = 3", 1),
    "content": ("""UPDATE event SET data = '{"counter":"7"}' WHERE seq = 3""", 1),
    "content, to the same in other words": ("UPDATE event SET data = replace(data, ':', ': ') WHERE seq = 3", 1),
    "a cause": ("UPDATE event SET cause = 'x' WHERE seq = 5", 1),
    "a day": (f"UPDATE event SET day = '{NEXT_DAY}' WHERE seq = 5", 1),
    "no content": ("UPDATE event SET data = NULL WHERE seq = 3", 3),
    "content of two lines": ("UPDATE event SET data = char(10) || data WHERE seq = 3", 3),
    "removed": ("DELETE FROM event WHERE seq = 3", 3),
    "removed, the first": ("DELETE FROM event WHERE seq = 1", 1),
    "all removed": ("DELETE FROM event", 1),
    "removed, the others closed up": (
        "DELETE FROM event WHERE seq = 3; UPDATE event SET seq = seq - 1 WHERE seq > 3",
        1,
    ),
    "the anchored day cut": ("DELETE FROM event WHERE seq > 4", 5),
    "inserted before all": (
        "INSERT INTO event SELECT 0, at, day, kind, version, data, 'x', 0 FROM event WHERE seq = 3",
        0,
    ),
    "moved": (
        "UPDATE event SET seq = 100 WHERE seq = 3; UPDATE event SET seq = 3 WHERE seq = 4; "
        "UPDATE event SET seq = 4 WHERE seq = 100",
        1,
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_done_to_the_rows_of_a_day_that_is_over_is_noticed(journal: Path, what: str) -> None:
    statements, seq = TAMPERED[what]
    assert verify_journal(journal).rows == 9
    tampered(journal, *statements.split("; "))
    with pytest.raises(MisfitError) as caught:
        verify_journal(journal)
    assert caught.value.seq == seq
    assert re.match(rf"row {seq}\b[^\n]*$", str(caught.value))


def test_an_anchor_from_elsewhere_notices_also_a_chain_that_was_computed_anew(journal: Path) -> None:
    with closing(JournalReader(journal)) as reader:
        (anchor,) = reader.anchors()
        now = so_far(reader)
    assert now == verify_journal(journal).last
    assert (anchor.seq, anchor.day, now.seq) == (5, DAY, 9)
    on_paper = " ".join(now.hash[n : n + 4] for n in range(0, 32, 4)).upper()
    elsewhere = [wanted(f"{DAY}={anchor.hash}"), wanted(f"5={anchor.hash[:16]}"), wanted(f"9={on_paper}")]
    assert verify_journal(journal, elsewhere).rows == 9

    tampered(journal, "UPDATE event SET at = at + 1 WHERE seq = 8")
    assert verify_journal(journal).rows == 9, "nothing is anchored after row 5"
    assert verify_journal(journal, elsewhere[:2]).rows == 9, "these prove nothing of the rows after theirs"
    with pytest.raises(MisfitError, match=r"^row 6 to 9 "):
        verify_journal(journal, elsewhere)

    tampered(journal, "UPDATE event SET at = at + 1 WHERE seq = 2")
    sql(journal, "DROP TRIGGER anchor_is_never_deleted", "DELETE FROM anchor")
    with opened(journal) as again:
        anchored(again)
    assert verify_journal(journal).rows == 9, "the file has been made to fit"
    with pytest.raises(MisfitError, match=rf"^row 5 \({DAY}\): its hash is [0-9a-f]{{64}}, and the anchor "):
        verify_journal(journal, elsewhere[:1])
    with pytest.raises(MisfitError, match=r"^row 1 to 5 "):
        verify_journal(journal, elsewhere[1:])


@pytest.mark.parametrize(
    ("given", "said"),
    [("10=" + "a" * 64, "row 10: it is missing"), ("2026-12-24=" + "a" * 64, "2026-12-24: there is an anchor")],
)
def test_rows_that_an_anchor_tells_of_must_be_there(journal: Path, given: str, said: str) -> None:
    with pytest.raises(MisfitError, match=f"^{said}"):
        verify_journal(journal, [wanted(given)])


A = "a" * 16


@pytest.mark.parametrize("text", ["", "9", "9=", f"0={A}", f"9={A[1:]}", f"9={A * 4}a", "9=xyz", f"mon={A}"])
def test_what_is_no_anchor_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"anchor|digits"):
        wanted(text)


def test_the_same_date_twice_has_an_anchor_each_time(path: Path) -> None:
    """The clock was set to and fro."""
    write(path, row(1), row(2, day=NEXT_DAY), row(3), row(4, day=NEXT_DAY))
    with opened(path) as journal:
        anchored(journal)
        assert [(each.seq, each.day) for each in journal.anchors()] == [(1, DAY), (2, NEXT_DAY), (3, DAY)]
        for anchor in journal.anchors():
            assert verify_journal(path, [wanted(f"{anchor.day}={anchor.hash}")]).days == 2
        assert journal.last_anchor(DAY) == journal.anchors()[2]


# -- exports -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_has_every_row_as_it_is(old: Path, tmp_path: Path, format: Format) -> None:
    out = tmp_path / "all"
    whole = export(old, out, format)
    assert (whole.rows, whole.last.hash) == (ROWS, LAST)
    assert verify_export(out, [wanted(f"{ROWS}={LAST}")], old) == whole
    if format == "jsonl":
        first, *rows, last = [json.loads(line) for line in out.read_bytes().splitlines()]
        columns = ("seq", "at", "day", "kind", "version", "cause", "part")
        assert [tuple(each["row"][c] for c in columns) for each in rows] == sql(
            old, f"SELECT {', '.join(columns)} FROM event ORDER BY seq"
        )
        assert [each["row"]["data"] for each in rows] == [
            json.loads(str(data)) for (data,) in sql(old, "SELECT data FROM event ORDER BY seq")
        ]
        journal = {"branch": "history", "journal": "0123456789abcdef"}
        assert first == {"lobby-export": 1, **journal, "first": 1, "before": "0" * 64}
        assert last == {"rows": ROWS, "days": whole.days, "last": ROWS, "hash": LAST}
    with pytest.raises(FileExistsError):
        export(old, out, format)


def test_an_auditors_own_program_finds_what_ours_finds(old: Path, tmp_path: Path) -> None:
    """The one in the documentation."""
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/operate.md").read_text("utf-8"), re.DOTALL)
    out, script = tmp_path / "some.jsonl", tmp_path / "check.py"
    script.write_text(program)
    whole = export(old, out, "jsonl", "2021-03-26", "2023-12-31")
    assert 1 < whole.first < whole.last.seq < ROWS

    check = [sys.executable, str(script), str(out)]
    done = processes.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"whole; the anchor of its last row: {whole.last.seq}={whole.last.hash}\n"
    lines = out.read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b'"at":1', b'"at":2')
    out.write_bytes(b"".join(lines))
    done = processes.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == f"row {whole.first + 6} does not fit\n"


def test_days_of_an_export_go_on_from_the_days_before(journal: Path, tmp_path: Path) -> None:
    whole = export(journal, tmp_path / "all", "jsonl")
    first, second = (export(journal, tmp_path / day, "csv", day, day) for day in (DAY, NEXT_DAY))
    assert (first.rows, second.first, second.rows) == (5, 6, 4)
    assert second.last.hash == whole.last.hash
    before = (tmp_path / NEXT_DAY).read_text("utf-8").splitlines()[1]
    assert before == f"before,,,,,,,,{first.last.hash}"
    assert export(journal, tmp_path / "rest", "jsonl", NEXT_DAY).rows == 4
    with pytest.raises(JournalError, match="there is no row of these days"):
        export(journal, tmp_path / "none", "jsonl", "2027-01-01")
    assert not (tmp_path / "none").exists()


Change = Callable[[list[bytes]], object]
EXPORTS: dict[str, tuple[Change, str]] = {
    "changed": (lambda lines: lines.__setitem__(4, lines[4].replace(b"counter_opened", b"counter_paused")), "row 4:"),
    "another hash": (lambda lines: lines.__setitem__(4, re.sub(rb"[0-9a-f]{64}", b"0" * 64, lines[4])), "row 4:"),
    "removed": (lambda lines: lines.pop(4), "row 4: it is missing"),
    "twice": (lambda lines: lines.insert(4, lines[4]), "row 4: it stands where row 5 should"),
    "moved": (lambda lines: lines.insert(6, lines.pop(4)), "row 4: it is missing"),
    "the last row removed": (lambda lines: lines.pop(-2), "row 9: the export ends otherwise"),
    "begins elsewhere": (lambda lines: lines.pop(1), "row 1: it is missing"),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("what", EXPORTS)
def test_what_was_done_to_an_export_is_noticed_and_the_row_is_named(
    journal: Path, tmp_path: Path, format: Format, what: str
) -> None:
    out = tmp_path / "out"
    export(journal, out, format)
    lines = out.read_bytes().splitlines(keepends=True)
    head = lines.pop(0) if format == "csv" else b""  # then both have a line before the rows
    change, said = EXPORTS[what]
    change(lines)
    out.write_bytes(head + b"".join(lines))
    with pytest.raises(MisfitError, match=f"^{said}" if format == "jsonl" or "begins" not in what else "^row "):
        verify_export(out)


@pytest.mark.parametrize("format", FORMATS)
def test_a_journal_that_was_changed_after_an_export_is_told_by_the_row(
    journal: Path, tmp_path: Path, format: Format
) -> None:
    out = tmp_path / "out"
    export(journal, out, format)
    assert verify_export(out, journal=journal).rows == 9
    tampered(journal, "UPDATE event SET at = at + 1 WHERE seq = 8")
    with pytest.raises(MisfitError, match=r"^row 8: in .* it is not what it is in the export$"):
        verify_export(out, journal=journal)
    tampered(journal, "DELETE FROM event WHERE seq = 9", "UPDATE event SET at = at - 1 WHERE seq = 8")
    with pytest.raises(MisfitError, match=r"^row 9: it is in the export, and not in "):
        verify_export(out, journal=journal)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}\n", b'{"lobby-export":1}\n', b"seq,at\n", b"\x00" * 99])
def test_what_is_no_export_is_told(tmp_path: Path, content: bytes) -> None:
    out = tmp_path / "out"
    out.write_bytes(content)
    with pytest.raises(JournalError, match=rf"^{re.escape(str(out))}: [^\n]*export[^\n]*$"):
        verify_export(out)


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_that_was_cut_anywhere_is_not_whole(journal: Path, tmp_path: Path, format: Format) -> None:
    out = tmp_path / "out"
    export(journal, out, format)
    content = out.read_bytes()
    whole = len(content.rstrip())  # the end of the last line is not missed
    for size in [*range(0, whole, 7), whole - 1]:
        out.write_bytes(content[:size])
        with pytest.raises((JournalError, MisfitError)) as caught:
            verify_export(out)
        assert "\n" not in str(caught.value), size


def test_a_journal_that_is_not_whole_is_not_exported(journal: Path, tmp_path: Path) -> None:
    tampered(journal, "UPDATE event SET at = at + 1 WHERE seq = 3")
    with pytest.raises(MisfitError, match=r"^row 1 to 5 "):
        export(journal, tmp_path / "out", "jsonl")
    assert not [name for name in os.listdir(tmp_path) if name.startswith("out")]


@pytest.mark.long
@pytest.mark.parametrize("format", FORMATS)
def test_a_long_journal_takes_no_more_memory_than_a_short_one(path: Path, tmp_path: Path, format: Format) -> None:
    with opened(path) as journal:
        for start in range(1, 60_000, 1000):
            journal.append([row(n) for n in range(start, start + 1000)]).result()
    tracemalloc.start()
    try:
        export(path, tmp_path / "out", format)
        verify_export(tmp_path / "out", journal=path)
        verify_journal(path)
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()


# -- anchors, and formats of the file --------------------------------------------------------------------------------


async def test_each_day_that_is_over_gets_its_anchor_while_the_controller_runs(
    old: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with closing(JournalReader(old)) as reader:
        assert reader.anchors() == []
        assert reader.last_anchor() is None
        expected = list(ends(Chain(), reader.stored()))
    with opened(old) as journal:
        running = asyncio.create_task(Anchoring(journal).run())
        await eventually(lambda: journal.anchors() == expected)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        (now,) = sql(old, "SELECT day FROM event ORDER BY seq DESC LIMIT 1")[0]
        assert journal.last_anchor() == expected[-1]
        assert expected[-1].day != now
    assert verify_journal(old).last.hash == LAST
    assert caplog.messages[-1].endswith(f"the anchor of its row {expected[-1].seq} is {expected[-1].hash}")


async def test_rows_that_do_not_fit_are_logged_once(journal: Path, caplog: pytest.LogCaptureFixture) -> None:
    tampered(journal, "DELETE FROM event WHERE seq = 8")
    with opened(journal) as again:
        running = asyncio.create_task(Anchoring(again, every=0.001).run())
        await eventually(lambda: any("row 8" in text for text in caplog.messages))
        sql(journal, "DELETE FROM event WHERE seq = 7")
        await eventually(lambda: any("row 7" in text for text in caplog.messages))
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert [text for text in caplog.messages if "row 8: " in text] == [
        f"{journal}: row 8: it is missing; keep the file as it is, and compare it with its backups"
    ]


def test_an_anchor_is_never_changed(journal: Path) -> None:
    with opened(journal) as again:
        (anchor,) = again.anchors()
        again.anchor([Anchor(5, DAY, "0" * 64)]).result()
        assert again.anchors() == [anchor]
    for change in ("UPDATE anchor SET hash = ''", "DELETE FROM anchor"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            sql(journal, change)


def newer(path: Path) -> Iterator[str]:
    """What opening it says, to write and to read."""
    for look in (lambda: Journal(path), lambda: JournalReader(path)):
        with pytest.raises(JournalError) as caught:
            look().close()
        yield str(caught.value)


@pytest.mark.parametrize("more", ["", "ALTER TABLE event ADD COLUMN mood TEXT"])
def test_a_journal_of_a_newer_format_is_refused_with_both_numbers(journal: Path, more: str) -> None:
    sql(journal, f"PRAGMA user_version = {SCHEMA_VERSION + 1}", *filter(None, [more]))
    before = journal.read_bytes()
    for said in newer(journal):
        assert said.startswith(f"{journal}: has format {SCHEMA_VERSION + 1}, and this program (")
        assert f"reads up to format {SCHEMA_VERSION}" in said
        assert said.endswith("install that version")
    assert journal.read_bytes() == before


def test_a_journal_of_an_older_format_is_copied_and_then_upgraded(old: Path) -> None:
    """Format 0 had neither identity nor anchors."""
    sql(
        old,
        "PRAGMA user_version = 0",
        "PRAGMA application_id = 0",
        "DROP TABLE identity",
        "DROP TRIGGER event_is_never_replaced",
    )
    copy = old.with_name("old.db.format-0")
    with opened(old) as journal:
        assert journal.anchors() == []
        assert next(journal.rows(journal.last_day()))
    assert sql(old, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert sql(copy, "PRAGMA user_version") == [(0,)]
    assert held(copy) == held(old)
    assert verify_journal(old).last.hash == verify_journal(copy).last.hash == LAST
    kept = copy.read_bytes()
    with opened(old):
        pass
    assert copy.read_bytes() == kept


def test_a_copy_that_was_begun_and_not_finished_is_made_again(old: Path) -> None:
    sql(old, "PRAGMA user_version = 0")
    old.with_name("old.db.format-0.partial").write_bytes(b"half")
    with opened(old):
        pass
    assert held(old.with_name("old.db.format-0")) == held(old)
    assert sorted(name for name in os.listdir(old.parent) if "format" in name) == ["old.db.format-0"]


def test_a_backup_has_the_anchors_too(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copyfile(journal, copy)
    with closing(JournalReader(copy)) as reader:
        assert [each.seq for each in reader.anchors()] == [5]
