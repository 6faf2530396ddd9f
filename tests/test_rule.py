"""The calling rule: examples worked by hand, its ten invariants over random lobbies, and that their checker can fail.

The invariants are judged by `checker`, which sees only journal rows; a failing example prints what reproduces it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from branches import (
    ALL,
    CALM,
    MINUTE,
    NINE,
    USUAL,
    Lobby,
    Step,
    asking,
    branch,
    branches,
    half_hours,
    history,
    long_steps,
    numbers,
    steps,
)
from chance import examples
from checker import Checker, Numbers, check
from hypothesis import assume, example, given
from hypothesis import strategies as st

from controller.lobby import rule
from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.registry import decide, evolve
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo import Undo
from controller.lobby.model.outcome import Refusal
from controller.lobby.model.rules import ANY, Appointments, Rules
from controller.lobby.model.state import CounterStage, Stage, State
from controller.lobby.rule import pick

LONG = st.lists(steps(), min_size=10, max_size=120)
SEEDS = st.integers(0, 2**32 - 1)
few = examples(60)
some = examples(120)
deep = examples(25)

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


# -- over random lobbies -------------------------------------------------------------------------------------------


def judged(lobby: Lobby) -> Checker:
    """What an outsider says to a lobby's journal: nothing to object."""
    checker = Checker(numbers(lobby.rules))
    for row in lobby.rows:
        checker.row(row)
    assert not checker.violations, "\n".join(v.text for v in checker.violations)
    forced = [row["seq"] for row in lobby.rows if row["kind"] == "ticket_called" and row["data"]["forced"]]
    assert checker.forced == forced
    return checker


def same_as_replayed(lobby: Lobby) -> State:
    replayed = lobby.replayed()
    assert replayed.picture() == lobby.state.picture()
    return replayed


@some
@given(rules=branches(), happens=LONG)
def test_the_ten_invariants_hold(rules: Rules, happens: list[Step]) -> None:
    lobby = history(rules, happens)
    checker = judged(lobby)
    for ticket in lobby.state.tickets.values():
        assert checker.passed(ticket.id) == ticket.passed <= rules.pass_limit
    same_as_replayed(lobby)


@deep
@given(rules=branches(), seed=SEEDS, kinds=st.sampled_from((USUAL, ALL)))
def test_the_ten_invariants_hold_on_a_long_day(rules: Rules, seed: int, kinds: tuple[str, ...]) -> None:
    lobby = history(rules, long_steps(seed, 600, kinds))
    judged(lobby)
    same_as_replayed(lobby)


def test_long_days_go_to_the_limits() -> None:
    """What the property above rests on: its lobbies do reach the guard, borrowing and all the rest."""
    rules = branch(
        {"1": {"cash": 0}, "2": {"cash": 10, "personal": 0}},
        {"1": {"vip": 2}},
        services={"cash": {"overflow": True}},
        triage=asking(("cash", "personal")),
        appointments=Appointments(half_hours("09:00", "16:00"), early=60 * MINUTE),
        target=5 * MINUTE,
        pass_limit=2,
    )
    lobby = history(rules, long_steps(5, 4000, CALM))
    checker = judged(lobby)
    calls = [row["data"] for row in lobby.rows if row["kind"] == "ticket_called"]
    assert checker.calls > 300
    assert len(checker.forced) > 10
    assert sum(call["why"]["guard"] for call in calls) > 20
    assert sum(call["counter"] == "2" and call["ticket"].startswith("A") for call in calls) > 20
    kinds = Counter(row["kind"] for row in lobby.rows)
    assert kinds["day_closed"] >= 1
    assert sum("by" in call for call in calls) > 10
    for kind in ("returned", "held", "transferred", "reassigned", "promoted", "restored", "cancelled"):
        assert kinds[f"ticket_{kind}"] > 10, kind
    of_others = [row["data"] for row in lobby.rows if row["kind"] == "ticket_reassigned"]
    assert sum(data["by"] == "overflow" for data in of_others) > 10
    early = [call for call in calls if call["why"]["text"].endswith("but nobody else may be called here yet.")]
    assert len(early) > 2
    issued = [row["data"] for row in lobby.rows if row["kind"] == "ticket_issued"]
    for field in ("slot", "not_before", "choice", "insisted", "form", "needs", "expected", "rolled"):
        assert sum(field in data for data in issued) > 10, field
    assert kinds["self_service_advised"] > 10
    assert kinds["windows_checked"] > 10
    answered = [row["data"]["accepted"] for row in lobby.rows if row["kind"] == "window_advice_answered"]
    assert {True, False} <= set(answered)


