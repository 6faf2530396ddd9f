"""The lobby manager gives a ticket to a counter or a service, and overflow does it by itself.

Overflow: tickets of a service whose own counters have all closed or paused, or have not opened although others have,
may be called by any counter that knows the service."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import must_wait, named
from controller.lobby.actions.press import COUNTER, REASON, SERVICE, TICKET, Where, key
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.model.lines import enter_line, leave, leave_line, remove_from_board, snapshot
from controller.lobby.model.outcome import Refused
from controller.lobby.model.overflow import all_should_be_open, overflows, taken_over
from controller.lobby.model.rules import ANY, Counter, Rules
from controller.lobby.model.state import IN_HAND, Given, Place, Stage, State, Ticket
from controller.lobby.model.units import NEVER, Ms


@key("REASSIGN", Where.PANEL, TICKET, SERVICE, COUNTER, REASON)
@dataclass(frozen=True, slots=True, kw_only=True)
class Reassign(ManagerCommand):
    """Give a ticket to a counter, to a service, or (neither given) to any counter that knows its service.

    No ticket: the waiting one with the earliest seniority that has not been reassigned yet.
    """

    service: str = ""
    counter: str = ""


OVERFLOW = "overflow"
"""`by` of a reassignment that nobody made: the service's own counters had gone, and the configuration allows it."""


@dataclass(frozen=True, slots=True)
class TicketReassigned(Event):
    """A waiting or held ticket was given to one counter, to a service, or to any counter that knows its service.

    `undone`: the counter is there again whose going had given it to others: it waits as it did before, or (`held`) is
    held there.
    """

    ticket: str
    by: str
    service: str | None = None
    counter: str | None = None
    any: bool | None = None
    reason: str | None = None
    undone: bool | None = None
    held: bool | None = None

    @property
    def by_hand(self) -> bool:
        """Whether the lobby manager did it; else it follows from counters that have gone."""
        return self.by != OVERFLOW and not self.by.startswith("counter/")


def overflow(state: State, rules: Rules, id: str, ticket: str, at: Ms, without: str = "") -> Events:
    """Events that let any counter that knows the service `id` call a ticket that begins to wait, if the service's own
    counters have all gone (`without`: one that is about to go), or have not opened although others have."""
    service = rules.services.get(id)
    if service and taken_over(state, rules, service, at, without):
        return [TicketReassigned(ticket, by=OVERFLOW, any=True)]
    return []


def overflow_late(state: State, rules: Rules, at: Ms) -> Events:
    """The same for tickets that were waiting before it was clear that no counter of their own would open."""
    if not all_should_be_open(state, at):
        return []
    theirs = [service.id for service in rules.services.values() if overflows(state, rules, service)]
    return _to_others(state, theirs, ("",))


def overflow_without(state: State, rules: Rules, counter: Counter) -> Events:
    """Events for waiting tickets when a counter closes or pauses, perhaps as the last of their own."""
    theirs = [
        service.id
        for service in rules.services.values()
        if counter in rules.owners(service.id) and overflows(state, rules, service, counter.id)
    ]
    return _to_others(state, theirs, ("", counter.id))


def overflow_of(state: State, rules: Rules, services: Collection[str]) -> Events:
    """Events for the tickets waiting for services that a counter no longer serves as its own work."""
    return _to_others(state, [id for id in services if overflows(state, rules, rules.services[id])], ("",))


def back_from_others(state: State, rules: Rules, counter: Counter, since: Ms) -> Events:
    """Events that give back what has gone to others since a time (ms since 1970, UTC), when a counter has paused or
    closed by mistake: what it held, what only it may serve, and what waits for services that are its own work.
    Whoever has been called, or moved by a person, stays where they are."""
    events: Events = []
    for ticket in state.tickets.values():
        given = ticket.given
        if given is None or ticket.stage is not Stage.WAITING or given.at < since:
            continue
        held = bool(given.held_at)
        if (
            ticket.counter == counter.id
            if held
            else given.only == counter.id or counter in rules.owners(ticket.service)
        ):
            events.append(
                TicketReassigned(
                    ticket.id,
                    by=f"counter/{counter.id}",
                    service=None if given.only else ticket.service,
                    counter=given.only if given.only in rules.counters else None,
                    any=given.only == ANY or None,
                    undone=True,
                    held=held or None,
                )
            )
    return events


