"""What became of a print job, as the printer reports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.lobby.actions.command import Command
from controller.lobby.actions.event import Event
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import ENDED, Print, State
from controller.lobby.model.units import Ms


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPrint(Command):
    """The result of printing a ticket's copy number `copy` (1: the first print)."""

    ticket: str
    copy: int
    result: Literal["printed", "sent", "unknown", "dropped"]


@dataclass(frozen=True, slots=True)
class TicketPrinted(Event):
    """The printer confirmed that the ticket is on paper."""

    ticket: str


@dataclass(frozen=True, slots=True)
class PrintSent(Event):
    """A printer that cannot confirm has taken the whole ticket."""

    ticket: str


@dataclass(frozen=True, slots=True)
class PrintUnknown(Event):
    """It is not known whether the ticket was printed; it is offered for reprint and never reprinted automatically."""

    ticket: str


@dataclass(frozen=True, slots=True)
class PrintDropped(Event):
    """The ticket waited for the printer until nobody wanted its paper any more: nothing of that copy was printed."""

    ticket: str


@decides(ReportPrint)
def _report_print(state: State, rules: Rules, command: ReportPrint) -> Decision:
    ticket = state.tickets.get(command.ticket)
    if ticket is None or ticket.print is not Print.QUEUED or command.copy != ticket.copies:
        return []
    kinds = {"printed": TicketPrinted, "sent": PrintSent, "unknown": PrintUnknown, "dropped": PrintDropped}
    return [kinds[command.result](ticket.id)]


@evolves(TicketPrinted)
def _printed(state: State, at: Ms, event: TicketPrinted) -> None:
    state.tickets[event.ticket].print = Print.PRINTED


@evolves(PrintSent)
def _sent(state: State, at: Ms, event: PrintSent) -> None:
    state.tickets[event.ticket].print = Print.SENT


@evolves(PrintUnknown)
def _print_unknown(state: State, at: Ms, event: PrintUnknown) -> None:
    ticket = state.tickets[event.ticket]
    ticket.print = Print.UNKNOWN
    if ticket.stage not in ENDED:
        state.unknown_prints[ticket.id] = None


@evolves(PrintDropped)
def _dropped(state: State, at: Ms, event: PrintDropped) -> None:
    ticket = state.tickets[event.ticket]
    ticket.copies -= 1
    ticket.print = Print.UNKNOWN if ticket.copies else Print.NONE
    if ticket.copies and ticket.stage not in ENDED:
        state.unknown_prints[ticket.id] = None
