"""What the lobby answers to a command: the events that follow from it, or why not.

`decide` is pure: it reads the state and the rules and changes nothing. A refusal is a value with a reason that a person
understands, never an exception; a refused command leaves no row in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from controller.lobby import calling, explain, figures, issuing, staffing
from controller.lobby import commands as cm
from controller.lobby import events as ev
from controller.lobby.outcome import Decision, Events, Refused, Told
from controller.lobby.rules import ANY, Counter, Rules
from controller.lobby.state import AGREES, ENDED, IN_HAND, CounterStage, Print, Stage, State, Ticket, held_by


def decide(state: State, rules: Rules, command: cm.Command) -> Decision:
    """The events that `command` leads to (none: nothing to write), a refusal, or the ticket it gave already."""
    try:
        return _DECIDE[type(command)](state, rules, command)
    except Refused as refused:
        return refused.refusal


# -- the day -------------------------------------------------------------------------------------------------


STEP = 2000
"""Milliseconds by which a clock that was set meanwhile differs from one that just went on."""


def begins_day(state: State, rules: Rules, command: cm.Command) -> cm.RollOver | None:
    """What is to be decided before `command`, since whoever acts first on a new day begins it.

    Where the clock was set, its day has to be confirmed first: what ends with a day cannot be brought back.
    """
    if isinstance(command, cm.RollOver | cm.StepClock | cm.StartController | cm.BeginDay):
        return None
    return roll_over(state, rules, command.at)


def roll_over(state: State, rules: Rules, at: int) -> cm.RollOver | None:
    """What begins the day that `at` lies in; None: it has begun, or the clock has to be confirmed."""
    day = rules.day_of(at)
    if day <= state.day:
        return None
    if state.doubt is None:
        return cm.RollOver(at=at, cause=f"day:{day}")
    # A day that has been before may come again, and one cause acts once.
    return cm.RollOver(at=at, cause=f"day:{day}:{at}") if at - state.doubt.since >= AGREES else None


def _roll_over(state: State, rules: Rules, command: cm.RollOver) -> Decision:
    day = rules.day_of(command.at)
    if day <= state.day:
        return []
    if state.doubt:
        return _goes_on(state, rules, day) if command.at - state.doubt.since >= AGREES else []
    events: Events = []
    if state.day:
        for id, counter in state.counters.items():
            if counter.ticket:
                events.append(ev.TicketFinished(counter.ticket, id))
            if counter.stage is not CounterStage.CLOSED:
                events.append(ev.CounterClosed(id))
        events.append(ev.DayClosed(state.day, _unserved(state.tickets.values()), figures.day(state, rules)))
    learned = state.knowledge.summary({id: service.minutes * 60 for id, service in rules.services.items()})
    return [*events, _opened(state, rules, day, learned=learned)]


def _begin_day(state: State, rules: Rules, command: cm.BeginDay) -> Decision:
    day = rules.day_of(command.at)
    if day == state.day:
        raise Refused("day_is_right", day=day)
    return _goes_on(state, rules, day, by=command.by)


def _goes_on(state: State, rules: Rules, day: str, by: str | None = None) -> Events:
    """Only the clock was set. Of an earlier day's tickets those live on that are of this one; a day that lies in the
    future has none but this one's."""
    kept = None
    events: Events = []
    if day > state.day:
        kept = [t.id for t in state.tickets.values() if rules.day_of(t.issued_at) >= day]
        events = [
            ev.TicketFinished(counter.ticket, id)
            for id, counter in state.counters.items()
            if counter.ticket and counter.ticket not in kept
        ]
    gone = [t for t in state.tickets.values() if kept is not None and t.id not in kept]
    closed = ev.DayClosed(state.day, _unserved(gone), figures.day(state, rules), continued=True)
    return [*events, closed, _opened(state, rules, day, continues=state.day, kept=kept, by=by)]


def _opened(state: State, rules: Rules, day: str, **more: Any) -> ev.DayOpened:
    return ev.DayOpened(day, rules.profile(day).id, boot=state.boot or None, origin=state.origin or None, **more)


def _unserved(tickets: Iterable[Ticket]) -> int:
    waits = (Stage.WAITING, Stage.HELD, Stage.MISSED)
    return sum(ticket.stage in waits for ticket in tickets)


# -- the clock -----------------------------------------------------------------------------------------------