@few
@given(rules=branches(), happens=LONG)
def test_call_finds_whoever_waits(rules: Rules, happens: list[Step]) -> None:
    """Invariant 5 at the refusals too, which leave no row."""
    lobby, checker = Lobby(rules), Checker(numbers(rules))
    for step in happens:
        lobby.step(step)
        for row in lobby.rows[checker.rows :]:
            checker.row(row)
        for counter in rules.counters:
            answer = decide(lobby.state, rules, CallNext(at=lobby.now, cause="", counter=counter))
            none_waiting = isinstance(answer, Refusal) or answer[-1].to_row().get("none_waiting") is True
            assert none_waiting == (not checker.waiting_for(counter)), (counter, answer)


@few
@given(rules=branches(), happens=LONG)
def test_the_same_journal_gives_the_same_calls(rules: Rules, happens: list[Step]) -> None:
    """Invariant 6: whoever replays the rows decides the next press as the lobby itself does."""
    lobby, twin = Lobby(rules), State()
    for step in happens:
        lobby.step(step)
    for counter in rules.counters:
        while True:
            twin = same_as_replayed(lobby)
            call = CallNext(at=lobby.now, cause="", counter=counter)
            answer = decide(twin, rules, call)
            assert answer == decide(lobby.state, rules, call)
            lobby.do(call)
            if not lobby.state.counter(counter).ticket:
                break


def order_of_calls(state: State, rules: Rules, counter: str) -> list[str]:
    """The tickets in the order in which one counter alone would call them, without the guard. Uses the state up."""
    rules = replace(rules, pass_limit=10**9)
    order = []
    while found := pick(state, rules, rules.counters[counter], NINE):
        order.append(found.ticket.id)
        for event in decide(state, rules, CallNext(at=NINE, cause="", counter=counter)):  # type: ignore[union-attr]
            evolve(state, NINE, event)
    return order


@some
@given(rules=branches(), happens=LONG, which=st.integers(0, 9), more=st.integers(1, 90 * MINUTE))
def test_more_credit_for_a_class_never_moves_its_tickets_backwards(
    rules: Rules, happens: list[Step], which: int, more: int
) -> None:
    """Invariant 7, for every ticket of the class at every counter."""
    lobby = history(rules, happens)
    klass = list(rules.classes.values())[which % len(rules.classes)]
    generous = replace(rules, classes={**rules.classes, klass.id: replace(klass, credit=klass.credit + more)})
    own = [t.id for t in lobby.state.tickets.values() if t.klass == klass.id and t.stage is Stage.WAITING]
    assume(own)
    for counter in rules.counters:
        before = order_of_calls(lobby.replayed(), rules, counter)
        after = order_of_calls(lobby.replayed(), generous, counter)
        assert sorted(before) == sorted(after)
        for ticket in own:
            if ticket in before:
                assert after.index(ticket) <= before.index(ticket), (counter, ticket)


@some
@given(rules=branches(), happens=LONG, which=st.integers(0, 99))
def test_a_promotion_to_more_credit_never_moves_a_ticket_backwards(
    rules: Rules, happens: list[Step], which: int
) -> None:
    """Invariant 7, for one ticket; counters treat classes alike here, as a class handicap is no credit."""
    alike = {id: replace(counter, class_handicap={}) for id, counter in rules.counters.items()}
    rules = replace(rules, counters=alike)
    lobby = history(rules, happens)
    waiting = [t for t in lobby.state.tickets.values() if t.stage is Stage.WAITING]
    assume(waiting)
    ticket = waiting[which % len(waiting)]
    richer = [id for id, c in rules.classes.items() if id != ticket.klass and c.credit >= rules.credit(ticket.klass)]
    assume(richer)
    before = {counter: order_of_calls(lobby.replayed(), rules, counter) for counter in rules.counters}
    promotion = Promote(at=lobby.now, cause="", by="panel", ticket=ticket.id, klass=richer[0], reason="")
    assert not isinstance(lobby.do(promotion), Refusal)
    for counter, order in before.items():
        after = order_of_calls(lobby.replayed(), rules, counter)
        if ticket.id in order:
            assert after.index(ticket.id) <= order.index(ticket.id), counter


