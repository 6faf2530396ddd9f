"""Replaying a day of a journal under other rules: the same customers, at the same times, with the same needs.

Who is called when, and by whom, is left to the rules; everything else is as recorded (see `record`), as far as
possible. Under the day's own rules the replay equals the day, to the millisecond: so all differences under other rules
are caused by them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from heapq import heappop, heappush
from itertools import count
from typing import Any

from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.cancel import Cancel, TicketCancelled
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command, CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import CounterOpened, Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.promote import Promote, TicketPromoted
from controller.lobby.actions.reassign import Reassign, TicketReassigned
from controller.lobby.actions.registry import Decision, evolve
from controller.lobby.actions.return_ticket import Return, TicketReturned
from controller.lobby.actions.set_profile import CounterProfileSet, SetProfile
from controller.lobby.actions.take_ticket import APPOINTMENT, TakeTicket, TicketIssued
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo import TicketRestored, Undo
from controller.lobby.actions.unhold import Unhold
from controller.lobby.actions.windows import CheckWindows, WindowsChecked
from controller.lobby.aggregate import Aggregate
from controller.lobby.forecast.waiting import seconds_at_counter
from controller.lobby.model.calendar import Span, at_second, second_of
from controller.lobby.model.rules import Counter, Rules, Service, TicketClass
from controller.lobby.model.state import IN_HAND, CounterStage, Stage, State, Ticket, held_by
from controller.lobby.model.units import Ms, in_ms
from controller.lobby.model.wording import Wording
from simulators.days.record import Day, Record, Shift, Sight, Stay, Watch, When, may_serve, read
from simulators.days.scores import minutes
from simulators.days.simulation import DayTally, Tally, Waited, waits_by
from simulators.days.virtual import transfer_digits

NAMED = 10
"""Customers named in a comparison: those whose wait changes most."""


Opening = tuple[str, Sequence[Span]]
"""A counter that is to be open in a replay: at these times of day, or from the day's first opening to its last closing
if there are none."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Both days. `pairs` maps a ticket's number in the journal to its number in the other day."""

    was: list[Waited]
    would_be: list[Waited]
    """The same customers on both sides, in the same order: those who are called on both, by what they were then."""
    pairs: Mapping[str, str]
    changed: list[tuple[str, str, float, float]]
    """(ticket, class, seconds as it was, seconds as it would be) of those whose wait changes, the greatest change
    first."""
    rows: Day
    left_out: int
    """Tickets that are not issued under the other configuration."""
    never_called: tuple[int, int]
    """Tickets that were neither called nor cancelled: as it was, and as it would be."""
    closed: list[str]
    """Counters that the other configuration has, and that were not open."""
    unknown: list[str]
    """Counters of the journal that the other configuration does not have."""


def bare_rules(events: Day, zone: Any, wording: Wording) -> Rules:
    """Rules that know the ids of a day and nothing else, to show it as it was."""
    services, classes, counters = {}, {}, {}
    for _, event in events:
        match event:
            case TicketIssued(ticket=ticket, service=service, klass=klass):
                if not event.roll or service not in services:
                    prefix = ticket.rstrip("0123456789")
                    services[service] = Service(service, service, prefix)
                classes[klass] = TicketClass(klass, klass)
            case TicketCalled(counter=counter) | CounterOpened(counter=counter):
                counters[counter] = Counter(counter, {})
    default = next(iter(services), "")
    return Rules("", "", zone, wording, services, classes, counters, default, target=0)


def as_it_was(events: Day) -> list[Waited]:
    """The waits of all tickets that were called."""
    state, tally = State(), Tally()
    counts = DayTally(state, tally)
    for at, event in events:
        evolve(state, at, event)
        counts.heard(at, event)
    return tally.waits


def never_called(events: Day) -> int:
    """The number of tickets that were issued, and neither cancelled nor ever called."""
    left: set[str] = set()
    for _, event in events:
        match event:
            case TicketIssued(ticket=id):
                left.add(id)
            case TicketCalled(ticket=id) | TicketCancelled(ticket=id):
                left.discard(id)
    return len(left)


