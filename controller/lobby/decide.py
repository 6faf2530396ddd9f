"""What the lobby answers to a command: the events that follow from it, or why not.

`decide` is pure: it reads the state and the rules and changes nothing. A refusal is a value with a reason that a person
understands, never an exception; a refused command leaves no row in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.lobby import calendar, calling, staffing, waiting
from controller.lobby import commands as cm
from controller.lobby import events as ev
from controller.lobby.rules import ANY, Counter, Rules, Service
from controller.lobby.state import ENDED, IN_HAND, CounterStage, Print, Stage, State, Ticket
from controller.lobby.triage import INSISTS_WITHIN, NEEDS, Choice
from controller.lobby.wording import Wording


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a wording key below `refused.`, and what to fill into its sentence."""

    code: str
    about: tuple[tuple[str, object], ...] = ()

    def text(self, wording: Wording) -> str:
        """The reason in the branch's language."""
        return wording.say(f"refused.{self.code}", **dict(self.about))


@dataclass(frozen=True, slots=True)
class Same:
    """The command asks for what is done already (a button pressed twice): the answer is this ticket again."""

    ticket: str


OVERFLOW = "overflow"
"""Who reassigns tickets when the counters of a service have gone."""

Events = list[ev.Event]
Decision = Events | Refusal | Same


class _Refused(Exception):
    """Ends a decision early; never leaves this module."""

    def __init__(self, code: str, **about: object) -> None:
        super().__init__(code)
        self.refusal = Refusal(code, tuple(about.items()))


def decide(state: State, rules: Rules, command: cm.Command) -> Decision:
    """The events that `command` leads to (none: nothing to write), a refusal, or the ticket it gave already."""
    try:
        return _DECIDE[type(command)](state, rules, command)
    except _Refused as refused:
        return refused.refusal


# -- the day -------------------------------------------------------------------------------------------------


def begins_day(state: State, rules: Rules, command: cm.Command) -> cm.RollOver | None:
    """What is to be decided before `command`, since whoever acts first on a new day begins it."""
    if isinstance(command, cm.RollOver):
        return None
    day = rules.day_of(command.at)
    return cm.RollOver(at=command.at, cause=f"day:{day}") if day > state.day else None


def _roll_over(state: State, rules: Rules, command: cm.RollOver) -> Decision:
    day = rules.day_of(command.at)
    if day <= state.day:
        return []
    events: Events = []
    if state.day:
        for id, counter in state.counters.items():
            if counter.ticket:
                events.append(ev.TicketFinished(counter.ticket, id))
            if counter.stage is not CounterStage.CLOSED:
                events.append(ev.CounterClosed(id))
        waits = (Stage.WAITING, Stage.HELD, Stage.MISSED)
        events.append(ev.DayClosed(state.day, sum(ticket.stage in waits for ticket in state.tickets.values())))
    return [*events, ev.DayOpened(day, rules.profile(day).id, state.knowledge.summary())]


# -- tickets -------------------------------------------------------------------------------------------------


def _take(state: State, rules: Rules, command: cm.TakeTicket) -> Decision:
    choice = rules.triage.choice(command.choice) if command.choice else None
    if command.choice and choice is None:
        raise _Refused("unknown_choice", choice=command.choice)
    wanted = choice.service if choice else command.service
    service = rules.services.get(wanted or rules.default_service)
    if service is None:
        raise _Refused("unknown_service", service=wanted)
    klass = rules.classes.get(command.klass or (choice.klass if choice else "") or rules.default_class)
    if klass is None:
        raise _Refused("unknown_class", klass=command.klass)
    needs = tuple(dict.fromkeys(command.needs))
    if unknown := [need for need in needs if need not in NEEDS]:
        raise _Refused("unknown_need", need=unknown[0], known=", ".join(NEEDS))
    last = state.takes.get((command.by, service.id))
    if last and command.hold_off and abs(command.at - last.at) < command.hold_off * 1000:
        same = state.tickets[last.ticket]
        if same.klass == klass.id and same.stage not in ENDED:
            return Same(same.id)
    if not command.granted:
        _must_be_open(state, rules, service, command.at)
    insists = False
    if choice and choice.advice and not command.granted:
        insists = command.insist or _pressed_again(state, choice, command)
        if not insists:
            return [ev.SelfServiceAdvised(choice.id, service.id, command.by)]
    if command.paper not in ("ready", "none") and not command.screen:
        raise _no_paper(rules, command.paper)
    number = state.numbers.get(service.id, 0)
    while True:  # a prefix that was given to another service during the day may have been used up to here
        number += 1
        id = f"{service.prefix}{number:0{service.digits}d}"
        if id not in state.tickets:
            break
    ticket = waiting.newcomer(state, rules, command.at, service.id, klass.id)
    slot = _slot(state, rules, command) if command.slot else None
    if slot is not None and command.at // 1000 <= slot + rules.appointments.grace:
        ticket.seniority, ticket.not_before = slot, slot - rules.appointments.early
    told = None
    if not waiting.finds_free_counter(state, rules, ticket):
        told = waiting.expected(state, rules, command.at, ticket)
    return [
        ev.TicketIssued(
            id,
            service.id,
            klass.id,
            ticket.seniority,
            number,
            command.by,
            command.paper == "ready",
            command.reason,
            expected=told[1] if told else None,
            rolled=told[0] if told else None,
            choice=choice.id if choice else None,
            insisted=insists or None,
            form=command.form or None,
            needs=needs or None,
            slot=slot,
            not_before=ticket.not_before or None,
        ),
        *_overflow_of(state, rules, service, id),
    ]


