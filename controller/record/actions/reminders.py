"""Reminders (待办提醒): what must be done on a day, and by whom; handed on from day to day until it is done.

A customer who is to be reminded is named by a reference in the words, such as an appointment's number, never by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any, Self

from controller.lobby.actions.press import WORDS, Field, Where, key
from controller.lobby.actions.registry import Decision
from controller.lobby.aggregate import Row
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.record.registry import RecordCommand, applies, decides, outstanding, pictured
from controller.record.state import Facts, Part, RecordEvent

TASKS = ("cash", "change", "customer", "visit", "log", "other")
"""What a reminder may be about: `log.task_<task>`. `log`: an entry of the log that was marked for the next day."""
AT_ONCE = 100
"""Most reminders that are not done."""
AHEAD = 366
"""Most days ahead."""
CLOSED_AT_MOST = 60
"""Days for which a branch may be closed; after them every day counts as open."""

TOPIC = Field("topic", "", "what it is about: a code, such as incident or cash; empty: other", longest=32)
DAY = Field("day", "", "YYYY-MM-DD; empty: the next day on which the branch is open", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
WHOM = Field("whom", "", "a counter's id; empty: the lobby manager", longest=8)
REMINDER = Field("reminder", "", "a reminder's number, such as T3; empty: the only one that is due", longest=8)


@dataclass(slots=True)
class Reminder:
    """Something to be done on a business day or as soon after it as can be. `whom`: a counter, empty: the lobby
    manager; `words`: the cause of the row with a person's words, empty: nothing was written."""

    day: str
    whom: str
    topic: str
    by: str
    words: str = ""
    entry: str = ""
    """The entry of the log that it comes from, of the business day `entered`."""
    entered: str = ""


@dataclass(slots=True)
class Reminders(Part):
    """Those that are not done, by number; those that were done today, with who said so; the last number given."""

    NAME = "reminders"

    open: dict[str, Reminder] = field(default_factory=dict)
    done: dict[str, tuple[Reminder, str]] = field(default_factory=dict)
    last: int = 0

    def carried(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"last": self.last} if self.last else {}
        if self.open:
            found["open"] = {id: asdict(reminder) for id, reminder in self.open.items()}
        return found

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        return cls({id: Reminder(**about) for id, about in carried.get("open", {}).items()}, {}, carried.get("last", 0))

    def of_entry(self, day: str, entry: str) -> str:
        """The reminder that an entry of the log has left; empty: none, or it is done."""
        return next((id for id, each in self.open.items() if (each.entered, each.entry) == (day, entry)), "")


# -- what is done ------------------------------------------------------------------------------------------------


