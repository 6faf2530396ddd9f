"""`lobby why`: for a call the journal's own account; for one who waits where they stand, as the rule then calls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from branches import local, wording

from bench import processes
from controller.config import read
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.day import DayClosed, DayOpened
from controller.lobby.actions.event import Event, from_row
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.hold import TicketHeld
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.registry import decide, evolve
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.actions.undo_at_counter import CallUndone, UndoAtCounter
from controller.lobby.aggregate import Aggregate, Row
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, Stage, State
from controller.lobby.model.units import Ms
from controller.output import write_json
from controller.reports.why import explanations, meant
from simulators.customers import day as customers_of
from simulators.days.virtual import VirtualDay

LOBBY = Path(sys.executable).with_name("lobby")
DEMO = Path(__file__).parents[1] / "config" / "demo.toml"
SEED = 81
MORNING = 40
"""Calls after which the day is looked at, with a hall full of people."""


@pytest.fixture(scope="module")
def rules() -> Rules:
    return read(DEMO).rules


@pytest.fixture(scope="module")
def rows(rules: Rules) -> list[Row]:
    """A pension day."""
    lobby = Aggregate(rules)
    VirtualDay(lobby, date(2026, 1, 13), customers_of(rules, "pension", f"why:{SEED}")).run()
    return lobby.rows


@pytest.fixture(scope="module")
def morning(rows: list[Row]) -> list[Row]:
    calls = [n for n, row in enumerate(rows) if isinstance(row.event, TicketCalled)]
    return rows[: calls[MORNING]]


def state_after(rows: Sequence[Row]) -> State:
    state = State()
    for row in rows:
        evolve(state, row.at, row.event)
    return state


def waiting(state: State) -> list[str]:
    return [ticket.id for ticket in state.tickets.values() if ticket.stage is Stage.WAITING]


def test_each_call_gets_the_journals_sentence_and_keys(rules: Rules, rows: list[Row]) -> None:
    print(f"seed {SEED}")
    calls = [(row.at, row.event) for row in rows if isinstance(row.event, TicketCalled)]
    tickets = list(dict.fromkeys(call.ticket for _, call in calls))
    assert len(tickets) > 250
    for ticket in tickets[::4]:
        told = explanations(rows, rules, ticket)
        mine = [(at, call) for at, call in calls if call.ticket == ticket]
        *calls_told, (_, stands) = told
        assert stands.ticket == ticket
        assert [at for at, _ in calls_told] == [at for at, _ in mine]
        for (_, explanation), (_, call) in zip(calls_told, mine, strict=True):
            assert explanation.ticket == ticket
            assert explanation.text == call.why["text"]
            assert [(line.ticket, line.counts) for line in explanation.table] == [
                (head["ticket"], head["key"]) for head in call.why["heads"]
            ]


def test_the_sentence_of_a_call_is_that_of_its_time_whatever_the_rules_are_now(rules: Rules, rows: list[Row]) -> None:
    other = replace(rules, classes={id: replace(klass, credit=0) for id, klass in rules.classes.items()}, pass_limit=1)
    called = next(row.event.ticket for row in rows[200:] if isinstance(row.event, TicketCalled))
    assert [e.text for _, e in explanations(rows, other, called)[:-1]] == [
        e.text for _, e in explanations(rows, rules, called)[:-1]
    ]


def test_who_waits_is_told_a_place_in_the_order_of_the_calls_to_come(rules: Rules, morning: list[Row]) -> None:
    """Where the guard does not intervene: one counter alone, calling one after the other."""
    rules = replace(rules, pass_limit=10**9)
    state, at = state_after(morning), morning[-1].at
    left = waiting(state)
    assert len(left) > 20
    checked = 0
    for ticket in left:
        ((_, told),) = explanations(morning, rules, ticket)
        assert told.ticket == ticket
        assert ticket in told.text
        order = [line.ticket for line in told.table]
        assert ticket in order
        counts = [line.counts for line in told.table]
        assert counts == sorted(counts)
        counter = next(id for id in rules.counters if orders(morning, rules, id, at)[: len(order)] == order)
        assert state.counter(counter).stage is CounterStage.OPEN
        checked += len(order) > 1
    assert checked > 20


ORDERS: dict[tuple[str, int], list[str]] = {}


def orders(rows: Sequence[Row], rules: Rules, counter: str, at: int) -> list[str]:
    """The tickets as one counter alone would call them."""
    if (counter, at) not in ORDERS:
        state = state_after(rows)
        found = ORDERS[counter, at] = []
        while True:
            decision = decide(state, rules, CallNext(at=at, cause="", counter=counter, sure=True))
            called = decision[-1] if isinstance(decision, list) else None
            if not isinstance(called, TicketCalled):
                break
            found.append(called.ticket)
            for event in decision:  # type: ignore[union-attr]
                evolve(state, at, event)
    return ORDERS[counter, at]


def test_nobody_who_waits_is_told_a_wrong_next(rules: Rules, morning: list[Row]) -> None:
    """Who is told to be next at a counter is who that counter then calls."""
    state, at = state_after(morning), morning[-1].at
    heads = {
        decision[-1].ticket  # type: ignore[attr-defined]
        for counter in rules.counters
        if isinstance(decision := decide(state, rules, CallNext(at=at, cause="", counter=counter, sure=True)), list)
        and isinstance(decision[-1], TicketCalled)
    }
    english = replace(rules, wording=wording("en"))
    said = {id for id in waiting(state) if f": {id} is next: " in explanations(morning, english, id)[-1][1].text}
    assert heads == said


def test_a_call_that_was_taken_back_is_told(rules: Rules, morning: list[Row]) -> None:
    lobby = Aggregate(rules, state_after(morning))
    at = Ms(morning[-1].at + 60_000)
    busy = next(id for id, counter in lobby.state.counters.items() if counter.ticket)
    for n, command in enumerate((CallNext, UndoAtCounter)):
        done = lobby.do(command(at=at, cause=f"slip:{n}", counter=busy, sure=True))
        assert isinstance(done, list), done
    called = next(row.event.ticket for row in lobby.rows if isinstance(row.event, CallUndone))
    (_, first), (_, undone), (_, stands) = explanations([*morning, *lobby.rows], rules, called)
    assert undone.text == rules.wording.say("answer.call_undone", ticket=called)
    assert stands.text
    assert first.text != stands.text


def test_a_ticket_is_found_in_either_case(rules: Rules, morning: list[Row]) -> None:
    """Also where a prefix is not in capitals."""
    called = next(row.event.ticket for row in morning if isinstance(row.event, TicketCalled))
    assert explanations(morning, rules, called.lower()) == explanations(morning, rules, called) != []
    small: list[Row] = []
    for row in morning:
        data = json.loads(json.dumps(row.data).replace(f'"{called}"', f'"{called.lower()}"'))
        small.append(replace(row, event=from_row(row.event.KIND, row.event.VERSION, data)))
    for text in (called, called.lower()):
        assert {explanation.ticket for _, explanation in explanations(small, rules, text)} == {called.lower()}


def test_a_number_or_a_short_number_is_enough_where_one_ticket_fits(rules: Rules, morning: list[Row]) -> None:
    issued = [row.event for row in morning if isinstance(row.event, TicketIssued)]
    alone = max((e for e in issued), key=lambda e: e.number)
    assert sum(e.number == alone.number for e in issued) == 1
    prefix = alone.ticket.rstrip("0123456789")
    for text in (str(alone.number), f"{prefix}{alone.number}", f"{prefix.lower()}{alone.number}", f"0{alone.number}"):
        assert meant(morning, text) == [alone.ticket]
        assert explanations(morning, rules, text) == explanations(morning, rules, alone.ticket)
    several = [e.ticket for e in issued if e.number == 1]
    assert meant(morning, "1") == several
    assert len(several) > 1
    ((_, told),) = explanations(morning, rules, "1")
    assert told.ticket == ""
    assert all(ticket in told.text for ticket in several)
    assert meant(morning, several[0][0] + "1") == several[:1]
    for nobody in ("Z1", "", "A", "999", "A001x", "１"):
        assert meant(morning, nobody) == []


class Story:
    """A few tickets of one day, told event by event."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.add(0, DayOpened("2026-01-13"))

    def add(self, minute: float, event: Event) -> Story:
        seq = len(self.rows) + 1
        at = local("2026-01-13 09:00") + round(minute * 60_000)
        self.rows.append(Row(seq, at, "2026-01-13", event, f"c{seq}", 0))
        return self

    def issue(self, minute: float, ticket: str) -> Story:
        number, seniority = int(ticket[1:]), local("2026-01-13 09:00") // 1000 + round(minute * 60)
        return self.add(minute, TicketIssued(ticket, "cash", "normal", seniority, number, "kiosk", True))


