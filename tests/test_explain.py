"""Why a ticket was called, and why another is not next."""

from __future__ import annotations

from branches import MINUTE, NINE, Lobby, branch, branches, half_hours, history, local, long_steps
from chance import examples
from hypothesis import given
from hypothesis import strategies as st

from controller.lobby import rule
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import from_row
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.start import Start
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import Appointments, Rules
from controller.lobby.model.state import CounterStage, Stage, State
from controller.lobby.rule import pick
from controller.lobby.show import explain

NINE_S = NINE // 1000
COUNTERS = {"1": {"cash": 0}, "2": {"cash": 20, "personal": 0}}


def told(lobby: Lobby, ticket: str) -> str:
    """The sentence, without the estimate at its end."""
    return explain.ticket(lobby.state, lobby.rules, ticket, lobby.now).text.split(" About ")[0].split(" Within ")[0]


def do(lobby: Lobby, command: type[CounterCommand], counter: str = "1") -> None:
    answer = lobby.do(command(at=lobby.now, cause="", counter=counter))
    assert not isinstance(answer, Refusal)


CALLED = (
    "A001 was called to counter 1. "
    "When it was called: A001 is next: it came at 09:00, first of those whom this counter serves."
)


def test_where_a_ticket_is_that_does_not_wait() -> None:
    lobby = Lobby(branch(COUNTERS))
    for _ in range(4):
        lobby.take("cash")
    lobby.call("1")
    assert told(lobby, "A001") == CALLED
    do(lobby, Start)
    assert told(lobby, "A001") == CALLED
    do(lobby, Hold)
    assert told(lobby, "A001") == "A001 is held by counter 1."
    lobby.call("1")
    do(lobby, NoShow)
    assert told(lobby, "A002") == "A002 missed its call at counter 1, and may come back until 09:15."
    lobby.call("1")
    do(lobby, Finish)
    assert told(lobby, "A003").startswith("A003 has ended (served). When it was called: A003 is next: it came at 09:00")
    lobby.do(Cancel(at=lobby.now, cause="", by="panel", ticket="A004"))
    assert told(lobby, "a004") == "A004 has ended (cancelled)."
    unknown = explain.ticket(lobby.state, lobby.rules, "A009", lobby.now)
    assert (unknown.ticket, unknown.text, unknown.table) == ("", "no ticket A009 here today", ())


def test_nobody_is_there() -> None:
    lobby = Lobby(branch(COUNTERS))
    lobby.take("personal")
    do(lobby, Open, "1")
    assert told(lobby, "B001") == "B001 waits, but no counter that may serve it is open."


def test_one_that_is_next() -> None:
    lobby = Lobby(branch(COUNTERS))
    lobby.take("cash")
    do(lobby, Open)
    told = explain.ticket(lobby.state, lobby.rules, "a001", lobby.now)
    assert told == explain.Explanation(
        "A001",
        "At counter 1: A001 is next: nobody else waits whom this counter serves.",
        (explain.Line("A001", "Cash", "Normal", NINE_S, NINE_S),),
    )


def test_somebody_came_earlier() -> None:
    lobby = Lobby(branch(COUNTERS))
    lobby.take("cash")
    lobby.wait(3)
    lobby.take("cash", "vip")
    lobby.wait(12)
    lobby.take("cash")
    lobby.call("1")
    why = explain.ticket(lobby.state, lobby.rules, "A003", lobby.now)
    assert why.text.startswith(
        "A003 is number 2 in line at counter 1; it counts as having come at 09:15; A001 comes before it, "
        "as A001 came at 09:00."
    )
    assert " About " in why.text
    assert why.table == (
        explain.Line("A001", "Cash", "Normal", NINE_S, NINE_S),
        explain.Line("A003", "Cash", "Normal", NINE_S + 15 * MINUTE, NINE_S + 15 * MINUTE),
    )


def test_somebody_has_privilege() -> None:
    lobby = Lobby(branch(COUNTERS))
    do(lobby, Open)
    lobby.take("cash")
    lobby.wait(3)
    lobby.take("cash", "vip")
    assert told(lobby, "A001") == (
        "A001 is number 2 in line at counter 1; it counts as having come at 09:00; A002 comes before it, "
        "as Vip counts as having come 10 min earlier."
    )
    assert told(lobby, "A002").startswith("At counter 1: A002 is next: ")


