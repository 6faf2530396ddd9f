"""Reports of months, weeks and days: against SQL over the journal that shares no code with them, against the day sheet,
and what is answered where there is nothing to report."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.config import read
from controller.config.settings import shipped
from controller.journal import Journal, JournalReader
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.rating import Rated, RatingAsked
from controller.lobby.actions.report_device import DeviceChanged
from controller.lobby.actions.take_ticket import SelfServiceAdvised, TicketIssued
from controller.lobby.aggregate import Row
from controller.lobby.model.rules import Rules
from controller.record.actions.alarms import AlarmEnded, AlarmRaised
from controller.record.actions.complaints import ComplaintAnswered, ComplaintOpened
from controller.record.actions.repairs import RepairConfirmed, RepairOpened
from controller.record.rules import RecordRules, Thing
from controller.reports import day_figures
from controller.reports.day_figures import DayLog
from controller.reports.document import Report
from controller.reports.period import Period
from controller.reports.report import report
from simulators.days.simulation import simulate

MONTH = "2026-01"


class _Adds:
    """What simulated days lack: devices that fail, ratings, customers who are sent to machines."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._seq = self._repairs = 0

    def __call__(self, rows: Sequence[Row]) -> None:
        told: list[Row] = []
        for number, row in enumerate(rows):
            told.append(row)
            event = row.event
            if isinstance(event, TicketFinished) and not row.cause.startswith("day:") and number % 3 == 0:
                told.append(_beside(row, RatingAsked(event.counter, event.ticket), "asked"))
                if number % 2:
                    told.append(_beside(row, Rated(event.counter, 1 + number % 5, event.ticket), "rated"))
            if isinstance(event, TicketIssued) and event.number % 9 == 0:
                insists = event.number % 2 == 0
                told.append(_beside(row, SelfServiceAdvised("transfer", event.service, f"kiosk/{number}"), "machine"))
                if insists:
                    told[-2:] = [
                        told[-1],
                        replace(row, event=replace(event, choice="transfer", insisted=True, by=f"kiosk/{number}")),
                    ]
            if isinstance(event, TicketIssued) and event.service != "corporate" and event.number in (20, 30, 40):
                state = {20: "offline", 30: "degraded", 40: "ok"}[event.number]
                told.append(_beside(row, DeviceChanged(f"printer-{event.service}", state, "x"), "device"))
            if isinstance(event, TicketIssued) and event.number == 60 and event.service == "cash":
                self._repairs += 1
                nth, at = self._repairs, row.at
                opened = RepairOpened(f"R{nth}", "water", at - 900_000, at + 3_600_000, "user/li")
                told.append(_beside(row, opened, "repair"))
                told.append(_beside(row, AlarmRaised(f"wait:{nth}", "wait", {"service": "cash"}), "alarm"))
                opened_ = ComplaintOpened(f"C{nth}", "waiting", "user/li", at + 9_000_000, False)
                told.append(_beside(row, opened_, "complaint"))
                if nth % 5:
                    answered = ComplaintAnswered(
                        f"C{nth}", "waiting", "solved", "user/li", at - 600_000 * nth, nth % 2 == 0
                    )
                    told.append(_beside(row, answered, "answered"))
                later = replace(row, at=at + 60_000 * nth)
                if nth % 4:
                    told.append(_beside(later, AlarmEnded(f"wait:{nth}", at), "ended"))
                    done = RepairConfirmed(f"R{nth}", "water", "user/li", at - 900_000, nth % 3 == 0)
                    told.append(_beside(later, done, "repaired"))
        numbered = [replace(row, seq=self._seq + n) for n, row in enumerate(told, 1)]
        self._seq += len(told)
        self._journal.append(numbered).result()


def _beside(row: Row, event: Any, why: str) -> Row:
    return replace(row, event=event, cause=f"{why}:{row.seq}", part=0)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Rules]]:
    """A journal of 30 simulated days, of which 27 are in January; the last is not over."""
    rules = read(shipped("demo.toml")).rules
    path = tmp_path_factory.mktemp("month") / "lobby.db"
    with closing(Journal(path)) as journal:
        simulate(rules, None, 30, 3, keep=_Adds(journal))
    return path, rules


