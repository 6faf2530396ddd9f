"""Call a ticket by its digits, at the counter."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.call_next import CallNext, called_by_hand, ready
from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.enter_roll import called_unentered
from controller.lobby.actions.finding import counter_of, fitting, must_wait, one
from controller.lobby.actions.press import DIGITS, Press, TerminalKey, Where, key
from controller.lobby.actions.registry import Decision, decides
from controller.lobby.actions.return_ticket import comes_back
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import ENDED, Stage, State, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNumber(CounterCommand):
    """Finish the ticket in hand, if any, and call the ticket with these digits (by hand)."""

    digits: str


@key("CALL", Where.COUNTER, DIGITS, terminal=TerminalKey("CALL"))
def _key(press: Press) -> CallNext | CallNumber:
    """Finish the ticket in hand, if any, and call the next; with digits, the ticket that has them, or the number of the
    paper roll, which is entered as it is called. Opens the counter, and ends a pause."""
    if digits := press[DIGITS]:
        return CallNumber(**press.at_counter, digits=digits)
    return CallNext(**press.at_counter)


@decides(CallNumber)
def _call_number(state: State, rules: Rules, command: CallNumber) -> Decision:
    counter = counter_of(rules, command)
    serves = [t for t in state.tickets.values() if counter.handicap(t.service, t.klass, t.only) is not None]
    found = fitting(rules, serves, command.digits)
    # Usually a waiting ticket is meant, or one that missed its call here; the others are searched to say why not.
    meant = [
        t
        for t in found
        if t.stage is Stage.WAITING or (t.counter == counter.id and command.at <= t.returns_until(rules))
    ]
    if all(t.stage in ENDED for t in found):
        entered = called_unentered(state, rules, counter, command.digits, command.at)
        if entered:
            made = Ticket(entered.ticket, 0, entered.service, entered.klass, entered.seniority, command.at, 0)
            return [entered, *ready(state, rules, command), called_by_hand(state, rules, counter, made, command.at)]
    ticket = one(rules, meant or [t for t in found if t.stage not in ENDED] or found, command.digits)
    if ticket.stage is Stage.MISSED:
        back = [comes_back(rules, ticket, command.at, by=counter.id)]
    else:
        must_wait(ticket)
        back = []
    return [*back, *ready(state, rules, command), called_by_hand(state, rules, counter, ticket, command.at)]
