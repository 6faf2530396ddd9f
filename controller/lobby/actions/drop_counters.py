"""Counters that are no longer configured release their tickets."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.close_counter import CounterClosed, stranded
from controller.lobby.actions.command import Command
from controller.lobby.actions.reassign import TicketReassigned, overflow
from controller.lobby.actions.registry import Decision, Events, decides
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, State


@dataclass(frozen=True, slots=True, kw_only=True)
class DropCounters(Command):
    """Release the tickets of counters that are no longer configured."""


@decides(DropCounters)
def _drop_counters(state: State, rules: Rules, command: DropCounters) -> Decision:
    """The customer in hand at such a counter waits again, as do those whom it held and those assigned to it."""
    events: Events = []
    for id, counter in state.counters.items():
        if id in rules.counters:
            continue
        here = [state.tickets[counter.ticket]] if counter.ticket else []
        here += stranded(state, id)
        for t in here:
            back = TicketReassigned(t.id, by=f"counter/{id}", service=t.service)
            events += overflow(state, rules, t.service, t.id, command.at) or [back]
        if here or counter.stage is not CounterStage.CLOSED:
            events.append(CounterClosed(id, dropped=[t.id for t in here]))
    return events
