"""The controller has started, or the wall clock was set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.lobby.actions.command import Command
from controller.lobby.actions.event import Event
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.lines import enter_line
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Doubt, Stage, State, Step
from controller.lobby.model.units import UNSET, Ms, Seconds, in_ms, in_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class StartController(Command):
    """The controller has started. `boot` identifies the machine's last boot (empty: it is not known); `origin` is the
    time of that boot by the present wall clock (ms since 1970, UTC)."""

    BEGINS_DAY = False

    boot: str
    origin: Ms


@dataclass(frozen=True, slots=True, kw_only=True)
class StepClock(Command):
    """The wall clock was set: `at` is the new time, `by` the step in ms (positive: forward)."""

    BEGINS_DAY = False

    by: int


@dataclass(frozen=True, slots=True)
class ControllerStarted(Event):
    """The controller has started for the first time since the machine booted. `boot` identifies that boot; `origin` is
    its time by the present wall clock (ms since 1970, UTC); `clock_day`: the business day by the clock."""

    boot: str
    origin: Ms
    clock_day: str


@dataclass(frozen=True, slots=True)
class ClockStepped(Event):
    """The wall clock was set, by `by` ms; `clock_day` is the business day by the new time. All earlier times since the
    controller started are to be read as that much later."""

    by: int
    clock_day: str


STEP = 2000
"""Milliseconds of difference from which the clock counts as having been set."""


@decides(StartController)
def _start_controller(state: State, rules: Rules, command: StartController) -> Decision:
    """Written at the first start since the machine booted, or if the clock was set while the controller was down. Of a
    boot that is not known nobody can tell the two apart, and a start is no reason to shift anybody's times."""
    day = rules.day_of(command.at)
    if not command.boot or state.boot != command.boot:
        return [ControllerStarted(command.boot, command.origin, day)] if state.day else []
    by = command.origin - state.origin
    return [ClockStepped(by, day)] if abs(by) >= STEP else []


@decides(StepClock)
def _step_clock(state: State, rules: Rules, command: StepClock) -> Decision:
    return [ClockStepped(command.by, rules.day_of(command.at))] if state.day else []


@evolves(ControllerStarted)
def _controller_started(state: State, at: Ms, event: ControllerStarted) -> None:
    state.boot, state.origin, state.started_at = event.boot, event.origin, at
    if event.clock_day < state.day:
        state.doubt = Doubt(event.clock_day, at)


def putting_right(by: int, started: Ms, at: Ms) -> Callable[[Ms], Ms]:
    """How times are put right when the clock was set by `by` ms at `at`: those taken from the wrong clock, between the
    controller's start and then, are shifted. All in ms since 1970, UTC."""

    def right(ms: Ms) -> Ms:
        return Ms(ms + by) if ms and started <= ms <= at - by else ms

    return right


@evolves(ClockStepped)
def _clock_stepped(state: State, at: Ms, event: ClockStepped) -> None:
    """Shift the times taken from the wrong clock: those between the controller's start and the setting of the clock."""
    by = event.by
    right = putting_right(by, state.started_at, at)

    def right_seniority(seniority: Seconds, slot: Seconds) -> Seconds:
        return seniority if seniority == slot else in_seconds(right(in_ms(seniority)))

    before_calls = [counter.call.was for counter in state.counters.values() if counter.call]
    for ticket in (*state.tickets.values(), *before_calls):
        for name in ("issued_at", "missed_at", "finished_at", "held_at", "called_at", "since", "recalled_at"):
            setattr(ticket, name, right(getattr(ticket, name)))
        ticket.seniority = right_seniority(ticket.seniority, ticket.slot)
        before = ticket.before
        if before:
            ticket.before = before._replace(seniority=right_seniority(before.seniority, before.slot))
    state.lines.clear()
    for ticket in state.tickets.values():
        if ticket.stage is Stage.WAITING:
            enter_line(state, ticket)
    for counter in state.counters.values():
        counter.since = right(counter.since)
        if left := counter.left:
            slot = state.tickets[left.ticket].slot if left.ticket in state.tickets else UNSET
            counter.left = left._replace(
                at=right(left.at),
                since=right(left.since),
                opened=right(left.opened),
                seniority=right_seniority(left.seniority, slot),
            )
    state.calls = [call._replace(at=right(call.at)) for call in state.calls]
    state.called = {counter: call._replace(at=right(call.at)) for counter, call in state.called.items()}
    for id, notice in state.notices.items():
        moved = right(notice.at)
        state.notices[id] = notice._replace(at=moved, until=Ms(notice.until + moved - notice.at))
    if state.emergency:
        state.emergency = state.emergency._replace(at=right(state.emergency.at))
    state.notes = {id: note._replace(at=right(note.at)) for id, note in state.notes.items()}
    state.takes = {key: take._replace(at=right(take.at)) for key, take in state.takes.items()}
    state.advised = {key: right(when) for key, when in state.advised.items()}
    state.windows.declined = {key: right(when) for key, when in state.windows.declined.items()}
    state.windows.accepted = {key: right(when) for key, when in state.windows.accepted.items()}
    state.windows.checked_at = right(state.windows.checked_at)
    state.last_seniority = in_seconds(right(in_ms(state.last_seniority)))
    state.first_issued = right(state.first_issued)
    state.started_at = right(state.started_at)
    state.origin = Ms(state.origin + by)
    state.step = Step(at, by)
    state.doubt = Doubt(event.clock_day, at) if event.clock_day != state.day else None
