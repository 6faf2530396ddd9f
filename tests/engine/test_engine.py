"""One command after the other, journalled before anybody hears of it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from branches import NINE, numbers
from checker import check

from controller.engine import INBOX_LIMIT, STEP_LIMIT, Engine, Request, Step
from controller.journal import Journal, JournalError
from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.rating import AskRating, Rate
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.report_device import ReportDevice
from controller.lobby.actions.report_print import ReportPrint
from controller.lobby.actions.reprint import Reprint
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.undo_at_counter import UndoAtCounter
from controller.lobby.actions.unhold import Unhold
from controller.lobby.answers import Answer
from controller.lobby.model.state import State
from engine.running import RULES, SOON, Listener, asked, call, journalled, kinds, replayed, running, take


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard(Command):
    """A command that nobody has taught the lobby to decide."""


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
    say(UndoAtCounter, counter="1")
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
