"""Which counter and which ticket a command means; refused if there is none, or more than one."""

from __future__ import annotations

from collections.abc import Sequence

from controller.lobby.actions.command import CounterCommand
from controller.lobby.model.outcome import Choice, Refused
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import ENDED, IN_HAND, Stage, State, Ticket


def counter_of(rules: Rules, command: CounterCommand) -> Counter:
    counter = rules.counters.get(command.counter)
    if counter is None:
        raise Refused("unknown_counter", counter=command.counter)
    return counter


def in_hand(state: State, counter: Counter) -> Ticket:
    ticket = state.counter(counter.id).ticket
    if not ticket:
        raise Refused("nothing_in_hand", counter=counter.id)
    return state.tickets[ticket]


OFFERED = 6
"""Most tickets that are offered where digits fit several."""


def fitting(rules: Rules, tickets: Sequence[Ticket], digits: str) -> list[Ticket]:
    """The tickets that the digits may mean: one or two digits are the last two of the number, more are all of it; if
    nobody has it, after the key of the service, since keypads have no letters."""
    number = int(digits)
    if len(digits) <= 2:
        return [t for t in tickets if t.number % 100 == number]
    return [t for t in tickets if t.number == number] or [t for t in tickets if _with_key(rules, t) == digits]


def _with_key(rules: Rules, ticket: Ticket) -> str:
    """The digits that mean this ticket alone: the key of its service, or of its roll, and its number; empty: there is
    no such key."""
    if ticket.roll:
        roll = rules.roll_of(ticket.id, ticket.number)
        return f"{roll.key}{ticket.number:0{roll.digits}}" if roll and roll.key is not None else ""
    service = rules.services.get(ticket.service)
    if service is None or service.key is None:
        return ""
    return f"{service.key}{ticket.number:0{service.digits}}"


def one(rules: Rules, tickets: Sequence[Ticket], text: str) -> Ticket:
    """The only one of the tickets that a person may mean with a text. Refused: none fits; several fit, which are
    offered."""
    if not tickets:
        raise Refused("unknown_ticket", ticket=text)
    if len(tickets) > 1:
        choices = tuple(Choice(t.id, _with_key(rules, t)) for t in tickets[:OFFERED])
        told = " ".join(f"{id} ({digits})" if digits else id for id, digits in choices)
        raise Refused("several_fit", choices, tickets=told)
    return tickets[0]


def named(state: State, rules: Rules, text: str) -> Ticket:
    """The ticket a manager means: its full number in upper or lower case (A018), or its digits if they are unique."""
    ticket = state.tickets.get(text) or state.tickets.get(text.upper())
    if ticket is None and text.isdecimal():
        return one(rules, fitting(rules, [t for t in state.tickets.values() if t.stage not in ENDED], text), text)
    if ticket is None:
        raise Refused("unknown_ticket", ticket=text)
    return ticket


def must_wait(ticket: Ticket, *also: Stage) -> None:
    """Refuse unless the ticket waits (or is in one of the stages in `also`); the refusal says where the ticket is."""
    if ticket.stage is Stage.WAITING or ticket.stage in also:
        return
    if ticket.stage in IN_HAND:
        raise Refused("at_counter", ticket=ticket.id, counter=ticket.counter)
    raise Refused(f"ticket_{ticket.stage}", ticket=ticket.id, counter=ticket.counter)


def where(rules: Rules, ticket: Ticket) -> str:
    """Where a ticket is, in a few words."""
    return rules.wording.say(f"where.{ticket.stage}", counter=ticket.counter)