def _must_be_open(state: State, rules: Rules, service: Service, at: int) -> None:
    """Refuse a ticket outside the service's hours, on holidays and beyond its quota, saying when to come again."""
    local = rules.local(at)
    if service.hours and not rules.calendar.is_open(service.hours, local):
        opens = rules.calendar.next_opening(service.hours, local)
        raise _Refused("closed_now", service=service.name, opens=_when(rules, local, opens))
    if service.quota is not None and state.numbers.get(service.id, 0) >= service.quota:
        hours, begins = service.hours or calendar.ALWAYS, rules.local(rules.end_of_day(at))
        opens = begins if rules.calendar.is_open(hours, begins) else rules.calendar.next_opening(hours, begins)
        raise _Refused("quota_used", service=service.name, quota=service.quota, opens=_when(rules, local, opens))


def _when(rules: Rules, now: datetime, when: datetime | None) -> str:
    """A time to come, as people say it."""
    if when is None:
        return rules.wording.say("time.never")
    if when.date() == now.date():
        return rules.wording.say("time.today", clock=when.strftime("%H:%M"))
    weekday = rules.wording.say(f"weekday.{calendar.WEEKDAYS[when.weekday()]}")
    return rules.wording.say(
        "time.later", weekday=weekday, year=when.year, month=when.month, day=when.day, clock=when.strftime("%H:%M")
    )


def _pressed_again(state: State, choice: Choice, command: cm.TakeTicket) -> bool:
    """Whether the customer was sent to a machine by this very button a moment ago, and asks again."""
    advised = state.advised.get((command.by, choice.id))
    return advised is not None and command.hold_off * 1000 <= command.at - advised < INSISTS_WITHIN * 1000


def _slot(state: State, rules: Rules, command: cm.TakeTicket) -> int:
    """The start of an appointment's slot in seconds since 1970, UTC."""
    local = rules.local(command.at)
    starts = {calendar.clock(start): start for start in rules.appointments.slots}
    if command.slot not in starts:
        raise _Refused("unknown_slot", slot=command.slot, known=", ".join(starts) or "-")
    slot = int(calendar.at_second(local.date(), starts[command.slot], rules.zone).timestamp())
    places = rules.appointments.places
    if places is not None and state.slots.get(slot, 0) >= places:
        raise _Refused("slot_full", slot=command.slot, places=places)
    return slot


def _overflow_of(state: State, rules: Rules, service: Service, ticket: str) -> Events:
    """A new ticket goes to any counter that knows its service, if its own have been open today and all have gone."""
    own = [id for id, c in rules.counters.items() if c.handicap(service.id, rules.default_class) == 0]
    if any(state.counter(id).since for id in own) and _overflows(state, rules, service):
        return [ev.TicketReassigned(ticket, by=OVERFLOW, any=True)]
    return []


def _overflows(state: State, rules: Rules, service: Service, without: str = "") -> bool:
    """Whether other counters take over a service: none of its own is open (`without` one that is about to go)."""
    return service.overflow and not any(
        state.counter(id).stage is CounterStage.OPEN
        for id, counter in rules.counters.items()
        if id != without and counter.handicap(service.id, rules.default_class) == 0
    )