def _start_controller(state: State, rules: Rules, command: cm.StartController) -> Decision:
    """The first start since the machine's; or the clock was set while the controller was not there."""
    day = rules.day_of(command.at)
    if state.boot != command.boot:
        return [ev.ControllerStarted(command.boot, command.origin, day)] if state.day else []
    by = command.origin - state.origin
    return [ev.ClockStepped(by, day)] if abs(by) >= STEP else []


def _step_clock(state: State, rules: Rules, command: cm.StepClock) -> Decision:
    return [ev.ClockStepped(command.by, rules.day_of(command.at))] if state.day else []


# -- tickets -------------------------------------------------------------------------------------------------


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
        raise Refused("unknown_counter", counter=command.counter)
    return counter


def _in_hand(state: State, counter: Counter) -> Ticket:
    ticket = state.counter(counter.id).ticket
    if not ticket:
        raise Refused("nothing_in_hand", counter=counter.id)
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
        call = ev.TicketCalled(
            pick.ticket.id,
            counter.id,
            False,
            calling.why(rules, pick),
            pick.passed,
            effect=calling.effect(state, rules, counter, pick, command.at),
            seniority=_from_now_on(pick.ticket, command.at),
        )
        return [*_ready(state, counter), call]
    in_hand = state.counter(counter.id).ticket
    if not in_hand:
        raise Refused("none_waiting")
    return [ev.TicketFinished(in_hand, counter.id, none_waiting=True)]


def _from_now_on(ticket: Ticket, at: int) -> int | None:
    """The seniority of an appointment that is called before its slot: it has come by now, should it wait again."""
    return at // 1000 if ticket.not_before and at // 1000 < ticket.seniority else None


def _call_by_hand(
    state: State, rules: Rules, counter: Counter, ticket: Ticket, at: int, by: str | None = None, reason: str = ""
) -> ev.TicketCalled:
    why = calling.forced(state, rules, ticket, counter, at)
    seniority = _from_now_on(ticket, at)
    return ev.TicketCalled(ticket.id, counter.id, True, why, by=by, reason=reason or None, seniority=seniority)


def _call_number(state: State, rules: Rules, command: cm.CallNumber) -> Decision:
    counter = _counter(rules, command)
    serves = [t for t in state.tickets.values() if counter.handicap(t.service, t.klass, t.only) is not None]
    fitting = _fitting(serves, command.digits)
    # One that waits is meant, or one that has missed its call here; the others mostly serve to say why not.
    meant = [
        t
        for t in fitting
        if t.stage is Stage.WAITING or (t.counter == counter.id and command.at <= t.returns_until(rules))
    ]
    ticket = _one(meant or [t for t in fitting if t.stage not in ENDED] or fitting, command.digits)
    if ticket.stage is Stage.MISSED:
        back = [_back(rules, ticket, command.at, by=counter.id)]
    else:
        _must_wait(ticket)
        back = []
    return [*back, *_ready(state, counter), _call_by_hand(state, rules, counter, ticket, command.at)]


def _fitting(tickets: Sequence[Ticket], digits: str) -> list[Ticket]:
    """One or two digits are the number's last two, more are the whole number."""
    number = int(digits)
    if len(digits) <= 2:
        return [t for t in tickets if t.number % 100 == number]
    return [t for t in tickets if t.number == number]


def _one(tickets: Sequence[Ticket], text: str) -> Ticket:
    if not tickets:
        raise Refused("unknown_ticket", ticket=text)
    if len(tickets) > 1:
        raise Refused("several_fit", tickets=" ".join(t.id for t in tickets[:6]))
    return tickets[0]


def _recall(state: State, rules: Rules, command: cm.Recall) -> Decision:
    counter = _counter(rules, command)
    ticket = _in_hand(state, counter)
    if ticket.recalls >= rules.recalls:
        raise Refused("recall_limit", ticket=ticket.id, times=ticket.recalls)
    ago = (command.at - ticket.recalled_at) / 1000
    if ticket.recalls and 0 <= ago < rules.recall_gap:
        raise Refused("recall_gap", ticket=ticket.id, seconds=max(1, round(rules.recall_gap - ago)))
    return [ev.TicketRecalled(ticket.id, counter.id, ticket.recalls + 1)]


