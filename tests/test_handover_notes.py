"""What a clerk leaves for the next shift is there the next morning, its words too, and only at that counter (交接)."""

from __future__ import annotations

from pathlib import Path

import pytest
from branches import NINE, branch
from engine.running import asked, journalled, replayed, running
from journals.files import opened, sql

from controller.devices.notices import NoticeWords
from controller.engine import Engine
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.clock import StartController, StepClock
from controller.lobby.actions.day import DayOpened, RollOver
from controller.lobby.actions.leave_note import LeaveNote
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.aggregate import Row
from controller.lobby.show import screens

DAY = 24 * 3600 * 1000
RULES = branch({"1": {"cash": 0}, "2": {"cash": 10, "personal": 0}})


async def left(engine: Engine, words: str, at: int = NINE, counter: str = "1") -> None:
    command = LeaveNote(at=at, cause=f"n:{at}", counter=counter, words=words)
    assert (await engine.ask(command, words)).result == "ok"


def shown(path: Path, at: int, counter: str = "1") -> list[tuple[str, str]]:
    """What the counter's page shows after a restart: the words of each note, and the day if it is an earlier one."""
    with opened(path) as journal:
        words = NoticeWords(journal)
    view = screens.counter(replayed(path), RULES, RULES.counters[counter], at, [], words)
    return [(note["words"], note["day"]) for note in view["notes"]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lobby.db"


async def test_a_note_is_there_the_next_morning_also_after_a_restart(path: Path) -> None:
    async with running(path) as engine:
        await asked(engine, TakeTicket(at=NINE, cause="t", by="kiosk"))
        await left(engine, "the key is in the safe")
        await asked(engine, CallNext(at=NINE + 1, cause="c", counter="1"))
        await left(engine, "has no passport", NINE + 2)
    assert shown(path, NINE + 3) == [("the key is in the safe", ""), ("has no passport", "")]
    async with running(path) as engine:
        await asked(engine, Open(at=NINE + DAY, cause="morning", counter="2"))
        await left(engine, "toner is empty", NINE + DAY + 1)
    later = NINE + DAY + 2
    assert shown(path, later) == [("the key is in the safe", "2026-11-23"), ("toner is empty", "")]
    assert shown(path, later, "2") == []
    async with running(path) as engine:
        await asked(engine, RollOver(at=NINE + 2 * DAY, cause="night"))
        assert engine.state.picture() == replayed(path).picture()
    after = [("the key is in the safe", "2026-11-23"), ("toner is empty", "2026-11-24")]
    assert shown(path, NINE + 2 * DAY) == after
    rows = journalled(path)
    opens = [row["data"].get("notes") for row in rows if row["kind"] == "day_opened"]
    first = {"id": "n1", "counter": "1", "at": NINE, "day": "2026-11-23"}
    second = {"id": "n2", "counter": "1", "at": NINE + DAY + 1, "day": "2026-11-24"}
    assert opens == [None, [first], [first, second]]
    assert not any(word in str(rows) for word in ("safe", "toner", "passport")), "words are in no row"


async def test_who_is_there_at_the_roll_over_keeps_the_words(path: Path) -> None:
    async with running(path) as engine:
        await left(engine, "the key is in the safe")
    with opened(path) as journal:
        words = NoticeWords(journal)
        note = {"id": "n1", "counter": "1", "at": NINE, "day": "2026-11-23"}
        words.told([Row(9, NINE + DAY, "2026-11-24", DayOpened("2026-11-24", notes=[note]), "night", 0)])
        assert words == {"n1": "the key is in the safe"}
        words.told([Row(10, NINE + 2 * DAY, "2026-11-25", DayOpened("2026-11-25"), "night", 0)])
        assert words == {}


async def test_a_note_whose_words_were_purged_is_shown_nowhere(path: Path) -> None:
    async with running(path) as engine:
        await left(engine, "the key is in the safe")
        await asked(engine, RollOver(at=NINE + DAY, cause="night"))
    sql(path, "DELETE FROM remark")
    assert shown(path, NINE + DAY) == []
    async with running(path) as engine:
        await asked(engine, LeaveNote(at=NINE + DAY, cause="gone", counter="1"))
        assert not engine.state.notes


async def test_a_clock_that_is_set_takes_the_time_of_a_note_with_it(path: Path) -> None:
    async with running(path) as engine:
        await asked(engine, Open(at=NINE, cause="o", counter="1"))
        await asked(engine, StartController(at=NINE, cause="s", boot="b", origin=NINE))
        await left(engine, "the key is in the safe", NINE + 60_000)
        await asked(engine, StepClock(at=NINE + 3_720_000, cause="step", by=3_600_000))
        assert [note.at for note in engine.state.notes.values()] == [NINE + 3_660_000]