def _overflow_without(state: State, rules: Rules, counter: Counter) -> Events:
    """What follows for those who wait when a counter goes away, perhaps as the last of their own."""
    taken_over = [
        service.id
        for service in rules.services.values()
        if counter.handicap(service.id, rules.default_class) == 0 and _overflows(state, rules, service, counter.id)
    ]
    return [
        ev.TicketReassigned(place.ticket, by=OVERFLOW, any=True)
        for key, line in state.lines.items()
        if key.service in taken_over and key.only in ("", counter.id)
        for place in line
    ]


def _no_paper(rules: Rules, why: cm.Paper) -> _Refused:
    return _Refused("printer_down", detail=rules.wording.say(f"device.{why}"))


def _report_print(state: State, rules: Rules, command: cm.ReportPrint) -> Decision:
    ticket = state.tickets.get(command.ticket)
    if ticket is None or ticket.print is not Print.QUEUED or command.copy != ticket.copies:
        return []
    kinds = {"printed": ev.TicketPrinted, "sent": ev.PrintSent, "unknown": ev.PrintUnknown}
    return [kinds[command.result](ticket.id)]


# -- at a counter --------------------------------------------------------------------------------------------


def _counter(rules: Rules, command: cm.CounterCommand) -> Counter:
    counter = rules.counters.get(command.counter)
    if counter is None:
        raise _Refused("unknown_counter", counter=command.counter)
    return counter


def _in_hand(state: State, counter: Counter) -> Ticket:
    ticket = state.counter(counter.id).ticket
    if not ticket:
        raise _Refused("nothing_in_hand", counter=counter.id)
    return state.tickets[ticket]


def _finish_in_hand(state: State, counter: Counter) -> Events:
    ticket = state.counter(counter.id).ticket
    return [ev.TicketFinished(ticket, counter.id)] if ticket else []


def _ready(state: State, counter: Counter) -> Events:
    """What happens before any call: the ticket in hand is finished, the counter opens or ends its pause."""
    opening = [] if state.counter(counter.id).stage is CounterStage.OPEN else [ev.CounterOpened(counter.id)]
    return [*_finish_in_hand(state, counter), *opening]


def _call_next(state: State, rules: Rules, command: cm.CallNext) -> Decision:
    counter = _counter(rules, command)
    pick = calling.pick(state, rules, counter, command.at)
    if pick:
        call = ev.TicketCalled(pick.ticket.id, counter.id, False, calling.why(rules, pick), pick.passed)
        return [*_ready(state, counter), call]
    in_hand = state.counter(counter.id).ticket
    if not in_hand:
        raise _Refused("none_waiting")
    return [ev.TicketFinished(in_hand, counter.id, none_waiting=True)]


def _call_by_hand(state: State, rules: Rules, counter: Counter, ticket: Ticket) -> Events:
    return [
        *_ready(state, counter),
        ev.TicketCalled(ticket.id, counter.id, True, calling.forced(rules, ticket, counter)),
    ]


def _call_number(state: State, rules: Rules, command: cm.CallNumber) -> Decision:
    counter = _counter(rules, command)
    serves = [t for t in state.tickets.values() if counter.handicap(t.service, t.klass, t.only) is not None]
    fitting = _fitting(serves, command.digits)
    # A ticket that waits is meant before one that does not; the others mostly serve to say why not.
    waiting = [t for t in fitting if t.stage is Stage.WAITING]
    ticket = _one(waiting or [t for t in fitting if t.stage not in ENDED] or fitting, command.digits)
    if ticket.stage is Stage.MISSED:
        back = _back(rules, ticket, command.at, by=counter.id)
        return [back, *_call_by_hand(state, rules, counter, ticket)]
    _must_wait(ticket)
    return _call_by_hand(state, rules, counter, ticket)


def _fitting(tickets: Sequence[Ticket], digits: str) -> list[Ticket]:
    """One or two digits are the number's last two, more are the whole number."""
    number = int(digits)
    if len(digits) <= 2:
        return [t for t in tickets if t.number % 100 == number]
    return [t for t in tickets if t.number == number]


