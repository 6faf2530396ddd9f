"""A day in half hours and in figures: against SQL over its journal, and against what else is shown of the day."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from branches import Lobby, branch, local, long_steps

from controller.config import read
from controller.config.settings import shipped
from controller.journal import Journal
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.day import RollOver
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.undo_at_counter import UndoAtCounter
from controller.lobby.aggregate import Row
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage
from controller.lobby.show import figures
from controller.reports import day_figures
from controller.reports.day_figures import ALL, STEP, DayLog
from controller.web.days import Days
from simulators.days.simulation import simulate

RULES = branch({"1": {"cash": 0}, "2": {"cash": 0, "personal": 0}})
MINUTE = 60_000


def logged(rows: list[Row], rules: Rules) -> DayLog:
    log = DayLog()
    for row in rows:
        log.add(row, rules)
    return log


class Told(Lobby):
    """A lobby that keeps its rows as a journal takes them."""

    def __init__(self, rules: Rules = RULES) -> None:
        super().__init__(rules, local("2026-11-23 09:00"))
        self.told: list[Row] = []

    def _keep(self) -> None:
        self.told += [
            row if row.cause.startswith("day:") else replace(row, cause=f"press:{row.seq - row.part}")
            for row in self._lobby.rows
        ]
        super()._keep()

    def sheet(self) -> dict[str, Any]:
        return day_figures.sheet(self.log(), self.rules, self.now).content()

    def log(self) -> DayLog:
        return logged(self.told, self.rules)

    def does(self, command: type, **about: Any) -> None:
        assert isinstance(self.do(command(at=self.now, cause="", **about)), list), command

    def manages(self, command: type, ticket: str, reason: str = "", **about: Any) -> None:
        self.does(command, by="user/li", ticket=ticket, reason=reason, **about)


# -- against SQL over a journal --------------------------------------------------------------------------------------

START = "(SELECT min(at) FROM event WHERE day = :day AND kind = 'day_opened')"
CALLS = """
WITH issued AS (SELECT json_extract(data, '$.ticket') AS ticket, json_extract(data, '$.service') AS service,
                       json_extract(data, '$.class') AS class, at
                FROM event WHERE day = :day AND kind = 'ticket_issued'),
     calls AS (SELECT json_extract(data, '$.ticket') AS ticket, min(at) AS at FROM event
               WHERE day = :day AND kind = 'ticket_called' GROUP BY 1)
SELECT issued.service AS service, issued.class AS class, calls.at AS at, (calls.at - issued.at) / 1000 AS seconds
FROM calls JOIN issued USING (ticket)
"""


class Sql:
    """The same figures, by SQL alone; `zero`: local midnight in ms since 1970, UTC."""

    def __init__(self, path: Path, day: str) -> None:
        self.connection = sqlite3.connect(path)
        self.day, self.zero = day, local(f"{day} 00:00")

    def all(self, select: str, **about: Any) -> list[Any]:
        return self.connection.execute(
            select, {"day": self.day, "zero": self.zero, "step": STEP * 1000, **about}
        ).fetchall()

    def one(self, select: str, **about: Any) -> Any:
        return self.all(select, **about)[0][0]

    def arrivals(self) -> dict[tuple[str, int], int]:
        """(service, step since midnight) -> tickets."""
        select = """SELECT json_extract(data, '$.service'), (at - :zero) / :step, count(*) FROM event
                    WHERE day = :day AND kind = 'ticket_issued' GROUP BY 1, 2"""
        return {(service, step): count for service, step, count in self.all(select)}

    def wait(self, percent: int, step: int | None = None, service: str = "") -> float | None:
        """Minutes; None: nobody was called."""
        where = f"""FROM ({CALLS}) WHERE (:at IS NULL OR (at - :zero) / :step = :at)
                    AND (:service = '' OR service = :service)"""
        select = f"""SELECT seconds {where} ORDER BY seconds
                     LIMIT 1 OFFSET (SELECT count(*) * :percent / 100 {where})"""
        found = self.all(select, percent=percent, at=step, service=service)
        return round(found[0][0] / 60, 1) if found else None

    def waiting(self, step: int) -> int:
        """At the end of a step."""
        select = """SELECT coalesce(sum(CASE WHEN kind IN ('ticket_issued', 'ticket_returned', 'ticket_transferred')
                    THEN 1 WHEN kind = 'ticket_called' THEN -1 END), 0)
                    FROM event WHERE day = :day AND at < :zero + (:at + 1) * :step"""
        return int(self.one(select, at=step))

    def open(self, step: int, last: int) -> float:
        """Counters open on the mean of a step; `last`: when the day's pictures end."""
        select = """
            WITH turns AS (SELECT kind, at AS since, coalesce(lead(at) OVER (
                PARTITION BY json_extract(data, '$.counter') ORDER BY seq), :last) AS until FROM event
                WHERE day = :day AND cause NOT LIKE 'day:%' AND kind LIKE 'counter_%'),
            part AS (SELECT max(since, :zero + :at * :step) AS since, min(until, :zero + (:at + 1) * :step) AS until
                FROM turns WHERE kind = 'counter_opened')
            SELECT coalesce(sum(max(0, until - since)), 0) * 1.0 / :step FROM part"""
        return round(self.one(select, at=step, last=last), 1)


