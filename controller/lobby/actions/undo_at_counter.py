"""A counter takes back what it did to its last customer: a slip of a finger must cost nobody their place."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.call_next import called_by_hand, ready
from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.press import TerminalKey, Where, key
from controller.lobby.actions.reassign import back_from_others, overflow
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.actions.return_ticket import waits_again
from controller.lobby.model.lines import (
    enter_line,
    forget_wait,
    learn_visit,
    leave_line,
    own_counter,
    remove_from_board,
    show_on_board,
)
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import (
    ENDED,
    IN_HAND,
    Call,
    CounterStage,
    Left,
    Print,
    Stage,
    State,
    last_unstarted,
    undoes,
    undoes_going,
)
from controller.lobby.model.units import NEVER, Ms, Seconds


@key("UNDO", Where.COUNTER, terminal=TerminalKey("CANCEL", ""))
@dataclass(frozen=True, slots=True, kw_only=True)
class UndoAtCounter(CounterCommand):
    """Take back the end of the last customer's visit to this counter, seconds after it: they are at the counter again,
    whom it has called since waits again, and who has gone to other counters since, as it paused or closed, waits here
    again unless they were called. If nobody was there when it paused or closed, it is open again. Later: a customer who
    was finished without having started is back."""


@dataclass(frozen=True, slots=True)
class CallUndone(Event):
    """A call was taken back with what led to it: the ticket waits again at its place, or is held again, as if it had
    not been called."""

    ticket: str
    counter: str


@dataclass(frozen=True, slots=True)
class ServiceResumed(Event):
    """The end of a visit was taken back: the ticket is in hand again since `since` (ms since 1970, UTC), as if the
    finish, no-show, hold or transfer had not been. `service`, `only` and `seniority` (seconds since 1970): as before
    it, if that or what the lobby manager did since has changed them."""

    ticket: str
    counter: str
    since: Ms
    started: bool
    service: str | None = None
    only: str | None = None
    seniority: Seconds | None = None


@decides(UndoAtCounter)
def _undo_at_counter(state: State, rules: Rules, command: UndoAtCounter) -> Decision:
    counter = counter_of(rules, command)
    left = undoes(state, rules, counter, command.at)
    if left is not None:
        return _resumed(state, rules, command, left)
    if undoes_going(state, rules, counter, command.at):
        since = state.counter(counter.id).since
        return [CounterOpened(counter.id, undone=True), *back_from_others(state, rules, counter, since)]
    last = last_unstarted(state, counter)
    if last is None:
        raise Refused("nothing_finished", counter=counter.id)
    back = waits_again(state, rules, last, command.at, f"counter/{counter.id}")
    if state.counter(counter.id).ticket:
        return back
    return [*back, *ready(state, rules, command), called_by_hand(state, rules, counter, last, command.at)]


def _resumed(state: State, rules: Rules, command: UndoAtCounter, left: Left) -> Events:
    """The events that bring a ticket back to the counter that it left seconds ago."""
    here, ticket = state.counter(command.counter), state.tickets[left.ticket]
    if ticket.stage in IN_HAND:
        raise Refused("at_counter", ticket=ticket.id, counter=ticket.counter)
    events: Events = []
    if here.ticket:
        called = state.tickets[here.ticket]
        if called.stage is Stage.SERVING:
            raise Refused("undo_serving", ticket=called.id)
        events.append(CallUndone(called.id, command.counter))
        if not called.only and not (here.call and here.call.was.stage is Stage.HELD):
            events += overflow(state, rules, called.service, called.id, command.at)
    if here.stage is not CounterStage.OPEN:
        events.append(CounterOpened(command.counter, undone=True))
        events += back_from_others(state, rules, rules.counters[command.counter], left.at)
    resumed = ServiceResumed(
        ticket.id,
        command.counter,
        left.since,
        left.stage is Stage.SERVING,
        service=left.service if left.service != ticket.service else None,
        only=left.only if left.only != ticket.only else None,
        seniority=left.seniority if left.seniority < ticket.seniority else None,
    )
    return [*events, resumed]


@evolves(CallUndone)
def _call_undone(state: State, at: Ms, event: CallUndone) -> None:
    ticket, counter = state.tickets[event.ticket], own_counter(state, event.counter)
    remove_from_board(state, ticket.id)
    call, counter.ticket, counter.call = counter.call, "", None
    if call is None:
        enter_line(state, ticket)
        return
    was = call.was
    ticket.counter, ticket.why, ticket.recalls, ticket.before = was.counter, was.why, was.recalls, was.before
    ticket.called_at, ticket.since, ticket.recalled_at = was.called_at, was.since, was.recalled_at
    ticket.seniority, ticket.not_before = was.seniority, was.not_before
    for passed in call.passed:
        if passed in state.tickets:
            state.tickets[passed].passed -= 1
    if call.effect:
        effect = state.effects[ticket.klass]
        effect.passed -= call.effect.passed
        effect.seconds -= call.effect.seconds
        if effect.most == call.effect.most:
            effect.most = call.most_before
    if call.waited is not None:
        forget_wait(state, ticket.klass, call.waited)
    if call.error:
        state.knowledge.waited(*call.error, times=-1)
    if was.stage is Stage.HELD:
        ticket.stage = Stage.HELD
    else:
        enter_line(state, ticket)
    ticket.given = was.given


@evolves(ServiceResumed)
def _service_resumed(state: State, at: Ms, event: ServiceResumed) -> None:
    ticket, counter = state.tickets[event.ticket], own_counter(state, event.counter)
    if ticket.stage is Stage.WAITING:
        leave_line(state, ticket)
    if ticket.stage in ENDED and ticket.print is Print.UNKNOWN:
        state.unknown_prints[ticket.id] = None
    ticket.stage = Stage.SERVING if event.started else Stage.CALLED
    ticket.finished_at = ticket.missed_at = ticket.held_at = NEVER
    ticket.unstarted, ticket.before, ticket.given = False, None, None
    ticket.counter, ticket.since = event.counter, event.since
    ticket.service = ticket.service if event.service is None else event.service
    ticket.only = ticket.only if event.only is None else event.only
    ticket.seniority = ticket.seniority if event.seniority is None else event.seniority
    if counter.left and counter.left.ticket == ticket.id:
        ticket.returns = counter.left.returns
        learn_visit(state, counter.left.visit, times=-1)
    counter.ticket, counter.left, counter.call = ticket.id, None, None
    show_on_board(state, Call(ticket.id, event.counter, ticket.recalled_at if ticket.recalls else event.since))
