"""Print a ticket again, marked as a copy."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import named
from controller.lobby.actions.press import REASON, TICKET, Press, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.outcome import Refused
from controller.lobby.model.paper import Chosen, Paper, Printers, cannot_print, chosen_for_copy
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import ENDED, Print, State
from controller.lobby.model.units import Ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprint(ManagerCommand):
    """Print a ticket again, marked. No ticket: the earliest whose print is unknown. `printers`: the branch's, where it
    has several; else `paper` says whether the only one can print."""

    paper: Paper = "none"
    printers: Printers = ()


@key("REPRINT", Where.PANEL, TICKET, REASON)
def _key(press: Press) -> Reprint:
    """Print a ticket again, marked. No ticket: the earliest of which it is not known whether it was printed."""
    return Reprint(
        **press.by_hand, ticket=press[TICKET], reason=press[REASON], paper=press.paper, printers=press.printers
    )


@dataclass(frozen=True, slots=True)
class TicketReprinted(Event):
    """A person asked for another copy, marked as such; `copy`: its number, counted from the first print; `printer`:
    where it comes out, where the branch has several."""

    ticket: str
    copy: int
    by: str
    reason: str | None = None
    printer: str | None = None


@decides(Reprint)
def _reprint(state: State, rules: Rules, command: Reprint) -> Decision:
    if command.ticket:
        ticket = named(state, rules, command.ticket)
    else:
        lost = next(iter(state.unknown_prints), None)
        if lost is None:
            raise Refused("which_ticket")
        ticket = state.tickets[lost]
    if ticket.stage in ENDED:
        raise Refused(f"ticket_{ticket.stage}", ticket=ticket.id, counter=ticket.counter)
    printers = command.printers
    paper, printer, _ = chosen_for_copy(printers, ticket.printer) if printers else Chosen(command.paper)
    if paper != "ready":
        raise Refused("no_printer") if paper == "none" else cannot_print(rules, paper)
    return [TicketReprinted(ticket.id, ticket.copies + 1, command.by, command.reason or None, printer or None)]


@evolves(TicketReprinted)
def _reprinted(state: State, at: Ms, event: TicketReprinted) -> None:
    ticket = state.tickets[event.ticket]
    ticket.copies, ticket.print, ticket.printer = event.copy, Print.QUEUED, event.printer or ""
    state.unknown_prints.pop(ticket.id, None)
