"""The record of a day from a journal, so that it can be replayed: who came for what, how long each was at a counter and
how that ended, what people did by hand, when each counter was open, and how long each clerk took to call.

Durations belong to persons: how long their service takes, and how long the clerk needs after it. Other things keep
their time of day: arrivals, breaks, what the manager did.
"""

from __future__ import annotations

from collections import Counter as Count
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Literal, NamedTuple

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.cancel import TicketCancelled
from controller.lobby.actions.clock import ClockStepped, ControllerStarted
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.day import DayClosed, DayOpened
from controller.lobby.actions.enter_roll import TicketServed
from controller.lobby.actions.event import Event
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.hold import TicketHeld
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.promote import TicketPromoted
from controller.lobby.actions.reassign import TicketReassigned
from controller.lobby.actions.recall import TicketRecalled
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.return_ticket import TicketReturned
from controller.lobby.actions.set_profile import CounterProfileSet
from controller.lobby.actions.start import ServiceStarted
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.actions.undo import TicketRestored
from controller.lobby.actions.undo_at_counter import CallUndone, ServiceResumed
from controller.lobby.actions.windows import WindowsChecked
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, LineKey, Stage, State
from controller.lobby.model.units import Ms, in_ms

Day = Sequence[tuple[Ms, Event]]
"""A business day's events with their times."""

REACTS = 2_000
"""Milliseconds that an idle clerk takes to call, if the journal does not tell."""


def on_one_clock(events: Day) -> Day:
    """The day by the clock as it was last set: earlier times are shifted. A day that continued another is one day,
    which began when the controller started."""
    if not any(isinstance(event, ClockStepped) for _, event in events):
        return events
    by, day = 0, []
    for at, event in reversed(events):
        if isinstance(event, ControllerStarted) and by:
            break
        if isinstance(event, ClockStepped):
            by += event.by
        elif not _goes_on(event):
            day.append((Ms(at + by), event))
    day.reverse()
    issued = {event.ticket for _, event in day if isinstance(event, TicketIssued)}
    return [(at, event) for at, event in day if getattr(event, "ticket", "") in {"", *issued}]


def _goes_on(event: Event) -> bool:
    continues = isinstance(event, DayOpened) and event.continues is not None
    return continues or (isinstance(event, DayClosed) and bool(event.continued))


_MOVES = (
    TicketCalled,
    TicketRecalled,
    ServiceStarted,
    TicketFinished,
    TicketMissed,
    TicketHeld,
    TicketTransferred,
    TicketReturned,
    TicketReassigned,
    TicketRestored,
)


def as_meant(events: Day) -> Day:
    """The day without what counters took back within seconds: a call and a visit's end that were undone have not been,
    nor has what happened to the ticket between. What others did meanwhile stays; a counter that called somebody else
    because of it may call otherwise in a replay. Who was served without the controller has not been seen at all."""
    if unseen := {event.ticket for _, event in events if isinstance(event, TicketServed)}:
        events = [each for each in events if getattr(each[1], "ticket", "") not in unseen]
    if not any(isinstance(event, CallUndone | ServiceResumed) for _, event in events):
        return events
    day: list[tuple[Ms, Event] | None] = [*events]
    for place, (_, event) in enumerate(events):
        if isinstance(event, CallUndone):
            begin = _last(day, place, partial(_calls, event.ticket, event.counter))
        elif isinstance(event, ServiceResumed):
            begin = _last(day, place, partial(_leaves, event.ticket, event.counter))
        else:
            continue
        for n in range(begin, place + 1):
            each = day[n]
            if each and _is_undone(each[1], event):
                day[n] = None
    return [each for each in day if each]


def _last(day: Sequence[tuple[Ms, Event] | None], before: int, fits: Callable[[Event], bool]) -> int:
    """The place of the last event that fits; if there is none, `before`."""
    return next((n for n in range(before - 1, -1, -1) if (each := day[n]) and fits(each[1])), before)


def _calls(ticket: str, counter: str, event: Event) -> bool:
    return isinstance(event, TicketCalled) and (event.ticket, event.counter) == (ticket, counter)


def _leaves(ticket: str, counter: str, event: Event) -> bool:
    match event:
        case TicketFinished() | TicketMissed() | TicketHeld():
            return (event.ticket, event.counter) == (ticket, counter)
        case TicketTransferred():
            return (event.ticket, event.from_counter) == (ticket, counter)
    return False


def _is_undone(event: Event, by: CallUndone | ServiceResumed) -> bool:
    if isinstance(event, CounterOpened | CounterPaused | CounterClosed):
        return isinstance(by, ServiceResumed) and event.counter == by.counter
    return event is by or (isinstance(event, _MOVES) and event.ticket == by.ticket)


class When(NamedTuple):
    """A moment: ms (since 1970, UTC, or since what it follows), and its order among those of the same time: the event's
    index in the journal, plus a half for what has none."""

    at: int
    order: float


