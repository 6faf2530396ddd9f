"""Everybody says the same number of people before somebody: ticket button, paper, phone, console, and "Why?"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

import pytest
from branches import Lobby, Step, branch, branches, history, long_steps, steps
from hypothesis import given
from hypothesis import strategies as st
from random_days import random_branch
from shown import console

from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.windows import CheckWindows
from controller.lobby.model.rules import ANY, Rules
from controller.lobby.model.units import Ms
from controller.lobby.show import explain, screens, views
from controller.lobby.show.ahead import ahead_at, ahead_of, ahead_of_all


def on_the_button(lobby: Lobby) -> dict[str, int]:
    """What the ticket screen says of each service that tickets are given for."""
    shown = screens.kiosk(lobby.state, lobby.rules, lobby.now, [], {}, paper=True)
    return {service["id"]: service["ahead"] for service in shown["services"] if service["given"]}


def everywhere(lobby: Lobby, id: str) -> dict[str, int]:
    """What is said of a ticket that has just been taken."""
    state, rules, ticket = lobby.state, lobby.rules, lobby.state.tickets[id]
    rows = {row["ticket"]: row["ahead"] for row in console(lobby)["waiting"]}
    return {
        "paper": int(views.ticket_fields(state, rules, ticket, "", ticket.issued_at)["ahead"]),
        "phone": screens.ticket(state, rules, ticket, lobby.now, None)["ahead"],
        "console": rows[id],
    }


@given(branches(), st.lists(steps(), max_size=40), st.integers(0, 3))
def test_the_button_and_the_ticket_say_the_same_in_any_lobby(rules: Rules, steps: Sequence[Step], which: int) -> None:
    lobby = history(rules, steps)
    lobby.do(CheckWindows(at=lobby.now, cause="begins the day, if it has not begun"))
    said = on_the_button(lobby)
    if said:
        service = list(said)[which % len(said)]
        assert everywhere(lobby, lobby.take(service)) == dict.fromkeys(("paper", "phone", "console"), said[service])


@pytest.mark.parametrize("seed", range(4))
def test_they_say_the_same_all_day(seed: int) -> None:
    rules = branch(
        {"1": {"cash": 0}, "2": {"cash": 40, "personal": 0, "corporate": 5}, "3": {"personal": 10, "corporate": 0}},
        services={"cash": {"overflow": True}, "corporate": {"overflow": True}},
    )
    lobby, found = Lobby(rules), set()
    for n, step in enumerate(long_steps(seed, 300)):
        lobby.step(step)
        if n % 10 == 0:
            lobby.do(CheckWindows(at=lobby.now, cause=""))
            said = on_the_button(lobby)
            for service in said:
                said = on_the_button(lobby)
                told = everywhere(lobby, lobby.take(service))
                assert set(told.values()) == {said[service]}, (n, service, told)
                found.add(said[service])
    assert len(found) > 10


def test_who_is_taken_over_by_other_counters_is_reckoned_there_before_and_after() -> None:
    """Nobody who serves cash is there: the ticket goes to all who know it, before borrowed ones that came earlier, and
    the button knows that."""
    counters = {"1": {"cash": 0}, "2": {"personal": 0, "cash": 60, "corporate": 30}, "3": {"corporate": 0}}
    lobby = Lobby(branch(counters, services={"cash": {"overflow": True}}))
    for counter in ("1", "2"):
        lobby.do(Open(at=lobby.now, cause="", counter=counter))
    lobby.do(Close(at=lobby.now, cause="", counter="1"))
    for service in ("personal", "corporate", "corporate"):
        lobby.take(service)
        lobby.wait(1)
    assert on_the_button(lobby) == {"cash": 1, "personal": 1, "corporate": 3}
    ticket = lobby.take("cash")
    assert lobby.state.tickets[ticket].only == ANY
    assert set(everywhere(lobby, ticket).values()) == {1}


@given(branches(), st.lists(steps(), max_size=60))
def test_all_at_once_are_as_many_as_one_by_one(rules: Rules, steps: Sequence[Step]) -> None:
    """The console's list is put in order once; each number is the one that the ticket alone would be told."""
    lobby = history(rules, steps)
    waits = [lobby.state.tickets[place.ticket] for line in lobby.state.lines.values() for place in line]
    for later in (0, 15 * 60_000, 3 * 3_600_000):
        at = Ms(lobby.now + later)
        one_by_one = {ticket.id: ahead_of(lobby.state, lobby.rules, ticket, at) for ticket in waits}
        assert ahead_of_all(lobby.state, lobby.rules, waits, at) == one_by_one


@pytest.mark.parametrize("seed", range(2))
def test_all_at_once_are_as_many_as_one_by_one_all_day(seed: int) -> None:
    lobby, seen = Lobby(random_branch(Random(f"ahead:{seed}"))), 0
    for step in long_steps(seed, 400):
        lobby.step(step)
        waits = [lobby.state.tickets[place.ticket] for line in lobby.state.lines.values() for place in line]
        one_by_one = {ticket.id: ahead_of(lobby.state, lobby.rules, ticket, lobby.now) for ticket in waits}
        assert ahead_of_all(lobby.state, lobby.rules, waits, lobby.now) == one_by_one
        seen = max(seen, *one_by_one.values(), 0)
    assert seen > 5


@given(branches(), st.lists(steps(), max_size=40))
def test_why_counts_as_everybody_does(rules: Rules, steps: Sequence[Step]) -> None:
    """The place in the line, and the table behind it, are of the same reckoning."""
    lobby = history(rules, steps)
    state, now = lobby.state, lobby.now
    for ticket in [state.tickets[place.ticket] for line in state.lines.values() for place in line]:
        for counter in rules.counters.values():
            if counter.handicap(ticket.service, ticket.klass, ticket.only) is not None:
                order = [row.ticket for row in explain._order(state, rules, counter, now)]
                assert ahead_at(state, rules, counter, ticket, now) == order.index(ticket.id)
        why = explain.ticket(state, rules, ticket.id, now)
        if found := re.search(r"is number (\d+) in line at", why.text):
            assert int(found[1]) == max(ahead_of(state, rules, ticket, now), 1) + 1
