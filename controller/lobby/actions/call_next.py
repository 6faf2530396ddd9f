"""Call the customer who is next by the rule. Also what the other calls share with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.lobby import rule
from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.finish import TicketFinished, finish_in_hand
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.model.knowledge import WaitError
from controller.lobby.model.lines import add_to_board, count_wait, leave, own_counter
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import Call, CounterStage, Effect, LastCall, Stage, State, Ticket
from controller.lobby.model.units import UNSET, Ms, Seconds, between, in_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNext(CounterCommand):
    """Finish the ticket in hand, if any, and call the next."""


@dataclass(frozen=True, slots=True)
class TicketCalled(Event):
    """A counter called a ticket. `why`: {text, guard, heads: [{ticket, key}]}, keys in seconds since 1970, UTC.

    `passed`: the tickets whose `passed` count this call increases by one. `effect`: what the ticket's class changed:
    [customers who would have been called before it without privilege, total seconds, most seconds]. `seniority`: the
    new seniority of an appointment that is called before its slot, in seconds since 1970. `by` and `reason`: set when
    the lobby manager called it by hand.
    """

    ticket: str
    counter: str
    forced: bool
    why: Mapping[str, Any]
    passed: tuple[str, ...] | list[str] = ()
    by: str | None = None
    reason: str | None = None
    effect: tuple[int, int, int] | list[int] | None = None
    seniority: Seconds | None = None


def ready(state: State, rules: Rules, command: CounterCommand) -> Events:
    """What happens before any call: the ticket in hand is finished, the counter opens or ends its pause."""
    opening = [] if state.counter(command.counter).stage is CounterStage.OPEN else [CounterOpened(command.counter)]
    return [*finish_in_hand(state, rules, command), *opening]


@decides(CallNext)
def _call_next(state: State, rules: Rules, command: CallNext) -> Decision:
    counter = counter_of(rules, command)
    pick = rule.pick(state, rules, counter, command.at)
    if pick:
        call = TicketCalled(
            pick.ticket.id,
            counter.id,
            False,
            rule.why(rules, pick),
            pick.passed,
            effect=rule.effect(state, rules, counter, pick, command.at),
            seniority=_from_now_on(pick.ticket, command.at),
        )
        return [*ready(state, rules, command), call]
    if not finish_in_hand(state, rules, command):
        raise Refused("none_waiting")
    return [TicketFinished(state.counter(counter.id).ticket, counter.id, none_waiting=True)]


def _from_now_on(ticket: Ticket, at: Ms) -> Seconds | None:
    """The new seniority of an appointment that is called before its slot, if it waits again: its customer has come."""
    return in_seconds(at) if ticket.not_before and in_seconds(at) < ticket.seniority else None


def called_by_hand(
    state: State, rules: Rules, counter: Counter, ticket: Ticket, at: Ms, by: str | None = None, reason: str = ""
) -> TicketCalled:
    why = rule.forced(state, rules, ticket, counter, at)
    seniority = _from_now_on(ticket, at)
    return TicketCalled(ticket.id, counter.id, True, why, by=by, reason=reason or None, seniority=seniority)


@evolves(TicketCalled)
def _called(state: State, at: Ms, event: TicketCalled) -> None:
    ticket = state.tickets[event.ticket]
    call = LastCall(replace(ticket), tuple(event.passed))
    leave(state, at, ticket)
    ticket.stage, ticket.counter, ticket.recalls, ticket.before = Stage.CALLED, event.counter, 0, None
    ticket.since, ticket.why, ticket.given = at, str(event.why.get("text", "")), None
    if not ticket.called_at:
        ticket.called_at = at
        call.waited = count_wait(state, ticket, at)
        call.error = _learn_wait(state, ticket, event.forced)
    counter = own_counter(state, event.counter)
    counter.ticket, counter.call = ticket.id, call
    for passed in event.passed:
        state.tickets[passed].passed += 1
    if event.effect:
        customers, seconds, most = event.effect
        effect = state.effects.setdefault(ticket.klass, Effect())
        call.effect, call.most_before = Effect(customers, seconds, most), effect.most
        effect.passed += customers
        effect.seconds += seconds
        effect.most = max(effect.most, most)
    if event.seniority is not None:
        ticket.seniority = event.seniority
    elif ticket.not_before:  # rows that do not say so mean the same
        ticket.seniority = min(ticket.seniority, in_seconds(at))
    ticket.not_before = UNSET
    add_to_board(state, Call(ticket.id, event.counter, at))


def _learn_wait(state: State, ticket: Ticket, forced: bool) -> WaitError | None:
    """Learn from the wait until a ticket's first call, unless people have interfered (None)."""
    if not ticket.expected or ticket.moved or forced:
        return None
    into_day = between(state.first_issued, ticket.issued_at)
    since_told = max(0, ticket.called_at - ticket.issued_at) // 1000
    error = WaitError(ticket.service, ticket.klass, ticket.rolled, ticket.expected, into_day, since_told)
    state.knowledge.waited(*error)
    return error