def test_a_counter_that_only_borrows_has_its_own_first() -> None:
    lobby = Lobby(branch(COUNTERS))
    do(lobby, Open, "2")
    lobby.take("cash")
    lobby.wait(5)
    lobby.take("personal")
    assert told(lobby, "A001") == (
        "A001 is number 2 in line at counter 2; it counts as having come at 09:20; B001 comes before it, "
        "as counter 2 counts A001 as having come 20 min later, as a borrowed customer."
    )


def test_the_counter_where_it_is_nearest_is_the_one_that_is_named() -> None:
    lobby = Lobby(branch(COUNTERS | {"3": {"cash": 0, "personal": 0}}))
    lobby.take("personal")
    lobby.wait(1)
    lobby.take("cash")
    do(lobby, Open, "3")
    assert "is number 2 in line at counter 3;" in told(lobby, "A001")
    do(lobby, Open, "1")
    assert told(lobby, "A001").startswith("At counter 1: A001 is next: ")


def test_an_appointment_is_before_its_time() -> None:
    """Its key is the least, and all the same it is not next."""
    lobby = Lobby(branch(COUNTERS, appointments=Appointments(half_hours("09:00", "12:00"))))
    do(lobby, Open)
    lobby.take("cash", "green", slot="09:30")
    lobby.take("cash")
    assert told(lobby, "A001") == (
        "A001 is number 2 in line at counter 1; it counts as having come at 08:30; A002 comes before it, "
        "as the appointment of A001 is only at 09:30."
    )
    assert told(lobby, "A002").startswith("At counter 1: A002 is next: ")


def test_the_guard_puts_another_first() -> None:
    lobby = Lobby(branch(COUNTERS, pass_limit=1))
    lobby.take("cash")
    lobby.wait(1)
    lobby.take("cash", "vip")
    lobby.take("cash", "vip")
    assert lobby.call("1") == "A002"
    assert told(lobby, "A003") == (
        "A003 is number 2 in line at counter 1; it counts as having come at 08:51; A001 comes before it, "
        "as A001 came at 09:00."
    )


def test_a_call_is_explained_by_what_the_journal_says() -> None:
    lobby = Lobby(branch(COUNTERS))
    lobby.take("cash")
    lobby.wait(5)
    lobby.take("cash", "vip")
    lobby.call("1")
    state = State()
    for row in lobby.rows[:-1]:
        evolve(state, row["at"], from_row(row["kind"], row["version"], row["data"]))
    last = lobby.rows[-1]
    event = from_row(last["kind"], last["version"], last["data"])
    assert isinstance(event, TicketCalled)
    why = explain.call(state, lobby.rules, event.ticket, event.why)
    assert why.ticket == "A002"
    assert why.text == last["data"]["why"]["text"]
    assert why.table == (
        explain.Line("A002", "Cash", "Vip", NINE_S + 5 * MINUTE, NINE_S - 5 * MINUTE),
        explain.Line("A001", "Cash", "Normal", NINE_S, NINE_S),
    )
    assert explain.call(State(), lobby.rules, event.ticket, event.why).table == (), (
        "tickets of another day are left out"
    )
    by_hand = {"text": "by hand", "guard": False, "heads": []}
    assert explain.call(state, lobby.rules, "A001", by_hand) == explain.Explanation("A001", "by hand", ())


def test_a_long_table_is_cut_but_holds_the_ticket() -> None:
    lobby = Lobby(branch(COUNTERS), local("2026-11-23 09:00"))
    do(lobby, Open)
    for _ in range(100):
        lobby.take("cash")
        lobby.wait(0.1)
    for ticket, rows in (("A002", explain.ROWS), ("A050", 50)):
        table = explain.ticket(lobby.state, lobby.rules, ticket, lobby.now).table
        assert len(table) == rows
        assert ticket in [line.ticket for line in table]


