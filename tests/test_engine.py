"""The engine on real journals: one press acts once, nothing is answered before it is written, nothing stops it."""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from branches import NINE, branch, numbers
from checker import check

from bench import processes
from controller.engine import INBOX_LIMIT, STEP_LIMIT, Engine, Request, Step
from controller.journal import Journal, JournalError
from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command
from controller.lobby.actions.event import from_row
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.rating import AskRating, Rate
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.reprint import Reprint
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.undo_finish import UndoFinish
from controller.lobby.actions.unhold import Unhold
from controller.lobby.answers import Answer
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State

RULES = branch({"1": {"cash": 0}, "2": {"cash": 10, "personal": 0}}, raters=("1",))
SOON = 30
"""Seconds within which anything here happens, also on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard(Command):
    """A command that nobody has taught the lobby to decide."""


@dataclass
class Listener:
    """What the engine tells."""

    steps: list[list[str]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    beats: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def published(self, step: Step) -> None:
        self.steps.append([row.event.KIND for row in step.rows])

    def trouble(self, reason: str) -> None:
        self.troubles.append(reason)
        self.news.set()

    def stepped(self) -> None:
        self.beats += 1
        self.news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the engine tells to fulfil a condition."""
        async with asyncio.timeout(SOON):
            while not condition():
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def running(path: Path, listener: Listener | None = None, rules: Rules = RULES) -> AsyncIterator[Engine]:
    """An engine at work on a journal, which is opened before and closed after."""
    listener = listener or Listener()
    journal = Journal(path)
    try:
        engine = Engine(rules, journal)
        engine.replay()
        work = asyncio.create_task(engine.run(listener.published, listener.trouble, listener.stepped), name="engine")
        try:
            yield engine
        finally:
            engine.stop()
            async with asyncio.timeout(SOON):
                await work
    finally:
        journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lobby.db"


def journalled(path: Path) -> list[dict[str, Any]]:
    """The rows, as an outsider reads them."""
    with closing(sqlite3.connect(path)) as connection:
        select = "SELECT seq, at, kind, version, data, cause, part FROM event ORDER BY seq"
        names = ("seq", "at", "kind", "version", "data", "cause", "part")
        rows = [dict(zip(names, columns, strict=True)) for columns in connection.execute(select)]
    return [row | {"data": json.loads(row["data"])} for row in rows]


def kinds(path: Path) -> list[str]:
    return [row["kind"] for row in journalled(path)]


def replayed(path: Path) -> State:
    """The state that the file alone leads to."""
    state = State()
    for row in journalled(path):
        evolve(state, row["at"], from_row(row["kind"], row["version"], row["data"]))
    return state


def take(cause: str, at: int = NINE, **more: Any) -> TakeTicket:
    return TakeTicket(at=at, cause=cause, by="kiosk", **more)


def call(cause: str, counter: str = "1", at: int = NINE) -> CallNext:
    return CallNext(at=at, cause=cause, counter=counter)


async def asked(engine: Engine, *commands: Command) -> list[Answer]:
    """Ask for all of it at once."""
    async with asyncio.timeout(SOON):
        return list(await asyncio.gather(*(engine.ask(command) for command in commands)))


# -- one cause acts once -------------------------------------------------------------------------------------------


async def test_one_cause_acts_once_within_a_step(path: Path) -> None:
    listener = Listener()
    async with running(path, listener) as engine:
        answers = await asked(engine, take("k:1"), take("k:1"), take("k:2"))
    assert [a.ticket for a in answers] == ["A001", "A001", "A002"]
    assert listener.steps == [["day_opened", "ticket_issued", "ticket_issued"]]
    assert kinds(path) == listener.steps[0]


async def test_one_cause_acts_once_across_steps_and_restarts(path: Path) -> None:
    async with running(path) as engine:
        first = await asked(engine, take("k:1"))
        assert await asked(engine, take("k:1")) == first
    async with running(path) as engine:
        assert await asked(engine, take("k:1")) == first
        assert await asked(engine, take("k:1"), take("k:2")) == [
            first[0],
            replace(first[0], ticket="A002", text="A002"),
        ]
    assert kinds(path) == ["day_opened", "ticket_issued", "ticket_issued"]