def compare(events: Day, rules: Rules, opened: Sequence[Opening] = ()) -> Compared:
    """The day, as it was meant (`as_meant`), under other rules, with some counters `opened` as well."""
    again = _ReplayedDay(events, rules, opened)
    again.run()
    rows = [(row.at, row.event) for row in again.lobby.rows]
    after = {waited.ticket: waited for waited in as_it_was(rows)}
    was, would_be = [], []
    for before in as_it_was(events):
        found = after.get(again.ids.get(before.ticket, ""))
        if found:
            was.append(before)
            would_be.append(replace(found, klass=before.klass, service=before.service))
    changed = [
        (one.ticket, one.klass, one.seconds, other.seconds)
        for one, other in zip(was, would_be, strict=True)
        if minutes(one.seconds) != minutes(other.seconds)
    ]
    changed.sort(key=lambda each: -abs(each[3] - each[2]))
    given = sum(isinstance(event, TicketIssued) for _, event in events)
    then, now = ({e.counter for _, e in day if isinstance(e, CounterOpened)} for day in (events, rows))
    return Compared(
        was,
        would_be,
        again.ids,
        changed,
        rows,
        given - len(again.ids),
        (never_called(events), never_called(rows)),
        [id for id in rules.counters if id not in now],
        sorted(then - rules.counters.keys()),
    )


def report(compared: Compared, by: str) -> dict[str, Any]:
    """Side by side by `klass` or `service`, in minutes."""
    was, would_be = waits_by(compared.was, by), waits_by(compared.would_be, by)
    return {group: {"was": was[group], "would_be": would_be[group]} for group in was}


def most_changed(compared: Compared) -> list[dict[str, Any]]:
    """The customers whose wait changes most, in minutes."""
    return [
        {"ticket": id, "class": klass, "was": minutes(was), "would_be": minutes(would_be)}
        for id, klass, was, would_be in compared.changed[:NAMED]
    ]


# -- counters that are opened as well --------------------------------------------------------------------------------


def _times(record: Record, begins: Ms, rules: Rules, spans: Sequence[Span]) -> list[tuple[int, int]]:
    """From when until when a counter is to be open; ms since 1970, UTC, as is `begins`, the day's first event."""
    if spans:
        day = date.fromisoformat(rules.day_of(begins))
        ends = [[int(at_second(day, s, rules.zone).timestamp() * 1000) for s in span] for span in spans]
        return [(max(start, begins), end) for start, end in ends if end > begins]
    openings = [shift.when.at for shift in record.shifts if shift.stage is CounterStage.OPEN]
    closings = [shift.when.at for shift in record.shifts if shift.stage is CounterStage.CLOSED]
    return [(min(openings, default=begins), max(closings, default=record.last))]


def _open(record: Record, counter: str, times: Sequence[tuple[int, int]], *, patient: bool) -> None:
    """Have a counter open at these times. Then it is as it was: closed, if nothing is known of it; `patient`: once all
    whom it may serve have been."""
    for start, end in times:
        its_own = [shift for shift in record.shifts if shift.counter == counter and shift.when.at <= end]
        after = its_own[-1].stage if its_own else CounterStage.CLOSED
        record.shifts = [s for s in record.shifts if s not in its_own or s.when.at < start]
        record.shifts.append(Shift(When(start, float("inf")), counter, CounterStage.OPEN))
        record.shifts.append(Shift(When(end, float("inf")), counter, after, patient and after is CounterStage.CLOSED))
        record.shifts.sort(key=lambda shift: shift.when)


# -- the day again ---------------------------------------------------------------------------------------------------


