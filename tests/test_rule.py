"""The calling rule, worked by hand."""

from __future__ import annotations

import pytest
from branches import (
    MINUTE,
    NINE,
    Lobby,
    branch,
    numbers,
)
from checker import check
from rules import same_as_replayed

from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.transfer import Transfer
from controller.lobby.rule import pick

NINE_S = NINE // 1000


def keys(lobby: Lobby, counter: str) -> dict[str, int]:
    """Each head's key at a counter, best first, in minutes after nine."""
    found = pick(lobby.state, lobby.rules, lobby.rules.counters[counter], lobby.now)
    assert found is not None
    return {c.ticket.id: (c.key - NINE_S) // MINUTE for c in found.candidates}


# -- worked by hand ------------------------------------------------------------------------------------------------


def test_key_is_seniority_less_credit_plus_handicap() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 20}, "2": {"personal": 0}}))
    lobby.take("personal")  # B001 at 9:00: 0 + 20 at counter 1
    lobby.wait(12)
    lobby.take("cash")  # A001 at 9:12: 12
    lobby.wait(6)
    lobby.take("cash", "vip")  # A002 at 9:18: 18 - 10
    assert keys(lobby, "1") == {"A002": 8, "A001": 12, "B001": 20}
    assert keys(lobby, "2") == {"B001": 0}
    assert [lobby.call("1"), lobby.call("1"), lobby.call("1")] == ["A002", "A001", "B001"]


@pytest.mark.parametrize(("minutes", "first"), [(9, "A002"), (10, "A001"), (11, "A001")])
def test_a_vip_counts_as_having_come_ten_minutes_earlier(minutes: float, first: str) -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    lobby.take("cash")
    lobby.wait(minutes)
    lobby.take("cash", "vip")
    assert lobby.call("1") == first


@pytest.mark.parametrize(("minutes", "first"), [(59, "A002"), (60, "A001")])
def test_green_channel_counts_as_having_come_an_hour_earlier(minutes: float, first: str) -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    lobby.take("cash")
    lobby.wait(minutes)
    lobby.take("cash", "green")
    assert lobby.call("1") == first


def test_a_tie_goes_to_the_ticket_issued_earlier() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0, "corporate": 0}}))
    lobby.take("personal")
    lobby.take("cash")
    lobby.take("corporate")
    lobby.take("cash")
    assert [lobby.call("1") for _ in range(4)] == ["B001", "A001", "C001", "A002"]


def test_a_tie_of_keys_goes_to_the_ticket_issued_earlier_whatever_its_class() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    lobby.take("cash")
    lobby.wait(10)
    lobby.take("cash", "vip")
    assert keys(lobby, "1") == {"A001": 0, "A002": 0}
    assert lobby.call("1") == "A001"


def test_the_class_handicap_is_part_of_the_total() -> None:
    lobby = Lobby(branch({"1": {"cash": 5}, "2": {"cash": 0}}, {"1": {"normal": 10}, "2": {"normal": 3}}))
    lobby.take("cash")
    lobby.wait(14)
    lobby.take("cash", "vip")
    assert keys(lobby, "1") == {"A002": 14 - 10 + 5, "A001": 0 + 5 + 10}
    assert keys(lobby, "2") == {"A001": 3, "A002": 4}


def test_only_own_work_counts_as_passed_and_own_work_is_a_total_of_zero() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}, "2": {"cash": 0}}, {"2": {"normal": 1}}))
    lobby.take("cash")
    for _ in range(3):
        lobby.wait(1)
        lobby.take("cash", "green")
    assert lobby.call("2") == "A002"
    assert lobby.state.tickets["A001"].passed == 0
    assert lobby.call("1") == "A003"
    assert lobby.state.tickets["A001"].passed == 1


def test_a_ticket_reassigned_to_anybody_is_own_work_of_all_that_know_its_service() -> None:
    rules = branch({"1": {"cash": 0}, "2": {"cash": 30, "personal": 0}, "3": {"personal": 0}}, {"2": {"normal": 7}})
    lobby = Lobby(rules)
    lobby.take("cash")
    assert keys(lobby, "2") == {"A001": 37}
    lobby.do(Reassign(at=lobby.now, cause="", by="panel", ticket="A001"))
    assert keys(lobby, "2") == keys(lobby, "1") == {"A001": 0}
    assert pick(lobby.state, rules, rules.counters["3"], lobby.now) is None


def test_a_ticket_bound_to_a_counter_is_its_own_work_and_nobody_elses() -> None:
    rules = branch({"1": {"cash": 0}, "2": {"personal": 0}})
    lobby = Lobby(rules)
    lobby.take("cash")
    assert lobby.call("1") == "A001"
    lobby.do(Transfer(at=lobby.now, cause="", counter="1", digits="02"))
    assert pick(lobby.state, rules, rules.counters["1"], lobby.now) is None
    assert keys(lobby, "2") == {"A001": 0}


def test_the_guard_drops_credits_but_not_handicaps_for_one_call() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 20}, "2": {"personal": 0}}, pass_limit=2))
    lobby.take("personal")  # B001, borrowed at counter 1
    lobby.wait(1)
    lobby.take("cash")  # A001
    for _ in range(4):
        lobby.wait(1)
        lobby.take("cash", "green")
    assert [lobby.call("1"), lobby.call("1")] == ["A002", "A003"]
    found = pick(lobby.state, lobby.rules, lobby.rules.counters["1"], lobby.now)
    assert found is not None
    assert found.guard
    assert keys(lobby, "1") == {"A001": 1, "A004": 4, "B001": 20}
    assert [lobby.call("1"), lobby.call("1")] == ["A001", "A004"]


