"""The tree of questions, and customers who are sent to a machine."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from branches import Lobby, asking, branch, hours
from hypothesis import given
from hypothesis import strategies as st

from controller.lobby.actions.take_ticket import SELF_SERVICE, SelfServiceAdvised, TakeTicket, TicketIssued
from controller.lobby.answers import answer_to
from controller.lobby.model.outcome import QueryResult, Refusal
from controller.lobby.model.triage import Choice, Question, Triage, loops

RULES = branch({"1": {"cash": 0, "personal": 0}}, triage=asking(("cash", "personal")))


def press(lobby: Lobby, choice: str, by: str = "screen", **more: object) -> str:
    """What a button for an answer leads to: `machine`, `machine still`, or a ticket's id."""
    decision = lobby.do(TakeTicket(at=lobby.now, cause="", by=by, choice=choice, **more))  # type: ignore[arg-type]
    if isinstance(decision, QueryResult):
        assert (decision.code, decision.ticket) == (SELF_SERVICE, "")
        assert decision.text.startswith("The machine does ")
        return "machine still"
    (event, *_) = decision  # type: ignore[misc]
    assert isinstance(event, SelfServiceAdvised | TicketIssued)
    return "machine" if isinstance(event, SelfServiceAdvised) else event.ticket


# -- the tree ------------------------------------------------------------------------------------------------------


def test_only_answers_that_lead_to_a_service_can_be_taken() -> None:
    triage = RULES.triage
    assert triage.choice("more") is None
    assert triage.choice("nothing") is None
    assert triage.choice("") is None
    choice = triage.choice("atm-personal")
    assert choice is not None
    assert (choice.service, choice.advice) == ("personal", "The machine does personal.")


def test_kiosks_get_the_tree_without_what_is_not_theirs() -> None:
    vip = Choice("wealth", "Wealth", service="personal", klass="vip")
    tree = Triage({"q": Question("q", "What?", (Choice("on", "More", question="r"), vip)), "r": Question("r", "?", ())})
    assert tree.picture() == {
        "start": "q",
        "questions": {
            "q": {
                "text": "What?",
                "choices": [
                    {"id": "on", "text": "More", "question": "r"},
                    {"id": "wealth", "text": "Wealth", "service": "personal"},
                ],
            },
            "r": {"text": "?", "choices": []},
        },
    }
    assert Triage().picture() == {"start": "", "questions": {}}


def test_an_answers_class_wins_over_the_presss() -> None:
    wealth = Question("q", "What?", (Choice("wealth", "Wealth", service="personal", klass="vip"),))
    lobby = Lobby(replace(RULES, triage=Triage({"q": wealth})))
    assert press(lobby, "wealth") == "B001"
    assert press(lobby, "wealth", klass="green") == "B002"
    assert [lobby.state.tickets[id].klass for id in ("B001", "B002")] == ["vip", "vip"]
    lobby = Lobby(RULES)
    assert press(lobby, "to-cash", klass="green") == "A001"
    assert lobby.state.tickets["A001"].klass == "green", "an answer without a class leaves it to the press"


@pytest.mark.parametrize(
    ("leads_to", "loop"),
    [
        ({}, ""),
        ({"a": ()}, ""),
        ({"a": ("b", "c"), "b": ("c",), "c": ()}, ""),
        ({"a": ("nowhere",)}, ""),
        ({"a": ("a",)}, "a a"),
        ({"a": ("b",), "b": ("a",)}, "a b a"),
        ({"a": ("b",), "b": ("c",), "c": ("d", "b"), "d": ()}, "b c b"),
        ({"a": (), "b": ("a", "c"), "c": ("b",)}, "b c b"),
    ],
)
def test_loops(leads_to: dict[str, tuple[str, ...]], loop: str) -> None:
    assert " ".join(loops(leads_to)) == loop


def test_a_chain_of_questions_may_be_long() -> None:
    chain = {f"q{n}": (f"q{n + 1}",) for n in range(100_000)}
    assert loops(chain) == []
    found = loops(chain | {"q100000": ("q50000",)})
    assert (found[0], found[-1], len(found)) == ("q50000", "q50000", 50_002)


IDS = st.sampled_from("abcdefg")


@given(st.dictionaries(IDS, st.lists(IDS, max_size=3).map(tuple), max_size=7))
def test_a_loop_is_one_and_is_found_if_there_is_one(leads_to: dict[str, tuple[str, ...]]) -> None:
    found = loops(leads_to)
    if found:
        assert found[0] == found[-1]
        assert len(found) > 1
        assert all(after in leads_to[before] for before, after in pairwise(found))
    else:
        # With no loop the questions can be taken away one by one, each when nothing leads on from it.
        left = dict(leads_to)
        while ends := [id for id, following in left.items() if not set(following) & left.keys()]:
            for id in ends:
                del left[id]
        assert not left


# -- machines ------------------------------------------------------------------------------------------------------


def test_an_advice_gives_no_ticket_and_is_counted() -> None:
    lobby = Lobby(RULES)
    assert press(lobby, "atm-cash") == "machine"
    assert lobby.state.tickets == {}
    assert lobby.state.sent_away == {"atm-cash": 1}
    assert lobby.state.insisted == {}
    answer = answer_to(RULES, [SelfServiceAdvised("atm-cash", "cash", "screen")])
    assert (answer.result, answer.code, answer.text, answer.ticket) == (
        "ok",
        "self_service",
        "The machine does cash.",
        "",
    )


def test_an_advice_that_is_no_longer_configured_still_has_an_answer() -> None:
    answer = answer_to(RULES, [SelfServiceAdvised("old", "cash", "screen")])
    assert (answer.code, answer.text) == ("self_service", "self-service")


