"""The report of a day, from the rows that the journal has of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.journal import Journal
from controller.journal.writer import Remark
from controller.lobby.actions.press import Where
from controller.web.days import Days
from record.desk import Desk

DAY = 24 * 60
TODAY = "2026-11-23"


async def report(desk: Desk, path: Path, day: str = "", remarks: Iterable[Remark] = ()) -> Any:
    """What the page is told of a day, from a journal with the desk's rows."""
    with closing(Journal(path)) as journal:
        journal.append(desk.rows, tuple(remarks)).result()
    days = Days(path, lambda: desk.rules.lobby, lambda: desk.now, lambda: desk.rules)
    found = await days.report(day)
    assert found == await days.report(day)  # once it has been read
    return found


def words_of(desk: Desk, words: str) -> Remark:
    """What a person wrote with the last press."""
    return Remark(desk.rows[-1].cause, desk.now, words)


async def test_peaks_and_pauses_are_told_with_their_figures(tmp_path: Path) -> None:
    desk = Desk()
    desk.press("OPEN", where=Where.COUNTER, counter="1")
    desk.go(30).press("PAUSE", where=Where.COUNTER, counter="1")  # nobody waits
    desk.go(5)
    for _ in range(3):
        desk.press("GREEN", where=Where.PANEL, service="cash", reason="elderly")
        desk.go(2)
    desk.go(4).press("CALL", where=Where.COUNTER, counter="1")
    desk.go(6).press("CALL", where=Where.COUNTER, counter="1")
    desk.press("PAUSE", where=Where.COUNTER, counter="1")
    desk.go(1)
    found = await report(desk, tmp_path / "lobby.db")
    at = desk.rules.lobby.local
    assert {name: (at(each["at"]).strftime("%H:%M"), each.get("count")) for name, each in found["peaks"].items()} == {
        "waiting": ("09:39", 3),
        "longest": ("09:51", None),
        "busiest": ("09:30", 3),
    }
    assert found["peaks"]["longest"]["minutes"] == 14.0
    # 10 minutes until the call, and the minute since the second pause, in which one still waits.
    assert found["pauses"] == [{"counter": "1", "times": 2, "minutes": 11, "most": 3}]
    assert (found["sheet"]["tickets"], found["doors"]) == (3, [[9 * 3600, 17 * 3600]])
    assert found["sheet"]["grants"][0]["count"] == 3


async def test_a_past_day_is_told_as_it_was_when_it_ended(tmp_path: Path) -> None:
    desk = Desk()
    desk.press("OPEN", where=Where.COUNTER, counter="1")
    desk.device("printer", "offline", "offline")
    desk.go(20).look()
    desk.device("printer", "ok")
    desk.press("LOG", topic="visit", words="auditors")
    remarks = [words_of(desk, "auditors")]
    desk.press("LOG", topic="suspicious", words="grey coat")
    remarks.append(words_of(desk, "grey coat"))
    desk.press("LOG", topic="service", tomorrow=True)
    desk.press("REMIND", day="2026-11-30", topic="change")
    desk.press("SIGNOFF", sure=True)
    live = desk.picture("logbook")
    desk.go(DAY).do_nothing()
    desk.press("DONE", reminder="T1")
    desk.press("LOG", topic="service")
    found = await report(desk, tmp_path / "lobby.db", TODAY, remarks)
    assert (found["day"], found["over"], found["next"], found["later"]) == (TODAY, True, "2026-11-24", 1)
    assert found["signed"] == live["signed"]
    assert found["drafted"] == live["drafted"]
    assert [each["name"] for each in found["drafted"]] == ["day", "faults", "repairs"]
    assert [(each["id"], found["words"].get(each["words"])) for each in found["entries"]] == [
        ("L1", "auditors"),
        ("L3", None),
    ]
    assert found["private"] == 1
    assert "grey" not in str(found)
    assert [each["id"] for each in found["todo"]] == ["T1"]  # as of that evening
    assert (await report(desk, tmp_path / "purged.db", TODAY))["words"] == {}  # purged: the entries remain


async def test_a_day_without_customers_has_a_report_and_no_pictures(tmp_path: Path) -> None:
    desk = Desk()
    desk.press("LOG", topic="visit")
    desk.go(DAY).do_nothing()
    found = await report(desk, tmp_path / "lobby.db", TODAY)
    assert (found["peaks"], found["pauses"], len(found["entries"])) == ({}, [], 1)
    days = Days(tmp_path / "lobby.db", lambda: desk.rules.lobby, lambda: desk.now)
    assert await days.about(TODAY) is None
    assert await days.report("2026-11-22") is None


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_is_no_longer_configured_is_told_all_the_same(language: str, tmp_path: Path) -> None:
    desk = Desk(language=language)
    desk.press("FAULT", thing="water")
    desk.press("OPEN", where=Where.COUNTER, counter="2")
    desk.press("PAUSE", where=Where.COUNTER, counter="2")
    desk.rules = replace(desk.rules, things={}, lobby=replace(desk.rules.lobby, counters={}))
    found = await report(desk, tmp_path / "lobby.db")
    assert "water" in str(found["drafted"])