@pytest.fixture(scope="module")
def pension(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Rules]]:
    """A journal of two simulated pension days and a part of a third."""
    rules = read(shipped("demo.toml")).rules
    calendar = rules.calendar
    only = replace(rules, calendar=replace(calendar, profiles={"pension": calendar.profiles["pension"]}))
    path = tmp_path_factory.mktemp("pension") / "lobby.db"
    with closing(Journal(path)) as journal:
        simulate(only, None, 3, 5, keep=lambda rows: journal.append(rows).result())
    return path, only


async def about(path: Path, rules: Rules, day: str = "", now: int = 0) -> Any:
    found = await Days(path, lambda: rules, lambda: now).about(day)
    assert found
    return found


async def test_the_pictures_of_a_crowded_day_are_what_sql_finds_in_the_journal(pension: tuple[Path, Rules]) -> None:
    path, rules = pension
    found = await about(path, rules, "2026-01-06")
    sql = Sql(path, "2026-01-06")
    first, today = found["first"] // STEP, found["series"][ALL]["today"]
    steps = range(first, first + len(today["arrivals"]))
    assert len(steps) > 12
    arrivals = sql.arrivals()
    assert sum(arrivals.values()) == sum(today["arrivals"]) == found["sheet"]["tickets"] > 250
    for service in rules.services:
        line = found["series"][service]["today"]
        assert line["arrivals"] == [arrivals.get((service, step), 0) for step in steps], service
        assert line["median"] == [sql.wait(50, step, service) for step in steps], service
        assert line["p90"] == [sql.wait(90, step, service) for step in steps], service
    assert today["median"] == [sql.wait(50, step) for step in steps]
    assert today["p90"] == [sql.wait(90, step) for step in steps]
    assert today["waiting"] == [sql.waiting(step) for step in steps]
    assert max(today["waiting"]) > 10
    last = sql.one(
        "SELECT max(at) FROM event WHERE day = :day AND cause NOT LIKE 'day:%' AND data LIKE '%\"counter\"%'"
    )
    assert today["open"] == [sql.open(step, last) for step in steps]