def _start(state: State, rules: Rules, command: cm.Start) -> Decision:
    counter = _counter(rules, command)
    ticket = _in_hand(state, counter)
    if ticket.stage is Stage.SERVING:
        raise Refused("being_served", ticket=ticket.id)
    return [ev.ServiceStarted(ticket.id, counter.id)]


def _finish(state: State, rules: Rules, command: cm.Finish) -> Decision:
    counter = _counter(rules, command)
    return [ev.TicketFinished(_in_hand(state, counter).id, counter.id)]


def _undo_finish(state: State, rules: Rules, command: cm.UndoFinish) -> Decision:
    """Bring back whom the counter finished last; to its hands if these are free, else to the head of its line."""
    counter = _counter(rules, command)
    finished = [t for t in state.tickets.values() if t.counter == counter.id and t.stage is Stage.FINISHED]
    last = max(finished, key=lambda t: (t.finished_at, t.since), default=None)
    if last is None or not last.unstarted:
        raise Refused("nothing_finished", counter=counter.id)
    back = _is_back(state, rules, last, command.at, f"counter/{counter.id}")
    if state.counter(counter.id).ticket:
        return back
    return [*back, *_ready(state, counter), _call_by_hand(state, rules, counter, last, command.at)]


def _no_show(state: State, rules: Rules, command: cm.NoShow) -> Decision:
    counter = _counter(rules, command)
    ticket = _in_hand(state, counter)
    if ticket.stage is Stage.SERVING:
        raise Refused("being_served", ticket=ticket.id)
    return [ev.TicketMissed(ticket.id, counter.id)]


def _hold(state: State, rules: Rules, command: cm.Hold) -> Decision:
    counter = _counter(rules, command)
    return [ev.TicketHeld(_in_hand(state, counter).id, counter.id)]


def _unhold(state: State, rules: Rules, command: cm.Unhold) -> Decision:
    counter = _counter(rules, command)
    held = held_by(state, counter)
    if not held:
        raise Refused("none_held", counter=counter.id)
    ticket = _one(_fitting(held, command.digits), command.digits) if command.digits else held[0]
    return [*_ready(state, counter), _call_by_hand(state, rules, counter, ticket, command.at)]


def _transfer(state: State, rules: Rules, command: cm.Transfer) -> Decision:
    counter = _counter(rules, command)
    ticket = _in_hand(state, counter)
    if len(command.digits) == 1:
        service = next((s for s in rules.services.values() if s.key == int(command.digits)), None)
        if service is None:
            raise Refused("no_service_key", digits=command.digits)
        if service.id == ticket.service:
            raise Refused("same_service", ticket=ticket.id, service=service.name)
        overflow = issuing.overflow(state, rules, service.id, ticket.id, command.at)
        return [ev.TicketTransferred(ticket.id, service.id, counter.id), *overflow]
    target = next((c for c in rules.counters.values() if c.id.zfill(2) == command.digits), None)
    if target is None:
        raise Refused("transfer_where", digits=command.digits)
    if target.id == counter.id:
        raise Refused("same_counter", ticket=ticket.id, counter=counter.id)
    return [ev.TicketTransferred(ticket.id, ticket.service, counter.id, target.id)]


def _open(state: State, rules: Rules, command: cm.Open) -> Decision:
    counter = _counter(rules, command)
    if state.counter(counter.id).stage is CounterStage.OPEN:
        raise Refused("already_open", counter=counter.id)
    return [ev.CounterOpened(counter.id)]


def _pause(state: State, rules: Rules, command: cm.Pause) -> Decision:
    counter = _counter(rules, command)
    stage = state.counter(counter.id).stage
    if stage is CounterStage.PAUSED:
        return [ev.CounterOpened(counter.id)]
    if stage is CounterStage.CLOSED:
        raise Refused("counter_closed", counter=counter.id)
    return [
        *_finish_in_hand(state, counter),
        *issuing.overflow_without(state, rules, counter),
        ev.CounterPaused(counter.id, command.reason),
    ]