@dataclass(slots=True)
class Stay:
    """One call of a ticket, and what it led to."""

    counter: str
    called: int
    lasts: When | None = None
    """None: it had not ended when the journal did."""
    ends: Literal["finished", "missed", "held", "sent"] = "finished"
    service: str = ""
    to: str = ""
    """Where it was sent on to: a service, or a counter."""
    goes_on: tuple[When, Event] | None = None
    """What happened next to a held ticket or a no-show, counted from the end of the stay."""


class Sight(NamedTuple):
    """The event at which a free counter first has somebody to call: a ticket's `nth` stay there is over, a ticket has
    joined a line for the `nth` time (no ticket: what a counter serves has changed), or the counter has opened for the
    `nth` time."""

    counter: str
    kind: Literal["over", "joined", "opened"]
    ticket: str
    nth: int


@dataclass(slots=True)
class Shift:
    """A counter opens, pauses or closes, or its clerk just leaves (None). `patient`: nobody was left to be served then;
    in a replay, those who are waiting are served first."""

    when: When
    counter: str
    stage: CounterStage | None
    patient: bool = False


@dataclass(slots=True)
class Record:
    """A day. `manual` are what people did by hand to waiting tickets (calls, promotions, reassignments and so on), the
    changes of what counters serve, and the checks of the windows, at which tickets whose counters have not come may go
    to others."""

    taken: list[tuple[When, TicketIssued]] = field(default_factory=list)
    stays: dict[str, list[Stay]] = field(default_factory=lambda: defaultdict(list))
    manual: list[tuple[When, Event]] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    hesitates: dict[Sight, When] = field(default_factory=dict)
    """How long a free clerk with somebody to call took until the call, or until there was nobody left."""
    last: int = 0
    """When the last of it happened."""
    over: bool = False
    """The day has ended; else a part of it is still to come."""

    def usually(self, kind: str) -> int:
        """The milliseconds that clerks mostly take to call."""
        known = [delay.at for sight, delay in self.hesitates.items() if sight.kind == kind and delay.order.is_integer()]
        return round(median(known)) if known else REACTS


class Watch:
    """Tracks which free counters have somebody to call, and since which event. It is given each event after it has been
    applied, and calls `begins` and `ends`."""

    def __init__(
        self,
        serves: Callable[[str, LineKey], bool],
        begins: Callable[[Sight], None],
        ends: Callable[[Sight], None],
    ) -> None:
        self._serves = serves
        self._begins = begins
        self._ends = ends
        self.seen: dict[str, Sight] = {}
        self._stays: Count[str] = Count()
        self._joined: Count[str] = Count()
        self._opened: Count[str] = Count()
        self._profiles: dict[str, str] = {}

    def sees(self, state: State, counter: str) -> bool:
        """Whether anybody waits whom a counter serves."""
        return any(self._serves(counter, key) for key in state.lines)

    def heard(self, state: State, event: Event) -> None:
        """An event, with the state after it."""
        ticket, freed = self._count(event)
        for id, counter in state.counters.items():
            sees = counter.stage is CounterStage.OPEN and not counter.ticket and self.sees(state, id)
            if sees and id not in self.seen:
                if freed != id:
                    sight = Sight(id, "joined", ticket, self._joined[ticket])
                elif ticket:
                    sight = Sight(id, "over", ticket, self._stays[ticket])
                else:
                    sight = Sight(id, "opened", "", self._opened[id])
                self.seen[id] = sight
                self._begins(sight)
            elif not sees and id in self.seen:
                self._ends(self.seen.pop(id))

    def _count(self, event: Event) -> tuple[str, str]:
        """The ticket of an event, and the counter that it makes free."""
        match event:
            case TicketCalled():
                self._stays[event.ticket] += 1
            case TicketFinished() | TicketMissed() | TicketHeld():
                return event.ticket, event.counter
            case TicketTransferred():
                self._joined[event.ticket] += 1
                return event.ticket, event.from_counter
            case CounterOpened():
                self._opened[event.counter] += 1
                return "", event.counter
            case TicketIssued() | TicketReturned() | TicketReassigned() | TicketPromoted() | TicketRestored():
                self._joined[event.ticket] += 1
                return event.ticket, ""
            case CounterProfileSet() if self._profiles.get(event.counter, "") != event.profile:
                self._profiles[event.counter] = event.profile
                self._joined[""] += 1
        return "", ""


def may_serve(rules: Rules, counter: str, key: LineKey) -> bool:
    """Whether a line is work for a counter."""
    configured = rules.counters.get(counter)
    return configured is not None and configured.handicap(key.service, key.klass, key.only) is not None


