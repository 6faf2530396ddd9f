"""What the lobby manager is offered is what would be accepted, of a ticket and of a counter."""

from __future__ import annotations

from dataclasses import asdict

from branches import Lobby, branch, branches, history, long_steps
from chance import examples
from hypothesis import given
from hypothesis import strategies as st

from controller import presses
from controller.lobby import offers
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.press import Press, Where
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.registry import decide
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Rules
from controller.lobby.offers import Offer

WHO = "user/li"
COUNTERS = {"1": {"cash": 0}, "2": {"personal": 0}}


def of(lobby: Lobby, ticket: str, paper: str = "ready") -> set[str]:
    """The keys that are offered for a ticket."""
    return {each.key for each in offers.for_ticket(lobby.state, lobby.rules, ticket, lobby.now, WHO, paper)}


def at(lobby: Lobby, counter: str) -> list[str]:
    """The keys that are offered for a counter."""
    return [each.key for each in offers.for_counter(lobby.state, lobby.rules, counter, lobby.now, WHO)]


def test_a_ticket_is_offered_what_makes_sense_where_it_is() -> None:
    lobby = Lobby(branch(COUNTERS, returns=1))
    ticket = lobby.take("cash")
    waits = {"GREEN", "URGENT", "REASSIGN", "CANCEL", "REPRINT"}
    assert of(lobby, ticket) == waits
    assert of(lobby, ticket, "paper_end") == waits - {"REPRINT"}
    lobby.do(Promote(at=lobby.now, cause="", by=WHO, ticket=ticket, klass="green", reason="elderly"))
    assert of(lobby, ticket) == (waits - {"GREEN"}) | {"UNDO"}
    lobby.call("1")
    assert of(lobby, ticket) == {"REPRINT"}
    lobby.do(NoShow(at=lobby.now, cause="", counter="1"))
    free = [
        each.counter
        for each in offers.for_ticket(lobby.state, lobby.rules, ticket, lobby.now, WHO, "ready")
        if each.key == "CALL"
    ]
    assert free == ["1"], "the only one that is open and serves it"
    assert of(lobby, ticket) == {"RETURN", "CALL", "CANCEL", "REPRINT"}
    lobby.wait(lobby.rules.return_within / 60 + 1)
    assert of(lobby, ticket) == {"CANCEL", "REPRINT"}, "too late to come back"
    lobby.do(Cancel(at=lobby.now, cause="", by=WHO, ticket=ticket))
    assert of(lobby, ticket) == set(), "it has ended"
    other = lobby.take("cash")
    lobby.call("1")
    lobby.do(Finish(at=lobby.now, cause="", counter="1"))
    assert of(lobby, other) == {"RETURN"}, "nobody had begun to serve it"
    assert of(lobby, "Z999") == set()


def test_what_has_to_be_pressed_twice_is_offered() -> None:
    lobby = Lobby(branch(COUNTERS, confirm_finish=10))
    lobby.take("cash")
    lobby.call("1")
    assert sorted(at(lobby, "1")) == ["CLOSE", "PAUSE"], "the lobby asks whether it is meant, and then does it"


def test_a_counter_is_offered_what_changes_it() -> None:
    lobby = Lobby(branch(COUNTERS))
    assert at(lobby, "1") == ["OPEN"]
    lobby.take("cash")
    lobby.call("1")
    assert sorted(at(lobby, "1")) == ["CLOSE", "PAUSE"]
    press = Press(at=lobby.now, cause="", by=WHO, typed={"counter": "1", "digits": "1"})
    command = presses.command(Where.PANEL, "PAUSE", press)
    assert command
    lobby.do(command)
    assert lobby.rows[-1]["data"] == {"counter": "1", "reason": "1", "by": WHO}
    assert sorted(at(lobby, "1")) == ["CLOSE", "OPEN"]
    assert at(lobby, "9") == []


@examples(20)
@given(rules=branches(), seed=st.integers(0, 2**32 - 1))
def test_what_is_offered_is_accepted_and_what_is_not_is_refused(rules: Rules, seed: int) -> None:
    lobby = history(rules, long_steps(seed, 80))
    before = lobby.state.picture()
    for ticket in [*lobby.state.tickets][-6:]:
        offered = offers.for_ticket(lobby.state, rules, ticket, lobby.now, WHO, "ready")
        for key in ("GREEN", "URGENT", "REASSIGN", "CALL", "RETURN", "CANCEL", "UNDO", "REPRINT"):
            for where in ({}, *({"counter": id} for id in rules.counters if key in ("CALL", "REASSIGN"))):
                typed = {"ticket": ticket} | where
                command = presses.command(
                    Where.PANEL, key, Press(at=lobby.now, cause="", by=WHO, paper="ready", typed=typed)
                )
                assert command
                refused = isinstance(decide(lobby.state, rules, command), Refusal)
                assert (Offer(key, **where) in offered) != refused, (key, typed)
    for counter in rules.counters:
        for each in offers.for_counter(lobby.state, rules, counter, lobby.now, WHO):
            assert asdict(each) == {"key": each.key, "service": "", "counter": counter}
    assert lobby.state.picture() == before, "asking changes nothing"