def _close(state: State, rules: Rules, command: cm.Close) -> Decision:
    counter = _counter(rules, command)
    if state.counter(counter.id).stage is CounterStage.CLOSED:
        raise Refused("counter_closed", counter=counter.id)
    # Nobody may be left waiting for a counter that has gone home: what it holds, and what only it
    # may serve, goes back to its service's line.
    overflow = issuing.overflow_without(state, rules, counter)
    moved = {event.ticket for event in overflow if isinstance(event, ev.TicketReassigned)}
    stranded: Events = []
    for t in _stranded(state, counter.id):
        if t.id not in moved:
            back = ev.TicketReassigned(t.id, by=f"counter/{counter.id}", service=t.service)
            stranded += issuing.overflow(state, rules, t.service, t.id, command.at, without=counter.id) or [back]
    return [*_finish_in_hand(state, counter), *stranded, *overflow, ev.CounterClosed(counter.id)]


def _stranded(state: State, counter: str) -> list[Ticket]:
    """What a counter holds, and what only it may serve."""
    return [
        t
        for t in state.tickets.values()
        if (t.stage is Stage.HELD and t.counter == counter) or (t.stage is Stage.WAITING and t.only == counter)
    ]


def _drop_counters(state: State, rules: Rules, command: cm.DropCounters) -> Decision:
    """Whom such a counter had in hand did not leave: they wait again, as do those whom it held or was to serve."""
    events: Events = []
    for id, counter in state.counters.items():
        if id in rules.counters:
            continue
        here = [state.tickets[counter.ticket]] if counter.ticket else []
        here += _stranded(state, id)
        for t in here:
            back = ev.TicketReassigned(t.id, by=f"counter/{id}", service=t.service)
            events += issuing.overflow(state, rules, t.service, t.id, command.at) or [back]
        if here or counter.stage is not CounterStage.CLOSED:
            events.append(ev.CounterClosed(id, dropped=[t.id for t in here]))
    return events


def _ask_rating(state: State, rules: Rules, command: cm.AskRating) -> Decision:
    counter = _counter(rules, command)
    if not counter.rater:
        raise Refused("no_rater", counter=counter.id)
    here = state.counter(counter.id)
    ticket = here.ticket or here.last_ticket
    if not ticket:
        raise Refused("nothing_in_hand", counter=counter.id)
    return [ev.RatingAsked(counter.id, ticket)]


def _rate(state: State, rules: Rules, command: cm.Rate) -> Decision:
    counter = _counter(rules, command)
    if not 1 <= command.score <= 5:
        raise Refused("bad_score", score=command.score)
    here = state.counter(counter.id)
    ticket = here.ticket or here.last_ticket
    if not ticket:
        raise Refused("nothing_in_hand", counter=counter.id)
    if state.tickets[ticket].rated:
        raise Refused("rated_already", ticket=ticket)
    return [ev.Rated(counter.id, command.score, ticket)]


# -- the lobby manager ---------------------------------------------------------------------------------------


def _named(state: State, text: str) -> Ticket:
    """The ticket a manager means: its full name in either case, or its number if only one bears it."""
    ticket = state.tickets.get(text) or state.tickets.get(text.upper())
    if ticket is None and text.isdecimal():
        return _one(_fitting([t for t in state.tickets.values() if t.stage not in ENDED], text), text)
    if ticket is None:
        raise Refused("unknown_ticket", ticket=text)
    return ticket


def _must_wait(ticket: Ticket, *also: Stage) -> None:
    """Refuse, in the words for where it is, unless the ticket waits (or is in one of the other stages)."""
    if ticket.stage is Stage.WAITING or ticket.stage in also:
        return
    if ticket.stage in IN_HAND:
        raise Refused("at_counter", ticket=ticket.id, counter=ticket.counter)
    raise Refused(f"ticket_{ticket.stage}", ticket=ticket.id, counter=ticket.counter)


def _promote(state: State, rules: Rules, command: cm.Promote) -> Decision:
    klass = rules.classes.get(command.klass)
    if klass is None:
        raise Refused("unknown_class", klass=command.klass)
    if not command.ticket:
        raise Refused("which_ticket")
    ticket = _named(state, command.ticket)
    _must_wait(ticket, Stage.HELD)
    if ticket.klass == klass.id:
        raise Refused("already_class", ticket=ticket.id, klass=klass.name)
    # What had its time later counts from when its customer came: privilege makes nothing worse.
    came = ticket.issued_at // 1000
    seniority = came if ticket.slot and not ticket.called_at and came < ticket.seniority else None
    return [ev.TicketPromoted(ticket.id, klass.id, command.reason, command.by, seniority)]


