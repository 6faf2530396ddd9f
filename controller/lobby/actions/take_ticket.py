"""Take a ticket, or be sent to a self-service machine."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import Command
from controller.lobby.actions.event import Event
from controller.lobby.actions.press import SERVICE, ChosenBy, Field, Press, Where, key
from controller.lobby.actions.reassign import overflow
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.forecast import waiting
from controller.lobby.model import triage
from controller.lobby.model.admission import must_be_open, must_have_room, must_not_be_emergency, slot_of
from controller.lobby.model.lines import enter_line
from controller.lobby.model.outcome import AlreadyDone, QueryResult, Refused
from controller.lobby.model.paper import Paper, cannot_print, no_paper
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import ENDED, Print, State, Take, Ticket
from controller.lobby.model.triage import INSISTS_WITHIN, Choice
from controller.lobby.model.units import UNSET, Ms, Seconds, in_ms, in_seconds
from controller.lobby.model.wording import LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeTicket(Command):
    """Issue a ticket. Empty `service` and `klass` mean the branch's defaults.

    `hold_off`: seconds within which the same button and service give the same ticket again. `paper`, `printer`,
    `late`: see `paper.Chosen`. `screen`: the device can show the number if it cannot be printed. `choice`: an answer of
    the triage, in place of a service; `insist`: the customer wants a ticket although a machine is advised. `slot`: of
    the appointment, "HH:MM". `granted`: given by the lobby manager, regardless of hours and quota.
    """

    by: str
    service: str = ""
    klass: str = ""
    hold_off: float = 0
    paper: Paper = "none"
    printer: str = ""
    late: bool = False
    screen: bool = False
    reason: str | None = None
    choice: str = ""
    insist: bool = False
    form: bool = False
    """The customer has filled in the form."""
    asks: bool = False
    """The device asks explicitly whether to insist (`insist`): the same answer again is the next customer's."""
    needs: tuple[str, ...] = ()
    """See `triage.NEEDS`."""
    slot: str = ""
    granted: bool = False
    language: str = ""  # type: ignore[misc]
    """The language that the customer has chosen; empty: the branch's."""
    chosen_by: ChosenBy = "staff"
    """Who chose `klass`: customers cannot give themselves privilege."""


KLASS = Field("klass", "", "a class's id; empty: the usual one", longest=32, alias="class")
TOKEN = Field(
    "token",
    "",
    "a card's token, in hexadecimal, where the button itself reads cards",
    pattern=r"^([0-9A-Fa-f]{64})?$",
    read=True,
)
CHOICE = Field("choice", "", "an answer of the triage, in place of a service", longest=32)
INSIST = Field("insist", False, "the customer wants a ticket, whatever machine is advised")
FORM = Field("form", False, "the customer has filled in the form")
NEEDS: Field[tuple[str, ...]] = Field(
    "needs", (), f"what the customer needs at the counter: any of {', '.join(triage.NEEDS)}", longest=8, each=32
)
SLOT = Field("slot", "", 'the time of the customer\'s appointment, "HH:MM"', longest=5)
LANGUAGE = Field(
    "language",
    "",
    f"the language that the customer has chosen, {' or '.join(LANGUAGES)}; empty: the branch's",
    pattern=rf"^({'|'.join(LANGUAGES)})?$",
)


@key("TAKE", Where.KIOSK, SERVICE, KLASS, TOKEN, CHOICE, INSIST, FORM, NEEDS, SLOT, LANGUAGE)
def _key(press: Press) -> TakeTicket:
    """Take a ticket, or be sent to a self-service machine."""
    return TakeTicket(
        **press.by_hand,
        service=press[SERVICE],
        klass=press[KLASS],
        hold_off=press.hold_off,
        paper=press.paper,
        printer=press.printer,
        late=press.late,
        screen=press.screen,
        choice=press[CHOICE],
        insist=press[INSIST],
        form=press[FORM],
        asks=press.asks,
        needs=tuple(press[NEEDS]),
        slot=press[SLOT],
        language=press[LANGUAGE],
        chosen_by=press.chosen_by,
    )


