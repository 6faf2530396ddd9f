"""What a journal tells of a day is enough for that day to happen again, whatever people did in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from branches import MINUTE_MS, Lobby, branch, local
from random_days import Run, random_days
from sweeps import long

from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.clock import StartController
from controller.lobby.actions.close_counter import Close, CounterClosed
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import BeginDay, DayOpened
from controller.lobby.actions.event import Event, from_row
from controller.lobby.actions.finish import Finish, TicketFinished
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import CounterOpened, Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import TakeTicket, TicketIssued
from controller.lobby.actions.undo_at_counter import CallUndone, UndoAtCounter
from controller.lobby.aggregate import Aggregate
from controller.lobby.model.state import CounterStage
from simulators.days.record import REACTS, Day, as_meant, on_one_clock, read
from simulators.days.replay import compare

NINE = local("2026-03-27 09:00")


def days_of(run: Run) -> Iterator[Day]:
    """A random run's days, each from its opening to all that the next one's opening brought."""
    day: list[tuple[int, Event]] = []
    for row in run.rows:
        event = from_row(row["kind"], 1, row["data"])
        if isinstance(event, DayOpened) and day:
            yield day
            day = []
        day.append((row["at"], event))
    yield day


def calls(day: Day) -> list[tuple[int, str, str, bool]]:
    return [(at, e.ticket, e.counter, e.forced) for at, e in day if isinstance(e, TicketCalled)]


def others_called_meanwhile(day: Day) -> bool:
    """Whether a counter called while another had called somebody by mistake: it may have called who came after them."""
    for n, (_, event) in enumerate(day):
        if isinstance(event, CallUndone):
            began = max(m for m in range(n) if isinstance(e := day[m][1], TicketCalled) and e.ticket == event.ticket)
            if any(
                isinstance(e, TicketCalled | TicketFinished) and e.counter != event.counter for _, e in day[began:n]
            ):
                return True
    return False


@pytest.mark.parametrize("seed", [6, 159, *map(long, (13, 16, 26, 31, 83, 124, 202))])
def test_any_day_is_that_day_again(seed: int) -> None:
    """Random branches, with transfers, held tickets, no-shows, breaks, overflow and a manager who presses anything."""
    print(f"seed {seed}")
    run = random_days(seed, 12)
    for day in days_of(run):
        meant = as_meant(day)
        again = compare(meant, run.rules)
        same = calls(again.rows) == calls(meant)
        assert same or others_called_meanwhile(day)
        assert not again.left_out
        assert len(calls(day)) > 50


# -- mornings by hand ------------------------------------------------------------------------------------------------


class Morning:
    """Presses at minutes after nine, at counters 1 and 2, which both serve cash."""

    def __init__(self, start: int = NINE) -> None:
        self.rules = branch({"1": {"cash": 0}, "2": {"cash": 0}})
        self._lobby = Aggregate(self.rules)
        self._start = start

    def press(self, minute: float, command: Callable[..., Command], **about: Any) -> None:
        at = self._start + round(minute * MINUTE_MS)
        decision = self._lobby.do(command(at=at, cause=str(len(self._lobby.rows)), **about))
        assert isinstance(decision, list), decision

    def take(self, *minutes: float, klass: str = "") -> None:
        for minute in minutes:
            self.press(minute, TakeTicket, by="kiosk/kiosk", klass=klass)

    @property
    def day(self) -> Day:
        return [(row.at, row.event) for row in self._lobby.rows]

    def again(self, **credits: int) -> list[tuple[float, str, str]]:
        """(minute, ticket, counter) of each call, where classes have these credits in minutes."""
        classes = {id: replace(klass, credit=60 * credits.get(id, 0)) for id, klass in self.rules.classes.items()}
        found = compare(self.day, replace(self.rules, classes=classes))
        return [((at - self._start) / MINUTE_MS, ticket, counter) for at, ticket, counter, _ in calls(found.rows)]


def test_a_clerk_needs_time_between_two_customers_whoever_they_are() -> None:
    """Two minutes after each: other rules call others, and no more of them."""
    morning = Morning()
    morning.take(0, 0.1)
    morning.take(0.2, klass="vip")
    for n in range(3):
        morning.press(1 + 6 * n, CallNext, counter="1")
        morning.press(5 + 6 * n, Finish, counter="1")
    assert [minute for minute, _, _ in morning.again(vip=10)] == [1, 7, 13]
    assert [ticket for _, ticket, _ in morning.again(vip=10)] == ["A003", "A001", "A002"]
    assert morning.again(vip=0) == [(1, "A001", "1"), (7, "A002", "1"), (13, "A003", "1")]


def test_an_idle_clerk_sees_a_customer_as_late_as_then() -> None:
    morning = Morning()
    morning.press(0, Open, counter="1")
    for n in range(4):
        morning.take(1 + 5 * n)
        morning.press(1.5 + 5 * n, CallNext, counter="1")
        morning.press(3 + 5 * n, Finish, counter="1")
    record = read(morning.day, morning.rules)
    assert record.usually("joined") == 30_000
    assert record.usually("over") == REACTS, "nobody ever waited when one was done"
    assert [minute for minute, _, _ in morning.again()] == [1.5, 6.5, 11.5, 16.5]


def test_a_clerk_who_went_home_without_a_word_calls_nobody_afterwards() -> None:
    morning = Morning()
    morning.take(0, 1, 2, 3)
    morning.press(4, CallNext, counter="1")
    morning.press(5, Finish, counter="1")
    morning.press(6, CallNext, counter="2")
    morning.press(30, CallNext, counter="2")
    morning.press(60, CallNext, counter="2")
    morning.press(61, Close, counter="2")
    assert [(minute, counter) for minute, _, counter in morning.again()] == [(4, "1"), (6, "2"), (30, "2"), (60, "2")]


def test_an_unanswered_call_and_a_late_return_take_as_long_as_then() -> None:
    morning = Morning()
    morning.take(0, 0)
    morning.press(1, CallNext, counter="1")
    morning.press(7, NoShow, counter="1")
    morning.press(7, CallNext, counter="1")
    morning.press(9, Return, by="panel/manager", ticket="A001")
    morning.press(12, CallNext, counter="1")
    morning.press(15, Close, counter="1")
    was = [(1, "A001", "1"), (7, "A002", "1"), (12, "A001", "1")]
    assert morning.again() == was
    assert [stay.ends for stay in read(morning.day, morning.rules).stays["A001"]] == ["missed", "finished"]


def test_whoever_is_there_at_the_end_is_served_before_the_windows_close() -> None:
    """Counter 1 closed when nobody was left; where people come later to their turn, it stays as long as they are."""
    morning = Morning()
    morning.take(0, 0, 0)
    for counter in ("1", "2"):
        morning.press(0, CallNext, counter=counter)
    morning.press(10, CallNext, counter="2")
    morning.press(10, Finish, counter="1")
    morning.press(11, Close, counter="1")
    morning.press(20, Close, counter="2")
    one = replace(morning.rules, counters={"1": morning.rules.counters["1"]})
    found = compare(morning.day, one)
    assert [((at - NINE) / MINUTE_MS, ticket) for at, ticket, _, _ in calls(found.rows)] == [
        (0, "A001"),
        (10, "A002"),
        (20, "A003"),
    ]
    assert found.rows[-1][1] == CounterClosed("1")


def test_what_a_counter_took_back_has_not_been() -> None:
    """A customer is being served until the end, and the next one, whose call was a slip, waits until then."""
    morning = Morning()
    morning.take(0, 1)
    morning.press(2, CallNext, counter="1")
    morning.press(3, Start, counter="1")
    morning.press(4, CallNext, counter="1")
    morning.press(4.1, UndoAtCounter, counter="1")
    morning.press(6, Pause, counter="1")
    morning.press(6.1, UndoAtCounter, counter="1")
    morning.press(9, CallNext, counter="1")
    morning.press(12, Finish, counter="1")
    day = as_meant(morning.day)
    assert [(at, id) for at, id, *_ in calls(day)] == [(NINE + 2 * MINUTE_MS, "A001"), (NINE + 9 * MINUTE_MS, "A002")]
    record = read(day, morning.rules)
    assert [stay.lasts and stay.lasts.at for stay in record.stays["A001"]] == [7 * MINUTE_MS]
    assert not [shift for shift in record.shifts if shift.stage is CounterStage.PAUSED]
    assert calls(compare(day, morning.rules).rows) == calls(day)


def test_a_day_that_is_not_over_is_told_as_far_as_it_goes() -> None:
    morning = Morning()
    morning.take(0, 0, 0)
    morning.press(1, CallNext, counter="1")
    morning.press(5, CallNext, counter="1")
    record = read(morning.day, morning.rules)
    assert not record.over
    assert morning.again() == [(1, "A001", "1"), (5, "A002", "1")]


def test_a_night_goes_on_past_midnight() -> None:
    morning = Morning(local("2026-03-27 23:50"))
    morning.take(0, 0)
    morning.press(1, CallNext, counter="1")
    morning.press(12, CallNext, counter="1")
    morning.take(15)
    morning.press(20, CallNext, counter="1")
    morning.press(30, Close, counter="1")
    assert morning.again() == [(1, "A001", "1"), (12, "A002", "1"), (20, "A003", "1")]


def test_a_clock_that_is_set_back_does_not_turn_the_day_round() -> None:
    morning = Morning()
    morning.take(0, 1)
    morning.press(2, CallNext, counter="1")
    morning.press(-58, CallNext, counter="1")
    morning.take(-57)
    morning.press(5, CallNext, counter="1")
    morning.press(6, Close, counter="1")
    assert [ticket for _, ticket, _ in morning.again()] == ["A001", "A002", "A003"]


def test_a_day_on_which_the_clock_was_set_is_a_day_by_the_right_one() -> None:
    """Monday began on Sunday: what was Sunday's is left out, and Monday is as it would have been."""
    rules = branch({"1": {"cash": 0}})
    lobby = Lobby(rules, local("2026-11-22 16:00"))
    lobby.take("cash")
    lobby.now = local("2026-11-22 17:56")
    lobby.do(StartController(at=lobby.now, cause="", boot="monday", origin=lobby.now))
    first = lobby.take("cash")
    lobby.wait(10)
    lobby.set_clock(15 * 60 * MINUTE_MS)
    lobby.do(BeginDay(at=lobby.now, cause="", by="panel/manager"))
    lobby.wait(5)
    assert lobby.call("1") == first
    lobby.wait(5)
    lobby.do(Finish(at=lobby.now, cause="", counter="1"))
    day = on_one_clock([(row["at"], from_row(row["kind"], row["version"], row["data"])) for row in lobby.rows])
    assert [(at, type(event)) for at, event in day] == [
        (local("2026-11-23 08:56"), TicketIssued),
        (local("2026-11-23 09:11"), CounterOpened),
        (local("2026-11-23 09:11"), TicketCalled),
        (local("2026-11-23 09:16"), TicketFinished),
    ]
    record = read(day, rules)
    assert [taken.ticket for _, taken in record.taken] == [first]