def read(events: Day, rules: Rules) -> Record:
    """The day, as far as it goes. `rules` say whom a counter serves where the day does not tell."""
    record, state = Record(), State()
    moments = list(_moments(events, rules))
    serves = _whom_they_served(moments, rules, state)
    now = When(0, 0)
    caller = left_behind = ""
    since: dict[str, When] = {}

    def begins(sight: Sight) -> None:
        since[sight.counter] = now

    def ends(sight: Sight) -> None:
        order = now.order + 0.5
        if sight.counter == caller:
            order = now.order
        elif left_behind == f"counter/{sight.counter}":
            order = float("inf")  # it is closing
        record.hesitates[sight] = When(now.at - since.pop(sight.counter).at, order)

    watch = Watch(serves, begins, ends)
    before: Event | None = None
    for now, event in moments:
        _note(record, state, now, event, before)
        if isinstance(event, TicketReassigned) and state.tickets[event.ticket].stage is Stage.WAITING:
            left_behind = event.by
        evolve(state, Ms(now.at), event)
        caller = event.counter if isinstance(event, TicketCalled) and not event.forced else ""
        watch.heard(state, event)
        if isinstance(event, CounterOpened | CounterPaused | CounterClosed):
            for shift in record.shifts:
                shift.patient = shift.patient and shift.counter != event.counter
            stage = state.counters[event.counter].stage
            leaves_nobody = left_behind != f"counter/{event.counter}" and not watch.sees(state, event.counter)
            record.shifts.append(Shift(now, event.counter, stage, stage is CounterStage.CLOSED and leaves_nobody))
            left_behind = ""
        before = event
    record.last = now.at
    here = [id for id, counter in state.counters.items() if counter.stage is CounterStage.OPEN]
    record.over = not here or any(isinstance(event, DayClosed) for _, event in events)
    for id in here:
        # The counter was not closed. A clerk who had somebody to call and did not had left.
        gone = since.get(id)
        when = When(gone.at, gone.order + 0.5) if gone else When(now.at, float("inf"))
        record.shifts.append(Shift(when, id, None, not watch.sees(state, id)))
    return record


def _moments(events: Day, rules: Rules) -> Iterator[tuple[When, Event]]:
    """The events in the order of the journal, at times that never go back, without what only the day's end brought."""
    now = events[0][0]
    end = rules.end_of_day(now)
    for order, (at, event) in enumerate(events):
        if at >= end:
            return
        now = max(now, at)
        yield When(now, float(order)), event


def _whom_they_served(
    moments: Iterable[tuple[When, Event]], rules: Rules, now_here: State
) -> Callable[[str, LineKey], bool]:
    """Whether a counter serves a line with the profile that it has in the state `now_here`, inferred from the heads
    that its calls chose among with that profile."""
    state = State()
    known: dict[tuple[str, str, LineKey], bool] = {}
    for now, event in moments:
        if isinstance(event, TicketCalled) and not event.forced:
            heads = {head["ticket"] for head in event.why["heads"]}
            profile = state.counter(event.counter).profile
            for key, line in state.lines.items():
                head = state.tickets[line[0].ticket]
                if head.id in heads:
                    known[event.counter, profile, key] = True
                elif in_ms(head.not_before) <= now.at:
                    known.setdefault((event.counter, profile, key), False)
        evolve(state, Ms(now.at), event)

    def serves(counter: str, key: LineKey) -> bool:
        found = known.get((counter, now_here.counter(counter).profile, key))
        if found is None:
            found = may_serve(rules.serving(now_here.serving), counter, key)
        return found

    return serves


def _note(record: Record, state: State, now: When, event: Event, before: Event | None) -> None:
    """What an event tells, `state` being the one before it."""
    match event:
        case TicketIssued():
            record.taken.append((now, event))
            return
        case WindowsChecked() | CounterProfileSet():
            record.manual.append((now, event))
            return
        case TicketCalled(ticket=id) | TicketReturned(ticket=id) | TicketCancelled(ticket=id):
            by_hand = not isinstance(event, TicketCalled) or event.forced
        case TicketPromoted(ticket=id) | TicketRestored(ticket=id):
            by_hand = True
        case TicketReassigned(ticket=id):
            # The only counter that may serve it had closed when it came back: that follows by itself.
            follows = isinstance(before, TicketReturned) and before.ticket == id
            by_hand = event.by_hand and not follows
        case TicketFinished(ticket=id) | TicketMissed(ticket=id) | TicketHeld(ticket=id):
            _ends(record.stays[id][-1], now, event)
            return
        case TicketTransferred(ticket=id):
            _ends(record.stays[id][-1], now, event)
            return
        case _:
            return
    gone = state.tickets[id].stage in (Stage.HELD, Stage.MISSED, Stage.FINISHED)
    parked = gone and not isinstance(event, TicketPromoted)
    stay = record.stays[id][-1] if parked else None
    if stay and stay.lasts:
        stay.goes_on = When(now.at - stay.called - stay.lasts.at, now.order), event
    elif by_hand:
        record.manual.append((now, event))
    if isinstance(event, TicketCalled):
        record.stays[id].append(Stay(event.counter, now.at))


def _ends(stay: Stay, now: When, event: Event) -> None:
    stay.lasts = When(now.at - stay.called, now.order)
    match event:
        case TicketMissed():
            stay.ends = "missed"
        case TicketHeld():
            stay.ends = "held"
        case TicketTransferred():
            stay.ends = "sent"
            stay.service, stay.to = ("", event.counter) if event.counter else (event.service, "")
