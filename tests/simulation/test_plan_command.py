"""`lobby plan`: its errors, its figures, its tables and its picture."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from branches import wording
from rich.cells import cell_len
from rich.console import Console

from controller.config import read
from controller.journal import SCHEMA_VERSION, Journal, JournalError
from controller.lobby.model.rules import Rules
from controller.output import PIPED
from simulation.rosters import small
from simulation.test_command import in_language, lobby
from simulators.days import pictures
from simulators.days.simulation import FIRST_DAY, simulate
from simulators.rosters import commands, picture, plan, reports
from simulators.rosters.commands import History, NoPlanError, run_plan
from simulators.rosters.judge import Waits
from simulators.rosters.reports import show_plan

TO_COME = date(2098, 12, 15)
"""A Monday that is to come, however old this test becomes."""


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small branch's configuration and its journal of five days."""
    folder = tmp_path_factory.mktemp("small")
    small(folder)
    rules = rules_in(folder)
    with_days(folder / "lobby.db", rules, 5)
    return folder


def rules_in(folder: Path) -> Rules:
    return read(folder / "small.toml").rules


def with_days(path: Path, rules: Rules, days: int, seed: int = 3) -> None:
    """A journal of simulated days, from `FIRST_DAY` on."""
    journal = Journal(path, rules.branch)
    try:
        simulate(rules, None, days, seed, keep=lambda rows: journal.append(rows).result())
    finally:
        journal.close()


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned(branch: Path) -> tuple[Path, str, str]:
    """A day that the journal has, planned from the four before it: the folder, and what it said."""
    day = FIRST_DAY + timedelta(days=4)
    done = lobby(
        *("plan", "--config", "small.toml", "--journal", "lobby.db", "--for", day),
        *("--json", "plan.json", "--picture", "plan.svg"),
        folder=branch,
    )
    assert done.returncode == 0, done.stderr
    return branch, done.stdout, done.stderr


def test_its_figures_fit_together(planned: tuple[Path, str, str]) -> None:
    folder, _, _ = planned
    figures = json.loads((folder / "plan.json").read_text("utf-8"))
    assert (figures["kind"], figures["history"]) == ("small", {"own": 4, "others": 0})
    assert [period["from"] for period in figures["periods"]] == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
    found = figures["rosters"]["found"]
    hours = sum(len(period["counters"]) for period in figures["periods"]) / 2
    assert found["hours"] == hours
    assert sum(period["customers"] for period in figures["periods"]) == pytest.approx(figures["customers"], abs=0.5)
    for side in figures["rosters"].values():
        assert side["within"] + 0.0005 >= 0.9 or side["met"] < 1
        assert 0 <= side["p50"] <= side["p90"]
    assert figures["rosters"]["one_less"]["hours"] < hours <= figures["rosters"]["everything"]["hours"]
    assert figures["without"] not in figures["rosters"]["one_less"]["counters"]
    assert figures["reachable"]
    assert found["met"] >= 0.8
    back = figures["looked_back"]
    assert back["came"] == sum(back["periods"]) == sum(each["came"] for each in back["services"].values())
    assert back["was"]["hours"] > back["would_be"]["hours"] == hours
    assert 0 < back["off_by"] < 10
    assert back["would_be"]["within"] > 0.7


def test_what_it_says_and_draws(planned: tuple[Path, str, str]) -> None:
    folder, said, progress = planned
    for words in (
        "at least 90% of a day's customers are called within 15 min ([waiting] target)",
        "Customers expected by 4 days of this kind (small) and 0 other days in lobby.db",
        "one less: without counter",
        "Erlang C by half-hours",
        "the same counters all day",
        "above",
        "What limits: ",
        "What was expected, and who came",
        "As it was: ",
        "With this roster: ",
        "It took ",
    ):
        assert words in said, words
    assert "…" not in said
    assert "judging it" in progress
    root = ElementTree.parse(folder / "plan.svg").getroot()
    ids = {each.get("id") for each in root.iter() if each.get("id")}
    assert {
        "arrivals-cash",
        "arrivals-personal",
        "came",
        "open-3",
        "waits-found",
        "waits-one-less",
        "line-target",
    } <= ids
    texts = {(each.text or "").strip() for each in root.iter() if each.tag.endswith("text")}
    assert {"Customers expected", "Roster", "Counter 1", "Cash", "09:00", "12:00"} <= texts


@pytest.mark.long
def test_the_same_seed_finds_the_same_roster_and_a_png_is_one(planned: tuple[Path, str, str], tmp_path: Path) -> None:
    folder, _, _ = planned
    day = FIRST_DAY + timedelta(days=4)
    run_plan(rules_in(folder), folder / "lobby.db", day, 1, tmp_path / "plan.png", tmp_path / "again.json")
    one, two = (json.loads(path.read_text("utf-8")) for path in (folder / "plan.json", tmp_path / "again.json"))
    assert one | {"seconds": 0} == two | {"seconds": 0}
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_a_day_on_which_nobody_is_expected_has_somebody_for_each_service(tmp_path: Path) -> None:
    small(tmp_path, "[0, 0, 0]", "[0, 0]")
    run_plan(rules_in(tmp_path), None, TO_COME, 1, tmp_path / "plan.svg", tmp_path / "plan.json")
    figures = json.loads((tmp_path / "plan.json").read_text("utf-8"))
    assert figures["customers"] == 0
    assert figures["limit"]["kind"] == "cover"
    assert figures["history"] == {"own": 0, "others": 0}
    assert figures["rosters"]["found"]["hours"] == 3
    assert all(period["counters"] in (["2"], ["3"]) for period in figures["periods"]), (
        "each of them knows both services"
    )


