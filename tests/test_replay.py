"""A day again: exactly as it was under the same rules, the same customers under others, and what cannot be replayed."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from branches import half_hours, local
from random_days import random_legs, random_take

from controller.config import read
from controller.engine import Engine, Request
from controller.journal import Journal, JournalReader, Row
from controller.lobby import commands as cm
from controller.lobby import events as ev
from controller.lobby.rules import Appointments, Rules
from controller.lobby.state import Stage
from simulators.customers import Customer
from simulators.customers import day as customers_of
from simulators.days.replay import Compared, Day, as_it_was, compare
from simulators.days.simulation import waits_by
from simulators.days.virtual import Leg, Policy, VirtualDay, VirtualLobby, follow_advice, leave_alone

LOBBY = Path(sys.executable).with_name("lobby")
DEMO = Path(__file__).parents[1] / "config" / "demo.toml"
DAY = date(2026, 1, 13)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return read(DEMO).rules


def a_day(
    rules: Rules,
    profile: str,
    seed: int,
    day: date = DAY,
    policy: Policy = leave_alone,
    legs: Callable[[Customer], Sequence[Leg]] = lambda customer: (),
    take: Callable[[Customer, cm.TakeTicket], cm.TakeTicket] = lambda customer, command: command,
    manager: Callable[[VirtualDay], None] = lambda virtual: None,
) -> list[Row]:
    """A simulated day's rows."""
    print(f"seed {seed}")
    lobby = VirtualLobby(rules)
    virtual = VirtualDay(lobby, day, customers_of(rules, profile, f"replay:{seed}"), policy, legs=legs, take=take)
    manager(virtual)
    virtual.run()
    return lobby.rows


def events(rows: Sequence[Row]) -> Day:
    return [(row.at, row.event) for row in rows]


def calls(day: Day) -> list[tuple[int, str, str]]:
    return [(at, e.ticket, e.counter) for at, e in day if isinstance(e, ev.TicketCalled)]


def again(rows: Sequence[Row], rules: Rules) -> Compared:
    return compare(events(rows), rules)


def is_the_same(rows: Sequence[Row], rules: Rules) -> Compared:
    """The replay under these rules is the day itself."""
    found = again(rows, rules)
    assert calls(found.rows) == calls(events(rows))
    assert found.was == found.would_be
    assert not found.left_out
    assert all(id == other for id, other in found.pairs.items())
    assert all(was == would_be for _, _, was, would_be in found.changed)
    return found


# -- under the same rules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [61, 62, 63])
@pytest.mark.parametrize("profile", ["normal", "busy", "pension"])
def test_the_same_rules_give_the_same_day(profile: str, seed: int, rules: Rules) -> None:
    rows = a_day(rules, profile, seed)
    is_the_same(rows, rules)
    assert len(calls(events(rows))) > 100


def test_the_same_day_when_windows_opened_and_closed_as_advised(rules: Rules) -> None:
    rows = a_day(rules, "pension", 64, policy=follow_advice)
    assert any(isinstance(row.event, ev.WindowAdviceAnswered) for row in rows)
    is_the_same(rows, rules)


@pytest.mark.parametrize("seed", [65, 66])
def test_the_same_day_with_customers_who_are_sent_on(seed: int, rules: Rules) -> None:
    chance = Random(seed)
    rows = a_day(rules, "busy", seed, legs=lambda customer: random_legs(chance, rules))
    assert sum(isinstance(row.event, ev.TicketTransferred) for row in rows) > 10
    is_the_same(rows, rules)


@pytest.mark.parametrize("seed", [67, 68])
def test_the_same_day_with_appointments_and_forms(seed: int, rules: Rules) -> None:
    booked = replace(rules, appointments=Appointments(half_hours("09:00", "16:30")))
    chance = Random(seed)

    def take(customer: Customer, command: cm.TakeTicket) -> cm.TakeTicket:
        return replace(random_take(chance, booked, customer, command), choice="", service=customer.service)

    rows = a_day(booked, "busy", seed, take=take)
    assert sum(isinstance(row.event, ev.TicketIssued) and row.event.slot is not None for row in rows) > 5
    is_the_same(rows, booked)


