"""The log book (工作日志): what people write of the day beside what is drafted from events, and the day's signing off.

Entries are never changed: a correction is a new entry that strikes the old one. After the signature there are addenda
alone. Entries about suspicious persons are for the lobby manager alone: they are shown on the page of the record and
nowhere else, also not on the printed report of the day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.event import Event
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.press import WORDS, Field, Where, key
from controller.lobby.actions.registry import Decision
from controller.lobby.aggregate import Row
from controller.lobby.model.calendar import at_second
from controller.lobby.model.outcome import Refused, Unsure
from controller.lobby.model.state import CounterStage, Stage
from controller.lobby.model.units import NEVER, Ms
from controller.record.actions.reminders import (
    TOPIC,
    ReminderDone,
    Reminders,
    next_open_day,
    remind,
    today,
)
from controller.record.registry import (
    Alarm,
    Line,
    RecordCommand,
    alarms,
    all_drafted,
    all_outstanding,
    applies,
    decides,
    drafted,
    outstanding,
    pictured,
)
from controller.record.state import Facts, Part, RecordEvent

TOPICS = ("incident", "suspicious", "safety", "visit", "service", "handover", "other")
"""What an entry may be about: `log.topic_<topic>`."""
PRIVATE = frozenset({"suspicious"})
"""Topics that only the lobby manager is shown, on the page of the record."""
HEADINGS = (
    "day", "duty", "checks", "emergency", "faults", "repairs", "alarms", "advice", "grants", "complaints", "other",
)  # fmt: skip
"""Of the drafted lines, in the order in which they are shown: `log.heading_<heading>`."""
ENTRIES = 200
"""Most entries of a day."""
UNSIGNED = 10 * 60 * 1000
"""Milliseconds after closing after which the manager is told that the day is not signed off."""

ENTRY = Field("entry", "", "an entry's number, such as L3; empty: the last one", longest=8)
TOMORROW = Field("tomorrow", False, "it must be done: on the next day on which the branch is open, it is a reminder")
SURE = Field("sure", False, "although something is not done yet")


@dataclass(slots=True)
class Entry:
    """Something that a person has entered at `at` (ms since 1970, UTC). `words`: the cause of the row with what they
    wrote, empty: nothing; `struck`: the entry that corrects it, or "-": there is none; empty: it stands."""

    topic: str
    at: Ms
    by: str
    words: str = ""
    struck: str = ""
    tomorrow: bool = False
    addendum: bool = False


@dataclass(slots=True)
class Logbook(Part):
    """A day's entries by number; its signature; when the first counter opened and when the last one closed, NEVER: not
    yet (all times in ms since 1970, UTC). `unsigned`: the last day before that was not signed off."""

    NAME = "logbook"

    entries: dict[str, Entry] = field(default_factory=dict)
    unsigned: str = ""
    used: bool = False
    """Whether anybody has written in it or signed it on a day before: who keeps no log book is not asked to sign."""
    day: str = ""
    opened_at: Ms = NEVER
    closed_at: Ms = NEVER
    open: set[str] = field(default_factory=set)
    most_open: int = 0
    signed_at: Ms = NEVER
    signed_by: str = ""
    left_open: int = 0

    def carried(self) -> Mapping[str, Any]:
        happened = self.opened_at or self.entries
        unsigned = ("" if self.signed_at else self.day) if happened else self.unsigned
        used = self.used or bool(self.signed_at or self.entries)
        return {"unsigned": unsigned, "used": used} if used else {}

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        return cls(unsigned=carried.get("unsigned", ""), used=bool(carried.get("used")))


# -- what is done ------------------------------------------------------------------------------------------------


@key("LOG", Where.RECORD, TOPIC, WORDS, TOMORROW)
@dataclass(frozen=True, slots=True, kw_only=True)
class EnterInLog(RecordCommand):
    """Enter something in the day's log; after its signature, as an addendum."""

    topic: str = ""
    words: str = ""
    tomorrow: bool = False


@key("LOGEDIT", Where.RECORD, ENTRY, TOPIC, WORDS, TOMORROW)
@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectLog(RecordCommand):
    """Strike an entry of the day's log; with words, they take its place, about the same topic if none is given."""

    entry: str = ""
    topic: str = ""
    words: str = ""
    tomorrow: bool = False