def _to_others(state: State, services: Collection[str], only: Collection[str]) -> Events:
    """Events that let any counter that knows the service call the tickets waiting for these services with one of these
    restrictions (`Ticket.only`)."""
    return [
        TicketReassigned(place.ticket, by=OVERFLOW, any=True)
        for key, line in state.lines.items()
        if key.service in services and key.only in only
        for place in line
    ]


@decides(Reassign)
def _reassign(state: State, rules: Rules, command: Reassign) -> Decision:
    if command.service and command.service not in rules.services:
        raise Refused("unknown_service", service=command.service)
    if command.counter and command.counter not in rules.counters:
        raise Refused("unknown_counter", counter=command.counter)
    if command.service and command.counter:
        raise Refused("reassign_where")
    if command.ticket:
        ticket = named(state, rules, command.ticket)
        must_wait(ticket, Stage.HELD)
    else:
        first = min(_not_reassigned(state), default=None)
        if first is None:
            raise Refused("none_to_reassign")
        ticket = state.tickets[first.ticket]
    return [
        TicketReassigned(
            ticket.id,
            by=command.by,
            service=command.service or None,
            counter=command.counter or None,
            any=None if command.service or command.counter else True,
            reason=command.reason or None,
        ),
        *(overflow(state, rules, command.service, ticket.id, command.at) if command.service else ()),
    ]


def _not_reassigned(state: State) -> Iterator[Place]:
    """The first waiting ticket of each line that has not been reassigned yet."""
    for kind, line in state.lines.items():
        if kind.only != ANY:
            first = next((place for place in line if not state.tickets[place.ticket].reassigned), None)
            if first:
                yield first


@evolves(TicketReassigned)
def _reassigned(state: State, at: Ms, event: TicketReassigned) -> None:
    ticket = state.tickets[event.ticket]
    if event.undone:
        _is_back(state, ticket)
        return
    taken = Given(
        at,
        ticket.only,
        ticket.reassigned,
        ticket.moved,
        ticket.before,
        ticket.held_at if ticket.stage is Stage.HELD else NEVER,
    )
    if ticket.stage in IN_HAND:  # its counter has been dropped: that teaches nothing
        state.counters[ticket.counter].ticket = ""
        remove_from_board(state, ticket.id)
    else:
        leave(state, at, ticket)
    before = snapshot(ticket)
    ticket.reassigned = ticket.moved = True
    ticket.service = event.service or ticket.service
    ticket.only = ANY if event.any else event.counter or ""
    if event.by_hand:
        ticket.before = before
    elif ticket.before:
        # Its counters have gone. A promotion can still be undone, but not back to counters that are closed.
        if ticket.before.klass != ticket.klass:
            ticket.before = ticket.before._replace(service=ticket.service, only=ticket.only)
        if ticket.before._replace(reassigned=True) == snapshot(ticket):
            ticket.before = None
    enter_line(state, ticket)
    if not event.by_hand:
        ticket.given = taken


def _is_back(state: State, ticket: Ticket) -> None:
    """A ticket is again what it was before it was given to others."""
    given = ticket.given
    if given is None:
        return
    leave_line(state, ticket)
    ticket.only, ticket.reassigned, ticket.moved, ticket.before = (
        given.only,
        given.reassigned,
        given.moved,
        given.before,
    )
    enter_line(state, ticket)
    if given.held_at:
        leave_line(state, ticket)
        ticket.stage, ticket.held_at = Stage.HELD, given.held_at