def test_what_became_of_a_ticket_is_always_said(rules: Rules) -> None:
    english = replace(rules, wording=wording("en"))
    story = Story().add(0, CounterOpened("1"))
    for n in range(1, 6):
        story.issue(n, f"A00{n}")
    for n, end in enumerate((TicketFinished, TicketMissed, TicketHeld), 1):
        story.add(10 * n, TicketCalled(f"A00{n}", "1", False, {"text": f"call {n}"})).add(
            10 * n + 5, end(f"A00{n}", "1")
        )
    story.add(40, TicketCalled("A004", "1", False, {"text": "call 4"}))

    def told(rows: Sequence[Row], ticket: str) -> list[tuple[float, str]]:
        nine = local("2026-01-13 09:00")
        return [((at - nine) / 60_000, e.text) for at, e in explanations(rows, english, ticket)]

    day_over = [*story.rows, *Story().add(18 * 60, DayClosed("2026-01-13", 1)).rows[1:]]
    for rows in (story.rows, day_over):
        assert told(rows, "A001") == [(10, "call 1"), (15, "A001 has ended (served).")]
        assert told(rows, "A002")[0] == (20, "call 2")
        assert (told(rows, "A002")[1][0], "A002 missed its call at counter 1" in told(rows, "A002")[1][1]) == (25, True)
        assert told(rows, "A003")[1][0] == 35
        assert told(rows, "A004")[1][0] == 40
        assert "A004 was called to counter 1" in told(rows, "A004")[1][1]
    assert told(story.rows, "A003")[1][1] == "A003 is held by counter 1."
    assert told(day_over, "A003")[1][1] == "A003 was held by counter 1 until the day ended."
    assert told(day_over, "A002")[1][1].endswith("can no longer come back.")
    assert told(day_over, "A005") == [(40, "A005 waited until the day ended.")]
    assert "A005" in told(story.rows, "A005")[0][1]
    assert "until the day ended" not in told(story.rows, "A005")[0][1]