@some
@given(
    rules=branches(),
    happens=LONG,
    which=st.integers(0, 255),
    what=st.integers(0, 255),
    kind=st.sampled_from(
        ("promote", "urgent", "reassign_any", "reassign_next", "reassign_counter", "reassign_service")
    ),
)
def test_what_is_undone_has_never_been(rules: Rules, happens: list[Step], which: int, what: int, kind: str) -> None:
    """But for the note that people have interfered; and if its own counters have all gone, others take it over."""
    lobby = history(rules, happens)
    before = lobby.state.picture()
    decision = lobby.step(Step(kind, which, what, 0))
    assume(not isinstance(decision, Refusal))
    assert isinstance(decision, list)
    (ticket, *_) = (event.to_row()["ticket"] for event in decision)
    assume(before["tickets"][ticket]["stage"] is Stage.WAITING)
    counter = before["tickets"][ticket]["only"]
    undone = lobby.do(Undo(at=lobby.now, cause="", by="panel", ticket=ticket))
    if counter in rules.counters and lobby.state.counter(counter).stage is CounterStage.CLOSED:
        assert undone == Refusal("counter_closed", (("counter", counter),))
        return
    own, after = before["tickets"][ticket], lobby.state.picture()
    if undone == Refusal("nothing_to_undo", (("ticket", ticket),)):
        # Sent to its own service, and on from there at once to where it was.
        assert after["tickets"][ticket] == own | {"before": None, "moved": True, "reassigned": True}
        return
    assert isinstance(undone, list)
    assert after["tickets"][ticket] == own | {
        "before": None,
        "moved": True,
        "only": own["only"] if len(undone) == 1 else ANY,
        "reassigned": own["reassigned"] if len(undone) == 1 else True,
    }
    assert {id: t for id, t in after["tickets"].items() if id != ticket} == {
        id: t for id, t in before["tickets"].items() if id != ticket
    }
    if len(undone) == 1:
        assert after | {"tickets": 0} == before | {"tickets": 0}
    same_as_replayed(lobby)
    assert lobby.do(Undo(at=lobby.now, cause="", by="panel", ticket=ticket)) == Refusal(
        "nothing_to_undo", (("ticket", ticket),)
    )


