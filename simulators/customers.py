"""Simulated customers: each is drawn from a seeded random stream, so one seed gives the same customers anywhere.

Service times are lognormal around each service's mean; sources for the figures are a few published studies of bank
branches, except no-shows, for which there is none worth trusting.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count
from random import Random

from controller.lobby.model.rules import Rules

SPREAD = 0.75
"""Coefficient of variation of service times."""
ELDERLY = 1.5
"""How much longer the customers of the green channel take."""
NO_SHOW = 0.04
COMES_BACK = 0.5
"""Of those who miss their call, the share that comes back."""
PATIENCE = 75 * 60
PATIENCE_SPREAD = 0.6
"""Mean (seconds) and coefficient of variation of the time that people wait before they give up and leave."""
DAY_SPREAD = 0.12
"""Coefficient of variation of the number of customers from day to day."""
AT_THE_BUTTON = 4.0
"""Seconds between two customers who take their tickets one after the other when the door opens."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. Times in seconds of the customer's own time."""

    number: int
    arrives: float
    service: str
    klass: str
    service_time: float
    misses: int
    """Calls that they do not answer."""
    returns: int
    """How often they come back afterwards."""
    patience: float


def draw(rules: Rules, profile: str, seed: int | str, number: int, arrives: float) -> Customer:
    """The `number`-th customer of a seed, arriving at `arrives`."""
    random = Random(f"{seed}:{number}")
    service = _choose(random, rules.shares[profile])
    classes = dict(rules.class_shares[profile])
    classes["normal"] = max(0.0, 100 - sum(share for klass, share in classes.items() if klass != "normal"))
    klass = _choose(random, classes)
    longer = ELDERLY if klass == "green" else 1.0
    return Customer(
        number=number,
        arrives=arrives,
        service=service,
        klass=klass,
        service_time=longer * _lognormal(random, rules.services[service].minutes * 60, SPREAD),
        misses=int(random.random() < NO_SHOW),
        returns=int(random.random() < COMES_BACK),
        patience=_lognormal(random, PATIENCE, PATIENCE_SPREAD),
    )


def mean_service(rules: Rules, profile: str) -> float:
    """The mean time at the counter, in seconds."""
    shares, classes = rules.shares[profile], rules.class_shares[profile]
    mean = sum(share * rules.services[service].minutes * 60 for service, share in shares.items()) / sum(shares.values())
    return mean * (1 + (ELDERLY - 1) * classes.get("green", 0) / 100)


def stream(rules: Rules, profile: str, seed: int, mean_gap: float, at_the_door: int) -> Iterator[Customer]:
    """Customers without end: `at_the_door` when it opens, then one every `mean_gap` seconds on average."""
    gaps = Random(f"{seed}:arrivals")
    time = 0.0
    for number in count(1):
        if number > at_the_door:
            time += gaps.expovariate(1 / mean_gap)
        yield draw(rules, profile, seed, number, time)


def day(rules: Rules, profile: str, seed: str, on: date | None = None) -> Iterator[Customer]:
    """The customers of one day of a profile, `arrives` in seconds since local midnight, first come first.

    `on`: the day whose doors they come to; None: those of the week's first.
    """
    kind = rules.calendar.profiles[profile]
    if on:
        kind = kind.on(rules.calendar.weekday(on))
    arrivals = Random(f"{seed}:arrivals")
    factor = _lognormal(arrivals, 1.0, DAY_SPREAD)
    number = 0
    for number in range(1, round(factor * arrivals.randint(*kind.burst)) + 1):
        yield draw(rules, profile, seed, number, kind.open[0].start + number * AT_THE_BUTTON)
    time = float(kind.hours.start)
    most = max(kind.arrivals) / 3600 * factor
    while most > 0:
        # Thinning: candidates at the rate of the busiest hour, accepted by the hour's rate (Lewis and Shedler 1979).
        time += arrivals.expovariate(most)
        if time >= kind.hours.end:
            return
        if arrivals.random() * most < kind.arrivals_at(time) / 3600 * factor:
            number += 1
            yield draw(rules, profile, seed, number, time)


def _choose(random: Random, weights: Mapping[str, float]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


def _lognormal(random: Random, mean: float, spread: float) -> float:
    """`spread` is the coefficient of variation."""
    sigma = math.sqrt(math.log(1 + spread**2))
    return random.lognormvariate(math.log(mean) - sigma**2 / 2, sigma)