async def test_the_sheet_of_a_crowded_day_is_what_sql_finds_in_the_journal(pension: tuple[Path, Rules]) -> None:
    path, rules = pension
    day = "2026-01-06"
    sheet, sql = (await about(path, rules, day))["sheet"], Sql(path, day)
    assert sheet["day"]["median"] == sql.wait(50)
    assert sheet["day"]["p90"] == sql.wait(90)
    counts = dict(sql.all("SELECT kind, count(*) FROM event WHERE day = :day AND cause NOT LIKE 'day:%' GROUP BY kind"))
    assert (sheet["missed"], sheet["returned"]) == (counts["ticket_missed"], counts["ticket_returned"])
    late = f"SELECT round(avg(seconds > :limit), 3) FROM ({CALLS}) WHERE :service = '' OR service = :service"
    for each in (sheet["day"] | {"id": ""}, *sheet["services"]):
        assert each["above_3"] == sql.one(late, limit=180, service=each["id"]), each["id"]
        assert each["above_target"] == sql.one(late, limit=rules.target, service=each["id"]), each["id"]
    for each in sheet["services"]:
        select = """SELECT json_extract(data, '$.class'), count(*) FROM event
                    WHERE day = :day AND kind = 'ticket_issued' AND json_extract(data, '$.service') = :service
                    GROUP BY 1"""
        assert {k: v for k, v in each["classes"].items() if v} == dict(sql.all(select, service=each["id"]))
    finished = """SELECT json_extract(data, '$.counter'), count(*) FROM event
                  WHERE day = :day AND kind = 'ticket_finished' AND cause NOT LIKE 'day:%' GROUP BY 1"""
    assert {each["id"]: each["finished"] for each in sheet["counters"]} == dict(sql.all(finished))
    closed = sql.one("SELECT data FROM event WHERE day = :day AND kind = 'day_closed'")
    (unserved,) = sql.connection.execute("SELECT json_extract(?, '$.unserved')", (closed,)).fetchone()
    assert sheet["left"] == unserved
    (customers, mean) = sql.connection.execute(
        "SELECT json_extract(:d, '$.figures.customers'), json_extract(:d, '$.figures.mean')", {"d": closed}
    ).fetchone()
    assert (sheet["day"]["customers"], sheet["day"]["mean"]) == (customers, mean), "as the console told it"


async def test_days_of_the_same_kind_and_the_day_before_are_drawn_behind(pension: tuple[Path, Rules]) -> None:
    path, rules = pension
    first = await about(path, rules, "2026-01-05")
    assert (first["before"], first["usual"]) == ("", [])
    assert first["series"][ALL]["before"] is first["series"][ALL]["usual"] is None
    third = await about(path, rules, now=local("2026-01-07 12:40"))
    assert (third["day"], third["before"], third["usual"]) == ("2026-01-07", "2026-01-06", ["2026-01-06", "2026-01-05"])
    second = await about(path, rules, "2026-01-06")

    def at(found: Any, line: str, name: str, clock: str) -> float | None:
        step = (int(clock[:2]) * 3600 + int(clock[3:]) * 60 - found["first"]) // STEP
        value: float | None = found["series"][ALL][line][name][step]
        return value

    for clock in ("09:00", "10:30", "14:00"):
        assert at(third, "before", "p90", clock) == at(second, "today", "p90", clock)
        values = [at(found, "today", "arrivals", clock) for found in (first, second)]
        assert at(third, "usual", "arrivals", clock) == sum(value for value in values if value is not None) / 2
    assert at(third, "today", "arrivals", "12:30") is not None
    assert at(third, "today", "arrivals", "13:00") is None, "it is still to come"


async def test_what_is_read_as_it_comes_is_what_is_read_at_once(tmp_path: Path) -> None:
    lobby = Told()
    path = tmp_path / "lobby.db"
    with closing(Journal(path)) as journal:
        days, written = Days(path, lambda: RULES, lambda: lobby.now), 0
        for step in long_steps(11, 500):
            lobby.step(step)
            if len(lobby.told) - written > 60:
                journal.append(lobby.told[written:]).result()
                written = len(lobby.told)
                told = await days.about()
                assert told == await Days(path, lambda: RULES, lambda: lobby.now).about()
        assert written > 200
        assert await days.about("2026-11-22") is None


async def test_while_days_are_read_the_loop_goes_on(pension: tuple[Path, Rules]) -> None:
    path, rules = pension
    reading = asyncio.create_task(about(path, rules))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert (await reading)["usual"]
    assert turns > 100, "presses have to be decided meanwhile"


