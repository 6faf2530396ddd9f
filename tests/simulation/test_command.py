"""`lobby simulate`: its journal, its figures and its tables."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from branches import numbers, wording
from checker import Checker
from random_days import plain
from rich.cells import cell_len
from rich.console import Console
from sweeps import long

from bench import processes
from controller.engine import Engine
from controller.journal import Journal, JournalError, JournalReader
from controller.lobby.actions.event import from_row
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.report_device import DeviceChanged
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Row
from controller.lobby.model.percentile import percentile
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.output import PIPED, console
from controller.reports import why
from simulation.rows import Called, first_calls, rows_of
from simulators.days import commands, replay, reports, scores
from simulators.days.replay import compare
from simulators.days.reports import show_replay, show_simulation
from simulators.days.simulation import report, simulate
from simulators.days.simulation import waits as waits_of

LOBBY = Path(sys.executable).with_name("lobby")


# -- the command -----------------------------------------------------------------------------------------------------


def lobby(*arguments: object, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as people run it, with both outputs."""
    command = [str(LOBBY), *map(str, arguments)]
    env = os.environ | environment
    return processes.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=folder, env=env)


@pytest.fixture(scope="module")
def simulated(
    bank_toml: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("simulated")
    done = lobby(
        *("simulate", "--config", bank_toml, "--profile", "pension", "--days", 2, "--seed", 44),
        *("--journal", folder / "days.db", "--json", folder / "days.json", "--pictures", folder / "pictures"),
    )
    assert done.returncode == 0, done.stderr
    return folder, done


async def test_its_journal_is_a_journal(bank: Rules, simulated: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The engine takes it up as a branch's, and an outsider finds nothing wrong in it."""
    folder, _ = simulated
    path = folder / "days.db"
    reader = JournalReader(path)
    rows = [row for day in reader.days() for row in reader.rows(day)]
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    reader.close()
    of_tickets = [row.event for row in rows if row.event.OF_LOBBY and not isinstance(row.event, DeviceChanged)]
    assert of_tickets == [row.event for row in map(_through_json, rows_of(bank, "pension", 2, 44))]
    checker = Checker(numbers(bank))
    for row in rows:
        checker.row(plain(row))
    assert not checker.violations
    assert checker.calls > 500
    journal = Journal(path)
    engine = Engine(bank, journal)
    engine.replay()
    state = State()
    for row in rows:
        if row.day == rows[-1].day:
            evolve(state, row.at, row.event)
    assert engine.state.picture() == state.picture()
    assert engine.state.day == "2026-01-06"
    journal.close()


def _through_json(row: Row) -> Row:
    """As the file gives it back, tuples as lists."""
    data = plain(row)["data"]
    return replace(row, event=from_row(row.event.KIND, row.event.VERSION, data))


def test_its_figures(simulated: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = simulated
    figures = json.loads((folder / "days.json").read_text("utf-8"))
    assert {"days", "customers", "seconds", "classes", "estimates"} <= figures.keys()
    assert figures["days"] == 2
    assert figures["customers"] > 500
    assert figures["seconds"] > 0
    assert figures["target"] == 15
    for side in (figures, *figures["advice"].values()):
        assert 0 < side["above_target"] < side["above_3"] < 1
        assert 0 <= side["idle"] <= 1
    assert {"normal", "vip", "green"} <= figures["classes"].keys()
    for waits in figures["classes"].values():
        assert waits.keys() == {"n", "mean", "p50", "p95", "max", "overtaken_max"}
        assert 0 <= waits["p50"] <= waits["p95"] <= waits["max"]
    estimates = figures["estimates"]
    assert {"n", "mae", "bias", "coverage80", "width80", "baselines"} <= estimates.keys()
    assert estimates["baselines"].keys() == {"les", "hol", "ql", "last5", "hour"}
    reader = JournalReader(folder / "days.db")
    rows = [row for day in reader.days() for row in reader.rows(day)]
    reader.close()
    assert sum(isinstance(row.event, TicketIssued) for row in rows) == figures["customers"]
    first = first_calls(rows)
    for klass, waits in figures["classes"].items():
        minutes = sorted(wait.seconds / 60 for wait in first if wait.klass == klass)
        assert waits["n"] == len(minutes)
        assert waits["mean"] == pytest.approx(fmean(minutes), abs=0.006)
        assert waits["max"] == pytest.approx(minutes[-1], abs=0.006)
        assert waits["p95"] == pytest.approx(percentile(minutes, 95), abs=0.006)
        assert waits["overtaken_max"] == overtaken_most(first, klass)


def test_what_it_shows_and_draws(simulated: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = simulated
    assert "as advised: day 2 of 2" in done.stderr, "the progress"
    assert done.stderr.count("━") < 60, "one bar"
    assert "as planned" not in done.stdout.split("Counters, with and without")[0]
    for said in ("Estimated waits (minutes)", "Green channel", "as planned", "wait more than 15 min, the target (%)"):
        assert said in done.stdout
    assert "…" not in done.stdout
    assert not {"green", "personal", "p95"} & set(re.split(r"\W+", done.stdout))
    drawn = sorted((folder / "pictures").iterdir())
    assert [picture.name for picture in drawn] == [f"2026-01-{day:02d}.svg" for day in (5, 6)]
    assert all("<svg" in picture.read_text("utf-8") for picture in drawn)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--profile", "carnival"], 2, ["carnival", "normal", "pension"]),
        (["--config", "missing.toml"], 2, ["missing.toml"]),
        (["--journal", "taken"], 2, ["taken", "already"]),
        (["--journal", "taken/days.db"], 1, ["taken/days.db"]),
        (["--json", "none/such/days.json"], 1, ["none/such/days.json"]),
        (["--pictures", "taken/pictures"], 1, ["taken/pictures: cannot be written (not a directory); make room, or"]),
    ],
)
def test_what_it_cannot_do_it_says_in_a_line_before_it_begins(
    arguments: list[str], code: int, says: list[str], bank_toml: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("something of somebody's", "utf-8")
    config = () if "--config" in arguments else ("--config", bank_toml)
    done = lobby("simulate", *config, *arguments, folder=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert all(each in line for each in says)
    assert (tmp_path / "taken").read_text("utf-8") == "something of somebody's"


@pytest.mark.long
def test_a_journal_that_finds_no_room_ends_it_in_a_line(bank_toml: Path, tmp_path: Path) -> None:
    limited = f'ulimit -f 60; exec "{LOBBY}" simulate --config "{bank_toml}" --days 2 --journal full.db'
    done = processes.run(
        ["bash", "-c", limited], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("full.db: cannot be written")
    assert "Traceback" not in done.stderr


def days_kept(path: Path) -> int:
    """Days in a journal that is being written; 0 as long as there is none."""
    try:
        reader = JournalReader(path)
    except JournalError:
        return 0
    try:
        return len(reader.days())
    finally:
        reader.close()


@pytest.mark.parametrize(("number", "days"), [(signal.SIGINT, 2), long(signal.SIGINT, 0), long(signal.SIGTERM, 2)])
def test_ctrl_c_ends_it_with_a_line_about_what_is_left(number: int, days: int, bank_toml: Path, tmp_path: Path) -> None:
    """After a whole day or more; and before the first is over, which here takes long."""
    toml = tmp_path / "bank.toml"
    busy = "arrivals = [70000, 58, 44, 28, 24, 28, 24, 16]"
    long_day = f'[profile.endless]\nwhen = ["2026-01-01"]\nhours = "09:00-17:00"\n{busy}\n'
    toml.write_text(bank_toml.read_text("utf-8") + long_day, "utf-8")
    profile = "normal" if days else "endless"
    command = [str(LOBBY), "simulate", "--config", "bank.toml", "--profile", profile, "--days", "100000"]
    command += ["--journal", "days.db", "--json", "days.json", "--pictures", "drawn"]
    pipe = subprocess.PIPE
    with processes.running(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
        deadline = time.monotonic() + 60
        while not (days_kept(tmp_path / "days.db") >= days and (tmp_path / "days.db").exists()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "Aborted" not in err
    *_, line = err.splitlines()
    kept = days_kept(tmp_path / "days.db")
    drawn = len(list((tmp_path / "drawn").glob("*.svg")))
    assert line.startswith("interrupted after ")
    assert f"days.db has {kept}" in line
    assert f"drawn has the pictures of {drawn}" in line
    if days:
        figures = json.loads((tmp_path / "days.json").read_text("utf-8"))
        assert 1 <= figures["days"] <= kept
        assert "advice" not in figures
        assert f"interrupted after {figures['days']} of 100000 days as planned" in line
        assert "Waits (minutes)" in out
    else:
        assert not (tmp_path / "days.json").exists()
        assert out == ""


# -- the tables ------------------------------------------------------------------------------------------------------


def in_language(rules: Rules, language: str) -> Rules:
    return replace(rules, wording=wording(language))


@pytest.fixture(scope="module")
def reported(bank: Rules) -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures of a simulation and of a replay, with long names and waits of hours."""
    rows: list[Row] = []
    tally = simulate(bank, "pension", 1, 46, keep=rows.extend)
    simulation = report(tally, 1, 1.0, bank.target)
    side = {"window_minutes": 123456.0, "idle": 0.5, "mean": 123.4, "p95": 234.5, "above_3": 1.0, "above_target": 0.9}
    simulation["advice"] = {"planned": side | {"too_long": 99999.0}, "followed": side | {"too_long": 9.0}}
    fewer = {id: counter for id, counter in bank.counters.items() if id in ("1", "4")}
    compared = compare([(row.at, row.event) for row in rows], replace(bank, counters=fewer))
    replayed = {
        "day": "2026-01-05",
        "journal": "the journal of the branch at the corner of the road to the north.db",
        "config": "the same with two windows less.toml",
        "utc": True,
        "all": {"was": waits_of(compared.was), "would_be": waits_of(compared.would_be)},
        "classes": replay.report(compared, "klass"),
        "services": replay.report(compared, "service"),
        "changed": replay.most_changed(compared),
        "left_out": 17,
        "never_called": {"was": 3, "would_be": 140},
        "closed": ["5", "6"],
        "unknown_counters": ["7", "8"],
        "target": 15.0,
        "above_3": {"was": 0.5, "would_be": 0.999},
        "above_target": {"was": 0.25, "would_be": 0.9},
    }
    return simulation, replayed


@pytest.mark.parametrize("width", [80, 120, PIPED])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_table_is_cut(
    width: int, language: str, bank: Rules, reported: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    long = {"cash": "Cash of every kind, notes, coins and cheques, and exchange", "personal": "个人业务" * 16}
    services = {id: replace(s, name=long.get(id, s.name)) for id, s in bank.services.items()}
    rules = in_language(replace(bank, services=services), language)
    shown = Console(width=width, file=StringIO(), markup=False, emoji=False, highlight=False)
    simulation, replayed = reported
    show_simulation(shown, simulation, rules)
    show_replay(shown, replayed, rules, "Bank  2026-01-05")
    show_replay(shown, {k: v for k, v in replayed.items() if k != "config"}, rules, "Bank  2026-01-05")
    assert isinstance(shown.file, StringIO)
    text = shown.file.getvalue()
    assert "…" not in text
    assert all(cell_len(line) <= width for line in text.splitlines())
    for kind in ("classes", "services"):
        for figures in simulation[kind].values():
            assert f" {figures['mean']:.1f} " in text
        for sides in replayed[kind].values():
            assert all(f" {sides[side]['max']:.1f} " in text for side in ("was", "would_be"))


def test_names_are_no_markup(bank: Rules, reported: tuple[dict[str, Any], dict[str, Any]]) -> None:
    services = {id: replace(s, name="[red]:bank:[/nothing]") for id, s in bank.services.items()}
    command = console()
    with command.capture() as shown:
        show_simulation(command, reported[0], replace(bank, services=services))
    assert "[red]:bank:[/nothing]" in shown.get()


def test_every_word_of_the_tables_is_used() -> None:
    source = "".join(Path(module.__file__ or "").read_text("utf-8") for module in (reports, commands, scores, why))
    for language in ("zh", "en"):
        words = [key for key in wording(language).templates if key.startswith(("days.", "asked."))]
        unused = {word for word in words if not re.search(rf'["._]{word.partition(".")[2]}"', source)}
        assert unused == {"days.one_closed", "days.one_unknown"}, "made of closed and unknown"


def test_without_matplotlib_it_says_what_to_install(bank_toml: Path, tmp_path: Path) -> None:
    stub = tmp_path / "matplotlib.py"
    stub.write_text("raise ImportError", "utf-8")
    done = lobby("simulate", "--config", bank_toml, "--pictures", tmp_path / "drawn", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["Pictures need Matplotlib: pip install 'lobby-controller[pictures]'"]


# -- how good the estimates are --------------------------------------------------------------------------------------


def overtaken_most(calls: Sequence[Called], klass: str) -> int:
    """The most who came later for the same service and were called before one of the class."""
    most = 0
    for n, one in enumerate(calls):
        if one.klass == klass:
            before = (c for c in calls[:n] if (c.day, c.service) == (one.day, one.service))
            most = max(most, sum(c.order // 10**6 > one.order // 10**6 for c in before))
    return most
