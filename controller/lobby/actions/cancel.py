"""The lobby manager ends a ticket that is not being served."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import must_wait, named
from controller.lobby.actions.press import REASON, TICKET, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import count_wait, end, leave, remove_from_board
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Stage, State
from controller.lobby.model.units import Ms


@key("CANCEL", Where.PANEL, TICKET, REASON)
@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(ManagerCommand):
    """End a ticket that is not being served."""


@dataclass(frozen=True, slots=True)
class TicketCancelled(Event):
    """A ticket was ended before it was served; `counter` held it, if one did."""

    ticket: str
    by: str
    reason: str
    counter: str | None = None


@decides(Cancel)
def _cancel(state: State, rules: Rules, command: Cancel) -> Decision:
    if not command.ticket:
        raise Refused("which_ticket")
    ticket = named(state, rules, command.ticket)
    must_wait(ticket, Stage.HELD, Stage.MISSED)
    holder = ticket.counter if ticket.stage is Stage.HELD else None
    return [TicketCancelled(ticket.id, command.by, command.reason, holder)]


@evolves(TicketCancelled)
def _cancelled(state: State, at: Ms, event: TicketCancelled) -> None:
    ticket = state.tickets[event.ticket]
    leave(state, at, ticket)
    remove_from_board(state, ticket.id)
    end(state, ticket, Stage.CANCELLED)
    if not ticket.called_at:
        # A customer who gives up has waited as well: the day's figures must not look better for it.
        count_wait(state, ticket, at)
        if ticket.booked:
            state.slots[ticket.booked] -= 1  # somebody else may have its place
