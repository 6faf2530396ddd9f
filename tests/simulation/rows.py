"""What tests of simulated days share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.day import DayOpened
from controller.lobby.actions.promote import TicketPromoted
from controller.lobby.actions.reassign import TicketReassigned
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.aggregate import Row
from controller.lobby.model.rules import Rules
from simulators.days.simulation import simulate

# -- one seed, one day -----------------------------------------------------------------------------------------------


def rows_of(rules: Rules, profile: str | None, days: int, seed: int) -> list[Row]:
    rows: list[Row] = []
    simulate(rules, profile, days, seed, keep=rows.extend)
    return rows


# -- how good the estimates are --------------------------------------------------------------------------------------


class Called(NamedTuple):
    """A ticket that was called, from the rows: seconds; `expected` is what was told."""

    klass: str
    service: str
    day: str
    into_day: float
    order: int
    issued: float
    seconds: float
    expected: Sequence[int] | None
    scored: bool
    """Nobody interfered between issue and call."""


def first_calls(rows: Iterable[Row]) -> list[Called]:
    """Every ticket's first call."""
    found: list[Called] = []
    issued: dict[str, tuple[int, int, TicketIssued]] = {}
    moved: set[str] = set()
    for row in rows:
        match row.event:
            case DayOpened():
                issued.clear()
                moved.clear()
                first = 0
            case TicketIssued():
                first = first or row.at
                issued[row.event.ticket] = row.at, first, row.event
            case TicketPromoted() | TicketReassigned() | TicketTransferred():
                moved.add(row.event.ticket)
            case TicketCalled(ticket=id, forced=forced) if id in issued:
                at, first, ticket = issued.pop(id)
                scored = ticket.expected is not None and not forced and id not in moved
                waited = (row.at - at) / 1000
                place = ticket.seniority * 10**6 + len(found)
                into = (at - first) / 1000
                found.append(
                    Called(
                        ticket.klass, ticket.service, row.day, into, place, at / 1000, waited, ticket.expected, scored
                    )
                )
    return found
