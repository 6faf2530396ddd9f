"""One press is one press: bouncing keys, slow fingers, two keypads at once, held keys. The engine on a real journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from branches import MINUTE_MS, NINE, branch

from controller.engine import Engine, Request
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.clock import StepClock
from controller.lobby.actions.command import Command
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.rating import Rate
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.unhold import Unhold
from controller.lobby.answers import Answer
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, Stage

SOON = 30
RULES = branch({"1": {"cash": 0}, "2": {"cash": 0}}, recall_gap=0, call_grace=1.5, confirm_finish=0)


@dataclass
class Hands:
    """Presses at an engine, `seconds` after it began; the wall clock is off by `set` ms."""

    engine: Engine
    seconds: float = 0.0
    set: int = 0
    presses: int = 0

    def clock(self) -> float:
        return self.seconds

    async def press(self, command: type[Command], **about: object) -> Answer:
        self.presses += 1
        at = NINE + round(self.seconds * 1000) + self.set
        async with asyncio.timeout(SOON):
            return await self.engine.ask(command(at=at, cause=f"press:{self.presses}:{at}", **about))  # type: ignore[arg-type]

    async def take(self, many: int) -> None:
        for _ in range(many):
            await self.press(TakeTicket, by="kiosk")

    async def call(self, counter: str = "1", *, after: float = 0.0) -> str:
        self.seconds += after
        answer = await self.press(CallNext, counter=counter)
        assert answer.result == "ok", answer
        return answer.ticket

    def called(self) -> list[str]:
        return [t.id for t in self.engine.state.tickets.values() if t.called_at]


@asynccontextmanager
async def hands(path: Path, rules: Rules = RULES) -> AsyncIterator[Hands]:
    journal = Journal(path)
    pair = Hands(None)  # type: ignore[arg-type]
    try:
        engine = pair.engine = Engine(rules, journal, pair.clock)
        engine.replay()
        work = asyncio.create_task(engine.run())
        try:
            yield pair
        finally:
            engine.stop()
            await work
    finally:
        journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lobby.db"


@pytest.mark.parametrize("after", [0.0, 0.15, 0.6, 1.49], ids=["two keypads", "bounce", "slow finger", "just within"])
async def test_a_call_within_the_grace_is_the_same_press(path: Path, after: float) -> None:
    async with hands(path) as pair:
        await pair.take(3)
        assert await pair.call() == "A001"
        assert await pair.call(after=after) == "A001"
        assert pair.called() == ["A001"]
        assert pair.engine.state.tickets["A001"].stage is Stage.CALLED


async def test_after_the_grace_call_finishes_and_calls_the_next(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(3)
        assert [await pair.call(), await pair.call(after=1.5)] == ["A001", "A002"]


async def test_another_key_between_lets_go_of_the_first(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(3)
        assert await pair.call() == "A001"
        pair.seconds += 0.3
        await pair.press(NoShow, counter="1")
        assert await pair.call(after=0.3) == "A002"


async def test_two_counters_call_at_once(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(3)
        assert [await pair.call("1"), await pair.call("2"), await pair.call("1")] == ["A001", "A002", "A001"]


async def test_without_grace_each_press_is_a_new_one(path: Path) -> None:
    async with hands(path, replace(RULES, call_grace=0)) as pair:
        await pair.take(3)
        assert [await pair.call(), await pair.call()] == ["A001", "A002"]


ASKS = replace(RULES, confirm_finish=5)
RATED = branch({"1": {"cash": 0}}, raters=("1",)).counters


async def test_whoever_was_called_seconds_ago_is_finished_by_the_second_press(path: Path) -> None:
    async with hands(path, ASKS) as pair:
        await pair.take(3)
        await pair.call()
        pair.seconds += 2
        asked = await pair.press(CallNext, counter="1")
        assert (asked.result, asked.code) == ("refused", "just_called")
        assert await pair.call(after=1.0) == "A002"


@pytest.mark.parametrize("after", [0.05, 0.49, 6.1], ids=["bounce", "held", "forgotten"])
async def test_what_was_asked_is_not_answered_by_a_bounce_or_too_late(path: Path, after: float) -> None:
    async with hands(path, replace(ASKS, confirm_finish=60)) as pair:
        await pair.take(3)
        await pair.call()
        pair.seconds += 2
        for _ in range(4):
            assert (await pair.press(CallNext, counter="1")).code == "just_called"
            pair.seconds += after
        assert pair.called() == ["A001"]


async def test_a_press_counts_by_when_it_was_made_however_late_it_is_decided(path: Path) -> None:
    async with hands(path, replace(ASKS, confirm_finish=60)) as pair:
        await pair.take(3)
        await pair.call()
        pair.seconds += 2
        assert (await pair.press(CallNext, counter="1")).code == "just_called"
        pair.seconds += 0.1
        answers: list[Answer] = []
        pair.engine.submit(Request(CallNext(at=NINE + 2100, cause="bounce", counter="1"), answers.append))
        pair.seconds += 1  # the disk was slow
        async with asyncio.timeout(SOON):
            await pair.engine.idle()
        assert [answer.code for answer in answers] == ["just_called"]
        assert pair.called() == ["A001"]


async def test_a_customer_who_rates_does_not_answer_for_the_clerk(path: Path) -> None:
    async with hands(path, replace(ASKS, confirm_finish=60, counters=RATED)) as pair:
        await pair.take(3)
        await pair.call()
        pair.seconds += 2
        assert (await pair.press(CallNext, counter="1")).code == "just_called"
        pair.seconds += 0.7
        assert (await pair.press(Rate, counter="1", score=5)).result == "ok"
        assert await pair.call(after=0.7) == "A002"


async def test_what_was_asked_is_asked_again_after_a_restart(path: Path) -> None:
    async with hands(path, replace(ASKS, confirm_finish=60)) as pair:
        await pair.take(3)
        await pair.call()
        pair.seconds += 2
        first = CallNext(at=NINE + 2000, cause="pad:1", counter="1")
        answers = [await pair.engine.ask(first)]
        pair.seconds += 1
        answers.append(await pair.engine.ask(first))  # delivered again: no second press
    async with hands(path, replace(ASKS, confirm_finish=60)) as pair:
        pair.seconds = 3.5
        answers.append(await pair.engine.ask(first))
        assert {answer.code for answer in answers} == {"just_called"}
        assert pair.called() == ["A001"]
        assert await pair.call(after=1.0) == "A002"


@pytest.mark.parametrize("between", [NoShow, Hold, Start])
async def test_any_other_key_lets_go_of_what_was_asked(path: Path, between: type[Command]) -> None:
    async with hands(path, replace(ASKS, confirm_finish=60)) as pair:
        await pair.take(3)
        await pair.call()
        pair.seconds += 2
        assert (await pair.press(Pause, counter="1")).code == "just_called"
        pair.seconds += 1
        assert (await pair.press(CallNext, counter="1")).code == "just_called"
        pair.seconds += 1
        assert (await pair.press(between, counter="1")).result == "ok"
        assert pair.engine.state.counter("1").stage is CounterStage.OPEN


async def test_a_key_held_down_is_one_press_however_long(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(5)
        assert {await pair.call(after=0.0 if not n else 0.25) for n in range(33)} == {"A001"}
        assert await pair.call(after=1.0) == "A002"  # let go, and pressed again


async def test_a_pause_that_bounces_stays_a_pause(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(1)
        await pair.call()
        pair.seconds += 60
        answers = []
        for _ in range(2):
            answers.append(await pair.press(Pause, counter="1"))
            pair.seconds += 0.15
        assert answers[0] == answers[1]
        assert pair.engine.state.counter("1").stage == "paused"
        pair.seconds += 60
        await pair.press(Pause, counter="1")
        assert pair.engine.state.counter("1").stage == "open"


async def test_held_tickets_are_called_back_one_press_at_a_time(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(2)
        for _ in range(2):
            await pair.call()
            await pair.press(Hold, counter="1")
            pair.seconds += 60
        assert (await pair.press(Unhold, counter="1")).ticket == "A001"
        pair.seconds += 0.15
        assert (await pair.press(Unhold, counter="1")).ticket == "A001"
        assert pair.engine.state.tickets["A002"].stage is Stage.HELD


async def test_a_managers_button_that_bounces_gives_one_ticket_and_moves_one(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(2)
        for _ in range(2):
            await pair.press(TakeTicket, by="panel/manager", klass="green", granted=True)
            pair.seconds += 0.15
        for _ in range(2):
            await pair.press(Reassign, by="panel/manager")
            pair.seconds += 0.15
        tickets = pair.engine.state.tickets
        assert len(tickets) == 3
        assert [t.id for t in tickets.values() if t.reassigned] == ["A001"]


async def test_two_customers_at_a_button_without_hold_off_get_a_ticket_each(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(2)
        assert list(pair.engine.state.tickets) == ["A001", "A002"]


async def test_a_press_that_found_nobody_is_decided_afresh(path: Path) -> None:
    async with hands(path) as pair:
        refused = await pair.press(CallNext, counter="1")
        assert refused.code == "none_waiting"
        await pair.take(1)
        assert await pair.call(after=0.15) == "A001"
        pair.seconds += 60
        finished = await pair.press(CallNext, counter="1")
        assert finished.code == "none_waiting"
        await pair.take(1)
        assert await pair.call(after=0.15) == "A002"


@pytest.mark.parametrize("after", [0.5, 2.0])
async def test_the_grace_outlasts_a_restart(path: Path, after: float) -> None:
    async with hands(path) as pair:
        await pair.take(2)
        await pair.call()
    async with hands(path) as pair:
        assert await pair.call(after=after) == ("A001" if after < 1.5 else "A002")


async def test_another_key_after_a_restart_begins_no_grace(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(2)
        await pair.call()
    async with hands(path) as pair:
        pair.seconds += 60
        await pair.press(Start, counter="1")
        assert await pair.call(after=0.2) == "A002"


@pytest.mark.parametrize("set_by", [-MINUTE_MS, MINUTE_MS])
async def test_fingers_do_not_go_by_the_wall_clock(path: Path, set_by: int) -> None:
    async with hands(path) as pair:
        await pair.take(3)
        assert await pair.call() == "A001"
        pair.set = set_by
        await pair.press(StepClock, by=set_by)
        assert await pair.call(after=0.15) == "A001"
        pair.seconds += 60
        await pair.press(Start, counter="1")
        assert await pair.call(after=0.15) == "A002"


async def test_a_ticket_that_is_called_again_is_a_new_call(path: Path) -> None:
    async with hands(path) as pair:
        await pair.take(2)
        assert await pair.call() == "A001"
        pair.seconds += 60
        await pair.press(NoShow, counter="1")
        await pair.press(Return, by="panel/manager", ticket="A001")
        await pair.press(CallNumber, counter="1", digits="01")
        assert await pair.call(after=0.5) == "A001"
