"""The lobby manager takes back a promotion or a reassignment."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import must_wait, named
from controller.lobby.actions.press import REASON, TICKET, Where, key
from controller.lobby.actions.reassign import overflow
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import enter_line, leave
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, State
from controller.lobby.model.units import UNSET, Ms, Seconds


@key("UNDO", Where.PANEL, TICKET, REASON)
@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(ManagerCommand):
    """Take back the ticket's last promotion or reassignment, while it waits."""


@dataclass(frozen=True, slots=True)
class TicketRestored(Event):
    """A promotion or reassignment was undone: the ticket has the service, class and restriction (`only`, see
    `Ticket.only`) that it had before; `slot` and `not_before` as in `TicketIssued`; `seniority` if it changes."""

    ticket: str
    service: str
    klass: str
    only: str
    by: str
    slot: Seconds | None = None
    not_before: Seconds | None = None
    reason: str | None = None
    seniority: Seconds | None = None


@decides(Undo)
def _undo(state: State, rules: Rules, command: Undo) -> Decision:
    if not command.ticket:
        raise Refused("which_ticket")
    ticket = named(state, rules, command.ticket)
    must_wait(ticket)
    before = ticket.before
    if before is None:
        raise Refused("nothing_to_undo", ticket=ticket.id)
    if before.only in rules.counters and state.counter(before.only).stage is CounterStage.CLOSED:
        raise Refused("counter_closed", counter=before.only)
    return [
        TicketRestored(
            ticket.id,
            before.service,
            before.klass,
            before.only,
            command.by,
            slot=before.slot or None,
            not_before=before.not_before or None,
            reason=command.reason or None,
            seniority=before.seniority if before.seniority != ticket.seniority else None,
        ),
        *(() if before.only else overflow(state, rules, before.service, ticket.id, command.at)),
    ]


@evolves(TicketRestored)
def _restored(state: State, at: Ms, event: TicketRestored) -> None:
    ticket = state.tickets[event.ticket]
    leave(state, at, ticket)
    if ticket.before:
        ticket.reassigned = ticket.before.reassigned
    ticket.service, ticket.klass, ticket.only, ticket.before = event.service, event.klass, event.only, None
    ticket.slot, ticket.not_before = event.slot or UNSET, event.not_before or UNSET
    if event.seniority is not None:
        ticket.seniority = event.seniority
    enter_line(state, ticket)