@key("SIGNOFF", Where.RECORD, SURE)
@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffDay(RecordCommand):
    """Sign off the day's log. What is not done yet is told; signed once more with `sure`, it is left open."""

    sure: bool = False


@dataclass(frozen=True, slots=True)
class LogEntered(RecordEvent):
    """Somebody has entered something in the day's log. `strikes`: the entry that it corrects; `tomorrow`: it has become
    a reminder; `addendum`: after the day was signed off; `worded`: what they wrote stands in the table of remarks."""

    entry: str
    topic: str
    by: str
    worded: bool | None = None
    strikes: str | None = None
    tomorrow: bool | None = None
    addendum: bool | None = None


@dataclass(frozen=True, slots=True)
class LogStruck(RecordEvent):
    """An entry of the day's log does not hold, and nothing takes its place."""

    entry: str
    by: str


@dataclass(frozen=True, slots=True)
class DaySignedOff(RecordEvent):
    """Somebody has signed off the business day `day`; `left_open`: how many things were not done then."""

    day: str
    by: str
    left_open: int


@decides(EnterInLog)
def _enter(facts: Facts, command: EnterInLog) -> Decision:
    topic, worded = command.topic or "other", bool(command.words.strip())
    if topic == "other" and not worded:
        raise Refused("say_what")
    return _entered(facts, command.by, topic, worded=worded, tomorrow=command.tomorrow)


def _entered(facts: Facts, by: str, topic: str, *, worded: bool, tomorrow: bool, strikes: str = "") -> list[Event]:
    log = facts.part(Logbook)
    if topic not in TOPICS:
        raise Refused("unknown_topic", topic=topic, topics=" ".join(TOPICS))
    if len(log.entries) >= ENTRIES:
        raise Refused("log_full", most=ENTRIES)
    id = f"L{len(log.entries) + 1}"
    events: list[Event] = []
    if tomorrow:
        told = worded and topic not in PRIVATE  # reminders are shown where others may look on
        events.append(remind(facts, next_open_day(facts), "log", by, entry=id, worded=told))
    addendum = bool(log.signed_at) or None
    return [*events, LogEntered(id, topic, by, worded or None, strikes or None, tomorrow or None, addendum)]


@decides(CorrectLog)
def _correct(facts: Facts, command: CorrectLog) -> Decision:
    log = facts.part(Logbook)
    number = command.entry.strip().upper().removeprefix("L")
    id = f"L{number}" if number else next(reversed(log.entries), "")
    if id not in log.entries:
        raise Refused("unknown_entry", entry=id, entries=" ".join(log.entries) or "-")
    if log.signed_at:
        raise Refused("log_signed")
    entry = log.entries[id]
    if entry.struck:
        raise Refused("entry_struck", entry=id)
    left = facts.part(Reminders).of_entry(today(facts), id)
    events: list[Event] = [ReminderDone(left, command.by, struck=True)] if left else []
    if not command.words.strip() and command.topic in ("", entry.topic):
        return [*events, LogStruck(id, command.by)]
    worded, topic = bool(command.words.strip()), command.topic or entry.topic
    return events + _entered(facts, command.by, topic, worded=worded, tomorrow=command.tomorrow, strikes=id)


@decides(SignOffDay)
def _sign_off(facts: Facts, command: SignOffDay) -> Decision:
    log = facts.part(Logbook)
    if log.signed_at:
        at = facts.rules.clock(log.signed_at)
        raise Refused("signed_already", by=log.signed_by.removeprefix("user/"), time=at)
    left = all_outstanding(facts)
    if left and not command.sure:
        raise Unsure("sign_off_all_the_same", left=facts.say("log.and").join(left))
    return [DaySignedOff(today(facts), command.by, len(left))]


# -- what it changes ---------------------------------------------------------------------------------------------


@applies(Logbook, LogEntered)
def _log_entered(log: Logbook, event: LogEntered, row: Row) -> None:
    words = row.cause if event.worded else ""
    log.entries[event.entry] = Entry(
        event.topic, row.at, event.by, words, "", bool(event.tomorrow), bool(event.addendum)
    )
    if event.strikes in log.entries:
        log.entries[event.strikes].struck = event.entry
    log.day = row.day


