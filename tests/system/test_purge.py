"""What people typed is deleted once it is past its limit, through a running daemon and without one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from journals.files import opened, sql

from controller.config import PrivacySettings, read
from controller.journal import JournalConflictError, Remark
from controller.journal.audit import verify_journal
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.leave_note import NoteLeft
from controller.lobby.actions.post_notice import NoticePosted
from controller.lobby.aggregate import Row
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import Ms
from controller.operation.purge import Look, Machine, look
from system.branch import HOUSE, Branch, lobby

TEXT = "about the passbook of "
OF_DAY = 86_400_000
AGES = (200, 170, 140, 110, 92, 88, 60, 30, 1)
"""Days ago on which something was typed; there is no leap between them."""
SET = Machine(synchronised=True, starting=False)
ALONE = Machine(synchronised=None, starting=False)


def history(path: Path, ages: Iterable[float] = AGES, *, now: int = 0, more: int = 0) -> int:
    """A journal with a business day for each age, on which a note was left; on the first of them `more` as well. Now,
    in ms since 1970."""
    now = now or time.time_ns() // 1_000_000
    rows: list[Row] = []
    remarks: list[Remark] = []
    for age in ages:
        at = Ms(now - round(age * OF_DAY))
        day = datetime.fromtimestamp(at / 1000, ZoneInfo("Asia/Shanghai")).date().isoformat()
        rows.append(Row(len(rows) + 1, at, day, DayOpened(day), f"day:{day}", 0))
        for n in range(1 + (more if len(rows) == 1 else 0)):
            cause = f"note:{age}:{n}"
            rows.append(Row(len(rows) + 1, at, day, NoteLeft(f"n{n}", "1"), cause, 0))
            remarks.append(Remark(cause, at, f"{TEXT}{age} {n}"))
    with opened(path) as journal:
        journal.append(rows, remarks).result()
    return now


def held(path: Path) -> list[float]:
    """The ages of the notes whose words are still there."""
    return sorted({float(str(cause).split(":")[1]) for (cause,) in sql(path, "SELECT cause FROM remark")}, reverse=True)


def written(directory: Path) -> bool:
    """Whether the words of an old note stand anywhere in the journal's files."""
    return any(f"{TEXT}200 ".encode() in path.read_bytes() for path in directory.glob("lobby.db*") if path.is_file())


async def purge(branch: Branch, *wishes: str) -> tuple[int, dict[str, Any]]:
    code, said = await lobby("purge", "--config", branch.config, "--json", *wishes)
    return code, json.loads(said)


async def test_a_running_branch_forgets_what_was_typed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "lobby.db"
    history(path, more=450)
    assert written(tmp_path)
    async with Branch(tmp_path, 1, (HOUSE,)) as branch:
        assert (await lobby("backup", "--config", branch.config, tmp_path / "kept.db"))[0] == 0
        code, found = await purge(branch, "--dry-run")
        assert (code, found["dry_run"], sum(found["purged"].values()), found["kept"]) == (0, True, 455, 4)
        assert held(path) == [*AGES]
        assert branch.rows("purged") == []

        code, done = await purge(branch)
        assert (code, done["purged"], done["overwritten"]) == (0, found["purged"], True)
        assert held(path) == [88, 60, 30, 1]
        assert not written(tmp_path)
        (before,) = done["purged"]
        told = [row.data for row in branch.rows("purged")]
        assert told == [{"table": "remark", "before": before, "count": count} for count in (200, 200, 55)]

        code, again = await purge(branch)
        assert (code, again["purged"], again["kept"]) == (0, {}, 4)
        assert len(branch.rows("purged")) == 3
        verify_journal(path)
        await branch.stop()

        code, said = await lobby("restore", "--config", branch.config, tmp_path / "kept.db")
        assert code == 0
        assert "\n455 texts past their limit have been deleted; 4 stay\n" in said
        assert held(path) == [88, 60, 30, 1]
        code, said = await lobby("purge", "--config", branch.config)
        assert (code, said) == (0, "0 texts past their limit have been deleted; 4 stay\n")
        await branch.start()


async def test_nothing_is_made_where_there_is_nothing(tmp_path: Path) -> None:
    config = tmp_path / "branch.toml"
    config.write_text(HOUSE.format(id="b-1", directory=tmp_path))
    code, said = await lobby("purge", "--config", config)
    assert (code, said.startswith(f"{tmp_path}/lobby.db: there is no such file")) == (1, True)
    assert os.listdir(tmp_path) == ["branch.toml"]


def test_the_words_go_with_the_row_that_says_so_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "lobby.db"
    history(path, (200, 1))
    with opened(path) as journal:
        taken = Row(1, Ms(1), "2026-01-01", NoteLeft("x", "1"), "twice", 0)
        with pytest.raises(JournalConflictError):
            journal.append([taken], forgotten=["note:200:0"]).result()
    assert held(path) == [200, 1]


# -- clocks -----------------------------------------------------------------------------------------------------------