def a_working_day() -> list[Command]:
    """Every command that leads to a row, each with its own cause."""
    at = iter(range(NINE, NINE + 10**9, 20_000))
    made: list[Command] = []

    def say(kind: type[Command], **about: Any) -> None:
        made.append(kind(at=next(at), cause=f"press:{len(made)}", **about))

    for service, paper in (("cash", "ready"), ("cash", "none"), ("personal", "ready"), ("cash", "paper_end")):
        say(TakeTicket, by="kiosk", service=service, paper=paper, screen=True)
    say(ReportPrint, ticket="A001", copy=1, result="unknown")
    say(ReportPrint, ticket="B001", copy=1, result="printed")
    say(Reprint, by="panel", paper="ready")
    say(ReportPrint, ticket="A001", copy=2, result="sent")
    say(Open, counter="2")
    say(Pause, counter="2", reason="1")
    say(Pause, counter="2")
    say(CallNext, counter="1")
    say(Recall, counter="1")
    say(Start, counter="1")
    say(AskRating, counter="1")
    say(Rate, counter="1", score=5)
    say(Finish, counter="1")
    say(CallNext, counter="1")
    say(NoShow, counter="1")
    say(Return, by="panel", ticket="A002")
    say(CallNumber, counter="1", digits="02")
    say(Hold, counter="1")
    say(Unhold, counter="1")
    say(Transfer, counter="1", digits="2")
    say(Promote, by="panel", ticket="A003", klass="green", reason="elderly")
    say(Undo, by="panel", ticket="A003")
    say(CallNumber, counter="1", digits="03")
    say(Finish, counter="1")
    say(Return, by="panel", ticket="A003")
    say(CallNumber, counter="1", digits="03")
    say(Finish, counter="1")
    say(UndoFinish, counter="1")
    say(Finish, counter="1")
    say(Return, by="panel", ticket="A003")
    say(Promote, by="panel", ticket="A003", klass="green", reason="elderly")
    say(Reassign, by="panel")
    say(CallNext, counter="2")
    say(CallNext, counter="2")
    say(CallNext, counter="2")
    say(CallNext, counter="2")
    say(TakeTicket, by="kiosk")
    say(Cancel, by="panel", ticket="A004", reason="left")
    say(TakeTicket, by="kiosk")
    say(Finish, counter="2")
    say(CallByHand, by="user/li", ticket="A005", counter="2", reason="elderly")
    say(ReportDevice, device="printer", state="offline", detail="offline")
    say(CallNext, counter="2")
    say(Close, counter="2")
    return made


async def test_a_press_delivered_again_gets_the_same_answer_also_after_a_restart(path: Path) -> None:
    day = a_working_day()
    given: dict[str, Answer] = {}
    async with running(path) as engine:
        for command in day:
            (given[command.cause],) = await asked(engine, command)
        again = await asked(engine, *day)
    assert again == list(given.values())
    rows = journalled(path)
    written = [command for command in day if any(row["cause"] == command.cause for row in rows)]
    assert {type(c) for c in written} >= {type(c) for c in day}
    assert all(given[command.cause].result == "ok" for command in written)
    async with running(path) as engine:
        assert await asked(engine, *written) == [given[command.cause] for command in written]
        assert engine.state.picture() == replayed(path).picture()
    assert journalled(path) == rows
    assert not list(check(rows, numbers(RULES)))


async def test_a_refused_press_leaves_no_row_and_is_decided_afresh_after_a_restart(path: Path) -> None:
    async with running(path) as engine:
        await asked(engine, take("k:1", service="personal"))
        (refused,) = await asked(engine, call("press"))
        assert (refused.result, refused.text, refused.code) == ("refused", "none waiting", "none_waiting")
        await asked(engine, take("k:2"))
        assert await asked(engine, call("press")) == [refused], "the same press, the same answer"
    assert "press" not in {row["cause"] for row in journalled(path)}
    async with running(path) as engine:
        (called,) = await asked(engine, call("press"))
    assert (called.result, called.ticket) == ("ok", "A001")