def test_the_same_day_with_a_manager(rules: Rules) -> None:
    """Who was promoted, given to others or cancelled then is so again."""
    chance = Random(69)

    def press(virtual: VirtualDay, at: int) -> None:
        changed = [t.id for t in virtual.lobby.state.tickets.values() if t.stage is Stage.WAITING and t.before]
        if changed and chance.random() < 0.3:
            panel = {"at": at, "cause": virtual.cause(), "by": "panel/manager", "ticket": chance.choice(changed)}
            virtual.do(cm.Undo(**panel))
            return
        waiting = [t.id for t in virtual.lobby.state.tickets.values() if t.stage is Stage.WAITING]
        if waiting:
            panel = {"at": at, "cause": virtual.cause(), "by": "panel/manager", "ticket": chance.choice(waiting)}
            virtual.do(
                chance.choice(
                    (
                        cm.Promote(**panel, klass="green", reason="elderly"),
                        cm.Reassign(**panel, service="personal"),
                        cm.Reassign(**panel, counter="2"),
                        cm.Reassign(**panel),
                        cm.Cancel(**panel, reason="left"),
                    )
                )
            )

    def manager(virtual: VirtualDay) -> None:
        for _ in range(60):
            virtual.later(virtual.at(chance.uniform(9.2 * 3600, 16 * 3600)), lambda at: press(virtual, at))

    rows = a_day(rules, "pension", 69, manager=manager)
    assert sum(isinstance(row.event, ev.TicketPromoted) for row in rows) > 3
    assert sum(isinstance(row.event, ev.TicketRestored) for row in rows) > 3
    is_the_same(rows, rules)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_the_same_day_when_the_clocks_change(day: date, rules: Rules) -> None:
    there = replace(rules, zone=ZoneInfo("Europe/Berlin"))
    rows = a_day(there, "busy", 70, day)
    assert rows[0].day == str(day)
    first = next(row for row in rows if isinstance(row.event, ev.TicketIssued))
    assert 0 <= first.at - local(f"{day} 09:00", "Europe/Berlin") < 60_000
    is_the_same(rows, there)


# -- under others ----------------------------------------------------------------------------------------------------


def test_other_rules_get_the_same_customers(rules: Rules) -> None:
    rows = a_day(rules, "pension", 71)
    strict = {id: replace(klass, credit=0) for id, klass in rules.classes.items()}
    found = again(rows, replace(rules, classes=strict))
    assert not found.left_out
    assert calls(found.rows) != calls(events(rows))
    issued, issued_again = (
        [(at, e.service, e.klass) for at, e in day if isinstance(e, ev.TicketIssued)]
        for day in (events(rows), found.rows)
    )
    assert issued == issued_again
    was, would_be = waits_by(found.was, "klass"), waits_by(found.would_be, "klass")
    assert would_be["green"]["p95"] > was["green"]["p95"] + 5, "privilege is gone"
    assert would_be["normal"]["mean"] < was["normal"]["mean"]
    differences = [abs(would_be - was) for _, _, was, would_be in found.changed]
    assert differences == sorted(differences, reverse=True)


def test_one_window_less_makes_people_wait_longer(rules: Rules) -> None:
    rows = a_day(rules, "busy", 72)
    fewer = {id: counter for id, counter in rules.counters.items() if id != "2"}
    found = again(rows, replace(rules, counters=fewer))
    assert {counter for _, _, counter in calls(found.rows)} <= {"1", "3", "4"}
    assert sum(w.seconds for w in found.would_be) > 1.5 * sum(w.seconds for w in found.was)


def test_tickets_of_a_service_that_is_not_there_are_left_out(rules: Rules) -> None:
    rows = a_day(rules, "busy", 73)
    without = {id: service for id, service in rules.services.items() if id != "corporate"}
    found = again(rows, replace(rules, services=without))
    of_it = [e.ticket for _, e in events(rows) if isinstance(e, ev.TicketIssued) and e.service == "corporate"]
    assert found.left_out == len(of_it) > 5
    assert not set(of_it) & set(found.pairs)


def test_tickets_that_a_quota_refuses_are_left_out(rules: Rules) -> None:
    rows = a_day(rules, "busy", 74)
    few = {id: replace(service, quota=10) for id, service in rules.services.items()}
    found = again(rows, replace(rules, services=few))
    given = sum(isinstance(e, ev.TicketIssued) for _, e in found.rows)
    assert given == len(found.pairs)
    assert found.left_out == sum(isinstance(row.event, ev.TicketIssued) for row in rows) - given > 50


# -- the command -----------------------------------------------------------------------------------------------------


def lobby(*arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(LOBBY), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=folder)