def _one(tickets: Sequence[Ticket], text: str) -> Ticket:
    if not tickets:
        raise _Refused("unknown_ticket", ticket=text)
    if len(tickets) > 1:
        raise _Refused("several_fit", tickets=" ".join(t.id for t in tickets[:6]))
    return tickets[0]


def _recall(state: State, rules: Rules, command: cm.Recall) -> Decision:
    counter = _counter(rules, command)
    ticket = _in_hand(state, counter)
    if ticket.recalls >= rules.recalls:
        raise _Refused("recall_limit", ticket=ticket.id, times=ticket.recalls)
    ago = (command.at - ticket.recalled_at) / 1000
    if ticket.recalls and 0 <= ago < rules.recall_gap:
        raise _Refused("recall_gap", ticket=ticket.id, seconds=max(1, round(rules.recall_gap - ago)))
    return [ev.TicketRecalled(ticket.id, counter.id, ticket.recalls + 1)]


def _start(state: State, rules: Rules, command: cm.Start) -> Decision:
    counter = _counter(rules, command)
    ticket = _in_hand(state, counter)
    if ticket.stage is Stage.SERVING:
        raise _Refused("being_served", ticket=ticket.id)
    return [ev.ServiceStarted(ticket.id, counter.id)]


def _finish(state: State, rules: Rules, command: cm.Finish) -> Decision:
    counter = _counter(rules, command)
    return [ev.TicketFinished(_in_hand(state, counter).id, counter.id)]


def _no_show(state: State, rules: Rules, command: cm.NoShow) -> Decision:
    counter = _counter(rules, command)
    ticket = _in_hand(state, counter)
    if ticket.stage is Stage.SERVING:
        raise _Refused("being_served", ticket=ticket.id)
    return [ev.TicketMissed(ticket.id, counter.id)]


def _hold(state: State, rules: Rules, command: cm.Hold) -> Decision:
    counter = _counter(rules, command)
    return [ev.TicketHeld(_in_hand(state, counter).id, counter.id)]


def _held_by(state: State, counter: Counter) -> list[Ticket]:
    held = [t for t in state.tickets.values() if t.stage is Stage.HELD and t.counter == counter.id]
    return sorted(held, key=lambda t: (t.held_at, t.order))


def _unhold(state: State, rules: Rules, command: cm.Unhold) -> Decision:
    counter = _counter(rules, command)
    held = _held_by(state, counter)
    if not held:
        raise _Refused("none_held", counter=counter.id)
    ticket = _one(_fitting(held, command.digits), command.digits) if command.digits else held[0]
    return _call_by_hand(state, rules, counter, ticket)


def _transfer(state: State, rules: Rules, command: cm.Transfer) -> Decision:
    counter = _counter(rules, command)
    ticket = _in_hand(state, counter)
    if len(command.digits) == 1:
        service = next((s for s in rules.services.values() if s.key == int(command.digits)), None)
        if service is None:
            raise _Refused("no_service_key", digits=command.digits)
        if service.id == ticket.service:
            raise _Refused("same_service", ticket=ticket.id, service=service.name)
        return [ev.TicketTransferred(ticket.id, service.id, counter.id)]
    target = next((c for c in rules.counters.values() if c.id.zfill(2) == command.digits), None)
    if target is None:
        raise _Refused("transfer_where", digits=command.digits)
    if target.id == counter.id:
        raise _Refused("same_counter", ticket=ticket.id, counter=counter.id)
    return [ev.TicketTransferred(ticket.id, ticket.service, counter.id, target.id)]


def _open(state: State, rules: Rules, command: cm.Open) -> Decision:
    counter = _counter(rules, command)
    if state.counter(counter.id).stage is CounterStage.OPEN:
        raise _Refused("already_open", counter=counter.id)
    return [ev.CounterOpened(counter.id)]


def _pause(state: State, rules: Rules, command: cm.Pause) -> Decision:
    counter = _counter(rules, command)
    stage = state.counter(counter.id).stage
    if stage is CounterStage.PAUSED:
        return [ev.CounterOpened(counter.id)]
    if stage is CounterStage.CLOSED:
        raise _Refused("counter_closed", counter=counter.id)
    return [
        *_finish_in_hand(state, counter),
        *_overflow_without(state, rules, counter),
        ev.CounterPaused(counter.id, command.reason),
    ]


