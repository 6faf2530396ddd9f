"""Overflow: whether all counters that know a service take it over, since none of its own is there."""

from __future__ import annotations

from controller.lobby.model.rules import Rules, Service
from controller.lobby.model.state import CounterStage, State
from controller.lobby.model.units import Ms

LATE = 10 * 60
"""Seconds since the first counter opened after which the branch no longer waits for a service's own counters."""


def taken_over(state: State, rules: Rules, service: Service, at: Ms, without: str = "") -> bool:
    """Whether others may call a ticket that begins to wait at `at` (ms since 1970, UTC): the service's own counters
    have all gone (`without`: one that is about to go), or have not opened although others have."""
    have_opened = any(state.counter(own.id).since for own in rules.owners(service.id))
    return (have_opened or all_should_be_open(state, at)) and overflows(state, rules, service, without)


def all_should_be_open(state: State, at: Ms) -> bool:
    """Whether some counter has been open for so long that every counter of today should be open by now."""
    return any(
        counter.stage is CounterStage.OPEN and at - counter.since >= LATE * 1000 for counter in state.counters.values()
    )


def overflows(state: State, rules: Rules, service: Service, without: str = "") -> bool:
    """Whether other counters take over a service: none of its own is open (`without` one that is about to go)."""
    return service.overflow and not any(
        state.counter(own.id).stage is CounterStage.OPEN for own in rules.owners(service.id) if own.id != without
    )