async def test_the_answers_say_what_a_device_needs(path: Path) -> None:
    async with running(path) as engine:
        issued, unprinted, called, again, finished = await asked(
            engine,
            take("k:1", paper="ready", hold_off=2),
            take("k:2", service="personal", paper="paper_end", screen=True),
            call("p:1"),
            take("k:3", paper="ready", hold_off=2),
            call("p:2"),
        )
    assert issued == again == Answer("ok", "A001", "A001")
    assert unprinted == Answer("ok", "B001", "B001", printed=False)
    assert called == Answer("ok", "A001 to counter 1", "A001")
    assert finished == Answer("ok", "none waiting", code="none_waiting")


async def test_numbers_go_on_where_the_journal_ends(path: Path) -> None:
    async with running(path) as engine:
        await asked(engine, take("k:1"), take("k:2"))
    async with running(path) as engine:
        await asked(engine, take("k:3"))
        await asked(engine, take("k:4", NINE + 24 * 3_600_000))
    rows = journalled(path)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    tickets = [row["data"]["ticket"] for row in rows if row["kind"] == "ticket_issued"]
    assert tickets == ["A001", "A002", "A003", "A001"]


# -- steps ---------------------------------------------------------------------------------------------------------


async def test_what_gathers_is_decided_in_order_and_written_together(path: Path) -> None:
    listener = Listener()
    async with running(path, listener) as engine:
        answers = await asked(engine, *(take(f"k:{n}") for n in range(300)))
    assert [a.ticket for a in answers] == [f"A{n:03d}" for n in range(1, 301)]
    assert [len(step) for step in listener.steps] == [301]


async def test_a_step_has_a_limit(path: Path) -> None:
    listener = Listener()
    async with running(path, listener) as engine:
        answers = await asked(engine, *(take(f"k:{n}") for n in range(STEP_LIMIT + 10)))
    assert len({a.ticket for a in answers}) == STEP_LIMIT + 10
    assert [len(step) for step in listener.steps] == [STEP_LIMIT + 1, 10]


async def test_answers_come_after_the_commit_and_before_the_news(path: Path) -> None:
    order: list[str] = []

    def reply(answer: Answer) -> None:
        order.append(f"reply, {len(kinds(path))} rows in the file")

    journal = Journal(path)
    engine = Engine(RULES, journal)
    engine.submit(Request(take("k:1"), reply))
    engine.submit(Request(take("k:2"), reply))
    engine.stop()
    async with asyncio.timeout(SOON):
        await engine.run(lambda step: order.append(f"news of {len(step.rows)} rows"))
    journal.close()
    assert order == ["reply, 3 rows in the file", "reply, 3 rows in the file", "news of 3 rows"]


async def test_an_inbox_that_is_full_refuses_at_once(path: Path) -> None:
    answers: dict[int, Answer] = {}
    journal = Journal(path)
    engine = Engine(RULES, journal)
    for n in range(INBOX_LIMIT + 1):
        engine.submit(Request(take(f"k:{n}"), lambda answer, n=n: answers.update({n: answer})))
    assert answers.keys() == {INBOX_LIMIT}
    assert (answers[INBOX_LIMIT].result, answers[INBOX_LIMIT].code, answers[INBOX_LIMIT].written) == (
        "error",
        "busy",
        False,
    )
    engine.stop()
    await engine.run()
    journal.close()
    assert len(answers) == INBOX_LIMIT + 1
    assert [a.result for n, a in answers.items() if n != INBOX_LIMIT] == ["ok"] * INBOX_LIMIT
    assert len(kinds(path)) == INBOX_LIMIT + 1


async def test_after_stop_nothing_is_taken_and_what_was_taken_is_written(path: Path) -> None:
    async with running(path) as engine:
        before = asyncio.create_task(engine.ask(take("k:1")))
        await asyncio.wait([before], timeout=0)
        engine.stop()
        late = await engine.ask(take("k:2"))
        assert (await before).ticket == "A001"
    assert (late.result, late.code, late.written) == ("error", "busy", False)
    assert kinds(path) == ["day_opened", "ticket_issued"]


async def test_an_idle_engine_beats(path: Path) -> None:
    listener = Listener()
    async with running(path, listener):
        await listener.until(lambda: listener.beats >= 2)
    assert listener.steps == []


