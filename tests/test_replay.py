"""A day again: exactly as it was under the same rules, the same customers under others, and what cannot be replayed."""

from __future__ import annotations

import asyncio
import json
import re
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
from sweeps import long

from bench import processes
from controller.config import read
from controller.engine import Engine, Request
from controller.journal import Journal, JournalReader
from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.promote import Promote, TicketPromoted
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.take_ticket import TakeTicket, TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.actions.undo import TicketRestored, Undo
from controller.lobby.actions.windows import WindowAdviceAnswered
from controller.lobby.aggregate import Aggregate, Row
from controller.lobby.model.calendar import parse_spans
from controller.lobby.model.rules import Appointments, Counter, Rules
from controller.lobby.model.state import Stage
from simulators.customers import Customer
from simulators.customers import day as customers_of
from simulators.days import pictures
from simulators.days.replay import Compared, Day, as_it_was, compare, never_called, report
from simulators.days.simulation import waits_by
from simulators.days.virtual import Leg, Policy, VirtualDay, follow_advice, leave_alone

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
    take: Callable[[Customer, TakeTicket], TakeTicket] = lambda customer, command: command,
    manager: Callable[[VirtualDay], None] = lambda virtual: None,
) -> list[Row]:
    """A simulated day's rows."""
    print(f"seed {seed}")
    lobby = Aggregate(rules)
    virtual = VirtualDay(lobby, day, customers_of(rules, profile, f"replay:{seed}"), policy, legs=legs, take=take)
    manager(virtual)
    virtual.run()
    return lobby.rows


def events(rows: Sequence[Row]) -> Day:
    return [(row.at, row.event) for row in rows]


def calls(day: Day) -> list[tuple[int, str, str]]:
    return [(at, e.ticket, e.counter) for at, e in day if isinstance(e, TicketCalled)]


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


@pytest.mark.parametrize("seed", [61, long(62), long(63)])
@pytest.mark.parametrize("profile", ["normal", "busy", "pension"])
def test_the_same_rules_give_the_same_day(profile: str, seed: int, rules: Rules) -> None:
    rows = a_day(rules, profile, seed)
    is_the_same(rows, rules)
    assert len(calls(events(rows))) > 100


def test_the_same_day_when_windows_opened_and_closed_as_advised(rules: Rules) -> None:
    rows = a_day(rules, "pension", 64, policy=follow_advice)
    assert any(isinstance(row.event, WindowAdviceAnswered) for row in rows)
    is_the_same(rows, rules)


@pytest.mark.parametrize("seed", [65, 66])
def test_the_same_day_with_customers_who_are_sent_on(seed: int, rules: Rules) -> None:
    chance = Random(seed)
    rows = a_day(rules, "busy", seed, legs=lambda customer: random_legs(chance, rules))
    assert sum(isinstance(row.event, TicketTransferred) for row in rows) > 10
    is_the_same(rows, rules)


@pytest.mark.parametrize("seed", [67, 68])
def test_the_same_day_with_appointments_and_forms(seed: int, rules: Rules) -> None:
    booked = replace(rules, appointments=Appointments(half_hours("09:00", "16:30")))
    chance = Random(seed)

    def take(customer: Customer, command: TakeTicket) -> TakeTicket:
        return replace(random_take(chance, booked, customer, command), choice="", service=customer.service)

    rows = a_day(booked, "busy", seed, take=take)
    assert sum(isinstance(row.event, TicketIssued) and row.event.slot is not None for row in rows) > 5
    is_the_same(rows, booked)