def _reassign(state: State, rules: Rules, command: cm.Reassign) -> Decision:
    if command.service and command.service not in rules.services:
        raise Refused("unknown_service", service=command.service)
    if command.counter and command.counter not in rules.counters:
        raise Refused("unknown_counter", counter=command.counter)
    if command.service and command.counter:
        raise Refused("reassign_where")
    if command.ticket:
        ticket = _named(state, command.ticket)
        _must_wait(ticket, Stage.HELD)
    else:
        first = min(_not_reassigned(state), default=None)
        if first is None:
            raise Refused("none_to_reassign")
        ticket = state.tickets[first[2]]
    return [
        ev.TicketReassigned(
            ticket.id,
            by=command.by,
            service=command.service or None,
            counter=command.counter or None,
            any=None if command.service or command.counter else True,
            reason=command.reason or None,
        ),
        *(issuing.overflow(state, rules, command.service, ticket.id, command.at) if command.service else ()),
    ]


def _undo(state: State, rules: Rules, command: cm.Undo) -> Decision:
    if not command.ticket:
        raise Refused("which_ticket")
    ticket = _named(state, command.ticket)
    _must_wait(ticket)
    before = ticket.before
    if before is None:
        raise Refused("nothing_to_undo", ticket=ticket.id)
    if before.only in rules.counters and state.counter(before.only).stage is CounterStage.CLOSED:
        raise Refused("counter_closed", counter=before.only)
    return [
        ev.TicketRestored(
            ticket.id,
            before.service,
            before.klass,
            before.only,
            command.by,
            slot=before.slot or None,
            not_before=before.not_before or None,
            reason=command.reason or None,
            seniority=before.seniority if before.seniority != ticket.seniority else None,
        ),
        *(() if before.only else issuing.overflow(state, rules, before.service, ticket.id, command.at)),
    ]


def _call_from_afar(state: State, rules: Rules, command: cm.CallByHand) -> Decision:
    """Unlike at the counter itself, nobody there is sent away for it, and nobody is called to an empty chair."""
    if not command.ticket:
        raise Refused("which_ticket")
    counter = rules.counters.get(command.counter)
    if counter is None:
        raise Refused("unknown_counter", counter=command.counter)
    ticket = _named(state, command.ticket)
    _must_wait(ticket, Stage.MISSED)
    here = state.counter(counter.id)
    if here.stage is not CounterStage.OPEN:
        raise Refused("counter_not_open", counter=counter.id)
    if here.ticket:
        raise Refused("counter_busy", counter=counter.id, ticket=here.ticket)
    if counter.handicap(ticket.service, ticket.klass, ticket.only) is None:
        raise Refused("not_served_there", counter=counter.id, ticket=ticket.id)
    back = [_back(rules, ticket, command.at, command.by)] if ticket.stage is Stage.MISSED else []
    return [*back, _call_by_hand(state, rules, counter, ticket, command.at, command.by, command.reason)]


def _not_reassigned(state: State) -> Iterator[tuple[int, int, str]]:
    """The first waiting ticket of each line that has not been reassigned yet."""
    for key, line in state.lines.items():
        if key.only != ANY:
            first = next((place for place in line if not state.tickets[place.ticket].reassigned), None)
            if first:
                yield first