async def test_idle_waits_for_all_that_was_submitted(path: Path) -> None:
    async with running(path) as engine:
        for n in range(STEP_LIMIT * 2):
            engine.submit(Request(take(f"k:{n}")))
        async with asyncio.timeout(SOON):
            await engine.idle()
        assert len(kinds(path)) == STEP_LIMIT * 2 + 1


async def test_a_new_day_begins_before_the_press_that_shows_it(path: Path) -> None:
    tomorrow = NINE + 24 * 3_600_000
    listener = Listener()
    async with running(path, listener) as engine:
        await asked(engine, take("k:1"), call("p:1"))
        (answer,) = await asked(engine, take("k:2", tomorrow))
        (back,) = await asked(engine, take("k:3", NINE))
    assert (answer.ticket, back.ticket) == ("A001", "A002")
    assert listener.steps[1] == ["ticket_finished", "counter_closed", "day_closed", "day_opened", "ticket_issued"]
    with closing(sqlite3.connect(path)) as connection:
        days = [day for (day,) in connection.execute("SELECT day FROM event ORDER BY seq")]
    assert days == ["2026-11-23"] * 7 + ["2026-11-24"] * 3


async def test_a_remark_is_kept_beside_the_event(path: Path) -> None:
    async with running(path) as engine:
        await asked(engine, take("k:1"))
        promote = Promote(at=NINE, cause="m:1", by="panel", ticket="A001", klass="green", reason="remark")
        call = CallByHand(at=NINE, cause="m:4", by="panel", ticket="A001", counter="1", reason="remark")
        said = (
            (promote, "老人行动不便"),
            (replace(promote, cause="m:2"), "refused, so not kept"),
            (Open(at=NINE, cause="m:3", counter="1"), ""),
            (call, "老人先办"),
        )
        answers = await asyncio.gather(*(engine.ask(command, remark=remark) for command, remark in said))
        assert [a.result for a in answers] == ["ok", "refused", "ok", "ok"]
    with closing(sqlite3.connect(path)) as connection:
        kept = [("m:1", NINE, "老人行动不便"), ("m:4", NINE, "老人先办")]
        assert connection.execute("SELECT * FROM remark ORDER BY cause").fetchall() == kept
    rows = journalled(path)
    assert "老人" not in json.dumps(rows, ensure_ascii=False)
    assert (rows[-1]["kind"], rows[-1]["data"]["reason"]) == ("ticket_called", "remark")


# -- faults of ours and of others ----------------------------------------------------------------------------------