# -- the command -----------------------------------------------------------------------------------------------------


def why(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(LOBBY), "why", "--config", str(DEMO), *map(str, arguments)]
    return processes.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture(scope="module")
def journal(morning: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("why") / "morning.db"
    journal = Journal(path)
    journal.append(morning).result()
    journal.close()
    return path


def test_it_prints_and_writes_what_it_finds(rules: Rules, morning: list[Row], journal: Path, tmp_path: Path) -> None:
    state = state_after(morning)
    called = next(row.event.ticket for row in morning if isinstance(row.event, TicketCalled))
    still = waiting(state)[-1]
    for ticket in (called, still.lower()):
        done = why("--journal", journal, "--json", tmp_path / "why.json", ticket)
        assert (done.returncode, done.stderr) == (0, "")
        told = json.loads((tmp_path / "why.json").read_text("utf-8"))
        expected = explanations(morning, rules, ticket)
        assert [(each["at"], each["text"]) for each in told] == [(at, e.text) for at, e in expected]
        assert [line["ticket"] for line in told[0]["table"]] == [line.ticket for line in expected[0][1].table]
        shown = "".join(done.stdout.split())
        assert "".join(expected[0][1].text.split()) in shown
        assert ticket.upper() in shown


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["Z999"], 1),
        (["1"], 1),
        (["--day", "2026-01-12", "A001"], 1),
        (["--day", "yesterday", "A001"], 2),
        (["--journal", "none.db", "A001"], 1),
        ([], 2),
    ],
)
def test_what_it_does_not_find(arguments: list[str], code: int, journal: Path) -> None:
    named = () if "--journal" in arguments else ("--journal", journal)
    done = why(*named, *arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    if code == 1:
        assert len(done.stderr.splitlines()) == 1
    if "--journal" in arguments:
        assert "none.db: there is no such file; name the file that [journal] path names" in done.stderr


def test_a_disk_without_room_is_one_sentence() -> None:
    with pytest.raises(OSError, match=r"^/dev/full: cannot be written \(no space left on device\); make room, or name"):
        write_json(Path("/dev/full"), {"customers": 1})


def test_the_table_speaks_the_branchs_language_and_is_not_cut(journal: Path, morning: list[Row]) -> None:
    done = why("--journal", journal, waiting(state_after(morning))[-1])
    assert "普通" in done.stdout
    assert "业务" in done.stdout
    assert "service" not in done.stdout
    assert "…" not in done.stdout


def test_after_the_roll_over_the_last_day_with_tickets_is_meant(rows: list[Row], tmp_path: Path) -> None:
    """The new day has opened, and nobody has come yet."""
    last = rows[-1]
    path = tmp_path / "night.db"
    journal = Journal(path)
    closed = Row(last.seq + 1, last.at + 1000, last.day, DayClosed(last.day, 0), "night", 0)
    opened = Row(last.seq + 2, last.at + 1000, "2026-01-14", DayOpened("2026-01-14"), "night", 1)
    journal.append([*rows, closed, opened]).result()
    journal.close()
    done = why("--journal", path, "A001")
    assert (done.returncode, done.stderr) == (0, "")
    assert "A001" in done.stdout


def test_the_module_is_the_command_too() -> None:
    done = processes.run(
        [sys.executable, "-m", "controller.cli", "--version"], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0
    assert "version" in done.stdout