@dataclass(frozen=True, slots=True)
class TicketIssued(Event):
    """A ticket was issued. `seniority` in seconds since 1970, UTC; `by` the button; `paper`: it is to be printed,
    by `printer`, where the branch has several; `late`: once it works again.

    `expected`: the estimated wait that the customer was told: [least, middle, most] seconds, missing if a counter was
    free or there was no estimate; least and most in whole minutes (to the second in old rows), all three equal if the
    wait is beyond what can be estimated. `rolled`: the predicted wait before corrections that were learned, in
    seconds. `slot`: the start of the appointment, `not_before`: from when it may be called, both in seconds since 1970.
    `form`: the form is filled in. `language`: the one that the customer has chosen, where it is not the branch's.

    `roll`: the number is from the paper roll of an emergency, and was entered now; `taken`: when the customer took it,
    in seconds since 1970, missing if nobody knows.
    """

    ticket: str
    service: str
    klass: str
    seniority: Seconds
    number: int
    by: str
    paper: bool
    reason: str | None = None
    expected: tuple[int, int, int] | list[int] | None = None
    rolled: int | None = None
    choice: str | None = None
    insisted: bool | None = None
    form: bool | None = None
    needs: tuple[str, ...] | list[str] | None = None
    slot: Seconds | None = None
    not_before: Seconds | None = None
    language: str | None = None
    printer: str | None = None
    late: bool | None = None
    roll: bool | None = None
    taken: Seconds | None = None


@dataclass(frozen=True, slots=True)
class SelfServiceAdvised(Event):
    """A customer was advised to use a self-service machine, and got no ticket; `language` as of a ticket."""

    choice: str
    service: str
    by: str
    language: str | None = None


SELF_SERVICE = "self_service"
"""The code of an answer that is advice and not a ticket."""


APPOINTMENT = "appointment"
"""The class of a customer with an appointment who has no other class."""
GRANTED = ("green", "urgent")
"""Classes that only the lobby manager gives, with a reason; no button issues a ticket of one."""


LONG_LINE = 50
"""Tickets in a line from which all who take one for it in the same second are told the same wait: an estimate costs one
pick for each customer ahead, and tickets are taken often when it is full."""


@decides(TakeTicket)
def take(state: State, rules: Rules, command: TakeTicket) -> Decision:
    """Decides a `TakeTicket`: a ticket, the advice to use a machine, or a refusal."""
    _must_not_grant_itself(rules, command)
    language = command.language if command.language in rules.others else ""
    rules = rules.spoken(language)  # what is answered is in the customer's language
    choice = rules.triage.choice(command.choice) if command.choice else None
    if command.choice and choice is None:
        raise Refused("unknown_choice", choice=command.choice)
    wanted = choice.service if choice else command.service
    service = rules.services.get(wanted or rules.default_service)
    if service is None:
        raise Refused("unknown_service", service=wanted)
    klass = rules.classes.get((choice.klass if choice else "") or command.klass or _usual_class(rules, command))
    if klass is None:
        raise Refused("unknown_class", klass=command.klass)
    needs = tuple(dict.fromkeys(command.needs))
    if unknown := [need for need in needs if need not in triage.NEEDS]:
        raise Refused("unknown_need", need=unknown[0], known=", ".join(triage.NEEDS))
    slot = slot_of(rules, command.slot, command.at) if command.slot else None
    wanted_again = (choice.id if choice else "", klass.id, slot or UNSET, command.form, needs, language)
    last = state.takes.get((command.by, service.id))
    if last and command.hold_off and abs(command.at - last.at) < command.hold_off * 1000:
        same = state.tickets[last.ticket]
        given = (last.choice, same.klass, same.booked, same.form, same.needs, same.language)
        if given == wanted_again and same.stage not in ENDED:
            return AlreadyDone(same.id)
    insists = False
    if choice and choice.advice and not command.granted and slot is None:
        since = _since_advised(state, choice, command)
        again = command.hold_off * 1000 <= since < INSISTS_WITHIN * 1000
        insists = command.insist or (again and not command.asks)
        if not insists:
            advised = QueryResult(choice.advice, code=SELF_SERVICE)
            if since < command.hold_off * 1000:
                return advised
            return [SelfServiceAdvised(choice.id, service.id, command.by, language or None)]
    if not command.granted:
        must_not_be_emergency(state, rules)
        must_be_open(state, rules, service, command.at, booked=slot is not None)
    if command.paper not in ("ready", "none") and not command.screen:
        raise (cannot_print if command.granted else no_paper)(rules, command.paper)
    late = command.late and command.screen and command.paper != "ready"
    printed = command.paper == "ready" or late
    number = state.numbers.get(service.id, 0)
    while True:  # the numbers may be in use already: the prefix may have belonged to another service earlier today
        number += 1
        id = f"{service.prefix}{number:0{service.digits}d}"
        if id not in state.tickets:
            break
    ticket = waiting.newcomer(state, rules, command.at, service.id, klass.id)
    must_have_room(state, rules, slot)
    if slot is not None and in_seconds(command.at) <= slot + rules.appointments.grace:
        ticket.seniority, ticket.not_before = slot, Seconds(slot - rules.appointments.early)
    told: tuple[int, tuple[int, int, int] | list[int]] | None = None
    if not waiting.finds_free_counter(state, rules, ticket):
        told = _told_just_now(state, ticket) or waiting.expected(state, rules, command.at, ticket)
    return [
        TicketIssued(
            id,
            service.id,
            klass.id,
            ticket.seniority,
            number,
            command.by,
            printed,
            command.reason,
            expected=told[1] if told else None,
            rolled=told[0] if told else None,
            choice=choice.id if choice else None,
            insisted=insists or None,
            form=command.form or None,
            needs=needs or None,
            slot=slot,
            not_before=ticket.not_before or None,
            language=language or None,
            printer=(command.printer if printed else None) or None,
            late=late or None,
        ),
        *overflow(state, rules, service.id, id, command.at),
    ]


