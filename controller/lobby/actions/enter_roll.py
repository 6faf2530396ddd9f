"""Numbers of the paper roll are entered: afterwards, one or many in order, or by the counter that calls one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from controller.lobby.actions.command import ManagerCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import where
from controller.lobby.actions.press import SERVICE, Field, Press, Where, key
from controller.lobby.actions.reassign import overflow
from controller.lobby.actions.registry import Decision, Events, decides, evolves, for_the_record
from controller.lobby.actions.take_ticket import KLASS, TicketIssued
from controller.lobby.forecast import waiting
from controller.lobby.model.admission import slot_start
from controller.lobby.model.emergency import Numbers, Roll, numbers_of
from controller.lobby.model.lines import end, leave
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Counter, Rules
from controller.lobby.model.state import Stage, State, Ticket
from controller.lobby.model.units import Ms, Seconds, in_seconds

AT_ONCE = 100
"""Most numbers that are entered at once: one slip of the finger must not fill the hall."""
NUMBERS = Field("numbers", "", "numbers of the paper roll: X014, or X014-X027", longest=40)
TIME = Field(
    "time",
    "",
    'when they were taken, "HH:MM", or from when to when, "HH:MM-HH:MM"; empty: nobody knows',
    longest=20,
)
SERVED = Field("served", False, "they have been served already, without the controller")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterRoll(ManagerCommand):
    """Enter numbers that were taken from the paper roll. `served`: they have been served already."""

    numbers: str
    service: str = ""
    klass: str = ""
    time: str = ""
    served: bool = False


@key("ROLL", Where.PANEL, NUMBERS, SERVICE, KLASS, TIME, SERVED)
def _key(press: Press) -> EnterRoll:
    """Enter numbers of the paper roll, up to 100 at once: they wait from when they were taken. Those that are there
    already are left as they are. With `served`: they were served without the controller, and so were waiting printed
    tickets that are named."""
    return EnterRoll(
        **press.by_hand,
        numbers=press[NUMBERS],
        service=press[SERVICE],
        klass=press[KLASS],
        time=press[TIME],
        served=press[SERVED],
    )


@dataclass(frozen=True, slots=True)
class RollEntered(Event):
    """Numbers from `first` to `last` were entered, so many (`count`), which is told by their own rows; `skipped`: those
    of them that were there already. `served`: as served."""

    first: str
    last: str
    count: int
    by: str
    skipped: tuple[str, ...] | list[str] | None = None
    served: bool | None = None


@dataclass(frozen=True, slots=True)
class TicketServed(Event):
    """A ticket that waited was served without the controller, at an unknown time and counter; it counts among those
    served, and its wait nowhere."""

    ticket: str
    by: str


for_the_record(RollEntered)


@decides(EnterRoll)
def _enter_roll(state: State, rules: Rules, command: EnterRoll) -> Decision:
    if not rules.rolls:
        raise Refused("no_roll")
    numbers = numbers_of(rules.rolls, command.numbers)
    if numbers.last - numbers.first >= AT_ONCE:
        raise Refused("roll_too_many", count=numbers.last - numbers.first + 1, most=AT_ONCE)
    if command.service and command.service not in rules.services:
        raise Refused("unknown_service", service=command.service)
    klass = command.klass or rules.default_class
    if klass not in rules.classes:
        raise Refused("unknown_class", klass=command.klass)
    times = _times(rules, command.time, command.at, numbers.last - numbers.first + 1)
    order = _Order(state)
    events: Events = []
    skipped: list[str] = []
    entered: list[str] = []
    for number, taken in zip(range(numbers.first, numbers.last + 1), times, strict=True):
        known, roll = _there(state, rules, numbers, number, printed=command.served)
        if known is None and roll is None:
            raise Refused("roll_outside", number=f"{numbers.prefix}{number:03d}", rolls=rules.rolls_in_words)
        if known is not None:
            if command.served and known.stage is Stage.WAITING:
                events.append(TicketServed(known.id, command.by))
                entered.append(known.id)
            else:
                skipped.append(known.id)
            continue
        assert roll is not None
        service = command.service or roll.service or rules.default_service
        issued = _issued(state, rules, command, roll, number, service, klass, taken, order)
        events.append(issued)
        entered.append(issued.ticket)
        if command.served:
            events.append(TicketServed(issued.ticket, command.by))
        else:
            events += overflow(state, rules, service, issued.ticket, command.at)
    if not entered:
        raise _all_used(state, rules, skipped)
    total = RollEntered(
        entered[0], entered[-1], len(entered), command.by, tuple(skipped) or None, command.served or None
    )
    return [*events, total]


def _there(
    state: State, rules: Rules, numbers: Numbers, number: int, *, printed: bool
) -> tuple[Ticket | None, Roll | None]:
    """The ticket that a number is already, and the roll that it is on; `printed`: also one that was printed."""
    ids = [roll.id(number) for roll in rules.rolls if roll.prefix == numbers.prefix and roll.has(number)]
    roll = rules.roll_of(ids[0], number) if ids else None
    if printed and not ids:
        ids = [
            f"{service.prefix}{number:0{service.digits}d}"
            for service in rules.services.values()
            if service.prefix.upper() == numbers.prefix.upper()
        ]
    return next((state.tickets[id] for id in ids if id in state.tickets), None), roll


def _all_used(state: State, rules: Rules, used: list[str]) -> Refused:
    if len(used) == 1:
        return Refused("roll_used", ticket=used[0], where=where(rules, state.tickets[used[0]]))
    return Refused("roll_all_used", first=used[0], last=used[-1], count=len(used))


def _issued(
    state: State,
    rules: Rules,
    command: EnterRoll,
    roll: Roll,
    number: int,
    service: str,
    klass: str,
    taken: Seconds | None,
    order: _Order,
) -> TicketIssued:
    latest = waiting.newcomer(state, rules, command.at, service, klass).seniority
    seniority = order.seniority(rules, roll, number, latest if taken is None else taken)
    return TicketIssued(
        roll.id(number),
        service,
        klass,
        seniority,
        number,
        command.by,
        False,
        roll=True,
        taken=taken,
    )


class _Order:
    """Numbers of a roll were taken one after the other: a later one never counts as having come before an earlier one,
    whatever times are typed."""

    def __init__(self, state: State) -> None:
        self._known = [(t.id, t.number, t.seniority) for t in state.tickets.values() if t.roll and not t.returns]

    def seniority(self, rules: Rules, roll: Roll, number: int, wanted: Seconds) -> Seconds:
        """The seniority of a number that would like to have `wanted`: not before a lower number that is there, and
        before a higher one, in seconds since 1970, UTC."""
        same = [(n, s) for id, n, s in self._known if roll.has(n) and roll.id(n) == id]
        above = min((s for n, s in same if n > number), default=None)
        below = max((s for n, s in same if n < number), default=None)
        found = wanted if above is None else min(wanted, Seconds(above - 1))
        found = found if below is None else max(found, below)
        self._known.append((roll.id(number), number, found))
        return found


_CLOCK = re.compile(r"([01]?\d|2[0-3]):?([0-5]\d)")


def _times(rules: Rules, text: str, at: Ms, count: int) -> Iterator[Seconds | None]:
    """When each of `count` numbers was taken, in seconds since 1970, UTC: all at one time, or spread evenly over a
    span; None: nobody knows."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
    if not plain:
        return iter([None] * count)
    spans = [_CLOCK.fullmatch(each) for each in re.split(r"[-~–—至到]", plain)]
    if len(spans) > 2 or not all(spans):
        raise Refused("roll_time_unclear", text=text.strip())
    ends = []
    for span in spans:
        assert span is not None
        moment = slot_start(rules, at, (int(span[1]) * 60 + int(span[2])) * 60)
        if moment > in_seconds(at):
            now = rules.local(at).strftime("%H:%M")
            raise Refused("roll_time_future", time=f"{int(span[1]):02d}:{span[2]}", now=now)
        ends.append(moment)
    if ends[-1] < ends[0]:
        raise Refused("roll_time_reversed", text=text.strip())
    step = (ends[-1] - ends[0]) / max(1, count - 1)
    return iter([Seconds(ends[0] + round(n * step)) for n in range(count)])