def _close(state: State, rules: Rules, command: cm.Close) -> Decision:
    counter = _counter(rules, command)
    if state.counter(counter.id).stage is CounterStage.CLOSED:
        raise _Refused("counter_closed", counter=counter.id)
    # Nobody may be left waiting for a counter that has gone home: what it holds, and what only it
    # may serve, goes back to its service's line.
    overflow = _overflow_without(state, rules, counter)
    moved = {event.ticket for event in overflow if isinstance(event, ev.TicketReassigned)}
    stranded = [
        ev.TicketReassigned(t.id, by=f"counter/{counter.id}", service=t.service)
        for t in state.tickets.values()
        if (t.stage is Stage.HELD and t.counter == counter.id) or (t.stage is Stage.WAITING and t.only == counter.id)
        if t.id not in moved
    ]
    return [*_finish_in_hand(state, counter), *stranded, *overflow, ev.CounterClosed(counter.id)]


def _ask_rating(state: State, rules: Rules, command: cm.AskRating) -> Decision:
    counter = _counter(rules, command)
    if not counter.rater:
        raise _Refused("no_rater", counter=counter.id)
    here = state.counter(counter.id)
    ticket = here.ticket or here.last_ticket
    if not ticket:
        raise _Refused("nothing_in_hand", counter=counter.id)
    return [ev.RatingAsked(counter.id, ticket)]


def _rate(state: State, rules: Rules, command: cm.Rate) -> Decision:
    counter = _counter(rules, command)
    if not 1 <= command.score <= 5:
        raise _Refused("bad_score", score=command.score)
    here = state.counter(counter.id)
    ticket = here.ticket or here.last_ticket
    if not ticket:
        raise _Refused("nothing_in_hand", counter=counter.id)
    if state.tickets[ticket].rated:
        raise _Refused("rated_already", ticket=ticket)
    return [ev.Rated(counter.id, command.score, ticket)]


# -- the lobby manager ---------------------------------------------------------------------------------------


def _named(state: State, text: str) -> Ticket:
    """The ticket a manager means: its full name in either case, or its number if only one bears it."""
    ticket = state.tickets.get(text) or state.tickets.get(text.upper())
    if ticket is None and text.isdecimal():
        return _one(_fitting([t for t in state.tickets.values() if t.stage not in ENDED], text), text)
    if ticket is None:
        raise _Refused("unknown_ticket", ticket=text)
    return ticket


def _must_wait(ticket: Ticket, *also: Stage) -> None:
    """Refuse, in the words for where it is, unless the ticket waits (or is in one of the other stages)."""
    if ticket.stage is Stage.WAITING or ticket.stage in also:
        return
    if ticket.stage in IN_HAND:
        raise _Refused("at_counter", ticket=ticket.id, counter=ticket.counter)
    raise _Refused(f"ticket_{ticket.stage}", ticket=ticket.id, counter=ticket.counter)


def _promote(state: State, rules: Rules, command: cm.Promote) -> Decision:
    klass = rules.classes.get(command.klass)
    if klass is None:
        raise _Refused("unknown_class", klass=command.klass)
    ticket = _named(state, command.ticket)
    _must_wait(ticket, Stage.HELD)
    if ticket.klass == klass.id:
        raise _Refused("already_class", ticket=ticket.id, klass=klass.name)
    return [ev.TicketPromoted(ticket.id, klass.id, command.reason, command.by)]


def _reassign(state: State, rules: Rules, command: cm.Reassign) -> Decision:
    if command.service and command.service not in rules.services:
        raise _Refused("unknown_service", service=command.service)
    if command.counter and command.counter not in rules.counters:
        raise _Refused("unknown_counter", counter=command.counter)
    if command.service and command.counter:
        raise _Refused("reassign_where")
    if command.ticket:
        ticket = _named(state, command.ticket)
        _must_wait(ticket, Stage.HELD)
    else:
        first = min(_not_reassigned(state), default=None)
        if first is None:
            raise _Refused("none_to_reassign")
        ticket = state.tickets[first[2]]
    return [
        ev.TicketReassigned(
            ticket.id,
            by=command.by,
            service=command.service or None,
            counter=command.counter or None,
            any=None if command.service or command.counter else True,
            reason=command.reason or None,
        )
    ]


def _not_reassigned(state: State) -> Iterator[tuple[int, int, str]]:
    """The first waiting ticket of each line that has not been reassigned yet."""
    for key, line in state.lines.items():
        if key.only != ANY:
            first = next((place for place in line if not state.tickets[place.ticket].reassigned), None)
            if first:
                yield first