TICKETS = """
CREATE TEMP TABLE ticket AS
WITH calls AS (SELECT day, json_extract(data, '$.ticket') AS ticket, min(at) AS at FROM event
               WHERE day LIKE :days AND kind = 'ticket_called' GROUP BY 1, 2)
SELECT event.day, calls.ticket IS NOT NULL AS called, json_extract(data, '$.ticket') AS ticket,
       json_extract(data, '$.service') AS service, json_extract(data, '$.class') AS class,
       (calls.at - event.at) / 1000 AS seconds,
       CAST(strftime('%H', calls.at / 1000, 'unixepoch', '+8 hours') AS INTEGER) AS hour
FROM event LEFT JOIN calls ON calls.day = event.day AND calls.ticket = json_extract(data, '$.ticket')
WHERE event.day LIKE :days AND kind = 'ticket_issued'
"""


class Sql:
    """The same figures, by SQL alone."""

    def __init__(self, path: Path, days: str) -> None:
        self._connection, self._days = sqlite3.connect(f"file:{path}?mode=ro", uri=True), days
        self._connection.execute(TICKETS, {"days": days})
        self._connection.execute("CREATE INDEX temp.of_day ON ticket(day, ticket)")

    def all(self, select: str, **about: Any) -> list[Any]:
        return self._connection.execute(select, {"days": self._days, **about}).fetchall()

    def one(self, select: str, **about: Any) -> Any:
        return self.all(select, **about)[0][0]

    def by(self, select: str, **about: Any) -> dict[Any, Any]:
        return {str(id): value for id, value in self.all(select, **about)}

    def waits(self, column: str, value: object) -> dict[str, Any]:
        where = f"FROM ticket WHERE called AND {column} = :value"
        figures = f"""SELECT round(avg(seconds) / 60, 1), round(avg(seconds > 180), 3), round(avg(seconds > 720), 3),
                      count(*) {where}"""
        mean, above_3, above_target, count = self.all(figures, value=value)[0]

        def part(percent: int) -> float:
            offset = f"SELECT count(*) * {percent} / 100 {where}"
            seconds = self.one(f"SELECT seconds {where} ORDER BY seconds LIMIT 1 OFFSET ({offset})", value=value)
            return float(round(seconds / 60, 1))

        if not count:
            return dict.fromkeys(("mean", "median", "p90", "above_3", "above_target"))
        return {
            "mean": mean, "median": part(50), "p90": part(90), "above_3": above_3, "above_target": above_target
        }  # fmt: skip


ADVISED = """
WITH RECURSIVE hour(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM hour WHERE n < 23),
advice AS (
  SELECT e.seq, e.day, e.at, json_extract(j.value, '$.action') AS action, json_extract(j.value, '$.counter') AS counter,
         json_extract(e.data, '$.unless[' || j.key || ']') AS unless
  FROM event AS e, json_each(e.data, '$.advice') AS j WHERE e.kind = 'windows_checked' AND e.day LIKE :days
), until AS (
  SELECT a.*, coalesce(
    (SELECT min(n.at) FROM event AS n WHERE n.day = a.day AND n.seq > a.seq AND (
       n.kind = 'windows_checked' OR (n.kind IN ('counter_opened', 'counter_paused', 'counter_closed') AND (
         json_extract(n.data, '$.counter') = a.counter
         OR (CASE n.kind WHEN 'counter_opened' THEN 'open' ELSE 'close' END = a.action
             AND json_extract(n.data, '$.counter') IN (SELECT value FROM json_each(a.unless))))))),
    (SELECT max(n.at) FROM event AS n WHERE n.day = a.day AND n.kind LIKE 'ticket_%' AND n.cause NOT LIKE 'day:%')
  ) AS ends, (a.at + 28800000) / 86400000 * 86400000 - 28800000 AS midnight
  FROM advice AS a WHERE a.action IN ('open', 'close')
)
SELECT n, sum((CASE action WHEN 'open' THEN 1 ELSE -1 END)
              * max(0, min(ends, midnight + (n + 1) * 3600000) - max(at, midnight + n * 3600000)))
          / (SELECT count(DISTINCT day) FROM event WHERE day LIKE :days) / 3600000.0
FROM hour, until GROUP BY n
"""
"""Counters that were advised more, or less, than were open, by hour: an advice stands until the next check, or until a
counter does what makes it obsolete."""


