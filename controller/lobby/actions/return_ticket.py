"""A customer who missed their call, or whose ticket was finished too early, is back."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import named
from controller.lobby.actions.press import REASON, TICKET, Where, key
from controller.lobby.actions.reassign import TicketReassigned, overflow
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.model.lines import enter_line
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, Stage, State, Ticket
from controller.lobby.model.units import Ms, Seconds


@key("RETURN", Where.PANEL, TICKET, REASON)
@dataclass(frozen=True, slots=True, kw_only=True)
class Return(ManagerCommand):
    """Put a no-show back into the line, or a customer who has been finished too early."""


@dataclass(frozen=True, slots=True)
class TicketReturned(Event):
    """A no-show is back and waits again, with a later seniority; or (`finished`) one whose ticket was finished, with
    the seniority that they had."""

    ticket: str
    seniority: Seconds
    by: str
    reason: str | None = None
    finished: bool | None = None


def comes_back(rules: Rules, ticket: Ticket, at: Ms, by: str, reason: str = "") -> TicketReturned:
    """The event of a return, of a no-show or of a finished ticket, if still allowed."""
    if ticket.stage is Stage.FINISHED:
        if at > ticket.finished_at + rules.return_within * 1000:
            raise Refused("undo_late", ticket=ticket.id, minutes=rules.return_within // 60)
        return TicketReturned(ticket.id, ticket.seniority, by, reason or None, finished=True)
    if ticket.returns >= rules.returns:
        raise Refused("return_limit", ticket=ticket.id, times=ticket.returns)
    if at > ticket.returns_until(rules):
        raise Refused("return_late", ticket=ticket.id, minutes=rules.return_within // 60)
    return TicketReturned(ticket.id, Seconds(ticket.seniority + rules.return_penalty), by, reason or None)


@decides(Return)
def _return(state: State, rules: Rules, command: Return) -> Decision:
    if not command.ticket:
        raise Refused("which_ticket")
    ticket = named(state, rules, command.ticket)
    if ticket.stage not in (Stage.MISSED, Stage.FINISHED):
        raise Refused("not_missed", ticket=ticket.id)
    return waits_again(state, rules, ticket, command.at, command.by, command.reason)


def waits_again(state: State, rules: Rules, ticket: Ticket, at: Ms, by: str, reason: str = "") -> Events:
    """Events of a return; if nobody is there to serve the ticket, other counters may call it."""
    back = comes_back(rules, ticket, at, by, reason)
    if ticket.only in rules.counters and state.counter(ticket.only).stage is CounterStage.CLOSED:
        # The only counter that may serve it has closed: the counters of its service serve it again.
        return [back, TicketReassigned(ticket.id, by=by, service=ticket.service)]
    others = [] if ticket.only else overflow(state, rules, ticket.service, ticket.id, at)
    return [back, *others]


@evolves(TicketReturned)
def _returned(state: State, at: Ms, event: TicketReturned) -> None:
    ticket = state.tickets[event.ticket]
    ticket.seniority = event.seniority
    ticket.returns += not event.finished
    enter_line(state, ticket)
