"""Advice to change what a counter serves, instead of opening another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from windows import busy, checked, open_counters, rules

from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.windows import AnswerAdvice
from controller.lobby.aggregate import Aggregate
from controller.lobby.forecast import waiting
from controller.lobby.model.rules import CounterProfile, PauseReason, Rules
from controller.lobby.model.units import Ms
from simulators.customers import day as customers_of
from simulators.days.virtual import VirtualDay

HELPS = CounterProfile("helps", "Helps cash", {"personal": 0, "cash": 0})
COUNTERS = {"1": {"cash": 0.0}, "2": {"personal": 0.0}, "3": {"cash": 0.0, "personal": 0.0}}


def test_an_open_counter_that_could_help_is_advised_before_another_is_opened() -> None:
    lobby = busy(COUNTERS, "1", "2", tickets=5, counter_profiles={"helps": HELPS})
    assert checked(lobby) == []
    assert checked(lobby) == ["profile 2"]
    (advice,) = lobby.state.windows.advice
    assert (advice.before, advice.after, advice.profile) == (1200, 600, "helps")
    lobby.do(AnswerAdvice(at=lobby.now, cause="", by="panel/manager", accept=True))
    assert lobby.state.counter("2").profile == "helps"
    assert checked(lobby) == []


def test_what_was_declined_is_not_advised_again_and_a_counter_is_to_open() -> None:
    lobby = busy(COUNTERS, "1", "2", tickets=5, counter_profiles={"helps": HELPS})
    checked(lobby)
    checked(lobby)
    lobby.do(AnswerAdvice(at=lobby.now, cause="", by="panel/manager", accept=False))
    assert lobby.state.counter("2").profile == ""
    assert checked(lobby) == ["open 3"]


@pytest.mark.parametrize(
    ("profile", "tickets"),
    [
        (replace(HELPS, counters=("1",)), 5),  # not for that counter
        (replace(HELPS, serves={"cash": 0}), 5),  # personal would be counter 3's alone, and that is closed
        (HELPS, 20),  # not enough
    ],
)
def test_a_profile_is_advised_only_where_it_is_enough_and_costs_nobody_a_counter(
    profile: CounterProfile, tickets: int
) -> None:
    lobby = busy(COUNTERS, "1", "2", tickets=tickets, counter_profiles={"helps": profile})
    lobby.take("personal")
    checked(lobby)
    assert all(advice.startswith("open") for advice in checked(lobby))
    assert lobby.state.windows.advice


def test_whoever_chooses_the_profile_fulfils_the_advice() -> None:
    lobby = busy(COUNTERS, "1", "2", tickets=5, counter_profiles={"helps": HELPS})
    checked(lobby)
    checked(lobby)
    open_counters(lobby, "3")
    assert checked(lobby) == []


def test_a_counter_whose_pause_is_about_to_end_is_reckoned_with() -> None:
    counters = {"1": {"cash": 0.0}, "2": {"cash": 0.0}, "3": {"cash": 0.0}}
    for minutes, advised in ((12, []), (60, ["open 2"])):
        pauses = {"1": PauseReason("Lunch", minutes * 60)}
        lobby = busy(counters, "1", "2", tickets=0, pauses=pauses)
        lobby.do(Pause(at=lobby.now, cause="", counter="2", reason="1"))
        for _ in range(5):
            lobby.take("cash")
        assert checked(lobby) == []
        assert checked(lobby) == advised, minutes


class _Fork:
    """Accepts the day's first advice of a profile, and notes what was then told to the next customer of its group."""

    def __init__(self, *, accepts: bool) -> None:
        self.accepts, self.at = accepts, Ms(0)
        self.told: tuple[int, int, int] = (0, 0, 0)

    def __call__(self, virtual: VirtualDay, at: Ms) -> None:
        state = virtual.lobby.state
        advice = next((a for a in state.windows.advice if a.action == "profile"), None)
        if advice is None or self.at:
            return
        self.at = at
        then = virtual.lobby.configured.serving({**state.serving, advice.counter: HELPS.serves})
        found = waiting.expected(state, then, at, waiting.newcomer(state, then, at, "cash"))
        assert found is not None
        self.told = found[1]
        if self.accepts:
            virtual.do(AnswerAdvice(at=at, cause=virtual.cause(), by="m", accept=True, counter=advice.counter))


def _waits(rules: Rules, seed: int, fork: _Fork) -> list[float]:
    """Seconds that each customer for cash waited who came in the half hour after the advice, in the order they came."""
    lobby = Aggregate(rules)
    today = date(2026, 11, 23)
    VirtualDay(lobby, today, customers_of(rules, "normal", f"{seed}"), fork).run()
    called: dict[str, int] = {}
    issued: dict[str, tuple[int, str]] = {}
    for row in lobby.rows:
        data = row.data
        if row.event.KIND == "ticket_issued":
            issued[data["ticket"]] = row.at, data["service"]
        elif row.event.KIND == "ticket_called":
            called.setdefault(data["ticket"], row.at)
    return [
        (called[id] - at) / 1000
        for id, (at, service) in issued.items()
        if service == "cash" and fork.at <= at < fork.at + 30 * 60_000 and id in called
    ]


@pytest.mark.verify
def test_what_the_advice_says_comes_true() -> None:
    """Ten days on which a profile was advised, each lived twice: the half hour after it is shorter for the group if it
    was accepted, and who came next waited as long as would have been told, nearly always."""
    about = {
        "services": {"cash": {"minutes": 4}, "personal": {"minutes": 5}},
        "counter_profiles": {"helps": HELPS},
        "class_shares": {"normal": {}},
    }
    branch_rules = rules(
        {"1": {"cash": 0}, "2": {"personal": 0}}, 19, shares={"normal": {"cash": 4.0, "personal": 1.0}}, **about
    )
    shorter = within = days = 0
    for seed in range(60):
        accepts = _Fork(accepts=True)
        with_it = _waits(branch_rules, seed, accepts)
        if not accepts.at or not with_it:
            continue
        without = _waits(branch_rules, seed, _Fork(accepts=False))
        days += 1
        shorter += sum(with_it) / len(with_it) < sum(without) / len(without)
        least, _, most = accepts.told
        within += least - 60 <= with_it[0] <= most + 60
        if days == 10:
            break
    assert days == 10
    assert shorter >= 8, shorter
    assert within >= 8, within
