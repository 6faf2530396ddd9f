"""What a counter takes back within seconds leaves the lobby as it was, whatever has happened that day."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from branches import Lobby, branch, long_steps
from random_days import random_branch
from sweeps import long

from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.clock import StartController
from controller.lobby.actions.close_counter import Close, CounterClosed
from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import CounterPaused, Pause
from controller.lobby.actions.reassign import TicketReassigned
from controller.lobby.actions.return_ticket import Return, TicketReturned
from controller.lobby.actions.start import Start
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo_at_counter import CallUndone, UndoAtCounter
from controller.lobby.actions.unhold import Unhold
from controller.lobby.model.state import Stage, State, undoes
from controller.lobby.model.units import Ms
from controller.lobby.show import figures, screens

NOT_AS_BEFORE = (
    *("left", "given", "call", "last_ticket", "windows", "asks_help", "asked_at"),
    *("moved", "finished_at", "missed_at", "held_at", "unstarted", "below", "above"),
)
"""What of a picture need not be as before: what can be undone next, who left last, advice and help that have been given
up; of a ticket in hand what matters only before its first call or after its visit; ends of ranges, within a rounding.
"""


def shown(value: Any) -> Any:
    """A picture as far as it has to be as before, without what is empty."""
    if isinstance(value, dict):
        found = {key: shown(each) for key, each in value.items() if key not in NOT_AS_BEFORE}
        return {key: each for key, each in found.items() if each not in ({}, [], 0, "", None, False)}
    if isinstance(value, list | tuple):
        each = [shown(one) for one in value]
        return each if any(one not in (0, [], {}) for one in each) else []
    return round(value, 3) if isinstance(value, float) else value


def picture(state: State) -> Any:
    """The lobby without its board, of which a call removes old lines for good."""
    return shown({name: each for name, each in state.picture().items() if name not in ("calls", "called")})


def slips(lobby: Lobby, counter: str, chance: Random) -> CounterCommand:
    """What a clerk with a customer may press by mistake."""
    here: dict[str, Any] = {"at": lobby.now, "cause": "slip", "counter": counter, "sure": True}
    key = chance.choice(list(lobby.rules.services.values())).key
    waits = [t.id for t in lobby.state.tickets.values() if t.stage is Stage.WAITING] or ["A001"]
    made: list[Callable[[], CounterCommand]] = [
        *[lambda: CallNext(**here)] * 3,
        lambda: Finish(**here),
        lambda: NoShow(**here),
        lambda: Hold(**here),
        lambda: Unhold(**here),
        lambda: CallNumber(**here, digits=chance.choice(waits)[1:]),
        lambda: Transfer(**here, digits=str(key)),
        lambda: Transfer(**here, digits=chance.choice(list(lobby.rules.counters)).zfill(2)),
        lambda: Pause(**here),
        lambda: Close(**here),
    ]
    return chance.choice(made)()


@pytest.mark.parametrize("seed", [3, *map(long, (1, 2, *range(4, 18)))])
def test_a_slip_that_is_taken_back_leaves_no_trace(seed: int) -> None:
    print(f"seed {seed}")
    chance = Random(f"slips:{seed}")
    lobby = Lobby(random_branch(chance))
    undone = called = given = 0
    for step in long_steps(seed, 1500):
        lobby.step(step)
        busy = [id for id in lobby.rules.counters if lobby.state.counter(id).ticket]
        if not busy or chance.random() < 0.8:
            continue
        counter = chance.choice(busy)
        lobby.now += 1  # nobody closes, opens, calls and closes within one ms
        before, told = picture(lobby.state), figures.day(lobby.state, lobby.rules)
        did = lobby.do(slips(lobby, counter, chance))
        goes = isinstance(did, list) and any(isinstance(event, CounterClosed | CounterPaused) for event in did)
        moved = isinstance(did, list) and any(isinstance(e, TicketReassigned | TicketReturned) for e in did)
        given, follows = given + (goes and moved), moved and not goes
        if not isinstance(did, list):
            continue
        lobby.now += chance.randrange(10_001)
        if lobby.rules.day_of(lobby.now) != lobby.state.day:
            continue  # what was done yesterday cannot be taken back
        back = lobby.do(UndoAtCounter(at=lobby.now, cause="undo", counter=counter))
        assert isinstance(back, list), back
        undone += 1
        called += any(isinstance(event, TicketCalled) for event in did)
        ticket = lobby.state.counter(counter).ticket
        on_board = {call.ticket: call.counter for call in lobby.state.calls}
        assert on_board.pop(ticket, counter) == counter
        assert lobby.state.called[counter].ticket == ticket
        assert not [event for event in back if isinstance(event, CallUndone) and event.ticket in on_board]
        follows = follows or any(isinstance(event, TicketReassigned) and not event.undone for event in back)
        if not follows:  # whom others have got meanwhile, and who has come back, stay with them
            assert picture(lobby.state) == before, did
            assert figures.day(lobby.state, lobby.rules) == told
    assert min(undone, called) > 10
    assert given
    assert lobby.replayed().picture() == lobby.state.picture()


@pytest.mark.parametrize("between", ["returned", "clock"])
def test_what_happens_between_does_not_spoil_what_was_learned(between: str) -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    lobby.take()
    lobby.do(StartController(at=lobby.now, cause="", boot="first", origin=lobby.now))
    lobby.call("1")
    lobby.wait(2)
    if between == "clock":
        lobby.do(StartController(at=lobby.now, cause="", boot="second", origin=lobby.now))
    known = shown(lobby.state.picture()["knowledge"])
    lobby.now += 1000
    if between == "clock":
        lobby.do(Start(at=lobby.now, cause="", counter="1"))
        lobby.do(Finish(at=lobby.now, cause="", counter="1"))
        lobby.set_clock(-90 * 60_000)
    else:
        lobby.do(NoShow(at=lobby.now, cause="", counter="1"))
        lobby.do(Return(at=lobby.now, cause="", by="panel", ticket="A001"))
    assert undoes(lobby.state, lobby.rules, lobby.rules.counters["1"], lobby.now)
    lobby.do(UndoAtCounter(at=lobby.now, cause="", counter="1"))
    assert lobby.state.counter("1").ticket == "A001"
    assert lobby.state.tickets["A001"].returns == 0
    assert shown(lobby.state.picture()["knowledge"]) == known


def test_a_counter_that_closed_with_nobody_there_is_shown_that_it_can_be_undone_for_seconds() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))

    def shown_at(seconds: int) -> Any:
        at = Ms(lobby.now + seconds * 1000)
        return screens.counter(lobby.state, lobby.rules, lobby.rules.counters["1"], at, [], {})["undo"]

    lobby.do(Open(at=lobby.now, cause="", counter="1"))
    assert shown_at(0) is None
    lobby.do(Close(at=lobby.now, cause="", counter="1"))
    assert shown_at(10) == {"ticket": "", "until": lobby.now + 10_000}
    assert shown_at(11) is None