def _told_just_now(state: State, ticket: Ticket) -> tuple[int, list[int]] | None:
    """The wait told in this same second to the last ticket of a long line, as `waiting.expected` returns it; else
    None."""
    line = state.lines.get(ticket.line, ())
    if len(line) < LONG_LINE:
        return None
    last = state.tickets[line[-1].ticket]
    if last.moved or not last.expected or last.seniority != ticket.seniority:
        return None
    return (last.rolled, [*last.expected]) if in_seconds(last.issued_at) == in_seconds(ticket.issued_at) else None


def _must_not_grant_itself(rules: Rules, command: TakeTicket) -> None:
    """Refuse a class that its chooser may not give: a button a manager's class, a customer any but the usual one."""
    usual = ("", rules.default_class, *((APPOINTMENT,) if command.slot else ()))
    is_button, is_customer = command.chosen_by == "button", command.chosen_by == "customer"
    if (is_button and command.klass in GRANTED) or (is_customer and command.klass not in usual):
        raise Refused("class_is_granted")


def _usual_class(rules: Rules, command: TakeTicket) -> str:
    """The class of a customer who has none by card, grant or choice."""
    return APPOINTMENT if command.slot and APPOINTMENT in rules.classes else rules.default_class


def _since_advised(state: State, choice: Choice, command: TakeTicket) -> float:
    """Milliseconds since the same button gave the advice for this answer; infinity: not today."""
    advised = state.advised.get((command.by, choice.id))
    return float("inf") if advised is None else abs(command.at - advised)


@evolves(TicketIssued)
def _issued(state: State, at: Ms, event: TicketIssued) -> None:
    state.issued += 1
    ticket = Ticket(event.ticket, state.issued, event.service, event.klass, event.seniority, at, event.number)
    if event.paper:
        ticket.copies, ticket.print, ticket.printer = 1, Print.QUEUED, event.printer or ""
        ticket.late = bool(event.late)
    ticket.expected, ticket.rolled = tuple(event.expected or ()), event.rolled or 0
    ticket.form, ticket.needs = bool(event.form), tuple(event.needs or ())
    ticket.language = event.language or ""
    ticket.slot, ticket.not_before = event.slot or UNSET, event.not_before or UNSET
    ticket.booked = ticket.slot
    state.tickets[ticket.id] = ticket
    if event.roll:
        ticket.roll, ticket.untimed = True, event.taken is None
        ticket.issued_at = at if event.taken is None else in_ms(event.taken)
    else:
        state.numbers[event.service] = event.number
        state.takes[event.by, event.service] = Take(at, ticket.id, event.choice or "")
    state.first_issued = state.first_issued or at
    if not event.not_before:  # an appointment that is too late counts like any other customer
        state.last_seniority = max(state.last_seniority, event.seniority)
    if event.slot is not None:
        state.slots[event.slot] = state.slots.get(event.slot, 0) + 1
    if event.insisted and event.choice:
        state.insisted[event.choice] = state.insisted.get(event.choice, 0) + 1
        # The next press is another customer's. A screen may have shown the advice by itself: it counts as given.
        if state.advised.pop((event.by, event.choice), None) is None:
            state.sent_away[event.choice] = state.sent_away.get(event.choice, 0) + 1
    enter_line(state, ticket)


@evolves(SelfServiceAdvised)
def _sent_away(state: State, at: Ms, event: SelfServiceAdvised) -> None:
    state.advised[event.by, event.choice] = at
    state.sent_away[event.choice] = state.sent_away.get(event.choice, 0) + 1