class _ReplayedDay:
    """A recorded day, replayed on a lobby of its own. `ids` maps a ticket's number then to its number now."""

    def __init__(self, events: Day, rules: Rules, opened: Sequence[Opening] = ()) -> None:
        self._rules = rules
        self._record = read(events, rules)
        for counter, spans in opened:
            _open(self._record, counter, _times(self._record, events[0][0], rules, spans), patient=not spans)
        self._end = rules.end_of_day(events[0][0]) - 1 if self._record.over else self._record.last
        self.lobby = Aggregate(rules)
        self.lobby.heard = self._heard
        self._state = self.lobby.state
        self._watch = Watch(
            lambda counter, key: may_serve(self.lobby.rules, counter, key), self._sees, self._sees_nobody
        )
        self._usually = {kind: self._record.usually(kind) for kind in ("over", "joined", "opened")}
        self.ids: dict[str, str] = {}
        self._taking = ""
        """The number then of the ticket that is being taken."""
        self._then: dict[str, str] = {}
        """A ticket's number now -> its number then."""
        self._stays: dict[str, int] = defaultdict(int)
        """Ticket -> how often it has been called."""
        self._leaves: dict[str, Shift] = {}
        """Counters that pause or close as soon as they may."""
        self._gone: set[str] = set()
        """Counters that stand open, and nobody is there."""
        self._asked_for: dict[str, list[str]] = defaultdict(list)
        """Counter -> tickets that it is to call by hand as soon as it is free."""
        self._agenda: list[tuple[When, int, Callable[[], None]]] = []
        self._order = count()
        self._causes = count()
        self._now = When(0, 0)

    def run(self) -> None:
        """From the first ticket to the last."""
        for when, issued in self._record.taken:
            self._later(when, lambda issued=issued: self._takes(issued))  # type: ignore[misc]
        for when, event in self._record.manual:
            self._later(when, lambda event=event: self._by_hand(event))  # type: ignore[misc]
        for shift in self._record.shifts:
            self._later(shift.when, lambda shift=shift: self._shifts(shift))  # type: ignore[misc]
        while self._agenda and self._agenda[0][0].at <= self._end:
            self._now, _, what = heappop(self._agenda)
            what()

    def _later(self, when: When, what: Callable[[], None]) -> None:
        heappush(self._agenda, (when, next(self._order), what))

    def _after(self, delay: When, what: Callable[[], None]) -> None:
        self._later(When(self._now.at + delay.at, delay.order), what)

    def _do(self, command: Callable[..., Command], **about: Any) -> Decision:
        if isinstance(command, type) and issubclass(command, CounterCommand):
            about["sure"] = True  # it was meant then
        return self.lobby.do(command(at=self._now.at, cause=f"again:{next(self._causes)}", **about))

    def _heard(self, at: Ms, event: Event) -> None:
        match event:
            case TicketIssued(ticket=id):
                self.ids[self._taking], self._then[id] = id, self._taking
            case TicketCalled(ticket=id, counter=counter):
                self._begins(id, counter)
        self._watch.heard(self._state, event)

    # -- customers -----------------------------------------------------------------------------------------------

    def _takes(self, issued: TicketIssued) -> None:
        """Take a ticket as then. Privileged classes are given by the lobby manager, regardless of hours and quota."""
        if issued.service not in self._rules.services or issued.klass not in self._rules.classes:
            return
        usual = (self._rules.default_class, APPOINTMENT)
        slot = self._rules.local(in_ms(issued.slot)) if issued.slot is not None else None
        has_slot = slot is not None and second_of(slot) in self._rules.appointments.slots
        self._taking = issued.ticket
        self._do(
            TakeTicket,
            by=issued.by,
            service=issued.service,
            klass=issued.klass,
            granted=bool(issued.roll)
            or issued.by.startswith("panel/")
            or (issued.by.startswith("user/") and issued.klass not in usual),
            reason=issued.reason,
            form=bool(issued.form),
            needs=tuple(issued.needs or ()),
            slot=slot.strftime("%H:%M") if slot and has_slot else "",
        )

    def _begins(self, id: str, counter: str) -> None:
        """A ticket has been called: its service lasts as long as then."""
        nth, stays = self._stays[id], self._record.stays[self._then.get(id, "")]
        self._stays[id] += 1
        ticket = self._state.tickets[id]
        stay = stays[nth] if nth < len(stays) else Stay(counter, 0)
        lasts = stay.lasts
        if lasts is None:
            # The duration is not known: it was never called then, or was still there when the journal ended.
            mean = round(1000 * seconds_at_counter(self._state, self._rules, ticket.service, ticket.klass))
            there_still = nth < len(stays) and stay.counter == counter
            lasts = When(max(mean, self._record.last - self._now.at if there_still else 0), float("inf"))
        self._after(lasts, lambda: self._over(counter, stay))

    def _over(self, counter: str, stay: Stay) -> None:
        match stay.ends:
            case "finished":
                self._do(Finish, counter=counter)
            case "missed":
                self._do(NoShow, counter=counter)
            case "held":
                self._do(Hold, counter=counter)
            case "sent":
                self._sends_on(counter, stay)
        if stay.goes_on:
            delay, event = stay.goes_on
            self._after(delay, lambda: self._by_hand(event))
        self._free(counter)

    def _sends_on(self, counter: str, stay: Stay) -> None:
        """A transfer; finished instead, if its target no longer exists."""
        digits = transfer_digits(self._rules, stay.service, stay.to)
        if not digits or not isinstance(self._do(Transfer, counter=counter, digits=digits), list):
            self._do(Finish, counter=counter)

    # -- clerks --------------------------------------------------------------------------------------------------

    def _sees(self, sight: Sight) -> None:
        """A free counter has somebody to call: the clerk takes as long as then, or the usual time."""
        then = sight._replace(ticket=self._then.get(sight.ticket, ""))
        delay = self._record.hesitates.get(then) or When(self._usually[sight.kind], float("inf"))
        self._after(delay, lambda: self._calls(sight))

    def _sees_nobody(self, sight: Sight) -> None:
        if sight.counter in self._leaves:
            self._after(When(0, self._now.order + 0.25), lambda: self._free(sight.counter))

    def _calls(self, sight: Sight) -> None:
        if self._watch.seen.get(sight.counter) is sight and sight.counter not in self._gone:
            self._do(CallNext, counter=sight.counter)

    def _free(self, counter: str) -> None:
        """The counter is free: a call by hand may be due, or the clerk may leave."""
        asked_for = self._asked_for[counter]
        while asked_for and not self._state.counter(counter).ticket:
            self._forces(asked_for.pop(0), counter)
        if counter in self._leaves:
            self._shifts(self._leaves[counter])

    def _shifts(self, shift: Shift) -> None:
        counter = shift.counter
        if counter not in self._rules.counters:
            return
        self._leaves.pop(counter, None)
        here = self._state.counter(counter)
        if shift.stage is here.stage:
            return
        if shift.stage is CounterStage.OPEN:
            self._do(Open, counter=counter)
        elif here.ticket or (shift.patient and counter in self._watch.seen):
            self._leaves[counter] = shift
        elif shift.stage is None:
            self._gone.add(counter)
        elif shift.stage is CounterStage.CLOSED:
            self._do(Close, counter=counter)
        elif here.stage is CounterStage.OPEN:
            self._do(Pause, counter=counter)

    # -- what people do by hand ----------------------------------------------------------------------------------

    def _by_hand(self, event: Event) -> None:
        """Repeat what a person did by hand; whether it is still possible is up to the rules."""
        if isinstance(event, WindowsChecked):
            self._do(CheckWindows)
            return
        if isinstance(event, CounterProfileSet):
            self._do(SetProfile, counter=event.counter, profile=event.profile, by=event.by)
            return
        ticket = self._state.tickets.get(self.ids.get(event.ticket, ""))  # type: ignore[attr-defined]
        if ticket is None:
            return
        about = {"ticket": ticket.id, "by": getattr(event, "by", None) or "panel/manager"}
        match event:
            case TicketCalled(counter=counter):
                self._asks_for(ticket, counter)
            case TicketPromoted(klass=klass, reason=reason):
                self._do(Promote, **about, klass=klass, reason=reason)
            case TicketRestored():
                self._do(Undo, **about)
            case TicketReturned():
                self._do(Return, **about)
            case TicketCancelled(reason=reason):
                self._do(Cancel, **about, reason=reason)
            case TicketReassigned(service=service, counter=counter):
                known = service in self._rules.services or counter in self._rules.counters
                where = {"service": service or "", "counter": counter or ""} if known or event.any else {}
                if where or ticket.stage is Stage.HELD:
                    self._do(Reassign, **about, **where or {"service": ticket.service})

    def _asks_for(self, ticket: Ticket, counter: str) -> None:
        """A counter calls a ticket by hand: a held one is the counter's that holds it."""
        counter = ticket.counter if ticket.stage is Stage.HELD else counter
        self._asked_for[counter].append(ticket.id)
        self._free(counter)

    def _forces(self, id: str, counter: str) -> None:
        ticket = self._state.tickets[id]
        if ticket.stage is Stage.HELD and ticket.counter == counter:
            held = held_by(self._state, self._rules.counters[counter])
            digits = "" if held[0] is ticket else f"{ticket.number:03d}"
            self._do(Unhold, counter=counter, digits=digits)
        elif ticket.stage not in IN_HAND:
            self._do(CallByHand, ticket=id, counter=counter, by="panel/manager")