async def test_a_command_that_cannot_be_decided_costs_one_press(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(path) as engine:
        before, fault, after = await asked(engine, take("k:1"), Unheard(at=NINE, cause="x"), take("k:2"))
    assert (before.ticket, after.ticket) == ("A001", "A002")
    assert (fault.result, fault.code) == ("error", "internal")
    assert "Unheard could not be decided" in caplog.text
    assert kinds(path) == ["day_opened", "ticket_issued", "ticket_issued"]


async def test_an_index_that_is_damaged_costs_the_press_and_not_the_engine(path: Path) -> None:
    """The day can be replayed, and whether a press has acted already cannot be known: so it does not act."""
    async with running(path) as engine:
        await asked(engine, *(take(f"k:{n}") for n in range(50)))
    with closing(sqlite3.connect(path)) as connection:
        select = "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_event_1'"
        ((page,),) = connection.execute(select)
        ((size,),) = connection.execute("PRAGMA page_size")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    async with running(path) as engine:
        answers = await asked(engine, take("k:7"), take("k:new"))
        assert {(a.result, a.written) for a in answers} == {("error", False)}
        assert len(engine.state.tickets) == 50


async def test_a_listener_that_fails_stops_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    def clumsy(step: Step) -> None:
        told.append("step")
        raise RuntimeError("the board fell off the wall")

    def rude(answer: Answer) -> None:
        told.append("answer")
        raise RuntimeError("nobody listens")

    journal = Journal(path)
    engine = Engine(RULES, journal)
    work = asyncio.create_task(engine.run(clumsy))
    engine.submit(Request(take("k:1"), rude))
    answers = await asked(engine, take("k:2"))
    answers += await asked(engine, take("k:3"))
    engine.stop()
    async with asyncio.timeout(SOON):
        await work
    journal.close()
    assert [a.ticket for a in answers] == ["A002", "A003"]
    assert told == ["answer", "step", "step", "step"]
    assert "the board fell off the wall" in caplog.text
    assert "nobody listens" in caplog.text


async def test_what_is_answered_in_place_of_a_decision_is_not_for_what_has_acted_already(path: Path) -> None:
    old = Answer("refused", "set the clock", code="too_old")
    async with running(path) as engine:
        taken = await engine.ask(take("k:1"))
        for cause in ("k:1", "k:2", "k:2"):
            engine.submit(Request(take(cause), (answers := []).append, instead=old))
            await engine.idle()
            assert answers == [taken if cause == "k:1" else old]
    async with running(path) as engine:
        engine.submit(Request(take("k:1"), answers.append, instead=old))
        await engine.idle()
        assert answers[-1] == taken
    assert kinds(path).count("ticket_issued") == 1


async def test_whoever_waits_for_a_settled_state_sees_one_although_presses_never_end(path: Path) -> None:
    listener, presses, enough = Listener(), count(), False

    def press(answer: Answer | None = None) -> None:
        if not enough:
            engine.submit(Request(take(f"press {next(presses)}"), press))

    async with running(path, listener) as engine:
        press()
        try:
            await listener.until(lambda: listener.beats > 0)
            await listener.until(lambda: engine.behind and engine.settled)
        finally:
            enough = True


# -- replay --------------------------------------------------------------------------------------------------------


async def test_only_the_last_business_day_is_replayed(path: Path) -> None:
    async with running(path) as engine:
        await asked(engine, take("k:1"), call("p:1"), take("k:2"))
        await asked(engine, take("k:3", NINE + 24 * 3_600_000))
        last = engine.state.picture()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO event VALUES (0, 0, '2026-11-22', 'from_the_future', 9, '?', 'c0', 0)")
    async with running(path) as engine:
        assert engine.state.picture() == last
        assert list(engine.state.tickets) == ["A001"]


def spoilt(path: Path, kind: str, data: dict[str, Any]) -> str:
    """What replay complains of when the journal has this row."""
    with closing(sqlite3.connect(path)) as connection, connection:
        insert = "INSERT INTO event VALUES (9, 0, '2026-11-23', ?, 1, ?, 'x', 0)"
        connection.execute(insert, (kind, json.dumps(data)))
    journal = Journal(path)
    engine = Engine(RULES, journal)
    try:
        with pytest.raises(JournalError) as caught:
            engine.replay()
    finally:
        journal.close()
    assert engine.state.picture() == State().picture(), "half a day is shown"
    told = str(caught.value)
    assert told.startswith(f"{path}: row 9 ")
    assert "\n" not in told
    return told


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("ticket_missed", {"ticket": "Z001", "counter": "1"}),
        ("ticket_recalled", {"ticket": "Z001", "counter": "1", "times": 1}),
        ("ticket_called", {"ticket": "A001", "counter": "1", "forced": False, "why": {}, "passed": ["Z001"]}),
        ("ticket_returned", {"ticket": "A001", "seniority": "soon", "by": "panel"}),
        ("ticket_called", {"ticket": "A001", "counter": "1", "forced": False, "why": {}, "passed": 7}),
        ("ticket_missed", {"ticket": ["A001"], "counter": "1"}),
    ],
)
async def test_a_row_that_fits_to_nothing_is_damage(path: Path, kind: str, data: dict[str, Any]) -> None:
    async with running(path) as engine:
        await asked(engine, take("k:1"), take("k:2"))
    assert "the file is damaged: restore it from a backup" in spoilt(path, kind, data)


# -- a disk that fills up ------------------------------------------------------------------------------------------