@few
@given(rules=branches(), happens=LONG)
def test_seniority_never_goes_down_at_issue_and_never_changes_by_a_transfer(rules: Rules, happens: list[Step]) -> None:
    """Invariant 9, from the inside. An appointment's is its slot's start, or that of everybody else."""
    lobby = Lobby(rules)
    slots: dict[str, int] = {}
    for step in happens:
        before = {t.id: t.seniority for t in lobby.state.tickets.values()}
        early = {t.id for t in lobby.state.tickets.values() if t.not_before}
        day = lobby.state.day
        written = len(lobby.rows)
        lobby.step(step)
        new = [(row["kind"], row["data"]) for row in lobby.rows[written:]]
        returned = {data["ticket"] for kind, data in new if kind == "ticket_returned" and "finished" not in data}
        called = {data["ticket"] for kind, data in new if kind == "ticket_called"}
        promoted = {data["ticket"] for kind, data in new if kind == "ticket_promoted"}
        restored = {data["ticket"] for kind, data in new if kind == "ticket_restored"}
        booked = {data["ticket"]: data["slot"] for kind, data in new if kind == "ticket_issued" and "slot" in data}
        slots = booked if lobby.state.day != day else slots | booked
        if lobby.state.day != day or any(kind == "clock_stepped" for kind, _ in new):
            continue
        for ticket in lobby.state.tickets.values():
            if ticket.id not in before:
                highest = max((seniority for id, seniority in before.items() if id not in slots), default=0)
                lowest = highest - rules.returns * rules.return_penalty
                assert ticket.seniority >= lowest or ticket.seniority == slots[ticket.id]
            elif ticket.id in returned:
                assert ticket.seniority == before[ticket.id] + rules.return_penalty
            elif ticket.id in called & early:  # an appointment called before its time has come now
                assert ticket.seniority == min(before[ticket.id], lobby.now // 1000)
            elif ticket.id in promoted & early:  # nor does it wait for its slot when it has privilege
                assert ticket.seniority == min(before[ticket.id], ticket.issued_at // 1000)
            elif ticket.id in restored and ticket.slot:
                assert ticket.seniority in (before[ticket.id], ticket.slot)
            else:
                assert ticket.seniority == before[ticket.id]


@few
@given(rules=branches(), happens=LONG)
@example(rules=branch({"1": {"cash": 0}}), happens=[Step("take", 0, 0, 0)])
def test_deciding_changes_nothing(rules: Rules, happens: list[Step]) -> None:
    lobby = history(rules, happens)
    before = lobby.state.picture()
    for kind in sorted(set(ALL)):
        for which in range(3):
            decide(lobby.state, rules, lobby._command(Step(kind, which, which, 0)))
    assert lobby.state.picture() == before


def test_the_pick_is_the_best_of_its_candidates() -> None:
    """What `why` lists is what was compared: every eligible head, best first."""
    lobby = history(branch({"1": {"cash": 0, "personal": 3}, "2": {"personal": 0}}), long_steps(3, 200, ("take",)))
    found = pick(lobby.state, lobby.rules, lobby.rules.counters["1"], lobby.now)
    assert found is not None
    assert len(found.candidates) == len(lobby.state.lines) > 4
    assert list(found.candidates) == sorted(found.candidates, key=lambda c: (c.key, c.ticket.order))
    assert rule.why(lobby.rules, found)["heads"][0]["ticket"] == found.ticket.id


# -- the checker can fail ------------------------------------------------------------------------------------------

TWO = Numbers(
    credits={"normal": 0, "vip": 600},
    serves={"1": {"cash": 0, "loans": 1200}, "2": {"loans": 0}, "3": {"loans": 0}},
    class_handicaps={},
    services=("cash", "loans"),
    pass_limit=2,
)

Row = dict[str, Any]


def rows(*told: tuple[Any, ...]) -> list[Row]:
    return [{"kind": kind, "at": 1000 * at, "data": data} for kind, data, at in ((*each, 0)[:3] for each in told)]


def took(ticket: str, seniority: int, service: str = "cash", klass: str = "normal", **more: int) -> tuple[str, Row]:
    return "ticket_issued", {"ticket": ticket, "service": service, "class": klass, "seniority": seniority} | more


def later(seconds: int, told: tuple[str, Row]) -> tuple[str, Row, int]:
    """The same, so many seconds after the day began."""
    return (*told, seconds)


def called(
    ticket: str, counter: str = "1", *, forced: bool = False, seniority: int | None = None, **why: Any
) -> tuple[str, Row]:
    now = {} if seniority is None else {"seniority": seniority}
    return "ticket_called", {"ticket": ticket, "counter": counter, "forced": forced, "why": why} | now


def did(what: str, ticket: str, counter: str = "1", **more: Any) -> tuple[str, Row]:
    return f"ticket_{what}", {"ticket": ticket, "counter": counter} | more


VIOLATIONS = {
    1: [
        # A vip who came 11 minutes later; a borrowed ticket 19 minutes earlier than it may be.
        (took("A1", 0), took("A2", 660, klass="vip"), called("A2")),
        (took("B1", 0, "loans"), took("A1", 100), called("B1")),
    ],
    2: [
        # The third vip in a row passes the same head; the guard is not reported when it should be.
        (
            took("A1", 0),
            *(took(f"A{n}", n, klass="vip") for n in (2, 3, 4)),
            *(row for n in (2, 3) for row in (called(f"A{n}"), did("finished", f"A{n}"))),
            called("A4"),
        ),
        (took("A1", 0), called("A1", guard=True)),
    ],
    4: [(took("A1", 0), took("A2", 5), called("A2"))],
    5: [(took("A1", 0), took("A2", 5), called("A1"), did("finished", "A1", none_waiting=True))],
    6: [
        # At one key it is the one issued earlier; a head is missing from the account; a key is wrong in it.
        (took("A1", 0), took("A2", 0, klass="normal"), called("A2")),
        (took("A1", 600), took("B1", 600, "loans"), called("A1", heads=[{"ticket": "A1", "key": 600}])),
        (took("A1", 600), called("A1", heads=[{"ticket": "A1", "key": 599}])),
        # An appointment before its time while somebody else waits; one in its time that is not called.
        (
            took("A1", 650),
            took("A2", 900, klass="vip", slot=900, not_before=600),
            later(599, called("A2")),
        ),
        (
            took("A1", 650),
            took("A2", 900, klass="vip", slot=900, not_before=600),
            later(600, called("A1")),
        ),
        # One that was promoted has no time to wait for.
        (
            took("B1", 650, "loans"),
            took("A2", 900, slot=900, not_before=600),
            ("ticket_promoted", {"ticket": "A2", "class": "vip", "seniority": 0}),
            called("B1", heads=[{"ticket": "B1", "key": 1850}]),
        ),
    ],
    7: [(took("A1", 0, klass="vip"), took("A2", 0), called("A2"))],
    8: [
        (took("A1", 0), called("A1"), did("finished", "A1"), did("finished", "A1")),
        (took("A1", 0), ("ticket_cancelled", {"ticket": "A1"}), called("A1")),
        (took("A1", 0), took("A1", 0)),
        (took("A1", 0), called("A1"), ("day_closed", {"day": ""})),
    ],
    9: [
        (took("A1", 50), called("A1"), did("transferred", "A1", service="cash", from_counter="1", seniority=51)),
        (
            took("A1", 50),
            ("ticket_reassigned", {"ticket": "A1", "any": True}),
            called("A1", heads=[{"ticket": "A1", "key": 60}]),
        ),
        (took("A1", 50), ("ticket_reassigned", {"ticket": "A1", "any": True, "seniority": 49})),
    ],
    10: [
        (took("B1", 0, "loans"), called("B1", "1"), called("B1", "2", forced=True)),
        (took("A1", 0), took("A2", 5), called("A1"), called("A2")),
        (took("A1", 0), called("A1"), did("finished", "A1", counter="2")),
        (took("A1", 0), called("A1"), did("missed", "A1"), called("A1")),
        (took("A1", 0), called("A1"), ("ticket_cancelled", {"ticket": "A1"})),
        (took("A1", 0), ("service_started", {"ticket": "A1", "counter": "1"})),
    ],
    0: [
        (took("B1", 0, "loans"), ("ticket_finished", {"ticket": "A9", "counter": "1"})),
        (took("A1", 0), called("A1", "2")),
        (took("A1", 10), took("A2", 9)),
        (took("A1", 10), took("A2", 9, slot=8)),
        (took("A1", 10), took("A2", 10, slot=9, not_before=9)),
        (took("A1", 10), took("A2", 9, slot=9, not_before=10)),
        # Work given to others though two counters are open for it, or though its last one stays.
        (
            took("A1", 0),
            *(("counter_opened", {"counter": counter}) for counter in ("2", "3")),
            took("B1", 0, "loans"),
            ("ticket_reassigned", {"ticket": "B1", "any": True, "by": "overflow"}),
        ),
        (
            ("counter_opened", {"counter": "1"}),
            took("A1", 0),
            ("ticket_reassigned", {"ticket": "A1", "any": True, "by": "overflow"}),
            called("A1"),
        ),
        (took("A1", 10), ("ticket_returned", {"ticket": "A1", "seniority": 10})),
        (took("A1", 9), called("A1"), did("missed", "A1"), ("ticket_returned", {"ticket": "A1", "seniority": 8})),
        # Tickets of the day before are nobody's.
        (took("A1", 0), ("day_closed", {"day": ""}), ("day_opened", {"day": ""}), called("A1", forced=True)),
    ],
}


@pytest.mark.parametrize(
    ("invariant", "told"), [(invariant, told) for invariant, each in VIOLATIONS.items() for told in each]
)
def test_the_checker_finds_what_violates(invariant: int, told: tuple[Any, ...]) -> None:
    journal = rows(*told)
    found = list(check(journal, TWO))
    assert invariant in {v.invariant for v in found}, found
    assert all(v.row == len(journal) for v in found), "found before it happened"
    assert not list(check(journal[:-1], TWO))


def test_the_checker_finds_a_service_that_nobody_serves_as_own_work() -> None:
    starving = replace(TWO, class_handicaps={"2": {"normal": 1}, "3": {"normal": 1}})
    assert [v.invariant for v in check([], starving)] == [3]
    assert not list(check([], TWO))


def test_the_checker_has_nothing_against_appointments_and_overflow() -> None:
    told = (
        took("A1", 650),
        took("A2", 500, klass="vip", slot=500, not_before=400),
        took("A3", 900, klass="vip", slot=900, not_before=600),
        later(399, called("A1")),
        later(400, did("finished", "A1")),
        later(400, called("A2", seniority=400)),
        later(500, did("finished", "A2")),
        took("A4", 650),
        later(599, called("A4")),
        later(599, did("finished", "A4")),
        later(599, called("A3", seniority=599)),
        ("counter_opened", {"counter": "1"}),
        later(599, did("finished", "A3")),
        took("A5", 660),
        ("ticket_reassigned", {"ticket": "A5", "any": True, "by": "overflow"}),
        ("counter_closed", {"counter": "1"}),
        took("A6", 700),
        ("ticket_reassigned", {"ticket": "A6", "any": True, "by": "overflow"}),
    )
    assert not list(check(rows(*told), TWO))


def test_calls_by_hand_are_exempt_and_listed() -> None:
    checker = Checker(TWO)
    for row in rows(took("A1", 0), took("A2", 5), took("A3", 6), called("A3", forced=True)):
        checker.row(row)
    assert not checker.violations
    assert checker.forced == [4]
    assert checker.passed("A1") == 0


def test_every_invariant_has_a_violation_that_is_found() -> None:
    assert VIOLATIONS.keys() | {3} == set(range(11))