async def test_a_past_day_that_cannot_be_read_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lobby, path = Told(), tmp_path / "lobby.db"
    lobby.take("cash")
    with closing(Journal(path)) as journal:
        journal.append(lobby.told).result()
    with closing(sqlite3.connect(path)) as other:
        newer = (
            "INSERT INTO event SELECT max(seq) + 1, max(at), max(day), 'hologram_shown', 1, '{}', 'newer', 0 FROM event"
        )
        other.execute(newer)
        other.commit()
    lobby.told.clear()
    lobby.now += 24 * 60 * MINUTE
    lobby.take("cash")
    with closing(Journal(path)) as journal:
        journal.append([replace(row, seq=row.seq + 1) for row in lobby.told]).result()
    found = await about(path, RULES, now=lobby.now)
    assert (found["day"], found["before"], found["usual"]) == ("2026-11-24", "", [])
    assert found["sheet"]["tickets"] == 1
    assert "2026-11-23 is left out" in caplog.text


# -- against what else is shown --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 6])
def test_random_days_agree_with_the_figures_of_the_console(seed: int, tmp_path: Path) -> None:
    lobby = Told()
    for step in long_steps(seed, 300):
        lobby.step(step)
    with closing(Journal(tmp_path / "lobby.db")) as journal:
        journal.append(lobby.told).result()
        log = logged([*journal.rows(lobby.state.day)], RULES)
    assert log.state.picture() == lobby.state.picture()
    sheet = day_figures.sheet(log, RULES, lobby.now).content()
    console = figures.day(lobby.state, RULES, lobby.now)
    assert {name: value for name, value in sheet["day"].items() if name in console} == console
    for each in sheet["classes"]:
        known = console["classes"].get(each["id"], {"customers": 0, "mean": 0.0, "above_target": 0.0})
        assert {name: each[name] for name in ("customers", "mean", "above_target")} == {
            name: known[name] for name in ("customers", "mean", "above_target")
        }
    assert sum(each["customers"] for each in sheet["services"]) == console["customers"]


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_a_day_that_is_worked_out_by_hand() -> None:
    lobby = Told()
    lobby.does(Open, counter="1")
    for minutes in (0, 10, 25):
        lobby.take("cash")
        lobby.wait(minutes)
        lobby.call("1")
    # 09:35: A001 waited 0, A002 10, A003 25 minutes.
    lobby.does(NoShow, counter="1")
    lobby.manages(Return, "A003")
    gone = lobby.take("personal")
    lobby.wait(5)
    lobby.manages(Cancel, gone, "left")
    lobby.does(Pause, counter="1")
    lobby.wait(20)
    found = lobby.sheet()
    assert (found["tickets"], found["missed"], found["returned"], found["gave_up"], found["left"]) == (4, 1, 1, 1, 1)
    assert (found["day"]["median"], found["day"]["p90"], found["day"]["above_3"]) == (10.0, 25.0, 0.75)
    assert [(each["id"], each["tickets"], each["median"]) for each in found["services"]] == [
        ("cash", 3, 10.0),
        ("personal", 1, 5.0),
    ]
    assert found["counters"] == [
        {"id": "1", "open": 40, "paused": 20, "finished": 2},
        {"id": "2", "open": 0, "paused": 0, "finished": 0},
    ]
    line = day_figures.series(lobby.log(), "2026-11-23", RULES, lobby.now)
    nine = (9 * 3600 - day_figures.Steps.of("2026-11-23", RULES).first) // STEP
    two = slice(nine, nine + 3)
    assert line[ALL].content(two) == {
        "arrivals": [3, 1, 0],
        "median": [10.0, 25.0, None],
        "p90": [10.0, 25.0, None],
        "waiting": [1, 1, 1],
        "open": [1.0, 0.3, 0.0],
    }
    assert line["personal"].content(two)["waiting"] == [0, 0, 0]
    assert line["personal"].content(two)["open"] == [0.0, 0.0, 0.0], "counter 1 never serves it"


def test_privilege_that_was_granted_is_counted_by_reason_unless_it_was_taken_back() -> None:
    lobby = Told()
    one, other, third = (lobby.take("cash") for _ in range(3))
    lobby.manages(Promote, one, "elderly", klass="green")
    lobby.manages(Promote, other, "elderly", klass="green")
    lobby.manages(Promote, third, "remark", klass="urgent")
    lobby.manages(Undo, other)
    found = lobby.sheet()
    assert [(each["class"], each["reason"], each["count"]) for each in found["grants"]] == [
        ("green", "elderly", 1),
        ("urgent", "remark", 1),
    ]
    assert found["services"][0]["classes"] == {"normal": 1, "green": 1, "urgent": 1}