# -- what it cannot do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--for", "2098-12-15", "--journal", "none.db"], 1, ["none.db: there is no such file"]),
        (["--for", "15.12.2098"], 2, ['--for: "15.12.2098" is no day', "YYYY-MM-DD"]),
        (["--for", "2027-01-01"], 1, ["2027-01-01: the calendar has the branch closed", "plan another day"]),
    ],
)
def test_what_it_cannot_do_it_says_in_a_line(arguments: list[str], code: int, says: list[str], branch: Path) -> None:
    done = lobby("plan", "--config", "small.toml", *arguments, folder=branch)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = [line for line in done.stderr.splitlines() if line.strip() and "━" not in line]
    assert all(each in line for each in says), line


def test_another_branchs_journal_is_not_taken(branch: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    Journal(other, "other").close()
    with pytest.raises(JournalError, match=r"other\.db: is the journal of branch other, .* is that of small; name"):
        History(rules_in(branch), other, TO_COME)


def test_a_journal_of_a_newer_version_is_said_to_be_one(branch: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.db"
    Journal(newer, "small").close()
    with sqlite3.connect(newer) as file:
        file.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    file.close()
    with pytest.raises(JournalError, match=r"newer\.db: .*newer version"):
        History(rules_in(branch), newer, TO_COME)


def test_a_day_that_is_over_and_left_no_rows_is_not_planned(branch: Path) -> None:
    day = FIRST_DAY + timedelta(days=30)
    with pytest.raises(NoPlanError) as caught:
        History(rules_in(branch), branch / "lobby.db", day)
    assert "is over, and" in str(caught.value)
    assert f"its last day is {FIRST_DAY + timedelta(days=4)}" in str(caught.value)
    with pytest.raises(NoPlanError):
        History(rules_in(branch), None, day)


def test_history_is_what_came_before_the_day_and_is_over(branch: Path) -> None:
    days = [str(FIRST_DAY + timedelta(days=n)) for n in range(5)]
    with History(rules_in(branch), branch / "lobby.db", TO_COME) as known:
        past = known.before()
        assert [each.day for each in past] == days
        assert all(each.over for each in past)
        assert known.itself() is None
    with History(rules_in(branch), branch / "lobby.db", date.fromisoformat(days[2])) as known:
        assert [each.day for each in known.before()] == days[:2]
        itself = known.itself()
        assert itself
        assert itself[0].day == days[2]
    with History(rules_in(branch), None, TO_COME) as known:
        assert (known.before(), known.itself()) == ([], None)


@pytest.mark.parametrize("waits", [[-1, -1, 60_000], []])
def test_who_is_never_called_waits_for_ever(waits: list[int]) -> None:
    assert Waits(waits, 0, 1, 600_000).minutes(50) == (math.inf if waits else 0.0)


def test_where_no_counter_is_open_while_the_doors_are_there_is_nothing_to_plan(branch: Path) -> None:
    """The configuration refuses a profile that closes every counter; but it may have them open at other times only."""
    rules = rules_in(branch)
    never = dict.fromkeys(rules.counters, ())
    profiles = {id: replace(kind, staff=never, weekdays=()) for id, kind in rules.calendar.profiles.items()}
    with pytest.raises(NoPlanError, match=r"\[profile\.small\] staff has every counter closed"):
        run_plan(replace(rules, calendar=replace(rules.calendar, profiles=profiles)), None, TO_COME)


# -- the tables ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def figures(planned: tuple[Path, str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((planned[0] / "plan.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("width", [80, PIPED])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_table_is_cut(width: int, language: str, branch: Path, figures: dict[str, Any]) -> None:
    shown = Console(width=width, file=StringIO(), markup=False, emoji=False, highlight=False)
    for kind in plan.LIMITS:
        changed = figures | {"limit": {"kind": kind, "from": "09:30", "service": "cash"}}
        show_plan(shown, changed | {"history": {"own": 0, "others": 0}}, in_language(rules_in(branch), language))
    assert isinstance(shown.file, StringIO)
    text = shown.file.getvalue()
    assert "…" not in text
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert f"{figures['rosters']['found']['hours']:.1f}" in text
    assert ("has no days of its own" if language == "en" else "没有历史数据") in text.replace(
        "\n", " " * (language == "en")
    )


def test_every_word_of_it_is_used() -> None:
    source = "".join(Path(module.__file__ or "").read_text("utf-8") for module in (commands, picture, reports, plan))
    made = {*(f"limit_{kind}" for kind in plan.LIMITS), *(f"side_{name}" for name in reports.SIDES)}
    made |= {"kind_normal", "kind_busy", "kind_pension", "progress_search", "progress_history", "progress_judge"}
    for language in ("zh", "en"):
        words = {key.partition(".")[2] for key in wording(language).templates if key.startswith("roster.")}
        assert {word for word in words if not re.search(rf'["._]{word}"', source)} <= made
        assert made <= words


def test_pictures_of_a_plan_need_matplotlib(branch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(pictures.NoMatplotlibError):
        run_plan(rules_in(branch), None, TO_COME, 1, tmp_path / "plan.svg")
