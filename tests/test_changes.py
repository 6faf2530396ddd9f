"""What another configuration changes, in words, and what customers keep from coming into force."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from branches import NINE, Lobby, branch

from controller.changes import differences, held_by_customers, need_restart, reloaded
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.take_ticket import TakeTicket

OLD = """
[branch]
id = "b1"
language = "zh"
[calling]
call_grace = 1.5
[[service]]
id = "cash"
name = "Cash"
[[counter]]
id = "1"
serves = { cash = 0 }
[[counter]]
id = "2"
serves = { cash = 0 }
[[clerk]]
number = "8001"
alias = "li"
[[device]]
id = "pad"
link = "serial:/dev/a"
"""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("call_grace = 1.5", "call_grace = 0\nrepeat = 2", ["[calling]: call_grace, repeat have changed"]),
        ('name = "Cash"', 'name = "Teller"', ["[[service]] cash: name has changed"]),
        ('id = "2"', 'id = "3"', ["[[counter]] 2 is gone", "[[counter]] 3 is new"]),
        ('alias = "li"', 'alias = "wang"', ["[[clerk]] li is gone", "[[clerk]] wang is new"]),
        ('[[device]]\nid = "pad"\nlink = "serial:/dev/a"\n', "", ["[[device]] pad is gone"]),
        ("[calling]\ncall_grace = 1.5\n", "", ["[calling] is gone"]),
        ("[calling]", "[calendar]\nlast_ticket = 5\n[calling]", ["[calendar] is new"]),
        ("a comment", "another", []),
    ],
)
def test_each_difference_is_a_sentence(before: str, after: str, said: list[str]) -> None:
    assert list(differences(tomllib.loads(OLD), tomllib.loads(OLD.replace(before, after)))) == said


def test_the_order_of_counters_is_a_difference() -> None:
    old = tomllib.loads(OLD)
    assert list(differences(old, {**old, "counter": old["counter"][::-1]})) == ["[[counter]]: their order has changed"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('language = "zh"', 'language = "en"', ["[branch] language"]),
        ("[calling]", '[mqtt]\nbroker = "mqtt://10.0.0.2"\n[calling]', ["[mqtt]"]),
        ('id = "b1"', 'id = "b2"\ntimezone = "Asia/Urumqi"', ["[branch] id", "[branch] timezone"]),
        ('name = "Cash"', 'name = "Teller"', []),
    ],
)
def test_what_only_a_restart_changes(before: str, after: str, said: list[str]) -> None:
    assert need_restart(tomllib.loads(OLD), tomllib.loads(OLD.replace(before, after))) == said


def test_what_customers_wait_for_cannot_go() -> None:
    rules = branch({"1": {"cash": 0, "personal": 0}}, credits={"normal": 0, "vip": 10})
    lobby = Lobby(rules)
    lobby.do(TakeTicket(at=NINE, cause="take", by="kiosk/1", service="personal", klass="vip"))
    (ticket,) = lobby.state.tickets
    services = {id: service for id, service in rules.services.items() if id != "personal"}
    classes = {id: klass for id, klass in rules.classes.items() if id != "vip"}
    other = replace(rules, services=services, classes=classes)
    advice = "reassign or cancel them first, or reload after the branch has closed"
    assert held_by_customers(lobby.state, other) == [
        f'service "personal" is gone, but customers have it ({ticket}); {advice}',
        f'class "vip" is gone, but customers have it ({ticket}); {advice}',
    ]
    lobby.do(Cancel(at=NINE, cause="cancel", by="panel/1", ticket=ticket))
    assert held_by_customers(lobby.state, other) == []


def test_what_has_come_of_it_is_one_sentence() -> None:
    assert [reloaded(True, ["a"]), reloaded(True, []), reloaded(False, ["a"])] == [
        "in force",
        "nothing is different",
        "nothing has been changed",
    ]