def test_the_same_day_with_a_manager(rules: Rules) -> None:
    """Who was promoted, given to others or cancelled then is so again."""
    chance = Random(69)

    def press(virtual: VirtualDay, at: int) -> None:
        changed = [t.id for t in virtual.lobby.state.tickets.values() if t.stage is Stage.WAITING and t.before]
        if changed and chance.random() < 0.3:
            panel = {"at": at, "cause": virtual.cause(), "by": "panel/manager", "ticket": chance.choice(changed)}
            virtual.do(Undo(**panel))
            return
        waiting = [t.id for t in virtual.lobby.state.tickets.values() if t.stage is Stage.WAITING]
        if waiting:
            panel = {"at": at, "cause": virtual.cause(), "by": "panel/manager", "ticket": chance.choice(waiting)}
            virtual.do(
                chance.choice(
                    (
                        Promote(**panel, klass="green", reason="elderly"),
                        Reassign(**panel, service="personal"),
                        Reassign(**panel, counter="2"),
                        Reassign(**panel),
                        Cancel(**panel, reason="left"),
                    )
                )
            )

    def manager(virtual: VirtualDay) -> None:
        for _ in range(60):
            virtual.later(virtual.at(chance.uniform(9.2 * 3600, 16 * 3600)), lambda at: press(virtual, at))

    rows = a_day(rules, "pension", 69, manager=manager)
    assert sum(isinstance(row.event, TicketPromoted) for row in rows) > 3
    assert sum(isinstance(row.event, TicketRestored) for row in rows) > 3
    is_the_same(rows, rules)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_the_same_day_when_the_clocks_change(day: date, rules: Rules) -> None:
    there = replace(rules, zone=ZoneInfo("Europe/Berlin"))
    rows = a_day(there, "busy", 70, day)
    assert rows[0].day == str(day)
    first = next(row for row in rows if isinstance(row.event, TicketIssued))
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
        [(at, e.service, e.klass) for at, e in day if isinstance(e, TicketIssued)] for day in (events(rows), found.rows)
    )
    assert issued == issued_again
    was, would_be = waits_by(found.was, "klass"), waits_by(found.would_be, "klass")
    assert would_be["green"]["p95"] > was["green"]["p95"] + 5, "privilege is gone"
    assert would_be["normal"]["mean"] < was["normal"]["mean"]
    differences = [abs(would_be - was) for _, _, was, would_be in found.changed]
    assert differences == sorted(differences, reverse=True)


def test_both_sides_are_of_the_same_customers(rules: Rules) -> None:
    """Who is called on one side only would make that side look worse, or better."""
    rows = a_day(rules, "busy", 77)
    fewer = {id: counter for id, counter in rules.counters.items() if id in ("1", "4")}
    found = again(rows, replace(rules, counters=fewer))
    assert [found.pairs[w.ticket] for w in found.was] == [w.ticket for w in found.would_be]
    assert [(w.klass, w.service) for w in found.was] == [(w.klass, w.service) for w in found.would_be]
    for by in ("klass", "service"):
        groups = report(found, by)
        assert groups
        assert all(sides["was"]["n"] == sides["would_be"]["n"] for sides in groups.values())


def test_who_is_never_called_is_counted_on_both_sides(rules: Rules) -> None:
    """Nobody serves corporate business any more; one customer has gone home on both sides."""
    corporate = [e.ticket for _, e in events(a_day(rules, "busy", 78)) if isinstance(e, TicketIssued)]
    assert corporate

    def manager(virtual: VirtualDay) -> None:
        def cancel(at: int) -> None:
            waiting = [t for t in virtual.lobby.state.tickets.values() if t.stage is Stage.WAITING]
            first = next((t for t in waiting if t.service == "corporate"), None)
            if first is None:
                virtual.later(at + 1_000, cancel)
            else:
                virtual.do(Cancel(at=at, cause=virtual.cause(), by="panel/manager", ticket=first.id, reason="left"))

        virtual.later(virtual.at(9.1 * 3600), cancel)

    rows = a_day(rules, "busy", 78, manager=manager)
    assert never_called(events(rows)) == 0
    issued = [row.event for row in rows if isinstance(row.event, TicketIssued)]
    of_it = sum(event.service == "corporate" for event in issued)
    fewer = {id: replace(counter, serves={**counter.serves}) for id, counter in rules.counters.items() if id != "4"}
    found = again(rows, replace(rules, counters=fewer))
    assert found.never_called == (0, of_it - 1)
    assert found.left_out == 0
    assert len(found.was) == len(issued) - of_it


# -- counters that are opened as well --------------------------------------------------------------------------------


def with_one_more(rules: Rules) -> Rules:
    """A fifth counter for cash, which the journal does not know."""
    return replace(rules, counters={**rules.counters, "5": Counter("5", {"cash": 0})})


def stages(day: Day, counter: str) -> list[tuple[int, str]]:
    kinds = (CounterOpened, CounterPaused, CounterClosed)
    return [(at, e.KIND) for at, e in day if isinstance(e, kinds) and e.counter == counter]


