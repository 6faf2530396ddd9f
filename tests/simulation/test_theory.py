"""Simulated days against Erlang's formula, and against Ciw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from heapq import heapreplace
from random import Random
from statistics import fmean, stdev
from typing import NamedTuple

import ciw
import pytest
from branches import branch
from sweeps import long

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Aggregate
from controller.lobby.model.calendar import Span
from simulators.customers import Customer
from simulators.days.virtual import VirtualDay

BUSY_FROM, WARM, LAST = 3 * 3600, 7 * 3600, 23 * 3600
"""Seconds of the day: arrivals begin, are counted, and end. By then the empty lobby of the morning is forgotten."""
BATCHES, CIW_BATCHES = 120, 10
Z = 3.5


class Queue(NamedTuple):
    """A queue's figures in a steady state, in seconds and customers."""

    wait: float
    waits: float
    """The part of customers who wait."""
    length: float


def erlang_c(windows: int, load: float, mean: float) -> Queue:
    """M/M/c, Erlang 1917; `load` is the windows' utilisation."""
    offered = windows * load
    tail = offered**windows / math.factorial(windows) / (1 - load)
    waits = tail / (sum(offered**n / math.factorial(n) for n in range(windows)) + tail)
    wait = waits * mean / (windows * (1 - load))
    return Queue(wait, waits, wait * offered / mean)


def of_visits(visits: Iterable[tuple[float, float]]) -> Queue:
    """From each customer's (arrival, seconds waited)."""
    visits = list(visits)
    waits = [waited for came, waited in visits if WARM <= came < LAST]
    spent = sum(max(0.0, min(LAST, came + waited) - max(WARM, came)) for came, waited in visits)
    return Queue(fmean(waits), sum(wait > 0.001 for wait in waits) / len(waits), spent / (LAST - WARM))


def customers_at_random(windows: int, load: float, mean: float, seed: str) -> list[Customer]:
    """A day of them, to the millisecond: one service and one class, nobody impatient."""
    chance = Random(seed)
    customers: list[Customer] = []
    time = float(BUSY_FROM)
    while (time := time + chance.expovariate(windows * load / mean)) < LAST:
        took = round(chance.expovariate(1 / mean), 3)
        customers.append(Customer(len(customers) + 1, round(time, 3), "cash", "normal", took, 0, 0, math.inf))
    return customers


def by_the_book(customers: Iterable[Customer], windows: int) -> list[tuple[float, float]]:
    """Each customer's (arrival, seconds waited), first come first served (Kiefer and Wolfowitz 1955)."""
    free = [0.0] * windows
    visits = []
    for customer in customers:
        begins = max(customer.arrives, free[0])
        heapreplace(free, begins + customer.service_time)
        visits.append((customer.arrives, begins - customer.arrives))
    return visits


def in_our_lobby(customers: Sequence[Customer], windows: int) -> list[tuple[float, float]]:
    """The same in our lobby, in the order of the calls, with nobody slow."""
    rules = branch({str(n): {"cash": 0} for n in range(1, windows + 1)})
    lobby = Aggregate(rules)
    virtual = VirtualDay(
        lobby, date(2026, 11, 23), customers, shifts=lambda id: [Span(BUSY_FROM, 24 * 3600 - 1)], walk=0, reacts=0
    )
    midnight = virtual.at(0)
    virtual.run()
    came, visits = {}, []
    for row in lobby.rows:
        match row.event:
            case TicketIssued(ticket=ticket):
                came[ticket] = row.at
            case TicketCalled(ticket=ticket):
                visits.append(((came[ticket] - midnight) / 1000, (row.at - came[ticket]) / 1000))
    assert len(visits) == len(customers)
    return visits


@pytest.mark.parametrize(
    ("windows", "load", "mean"), [(1, 0.6, 20.0), long(3, 0.7, 60.0), (5, 0.8, 100.0), long(12, 0.95, 240.0)]
)
def test_each_customer_of_a_plain_queue_waits_as_the_book_has_it(windows: int, load: float, mean: float) -> None:
    """To the millisecond, customer by customer: nothing is left to chance."""
    print(f"seed book:{windows}")
    customers = customers_at_random(windows, load, mean, f"book:{windows}")
    expected, found = by_the_book(customers, windows), in_our_lobby(customers, windows)
    assert len(found) > 1500
    assert max(abs(there - here) for (_, there), (_, here) in zip(expected, found, strict=True)) < 0.0015


def ciw_day(windows: int, load: float, mean: float, seed: int) -> Queue:
    """The same day in a program that others have written."""
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=windows * load / mean)],
        service_distributions=[ciw.dists.Exponential(rate=1 / mean)],
        number_of_servers=[windows],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(LAST - BUSY_FROM + 3600)
    return of_visits((BUSY_FROM + r.arrival_date, r.waiting_time) for r in simulation.get_all_records())


@pytest.mark.parametrize(("windows", "load", "mean"), [(1, 0.6, 20.0), long(3, 0.7, 60.0), long(5, 0.8, 100.0)])
def test_the_book_is_as_theory_and_another_program_have_it(windows: int, load: float, mean: float) -> None:
    """Batch means: each batch is a day of its own seed, so that they are independent."""
    print(f"M/M/{windows}, {load:.0%} busy; seeds mm:1 to mm:{BATCHES}, in Ciw 1 to {CIW_BATCHES}")
    batches = (customers_at_random(windows, load, mean, f"mm:{n}") for n in range(1, BATCHES + 1))
    ours = [of_visits(by_the_book(customers, windows)) for customers in batches]
    theirs = [ciw_day(windows, load, mean, n) for n in range(1, CIW_BATCHES + 1)]
    for name, exact in erlang_c(windows, load, mean)._asdict().items():
        (mine, error), (other, other_error) = (
            (fmean(each), stdev(each) / math.sqrt(len(each)))
            for each in ([getattr(day, name) for day in days] for days in (ours, theirs))
        )
        print(
            f"{name:>7}: {exact:7.3f} by Erlang; book {mine:.3f} +- {error:.3f}; Ciw {other:.3f} +- {other_error:.3f}"
        )
        assert Z * error < 0.1 * exact, "too few customers to tell"
        assert abs(mine - exact) < Z * error
        assert abs(mine - other) < Z * math.hypot(error, other_error)
        assert abs(other - exact) < Z * other_error, "the two yardsticks differ"