def _back(rules: Rules, ticket: Ticket, at: int, by: str) -> ev.TicketReturned:
    """A no-show's return, if it is still allowed."""
    if ticket.returns >= rules.returns:
        raise _Refused("return_limit", ticket=ticket.id, times=ticket.returns)
    if at - ticket.missed_at > rules.return_within * 1000:
        raise _Refused("return_late", ticket=ticket.id, minutes=rules.return_within // 60)
    return ev.TicketReturned(ticket.id, ticket.seniority + rules.return_penalty, by)


def _return(state: State, rules: Rules, command: cm.Return) -> Decision:
    if not command.ticket:
        raise _Refused("which_ticket")
    ticket = _named(state, command.ticket)
    if ticket.stage is not Stage.MISSED:
        raise _Refused("not_missed", ticket=ticket.id)
    back = _back(rules, ticket, command.at, command.by)
    if ticket.only in rules.counters and state.counter(ticket.only).stage is CounterStage.CLOSED:
        # The one counter it was sent to has gone home: its service's counters take it back.
        return [back, ev.TicketReassigned(ticket.id, by=command.by, service=ticket.service)]
    return [back]


def _cancel(state: State, rules: Rules, command: cm.Cancel) -> Decision:
    if not command.ticket:
        raise _Refused("which_ticket")
    ticket = _named(state, command.ticket)
    _must_wait(ticket, Stage.HELD, Stage.MISSED)
    holder = ticket.counter if ticket.stage is Stage.HELD else None
    return [ev.TicketCancelled(ticket.id, command.by, command.reason, holder)]


def _reprint(state: State, rules: Rules, command: cm.Reprint) -> Decision:
    if command.ticket:
        ticket = _named(state, command.ticket)
    else:
        lost = next(iter(state.unknown_prints), None)
        if lost is None:
            raise _Refused("which_ticket")
        ticket = state.tickets[lost]
    if ticket.stage in ENDED:
        raise _Refused(f"ticket_{ticket.stage}", ticket=ticket.id, counter=ticket.counter)
    if command.paper != "ready":
        raise _Refused("no_printer") if command.paper == "none" else _no_paper(rules, command.paper)
    return [ev.TicketReprinted(ticket.id, ticket.copies + 1, command.by)]


def _check_windows(state: State, rules: Rules, command: cm.CheckWindows) -> Decision:
    figures, advice = staffing.check(state, rules, command.at)
    idle = not any(line for line in state.lines.values()) and not any(
        counter.stage is CounterStage.OPEN for counter in state.counters.values()
    )
    if idle and not state.windows.advice and not any(any(checks) for checks in state.windows.checks.values()):
        return []
    return [ev.WindowsChecked(figures, [a._asdict() for a in advice])]


def _answer_advice(state: State, rules: Rules, command: cm.AnswerAdvice) -> Decision:
    advice = next((a for a in state.windows.advice if command.counter in ("", a.counter)), None)
    if advice is None:
        raise _Refused("no_advice")
    return [ev.WindowAdviceAnswered(advice.counter, advice.action, command.accept, command.by)]


def _report_device(state: State, rules: Rules, command: cm.ReportDevice) -> Decision:
    return [ev.DeviceChanged(command.device, command.state, command.detail)]


_DECIDE: dict[type[cm.Command], Callable[[State, Rules, Any], Decision]] = {
    cm.RollOver: _roll_over,
    cm.TakeTicket: _take,
    cm.ReportPrint: _report_print,
    cm.CallNext: _call_next,
    cm.CallNumber: _call_number,
    cm.Recall: _recall,
    cm.Start: _start,
    cm.Finish: _finish,
    cm.NoShow: _no_show,
    cm.Hold: _hold,
    cm.Unhold: _unhold,
    cm.Transfer: _transfer,
    cm.Open: _open,
    cm.Pause: _pause,
    cm.Close: _close,
    cm.AskRating: _ask_rating,
    cm.Rate: _rate,
    cm.Promote: _promote,
    cm.Reassign: _reassign,
    cm.Return: _return,
    cm.Cancel: _cancel,
    cm.Reprint: _reprint,
    cm.CheckWindows: _check_windows,
    cm.AnswerAdvice: _answer_advice,
    cm.ReportDevice: _report_device,
}
