"""The lobby manager gives a waiting ticket another class."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import must_wait, named
from controller.lobby.actions.press import REASON, SERVICE, TICKET, Press, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.model.lines import enter_line, leave_line, snapshot
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Stage, State
from controller.lobby.model.units import UNSET, Ms, Seconds, in_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote(ManagerCommand):
    """Give a waiting ticket another class."""

    klass: str


@key("GREEN", Where.PANEL, TICKET, SERVICE, REASON)
def _green(press: Press) -> Promote | TakeTicket:
    """Green channel: print a new ticket of this class, whatever hours and quota say; with a ticket, give it the
    class."""
    if ticket := press[TICKET]:
        return Promote(**press.by_hand, ticket=ticket, klass="green", reason=press[REASON])
    return TakeTicket(
        **press.by_hand,
        service=press[SERVICE],
        klass="green",
        paper=press.paper,
        printer=press.printer,
        late=press.late,
        screen=press.screen,
        reason=press[REASON] or None,
        granted=True,
    )


@key("URGENT", Where.PANEL, TICKET, REASON)
def _urgent(press: Press) -> Promote:
    """Give a waiting ticket the class of urgent ones."""
    return Promote(**press.by_hand, ticket=press[TICKET], klass="urgent", reason=press[REASON])


@dataclass(frozen=True, slots=True)
class TicketPromoted(Event):
    """A waiting ticket was given another class. `seniority`, in seconds since 1970, is set if it changes: an
    appointment that is promoted counts from when its ticket was taken, if that is earlier."""

    ticket: str
    klass: str
    reason: str
    by: str
    seniority: Seconds | None = None


@decides(Promote)
def _promote(state: State, rules: Rules, command: Promote) -> Decision:
    klass = rules.classes.get(command.klass)
    if klass is None:
        raise Refused("unknown_class", klass=command.klass)
    if not command.ticket:
        raise Refused("which_ticket")
    ticket = named(state, rules, command.ticket)
    must_wait(ticket, Stage.HELD)
    if ticket.klass == klass.id:
        raise Refused("already_class", ticket=ticket.id, klass=klass.name)
    # An appointment with a later slot now counts from when its customer came: promotion must not make anything worse.
    came = in_seconds(ticket.issued_at)
    seniority = came if ticket.slot and not ticket.called_at and came < ticket.seniority else None
    return [TicketPromoted(ticket.id, klass.id, command.reason, command.by, seniority)]


@evolves(TicketPromoted)
def _promoted(state: State, at: Ms, event: TicketPromoted) -> None:
    ticket = state.tickets[event.ticket]
    waits = ticket.stage is Stage.WAITING
    if waits:
        leave_line(state, ticket)
    ticket.before = snapshot(ticket)
    ticket.klass, ticket.moved, ticket.not_before, ticket.slot = event.klass, True, UNSET, UNSET
    if event.seniority is not None:
        ticket.seniority = event.seniority
    if waits:
        enter_line(state, ticket)
