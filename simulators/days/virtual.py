"""A day in virtual time: the lobby's own core with simulated customers and clerks, without devices.

A discrete-event simulation: time jumps from one event to the next. What people do goes through the same commands, rules
and events as in a branch, so that the rows can be a journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from controller.lobby.actions.call_next import CallNext, TicketCalled
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.registry import Decision
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.set_profile import FollowPlan
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import GRANTED, TakeTicket, TicketIssued
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.windows import AnswerAdvice, CheckWindows
from controller.lobby.aggregate import Aggregate
from controller.lobby.forecast.staffing import CHECK_EVERY
from controller.lobby.model.calendar import Span, at_second
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage, Stage
from controller.lobby.model.units import NEVER, Ms
from simulators.customers import Customer
from simulators.days.record import REACTS

WALK = 12_000
"""Milliseconds from the call to the counter."""
RECALLS_AFTER = (25_000, 50_000)
GIVES_UP_AFTER = 65_000
"""Milliseconds after a call at which a clerk recalls, and at which they give up."""
NOTICES_LATE = 180_000
"""Milliseconds after a missed call at which the customer notices."""
FETCHED_IN = 120_000
"""Milliseconds that a clerk takes to open a window that the manager asks for."""


Policy = Callable[["VirtualDay", Ms], None]
"""What the lobby manager does at a check of the windows, at a time in ms."""


def follow_advice(day: VirtualDay, at: Ms) -> None:
    """Accept every advice about windows."""
    for advice in list(day.lobby.state.windows.advice):
        day.do(AnswerAdvice(at=at, cause=day.cause(), by="panel/manager", accept=True, counter=advice.counter))
        if advice.action == "profile":
            continue
        if advice.action == "open":
            day.fetch(advice.counter, at)
        else:
            day.send_away(advice.counter, at)


def leave_alone(day: VirtualDay, at: Ms) -> None:
    """Do nothing: windows open and close as planned."""


def transfer_digits(rules: Rules, service: str, counter: str) -> str:
    """What to type with TRANSFER, to a counter or else to a service; empty: no key leads there."""
    if counter in rules.counters:
        return counter.zfill(2)
    key = rules.services[service].key if service in rules.services else None
    return "" if key is None else str(key)


class Leg(NamedTuple):
    """A further stop of a visit, after the first counter: at a service, or at one counter."""

    service: str
    counter: str
    seconds: float


@dataclass(slots=True)
class _Visit:
    customer: Customer
    issued: Ms
    legs: list[Leg]
    on_the_way: bool = False
    """The first counter has been left for the first of the legs."""
    missed: int = 0


@dataclass(slots=True)
class _Clerk:
    """A clerk at a counter, by its id; `shifts` in ms since 1970, UTC."""

    counter: str
    shifts: list[tuple[Ms, Ms]]
    there: bool = False
    leaves: bool = False
    idle_since: Ms = NEVER
    pressing: bool = False
    """They have noticed a customer, and are about to press CALL."""


class VirtualDay:
    """One business day. `customers` come in the order of their arrival, in seconds since local midnight.

    `take` may have them press otherwise: for an appointment, say.
    """

    def __init__(
        self,
        lobby: Aggregate,
        day: date,
        customers: Iterable[Customer],
        policy: Policy = leave_alone,
        shifts: Callable[[str], Sequence[Span]] | None = None,
        legs: Callable[[Customer], Sequence[Leg]] = lambda customer: (),
        walk: int = WALK,
        reacts: int = REACTS,
        take: Callable[[Customer, TakeTicket], TakeTicket] = lambda customer, command: command,
    ) -> None:
        self.lobby = lobby
        self.rules = lobby.rules
        self.day = day
        self._customers = list(customers)
        self._policy = policy
        self._legs = legs
        self._walk = walk
        self._reacts = reacts
        self._take = take
        self._agenda: list[tuple[Ms, int, Callable[[Ms], None]]] = []
        self._order = count()
        self._causes = count()
        self._visits: dict[str, _Visit] = {}
        self._to_come = len(self._customers)
        self.turned_away = 0
        """Customers who got no ticket: outside the hours, or beyond the quota."""
        profile = self.rules.profile(day.isoformat()) if shifts is None else None
        self.clerks: dict[str, _Clerk] = {}
        for id in self.rules.counters:
            spans = shifts(id) if shifts else profile.shifts(id) if profile else ()
            self.clerks[id] = _Clerk(id, [(self.at(s.start), self.at(s.end)) for s in spans])
        self._last_end = max((end for clerk in self.clerks.values() for _, end in clerk.shifts), default=NEVER)

    def at(self, second: float) -> Ms:
        """A time of the day in ms since 1970, UTC."""
        whole = int(second)
        return Ms(int(at_second(self.day, whole, self.rules.zone).timestamp() * 1000) + round((second - whole) * 1000))

    def _follow_plan(self, at: Ms) -> None:
        self.do(FollowPlan(at=at, cause=self.cause()))

    def cause(self) -> str:
        """The cause of the next press."""
        return f"{self.day}:{next(self._causes)}"

    def do(self, command: Command) -> Decision:
        """Press something."""
        return self.lobby.do(command)

    def later(self, at: int, what: Callable[[Ms], None]) -> None:
        """Schedule something for a time in ms since 1970, UTC."""
        heappush(self._agenda, (Ms(at), next(self._order), what))

    def run(self) -> None:
        """From the first ticket to the last window."""
        for customer in self._customers:
            self.later(self.at(customer.arrives), lambda at, customer=customer: self._comes(at, customer))  # type: ignore[misc]
        for clerk in self.clerks.values():
            for begin, end in clerk.shifts:
                self.later(begin, lambda at, clerk=clerk: self._begins(at, clerk))  # type: ignore[misc]
                self.later(end, lambda at, clerk=clerk: self._ends(at, clerk))  # type: ignore[misc]
        if self._agenda:
            self.later(self._agenda[0][0], self._check)
        for second in sorted({second for each in self.lobby.rules.plan for second in (each.start, each.end)}):
            self.later(self.at(second), self._follow_plan)
        while self._agenda:
            at, _, what = heappop(self._agenda)
            what(at)

    # -- customers -----------------------------------------------------------------------------------------------

    def _comes(self, at: Ms, customer: Customer) -> None:
        self._to_come -= 1
        granted = customer.klass in GRANTED
        command = TakeTicket(
            at=at,
            cause=self.cause(),
            by="panel/manager" if granted else "kiosk/kiosk",
            service=customer.service,
            klass=customer.klass,
            granted=granted,
            reason="elderly" if granted else None,
        )
        decision = self.do(self._take(customer, command))
        events = decision if isinstance(decision, list) else []
        issued = next((event for event in events if isinstance(event, TicketIssued)), None)
        if issued:
            self._visits[issued.ticket] = _Visit(customer, at, list(self._legs(customer)))
            self._wake(at, issued.ticket)
        else:
            self.turned_away += 1

    def _wake(self, at: Ms, ticket: str) -> None:
        """The idle clerk with the lowest handicap notices the customer; of several, the one idle longest."""
        waiting = self.lobby.state.tickets[ticket]
        idle = []
        for order, clerk in enumerate(self.clerks.values()):
            if clerk.there and not clerk.pressing and not self.lobby.state.counter(clerk.counter).ticket:
                handicap = self.lobby.rules.counters[clerk.counter].handicap(
                    waiting.service, waiting.klass, waiting.only
                )
                if handicap is not None:
                    idle.append((handicap, clerk.idle_since, order, clerk))
        if idle:
            clerk = min(idle, key=lambda candidate: candidate[:3])[3]
            clerk.pressing = True
            self.later(at + self._reacts, lambda at: self._calls(at, clerk))

    def _returns(self, at: Ms, ticket: str) -> None:
        decision = self.do(Return(at=at, cause=self.cause(), by="panel/manager", ticket=ticket, reason="late"))
        if isinstance(decision, list):
            self._wake(at, ticket)

    # -- clerks --------------------------------------------------------------------------------------------------

    def _begins(self, at: Ms, clerk: _Clerk) -> None:
        clerk.leaves = False
        if not clerk.there:
            clerk.there = True
            self._calls(at, clerk)

    def _ends(self, at: Ms, clerk: _Clerk) -> None:
        clerk.leaves = True
        if clerk.there and not clerk.pressing and not self.lobby.state.counter(clerk.counter).ticket:
            self._calls(at, clerk)

    def fetch(self, counter: str, at: Ms) -> None:
        """The manager asks a clerk to open a window, unless the day is over. It closes at the end of the clerk's shift,
        or at the end of the day if no shift ends later."""
        clerk, begin = self.clerks[counter], at + FETCHED_IN
        if begin < self._last_end:
            self.later(begin, lambda at: self._begins(at, clerk))
            if all(end <= begin for _, end in clerk.shifts):
                self.later(self._last_end, lambda at: self._ends(at, clerk))

    def send_away(self, counter: str, at: Ms) -> None:
        """The manager lets a window close."""
        self._ends(at, self.clerks[counter])

    def _calls(self, at: Ms, clerk: _Clerk) -> None:
        """Press CALL; if nobody is waiting, wait or go home."""
        clerk.pressing = False
        id = clerk.counter
        if clerk.leaves and (at < self._last_end or not self._waits_for(clerk)):
            self._goes(at, clerk)
            return
        decision = self.do(CallNext(at=at, cause=self.cause(), counter=id))
        called = decision[-1] if isinstance(decision, list) else None
        if isinstance(called, TicketCalled):
            self._called(at, clerk, called.ticket)
            return
        clerk.idle_since = at
        if self.lobby.state.counter(id).stage is not CounterStage.OPEN:
            self.do(Open(at=at, cause=self.cause(), counter=id))

    def _waits_for(self, clerk: _Clerk) -> bool:
        here = self.lobby.rules.counters[clerk.counter]
        return any(here.handicap(key.service, key.klass, key.only) is not None for key in self.lobby.state.lines)

    def _goes(self, at: Ms, clerk: _Clerk) -> None:
        clerk.there = False
        if self.lobby.state.counter(clerk.counter).stage is not CounterStage.CLOSED:
            self.do(Close(at=at, cause=self.cause(), counter=clerk.counter))

    def _called(self, at: Ms, clerk: _Clerk, ticket: str) -> None:
        visit = self._visits[ticket]
        gone = at - visit.issued > visit.customer.patience * 1000
        if gone or visit.missed < visit.customer.misses:
            for after in RECALLS_AFTER[: self.rules.recalls]:
                self.later(at + after, lambda at: self._recalls(at, clerk))
            self.later(at + GIVES_UP_AFTER, lambda at: self._misses(at, clerk, ticket, gone))
        else:
            seconds = visit.legs[0].seconds if visit.on_the_way else visit.customer.service_time
            self.later(at + self._walk, lambda at: self._starts(at, clerk))
            self.later(at + self._walk + round(seconds * 1000), lambda at: self._served(at, clerk, ticket))

    def _served(self, at: Ms, clerk: _Clerk, ticket: str) -> None:
        """Transfer the ticket if it has another stop, then call the next."""
        visit = self._visits[ticket]
        if visit.on_the_way:
            visit.legs.pop(0)
        visit.on_the_way = bool(visit.legs)
        if visit.legs:
            digits = transfer_digits(self.rules, visit.legs[0].service, visit.legs[0].counter)
            if digits:
                self.do(Transfer(at=at, cause=self.cause(), counter=clerk.counter, digits=digits))
        self._calls(at, clerk)
        if visit.legs and self.lobby.state.tickets[ticket].stage is Stage.WAITING:
            self._wake(at, ticket)

    def _recalls(self, at: Ms, clerk: _Clerk) -> None:
        self.do(Recall(at=at, cause=self.cause(), counter=clerk.counter))

    def _starts(self, at: Ms, clerk: _Clerk) -> None:
        self.do(Start(at=at, cause=self.cause(), counter=clerk.counter))

    def _misses(self, at: Ms, clerk: _Clerk, ticket: str, gone: bool) -> None:
        self.do(NoShow(at=at, cause=self.cause(), counter=clerk.counter))
        visit = self._visits[ticket]
        visit.missed += 1
        if not gone and visit.missed <= visit.customer.returns:
            self.later(at + NOTICES_LATE, lambda at: self._returns(at, ticket))
        self._calls(at, clerk)

    # -- the lobby manager ---------------------------------------------------------------------------------------

    def _check(self, at: Ms) -> None:
        self.do(CheckWindows(at=at, cause=self.cause()))
        self._policy(self, at)
        if self._to_come or at < self._last_end:
            self.later(at + CHECK_EVERY * 1000, self._check)