def tables(made: Report, section: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Table -> row -> its figures."""
    found = made.content()["sections"][section]
    return {table: {row["id"]: row for row in rows} for table, rows in found.items()}


def made_of(month: tuple[Path, Rules], kind: str, when: str, *things: Thing) -> Report:
    path, rules = month
    period = Period.read("month" if kind == "counters" else kind, when)  # type: ignore[arg-type]
    return report(path, RecordRules(rules, {thing.id: thing for thing in things}), kind, period)


def test_the_waits_of_a_month_are_what_sql_finds(month: tuple[Path, Rules]) -> None:
    found, sql = tables(made_of(month, "month", MONTH), "waits"), Sql(month[0], f"{MONTH}-%")
    for table, column in (("hour", "hour"), ("day", "day"), ("service", "service"), ("class", "class")):
        assert len(found[table]) >= 3
        for id, row in found[table].items():
            value = int(id) if table == "hour" else id
            expected = sql.waits(column, value)
            assert {name: row[name] for name in expected} == expected, (table, id)
    issued = "FROM event WHERE day LIKE :days AND kind = 'ticket_issued' GROUP BY 1"
    hours = sql.by(f"SELECT CAST(strftime('%H', at / 1000, 'unixepoch', '+8 hours') AS INTEGER), count(*) {issued}")
    assert {id: row["tickets"] for id, row in found["hour"].items() if row["tickets"]} == hours
    assert {id: row["tickets"] for id, row in found["day"].items()} == sql.by(f"SELECT day, count(*) {issued}")
    for table in ("service", "class"):
        counts = sql.by(f"SELECT json_extract(data, '$.{table}'), count(*) {issued}")
        assert {id: row["tickets"] for id, row in found[table].items()} == counts


def test_the_main_figures_of_a_month_and_the_one_before_are_what_sql_finds(month: tuple[Path, Rules]) -> None:
    made = made_of(month, "month", "2026-02")
    found = tables(made, "overview")["figures"]
    assert not made.content()["over"]
    before = Sql(month[0], f"{MONTH}-%")
    waited = "round(avg(seconds) / 60, 1), round(avg(seconds > 720), 3), round(max(seconds) / 60.0, 1)"
    everybody = f"SELECT {waited} FROM ticket WHERE called"
    assert (
        found["mean"]["before"], found["above_target"]["before"], found["max"]["before"]
    ) == before.all(everybody)[0]  # fmt: skip
    assert found["tickets"]["before"] == before.one(
        "SELECT count(*) FROM event WHERE day LIKE :days AND kind = 'ticket_issued'"
    )
    assert found["days"]["before"] == before.one("SELECT count(DISTINCT day) FROM event WHERE day LIKE :days") == 27
    missed = "SELECT count(*) FROM event WHERE day LIKE :days AND kind = 'ticket_missed'"
    assert found["missed"]["before"] == before.one(missed)
    assert found["missed"]["own"] == Sql(month[0], "2026-02-%").one(missed)
    unserved = "SELECT sum(json_extract(data, '$.unserved')) FROM event WHERE day LIKE :days AND kind = 'day_closed'"
    assert found["left"]["before"] == before.one(unserved)
    hours = tables(made, "waits")["hour"]
    assert hours["10"]["mean_before"] == before.waits("hour", 10)["mean"]


def test_no_shows_privileges_and_machines_of_a_month_are_what_sql_finds(month: tuple[Path, Rules]) -> None:
    made, sql = made_of(month, "month", MONTH), Sql(month[0], f"{MONTH}-%")
    found = tables(made, "no_shows")["service"]
    of_tickets = """
        SELECT service, count(*) FROM event JOIN ticket
        ON ticket.day = event.day AND ticket.ticket = json_extract(event.data, '$.ticket')
        WHERE event.day LIKE :days AND event.kind = :kind AND event.cause NOT LIKE 'day:%' GROUP BY 1"""
    missed, served = sql.by(of_tickets, kind="ticket_missed"), sql.by(of_tickets, kind="ticket_finished")
    assert {id: row["missed"] for id, row in found.items() if id != "all"} == {id: missed.get(id, 0) for id in served}
    assert {id: row["served"] for id, row in found.items() if id != "all"} == served
    all_missed, all_served = sum(missed.values()), sum(served.values())
    assert found["all"]["share"] == round(all_missed / (all_missed + all_served), 3)
    effects = """
        SELECT class, sum(json_extract(event.data, '$.effect[0]')),
               round(sum(json_extract(event.data, '$.effect[1]')) / 60.0
                     / sum(json_extract(event.data, '$.effect[0]')), 1),
               round(max(json_extract(event.data, '$.effect[2]')) / 60.0, 1)
        FROM event JOIN ticket ON ticket.day = event.day AND ticket.ticket = json_extract(event.data, '$.ticket')
        WHERE event.day LIKE :days AND event.kind = 'ticket_called' AND json_type(event.data, '$.effect') = 'array'
        GROUP BY 1"""
    classes = tables(made, "green")["class"]
    told = {
        (id, row["passed"], row["passed_by_mean"], row["passed_by_max"]) for id, row in classes.items() if row["passed"]
    }
    assert told == set(sql.all(effects))
    assert "green" in classes
    machines = tables(made, "self_service")["choice"]["transfer"]
    advised = sql.one("SELECT count(*) FROM event WHERE day LIKE :days AND kind = 'self_service_advised'")
    taken = "FROM event WHERE day LIKE :days AND kind = 'ticket_issued'"
    insisted = sql.one(f"SELECT count(*) {taken} AND json_extract(data, '$.insisted')")
    assert (machines["advised"], machines["insisted"], machines["diverted"]) == (advised, insisted, advised - insisted)
    assert insisted > 10


def test_counters_of_a_month_are_what_sql_finds(month: tuple[Path, Rules]) -> None:
    found, sql = tables(made_of(month, "counters", MONTH), "counters"), Sql(month[0], f"{MONTH}-%")
    finished = """SELECT json_extract(data, '$.counter'), count(*) FROM event
                  WHERE day LIKE :days AND kind = 'ticket_finished' AND cause NOT LIKE 'day:%' GROUP BY 1"""
    assert {id: row["served"] for id, row in found["counter"].items()} == sql.by(finished)
    spells = """
        WITH ends AS (SELECT day, max(at) AS at FROM event WHERE day LIKE :days AND cause NOT LIKE 'day:%'
                      AND (json_type(data, '$.counter') = 'text' OR json_type(data, '$.ticket') = 'text') GROUP BY 1),
             turns AS (SELECT json_extract(data, '$.counter') AS counter, kind, event.at AS since,
                       coalesce(lead(event.at) OVER (PARTITION BY event.day, json_extract(data, '$.counter')
                                ORDER BY seq), ends.at) AS until
                       FROM event JOIN ends USING (day) WHERE event.cause NOT LIKE 'day:%' AND kind LIKE 'counter_%')
        SELECT counter, round(sum(until - since) / 3600000.0, 1) FROM turns WHERE kind = 'counter_opened' GROUP BY 1"""
    assert {id: row["open"] for id, row in found["counter"].items()} == sql.by(spells)
    visits = """
        WITH visits AS (SELECT kind, json_extract(data, '$.counter') AS counter, cause, at - lag(at) OVER (
                        PARTITION BY day, json_extract(data, '$.ticket') ORDER BY seq) AS lasted FROM event
                        WHERE day LIKE :days AND kind IN ('ticket_called', 'ticket_finished', 'ticket_missed'))
        SELECT counter, round(avg(lasted) / 60000.0, 1) FROM visits
        WHERE kind = 'ticket_finished' AND cause NOT LIKE 'day:%' GROUP BY 1"""
    assert {id: row["visit"] for id, row in found["counter"].items()} == sql.by(visits)
    assert [*found["counter"]] == [*month[1].counters], "in the order of the configuration: nobody is ranked"


def test_ratings_of_a_month_are_what_sql_finds(month: tuple[Path, Rules]) -> None:
    found, sql = tables(made_of(month, "month", MONTH), "satisfaction"), Sql(month[0], f"{MONTH}-%")
    scores = """SELECT {by}, round(avg(json_extract(event.data, '$.score')), 2) FROM event
                JOIN ticket ON ticket.day = event.day AND ticket.ticket = json_extract(event.data, '$.ticket')
                WHERE event.day LIKE :days AND event.kind = 'rated' GROUP BY 1"""
    columns = {
        "service": "service",
        "counter": "json_extract(event.data, '$.counter')",
        "hour": "CAST(strftime('%H', event.at / 1000, 'unixepoch', '+8 hours') AS INTEGER)",
    }
    for table, column in columns.items():
        rated = {id: row["mean"] for id, row in found[table].items() if row["rated"]}
        # SQLite and Python round 3.125 each its own way.
        assert rated == pytest.approx(sql.by(scores.format(by=column)), abs=0.0101), table
    counts = "SELECT count(*) FROM event WHERE day LIKE :days AND kind = '{kind}'"
    assert sum(row["asked"] for row in found["counter"].values()) == sql.one(counts.format(kind="rating_asked"))
    assert sum(row["rated"] for row in found["counter"].values()) == sql.one(counts.format(kind="rated"))


def test_outages_of_a_month_are_what_sql_finds(month: tuple[Path, Rules]) -> None:
    found, sql = (
        tables(made_of(month, "month", MONTH, Thing("board", "Board", is_device=True)), "devices")["device"],
        Sql(month[0], f"{MONTH}-%"),
    )
    turns = """
        WITH turns AS (SELECT json_extract(data, '$.device') AS device, json_extract(data, '$.state') AS state, at,
                       lead(at) OVER (PARTITION BY json_extract(data, '$.device') ORDER BY seq) AS until
                       FROM event WHERE day LIKE :days AND kind = 'device_changed')
        SELECT device, round(sum(until - at) / 60000.0, 1), count(*), round(max(until - at) / 60000.0, 1)
        FROM turns WHERE state = 'offline' GROUP BY 1"""
    told = {(id, row["away"], row["outages"], row["longest"]) for id, row in found.items() if row["outages"]}
    assert told == set(sql.all(turns))
    _, rules = month
    doors = sum(
        span.end - span.start
        for (day,) in sql.all("SELECT DISTINCT day FROM event WHERE day LIKE :days")
        for span in rules.profile(day).open
    )
    for id, row in found.items():
        if row["outages"]:
            assert row["uptime"] == pytest.approx(1 - row["away"] * 60 / doors, abs=0.0002), id
    assert found["board"] == {"id": "board", "name": "Board", "uptime": None, "outages": 0, "away": 0, "longest": 0}


def test_repairs_and_alarms_of_a_month_are_what_sql_finds(month: tuple[Path, Rules]) -> None:
    made, sql = made_of(month, "month", MONTH, Thing("water", "Water dispenser")), Sql(month[0], f"{MONTH}-%")
    repairs = tables(made, "repairs")["thing"]["water"]
    select = """SELECT count(*), sum(json_extract(data, '$.late')),
                       round(avg(at - json_extract(data, '$.since')) / 3600000.0, 1),
                       round(max(at - json_extract(data, '$.since')) / 3600000.0, 1)
                FROM event WHERE day LIKE :days AND kind = 'repair_confirmed'"""
    assert (repairs["confirmed"], repairs["late"], repairs["mean"], repairs["longest"]) == sql.all(select)[0]
    opened = sql.one("SELECT count(*) FROM event WHERE day LIKE :days AND kind = 'repair_opened'")
    assert repairs["opened"] == opened > repairs["confirmed"] > repairs["late"] > 0
    assert repairs["name"] == "Water dispenser"
    alarms = tables(made, "alarms")["kind"]["wait"]
    ended = """SELECT count(*), round(sum(at - json_extract(data, '$.since')) / 60000.0, 1),
                      round(max(at - json_extract(data, '$.since')) / 60000.0, 1)
               FROM event WHERE day LIKE :days AND kind = 'alarm_ended'"""
    assert (alarms["ended"], alarms["minutes"], alarms["longest"]) == sql.all(ended)[0]
    assert alarms["raised"] == opened


def test_complaints_of_a_month_are_what_sql_finds(month: tuple[Path, Rules]) -> None:
    found, sql = tables(made_of(month, "month", MONTH), "complaints")["cause"]["waiting"], Sql(month[0], f"{MONTH}-%")
    select = """SELECT count(*), sum(json_extract(data, '$.late')),
                       round(avg(at - json_extract(data, '$.since')) / 3600000.0, 1)
                FROM event WHERE day LIKE :days AND kind = 'complaint_answered'"""
    assert (found["answered"], found["late"], found["mean"]) == sql.all(select)[0]
    assert found["opened"] == sql.one("SELECT count(*) FROM event WHERE day LIKE :days AND kind = 'complaint_opened'")


def test_counters_open_by_hour_and_reasons_of_privileges_are_what_sql_finds(month: tuple[Path, Rules]) -> None:
    sql = Sql(month[0], f"{MONTH}-%")
    hours = sql.by(
        """WITH RECURSIVE turn AS (
             SELECT day, kind, at,
                    LEAD(at) OVER (PARTITION BY day, json_extract(data, '$.counter') ORDER BY seq) AS ends
             FROM event WHERE day LIKE :days AND kind IN ('counter_opened', 'counter_paused', 'counter_closed')
           ), hour(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM hour WHERE n < 23)
           SELECT n, round(sum(max(0, min(ends, midnight + (n + 1) * 3600000) - max(at, midnight + n * 3600000)))
                           / (SELECT count(DISTINCT day) FROM event WHERE day LIKE :days) / 3600000.0, 1)
           FROM hour, (
             SELECT *, (at + 28800000) / 86400000 * 86400000 - 28800000 AS midnight
             FROM turn WHERE kind = 'counter_opened'
           ) GROUP BY n"""
    )
    found = tables(made_of(month, "month", MONTH), "counters")["hour"]
    assert {id: row["open"] for id, row in found.items()} == {id: hours[id] for id in found}
    assert max(hours.values()) > 2
    advised = sql.by(ADVISED)
    assert {id: row["advised"] for id, row in found.items()} == {
        id: pytest.approx(max(0, hours[id] + advised.get(id, 0)), abs=0.11) for id in found
    }
    assert any(advised.values())
    grants = sql.by(
        """SELECT json_extract(data, '$.class') || '/' || coalesce(json_extract(data, '$.reason'), ''), count(*)
           FROM event WHERE day LIKE :days AND kind = 'ticket_issued' AND json_extract(data, '$.class') IN
           ('green', 'urgent') GROUP BY 1"""
    )
    assert {
        id: row["tickets"] for id, row in tables(made_of(month, "month", MONTH), "green")["grants"].items()
    } == grants


def test_a_day_is_told_as_on_its_day_sheet(month: tuple[Path, Rules]) -> None:
    path, rules = month
    for day in ("2026-01-14", "2026-02-03"):
        log = DayLog()
        last = None
        with closing(JournalReader(path)) as reader:
            for row in reader.rows(day):
                log.add(row, rules)
                last = row.at
        assert last
        sheet = day_figures.sheet(log, rules, last)
        made = made_of(month, "day", day)
        figures = {id: row["own"] for id, row in tables(made, "overview")["figures"].items()}
        for name in ("mean", "median", "p90", "max", "above_3", "above_target"):
            assert figures[name] == sheet.day[name], (day, name)
        assert (figures["tickets"], figures["missed"], figures["left"]) == (sheet.tickets, sheet.missed, sheet.left)
        waits = tables(made, "waits")
        for table, rows in (("service", sheet.services), ("class", sheet.classes)):
            for row in rows:
                assert (found := waits[table][row["id"]])["tickets"] == row["tickets"]
                names = ("mean", "median", "p90", "above_3", "above_target")
                assert [found[name] for name in names] == [row[name] if row["customers"] else None for name in names]
        counters = tables(made, "counters")["counter"]
        for row in sheet.counters:
            assert counters[row["id"]]["served"] == row["finished"]
            assert counters[row["id"]]["open"] == pytest.approx(row["open"] / 60, abs=0.06)


def test_a_day_stands_beside_the_day_before_last_week_and_days_of_its_kind(month: tuple[Path, Rules]) -> None:
    content = made_of(month, "day", "2026-01-28").content()
    assert content["beside"]["before"] == [["2026-01-27"]]
    assert content["beside"]["week"] == [["2026-01-21"]]
    kinds = {day: month[1].profile(day).id for day in (f"2026-01-{n:02d}" for n in range(5, 29))}
    same = [day for day, kind in kinds.items() if kind == kinds["2026-01-28"] and day < "2026-01-28"][::-1][:5]
    assert content["beside"]["usual"] == [[day] for day in same]
    week = made_of(month, "week", "2026-W05").content()
    assert (week["first"], week["last"], week["days"]) == ("2026-01-26", "2026-02-01", 7)
    assert [len(days) for days in week["beside"]["usual"]] == [7, 7, 7]