def test_insisting_by_flag() -> None:
    lobby = Lobby(RULES)
    assert press(lobby, "atm-cash", insist=True) == "A001"
    assert lobby.state.sent_away == {"atm-cash": 1}, "the screen gave the advice by itself"
    assert lobby.state.insisted == {"atm-cash": 1}
    assert lobby.rows[-1]["data"]["choice"] == "atm-cash"
    assert lobby.rows[-1]["data"]["insisted"] is True


@pytest.mark.parametrize(
    ("hold_off", "after", "follows"),
    [
        (0, 0, "A001"),  # a screen that sends each press once
        (2, 0, "machine still"),  # a child on the button
        (2, 1.999, "machine still"),
        (2, 2, "A001"),
        (2, 59.999, "A001"),
        (2, 60, "machine"),  # somebody else
        (2, -1, "machine still"),  # the clock was set back
        (60, 59, "machine still"),
    ],
)
def test_insisting_by_pressing_again(hold_off: float, after: float, follows: str) -> None:
    lobby = Lobby(RULES)
    assert press(lobby, "atm-cash", hold_off=hold_off) == "machine"
    lobby.now += round(after * 1000)
    assert press(lobby, "atm-cash", hold_off=hold_off) == follows
    assert lobby.state.sent_away == {"atm-cash": 2 if follows == "machine" else 1}
    assert lobby.state.insisted == ({"atm-cash": 1} if follows == "A001" else {})


def test_where_one_can_say_that_one_insists_the_next_press_is_the_next_customer() -> None:
    lobby = Lobby(RULES)
    assert [press(lobby, "atm-cash", asks=True) for _ in range(3)] == ["machine"] * 3
    assert lobby.state.sent_away == {"atm-cash": 3}
    assert press(lobby, "atm-cash", asks=True, insist=True) == "A001"
    assert lobby.state.insisted == {"atm-cash": 1}


def test_pressing_on_does_not_put_off_the_ticket() -> None:
    """The advice repeated within the hold-off is the first one: its time runs on."""
    lobby = Lobby(RULES)
    said = []
    for _ in range(4):
        said.append(press(lobby, "atm-cash", hold_off=2))
        lobby.now += 900
    assert said == ["machine", "machine still", "machine still", "A001"]
    assert lobby.state.sent_away == {"atm-cash": 1}


def test_insisting_is_used_up_by_the_ticket() -> None:
    """Who presses next is somebody else, and is sent to the machine."""
    lobby = Lobby(RULES)
    assert [press(lobby, "atm-cash") for _ in range(4)] == ["machine", "A001", "machine", "A002"]
    assert (lobby.state.sent_away, lobby.state.insisted) == ({"atm-cash": 2}, {"atm-cash": 2})
    assert press(lobby, "atm-cash", insist=True) == "A003"
    assert press(lobby, "atm-cash") == "machine"
    assert press(lobby, "atm-cash", insist=True) == "A004"
    assert (lobby.state.sent_away, lobby.state.insisted) == ({"atm-cash": 4}, {"atm-cash": 4})
    assert lobby.replayed().picture() == lobby.state.picture()


def test_the_machine_is_advised_when_there_are_no_tickets() -> None:
    """It is there also after hours; who insists is told that the branch is closed."""
    closed = replace(RULES, services={id: replace(s, hours=hours("13:00-14:00")) for id, s in RULES.services.items()})
    lobby = Lobby(closed)
    assert press(lobby, "atm-cash") == "machine"
    refused = lobby.do(TakeTicket(at=lobby.now, cause="", by="screen", choice="atm-cash"))
    assert isinstance(refused, Refusal)
    assert lobby.state.insisted == {}


def test_another_button_or_another_answer_does_not_insist() -> None:
    lobby = Lobby(RULES)
    assert press(lobby, "atm-cash", "left") == "machine"
    assert press(lobby, "atm-cash", "right") == "machine"
    assert press(lobby, "atm-personal", "left") == "machine"
    assert press(lobby, "atm-cash", "left") == "A001"
    assert lobby.state.sent_away == {"atm-cash": 2, "atm-personal": 1}


def test_who_is_given_a_ticket_by_the_manager_is_not_sent_away() -> None:
    lobby = Lobby(RULES)
    assert press(lobby, "atm-cash", "panel", granted=True) == "A001"
    assert lobby.state.insisted == {}
    assert "insisted" not in lobby.rows[-1]["data"]


def test_an_answer_without_a_machine_is_never_insisted_on() -> None:
    lobby = Lobby(RULES)
    assert press(lobby, "to-cash", insist=True) == "A001"
    assert lobby.state.insisted == {}
    assert lobby.rows[-1]["data"]["choice"] == "to-cash"


def test_without_paper_a_machine_is_still_advised() -> None:
    """Nothing is printed for it; a ticket would need paper."""
    lobby = Lobby(RULES)
    assert press(lobby, "atm-cash", paper="paper_end") == "machine"


def test_advices_are_forgotten_with_the_day() -> None:
    lobby = Lobby(RULES)
    press(lobby, "atm-cash")
    lobby.wait(24 * 60)
    assert press(lobby, "atm-cash") == "machine"
    assert lobby.state.sent_away == {"atm-cash": 1}
    assert lobby.replayed().picture() == lobby.state.picture()


def test_many_ways_to_the_same_question_are_looked_at_once() -> None:
    """Forty questions with two answers each to the next: each once, not 2 to the power of 40 ways."""
    ladder = {f"q{n}": (f"q{n + 1}", f"q{n + 1}") for n in range(40)}
    assert loops(ladder) == []
    assert loops(ladder | {"q40": ("q39",)}) == ["q39", "q40", "q39"]
