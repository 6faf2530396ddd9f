"""What the lobby answers to each press, in text files that people can read; README.md has their language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from branches import MINUTE, NINE, Lobby, asking, branch, half_hours, hours, local

from controller.lobby.actions.ask_help import HelpAsked, HelpEnded
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.cancel import TicketCancelled
from controller.lobby.actions.clock import ClockStepped, ControllerStarted, StartController
from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.command import Command, CounterCommand
from controller.lobby.actions.day import DayClosed, DayOpened, RollOver
from controller.lobby.actions.drop_counters import DropCounters
from controller.lobby.actions.emergency import EmergencyDeclared, EmergencyEnded
from controller.lobby.actions.enter_roll import RollEntered, TicketServed
from controller.lobby.actions.event import Event
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.hold import TicketHeld
from controller.lobby.actions.leave_note import NoteLeft, NoteRemoved
from controller.lobby.actions.no_show import TicketMissed
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.post_notice import NoticeEnded, NoticePosted
from controller.lobby.actions.press import Press, Where
from controller.lobby.actions.promote import Promote, TicketPromoted
from controller.lobby.actions.rating import Rate, Rated, RatingAsked
from controller.lobby.actions.reassign import TicketReassigned
from controller.lobby.actions.recall import TicketRecalled
from controller.lobby.actions.registry import Decision
from controller.lobby.actions.report_device import DeviceChanged, ReportDevice
from controller.lobby.actions.report_print import PrintSent, PrintUnknown, ReportPrint, TicketPrinted
from controller.lobby.actions.reprint import TicketReprinted
from controller.lobby.actions.return_ticket import TicketReturned
from controller.lobby.actions.set_profile import CounterProfileSet, FollowPlan
from controller.lobby.actions.sign_in import ClerkSignedIn, ClerkSignedOut
from controller.lobby.actions.start import ServiceStarted
from controller.lobby.actions.take_ticket import SelfServiceAdvised, TakeTicket, TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.actions.undo import TicketRestored
from controller.lobby.actions.undo_at_counter import CallUndone, ServiceResumed
from controller.lobby.actions.windows import CheckWindows, WindowAdviceAnswered, WindowsChecked
from controller.lobby.model.calendar import Hours
from controller.lobby.model.emergency import Roll
from controller.lobby.model.outcome import AlreadyDone, QueryResult, Refusal
from controller.lobby.model.rules import ANY, Appointments, CounterProfile, Planned, Rules
from controller.lobby.rule import pick
from controller.presses import command


def usual(**more: Any) -> Rules:
    """The branch of most dialogues."""
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


def with_profiles() -> Rules:
    """One whose counters have profiles, and whose clerks sign in."""
    return usual(
        services={"cash": {"overflow": True}},
        counter_profiles={
            "corporate": CounterProfile("corporate", "Corporate only", {"corporate": 0}, 1),
            "cash": CounterProfile("cash", "Helps cash", {"personal": 0, "cash": 0}, 2, ("2", "12")),
        },
        plan=(Planned("12", "cash", 9 * 3600 + 1800, 10 * 3600),),
        clerks={"4711": "C07", "4712": "C08"},
        rolls=(Roll("X", 1, 40, key=9),),
    )


def plans_too_much() -> Rules:
    """One whose plan takes every counter from cash at once."""
    plan = tuple(Planned(id, "corporate", 9 * 3600 + 1800, 10 * 3600) for id in ("1", "3"))
    return replace(with_profiles(), plan=plan)


def swaps() -> Rules:
    """One whose plan lets the only counters for two services swap them at 09:30, but not a third leave its own."""
    only = {id: CounterProfile(id, f"Only {id}", {id: 0}, key) for key, id in enumerate(("cash", "personal"), 1)}
    plan = (("1", "personal"), ("2", "cash"), ("3", "cash"))
    return branch(
        {"1": {"cash": 0}, "2": {"personal": 0}, "3": {"corporate": 0, "cash": 10}},
        services={"cash": {"overflow": True}, "personal": {"overflow": True}},
        counter_profiles=only,
        plan=tuple(Planned(id, profile, 9 * 3600 + 1800, 10 * 3600) for id, profile in plan),
    )


def by_the_clock(**services: Any) -> Rules:
    """One in which cash has hours and personal a quota."""
    about = {"cash": {"hours": hours("09:00-12:00 13:30-17:00", 15 * MINUTE)}, "personal": {"quota": 3}}
    return branch({"1": {"cash": 0}, "2": {"personal": 0, "cash": 10}}, services=about | services)


def at_rest() -> Rules:
    """One that gives no tickets on Saturdays and Sundays."""
    week = (*hours("09:00-17:00").week[:5], (), ())
    return usual(services={service: {"hours": Hours(week)} for service in ("cash", "personal", "corporate")})


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
                rules = self.lobby.rules.configured
                self.lobby.rules = replace(rules, counters={id: c for id, c in rules.counters.items() if id != counter})
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
            case ["follow", "plan"]:
                return FollowPlan(at=at, cause=cause)
            case ["check", "windows"]:
                return CheckWindows(at=at, cause=cause)
            case ["printed" | "sent" | "unknown" as result, ticket, *copy]:
                return ReportPrint(at=at, cause=cause, ticket=ticket, copy=int((copy or ["1"])[0]), result=result)
            case ["device", device, state, detail]:
                return ReportDevice(at=at, cause=cause, device=device, state=state, detail=detail)
            case ["panel", "PROMOTE", ticket, klass]:
                return Promote(at=at, cause=cause, by="panel", ticket=ticket, klass=klass)
            case ["panel", "NOTICE", *words]:
                typed = {"words": " ".join(words), "minutes": int(more.get("minutes", 0))}
                return command(Where.PANEL, "NOTICE", Press(at=at, cause=cause, by="panel", typed=typed))
            case ["panel", "ENDNOTICE", *id]:
                typed = {"notice": "".join(id)}
                return command(Where.PANEL, "ENDNOTICE", Press(at=at, cause=cause, by="panel", typed=typed))
            case ["panel", "EMERGENCY" | "ENDEMERGENCY" | "ROLL" as key]:
                typed = {"klass" if name == "class" else name: text for name, text in more.items()}
                typed |= {"served": True} if "served" in typed else {}
                return command(Where.PANEL, key, Press(at=at, cause=cause, by="panel", typed=typed))
            case ["panel", key, *ticket]:
                rest = {"service": "", "counter": "", "profile": "", "reason": "", "paper": "none"} | more
                paper = rest.pop("paper")
                typed = rest | {"ticket": (ticket or [""])[0]}
                return command(Where.PANEL, key, Press(at=at, cause=cause, by="panel", paper=paper, typed=typed))
            case [counter, "rates", score]:
                return Rate(at=at, cause=cause, counter=counter, score=int(score))
            case [counter, key, *digits]:
                sure = digits[-1:] == ["surely"]
                typed = {"digits": "".join(digits[: len(digits) - sure])} | more
                made = command(Where.COUNTER, key, Press(at=at, cause=cause, counter=counter, typed=typed))
                return replace(made, sure=sure) if isinstance(made, CounterCommand) else made
        raise AssertionError(words)

    def _ask(self, *what: str) -> str:
        state, rules = self.lobby.state, self.lobby.rules
        match what:
            case ["day"]:
                return state.day
            case ["notices"]:
                clock = {id: rules.local(notice.until).strftime("%H:%M") for id, notice in state.notices.items()}
                return ", ".join(f"{id} until {until}" for id, until in clock.items())
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
    CallUndone: "{ticket} not called",
    NoteRemoved: "note {id} gone",
    CounterProfileSet: "{counter} serves as {profile!r}",
    ClerkSignedIn: "{clerk} at {counter}",
    ClerkSignedOut: "{clerk} left {counter}",
    ServiceResumed: "{counter} has {ticket} again",
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
    HelpAsked: "{counter} asks for help",
    HelpEnded: "{counter} needs no help",
    SelfServiceAdvised: "machine for {service}",
    DayOpened: "new day",
    NoticePosted: "notice {id}",
    NoticeEnded: "notice {id} ended",
    EmergencyDeclared: "emergency {plan}",
    EmergencyEnded: "emergency {plan} ended",
    TicketServed: "{ticket} served",
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
        case TicketReassigned(undone=True):
            return f"{event.ticket} {'is held' if event.held else 'waits'} as before"
        case TicketReassigned():
            where = "anywhere" if event.any else " ".join(filter(None, (event.service, event.counter)))
            return f"{event.ticket} given to {where}"
        case NoteLeft():
            return f"note {event.id} at {event.counter}" + (f" about {event.ticket}" if event.ticket else "")
        case ClockStepped():
            return f"clock set by {event.by / 3_600_000:g} h, {event.clock_day}"
        case ControllerStarted():
            return f"started as {event.boot}"
        case DayClosed(continued=True):
            return f"{event.day} goes on"
        case DayOpened(notes=[_, *_]):
            return " ".join(["new day with", *(each["id"] for each in event.notes or ())])
        case DayOpened(continues=str()):
            return " with ".join(filter(None, (event.day, " ".join(event.kept or ()))))
        case RollEntered():
            told_so = f"{event.count} of the roll" + (" served" if event.served else "")
            return ", not ".join(filter(None, (told_so, " ".join(event.skipped or ()))))
        case WindowsChecked():
            return " ".join(["checked", *(f"{each['action']} {each['counter']}" for each in event.advice)])
        case WindowAdviceAnswered():
            return f"{event.action} {event.counter} {'accepted' if event.accepted else 'declined'}"
        case Rated():
            return f"{event.counter} rated {event.score} for {event.ticket}"
    return SHORT.get(type(event), type(event).KIND).format(**about)


BRANCHES: dict[str, Callable[[], Rules]] = {
    "recalls slowly": lambda: usual(recall_gap=20),
    "others take over": lambda: usual(services={"cash": {"overflow": True}}),
    "in Berlin": lambda: usual(zone="Europe/Berlin", rollover=timedelta(hours=2, minutes=30)),
    "keeps hours": by_the_clock,
    "rests at the weekend": at_rest,
    "has profiles": with_profiles,
    "plans too much": plans_too_much,
    "swaps": swaps,
    "asks first": lambda: usual(confirm_finish=5),
    "has a roll": lambda: usual(rolls=(Roll("X", 1, 500, key=9), Roll("Y", 1, 50, service="personal"))),
}


class Written(NamedTuple):
    """A dialogue as it stands in a file; `lines` are what is done and what follows."""

    title: str
    rules: Callable[[], Rules]
    lines: list[tuple[str, str]]


def written() -> Iterator[Written]:
    """The dialogues of all files, in their order; ValueError says which line is none."""
    for path in sorted(Path(__file__).parent.glob("*.txt")):
        found: Written | None = None
        for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
            line = text.partition("#")[0].strip()
            if line.startswith("== "):
                if found:
                    yield found
                found = Written(line.removeprefix("== "), usual, [])
            elif line and found is None:
                raise ValueError(f"{path.name}:{number}: a dialogue begins with '== TITLE'")
            elif line.startswith("branch: ") and found and not found.lines:
                found = found._replace(rules=BRANCHES[line.removeprefix("branch: ")])
            elif line and found:
                found.lines.append(parts(line))
        if found:
            yield found


def parts(line: str) -> tuple[str, str]:
    """What is done, and what follows."""
    done, _, follows = line.partition("->")
    return done.strip(), follows.strip()


def play(dialogue: Dialogue, lines: Iterable[tuple[str, str]]) -> None:
    """Do all that is done in these lines; what follows must follow."""
    for done, follows in lines:
        assert dialogue.line(done) == follows, f"after: {done}"
