"""The dialogues with the lobby, and that they leave out no refusal and no command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from branches import Lobby, branch, history, long_steps
from dialogues import Dialogue, parts, play, usual, written
from sources import refusals_of_decide

from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import DayClosed, RollOver
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.registry import commands
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, Stage

EVERY = list(written())


@pytest.mark.parametrize(("rules", "lines"), [pytest.param(rules, lines, id=title) for title, rules, lines in EVERY])
def test_dialogue(rules: Callable[[], Rules], lines: list[tuple[str, str]]) -> None:
    dialogue = Dialogue(rules())
    play(dialogue, lines)
    lobby = dialogue.lobby
    assert lobby.replayed().picture() == lobby.state.picture()


def test_no_title_is_used_twice() -> None:
    titles = [title for title, _, _ in EVERY]
    assert len(set(titles)) == len(titles) > 80


def test_numbers_go_on_past_999() -> None:
    lobby = Lobby(usual())
    for _ in range(998):
        lobby.take("cash")
    dialogue = Dialogue(usual())
    dialogue.lobby = lobby
    lines = (
        "take cash                 -> A999",
        "take cash                 -> A1000",
        "take cash                 -> A1001",
        "1 CALL 1001               -> 1 open, 1 calls A1001 by hand",
        "1 CALL 01                 -> refused several_fit",
        "1 CALL 001                -> A1001 finished, 1 calls A001 by hand",
    )
    play(dialogue, map(parts, lines))


def test_a_prefix_given_to_another_service_during_the_day_never_makes_a_number_twice() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0}}))
    lobby.take("cash")
    lobby.take("cash")
    services = dict(lobby.rules.services)
    cash, personal = services["cash"], services["personal"]
    swapped = {
        "cash": type(cash)("cash", "Cash", personal.prefix),
        "personal": type(personal)("personal", "Personal", cash.prefix),
    }
    lobby.rules = replace(lobby.rules, services=swapped)
    assert lobby.take("personal") == "A003"
    assert lobby.take("cash") == "B003"


def test_every_kind_of_ticket_ends_the_day_in_one_way() -> None:
    lobby = history(usual(), long_steps(11, 500))
    lobby.wait(24 * 60)
    open_counters = [id for id, c in lobby.state.counters.items() if c.stage is not CounterStage.CLOSED]
    left = [t.id for t in lobby.state.tickets.values() if t.stage in (Stage.WAITING, Stage.HELD, Stage.MISSED)]
    in_hand = [c.ticket for c in lobby.state.counters.values() if c.ticket]
    assert left
    assert in_hand
    events = lobby.do(RollOver(at=lobby.now, cause=""))
    assert isinstance(events, list)
    assert [e.ticket for e in events if isinstance(e, TicketFinished)] == in_hand
    assert [e.counter for e in events if isinstance(e, CounterClosed)] == open_counters
    assert [e.unserved for e in events if isinstance(e, DayClosed)] == [len(left)]
    assert not lobby.state.tickets


def test_the_dialogues_have_every_refusal_and_every_command() -> None:
    said = (follows for _, _, lines in EVERY for _, follows in lines)
    refused = {follows.removeprefix("refused ") for follows in said if follows.startswith("refused ")}
    assert refused == refusals_of_decide().keys()
    done: set[type[Command]] = set()
    for _, rules, lines in EVERY:
        dialogue = Dialogue(rules())
        play(dialogue, lines)
        done |= {type(command) for command, decision in dialogue.lobby.decisions if not isinstance(decision, Refusal)}
    assert done == commands()