@contextmanager
def full_disk(path: Path, room: int = 0) -> Iterator[None]:
    """No file of this process may grow beyond `room` bytes more than the journal's log has now."""
    log = path.with_name(path.name + "-wal")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_press_that_could_not_be_written_has_not_been_made(path: Path) -> None:
    """It is not the same press that comes a moment later, since nothing was done."""
    listener = Listener()
    async with running(path, listener) as engine:
        await asked(engine, take("k:0"))
        with full_disk(path):
            (answer,) = await asked(engine, call("p:1"))
            assert not answer.written
            # Its copies come while nothing can be written; the last when it can again.
            listener.troubles.clear()
        copies = 0
        while not answer.written:
            copies += 1
            (answer,) = await asked(engine, call(f"p:copy {copies}"))
            beats = listener.beats
            await listener.until(lambda beats=beats: listener.beats > beats)
        assert (answer.result, answer.ticket) == ("ok", "A001")
    assert kinds(path).count("ticket_called") == 1


async def test_nothing_is_acknowledged_that_the_disk_does_not_hold(path: Path) -> None:
    listener = Listener()
    async with running(path, listener) as engine:
        await asked(engine, take("k:0"))
        written, steps = kinds(path), len(listener.steps)
        with full_disk(path, room=30_000):
            burst = [take(f"k:{n}", at=NINE + n) for n in range(1, 401)]
            answers = await asked(engine, *burst)
            assert {(a.result, a.code, a.ticket, a.written) for a in answers} == {("error", "journal_down", "", False)}
            assert engine.state.picture() == replayed(path).picture()
            assert list(engine.state.tickets) == ["A001"]
            answers = await asked(engine, *burst[:3], call("p:1"))
            assert {a.code for a in answers} == {"journal_down"}
            assert kinds(path) == written
            assert len(listener.steps) == steps
            assert len(listener.troubles) == 1
            assert listener.troubles[0]
            beats = listener.beats
            await listener.until(lambda: listener.beats > beats)
            assert len(listener.troubles) == 1
        # It finds out by itself, without a press.
        await listener.until(lambda: listener.troubles[-1] == "")
        assert len(listener.troubles) == 2
        answers = await asked(engine, *burst)
        assert [a.ticket for a in answers] == [f"A{n:03d}" for n in range(2, 402)]
        assert engine.state.picture() == replayed(path).picture()
    assert kinds(path) == [*written, *["ticket_issued"] * 400]
    assert [row["seq"] for row in journalled(path)] == list(range(1, len(written) + 401))


async def test_whoever_shows_the_state_never_goes_on_showing_what_was_not_written(path: Path) -> None:
    """Displays keep the state that they were given, and are told to show it when the trouble begins and ends."""
    journal = Journal(path)
    engine = Engine(RULES, journal)
    given: list[State] = []
    shown: list[list[str]] = []

    def show() -> None:
        shown.append([call.ticket for call in given[-1].calls])

    def published(step: Step) -> None:
        given.append(step.state)
        show()

    ended = asyncio.Event()

    def trouble(reason: str) -> None:
        show()
        if not reason:
            ended.set()

    work = asyncio.create_task(engine.run(published, trouble))
    await asked(engine, take("k:1"), take("k:2"), call("p:1"))
    with full_disk(path):
        await asked(engine, call("p:2"))
    async with asyncio.timeout(SOON):
        await ended.wait()
    assert shown == [["A001"]] * 3
    engine.stop()
    await work
    journal.close()


async def test_a_press_that_failed_acts_once_when_it_is_made_again(path: Path) -> None:
    listener = Listener()
    async with running(path, listener) as engine:
        await asked(engine, take("k:1"))
        with full_disk(path):
            assert (await asked(engine, call("p:1")))[0].written is False
        await listener.until(lambda: listener.troubles[-1] == "")
        first, second = (await asked(engine, call("p:1")))[0], (await asked(engine, call("p:1")))[0]
        assert first == second
        assert first.ticket == "A001"
    assert kinds(path).count("ticket_called") == 1


