"""The calling rule over random lobbies."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from branches import (
    ALL,
    CALM,
    MINUTE,
    NINE,
    ROLLS,
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
from checker import Checker
from hypothesis import assume, example, given
from hypothesis import strategies as st
from rules import same_as_replayed

from controller.lobby import rule
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.registry import decide, evolve
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


# -- over random lobbies -------------------------------------------------------------------------------------------


def judged(lobby: Lobby) -> Checker:
    """What an outsider says to a lobby's journal: nothing to object."""
    checker = Checker(numbers(lobby.rules.configured))
    for row in lobby.rows:
        checker.row(row)
    assert not checker.violations, "\n".join(v.text for v in checker.violations)
    forced = [row["seq"] for row in lobby.rows if row["kind"] == "ticket_called" and row["data"]["forced"]]
    assert checker.forced == forced
    return checker


@some
@given(rules=branches(), happens=LONG)
def test_the_ten_invariants_hold(rules: Rules, happens: list[Step]) -> None:
    lobby = history(rules, happens)
    checker = judged(lobby)
    for ticket in lobby.state.tickets.values():
        assert checker.passed(ticket.id) == ticket.passed <= rules.pass_limit
    same_as_replayed(lobby)


@pytest.mark.long
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
    lobby = history(rules, long_steps(21, 6000, CALM))
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
            answer = decide(lobby.state, lobby.rules, CallNext(at=lobby.now, cause="", counter=counter, sure=True))
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
            call = CallNext(at=lobby.now, cause="", counter=counter, sure=True)
            answer = decide(twin, lobby.rules, call)
            assert answer == decide(lobby.state, lobby.rules, call)
            lobby.do(call)
            if not lobby.state.counter(counter).ticket:
                break


def order_of_calls(state: State, rules: Rules, counter: str) -> list[str]:
    """The tickets in the order in which one counter alone would call them, without the guard. Uses the state up."""
    rules = replace(rules, pass_limit=10**9)
    order = []
    while found := pick(state, rules, rules.counters[counter], NINE):
        order.append(found.ticket.id)
        for event in decide(state, rules, CallNext(at=NINE, cause="", counter=counter, sure=True)):  # type: ignore[union-attr]
            evolve(state, NINE, event)
    return order


@pytest.mark.long
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


@pytest.mark.long
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
    own["given"] = after["tickets"][ticket]["given"]  # what a counter that comes back would get
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
            if ticket.id not in before and ticket.roll:
                continue  # numbers of the paper roll count from when they were taken
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


@pytest.mark.parametrize("seed", range(3))
def test_numbers_of_the_roll_keep_the_rule(seed: int) -> None:
    """Entered early and late, in any order, by the counter that calls them and by the manager: no number twice, and all
    that the checker asks of a day without a roll."""
    rules = branch({"1": {"cash": 0}, "2": {"cash": 10, "personal": 0}}, rolls=ROLLS[-1])
    of_rolls = ("roll", "roll", "roll", "call_of_roll", "emergency", "undo_at_counter")
    lobby = history(rules, long_steps(seed, 2500, (*USUAL, *of_rolls)))
    judged(lobby)
    assert lobby.replayed().picture() == lobby.state.picture()
    days: list[list[str]] = [[]]
    for row in lobby.rows:
        if row["kind"] == "day_opened" and "continues" not in row["data"]:
            days.append([])
        if row["kind"] == "ticket_issued":
            days[-1].append(row["data"]["ticket"])
    for day in days:
        assert len(day) == len(set(day))
    issued = [row["data"] for row in lobby.rows if row["kind"] == "ticket_issued"]
    of_the_roll = [data for data in issued if data.get("roll")]
    assert len(of_the_roll) > 30
    assert {str(data["by"]).partition("/")[0] for data in of_the_roll} == {"panel", "counter"}
    assert sum(row["kind"] == "ticket_served" for row in lobby.rows) > 5