def why_of_last_call(lobby: Lobby) -> str:
    return str(lobby.rows[-1]["data"]["why"]["text"])


def test_a_call_says_why() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    lobby.take("cash")
    lobby.wait(5)
    lobby.take("cash", "vip")
    lobby.call("1")
    assert lobby.rows[-1]["data"]["why"] == {
        "text": "A002 is next: as Vip it counts as having come 10 min earlier, at 08:55, before A001, "
        "which came at 09:00.",
        "guard": False,
        "heads": [{"ticket": "A002", "key": NINE_S - 5 * MINUTE}, {"ticket": "A001", "key": NINE_S}],
    }
    lobby.call("1")
    assert why_of_last_call(lobby) == "A001 is next: nobody else waits whom this counter serves."


def test_a_call_by_hand_says_so() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    lobby.take("cash")
    lobby.do(CallNumber(at=lobby.now, cause="", counter="1", digits="001"))
    assert lobby.rows[-1]["data"]["forced"] is True
    assert lobby.rows[-1]["data"]["why"] == {
        "text": "A001 was called by hand at counter 1.",
        "guard": False,
        "heads": [{"ticket": "A001", "key": NINE_S}],
    }


def test_a_call_by_hand_tells_whom_the_rule_would_have_called() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0}}))
    lobby.take("personal")
    lobby.wait(5)
    lobby.take("cash")
    lobby.take("cash")
    lobby.do(CallNumber(at=lobby.now, cause="", counter="1", digits="002"))
    assert lobby.rows[-1]["data"]["ticket"] == "A002"
    assert [head["ticket"] for head in lobby.rows[-1]["data"]["why"]["heads"]] == ["B001", "A001"]


def test_a_call_by_hand_from_afar_names_who_and_why() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}))
    lobby.take("cash")
    lobby.take("cash", "vip")
    lobby.do(Open(at=lobby.now, cause="", counter="1"))
    for ticket, reason in (("A001", "elderly"), ("A002", "")):
        by = {"by": "user/li", "reason": reason}
        lobby.do(CallByHand(at=lobby.now, cause="", ticket=ticket, counter="1", **by))
        data = lobby.rows[-1]["data"]
        assert {key: data[key] for key in ("by", "reason") if key in data} == {k: v for k, v in by.items() if v}
        assert (data["ticket"], data["forced"], data["passed"]) == (ticket, True, [])
        assert data["why"]["text"] == f"{ticket} was called by hand at counter 1."
        assert data["why"]["heads"][0] == {"ticket": "A002", "key": NINE_S - 10 * MINUTE}
        lobby.do(Finish(at=lobby.now, cause="", counter="1"))
    same_as_replayed(lobby)


def test_a_call_of_the_earliest_says_by_how_much() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0, "corporate": 0}}))
    lobby.take("personal")
    lobby.wait(2.5)
    lobby.take("cash")
    lobby.wait(1)
    lobby.take("corporate")
    lobby.call("1")
    assert why_of_last_call(lobby) == "B001 is next: it came at 09:00, A001 came at 09:02."


def test_a_call_before_a_borrowed_customer_who_came_earlier_says_so() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 20}, "2": {"personal": 0}}))
    lobby.take("personal")
    lobby.wait(0.5)
    lobby.take("cash")
    lobby.call("1")
    told = "it came at 09:00:30; B001 came at 09:00:00, but as a borrowed customer counts 20 min later here."
    assert why_of_last_call(lobby) == f"A001 is next: {told}"


def test_a_call_of_a_borrowed_customer_says_so() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 20}, "2": {"personal": 0}}))
    lobby.take("personal")
    lobby.wait(21)
    lobby.take("cash")
    lobby.call("1")
    told = "B001 is next: even counted 20 min later, as a borrowed customer is, it comes before A001."
    assert why_of_last_call(lobby) == told


def test_a_call_under_the_guard_says_so() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}, pass_limit=1))
    lobby.take("cash")
    for _ in range(2):
        lobby.wait(1)
        lobby.take("cash", "vip")
    assert [lobby.call("1"), lobby.call("1")] == ["A002", "A001"]
    told = "A001 is next: 1 later customers have been called before A001, so this call ignores privilege."
    assert why_of_last_call(lobby) == told


def test_one_window_and_a_flood_of_vips() -> None:
    """A normal ticket at an overloaded window waits for those before it and for at most K later ones."""
    rules = branch({"1": {"cash": 0}}, pass_limit=3)
    lobby = Lobby(rules)
    for _ in range(10):
        lobby.take("cash")
        lobby.wait(0.1)
    unlucky = lobby.take("cash")
    issued = lobby.now
    before_it = 10
    called: list[str] = []
    while unlucky not in called:
        # Every four minutes one is served and two more VIPs come: under strict priority it would never end.
        called.append(lobby.call("1"))
        assert len(called) <= (before_it + 1) * (rules.pass_limit + 1)
        for _ in range(2):
            lobby.take("cash", "vip")
            lobby.wait(2)
    assert 1 + before_it < len(called), "no VIP has overtaken: the example shows nothing"
    waited = (lobby.now - issued) / 60_000
    assert waited < 4 * (before_it + 1) * (rules.pass_limit + 1)
    assert not list(check(lobby.rows, numbers(rules)))