async def test_what_must_be_written_is_asked_for_again_by_itself_and_before_all_else(path: Path) -> None:
    """A device has no hands that press again; what it said last counts."""
    listener = Listener()

    def report(state: Any, at: int) -> Request:
        command = ReportDevice(at=at, cause=f"d:{at}", device="hall", state=state, detail="")
        return Request(command, lambda answer: answers.append((state, answer.written)), key="device:hall")

    answers: list[tuple[str, bool]] = []
    async with running(path, listener) as engine:
        await asked(engine, take("k:1"))
        with full_disk(path):
            for n, state in enumerate(("offline", "ok", "degraded")):
                engine.submit(report(state, NINE + n))
                await engine.idle()
        await listener.until(lambda: listener.troubles[-1] == "")
        await engine.idle()
        assert (await asked(engine, take("k:2")))[0].written
    assert kinds(path) == ["day_opened", "ticket_issued", "device_changed", "ticket_issued"]
    assert answers == [("offline", False), ("ok", False), ("degraded", False), ("degraded", True)]


async def test_an_engine_can_be_stopped_while_the_disk_is_full(path: Path) -> None:
    async with running(path) as engine:
        await asked(engine, take("k:1"))
        with full_disk(path):
            assert (await asked(engine, take("k:2")))[0].code == "journal_down"
            waiting = asyncio.create_task(engine.ask(take("k:3")))
            await asyncio.wait([waiting], timeout=0)
            engine.stop()
            async with asyncio.timeout(SOON):
                assert (await waiting).code == "journal_down"
    assert kinds(path) == ["day_opened", "ticket_issued"]


ON_A_SMALL_DISK = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_engine import Listener, asked, kinds, replayed, running, take

disk = Path({disk!r})

async def main():
    path, listener = disk / "lobby.db", Listener()
    async with running(path, listener) as engine:
        n = 0
        while not listener.troubles:
            answers = await asked(engine, *(take(f"k:{{n + i}}") for i in range(20)))
            n += 20
            assert n < 100_000
        assert [a.code for a in answers] == ["journal_down"] * 20, answers
        assert len(kinds(path)) == n - 20 + 1
        assert engine.state.picture() == replayed(path).picture()
        (disk / "ballast").unlink()
        await listener.until(lambda: listener.troubles[-1] == "")
        answers = await asked(engine, *(take(f"k:{{n - 20 + i}}") for i in range(20)))
        assert [a.result for a in answers] == ["ok"] * 20, answers
    assert len(kinds(path)) == n + 1

(disk / "ballast").write_bytes(bytes(200_000))
asyncio.run(main())
print("recovered")
"""


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A small file system of its own, where the kernel lets us mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    small = f'mount -t tmpfs -o size=640k lobby "{disk}"'
    try:
        possible = processes.run([*mount, small], capture_output=True, timeout=SOON, check=False).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        pytest.skip("no file system can be mounted here")
    script = tmp_path / "on_a_small_disk.py"
    script.write_text(ON_A_SMALL_DISK.format(tests=str(Path(__file__).parent), disk=str(disk)))
    done = processes.run(
        [*mount, f'{small} && exec "{sys.executable}" "{script}"'],
        capture_output=True,
        text=True,
        timeout=SOON * 2,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert (done.returncode, done.stdout) == (0, "recovered\n"), done.stderr


DAY = 24 * 60 * 60 * 1000


async def test_a_press_of_an_earlier_day_acts_once_too(path: Path) -> None:
    async with running(path) as engine:
        (first,) = await asked(engine, take("k:1"))
    async with running(path) as engine:  # which has replayed nothing: the next press begins another day
        await asked(engine, take("k:2", NINE + DAY))
    async with running(path) as engine:
        late, new, again = await asked(
            engine, take("k:1", NINE + DAY), take("k:3", NINE + DAY), take("k:2", NINE + DAY)
        )
        assert late == first
        assert (new.ticket, again.ticket) == ("A002", "A001")
        assert engine.state.picture() == replayed_last_day(path).picture()
    assert [row["cause"] for row in journalled(path) if row["kind"] == "ticket_issued"] == ["k:1", "k:2", "k:3"]


def replayed_last_day(path: Path) -> State:
    """What a fresh engine makes of the file."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(path.with_name("copy.db"))) as copy:
        source.backup(copy)
    journal = Journal(path.with_name("copy.db"))
    try:
        engine = Engine(RULES, journal)
        engine.replay()
        return engine.state
    finally:
        journal.close()