@key("REMIND", Where.RECORD, DAY, WHOM, TOPIC, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class Remind(RecordCommand):
    """Have somebody reminded on a day; on one on which the branch is closed, on the next on which it is open."""

    day: str = ""
    whom: str = ""
    topic: str = ""
    words: str = ""


@key("DONE", Where.RECORD, REMINDER)
@dataclass(frozen=True, slots=True, kw_only=True)
class FinishReminder(RecordCommand):
    """Note that what somebody was reminded of is done."""

    reminder: str = ""


@dataclass(frozen=True, slots=True)
class ReminderSet(RecordEvent):
    """Something is to be done on the business day `day` or as soon after it as can be. `whom`: a counter, missing: the
    lobby manager; `topic`: see `TASKS`; `entry`: the entry of the day's log that it comes from; `worded`: a person has
    written about it, which stands in the table of remarks."""

    reminder: str
    day: str
    topic: str
    by: str
    whom: str | None = None
    entry: str | None = None
    worded: bool | None = None


@dataclass(frozen=True, slots=True)
class ReminderDone(RecordEvent):
    """It is done; `struck`: it need not be, since the entry of the log that it came from was struck."""

    reminder: str
    by: str
    struck: bool | None = None


def today(facts: Facts) -> str:
    """The business day."""
    return facts.lobby.day or facts.rules.lobby.day_of(facts.at)


def open_day(rules: Rules, day: date) -> str:
    """The first day from this one on, on which the branch is open."""
    days = (day + timedelta(days=n) for n in range(CLOSED_AT_MOST))
    return str(next((each for each in days if rules.opens_on(each)), day))


def next_open_day(facts: Facts) -> str:
    """The first day after the business day on which the branch is open."""
    return open_day(facts.rules.lobby, date.fromisoformat(today(facts)) + timedelta(days=1))


def remind(
    facts: Facts, day: str, topic: str, by: str, *, whom: str = "", entry: str = "", worded: bool
) -> ReminderSet:
    """The event of a new reminder, whose day is open."""
    reminders = facts.part(Reminders)
    if len(reminders.open) >= AT_ONCE:
        raise Refused("reminders_full", most=AT_ONCE)
    return ReminderSet(f"T{reminders.last + 1}", day, topic, by, whom or None, entry or None, worded or None)


@decides(Remind)
def _remind(facts: Facts, command: Remind) -> Decision:
    topic, worded = command.topic or "other", bool(command.words.strip())
    if topic not in TASKS:
        raise Refused("unknown_topic", topic=topic, topics=" ".join(TASKS))
    if topic == "other" and not worded:
        raise Refused("say_what")
    if command.whom and command.whom not in facts.rules.lobby.counters:
        raise Refused("unknown_counter", counter=command.whom)
    now, day = date.fromisoformat(today(facts)), next_open_day(facts)
    if command.day:
        try:
            wanted = date.fromisoformat(command.day)
        except ValueError:
            raise Refused("no_such_day", day=command.day) from None
        if not now <= wanted <= now + timedelta(days=AHEAD):
            raise Refused("reminder_day", first=now, last=now + timedelta(days=AHEAD))
        day = open_day(facts.rules.lobby, wanted)
    return [remind(facts, day, topic, command.by, whom=command.whom, worded=worded)]


@decides(FinishReminder)
def _finish(facts: Facts, command: FinishReminder) -> Decision:
    open = facts.part(Reminders).open
    due = [id for id, each in open.items() if each.day <= today(facts)]
    if not command.reminder.strip() and len(due) == 1:
        return [ReminderDone(due[0], command.by)]
    id = f"T{command.reminder.strip().upper().removeprefix('T')}"
    if not command.reminder.strip() and due:
        raise Refused("which_reminder", reminders=" ".join(due))
    if id not in open:
        raise Refused("unknown_reminder", reminder=id, reminders=" ".join(due) or "-")
    return [ReminderDone(id, command.by)]


# -- what it changes ---------------------------------------------------------------------------------------------


@applies(Reminders, ReminderSet)
def _reminder_set(part: Reminders, event: ReminderSet, row: Row) -> None:
    part.open[event.reminder] = Reminder(
        event.day,
        event.whom or "",
        event.topic,
        event.by,
        row.cause if event.worded else "",
        event.entry or "",
        row.day if event.entry else "",
    )
    part.last = max(part.last, int(event.reminder[1:]))


@applies(Reminders, ReminderDone)
def _reminder_done(part: Reminders, event: ReminderDone, row: Row) -> None:
    reminder = part.open.pop(event.reminder, None)
    if reminder and not event.struck and len(part.done) < AT_ONCE:
        part.done[event.reminder] = reminder, event.by


# -- what is shown -----------------------------------------------------------------------------------------------


@outstanding
def _not_done(facts: Facts) -> Iterator[str]:
    due = [id for id, each in facts.part(Reminders).open.items() if each.day <= today(facts)]
    if due:
        yield facts.say("log.open_reminders", count=len(due), reminders=" ".join(due))


def task(facts: Facts, topic: str) -> str:
    """What a reminder is about, in words; a code that is not known any more as it is."""
    return facts.rules.lobby.wording.templates.get(f"log.task_{topic}", topic)


def whom(facts: Facts, counter: str) -> str:
    """Who is reminded, in words."""
    return facts.say("log.at_counter", counter=counter) if counter else facts.say("log.manager")


@pictured("reminders")
def shown(facts: Facts) -> Mapping[str, Any]:
    """The reminders: overdue ones first, then today's, then those of later days."""
    part, day = facts.part(Reminders), today(facts)

    def row(id: str, each: Reminder) -> dict[str, Any]:
        state = "overdue" if each.day < day else "today" if each.day == day else "later"
        return {
            "id": id,
            "day": each.day,
            "state": state,
            "topic": each.topic,
            "name": task(facts, each.topic),
            "whom": whom(facts, each.whom),
            "by": each.by,
            "words": each.words,
            "entry": each.entry,
        }

    open = sorted(part.open.items(), key=lambda item: (item[1].day, int(item[0][1:])))
    return {
        "today": day,
        "next": next_open_day(facts),
        "last": str(date.fromisoformat(day) + timedelta(days=AHEAD)),
        "tasks": [{"id": each, "name": task(facts, each)} for each in TASKS if each != "log"],
        "whom": [{"id": id, "name": whom(facts, id)} for id in ("", *facts.rules.lobby.counters)],
        "open": [row(id, each) for id, each in open],
        "done": [{**row(id, each), "by": by} for id, (each, by) in part.done.items()],
    }


def due(facts: Facts) -> list[Mapping[str, Any]]:
    """What is to be done today, as `shown` has it: overdue ones first."""
    open: list[Mapping[str, Any]] = shown(facts)["open"]
    return [each for each in open if each["state"] != "later"]