NOW = 1_796_000_000_000


def rules(directory: Path) -> Rules:
    config = directory / "branch.toml"
    config.write_text(HOUSE.format(id="b-1", directory=directory))
    return read(config).rules


def ages(found: Look) -> list[float]:
    return [float(cause.split(":")[1]) for _, causes in found.due for cause in causes]


def test_each_kind_has_its_own_limit(tmp_path: Path) -> None:
    path = tmp_path / "lobby.db"
    history(path, now=NOW)
    for limits, due in (
        (PrivacySettings(), [200, 170, 140, 110, 92]),
        (PrivacySettings(kinds={"note_left": 180}), [200]),
        (PrivacySettings(remarks=1, kinds={"note_left": 3650}), []),
        (PrivacySettings(kinds={NoticePosted.KIND: 3650}, remarks=150), [200, 170]),
    ):
        assert ages(look(path, limits, rules(tmp_path), Ms(NOW), SET)) == due


@pytest.mark.parametrize("ahead", [40, 3650])
def test_a_clock_that_has_leapt_ahead_deletes_nothing_early(tmp_path: Path, ahead: int) -> None:
    """The journal's newest row says otherwise; once rows are written at the wrong time, they show the leap."""
    path, limits = tmp_path / "lobby.db", PrivacySettings()
    history(path, now=NOW)
    wrong = Ms(NOW + ahead * OF_DAY)
    found = look(path, limits, rules(tmp_path), wrong, SET)
    assert ages(found) == [200, 170, 140, 110, 92]
    assert look(path, limits, rules(tmp_path), wrong, ALONE).doubt.startswith("nothing was deleted: the journal leaps")
    path.unlink()
    (tmp_path / "lobby.db.lock").unlink()
    history(path, [*(age + ahead for age in AGES), 2, 1], now=wrong)
    found = look(path, limits, rules(tmp_path), wrong, ALONE)
    assert found.doubt.startswith("nothing was deleted: the journal leaps from ")
    assert look(path, limits, rules(tmp_path), wrong, ALONE, sure=True).doubt == ""
    assert look(path, limits, rules(tmp_path), wrong, SET).doubt == "", "a branch that was closed for long"


def test_a_clock_that_is_behind_or_not_confirmed_deletes_nothing(tmp_path: Path) -> None:
    path, limits = tmp_path / "lobby.db", PrivacySettings()
    history(path, now=NOW)
    here = rules(tmp_path)
    assert "the open business day is" in look(path, limits, here, Ms(0), SET).doubt
    assert "the open business day is" in look(path, limits, here, Ms(NOW), SET, doubted=True).doubt
    starting = Machine(synchronised=False, starting=True)
    assert "has just been started" in look(path, limits, here, Ms(NOW), starting).doubt
    assert look(path, limits, here, Ms(NOW), ALONE).doubt == ""


def test_what_was_typed_while_the_clock_was_wrong_is_judged_by_the_days_around_it(tmp_path: Path) -> None:
    path, limits = tmp_path / "lobby.db", PrivacySettings()
    future = -2000.5
    history(path, (200, future, 190, 100, 1), now=NOW)
    (newest,) = sql(path, "SELECT seq, day FROM event ORDER BY seq DESC LIMIT 1")
    seq, day = int(str(newest[0])), str(newest[1])
    with opened(path) as journal:  # the clock is years behind, and the lobby stays in its day until it is set
        late = Row(seq + 1, Ms(1000), day, NoteLeft("x", "1"), "note:1.5:0", 0)
        after = Row(seq + 2, Ms(NOW), day, NoteLeft("y", "1"), "later", 0)
        journal.append([late, after], [Remark("note:1.5:0", Ms(1000), TEXT)]).result()
    found = ages(look(path, limits, rules(tmp_path), Ms(NOW), SET, sure=True))
    assert sorted(found) == [future, 100, 190, 200]


def test_old_copies_are_named(tmp_path: Path) -> None:
    path = tmp_path / "lobby.db"
    history(path, now=NOW)
    for name in ("lobby.db.before-20200101-000000", "lobby.db.format-0", "other.db.before-1"):
        (tmp_path / name).touch()
    later = Ms(time.time_ns() // 1_000_000 + 91 * OF_DAY)
    found = look(path, PrivacySettings(), rules(tmp_path), later, SET)
    assert [Path(copy).name for copy in found.copies] == ["lobby.db.before-20200101-000000", "lobby.db.format-0"]
    assert look(path, PrivacySettings(), rules(tmp_path), Ms(0), SET).copies == []


def test_a_limit_is_days_for_kinds_that_there_are(tmp_path: Path) -> None:
    config = tmp_path / "branch.toml"
    house = HOUSE.format(id="b-1", directory=tmp_path)
    config.write_text(f"{house}\n[privacy]\nremarks = 30\nkinds = {{ note_left = 31 }}\n")
    privacy = read(config).privacy
    assert (privacy.limit("note_left"), privacy.limit("notice_posted")) == (31, 30)