@pytest.fixture(scope="module")
def journal(rules: Rules, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of the demo's branch."""
    path = tmp_path_factory.mktemp("replay") / "days.db"
    rows = a_day(rules, "normal", 75) + a_day(rules, "busy", 76, date(2026, 1, 14))
    journal = Journal(path)
    journal.append([replace(row, seq=n) for n, row in enumerate(rows, 1)]).result()
    journal.close()
    return path


def rows_of(path: Path, day: str) -> list[Row]:
    reader = JournalReader(path)
    rows = list(reader.rows(day))
    reader.close()
    return rows


def test_without_a_configuration_the_day_is_as_it_was(journal: Path, tmp_path: Path) -> None:
    picture = tmp_path / "day.svg"
    done = lobby("replay", "--journal", journal, "--json", tmp_path / "f.json", "--picture", picture)
    assert (done.returncode, done.stderr) == (0, "")
    assert "as it would be" not in done.stdout
    assert "<svg" in picture.read_text("utf-8")
    figures = json.loads((tmp_path / "f.json").read_text("utf-8"))
    assert figures["day"] == "2026-01-14", "the last one"
    was = waits_by(as_it_was(events(rows_of(journal, "2026-01-14"))), "klass")
    assert {klass: sides["was"] for klass, sides in figures["classes"].items()} == was
    assert all(sides.keys() == {"was"} for sides in (figures["classes"] | figures["services"]).values())


def test_a_day_set_against_the_same_rules_and_against_others(journal: Path, tmp_path: Path) -> None:
    picture, out = tmp_path / "both.svg", tmp_path / "f.json"
    asked = ("replay", "--journal", journal, "--day", "2026-01-13", "--json", out)
    done = lobby(*asked, "--config", DEMO, "--picture", picture)
    assert (done.returncode, done.stderr) == (0, "")
    assert "<svg" in picture.read_text("utf-8")
    figures = json.loads(out.read_text("utf-8"))
    assert figures["day"] == "2026-01-13"
    assert all(sides["was"] == sides["would_be"] for sides in figures["classes"].values())
    assert figures["left_out"] == 0
    lean = tmp_path / "lean.toml"
    lean.write_text(
        '[branch]\nid = "lean"\nname = "Lean"\nlanguage = "en"\n'
        '[[service]]\nid = "cash"\nname = "Cash"\nprefix = "A"\nminutes = 3\n'
        '[[counter]]\nid = "1"\nserves = { cash = 0 }\n',
        "utf-8",
    )
    done = lobby(*asked, "--config", lean)
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads(out.read_text("utf-8"))
    assert figures["left_out"] > 50
    assert f"{figures['left_out']} tickets are left out" in done.stdout
    assert figures["services"]["cash"]["would_be"]["mean"] > figures["services"]["cash"]["was"]["mean"]
    assert figures["services"]["personal"].keys() == {"was"}


def test_what_cannot_be_replayed_is_said_in_a_line(journal: Path, tmp_path: Path) -> None:
    Journal(tmp_path / "empty.db").close()
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, this is no database. " * 100, "utf-8")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE event(name TEXT)").connection.close()
    for arguments, code, says in (
        (("--journal", journal, "--day", "2026-01-15"), 1, "nothing happened on 2026-01-15; it has 2026-01-13 to"),
        (("--journal", journal, "--day", "yesterday"), 1, "nothing happened on yesterday"),
        (("--journal", "empty.db"), 1, "it is empty"),
        (("--journal", "letter.txt"), 1, "letter.txt: this is no journal"),
        (("--journal", "other.db"), 1, "other.db: this is no journal"),
        (("--journal", "none.db"), 1, "none.db"),
        (("--journal", journal, "--config", "none.toml"), 2, "none.toml"),
        (("--journal", journal, "--json", "none/f.json"), 1, "none/f.json"),
    ):
        done = lobby("replay", *arguments, folder=tmp_path)
        assert done.returncode == code, arguments
        (line,) = done.stderr.splitlines()
        assert says in line
    assert not (tmp_path / "none.db").exists()


async def test_a_journal_that_is_being_written(rules: Rules, tmp_path: Path) -> None:
    """What is on disk so far counts, and whoever writes goes on undisturbed."""
    path = tmp_path / "live.db"
    journal = Journal(path)
    engine = Engine(rules, journal)
    running = asyncio.create_task(engine.run())
    nine = local("2026-11-23 09:00")
    for n in range(20):
        engine.submit(Request(cm.TakeTicket(at=nine + n, cause=f"take:{n}", by="kiosk", service="cash")))
        engine.submit(Request(cm.CallNext(at=nine + 60_000 * n, cause=f"call:{n}", counter="1")))
    await engine.idle()
    done = await asyncio.to_thread(lobby, "replay", "--journal", path, "--json", tmp_path / "f.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "f.json").read_text("utf-8"))["classes"]["normal"]["was"]["n"] == 20
    answer = await engine.ask(cm.CallNext(at=nine + 10_000_000, cause="call:last", counter="1"))
    assert answer.code == "none_waiting"
    engine.stop()
    await running
    journal.close()


def test_replaying_leaves_the_journal_as_it_is(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(journal, copy)
    before = copy.read_bytes()
    assert lobby("replay", "--journal", copy, "--config", DEMO).returncode == 0
    assert copy.read_bytes() == before