@pytest.mark.parametrize("minutes", [0.1, 2], ids=["seconds later", "minutes later"])
def test_what_a_counter_took_back_has_not_happened(minutes: float) -> None:
    lobby = Told()
    ticket = lobby.take("cash")
    lobby.call("1")
    lobby.does(Finish, counter="1")
    assert lobby.sheet()["counters"][0]["finished"] == 1
    lobby.wait(minutes)
    lobby.does(UndoAtCounter, counter="1")
    assert lobby.state.counter("1").ticket == ticket
    assert lobby.sheet()["counters"][0]["finished"] == 0
    lobby.does(NoShow, counter="1")
    lobby.manages(Return, ticket)
    lobby.call("1")
    lobby.does(NoShow, counter="1")
    assert (lobby.sheet()["missed"], lobby.sheet()["returned"]) == (2, 1)
    lobby.does(UndoAtCounter, counter="1")
    assert (lobby.sheet()["missed"], lobby.sheet()["returned"]) == (1, 1)


def test_a_call_and_a_pause_that_were_taken_back_are_not_in_the_figures() -> None:
    lobby = Told()
    lobby.take("cash")
    lobby.call("1")
    lobby.does(Start, counter="1")
    lobby.take("cash")
    lobby.wait(1)
    lobby.call("1")
    lobby.does(UndoAtCounter, counter="1")
    log = lobby.log()
    assert [each.ticket for each in log.waited] == ["A001"]
    lobby.does(Pause, counter="1")
    lobby.wait(0.1)
    lobby.does(UndoAtCounter, counter="1")
    assert [turn.stage for turn in lobby.log().turns] == [CounterStage.OPEN]
    lobby.wait(2)
    lobby.call("1")
    assert [each.seconds for each in lobby.log().waited] == [0, 186]


def test_what_the_roll_over_closes_was_not_open_until_then() -> None:
    lobby = Told()
    lobby.take("cash")
    lobby.call("1")
    lobby.take("cash")
    lobby.wait(30)
    lobby.call("1")
    lobby.wait(10)
    lobby.take("personal")
    lobby.now = local("2026-11-24 03:00")
    lobby.do(RollOver(at=lobby.now, cause="day:2026-11-24"))
    log = logged([row for row in lobby.told if row.day == "2026-11-23"], RULES)
    assert log.over
    found = day_figures.sheet(log, RULES, lobby.now).content()
    assert found["counters"][0] == {"id": "1", "open": 40, "paused": 0, "finished": 1}
    assert (found["left"], found["day"]["customers"]) == (1, 2), "nobody knows when the last one left"


def test_a_clock_that_was_set_moves_what_was_taken_from_the_wrong_one() -> None:
    wrong, right = Told(), Told()
    for lobby in (wrong, right):
        if lobby is wrong:
            lobby.now -= 180 * MINUTE
        lobby.take("cash")
        lobby.wait(7)
        lobby.call("1")
        if lobby is wrong:
            lobby.set_clock(180 * MINUTE)
    both = [day_figures.series(lobby.log(), "2026-11-23", RULES, right.now + MINUTE)[ALL] for lobby in (wrong, right)]
    assert both[0] == both[1]


def test_steps_of_a_day_on_which_the_clock_changes_have_their_right_length() -> None:
    rules = branch({"1": {"cash": 0}}, zone="Europe/Berlin")
    lengths = {
        day: [end - start for start, end in itertools.pairwise(edges)]
        for day in ("2026-03-28", "2026-10-24", "2026-06-01")
        for edges in [day_figures.Steps.of(day, rules).edges]
    }
    assert set(lengths["2026-06-01"]) == {STEP * 1000}
    assert sum(lengths["2026-03-28"]) == sum(lengths["2026-06-01"]) - 3_600_000
    assert sum(lengths["2026-10-24"]) == sum(lengths["2026-06-01"]) + 3_600_000
