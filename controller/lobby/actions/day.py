"""Business days: the clock ends one and begins the next, or the lobby manager confirms a clock that was set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.command import Command, ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.leave_note import handed_on, take_over
from controller.lobby.actions.press import REASON, Where, key
from controller.lobby.actions.registry import Decision, Events, decides, evolves
from controller.lobby.model.knowledge import Knowledge
from controller.lobby.model.lines import count_wait, leave_line, remove_from_board
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import AGREES, CounterStage, Emergency, Stage, State, Ticket
from controller.lobby.model.units import NEVER, Ms
from controller.lobby.show import figures


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOver(Command):
    """End the business day that is open and begin the one that `at` lies in."""

    BEGINS_DAY = False


@key("NEWDAY", Where.PANEL, REASON)
@dataclass(frozen=True, slots=True, kw_only=True)
class BeginDay(ManagerCommand):
    """The clock is right: continue in the business day by the clock, keeping everybody who waits."""

    BEGINS_DAY = False


@dataclass(frozen=True, slots=True)
class DayOpened(Event):
    """A business day begins: no tickets, no open counters, numbers from 1.

    `profile` is the kind of day, `learned` what earlier days have taught (`model.knowledge`). `boot` and `origin`: of
    the last `ControllerStarted`. `notes`: those that clerks left at counters on earlier days and that are still there:
    [{id, counter, at, day}], `at` in ms since 1970, UTC, `day` the business day on which it was left.

    `continues`: the day before, if only the clock was set: its counters, numbers and tickets carry over (of the
    tickets those in `kept`, where given), and its rows count as this day's too. `by`: who confirmed the clock; missing
    if the clock has shown that day for long enough. `emergency`: one that goes on from the day before: {plan, at, by},
    `at` in ms since 1970, UTC.
    """

    day: str
    profile: str | None = None
    learned: Mapping[str, Any] | None = None
    boot: str | None = None
    origin: Ms | None = None
    continues: str | None = None
    by: str | None = None
    kept: tuple[str, ...] | list[str] | None = None
    notes: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]] | None = None
    emergency: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DayClosed(Event):
    """A business day ends, and with it `unserved` tickets that were waiting, held or missed.

    `figures`: the day's figures as on the topic `day` (minutes; shares from 0 to 1), of those who were called or gave
    up. `continued`: the next day continues it.
    """

    day: str
    unserved: int
    figures: Mapping[str, Any] | None = None
    continued: bool | None = None


def begins_day(state: State, rules: Rules, command: Command) -> RollOver | None:
    """The roll-over to be decided before `command`, if that is the first of a new business day; else None.

    Where the clock was set, the new day has to be confirmed first: what ends with a day cannot be brought back.
    """
    return roll_over(state, rules, command.at) if command.BEGINS_DAY else None


def roll_over(state: State, rules: Rules, at: Ms) -> RollOver | None:
    """The command that begins the day of `at`; None: it has begun, or the clock has to be confirmed."""
    day = rules.day_of(at)
    if day <= state.day:
        return None
    if state.doubt is None:
        return RollOver(at=at, cause=f"day:{day}")
    # The same date may begin twice (a clock set back), and a cause acts only once.
    return RollOver(at=at, cause=f"day:{day}:{at}") if at - state.doubt.since >= AGREES else None


@decides(RollOver)
def _roll_over(state: State, rules: Rules, command: RollOver) -> Decision:
    day = rules.day_of(command.at)
    if day <= state.day:
        return []
    if state.doubt:
        return _goes_on(state, rules, day) if command.at - state.doubt.since >= AGREES else []
    events: Events = []
    if state.day:
        for id, counter in state.counters.items():
            if counter.ticket:
                events.append(TicketFinished(counter.ticket, id))
            if counter.stage is not CounterStage.CLOSED:
                events.append(CounterClosed(id))
        events.append(DayClosed(state.day, _unserved(state.tickets.values()), figures.day(state, rules)))
    learned = state.knowledge.summary({id: service.minutes * 60 for id, service in rules.services.items()})
    more: dict[str, Any] = {"notes": handed_on(state, rules, day) or None}
    if state.emergency:
        more["emergency"] = state.emergency._asdict()
    return [*events, _opened(state, rules, day, learned=learned, **more)]


@decides(BeginDay)
def _begin_day(state: State, rules: Rules, command: BeginDay) -> Decision:
    day = rules.day_of(command.at)
    if day == state.day:
        raise Refused("day_is_right", day=day)
    return _goes_on(state, rules, day, by=command.by)


def _goes_on(state: State, rules: Rules, day: str, by: str | None = None) -> Events:
    """Continue the open day under another date, since only the clock was set. Of an earlier day, only the tickets that
    are of the new day carry over; a day that lay in the future has no others."""
    kept = None
    events: Events = []
    if day > state.day:
        kept = [t.id for t in state.tickets.values() if rules.day_of(t.issued_at) >= day]
        events = [
            TicketFinished(counter.ticket, id)
            for id, counter in state.counters.items()
            if counter.ticket and counter.ticket not in kept
        ]
    gone = [t for t in state.tickets.values() if kept is not None and t.id not in kept]
    closed = DayClosed(state.day, _unserved(gone), figures.day(state, rules), continued=True)
    return [*events, closed, _opened(state, rules, day, continues=state.day, kept=kept, by=by)]


def _opened(state: State, rules: Rules, day: str, **more: Any) -> DayOpened:
    return DayOpened(day, rules.profile(day).id, boot=state.boot or None, origin=state.origin or None, **more)


def _unserved(tickets: Iterable[Ticket]) -> int:
    waits = (Stage.WAITING, Stage.HELD, Stage.MISSED)
    return sum(ticket.stage in waits for ticket in tickets)


@evolves(DayOpened)
def _day_opened(state: State, at: Ms, event: DayOpened) -> None:
    state.day, state.profile = event.day, event.profile or ""
    state.boot, state.origin = event.boot or state.boot, event.origin or state.origin
    state.doubt = None
    if event.continues is None:
        state.knowledge = Knowledge.from_summary(event.learned)
        take_over(state, event.notes or ())
        if event.emergency:
            state.emergency, state.emergencies = Emergency(**event.emergency), 1
    elif event.kept is not None:
        _keep(state, set(event.kept))


def _keep(state: State, kept: set[str]) -> None:
    """Keep only these tickets: the others belong to the day before."""
    for id in [id for id in state.tickets if id not in kept]:
        ticket = state.tickets.pop(id)
        if ticket.stage is Stage.WAITING:
            leave_line(state, ticket)
        state.unknown_prints.pop(id, None)
        remove_from_board(state, id)
    state.called = {id: call for id, call in state.called.items() if call.ticket in kept}
    for counter in state.counters.values():
        counter.last_ticket = counter.last_ticket if counter.last_ticket in kept else ""
        counter.call = None  # the figures that it has changed begin anew
    state.takes = {key: take for key, take in state.takes.items() if take.ticket in kept}
    state.waits.clear()
    state.effects.clear()
    for ticket in state.tickets.values():
        if ticket.called_at:
            count_wait(state, ticket, ticket.called_at)
    state.first_issued = min((t.issued_at for t in state.tickets.values()), default=NEVER)


@evolves(DayClosed)
def _day_closed(state: State, at: Ms, event: DayClosed) -> None:
    if not event.continued:
        state.become(State(day=state.day, boot=state.boot, origin=state.origin))