def _back(rules: Rules, ticket: Ticket, at: int, by: str, reason: str = "") -> ev.TicketReturned:
    """The return of a no-show, or of one that was finished without having been started, if it is still allowed."""
    if ticket.stage is Stage.FINISHED:
        if at > ticket.returns_until(rules):
            raise Refused("undo_late", ticket=ticket.id, minutes=rules.return_within // 60)
        return ev.TicketReturned(ticket.id, ticket.seniority, by, reason or None, finished=True)
    if ticket.returns >= rules.returns:
        raise Refused("return_limit", ticket=ticket.id, times=ticket.returns)
    if at > ticket.returns_until(rules):
        raise Refused("return_late", ticket=ticket.id, minutes=rules.return_within // 60)
    return ev.TicketReturned(ticket.id, ticket.seniority + rules.return_penalty, by, reason or None)


def _return(state: State, rules: Rules, command: cm.Return) -> Decision:
    if not command.ticket:
        raise Refused("which_ticket")
    ticket = _named(state, command.ticket)
    if ticket.stage is not Stage.MISSED and not (ticket.stage is Stage.FINISHED and ticket.unstarted):
        raise Refused("not_missed", ticket=ticket.id)
    return _is_back(state, rules, ticket, command.at, command.by, command.reason)


def _is_back(state: State, rules: Rules, ticket: Ticket, at: int, by: str, reason: str = "") -> Events:
    """A ticket waits again, where somebody is there to serve it."""
    back = _back(rules, ticket, at, by, reason)
    if ticket.only in rules.counters and state.counter(ticket.only).stage is CounterStage.CLOSED:
        # The one counter it was sent to has gone home: its service's counters take it back.
        return [back, ev.TicketReassigned(ticket.id, by=by, service=ticket.service)]
    overflow = [] if ticket.only else issuing.overflow(state, rules, ticket.service, ticket.id, at)
    return [back, *overflow]


def _cancel(state: State, rules: Rules, command: cm.Cancel) -> Decision:
    if not command.ticket:
        raise Refused("which_ticket")
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
            raise Refused("which_ticket")
        ticket = state.tickets[lost]
    if ticket.stage in ENDED:
        raise Refused(f"ticket_{ticket.stage}", ticket=ticket.id, counter=ticket.counter)
    if command.paper != "ready":
        raise Refused("no_printer") if command.paper == "none" else issuing.no_paper(rules, command.paper)
    return [ev.TicketReprinted(ticket.id, ticket.copies + 1, command.by, command.reason or None)]


def _check_windows(state: State, rules: Rules, command: cm.CheckWindows) -> Decision:
    if staffing.is_too_early(state, command.at):
        return []
    late = issuing.overflow_late(state, rules, command.at)
    windows = state.windows
    standing = bool(windows.advice) or any(any(checks) for checks in windows.checks.values())
    idle = not any(line for line in state.lines.values()) and not any(
        counter.stage is CounterStage.OPEN for counter in state.counters.values()
    )
    over = staffing.is_over(state, rules, command.at)
    if not standing and (idle or over):
        return late
    if over:
        return [*late, ev.WindowsChecked({})]
    groups, advice = staffing.check(state, rules, command.at)
    rows = tuple({name: value for name, value in a._asdict().items() if name != "unless"} for a in advice)
    return [*late, ev.WindowsChecked(groups, rows, tuple(a.unless for a in advice))]


def _answer_advice(state: State, rules: Rules, command: cm.AnswerAdvice) -> Decision:
    standing = [a for a in state.windows.advice if command.counter in ("", a.counter)]
    if not standing:
        raise Refused("no_advice")
    if len(standing) > 1:
        raise Refused("which_advice", advice=staffing.named(rules, standing))
    action, counter, _, before, after, _ = standing[0]
    return [ev.WindowAdviceAnswered(counter, action, command.accept, command.by, before, after)]


def _ask_why(state: State, rules: Rules, command: cm.AskWhy) -> Decision:
    if not command.ticket:
        raise Refused("which_ticket")
    found = explain.ticket(state, rules, command.ticket, command.at)
    if not found.ticket:
        raise Refused("unknown_ticket", ticket=command.ticket)
    return Told(found.text, found.ticket)


def _report_device(state: State, rules: Rules, command: cm.ReportDevice) -> Decision:
    return [ev.DeviceChanged(command.device, command.state, command.detail)]


_DECIDE: dict[type[cm.Command], Callable[[State, Rules, Any], Decision]] = {
    cm.RollOver: _roll_over,
    cm.BeginDay: _begin_day,
    cm.StartController: _start_controller,
    cm.StepClock: _step_clock,
    cm.DropCounters: _drop_counters,
    cm.TakeTicket: issuing.take,
    cm.ReportPrint: _report_print,
    cm.CallNext: _call_next,
    cm.CallNumber: _call_number,
    cm.Recall: _recall,
    cm.Start: _start,
    cm.Finish: _finish,
    cm.UndoFinish: _undo_finish,
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
    cm.Undo: _undo,
    cm.CallByHand: _call_from_afar,
    cm.Return: _return,
    cm.Cancel: _cancel,
    cm.Reprint: _reprint,
    cm.CheckWindows: _check_windows,
    cm.AnswerAdvice: _answer_advice,
    cm.AskWhy: _ask_why,
    cm.ReportDevice: _report_device,
}