def test_a_counter_that_the_journal_does_not_know_stays_closed_until_it_is_opened(rules: Rules) -> None:
    rows = a_day(rules, "pension", 79)
    more = with_one_more(rules)
    closed = again(rows, more)
    assert (closed.closed, closed.unknown) == (["5"], [])
    assert closed.was == closed.would_be
    opened = compare(events(rows), more, [("5", ())])
    assert opened.closed == []
    (begins, _), *_, (ends, last) = stages(opened.rows, "5")
    openings = [at for at, e in events(rows) if isinstance(e, CounterOpened)]
    assert begins == min(openings)
    assert last == CounterClosed.KIND
    assert ends >= max(at for at, e in events(rows) if isinstance(e, CounterClosed))
    assert sum(counter == "5" for _, _, counter in calls(opened.rows)) > 50
    assert sum(w.seconds for w in opened.would_be) < 0.8 * sum(w.seconds for w in opened.was)


def test_a_counter_is_opened_for_a_part_of_the_day(rules: Rules) -> None:
    rows = a_day(rules, "pension", 79)
    spans = parse_spans("10:00-11:00 14:00-15:00")
    found = compare(events(rows), with_one_more(rules), [("5", spans)])
    at = [local(f"{DAY} {clock}") for clock in ("10:00", "11:00", "14:00", "15:00")]
    times = stages(found.rows, "5")
    assert [kind for _, kind in times] == [CounterOpened.KIND, CounterClosed.KIND] * 2
    assert [at for at, _ in times[::2]] == at[::2]
    # Who is there is served first.
    assert all(0 <= told - asked < 20 * 60_000 for (told, _), asked in zip(times[1::2], at[1::2], strict=True))


def test_a_counter_with_a_break_is_opened_over_it(rules: Rules) -> None:
    staff = {"4": parse_spans("09:00-11:30 13:00-17:00")}
    profiles = {id: replace(profile, staff=staff) for id, profile in rules.calendar.profiles.items()}
    rules = replace(rules, calendar=replace(rules.calendar, profiles=profiles))
    rows = a_day(rules, "normal", 80)
    twice = [CounterOpened.KIND, CounterClosed.KIND] * 2
    assert [kind for _, kind in stages(events(rows), "4")] == twice
    whole = compare(events(rows), rules, [("4", ())])
    assert [kind for _, kind in stages(whole.rows, "4")] == twice[:2]
    part = stages(compare(events(rows), rules, [("4", parse_spans("12:00-12:30"))]).rows, "4")
    assert [kind for _, kind in part] == [*twice, *twice[:2]]
    assert part[2][0] == local(f"{DAY} 12:00")
    assert local(f"{DAY} 12:30") <= part[3][0] < part[4][0]
    over_its_end = stages(compare(events(rows), rules, [("4", parse_spans("12:00-14:00"))]).rows, "4")
    assert [kind for _, kind in over_its_end] == twice, "at two its own shift goes on"


def test_counters_that_the_other_configuration_lacks_are_named(rules: Rules) -> None:
    rows = a_day(rules, "normal", 80)
    fewer = {id: counter for id, counter in rules.counters.items() if id in ("1", "4")}
    found = again(rows, replace(rules, counters=fewer))
    assert (found.closed, found.unknown) == ([], ["2", "3"])


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
    of_it = [e.ticket for _, e in events(rows) if isinstance(e, TicketIssued) and e.service == "corporate"]
    assert found.left_out == len(of_it) > 5
    assert not set(of_it) & set(found.pairs)


def test_tickets_that_a_quota_refuses_are_left_out(rules: Rules) -> None:
    rows = a_day(rules, "busy", 74)
    few = {id: replace(service, quota=10) for id, service in rules.services.items()}
    found = again(rows, replace(rules, services=few))
    given = sum(isinstance(e, TicketIssued) for _, e in found.rows)
    assert given == len(found.pairs)
    assert found.left_out == sum(isinstance(row.event, TicketIssued) for row in rows) - given > 50


# -- the command -----------------------------------------------------------------------------------------------------


def lobby(*arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(LOBBY), *map(str, arguments)]
    return processes.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=folder)


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


