"""What the lobby answers to each press: dialogues, one a key or rule of the contract.

A line of a dialogue is what is done, and after `->` what follows: events, or `refused` and its code. What is done:

    take [SERVICE] [CLASS] [hold=S] [paper=..] [screen]    at a ticket button; `take2` is another button
         [choice=ANSWER] [insist] [form] [needs=A,B] [slot=HH:MM] [chosen=button|customer|card]
    COUNTER KEY [DIGITS]                                    at a counter, or `COUNTER rates SCORE`
    panel KEY [TICKET] [service=..] [counter=..] [paper=..] [reason=..]
    check windows                                           the time for it has come
    printed|sent|unknown TICKET [COPY]                      the printer reports
    device ID STATE DETAIL                                  a device reports
    wait 20s|5m|-1h                                         time passes (or jumps back, unnoticed)
    set 15h|-15h                                            the clock is set, and that is noticed
    without COUNTER                                         the controller starts, a counter having been taken out
    start BOOT                                              the controller starts, the machine having done so as BOOT
    it is "LOCAL TIME"                                      the clock is set
    roll over

and what is asked about the state: `? TICKET`, `? at COUNTER`, `? next COUNTER`, `? unknown prints`, `? day`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from branches import MINUTE, NINE, USUAL, Lobby, asking, branch, half_hours, history, hours, local, long_steps, wording

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.cancel import TicketCancelled
from controller.lobby.actions.clock import ClockStepped, ControllerStarted, StartController
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import DayClosed, DayOpened, RollOver
from controller.lobby.actions.drop_counters import DropCounters
from controller.lobby.actions.event import _KINDS, Event, UnknownEventError, from_row
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.hold import TicketHeld
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.press import Press, Where
from controller.lobby.actions.promote import Promote, TicketPromoted
from controller.lobby.actions.rating import Rate, Rated, RatingAsked
from controller.lobby.actions.reassign import TicketReassigned
from controller.lobby.actions.recall import TicketRecalled
from controller.lobby.actions.registry import Decision, commands
from controller.lobby.actions.report_device import DeviceChanged, ReportDevice
from controller.lobby.actions.report_print import PrintSent, PrintUnknown, ReportPrint, TicketPrinted
from controller.lobby.actions.reprint import TicketReprinted
from controller.lobby.actions.return_ticket import TicketReturned
from controller.lobby.actions.start import ServiceStarted
from controller.lobby.actions.take_ticket import SelfServiceAdvised, TakeTicket, TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.actions.undo import TicketRestored
from controller.lobby.actions.windows import CheckWindows, WindowAdviceAnswered, WindowsChecked
from controller.lobby.answers import answer_to
from controller.lobby.model.outcome import AlreadyDone, QueryResult, Refusal
from controller.lobby.model.rules import ANY, Appointments, Rules
from controller.lobby.model.state import ENDED, CounterStage, Stage
from controller.lobby.rule import pick
from controller.presses import command

ROOT = Path(__file__).parents[1]


def usual(**more: Any) -> Rules:
    """Counter 1: cash, with a rater; 2: personal, borrows cash at 20 min; 3: corporate and cash; 12: personal.

    Questions lead to cash and personal, with and without a machine; appointments are at every half hour of the morning.
    """
    more = {
        "recall_gap": 0,
        "triage": asking(("cash", "personal")),
        "appointments": Appointments(half_hours("09:00", "12:00"), places=2),
    } | more
    return branch(
        {
            "1": {"cash": 0},
            "2": {"cash": 20, "personal": 0},
            "3": {"corporate": 0, "cash": 0},
            "12": {"personal": 0},
        },
        raters=("1",),
        **more,
    )


# -- the dialogues' language ---------------------------------------------------------------------------------------


class Dialogue:
    """Does a line on a lobby and says what followed."""

    def __init__(self, rules: Rules, now: int = NINE) -> None:
        self.lobby = Lobby(rules, now)
        self._set = 0

    def line(self, text: str) -> str:
        """What follows from what is done in `text`."""
        words = text.split()
        match words:
            case ["?", *what]:
                return self._ask(*what)
            case ["wait" | "set" as how, span]:
                unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[span[-1]]
                by = timedelta(**{unit: float(span[:-1])})
                if how == "set":
                    self._set += round(by.total_seconds() * 1000)
                    return told(self.lobby.set_clock(round(by.total_seconds() * 1000)))
                self.lobby.later(by)
                return ""
            case ["it", "is", *_]:
                found = re.fullmatch(r'it is "(.*)"( again)?', text)
                assert found, text
                self.lobby.now = local(found[1], str(self.lobby.rules.zone), fold=1 if found[2] else 0)
                return ""
        command = self._command(words)
        assert command is not None, text
        return told(self.lobby.do(command))

    def _command(self, words: list[str]) -> Command | None:
        at, cause = self.lobby.now, ""
        plain = [word for word in words if "=" not in word]
        more = dict(word.split("=") for word in words if "=" in word)
        match plain:
            case ["without", counter]:
                counters = {id: c for id, c in self.lobby.rules.counters.items() if id != counter}
                self.lobby.rules = replace(self.lobby.rules, counters=counters)
                return DropCounters(at=at, cause=cause)
            case ["start", boot]:
                return StartController(at=at, cause=cause, boot=boot, origin=NINE - 60_000 + self._set)
            case ["roll", "over"]:
                return RollOver(at=at, cause=cause)
            case ["take" | "take2" as by, *rest]:
                said = {word: word in rest for word in ("screen", "insist", "form")}
                service, klass = [*(word for word in rest if word not in said), "", ""][:2]
                about = {name: more[name] for name in ("choice", "slot") if name in more}
                return TakeTicket(
                    at=at,
                    cause=cause,
                    by=by,
                    service=service,
                    klass=klass,
                    hold_off=float(more.get("hold", 0)),
                    paper=more.get("paper", "none"),
                    needs=tuple(filter(None, more.get("needs", "").split(","))),
                    chosen_by=more.get("chosen", "staff"),
                    **said,
                    **about,
                )
            case ["check", "windows"]:
                return CheckWindows(at=at, cause=cause)
            case ["printed" | "sent" | "unknown" as result, ticket, *copy]:
                return ReportPrint(at=at, cause=cause, ticket=ticket, copy=int((copy or ["1"])[0]), result=result)
            case ["device", device, state, detail]:
                return ReportDevice(at=at, cause=cause, device=device, state=state, detail=detail)
            case ["panel", "PROMOTE", ticket, klass]:
                return Promote(at=at, cause=cause, by="panel", ticket=ticket, klass=klass)
            case ["panel", key, *ticket]:
                rest = {"service": "", "counter": "", "reason": "", "paper": "none"} | more
                paper = rest.pop("paper")
                typed = rest | {"ticket": (ticket or [""])[0]}
                return command(Where.PANEL, key, Press(at=at, cause=cause, by="panel", paper=paper, typed=typed))
            case [counter, "rates", score]:
                return Rate(at=at, cause=cause, counter=counter, score=int(score))
            case [counter, key, *digits]:
                typed = {"digits": (digits or [""])[0]}
                return command(Where.COUNTER, key, Press(at=at, cause=cause, counter=counter, typed=typed))
        raise AssertionError(words)

    def _ask(self, *what: str) -> str:
        state, rules = self.lobby.state, self.lobby.rules
        match what:
            case ["day"]:
                return state.day
            case ["unknown", "prints"]:
                return " ".join(state.unknown_prints)
            case ["at", counter]:
                here = state.counter(counter)
                return " ".join(filter(None, (here.stage, here.reason, here.ticket)))
            case ["next", counter]:
                found = pick(state, rules, rules.counters[counter], self.lobby.now)
                return found.ticket.id if found else ""
            case [id]:
                ticket = state.tickets.get(id)
                if ticket is None:
                    return "nobody"
                since = rules.local(ticket.seniority * 1000).strftime("%H:%M")
                only = {"": "", ANY: "anywhere"}.get(ticket.only, f"only {ticket.only}")
                return " ".join(filter(None, (ticket.stage, ticket.service, ticket.klass, since, only)))
        raise AssertionError(what)


SHORT = {
    TicketIssued: "{ticket}",
    TicketCalled: "{counter} calls {ticket}",
    TicketRecalled: "{counter} recalls {ticket} ({times})",
    ServiceStarted: "{counter} serves {ticket}",
    TicketFinished: "{ticket} finished",
    TicketMissed: "{ticket} missed",
    TicketReturned: "{ticket} returned",
    TicketHeld: "{ticket} held",
    TicketPromoted: "{ticket} now {class}",
    TicketRestored: "{ticket} as before",
    TicketCancelled: "{ticket} cancelled",
    TicketReprinted: "{ticket} reprinted ({copy})",
    TicketPrinted: "{ticket} printed",
    PrintSent: "{ticket} sent",
    PrintUnknown: "{ticket} unknown",
    CounterOpened: "{counter} open",
    CounterPaused: "{counter} paused",
    CounterClosed: "{counter} closed",
    RatingAsked: "{counter} asks {ticket}",
    SelfServiceAdvised: "machine for {service}",
    DayOpened: "new day",
    DayClosed: "{unserved} unserved",
    DeviceChanged: "{device} {state} {detail}",
}


def told(decision: Decision) -> str:
    """A decision in a line."""
    if isinstance(decision, Refusal):
        return f"refused {decision.code}"
    if isinstance(decision, AlreadyDone):
        return f"{decision.ticket} again"
    if isinstance(decision, QueryResult):
        return f"told of {decision.ticket}" if decision.ticket else f"told {decision.code}"
    return ", ".join(_short(event) for event in decision) or "nothing"


def _short(event: Event) -> str:
    about = event.to_row()
    match event:
        case TicketCalled(forced=True):
            return f"{event.counter} calls {event.ticket} by hand"
        case TicketFinished(none_waiting=True):
            return f"{event.ticket} finished, none waiting"
        case TicketTransferred():
            return f"{event.ticket} to {event.service}" + (f" at {event.counter}" if event.counter else "")
        case TicketReassigned():
            where = "anywhere" if event.any else " ".join(filter(None, (event.service, event.counter)))
            return f"{event.ticket} given to {where}"
        case ClockStepped():
            return f"clock set by {event.by / 3_600_000:g} h, {event.clock_day}"
        case ControllerStarted():
            return f"started as {event.boot}"
        case DayClosed(continued=True):
            return f"{event.day} goes on"
        case DayOpened(continues=str()):
            return " with ".join(filter(None, (event.day, " ".join(event.kept or ()))))
        case WindowsChecked():
            return " ".join(["checked", *(f"{each['action']} {each['counter']}" for each in event.advice)])
        case WindowAdviceAnswered():
            return f"{event.action} {event.counter} {'accepted' if event.accepted else 'declined'}"
        case Rated():
            return f"{event.counter} rated {event.score} for {event.ticket}"
    return SHORT[type(event)].format(**about)


# -- the dialogues -------------------------------------------------------------------------------------------------

DIALOGUES = {
    "tickets have the service's prefix and a run of numbers each": """
        take cash                 -> A001
        take personal             -> B001
        take cash                 -> A002
        take cash vip             -> A003
        take                      -> A004
        ? A003                    -> waiting cash vip 09:00
    """,
    "a button for nothing we have": """
        take gold                 -> refused unknown_service
        take cash emperor         -> refused unknown_class
        take choice=nothing       -> refused unknown_choice
        take choice=more          -> refused unknown_choice
        take cash needs=wings     -> refused unknown_need
    """,
    "nobody gives themselves privilege: a button has no class of the manager's, a customer the usual one": """
        take cash green chosen=button     -> refused class_is_granted
        take cash urgent chosen=button    -> refused class_is_granted
        take gold green chosen=button     -> refused class_is_granted
        take cash vip chosen=button       -> A001
        take cash vip chosen=customer     -> refused class_is_granted
        take cash emperor chosen=customer -> refused class_is_granted
        take cash appointment chosen=customer -> refused class_is_granted
        take cash chosen=customer         -> A002
        take cash normal chosen=customer  -> A003
        take cash green chosen=card       -> A004
        take cash green                   -> A005
        ? A004                            -> waiting cash green 09:00
    """,
    "a counter that is not there": """
        9 CALL                    -> refused unknown_counter
        9 CALL 12                 -> refused unknown_counter
        9 RECALL                  -> refused unknown_counter
        9 START                   -> refused unknown_counter
        9 FINISH                  -> refused unknown_counter
        9 NOSHOW                  -> refused unknown_counter
        9 HOLD                    -> refused unknown_counter
        9 UNHOLD                  -> refused unknown_counter
        9 TRANSFER 1              -> refused unknown_counter
        9 PAUSE                   -> refused unknown_counter
        9 OPEN                    -> refused unknown_counter
        9 CLOSE                   -> refused unknown_counter
        9 EVALUATE                -> refused unknown_counter
        9 rates 5                 -> refused unknown_counter
        panel REASSIGN counter=9  -> refused unknown_counter
    """,
    "a counter opens with its first CALL": """
        take cash                 -> A001
        ? at 1                    -> closed
        1 CALL                    -> 1 open, 1 calls A001
        ? at 1                    -> open A001
    """,
    "CALL finishes the ticket in hand and calls the next": """
        take cash                 -> A001
        take cash                 -> A002
        1 CALL                    -> 1 open, 1 calls A001
        1 CALL                    -> A001 finished, 1 calls A002
        ? A001                    -> finished cash normal 09:00
    """,
    "CALL with nobody waiting still finishes, and is refused only with nothing in hand": """
        take cash                 -> A001
        take personal             -> B001
        1 CALL                    -> 1 open, 1 calls A001
        1 CALL                    -> A001 finished, none waiting
        ? at 1                    -> open
        1 CALL                    -> refused none_waiting
    """,
    "CALL with digits calls that ticket by hand": """
        take cash                 -> A001
        take cash                 -> A002
        take cash                 -> A003
        1 CALL 003                -> 1 open, 1 calls A003 by hand
        1 CALL 2                  -> A003 finished, 1 calls A002 by hand
        1 CALL                    -> A002 finished, 1 calls A001
    """,
    "two digits are the last two of a number among the tickets this counter serves": """
        take personal             -> B001
        take cash                 -> A001
        take corporate            -> C001
        1 CALL 01                 -> 1 open, 1 calls A001 by hand
        2 CALL 01                 -> 2 open, 2 calls B001 by hand
        3 CALL 02                 -> refused unknown_ticket
        3 CALL 01                 -> 3 open, 3 calls C001 by hand
    """,
    "several fit": """
        take cash                 -> A001
        take personal             -> B001
        take personal             -> B002
        2 CALL 01                 -> refused several_fit
        2 CALL 001                -> refused several_fit
        2 CALL 02                 -> 2 open, 2 calls B002 by hand
        12 CALL 01                -> 12 open, 12 calls B001 by hand
    """,
    "a ticket that waits is meant before one that is elsewhere": """
        take cash                 -> A001
        take corporate            -> C001
        1 CALL                    -> 1 open, 1 calls A001
        3 CALL 01                 -> 3 open, 3 calls C001 by hand
        take cash                 -> A002
        take corporate            -> C002
        1 CALL                    -> A001 finished, 1 calls A002
        1 HOLD                    -> A002 held
        3 CALL 02                 -> C001 finished, 3 calls C002 by hand
    """,
    "who has missed a call here and is back is not taken for another of that number": """
        take cash                 -> A001
        take personal             -> B001
        2 CALL 02                 -> refused unknown_ticket
        2 CALL                    -> 2 open, 2 calls B001
        2 NOSHOW                  -> B001 missed
        2 CALL 001                -> refused several_fit
        3 CALL 001                -> 3 open, 3 calls A001 by hand
        2 CALL 01                 -> B001 returned, 2 calls B001 by hand
    """,
    "who may not come back any more does not make a number ambiguous": """
        take personal             -> B001
        2 CALL                    -> 2 open, 2 calls B001
        2 NOSHOW                  -> B001 missed
        take cash                 -> A001
        2 CALL 001                -> refused several_fit
        wait 15.1m
        2 CALL 001                -> 2 calls A001 by hand
    """,
    "a ticket that cannot be called says where it is": """
        take cash                 -> A001
        take cash                 -> A002
        1 CALL                    -> 1 open, 1 calls A001
        3 CALL 1                  -> refused at_counter
        1 CALL 1                  -> refused at_counter
        1 START                   -> 1 serves A001
        3 CALL 1                  -> refused at_counter
        1 HOLD                    -> A001 held
        3 CALL 1                  -> refused ticket_held
        1 UNHOLD                  -> 1 calls A001 by hand
        1 FINISH                  -> A001 finished
        3 CALL 1                  -> refused ticket_finished
        3 CALL 9                  -> refused unknown_ticket
        panel GREEN A001          -> refused ticket_finished
        panel CANCEL A002         -> A002 cancelled
        panel GREEN A002          -> refused ticket_cancelled
    """,
    "a no-show called by number is returned and called": """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 NOSHOW                  -> A001 missed
        wait 15m
        1 CALL 001                -> A001 returned, 1 calls A001 by hand
        ? A001                    -> called cash normal 09:05
        1 NOSHOW                  -> A001 missed
        wait 15.1m
        1 CALL 001                -> refused return_late
    """,
    "CALL ends a pause": """
        take cash                 -> A001
        1 OPEN                    -> 1 open
        1 PAUSE 2                 -> 1 paused
        ? at 1                    -> paused 2
        1 CALL                    -> 1 open, 1 calls A001
        ? at 1                    -> open A001
    """,
    "RECALL as often as allowed": """
        1 RECALL                  -> refused nothing_in_hand
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 RECALL                  -> 1 recalls A001 (1)
        1 RECALL                  -> 1 recalls A001 (2)
        1 RECALL                  -> 1 recalls A001 (3)
        1 RECALL                  -> refused recall_limit
        1 HOLD                    -> A001 held
        1 UNHOLD                  -> 1 calls A001 by hand
        1 RECALL                  -> 1 recalls A001 (1)
    """,
    "RECALL of a customer who was thought to be there": """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 START                   -> 1 serves A001
        1 NOSHOW                  -> refused being_served
        1 RECALL                  -> 1 recalls A001 (1)
        ? A001                    -> called cash normal 09:00
        1 NOSHOW                  -> A001 missed
    """,
    "START, FINISH, NOSHOW": """
        1 START                   -> refused nothing_in_hand
        1 FINISH                  -> refused nothing_in_hand
        1 NOSHOW                  -> refused nothing_in_hand
        take cash                 -> A001
        take cash                 -> A002
        1 CALL                    -> 1 open, 1 calls A001
        1 START                   -> 1 serves A001
        1 START                   -> refused being_served
        1 NOSHOW                  -> refused being_served
        1 FINISH                  -> A001 finished
        ? at 1                    -> open
        1 CALL                    -> 1 calls A002
        1 NOSHOW                  -> A002 missed
        ? at 1                    -> open
    """,
    "HOLD parks, UNHOLD calls back the one held longest or the one typed": """
        1 HOLD                    -> refused nothing_in_hand
        1 UNHOLD                  -> refused none_held
        take cash                 -> A001
        take cash                 -> A002
        take cash                 -> A003
        1 CALL                    -> 1 open, 1 calls A001
        1 HOLD                    -> A001 held
        wait 1s
        1 CALL                    -> 1 calls A002
        1 HOLD                    -> A002 held
        wait 1s
        1 CALL                    -> 1 calls A003
        1 HOLD                    -> A003 held
        3 UNHOLD                  -> refused none_held
        1 UNHOLD 9                -> refused unknown_ticket
        1 UNHOLD 02               -> 1 calls A002 by hand
        1 UNHOLD                  -> A002 finished, 1 calls A001 by hand
        1 UNHOLD                  -> A001 finished, 1 calls A003 by hand
        1 UNHOLD                  -> refused none_held
    """,
    "TRANSFER: one digit is a service, two are a counter; seniority is kept": """
        1 TRANSFER 2              -> refused nothing_in_hand
        take cash                 -> A001
        wait 10m
        take personal             -> B001
        1 CALL                    -> 1 open, 1 calls A001
        1 TRANSFER 1              -> refused same_service
        1 TRANSFER 9              -> refused no_service_key
        1 TRANSFER 01             -> refused same_counter
        1 TRANSFER 55             -> refused transfer_where
        1 TRANSFER 012            -> refused transfer_where
        1 TRANSFER                -> refused transfer_where
        1 TRANSFER 2              -> A001 to personal
        ? at 1                    -> open
        ? A001                    -> waiting personal normal 09:00
        2 CALL                    -> 2 open, 2 calls A001
        2 TRANSFER 12             -> A001 to personal at 12
        ? A001                    -> waiting personal normal 09:00 only 12
        ? next 2                  -> B001
        2 TRANSFER 1              -> refused nothing_in_hand
        12 CALL                   -> 12 open, 12 calls A001
        12 TRANSFER 02            -> A001 to personal at 2
        ? next 12                 -> B001
        2 CALL                    -> 2 calls A001
    """,
    "a ticket sent to a service by TRANSFER is bound to nobody any more": """
        take cash                 -> A001
        panel REASSIGN A001 counter=2 -> A001 given to 2
        2 CALL                    -> 2 open, 2 calls A001
        2 TRANSFER 3              -> A001 to corporate
        ? A001                    -> waiting corporate normal 09:00
        3 CALL                    -> 3 open, 3 calls A001
    """,
    "PAUSE toggles and finishes; a digit gives the reason": """
        1 PAUSE                   -> refused counter_closed
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 PAUSE 3                 -> A001 finished, 1 paused
        ? at 1                    -> paused 3
        1 PAUSE                   -> 1 open
        1 PAUSE                   -> 1 paused
        ? at 1                    -> paused
        1 CLOSE                   -> 1 closed
    """,
    "OPEN": """
        1 OPEN                    -> 1 open
        1 OPEN                    -> refused already_open
        1 PAUSE                   -> 1 paused
        1 OPEN                    -> 1 open
    """,
    "CLOSE sends back what the counter holds and what only it may serve": """
        1 CLOSE                   -> refused counter_closed
        take cash                 -> A001
        take cash                 -> A002
        take cash                 -> A003
        take cash                 -> A004
        1 CALL                    -> 1 open, 1 calls A001
        1 HOLD                    -> A001 held
        panel REASSIGN A003 counter=1 -> A003 given to 1
        1 CALL                    -> 1 calls A002
        1 CLOSE                   -> A002 finished, A001 given to cash, A003 given to cash, 1 closed
        ? A001                    -> waiting cash normal 09:00
        ? A003                    -> waiting cash normal 09:00
        ? at 1                    -> closed
        3 CALL                    -> 3 open, 3 calls A001
        1 CLOSE                   -> refused counter_closed
    """,
    "EVALUATE asks for the ticket in hand or the last one": """
        1 EVALUATE                -> refused nothing_in_hand
        2 EVALUATE                -> refused no_rater
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 EVALUATE                -> 1 asks A001
        1 FINISH                  -> A001 finished
        1 EVALUATE                -> 1 asks A001
    """,
    "a customer's score, one a ticket": """
        1 rates 5                 -> refused nothing_in_hand
        1 rates 0                 -> refused bad_score
        1 rates 6                 -> refused bad_score
        take cash                 -> A001
        take cash                 -> A002
        take cash                 -> A003
        1 CALL                    -> 1 open, 1 calls A001
        1 rates 4                 -> 1 rated 4 for A001
        1 rates 5                 -> refused rated_already
        1 CALL                    -> A001 finished, 1 calls A002
        1 FINISH                  -> A002 finished
        1 rates 3                 -> 1 rated 3 for A002
        1 CALL                    -> 1 calls A003
        1 rates 1                 -> 1 rated 1 for A003
    """,
    "GREEN alone is a green ticket of the default service, with a ticket it promotes": """
        take cash                 -> A001
        take cash                 -> A002
        panel GREEN               -> A003
        ? A003                    -> waiting cash green 09:00
        panel GREEN service=personal -> B001
        panel GREEN A002 reason=elderly -> A002 now green
        ? A002                    -> waiting cash green 09:00
        ? next 1                  -> A002
        panel GREEN A002          -> refused already_class
        panel GREEN A009          -> refused unknown_ticket
        panel PROMOTE A001 emperor -> refused unknown_class
        1 CALL                    -> 1 open, 1 calls A002
        panel GREEN A002          -> refused at_counter
    """,
    "a held ticket can be promoted, a missed one must return first": """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 HOLD                    -> A001 held
        panel GREEN A001          -> A001 now green
        ? A001                    -> held cash green 09:00
        1 UNHOLD                  -> 1 calls A001 by hand
        1 NOSHOW                  -> A001 missed
        panel PROMOTE A001 vip    -> refused ticket_missed
    """,
    "the manager may type a ticket in small letters, or its number if only one has it": """
        take cash                 -> A001
        take personal             -> B001
        take personal             -> B002
        panel GREEN a001          -> A001 now green
        panel GREEN 02            -> B002 now green
        panel GREEN 01            -> refused several_fit
        panel GREEN 7             -> refused unknown_ticket
        panel CANCEL A001         -> A001 cancelled
        panel GREEN 01            -> B001 now green
    """,
    "REASSIGN alone takes the earliest that waits and is not yet reassigned": """
        panel REASSIGN            -> refused none_to_reassign
        take personal             -> B001
        wait 1m
        take cash                 -> A001
        wait 1m
        take cash                 -> A002
        panel REASSIGN            -> B001 given to anywhere
        ? B001                    -> waiting personal normal 09:00 anywhere
        panel REASSIGN            -> A001 given to anywhere
        ? next 2                  -> B001
        panel REASSIGN A002 service=personal -> A002 given to personal
        panel REASSIGN            -> refused none_to_reassign
    """,
    "REASSIGN alone lets every counter that knows the service serve it as its own": """
        take cash                 -> A001
        wait 19m
        take personal             -> B001
        ? next 2                  -> B001
        panel REASSIGN            -> A001 given to anywhere
        ? next 2                  -> A001
        ? next 12                 -> B001
    """,
    "REASSIGN with a ticket moves it to a counter or service, seniority kept": """
        take cash                 -> A001
        wait 5m
        panel REASSIGN A001 service=personal -> A001 given to personal
        ? A001                    -> waiting personal normal 09:00
        ? next 1                  ->
        panel REASSIGN A001 counter=1 -> A001 given to 1
        ? A001                    -> waiting personal normal 09:00 only 1
        ? next 1                  -> A001
        panel REASSIGN A001 service=cash counter=3 -> refused reassign_where
        panel REASSIGN A001 service=cash -> A001 given to cash
        panel REASSIGN A001 counter=3 -> A001 given to 3
        ? A001                    -> waiting cash normal 09:00 only 3
        panel REASSIGN A001 service=gold -> refused unknown_service
        panel REASSIGN A001 counter=9 -> refused unknown_counter
        3 CALL                    -> 3 open, 3 calls A001
        panel REASSIGN A001       -> refused at_counter
        3 HOLD                    -> A001 held
        panel REASSIGN A001       -> A001 given to anywhere
        1 CALL                    -> 1 open, 1 calls A001
        1 NOSHOW                  -> A001 missed
        panel REASSIGN A001       -> refused ticket_missed
    """,
    "UNDO takes back a promotion": """
        panel UNDO                -> refused which_ticket
        panel UNDO A001           -> refused unknown_ticket
        take cash vip             -> A001
        panel UNDO A001           -> refused nothing_to_undo
        wait 1m
        panel GREEN A001          -> A001 now green
        panel UNDO a001           -> A001 as before
        ? A001                    -> waiting cash vip 09:00
        panel UNDO A001           -> refused nothing_to_undo
    """,
    "UNDO takes back a reassignment, to whatever it went": """
        take cash                 -> A001
        panel REASSIGN A001 service=personal -> A001 given to personal
        panel UNDO 1              -> A001 as before
        ? A001                    -> waiting cash normal 09:00
        panel REASSIGN A001 counter=12 -> A001 given to 12
        ? A001                    -> waiting cash normal 09:00 only 12
        panel UNDO A001           -> A001 as before
        ? A001                    -> waiting cash normal 09:00
        panel REASSIGN            -> A001 given to anywhere
        panel REASSIGN            -> refused none_to_reassign
        panel UNDO A001           -> A001 as before
        ? A001                    -> waiting cash normal 09:00
        ? next 12                 ->
    """,
    "a counter that closes leaves a promotion to be undone, but not what was sent to it": """
        12 OPEN                   -> 12 open
        take cash                 -> A001
        take cash                 -> A002
        panel REASSIGN A001 counter=12 -> A001 given to 12
        panel GREEN A001          -> A001 now green
        panel REASSIGN A002 counter=12 -> A002 given to 12
        12 CLOSE                  -> A001 given to cash, A002 given to cash, 12 closed
        panel UNDO A001           -> A001 as before
        ? A001                    -> waiting cash normal 09:00
        panel UNDO A002           -> refused nothing_to_undo
    """,
    "UNDO takes back the last of several alone": """
        take cash                 -> A001
        panel PROMOTE A001 vip    -> A001 now vip
        panel REASSIGN A001 service=personal -> A001 given to personal
        panel GREEN A001          -> A001 now green
        panel GREEN A001          -> refused already_class
        panel UNDO A001           -> A001 as before
        ? A001                    -> waiting personal vip 09:00
        panel UNDO A001           -> refused nothing_to_undo
        panel REASSIGN A001       -> A001 given to anywhere
        panel REASSIGN A001 service=cash -> A001 given to cash
        panel UNDO A001           -> A001 as before
        ? A001                    -> waiting personal vip 09:00 anywhere
    """,
    "nothing is undone of a ticket that does not wait, or has been called since": """
        take cash                 -> A001
        take cash                 -> A002
        panel GREEN A001          -> A001 now green
        panel GREEN A002          -> A002 now green
        1 CALL                    -> 1 open, 1 calls A001
        panel UNDO A001           -> refused at_counter
        1 HOLD                    -> A001 held
        panel UNDO A001           -> refused ticket_held
        panel PROMOTE A001 vip    -> A001 now vip
        panel UNDO A001           -> refused ticket_held
        1 UNHOLD                  -> 1 calls A001 by hand
        1 NOSHOW                  -> A001 missed
        panel UNDO A001           -> refused ticket_missed
        panel RETURN A001         -> A001 returned
        panel UNDO A001           -> refused nothing_to_undo
        panel CANCEL A002         -> A002 cancelled
        panel UNDO A002           -> refused ticket_cancelled
        1 CALL                    -> 1 calls A001
        1 TRANSFER 2              -> A001 to personal
        panel UNDO A001           -> refused nothing_to_undo
        2 CALL                    -> 2 open, 2 calls A001
        2 FINISH                  -> A001 finished
        panel UNDO A001           -> refused ticket_finished
    """,
    "a held ticket that was given away waits when that is undone": """
        take cash vip             -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 HOLD                    -> A001 held
        panel REASSIGN A001 service=personal -> A001 given to personal
        panel UNDO A001           -> A001 as before
        ? A001                    -> waiting cash vip 09:00
        1 UNHOLD                  -> refused none_held
    """,
    "nothing is given back to a counter that has closed": """
        take cash                 -> A001
        1 OPEN                    -> 1 open
        panel REASSIGN A001 counter=1 -> A001 given to 1
        panel REASSIGN A001 service=personal -> A001 given to personal
        1 CLOSE                   -> 1 closed
        panel UNDO A001           -> refused counter_closed
        ? A001                    -> waiting personal normal 09:00
        1 OPEN                    -> 1 open
        1 PAUSE                   -> 1 paused
        panel UNDO A001           -> A001 as before
        ? A001                    -> waiting cash normal 09:00 only 1
    """,
    "UNDO of an appointment's promotion gives back its slot and its time": """
        take cash appointment slot=09:30 -> A001
        take cash                 -> A002
        panel URGENT A001         -> A001 now urgent
        ? next 1                  -> A001
        panel UNDO A001           -> A001 as before
        ? A001                    -> waiting cash appointment 09:30
        ? next 1                  -> A002
        wait 20m
        ? next 1                  -> A002
        panel CANCEL A002         -> A002 cancelled
        take cash                 -> A003
        ? next 1                  -> A001
    """,
    "UNDO never changes seniority, also of a no-show that is back": """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 NOSHOW                  -> A001 missed
        panel RETURN A001         -> A001 returned
        panel GREEN A001          -> A001 now green
        panel UNDO A001           -> A001 as before
        ? A001                    -> waiting cash normal 09:05
    """,
    "the lobby manager calls a ticket to a free counter, whoever is before it": """
        take cash                 -> A001
        take cash                 -> A002
        take cash                 -> A003
        panel CALL counter=1      -> refused which_ticket
        panel CALL A002           -> refused unknown_counter
        panel CALL A002 counter=9 -> refused unknown_counter
        panel CALL A009 counter=1 -> refused unknown_ticket
        panel CALL A002 counter=1 -> refused counter_not_open
        1 OPEN                    -> 1 open
        panel CALL A002 counter=1 -> 1 calls A002 by hand
        panel CALL A003 counter=1 -> refused counter_busy
        ? at 1                    -> open A002
        panel CALL A002 counter=3 -> refused at_counter
        1 FINISH                  -> A002 finished
        panel CALL A002 counter=1 -> refused ticket_finished
        1 PAUSE                   -> 1 paused
        panel CALL A003 counter=1 -> refused counter_not_open
        1 PAUSE                   -> 1 open
        panel CALL 3 counter=1    -> 1 calls A003 by hand
        1 CALL                    -> A003 finished, 1 calls A001
    """,
    "the lobby manager calls nobody to a counter that does not serve them": """
        take personal             -> B001
        1 OPEN                    -> 1 open
        2 OPEN                    -> 2 open
        panel CALL B001 counter=1 -> refused not_served_there
        panel REASSIGN B001 counter=1 -> B001 given to 1
        panel CALL B001 counter=2 -> refused not_served_there
        panel CALL B001 counter=1 -> 1 calls B001 by hand
        1 HOLD                    -> B001 held
        panel CALL B001 counter=1 -> refused ticket_held
        panel REASSIGN B001       -> B001 given to anywhere
        panel CALL B001 counter=1 -> refused not_served_there
        panel CALL B001 counter=2 -> 2 calls B001 by hand
    """,
    "a no-show whom the lobby manager calls is returned first": """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 NOSHOW                  -> A001 missed
        panel CALL A001 counter=3 -> refused counter_not_open
        wait 15m
        panel CALL A001 counter=1 -> A001 returned, 1 calls A001 by hand
        ? A001                    -> called cash normal 09:05
        1 NOSHOW                  -> A001 missed
        wait 15.1m
        panel CALL A001 counter=1 -> refused return_late
    """,
    "what a counter had that is taken out of the configuration goes back to its line": """
        take cash                 -> A001
        take cash                 -> A002
        take cash                 -> A003
        1 CALL                    -> 1 open, 1 calls A001
        1 HOLD                    -> A001 held
        1 CALL                    -> 1 calls A002
        panel REASSIGN A003 counter=1 -> A003 given to 1
        3 CALL                    -> refused none_waiting
        without 2                 -> nothing
        without 1                 -> A002 given to cash, A001 given to cash, A003 given to cash, 1 closed
        ? A002                    -> waiting cash normal 09:00
        ? at 1                    -> closed
        3 CALL                    -> 3 open, 3 calls A001
        3 CALL                    -> A001 finished, 3 calls A002
        without 1                 -> nothing
    """,
    "a clock that was set to the next day is not believed at once, and has to agree for an hour": """
        take cash                 -> A001
        wait 10m
        take cash                 -> A002
        set 24h                   -> clock set by 24 h, 2026-11-24
        roll over                 -> nothing
        take cash                 -> A003
        1 CALL                    -> 1 open, 1 calls A001
        ? day                     -> 2026-11-23
        ? A001                    -> called cash normal 09:00
        ? A003                    -> waiting cash normal 09:10
        panel NEWDAY              -> 2026-11-23 goes on, 2026-11-24 with A001 A002 A003
        1 CALL                    -> A001 finished, 1 calls A002
        panel NEWDAY              -> refused day_is_right
    """,
    "a machine without a battery: the tickets since the start live on, those of before the outage end": """
        it is "2026-11-22 16:00"
        take cash                 -> A001
        take cash                 -> A002
        1 CALL                    -> 1 open, 1 calls A001
        it is "2026-11-22 17:56"
        start monday              -> started as monday
        take cash                 -> A003
        wait 1m
        take cash                 -> A004
        1 CALL                    -> A001 finished, 1 calls A002
        set 15h                   -> clock set by 15 h, 2026-11-23
        take cash                 -> A005
        ? A003                    -> waiting cash normal 08:56
        ? A002                    -> called cash normal 16:00
        ? day                     -> 2026-11-22
        panel NEWDAY              -> A002 finished, 2026-11-22 goes on, 2026-11-23 with A003 A004 A005
        ? A002                    -> nobody
        ? day                     -> 2026-11-23
        ? at 1                    -> open
        1 CALL                    -> 1 calls A003
        take cash                 -> A006
        panel NEWDAY              -> refused day_is_right
        it is "2026-11-24 08:00"
        take cash                 -> A001
    """,
    "the same, where nobody says that the clock is right": """
        it is "2026-11-22 16:00"
        take cash                 -> A001
        it is "2026-11-22 17:56"
        start monday              -> started as monday
        take cash                 -> A002
        set 15h                   -> clock set by 15 h, 2026-11-23
        wait 59m
        take cash                 -> A003
        ? day                     -> 2026-11-22
        wait 1m
        take cash                 -> A004
        ? day                     -> 2026-11-23
        ? A001                    -> nobody
        ? A002                    -> waiting cash normal 08:56
    """,
    "a clock that jumps a day ahead and back has done nothing": """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        take cash                 -> A002
        set 24h                   -> clock set by 24 h, 2026-11-24
        wait 10m
        roll over                 -> nothing
        take cash                 -> A003
        set -24h                  -> clock set by -24 h, 2026-11-23
        ? day                     -> 2026-11-23
        ? A001                    -> called cash normal 09:00
        ? A002                    -> waiting cash normal 09:00
        ? A003                    -> waiting cash normal 09:10
        wait 2h
        roll over                 -> nothing
        it is "2026-11-24 08:00"
        take cash                 -> A001
    """,
    "a day that lies in the future is ended by the lobby manager, and everybody who waits stays": """
        it is "2036-01-01 10:00"
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        take cash                 -> A002
        it is "2026-11-23 09:00"
        start later               -> started as later
        take cash                 -> A003
        wait 2h
        roll over                 -> nothing
        ? day                     -> 2036-01-01
        panel NEWDAY              -> 2036-01-01 goes on, 2026-11-23
        ? A001                    -> called cash normal 10:00
        take cash                 -> A004
        ? day                     -> 2026-11-23
        it is "2026-11-24 08:00"
        take cash                 -> A001
    """,
    "a clock that is set within the day: nobody waits for longer or comes later than they did": """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 NOSHOW                  -> A001 missed
        wait 10m
        set 30m                   -> clock set by 0.5 h, 2026-11-23
        panel RETURN A001         -> A001 returned
        ? A001                    -> waiting cash normal 09:35
        take cash                 -> A002
        set -1h                   -> clock set by -1 h, 2026-11-23
        ? A001                    -> waiting cash normal 08:35
        take cash vip             -> A003
        ? A003                    -> waiting cash vip 08:40
        start boot                -> started as boot
        start boot                -> nothing
        set 1h                    -> clock set by 1 h, 2026-11-23
        start boot                -> nothing
        start another             -> started as another
    """,
    "a machine that was started, and the controller again while the clock was set": """
        take cash                 -> A001
        start boot                -> started as boot
        it is "2026-11-23 10:00"
        start boot                -> nothing
        wait 1h
        panel NEWDAY              -> refused day_is_right
    """,
    "UNDO at a free counter: whom it finished without START is there again": """
        1 UNDO                    -> refused nothing_finished
        take cash                 -> A001
        take cash                 -> A002
        1 CALL                    -> 1 open, 1 calls A001
        1 CALL                    -> A001 finished, 1 calls A002
        1 NOSHOW                  -> A002 missed
        1 UNDO                    -> A001 returned, 1 calls A001 by hand
        ? A001                    -> called cash normal 09:00
        1 UNDO                    -> refused nothing_finished
        1 PAUSE                   -> A001 finished, 1 paused
        1 UNDO                    -> A001 returned, 1 open, 1 calls A001 by hand
    """,
    "UNDO at a counter with somebody in hand: whom it finished is next, and has lost nothing by it": """
        take cash                 -> A001
        wait 1m
        take cash                 -> A002
        take cash                 -> A003
        1 CALL                    -> 1 open, 1 calls A001
        1 CALL                    -> A001 finished, 1 calls A002
        1 UNDO                    -> A001 returned
        ? A001                    -> waiting cash normal 09:00
        ? at 1                    -> open A002
        ? next 1                  -> A001
        2 UNDO                    -> refused nothing_finished
        1 CALL                    -> A002 finished, 1 calls A001
        1 START                   -> 1 serves A001
        1 FINISH                  -> A001 finished
        1 UNDO                    -> refused nothing_finished
    """,
    "what a service has begun for is over once it is finished": """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 START                   -> 1 serves A001
        1 CALL                    -> A001 finished, none waiting
        1 UNDO                    -> refused nothing_finished
        panel RETURN A001         -> refused not_missed
    """,
    "RETURN of one that was finished without START, within the limit and as often as it takes": """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 CALL                    -> A001 finished, none waiting
        panel RETURN A001         -> A001 returned
        ? A001                    -> waiting cash normal 09:00
        1 CALL                    -> 1 calls A001
        1 CALL                    -> A001 finished, none waiting
        panel RETURN A001         -> A001 returned
        1 CALL                    -> 1 calls A001
        1 CALL                    -> A001 finished, none waiting
        panel RETURN A001         -> A001 returned
        1 CALL                    -> 1 calls A001
        1 FINISH                  -> A001 finished
        wait 15m
        panel RETURN A001         -> A001 returned
        1 CALL                    -> 1 calls A001
        1 FINISH                  -> A001 finished
        wait 15.1m
        panel RETURN A001         -> refused undo_late
        1 UNDO                    -> refused undo_late
    """,
    "UNDO of one that was sent to a counter which has gone home": """
        take cash                 -> A001
        panel REASSIGN A001 counter=3 -> A001 given to 3
        3 CALL                    -> 3 open, 3 calls A001
        3 FINISH                  -> A001 finished
        3 CLOSE                   -> 3 closed
        panel RETURN A001         -> A001 returned, A001 given to cash
    """,
    "RETURN within the limit, with the penalty, at most twice": """
        panel RETURN              -> refused which_ticket
        take cash                 -> A001
        panel RETURN A001         -> refused not_missed
        1 CALL                    -> 1 open, 1 calls A001
        panel RETURN A001         -> refused not_missed
        1 NOSHOW                  -> A001 missed
        panel RETURN A001         -> A001 returned
        ? A001                    -> waiting cash normal 09:05
        1 CALL                    -> 1 calls A001
        1 NOSHOW                  -> A001 missed
        panel RETURN A001         -> A001 returned
        ? A001                    -> waiting cash normal 09:10
        1 CALL                    -> 1 calls A001
        1 NOSHOW                  -> A001 missed
        panel RETURN A001         -> refused return_limit
        1 CALL 001                -> refused return_limit
    """,
    "a no-show whose only counter has gone home goes back to its service": """
        take cash                 -> A001
        take cash                 -> A002
        1 CALL                    -> 1 open, 1 calls A001
        1 TRANSFER 12             -> A001 to cash at 12
        12 CALL                   -> 12 open, 12 calls A001
        12 NOSHOW                 -> A001 missed
        12 CLOSE                  -> 12 closed
        panel RETURN A001         -> A001 returned, A001 given to cash
        wait 6m
        1 CALL                    -> 1 calls A002
        1 CALL                    -> A002 finished, 1 calls A001
    """,
    "RETURN in time": """
        take cash                 -> A001
        take cash                 -> A002
        1 CALL                    -> 1 open, 1 calls A001
        1 NOSHOW                  -> A001 missed
        1 CALL                    -> 1 calls A002
        1 NOSHOW                  -> A002 missed
        wait 15m
        panel RETURN A001         -> A001 returned
        wait 1s
        panel RETURN A002         -> refused return_late
        take cash                 -> A003
        ? next 1                  -> A001
    """,
    "CANCEL": """
        panel CANCEL              -> refused which_ticket
        take cash                 -> A001
        take cash                 -> A002
        panel CANCEL A002         -> A002 cancelled
        panel CANCEL A002         -> refused ticket_cancelled
        1 CALL                    -> 1 open, 1 calls A001
        panel CANCEL A001         -> refused at_counter
        1 HOLD                    -> A001 held
        panel CANCEL A001         -> A001 cancelled
        1 UNHOLD                  -> refused none_held
        take cash                 -> A003
        1 CALL                    -> 1 calls A003
        1 NOSHOW                  -> A003 missed
        panel CANCEL A003         -> A003 cancelled
        panel RETURN A003         -> refused not_missed
    """,
    "TAKE pressed again within the hold-off is the same ticket": """
        take cash hold=2          -> A001
        wait 1.9s
        take cash hold=2          -> A001 again
        take personal hold=2      -> B001
        take2 cash hold=2         -> A002
        wait 0.1s
        take cash hold=2          -> A003
        wait -1.9s
        take cash hold=2          -> A003 again
        take cash vip hold=2      -> A004
        take cash vip hold=2      -> A004 again
        take cash vip hold=0      -> A005
        panel CANCEL A005         -> A005 cancelled
        take cash vip hold=2      -> A006
    """,
    "with the printer down a bare button is refused, a screen may issue": """
        take cash paper=paper_end -> refused printer_down
        take cash paper=paper_end screen -> A001
        take cash paper=ready     -> A002
        take cash paper=none      -> A003
        printed A001              -> nothing
        printed A002              -> A002 printed
        printed A003              -> nothing
        panel GREEN paper=offline -> refused printer_down
    """,
    "what becomes of the paper": """
        take cash paper=ready     -> A001
        take cash paper=ready     -> A002
        take cash paper=ready     -> A003
        printed A001              -> A001 printed
        printed A001              -> nothing
        sent A002                 -> A002 sent
        unknown A003              -> A003 unknown
        printed A003              -> nothing
        printed Z001              -> nothing
        ? unknown prints          -> A003
    """,
    "REPRINT alone prints the first whose paper is in doubt, with a ticket that one": """
        panel REPRINT paper=ready -> refused which_ticket
        take cash paper=ready     -> A001
        take cash paper=ready     -> A002
        unknown A002              -> A002 unknown
        unknown A001              -> A001 unknown
        panel REPRINT paper=cover_open -> refused printer_down
        panel REPRINT paper=ready -> A002 reprinted (2)
        ? unknown prints          -> A001
        unknown A002 1            -> nothing
        unknown A002 2            -> A002 unknown
        ? unknown prints          -> A001 A002
        panel REPRINT A002 paper=ready -> A002 reprinted (3)
        panel REPRINT A001 paper=none -> refused no_printer
        1 CALL                    -> 1 open, 1 calls A001
        ? unknown prints          -> A001
        1 FINISH                  -> A001 finished
        ? unknown prints          ->
        panel REPRINT A001 paper=ready -> refused ticket_finished
        panel CANCEL A002         -> A002 cancelled
        panel REPRINT A002 paper=ready -> refused ticket_cancelled
        panel REPRINT A009 paper=ready -> refused unknown_ticket
    """,
    "an answer of the triage stands for its service": """
        take choice=to-personal   -> B001
        take personal vip choice=to-cash -> A001
        ? A001                    -> waiting cash vip 09:00
    """,
    "a machine is advised first; the same answer again at the same button insists": """
        take choice=atm-cash hold=2 -> machine for cash
        wait 1s
        take choice=atm-cash hold=2 -> told self_service
        wait 1s
        take2 choice=atm-cash hold=2 -> machine for cash
        take choice=atm-personal hold=2 -> machine for personal
        wait 2s
        take choice=atm-cash hold=2 -> A001
        wait 2s
        take choice=atm-cash hold=2 -> machine for cash
        take choice=atm-personal hold=2 -> B001
        take2 choice=atm-cash insist -> A002
    """,
    "a question writes nothing": """
        take cash                 -> A001
        1 OPEN                    -> 1 open
        panel WHY a001            -> told of A001
        panel WHY                 -> refused which_ticket
        panel WHY A002            -> refused unknown_ticket
        panel CANCEL A001         -> A001 cancelled
        panel WHY A001            -> told of A001
    """,
    "who has gone away does not insist": """
        take choice=atm-cash      -> machine for cash
        wait 60s
        take choice=atm-cash      -> machine for cash
        wait 59s
        take choice=atm-cash      -> A001
        wait -2m
        take choice=atm-cash      -> machine for cash
    """,
    "what a customer brings and needs": """
        take cash form needs=time,glasses,time -> A001
        take cash needs=change    -> A002
    """,
    "an appointment counts from its slot's start, a late one from when it checks in": """
        take cash slot=9:00       -> refused unknown_slot
        take cash slot=12:30      -> refused unknown_slot
        take cash vip slot=10:30 chosen=customer -> refused class_is_granted
        take cash appointment slot=10:30 chosen=customer -> A001
        ? A001                    -> waiting cash appointment 10:30
        take cash                 -> A002
        ? next 1                  -> A002
        wait 10m
        take cash appointment slot=09:00 -> A003
        ? A003                    -> waiting cash appointment 09:00
        wait 1s
        take cash appointment slot=09:00 -> A004
        ? A004                    -> waiting cash appointment 09:10
        take cash appointment slot=09:00 -> refused slot_full
        take cash                 -> A005
        ? A005                    -> waiting cash normal 09:10
    """,
    "an appointment before its time is for a counter that would be idle": """
        take cash appointment slot=09:30 -> A001
        wait 19m
        take cash                 -> A002
        ? next 1                  -> A002
        wait 1m
        ? next 1                  -> A001
        wait -1m
        1 CALL                    -> 1 open, 1 calls A002
        1 CALL                    -> A002 finished, 1 calls A001
    """,
    "URGENT brings an appointment before its time": """
        take cash appointment slot=10:00 -> A001
        take cash                 -> A002
        ? next 1                  -> A002
        panel URGENT A001         -> A001 now urgent
        wait 1m
        ? next 1                  -> A001
    """,
    "advice about the windows": """
        panel ACCEPT              -> refused no_advice
        panel DECLINE counter=1   -> refused no_advice
        check windows             -> nothing
        take cash                 -> A001
        check windows             -> checked open 1 open 2 open 3
        panel DECLINE counter=12  -> refused no_advice
        panel ACCEPT              -> refused which_advice
        panel ACCEPT counter=1    -> open 1 accepted
        panel DECLINE counter=3   -> open 3 declined
        panel ACCEPT counter=3    -> refused no_advice
        panel ACCEPT              -> open 2 accepted
        panel ACCEPT              -> refused no_advice
        check windows             -> nothing
        wait 4m
        check windows             -> checked
    """,
    "a device reports": """
        device printer degraded paper_end -> printer degraded paper_end
    """,
    "roll-over with tickets in hand, waiting, held and missed": """
        take cash                 -> A001
        take cash                 -> A002
        take cash                 -> A003
        take cash                 -> A004
        take personal             -> B001
        1 CALL                    -> 1 open, 1 calls A001
        1 NOSHOW                  -> A001 missed
        1 CALL                    -> 1 calls A002
        1 HOLD                    -> A002 held
        1 CALL                    -> 1 calls A003
        3 CALL                    -> 3 open, 3 calls A004
        3 START                   -> 3 serves A004
        2 OPEN                    -> 2 open
        2 PAUSE                   -> 2 paused
        it is "2026-11-24 02:59"
        roll over                 -> nothing
        it is "2026-11-24 03:00"
        roll over -> A003 finished, 1 closed, A004 finished, 3 closed, 2 closed, 3 unserved, new day
        ? day                     -> 2026-11-24
        ? at 1                    -> closed
        ? B001                    -> nobody
        panel RETURN A001         -> refused unknown_ticket
        1 UNHOLD                  -> refused none_held
        2 CALL 01                 -> refused unknown_ticket
        1 CALL                    -> refused none_waiting
        1 EVALUATE                -> refused nothing_in_hand
        take cash                 -> A001
        ? A001                    -> waiting cash normal 03:00
        roll over                 -> nothing
    """,
    "a clock set back to the day before does not bring that day back": """
        it is "2026-11-24 03:10"
        take cash                 -> A001
        it is "2026-11-23 22:00"
        roll over                 -> nothing
        take cash                 -> A002
        ? day                     -> 2026-11-24
        ? A002                    -> waiting cash normal 03:10
    """,
    "a clock going backwards never lowers the seniority at issue": """
        take cash                 -> A001
        wait 30m
        take cash                 -> A002
        wait -20m
        take personal             -> B001
        ? B001                    -> waiting personal normal 09:30
        wait 25m
        take cash                 -> A003
        ? A003                    -> waiting cash normal 09:35
    """,
}  # fmt: skip


def by_the_clock(**services: Any) -> Rules:
    """Cash until noon and from half past one to five, the last ticket a quarter of an hour before; personal at any
    time, but thrice a day. Counter 2 borrows cash."""
    about = {"cash": {"hours": hours("09:00-12:00 13:30-17:00", 15 * MINUTE)}, "personal": {"quota": 3}}
    return branch({"1": {"cash": 0}, "2": {"personal": 0, "cash": 10}}, services=about | services)


IN_OTHER_BRANCHES = {
    "tickets at the hours of the service": (by_the_clock, """
        take cash                 -> A001
        it is "2026-11-23 11:59:59"
        take cash                 -> A002
        it is "2026-11-23 12:00"
        take cash                 -> refused closed_now
        take personal             -> B001
        panel GREEN service=cash  -> A003
        it is "2026-11-23 13:29:59"
        take cash                 -> refused closed_now
        it is "2026-11-23 13:30"
        take cash                 -> A004
        it is "2026-11-23 16:44:59"
        take cash                 -> A005
        it is "2026-11-23 16:45"
        take cash                 -> refused closed_now
        1 CALL                    -> 1 open, 1 calls A001
    """),
    "so many tickets a day": (by_the_clock, """
        take personal             -> B001
        take personal             -> B002
        take personal             -> B003
        take personal             -> refused quota_used
        panel GREEN service=personal -> B004
        panel CANCEL B004         -> B004 cancelled
        take personal             -> refused quota_used
        take cash                 -> A001
        it is "2026-11-24 09:00"
        take personal             -> B001
    """),
    "RECALL waits a while after the last one": (lambda: usual(recall_gap=20), """
        take cash                 -> A001
        1 CALL                    -> 1 open, 1 calls A001
        1 RECALL                  -> 1 recalls A001 (1)
        wait 19.9s
        1 RECALL                  -> refused recall_gap
        wait 0.1s
        1 RECALL                  -> 1 recalls A001 (2)
        wait -1s
        1 RECALL                  -> 1 recalls A001 (3)
        1 RECALL                  -> refused recall_limit
        1 HOLD                    -> A001 held
        1 UNHOLD                  -> 1 calls A001 by hand
        1 RECALL                  -> 1 recalls A001 (1)
    """),
    "also who returns, or is sent on, goes to others when the last counter of a service has gone": (
        lambda: usual(services={"cash": {"overflow": True}}), """
        1 OPEN                    -> 1 open
        2 OPEN                    -> 2 open
        12 OPEN                   -> 12 open
        take cash                 -> A001
        take personal             -> B001
        take personal             -> B002
        1 CALL                    -> 1 calls A001
        1 NOSHOW                  -> A001 missed
        1 PAUSE                   -> 1 paused
        panel RETURN A001         -> A001 returned, A001 given to anywhere
        2 CALL                    -> 2 calls B001
        2 TRANSFER 1              -> B001 to cash, B001 given to anywhere
        panel REASSIGN B002 service=cash -> B002 given to cash, B002 given to anywhere
        ? B002                    -> waiting cash normal 09:00 anywhere
        1 PAUSE                   -> 1 open
        take personal             -> B003
        panel REASSIGN B003 service=cash -> B003 given to cash
    """),
    "others take over when the last counter of a service has gone": (
        lambda: usual(services={"cash": {"overflow": True}}), """
        take cash                 -> A001
        ? A001                    -> waiting cash normal 09:00
        1 OPEN                    -> 1 open
        3 OPEN                    -> 3 open
        take cash                 -> A002
        take personal             -> B001
        panel REASSIGN A002 counter=1 -> A002 given to 1
        3 CLOSE                   -> 3 closed
        1 PAUSE                   -> A001 given to anywhere, A002 given to anywhere, 1 paused
        ? A002                    -> waiting cash normal 09:00 anywhere
        take cash                 -> A003, A003 given to anywhere
        1 PAUSE                   -> 1 open
        take cash                 -> A004
        ? A004                    -> waiting cash normal 09:00
        ? next 2                  -> A001
        1 CALL                    -> 1 calls A001
        1 HOLD                    -> A001 held
        panel REASSIGN A003 counter=1 -> A003 given to 1
        1 CLOSE                   -> A001 given to anywhere, A004 given to anywhere, A003 given to anywhere, 1 closed
        ? A001                    -> waiting cash normal 09:00 anywhere
    """),
    "others take over as well when a service's own counters have not come at all": (
        lambda: usual(services={"cash": {"overflow": True}}), """
        take cash                 -> A001
        2 OPEN                    -> 2 open
        wait 9.9m
        take cash                 -> A002
        wait 0.1m
        take cash                 -> A003, A003 given to anywhere
        check windows             -> A001 given to anywhere, A002 given to anywhere, checked open 3
        3 OPEN                    -> 3 open
        take cash                 -> A004
    """),
    "what is undone goes to others too when the last counter of a service has gone": (
        lambda: usual(services={"cash": {"overflow": True}}), """
        1 OPEN                    -> 1 open
        take cash                 -> A001
        take cash                 -> A002
        panel REASSIGN A001 service=personal -> A001 given to personal
        panel GREEN A002          -> A002 now green
        1 PAUSE                   -> A002 given to anywhere, 1 paused
        panel UNDO A001           -> A001 as before, A001 given to anywhere
        ? A001                    -> waiting cash normal 09:00 anywhere
        panel UNDO A002           -> A002 as before
        ? A002                    -> waiting cash normal 09:00 anywhere
        panel REASSIGN A002 service=personal -> A002 given to personal
        panel REASSIGN A002 service=cash -> A002 given to cash, A002 given to anywhere
        panel UNDO A002           -> A002 as before
        ? A002                    -> waiting personal normal 09:00
        panel REASSIGN A002 service=cash -> A002 given to cash, A002 given to anywhere
        ? A002                    -> waiting cash normal 09:00 anywhere
        panel UNDO A001           -> refused nothing_to_undo
    """),
}  # fmt: skip


def play(dialogue: Dialogue, text: str) -> None:
    for line in filter(None, map(str.strip, text.splitlines())):
        done, _, follows = (part.strip() for part in line.partition("->"))
        assert dialogue.line(done) == follows, f"after: {line}"


EVERY = {title: (usual, text) for title, text in DIALOGUES.items()} | IN_OTHER_BRANCHES


@pytest.mark.parametrize(("rules", "text"), [pytest.param(*each, id=title) for title, each in EVERY.items()])
def test_dialogue(rules: Callable[[], Rules], text: str) -> None:
    dialogue = Dialogue(rules())
    play(dialogue, text)
    lobby = dialogue.lobby
    assert lobby.replayed().picture() == lobby.state.picture()


def test_numbers_go_on_past_999() -> None:
    lobby = Lobby(usual())
    for _ in range(998):
        lobby.take("cash")
    dialogue = Dialogue(usual())
    dialogue.lobby = lobby
    play(
        dialogue,
        """
        take cash                 -> A999
        take cash                 -> A1000
        take cash                 -> A1001
        1 CALL 1001               -> 1 open, 1 calls A1001 by hand
        1 CALL 01                 -> refused several_fit
        1 CALL 001                -> A1001 finished, 1 calls A001 by hand
        """,
    )


def test_a_spring_day_that_loses_an_hour() -> None:
    """Berlin, 29 March 2026: 02:00 is 03:00. A roll-over at half past two happens when that time is skipped."""
    dialogue = Dialogue(usual(zone="Europe/Berlin", rollover=timedelta(hours=2, minutes=30)))
    play(
        dialogue,
        """
        it is "2026-03-29 01:59:59"
        take cash                 -> A001
        ? day                     -> 2026-03-28
        wait 1s
        take cash                 -> A001
        ? day                     -> 2026-03-29
        ? A001                    -> waiting cash normal 03:00
        """,
    )


def test_an_autumn_day_that_has_an_hour_twice() -> None:
    """Berlin, 25 October 2026: 03:00 is 02:00 again. The day begins once, at the first half past two."""
    dialogue = Dialogue(usual(zone="Europe/Berlin", rollover=timedelta(hours=2, minutes=30)))
    play(
        dialogue,
        """
        it is "2026-10-25 02:20"
        take cash                 -> A001
        ? day                     -> 2026-10-24
        it is "2026-10-25 02:40"
        take cash                 -> A001
        ? day                     -> 2026-10-25
        it is "2026-10-25 02:10" again
        take cash                 -> A002
        roll over                 -> nothing
        ? day                     -> 2026-10-25
        it is "2026-10-25 02:40" again
        take cash                 -> A003
        ? next 1                  -> A001
        """,
    )


def test_a_prefix_given_to_another_service_during_the_day_never_makes_a_number_twice() -> None:
    lobby = Lobby(branch({"1": {"cash": 0, "personal": 0}}))
    lobby.take("cash")
    lobby.take("cash")
    services = dict(lobby.rules.services)
    cash, personal = services["cash"], services["personal"]
    swapped = {
        "cash": type(cash)("cash", "Cash", personal.prefix),
        "personal": type(personal)("personal", "Personal", cash.prefix),
    }
    lobby.rules = replace(lobby.rules, services=swapped)
    assert lobby.take("personal") == "A003"
    assert lobby.take("cash") == "B003"


def test_every_kind_of_ticket_ends_the_day_in_one_way() -> None:
    lobby = history(usual(), long_steps(11, 500))
    lobby.wait(24 * 60)
    open_counters = [id for id, c in lobby.state.counters.items() if c.stage is not CounterStage.CLOSED]
    left = [t.id for t in lobby.state.tickets.values() if t.stage in (Stage.WAITING, Stage.HELD, Stage.MISSED)]
    in_hand = [c.ticket for c in lobby.state.counters.values() if c.ticket]
    assert left
    assert in_hand
    events = lobby.do(RollOver(at=lobby.now, cause=""))
    assert isinstance(events, list)
    assert [e.ticket for e in events if isinstance(e, TicketFinished)] == in_hand
    assert [e.counter for e in events if isinstance(e, CounterClosed)] == open_counters
    assert [e.unserved for e in events if isinstance(e, DayClosed)] == [len(left)]
    assert not lobby.state.tickets


# -- nothing is left out -------------------------------------------------------------------------------------------


def calls_in(path: Path, *names: str) -> Iterator[tuple[str, set[str]]]:
    """Each wording code that a call of one of these functions gives, with the blanks it fills."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in names:
            continue
        given = {keyword.arg for keyword in node.keywords if keyword.arg}
        match node.args[0]:
            case ast.Constant(value=str(code)):
                yield code, given
            case ast.JoinedStr(values=[ast.Constant(value="ticket_"), ast.FormattedValue()]):
                for stage in (Stage.HELD, Stage.MISSED, *ENDED):
                    yield f"ticket_{stage}", given