@evolves(TicketServed)
def _served(state: State, at: Ms, event: TicketServed) -> None:
    ticket = state.tickets[event.ticket]
    leave(state, at, ticket)
    end(state, ticket, Stage.FINISHED)
    ticket.finished_at = at


# -- at a counter ---------------------------------------------------------------------------------------------------


def called_unentered(state: State, rules: Rules, counter: Counter, digits: str, at: Ms) -> TicketIssued | None:
    """The number of the roll that a counter means with digits which nobody has who waits, to be entered as it is
    called; None: it is no such number.

    Always with the roll's key before all digits of the number. Without it only where an emergency is on, or was today;
    and with one or two digits, which is all that 68-terminals have, only where these can be the end of one number: of a
    short roll, or near the highest number that is there.
    """
    number = int(digits)
    bare = state.emergency is not None or state.emergencies > 0
    rolls = [roll for roll in rules.rolls if not roll.service or _serves(rules, counter, roll.service)]
    meant = [
        (roll, number - roll.key * 10**roll.digits)
        for roll in rolls
        if roll.key is not None and len(digits) == roll.digits + 1 and digits[0] == str(roll.key)
    ]
    meant = [(roll, n) for roll, n in meant if roll.has(n)]
    if not meant and bare:
        if len(digits) > 2:
            meant = [(roll, number) for roll in rolls if roll.has(number) and len(digits) >= roll.digits]
        else:
            meant = [(roll, n) for roll in rolls if (n := _ending_in(state, roll, number)) is not None]
        if not meant and any(len(digits) < roll.digits for roll in rolls):
            raise Refused("roll_digits", digits=digits)
    if not meant:
        return None
    if len(meant) > 1:
        told = " ".join(
            f"{roll.id(n)} ({roll.key}{n:0{roll.digits}d})" if roll.key is not None else roll.id(n) for roll, n in meant
        )
        raise Refused("several_fit", tickets=told)
    roll, n = meant[0]
    if used := state.tickets.get(roll.id(n)):
        raise Refused("roll_used", ticket=used.id, where=where(rules, used))
    service = roll.service or _own(rules, counter)
    if not service:
        return None
    klass = rules.default_class
    seniority = _Order(state).seniority(rules, roll, n, waiting.newcomer(state, rules, at, service, klass).seniority)
    return TicketIssued(roll.id(n), service, klass, seniority, n, f"counter/{counter.id}", False, roll=True)


def _ending_in(state: State, roll: Roll, two: int) -> int | None:
    """The number of a roll that ends in these two digits: of a roll of no more than 100 the one that there is, of a
    longer one that which is nearest to the highest number that is there today; None: nobody can tell."""
    first, last = roll.first, roll.last
    if last - first >= 100:
        known = [
            t.number for t in state.tickets.values() if t.roll and roll.has(t.number) and roll.id(t.number) == t.id
        ]
        if not known:
            return None
        first, last = max(first, max(known) - 49), min(last, max(known) + 50)
    return next((n for n in range(first, last + 1) if n % 100 == two), None)


def _serves(rules: Rules, counter: Counter, service: str) -> bool:
    return counter.handicap(service, rules.default_class) is not None


def _own(rules: Rules, counter: Counter) -> str:
    """The service that a number for any service is for at a counter: its own work first, in the order of the
    configuration; empty: it serves none."""
    known = [
        (handicap, n, id)
        for n, id in enumerate(rules.services)
        if (handicap := counter.handicap(id, rules.default_class)) is not None
    ]
    return min(known)[2] if known else ""
