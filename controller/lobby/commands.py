"""What people and devices ask of the lobby.

Every command carries its time `at` (ms since 1970, UTC) and its `cause`, the one press or request that led to it:
one cause acts once, whatever is redelivered. `by` is the device or person that asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.lobby.events import DeviceState

Paper = str
"""Whether a ticket can be printed now: `ready`; `none` (the branch has no printer); else a wording key of why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Base of all commands."""

    at: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOver(Command):
    """End the business day that is open and begin the one that `at` lies in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartController(Command):
    """The controller has started. `boot` names the machine's last start, `origin` is what its wall clock would have
    said then, as it goes now (ms since 1970, UTC)."""

    boot: str
    origin: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DropCounters(Command):
    """Let nobody wait for counters that are no longer configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepClock(Command):
    """The wall clock was set: `at` is the new time, `by` how many ms later than the old one would have been."""

    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeTicket(Command):
    """Issue a ticket. Empty `service` and `klass` mean the branch's defaults.

    `hold_off`: seconds within which the same button for the same service gives the same ticket. `screen`: the asker
    can show a number when the printer cannot print it. `choice` is an answer of the triage, in place of a service;
    `insist`: the customer wants a ticket, whatever it advises. `slot`: the appointment's, "HH:MM". `granted`: the lobby
    manager gives it, whatever hours and quota say.
    """

    by: str
    service: str = ""
    klass: str = ""
    hold_off: float = 0
    paper: Paper = "none"
    screen: bool = False
    reason: str | None = None
    choice: str = ""
    insist: bool = False
    form: bool = False
    """The customer has filled in the form."""
    asks: bool = False
    """Whoever insists says so (`insist`): the same answer again is the next customer's."""
    needs: tuple[str, ...] = ()
    """See `triage.NEEDS`."""
    slot: str = ""
    granted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterCommand(Command):
    """Base of what is asked at a counter."""

    counter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNext(CounterCommand):
    """Finish the ticket in hand, if any, and call the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNumber(CounterCommand):
    """Finish the ticket in hand, if any, and call the ticket with these digits (by hand)."""

    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall(CounterCommand):
    """Call the ticket in hand again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(CounterCommand):
    """The customer of the ticket in hand has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish(CounterCommand):
    """The ticket in hand is served; call nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoFinish(CounterCommand):
    """The customer whom the counter finished last, without having started, was not there yet: they are back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShow(CounterCommand):
    """The customer of the ticket in hand did not come; call nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(CounterCommand):
    """Park the ticket in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhold(CounterCommand):
    """Call the counter's own held ticket back: the one with these digits, else the one held longest."""

    digits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(CounterCommand):
    """Send the ticket in hand on: one digit is a service's key, two are a counter's id."""

    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(CounterCommand):
    """Finish the ticket in hand and go away for a while; again: come back."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(CounterCommand):
    """Serve customers (again), without calling one yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(CounterCommand):
    """Finish the ticket in hand and close the counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRating(CounterCommand):
    """Ask the customer for a rating."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(CounterCommand):
    """A customer's score."""

    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerCommand(Command):
    """Base of what the lobby manager asks; an empty `ticket` means what the key's description says."""

    by: str
    ticket: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginDay(ManagerCommand):
    """The day that the clock says is the right one: go on in it, with everybody who waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote(ManagerCommand):
    """Give a waiting ticket another class."""

    klass: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassign(ManagerCommand):
    """Give a ticket to a counter, to a service, or (neither given) to any counter that knows its service.

    No ticket: the waiting one of earliest seniority that has not been reassigned yet.
    """

    service: str = ""
    counter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(ManagerCommand):
    """Take back the ticket's last promotion or reassignment, while it waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallByHand(ManagerCommand):
    """Call this ticket to a counter that is free, whoever is before it."""

    counter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(ManagerCommand):
    """A no-show is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(ManagerCommand):
    """End a ticket that is not being served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprint(ManagerCommand):
    """Print a ticket again, marked. No ticket: the earliest whose print is unknown."""

    paper: Paper = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckWindows(Command):
    """Every few minutes: how many windows each group of services needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAdvice(Command):
    """The lobby manager accepts or declines an advice; no `counter`: the first there is."""

    by: str
    accept: bool
    counter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskWhy(Command):
    """Why is this ticket not next? A question: nothing comes of it."""

    ticket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPrint(Command):
    """What became of the `copy`-th paper of a ticket."""

    ticket: str
    copy: int
    result: Literal["printed", "sent", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDevice(Command):
    """A device changed its state; `detail` is a wording key."""

    device: str
    state: DeviceState
    detail: str
