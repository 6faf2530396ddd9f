"""What the calendar plans for one minute is one change: whatever it plans, no service is left to nobody."""

from __future__ import annotations

from random import Random

import pytest
from branches import MINUTE_MS, SERVICES, Lobby, branch, long_steps, numbers
from checker import Checker
from sweeps import long

from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.set_profile import FollowPlan
from controller.lobby.model.rules import CounterProfile, Planned, Rules

NINE_O_CLOCK = 9 * 3600


def planning(chance: Random) -> Rules:
    """A branch each of whose services is one counter's alone, or two counters'; from time to time several swap."""
    counters = {str(n): {service: 0} for n, service in enumerate(SERVICES, 1)}
    for n, service in enumerate(SERVICES, len(SERVICES) + 1):
        if chance.random() < 0.4:
            counters[str(n)] = {service: 0}
    profiles = {service: CounterProfile(service, service, {service: 0}, n) for n, service in enumerate(SERVICES, 1)}
    plan = []
    for turn in range(6):
        start = NINE_O_CLOCK + 600 * turn + chance.choice((0, 60))
        some = chance.sample(list(counters), chance.randint(2, len(counters)))
        work = [next(iter(counters[id])) for id in some]
        if chance.random() < 0.7:
            chance.shuffle(work)
        else:
            work = [chance.choice(SERVICES) for _ in some]
        plan += [Planned(id, service, start, start + 480) for id, service in zip(some, work, strict=True)]
    overflow = {service: {"overflow": chance.random() < 0.7} for service in SERVICES}
    return branch(counters, services=overflow, counter_profiles=profiles, plan=tuple(plan))


def starved(rules: Rules) -> list[str]:
    return [service for service in rules.services if not rules.owners(service)]


@pytest.mark.parametrize("seed", [1, 2, 3, *map(long, range(4, 40))])
def test_no_plan_leaves_a_service_to_nobody(seed: int) -> None:
    print(f"seed {seed}")
    chance = Random(f"plan:{seed}")
    rules = planning(chance)
    lobby, checker = Lobby(rules), Checker(numbers(rules))
    for counter in rules.counters:
        lobby.do(Open(at=lobby.now, cause="", counter=counter))
    together = 0
    for step in long_steps(seed, 60):
        lobby.now += MINUTE_MS
        planned = rules.planned(lobby.now, lobby.state.profile)
        due = {id for id in rules.counters if planned.get(id, "") != lobby.state.planned.get(id, "")}
        follows = lobby.do(FollowPlan(at=lobby.now, cause=""))
        assert isinstance(follows, list)
        assert not starved(lobby.rules)
        whole = {id: dict(rules.counter_profiles[profile].serves) for id, profile in planned.items()}
        if not starved(rules.serving(whole)):
            assert lobby.state.planned.keys() >= planned.keys()
            assert all(lobby.state.counter(id).profile == planned.get(id, "") for id in due), "all of it is done"
            together += len(due) > 1
        if step.kind in ("take", "call", "finish", "close", "pause", "open"):
            lobby.step(step)
    for row in lobby.rows:
        checker.row(row)
    assert not checker.violations, checker.violations[:5]
    assert together > 2
    assert lobby.replayed().picture() == lobby.state.picture()
