"""The people who come: each drawn from a seeded stream of their own, so one seed gives the same customers anywhere.

Service times are lognormal around each service's mean; sources for the figures are a few published studies of bank
branches, except no-shows, for which there is none worth trusting.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from random import Random

from controller.lobby.rules import Rules

SPREAD = 0.75
"""Coefficient of variation of service times."""
NO_SHOW = 0.04
COMES_BACK = 0.5
"""Of those who miss their call, the part that comes back."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. Times in seconds of the customer's own time."""

    number: int
    arrives: float
    service: str
    klass: str
    service_time: float
    misses_call: bool
    comes_back: bool


def draw(rules: Rules, profile: str, seed: int, number: int, arrives: float) -> Customer:
    """The `number`-th customer of a seed, arriving at `arrives`."""
    random = Random(f"{seed}:{number}")
    service = _choose(random, rules.shares[profile])
    classes = dict(rules.class_shares[profile])
    classes["normal"] = max(0.0, 100 - sum(share for klass, share in classes.items() if klass != "normal"))
    return Customer(
        number=number,
        arrives=arrives,
        service=service,
        klass=_choose(random, classes),
        service_time=_lognormal(random, rules.services[service].minutes * 60),
        misses_call=random.random() < NO_SHOW,
        comes_back=random.random() < COMES_BACK,
    )


def stream(rules: Rules, profile: str, seed: int, mean_gap: float, at_the_door: int) -> Iterator[Customer]:
    """Customers without end: `at_the_door` when it opens, then one every `mean_gap` seconds on average."""
    gaps = Random(f"{seed}:arrivals")
    time = 0.0
    for number in count(1):
        if number > at_the_door:
            time += gaps.expovariate(1 / mean_gap)
        yield draw(rules, profile, seed, number, time)


def _choose(random: Random, weights: Mapping[str, float]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


def _lognormal(random: Random, mean: float) -> float:
    sigma = math.sqrt(math.log(1 + SPREAD**2))
    return random.lognormvariate(math.log(mean) - sigma**2 / 2, sigma)