def refusals_of_decide() -> dict[str, list[set[str]]]:
    found: dict[str, list[set[str]]] = {}
    for path in sorted((ROOT / "controller" / "lobby").rglob("*.py")):
        for code, given in calls_in(path, "Refused"):
            found.setdefault(code, []).append(given)
    return found


def test_the_dialogues_have_every_refusal_and_every_command() -> None:
    refused = set(re.findall(r"-> refused (\w+)", "".join(text for _, text in EVERY.values())))
    assert refused == refusals_of_decide().keys()
    done: set[type[Command]] = set()
    for rules, text in EVERY.values():
        dialogue = Dialogue(rules())
        play(dialogue, text)
        done |= {type(command) for command, decision in dialogue.lobby.decisions if not isinstance(decision, Refusal)}
    assert done == commands()


def blanks(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def all_refusals() -> list[tuple[str, set[str]]]:
    """What anything below `controller` refuses with."""
    found = [(code, given) for code, each in refusals_of_decide().items() for given in each]
    for path in sorted((ROOT / "controller").rglob("*.py")):
        found += list(calls_in(path, "_error", "_refusal"))
        said = [each for each in calls_in(path, "say") if each[0].startswith("refused.")]
        named = re.findall(r'"(refused\.\w+)"', path.read_text("utf-8"))
        assert sorted(named) == sorted(code for code, _ in said), f"{path} has one that it does not say on the spot"
        found += [(code.removeprefix("refused."), given) for code, given in said]
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_refusal_has_a_sentence_with_the_blanks_it_fills(language: str) -> None:
    found = all_refusals()
    assert {"none_waiting", "busy", "too_old", "no_keypad", "journal_down", "internal"} <= {code for code, _ in found}
    for code, given in found:
        about = dict.fromkeys(given, "x")
        sentence = wording(language).say(f"refused.{code}", **about)
        assert sentence
        assert "{" not in sentence


def test_no_sentence_refuses_what_nothing_refuses() -> None:
    known = {key.removeprefix("refused.") for key in wording("en").templates if key.startswith("refused.")}
    assert known == {code for code, _ in all_refusals()}


def test_both_languages_have_the_same_sentences_and_blanks() -> None:
    zh, en = wording("zh").templates, wording("en").templates
    assert zh.keys() == en.keys()
    assert {key: blanks(text) for key, text in zh.items()} == {key: blanks(text) for key, text in en.items()}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_of_event_has_an_answer(language: str) -> None:
    """With what an event of the kind has in its row at least."""
    rules = usual(language=language)
    examples = {type(event): event for event in all_kinds()}
    assert {kind.KIND for kind in examples} == _KINDS.keys()
    for event in examples.values():
        answer = answer_to(rules, [event])
        assert answer.result == "ok"
        assert answer.text
        assert answer.ticket == event.to_row().get("ticket", "")


def all_kinds() -> list[Event]:
    """An event of every kind, with no optional field."""
    made = []
    for kind in _KINDS.values():
        about: dict[str, Any] = {}
        for field in fields(kind):  # type: ignore[arg-type]
            text = str(field.type)
            if "None" not in text:
                about[field.name] = {"int": 1, "bool": False, "Mapping[str, Any]": {}}.get(text, "x")
        if kind is TicketCalled:
            about["passed"] = ["x"]
        if kind is WindowAdviceAnswered:
            about["action"] = "close"
        made.append(kind(**about))
    return made


@pytest.mark.parametrize("event", all_kinds(), ids=lambda event: event.KIND)
def test_every_kind_of_event_comes_back_from_its_row(event: Event) -> None:
    data = json.loads(json.dumps(event.to_row()))
    assert from_row(event.KIND, event.VERSION, data) == event
    assert from_row(event.KIND, event.VERSION, data | {"from_a_newer_version": 1}) == event
    with pytest.raises(UnknownEventError, match=f"{event.KIND} version 2"):
        from_row(event.KIND, 2, data)


def test_rows_have_the_fields_that_outsiders_read() -> None:
    """The kinds and fields of the journal's description, by name."""
    wanted = {
        "ticket_issued": {"ticket", "service", "class", "seniority"},
        "ticket_called": {"ticket", "counter", "forced", "why"},
        "ticket_missed": {"ticket", "counter"},
        "ticket_returned": {"ticket", "seniority"},
        "ticket_transferred": {"ticket", "service"},
        "ticket_promoted": {"ticket", "class", "reason", "by"},
        "ticket_finished": {"ticket", "counter"},
        "ticket_held": {"ticket", "counter"},
        "ticket_cancelled": {"ticket"},
        "ticket_reassigned": {"ticket"},
        "ticket_restored": {"ticket", "service", "class", "only", "by"},
    }
    kinds = (
        "day_opened day_closed ticket_issued ticket_printed print_unknown ticket_called ticket_recalled "
        "service_started ticket_finished ticket_missed ticket_returned ticket_held ticket_transferred "
        "ticket_reassigned ticket_promoted ticket_restored ticket_cancelled ticket_reprinted counter_opened "
        "counter_paused counter_closed device_changed rated"
    )
    assert set(kinds.split()) <= _KINDS.keys()
    rows = {event.KIND: event.to_row().keys() for event in all_kinds()}
    for kind, names in wanted.items():
        assert names <= rows[kind], kind
    lobby = history(usual(), long_steps(5, 1200))
    lobby.wait(24 * 60)
    lobby.take()
    seen = {row["kind"] for row in lobby.rows}
    assert seen == _KINDS.keys()
    heads = [row["data"]["why"]["heads"] for row in lobby.rows if row["kind"] == "ticket_called"]
    assert any(heads)
    assert all(head.keys() == {"ticket", "key"} for each in heads for head in each)
    moved = [row["data"] for row in lobby.rows if row["kind"] == "ticket_reassigned"]
    assert all(data.keys() & {"service", "counter", "any"} for data in moved)


def health_details() -> set[str]:
    """The wording keys that drivers and the desk give for a device's health, as they stand in the source."""
    found: set[str] = set()
    for path in [*(ROOT / "drivers").glob("*.py"), *(ROOT / "controller").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Health"), args=[_, detail]):
                    found |= {n.value for n in ast.walk(detail) if isinstance(n, ast.Constant)}
                case ast.FunctionDef(name="detail"):
                    found |= {
                        n.value
                        for back in ast.walk(node)
                        if isinstance(back, ast.Return)
                        for n in ast.walk(back)
                        if isinstance(n, ast.Constant)
                    }
                case ast.Assign(targets=[ast.Name(id="DETAILS")], value=table):
                    found |= {n.value for n in ast.walk(table) if isinstance(n, ast.Constant)}
    return {detail for detail in found if isinstance(detail, str)} - {""}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_health_has_a_sentence_and_advice(language: str) -> None:
    found = health_details()
    assert {"offline", "no_answer", "garbled", "port_only", "board_refused", "paper_end", "cutter_error"} <= found
    missing = [
        key for detail in sorted(found) for key in (f"device.{detail}", f"advice.{detail}")
        if key not in wording(language).templates
    ]  # fmt: skip
    assert not missing


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_call_can_say_why(language: str) -> None:
    """All the sentences of a call, from calls that give each of them."""
    counters = {"1": {"cash": 0, "personal": 3}, "2": {"personal": 0}}
    slots = Appointments(half_hours("09:00", "16:00"), early=60 * MINUTE)
    credits = {"normal": 0, "vip": 5}
    rules = branch(counters, credits=credits, language=language, pass_limit=3, appointments=slots)
    lobby = history(rules, long_steps(2, 1500, (*USUAL, "call_number")))
    lobby.now = local("2027-01-04 08:00")
    lobby.take("cash", slot="09:30")
    lobby.call("1")
    said = {row["data"]["why"]["text"] for row in lobby.rows if row["kind"] == "ticket_called"}
    for key in ("alone", "first", "own", "credit", "borrowed", "guard", "forced", "early"):
        template = wording(language).templates[f"why.{key}"]
        pattern = re.sub(r"\\{\w+\\}", ".+", re.escape(template))
        assert any(re.fullmatch(pattern, text) for text in said), key
