"""The people who come: the same for one seed whatever the branch is like, and like people on the whole."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from statistics import fmean, stdev

import pytest

from controller.config import read
from controller.lobby.model.rules import Rules
from simulators.customers import COMES_BACK, ELDERLY, NO_SHOW, SPREAD, Customer, draw, stream

SEED = 20261121
PEOPLE = 6000
SIGMAS = 4.5
"""How far from what is expected a figure of the fixed seed may lie."""

DEMO = Path(__file__).parents[1] / "config" / "demo.toml"


@pytest.fixture(scope="module")
def rules() -> Rules:
    return read(DEMO).rules


def people(rules: Rules, profile: str = "normal", seed: int = SEED, n: int = PEOPLE) -> list[Customer]:
    print(f"seed {seed}")
    return list(islice(stream(rules, profile, seed, 120.0, 5), n))


def near(found: float, expected: float, deviation: float) -> bool:
    return abs(found - expected) <= SIGMAS * deviation


# -- one seed, the same people -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("serves = { cash = 0, personal = 10 }", "serves = { cash = 0, personal = 1, corporate = 30 }"),
        ("credit = 60", "credit = 5"),
        ('[[counter]]\nid = "1"', '[calling]\npass_limit = 2\nrecalls = 1\n\n[[counter]]\nid = "1"'),
        ('id = "demo"', 'id = "another"'),
        ('language = "zh"', 'language = "en"'),
        ('prefix = "A"', 'prefix = "Y"'),
        ('[mqtt]\nbroker = "embedded"', '[mqtt]\nbroker = "mqtt://10.0.0.1:1883"'),
        ("share = { normal = 60, pension = 75 }", "share = { normal = 60, pension = 10 }"),  # of another profile
    ],
)
def test_one_seed_gives_the_same_customers_in_any_branch(tmp_path: Path, rules: Rules, old: str, new: str) -> None:
    text = DEMO.read_text("utf-8")
    assert text.count(old) >= 1
    other = tmp_path / "other.toml"
    other.write_text(text.replace(old, new, 1), "utf-8")
    assert people(read(other).rules, n=300) == people(rules, n=300)


def test_a_longer_service_takes_the_same_customers_longer(rules: Rules) -> None:
    slow = replace(rules, services={id: replace(s, minutes=3 * s.minutes) for id, s in rules.services.items()})
    for usual, slower in zip(people(rules, n=300), people(slow, n=300), strict=True):
        assert slower == replace(usual, service_time=slower.service_time)
        assert slower.service_time == pytest.approx(3 * usual.service_time)


def test_another_mix_changes_what_people_want_and_nothing_else_of_theirs(rules: Rules) -> None:
    mix = replace(rules, shares={"normal": {"cash": 1, "personal": 0, "corporate": 0}})
    for usual, changed in zip(people(rules, n=300), people(mix, n=300), strict=True):
        assert changed.service == "cash"
        scale = rules.services["cash"].minutes / rules.services[usual.service].minutes
        assert changed.service_time == pytest.approx(usual.service_time * scale)
        assert (changed.klass, changed.misses, changed.returns, changed.arrives) == (
            usual.klass,
            usual.misses,
            usual.returns,
            usual.arrives,
        )


def test_a_customer_is_the_same_alone_or_in_the_stream(rules: Rules) -> None:
    for customer in people(rules, n=50):
        assert draw(rules, "normal", SEED, customer.number, customer.arrives) == customer


def test_how_many_come_and_how_soon_changes_only_when(rules: Rules) -> None:
    hasty = list(islice(stream(rules, "normal", SEED, 1.0, 40), 300))
    assert [replace(c, arrives=0) for c in hasty] == [replace(c, arrives=0) for c in people(rules, n=300)]


def test_another_seed_gives_other_people(rules: Rules) -> None:
    mine, yours = people(rules, n=300), people(rules, seed=SEED + 1, n=300)
    assert sum(a.service_time == b.service_time for a, b in zip(mine, yours, strict=True)) == 0
    assert [c.arrives for c in mine[5:]] != [c.arrives for c in yours[5:]]


# -- like people on the whole ------------------------------------------------------------------------------------


def test_arrivals(rules: Rules) -> None:
    customers = people(rules)
    assert [customer.number for customer in customers] == list(range(1, PEOPLE + 1))
    assert [customer.arrives for customer in customers[:5]] == [0.0] * 5
    gaps = [later.arrives - earlier.arrives for earlier, later in pairwise(customers[4:])]
    assert min(gaps) > 0
    assert near(fmean(gaps), 120.0, 120.0 / math.sqrt(len(gaps)))
    assert near(stdev(gaps), 120.0, 120.0 * math.sqrt(2 / len(gaps)))


@pytest.mark.parametrize("service", ["cash", "personal", "corporate"])
def test_service_times(rules: Rules, service: str) -> None:
    customers = [customer for customer in people(rules) if customer.service == service]
    times = [c.service_time / (ELDERLY if c.klass == "green" else 1) for c in customers]
    mean = rules.services[service].minutes * 60
    assert min(times) > 0
    assert near(fmean(times), mean, SPREAD * mean / math.sqrt(len(times)))
    logs = [math.log(time) for time in times]
    sigma = math.sqrt(math.log(1 + SPREAD**2))
    assert near(stdev(logs), sigma, sigma / math.sqrt(2 * len(logs))), "lognormal, with its coefficient of variation"
    assert near(fmean(logs), math.log(mean) - sigma**2 / 2, sigma / math.sqrt(len(logs)))


@pytest.mark.parametrize(
    ("profile", "services", "classes"),
    [
        ("normal", {"cash": 60, "personal": 28, "corporate": 12}, {"normal": 89, "vip": 7, "green": 4}),
        ("pension", {"cash": 75, "personal": 17, "corporate": 8}, {"normal": 83, "vip": 7, "green": 10}),
    ],
)
def test_what_people_want_and_who_they_are(
    rules: Rules, profile: str, services: dict[str, float], classes: dict[str, float]
) -> None:
    customers = people(rules, profile)
    for expected, found in (
        (services, Counter(customer.service for customer in customers)),
        (classes, Counter(customer.klass for customer in customers)),
    ):
        assert expected.keys() == found.keys()
        for name, percent in expected.items():
            share = percent / 100
            assert near(found[name] / PEOPLE, share, math.sqrt(share * (1 - share) / PEOPLE)), name


def test_no_shows_and_who_comes_back(rules: Rules) -> None:
    customers = people(rules)
    missing = sum(customer.misses for customer in customers)
    back = sum(customer.returns for customer in customers)
    assert near(missing / PEOPLE, NO_SHOW, math.sqrt(NO_SHOW * (1 - NO_SHOW) / PEOPLE))
    assert near(back / PEOPLE, COMES_BACK, math.sqrt(COMES_BACK * (1 - COMES_BACK) / PEOPLE))


def test_classes_that_claim_more_than_everybody_leave_nobody_normal(rules: Rules) -> None:
    greedy = replace(rules, class_shares={"normal": {"normal": -20.0, "vip": 30.0, "green": 90.0}})
    customers = people(greedy)
    vips = sum(customer.klass == "vip" for customer in customers)
    assert {customer.klass for customer in customers} == {"vip", "green"}
    assert near(vips / PEOPLE, 0.25, math.sqrt(0.25 * 0.75 / PEOPLE)), "the others keep their proportion"