@pytest.mark.long
def test_without_a_configuration_the_day_is_as_it_was(journal: Path, tmp_path: Path) -> None:
    picture = tmp_path / "day.svg"
    done = lobby("replay", "--journal", journal, "--json", tmp_path / "f.json", "--picture", picture)
    assert (done.returncode, done.stderr) == (0, "")
    assert "would be" not in done.stdout
    assert "UTC" in done.stdout.splitlines()[1]
    drawn = picture.read_text("utf-8")
    assert "2026-01-14  UTC" in drawn
    assert "01:00" in drawn, "nine in the branch"
    assert "17:00" not in drawn
    assert "target" not in drawn + done.stdout
    figures = json.loads((tmp_path / "f.json").read_text("utf-8"))
    assert figures["day"] == "2026-01-14", "the last one"
    was = waits_by(as_it_was(events(rows_of(journal, "2026-01-14"))), "klass")
    assert {klass: sides["was"] for klass, sides in figures["classes"].items()} == was
    assert all(sides.keys() == {"was"} for sides in (figures["classes"] | figures["services"]).values())
    assert figures["never_called"] == {"was": 0}


@pytest.mark.long
def test_whose_branch_it_is_gives_clock_names_language_and_colours(journal: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(DEMO.read_text("utf-8").replace('language = "zh"', 'language = "en"'), "utf-8")
    alone, both = tmp_path / "alone.svg", tmp_path / "both.svg"
    done = lobby("replay", "--journal", journal, "--branch", DEMO, "--picture", alone)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("解放路支行  2026-01-14：days.db，当天实际")
    assert "现金业务" in done.stdout
    assert "cash" not in done.stdout
    drawn = alone.read_text("utf-8")
    assert all(word in drawn for word in ("解放路支行  2026-01-14", "现金业务", "绿色通道", "17:00", "目标：12 分钟"))
    assert "Waits" not in drawn
    done = lobby("replay", "--journal", journal, "--config", other, "--branch", DEMO, "--picture", both)
    assert (done.returncode, done.stderr) == (0, "")
    assert "当天实际与按 other.toml 重演" in done.stdout.splitlines()[0]
    drawn = both.read_text("utf-8")
    assert all(word in drawn for word in ("当天实际", "按 other.toml", "解放路支行  2026-01-14", "绿色通道"))
    colours = (set(re.findall("#[0-9a-f]{6}", picture.read_text("utf-8"))) for picture in (alone, both))
    assert {colour for colour, _ in pictures.MARKS[1:4:2]} <= set.intersection(*colours), "vip and green"


@pytest.mark.long
def test_rules_alone_say_whose_branch_it_is(journal: Path, tmp_path: Path) -> None:
    picture = tmp_path / "both.svg"
    done = lobby("replay", "--journal", journal, "--config", DEMO, "--picture", picture)
    assert done.stdout.startswith("解放路支行")
    assert "UTC" not in done.stdout
    assert "17:00" in picture.read_text("utf-8")


@pytest.mark.long
def test_a_day_set_against_the_same_rules_and_against_others(journal: Path, tmp_path: Path) -> None:
    picture, out = tmp_path / "both.svg", tmp_path / "f.json"
    asked = ("replay", "--journal", journal, "--day", "2026-01-13", "--json", out)
    done = lobby(*asked, "--config", DEMO, "--picture", picture)
    assert (done.returncode, done.stderr) == (0, "")
    assert "<svg" in picture.read_text("utf-8")
    figures = json.loads(out.read_text("utf-8"))
    assert figures["day"] == "2026-01-13"
    assert all(sides["was"] == sides["would_be"] for sides in figures["classes"].values())
    assert (figures["left_out"], figures["changed"], figures["never_called"]) == (0, [], {"was": 0, "would_be": 0})
    assert figures["above_3"]["was"] == figures["above_3"]["would_be"]
    assert figures["target"] == 12
    assert "没有客户的等候时间改变" in done.stdout
    assert "变化最大" not in done.stdout
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
    assert figures["services"].keys() == {"cash"}
    assert figures["unknown_counters"] == ["2", "3", "4"]
    assert "Counters 2, 3, 4 of the journal are not in lean.toml." in done.stdout
    assert "2026-01-13: days.db, as it was and with lean.toml" in done.stdout


@pytest.mark.long
def test_one_counter_more_is_named_and_opened(journal: Path, tmp_path: Path) -> None:
    more, out = tmp_path / "more.toml", tmp_path / "f.json"
    text = DEMO.read_text("utf-8").replace('language = "zh"', 'language = "en"')
    more.write_text(text.replace("[mqtt]", '[[counter]]\nid = "5"\nserves = { cash = 0 }\n\n[mqtt]', 1), "utf-8")
    asked = ("replay", "--journal", journal, "--config", more, "--json", out)
    done = lobby(*asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Counter 5 was not open that day; --open 5 opens it." in done.stdout
    assert json.loads(out.read_text("utf-8"))["closed"] == ["5"]
    for option in ("5", "5=09:00-12:00"):
        done = lobby(*asked, "--open", option)
        assert (done.returncode, done.stderr) == (0, "")
        assert "not open" not in done.stdout
        figures = json.loads(out.read_text("utf-8"))
        assert figures["closed"] == []
        assert figures["services"]["cash"]["would_be"]["mean"] < figures["services"]["cash"]["was"]["mean"]


@pytest.mark.long
def test_what_cannot_be_replayed_is_said_in_a_line(journal: Path, tmp_path: Path) -> None:
    Journal(tmp_path / "empty.db").close()
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, this is no database. " * 100, "utf-8")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE event(name TEXT)").connection.close()
    for arguments, code, says in (
        (("--journal", journal, "--day", "2026-01-15"), 1, "nobody took a ticket on 2026-01-15; the last day with"),
        (("--journal", journal, "--day", "yesterday"), 2, '"yesterday" is no day; it takes YYYY-MM-DD'),
        (("--journal", journal, "--day", "2026-1-5"), 2, '"2026-1-5" is no day; it takes YYYY-MM-DD'),
        (("--journal", "empty.db"), 1, "nobody took a ticket yet"),
        (("--journal", journal, "--open", "1"), 2, "--open goes with --config"),
        (("--journal", journal, "--config", DEMO, "--open", "9"), 2, "there is no counter 9; known are 1, 2, 3, 4"),
        (("--journal", journal, "--config", DEMO, "--open", "1=9-10"), 2, "HH:MM-HH:MM"),
        (("--journal", journal, "--config", DEMO, "--open", "1=closed"), 2, "HH:MM-HH:MM"),
        (("--journal", journal, "--branch", "none.toml"), 2, "none.toml"),
        (("--journal", journal, "--picture", "none/p.svg"), 1, "none/p.svg: cannot be written (no such file"),
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
    assert not list(tmp_path.glob("none*"))


def test_after_the_roll_over_the_last_day_with_tickets_is_replayed(journal: Path, tmp_path: Path) -> None:
    path = tmp_path / "night.db"
    shutil.copy(journal, path)
    night = Journal(path)
    seq, at = night.opened_at + 1, local("2026-01-15 03:00")
    night.append([Row(seq, at, "2026-01-15", DayOpened("2026-01-15"), "night", 0)]).result()
    night.close()
    done = lobby("replay", "--journal", path, "--json", tmp_path / "f.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "f.json").read_text("utf-8"))["day"] == "2026-01-14"
    done = lobby("replay", "--journal", path, "--day", "2026-01-15")
    assert done.returncode == 1
    assert "nobody took a ticket on 2026-01-15" in done.stderr


async def test_a_journal_that_is_being_written(rules: Rules, tmp_path: Path) -> None:
    """What is on disk so far counts, and whoever writes goes on undisturbed."""
    path = tmp_path / "live.db"
    journal = Journal(path)
    engine = Engine(replace(rules, call_grace=0, confirm_finish=0), journal)
    running = asyncio.create_task(engine.run())
    nine = local("2026-11-23 09:00")
    for n in range(20):
        engine.submit(Request(TakeTicket(at=nine + n, cause=f"take:{n}", by="kiosk", service="cash")))
        engine.submit(Request(CallNext(at=nine + 60_000 * n, cause=f"call:{n}", counter="1")))
    await engine.idle()
    done = await asyncio.to_thread(lobby, "replay", "--journal", path, "--json", tmp_path / "f.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "f.json").read_text("utf-8"))["classes"]["normal"]["was"]["n"] == 20
    answer = await engine.ask(CallNext(at=nine + 10_000_000, cause="call:last", counter="1"))
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