@examples(40)
@given(rules=branches(), seed=st.integers(0, 2**32 - 1))
def test_every_ticket_has_a_sentence_that_is_true(rules: Rules, seed: int) -> None:
    lobby = history(rules, long_steps(seed, 120))
    state = lobby.state
    counters = [c for id, c in rules.counters.items() if state.counter(id).stage is CounterStage.OPEN]
    nexts = {found.ticket.id for counter in counters if (found := pick(state, rules, counter, lobby.now))}
    before = state.picture()
    for ticket in state.tickets.values():
        why = explain.ticket(state, rules, ticket.id, lobby.now)
        assert why.ticket == ticket.id
        assert ticket.id in why.text
        assert "{" not in why.text
        if ticket.stage is not Stage.WAITING:
            assert why.table == ()
        elif why.table:
            assert ticket.id in [line.ticket for line in why.table]
            early = [state.tickets[line.ticket].not_before > lobby.now // 1000 for line in why.table]
            counts = [line.counts for line in why.table]
            assert list(zip(early, counts, strict=True)) == sorted(zip(early, counts, strict=True))
            says_next = f"{ticket.id} is next" in why.text
            assert not says_next or ticket.id in nexts
            assert says_next or f"{ticket.id} comes before it" not in why.text
        else:
            assert all(c.handicap(ticket.service, ticket.klass, ticket.only) is None for c in counters)
    assert state.picture() == before


# -- sentences that say what is so -----------------------------------------------------------------------------------


def why(lobby: Lobby, counter: str = "1") -> str:
    """Why the counter's next call is what it is."""
    found = pick(lobby.state, lobby.rules, lobby.rules.counters[counter], lobby.now)
    assert found
    return str(rule.why(lobby.rules, found)["text"])


def test_the_first_of_one_line_is_not_alone() -> None:
    lobby = Lobby(branch(COUNTERS))
    lobby.take("cash")
    assert why(lobby) == "A001 is next: nobody else waits whom this counter serves."
    lobby.wait(1)
    lobby.take("cash")
    assert why(lobby) == "A001 is next: it came at 09:00, first of those whom this counter serves."


def test_privilege_is_the_reason_also_within_one_second() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0}}))
    do(lobby, Open)
    lobby.take("personal")
    lobby.take("cash", "vip")
    told = (
        "A001 is next: as Vip it counts as having come 10 min earlier, at 08:50, before B001, which came at 09:00:00."
    )
    assert why(lobby) == told


def test_two_of_one_second_go_by_their_numbers() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0}}))
    do(lobby, Open)
    lobby.take("personal")
    lobby.take("cash")
    assert why(lobby) == "B001 is next: it came in the same second as A001, and was taken first."
    lobby.take("cash")
    assert told(lobby, "A002").endswith("A001 comes before it, as it came in the same second and was taken first.")


def test_borrowing_is_given_as_a_reason_only_where_it_costs_the_other() -> None:
    """Both are borrowed; the one that costs less is not next because of it if it came first anyway."""
    lobby = Lobby(branch({"1": {"cash": 5, "personal": 20, "corporate": 0}}))
    lobby.take("cash")
    lobby.wait(2)
    lobby.take("personal")
    assert "borrowed" not in why(lobby)
    assert why(lobby).startswith("A001 is next: ")
    lobby = Lobby(branch({"1": {"cash": 5, "personal": 0}}))
    lobby.take("cash")
    lobby.wait(6)
    lobby.take("personal")
    assert "borrowed" in why(lobby), "although it is counted as having come five minutes later"


def test_an_appointment_is_early_until_ten_minutes_before_its_time_and_then_waits_like_others() -> None:
    lobby = Lobby(branch({"1": {"cash": 0}}, appointments=Appointments(half_hours("09:00", "12:00"))))
    do(lobby, Open)
    lobby.take("cash")
    lobby.take("cash", slot="09:30")
    lobby.wait(20 - 1 / 60)
    assert told(lobby, "A002").endswith("the appointment of A002 is only at 09:30.")
    lobby.wait(1 / 60)
    assert told(lobby, "A002").endswith("as A001 came at 09:00.")