@applies(Logbook, LogStruck)
def _log_struck(log: Logbook, event: LogStruck, row: Row) -> None:
    if event.entry in log.entries:
        log.entries[event.entry].struck = "-"


@applies(Logbook, DaySignedOff)
def _signed_off(log: Logbook, event: DaySignedOff, row: Row) -> None:
    log.signed_at, log.signed_by, log.left_open, log.day = row.at, event.by, event.left_open, row.day


@applies(Logbook, CounterOpened)
def _counter_opened(log: Logbook, event: CounterOpened, row: Row) -> None:
    log.open.add(event.counter)
    log.opened_at, log.closed_at, log.day = log.opened_at or row.at, NEVER, row.day
    log.most_open = max(log.most_open, len(log.open))


@applies(Logbook, CounterClosed)
def _counter_closed(log: Logbook, event: CounterClosed, row: Row) -> None:
    log.open.discard(event.counter)
    if not log.open and not row.cause.startswith("day:"):  # what the roll-over closes was closed by nobody
        log.closed_at = row.at


# -- what is shown -----------------------------------------------------------------------------------------------


@outstanding
def _lobby_goes_on(facts: Facts) -> Iterator[str]:
    state = facts.lobby
    if open := [id for id, counter in state.counters.items() if counter.stage is not CounterStage.CLOSED]:
        yield facts.say("log.counters_open", counters=facts.say("record.and").join(open))
    if here := sum(ticket.stage in (Stage.WAITING, Stage.HELD) for ticket in state.tickets.values()):
        yield facts.say("log.customers_here", count=here)


@drafted
def _of_the_day(facts: Facts) -> Iterator[Line]:
    log = facts.part(Logbook)
    if log.unsigned:
        yield Line("day", facts.say("log.not_signed", day=log.unsigned))
    if log.opened_at:
        yield Line("day", facts.say("log.opened", most=log.most_open), log.opened_at)
    if log.closed_at:
        yield Line("day", facts.say("log.closed"), log.closed_at)


@alarms
def _not_signed(facts: Facts) -> Iterator[Alarm]:
    """Once the doors are closed and no counter is open any more."""
    log, rules = facts.part(Logbook), facts.rules.lobby
    if not (log.used or log.entries) or not log.closed_at or log.signed_at or facts.at - log.closed_at < UNSIGNED:
        return
    day = rules.local(log.closed_at).date()
    ends = at_second(day, rules.profile(str(day)).open[-1].end, rules.zone).timestamp() * 1000
    if log.closed_at >= ends - UNSIGNED:
        yield Alarm("log_unsigned", "log_unsigned", {}, log.closed_at, "note")


def topic(facts: Facts, code: str) -> str:
    """What an entry is about, in words; a code that is not known any more as it is."""
    return facts.rules.lobby.wording.templates.get(f"log.topic_{code}", code)


def headed(facts: Facts) -> list[Mapping[str, Any]]:
    """The drafted lines below their headings, in the order of `HEADINGS`."""
    lines: dict[str, list[dict[str, Any]]] = {heading: [] for heading in HEADINGS}
    for line in all_drafted(facts):
        heading = line.heading if line.heading in lines else "other"
        lines[heading].append({"at": line.at, "text": line.text, "words": line.words})
    return [
        {"heading": facts.say(f"log.heading_{heading}"), "name": heading, "lines": found}
        for heading, found in lines.items()
        if found
    ]


@pictured("logbook")
def shown(facts: Facts) -> Mapping[str, Any]:
    """The day's log, for the lobby manager alone."""
    log = facts.part(Logbook)
    return {
        "day": today(facts),
        "topics": [{"id": each, "name": topic(facts, each), "private": each in PRIVATE} for each in TOPICS],
        "drafted": headed(facts),
        "entries": [
            {
                "id": id,
                "topic": entry.topic,
                "name": topic(facts, entry.topic),
                "private": entry.topic in PRIVATE,
                "at": entry.at,
                "by": entry.by,
                "words": entry.words,
                "struck": entry.struck,
                "tomorrow": entry.tomorrow,
                "addendum": entry.addendum,
            }
            for id, entry in log.entries.items()
        ],
        "signed": {"by": log.signed_by, "at": log.signed_at, "left_open": log.left_open} if log.signed_at else None,
        "outstanding": [] if log.signed_at else all_outstanding(facts),
    }
