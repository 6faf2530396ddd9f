"""Duty (值班): who was at which counter and on lobby duty, with breaks and what was handed over.

Who is at a counter follows from the clerks' signing in, when it served and when it paused from its keys. Lobby duty is
begun, handed over and ended here. People are known by their aliases alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Self

from controller.lobby.actions.close_counter import CounterClosed
from controller.lobby.actions.day import DayClosed
from controller.lobby.actions.leave_note import KEPT_AT_MOST, NoteLeft, NoteRemoved
from controller.lobby.actions.open_counter import CounterOpened
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.press import WORDS, Field, Where, key
from controller.lobby.actions.registry import Decision
from controller.lobby.actions.set_profile import CounterProfileSet
from controller.lobby.actions.sign_in import ClerkSignedIn, ClerkSignedOut
from controller.lobby.aggregate import Row
from controller.lobby.model.calendar import Span
from controller.lobby.model.outcome import Refused
from controller.lobby.model.units import NEVER, Ms
from controller.record.registry import Line, RecordCommand, applies, decides, drafted, pictured
from controller.record.state import Facts, Part, RecordEvent

CLERK = Field("clerk", "", "a clerk's alias; empty, where duty ends: the only one who is on lobby duty", longest=16)
RELIEVES = Field("relieves", "", "the alias of whoever hands lobby duty over; empty: nobody does", longest=16)

KEPT = 200
"""Latest stretches that are kept of each counter, and of lobby duty."""
NOTES_KEPT = 60
"""Latest notes that are kept."""
OPEN, PAUSED, HERE = "open", "paused", "here"
"""What a counter does in a stretch: it serves, it pauses, or it is closed and a clerk is there."""
LOBBY = ""
"""The place of lobby duty, where a counter's is its id."""


@dataclass(frozen=True, slots=True)
class DutySettings:
    """`breaks`: when clerks are planned to be away, by alias; in seconds of the day, local time."""

    breaks: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Stretch:
    """Some time of one counter, or of one person on lobby duty, in which nothing changed. Times in ms since 1970, UTC;
    `until` 0: it goes on. `clerk`: an alias, empty: nobody had signed in; `reason`: of a pause, as it was typed;
    `profile`: what the counter served, empty: what it is configured to."""

    since: Ms
    clerk: str
    does: str = OPEN
    reason: str = ""
    profile: str = ""
    until: Ms = NEVER


@dataclass(slots=True)
class HandoverNote:
    """What somebody wrote for whoever takes over at a place: the cause of its row. `days`: how many business days ago;
    `removed`: the counter was shown it, and has removed it."""

    place: str
    at: Ms
    words: str
    by: str = ""
    days: int = 0
    removed: bool = False


@dataclass(slots=True)
class Duty(Part):
    """The day's stretches by counter, those of lobby duty, the notes by id, and the counters' profiles."""

    NAME = "duty"

    counters: dict[str, list[Stretch]] = field(default_factory=dict)
    lobby: list[Stretch] = field(default_factory=list)
    notes: dict[str, HandoverNote] = field(default_factory=dict)
    profiles: dict[str, str] = field(default_factory=dict)

    def carried(self) -> Mapping[str, Any]:
        """What is still to be read on the next day: notes at counters until they are removed, those of lobby duty for a
        day."""
        left = {
            id: [note.place, note.at, note.words, note.by, note.days + 1]
            for id, note in self.notes.items()
            if not note.removed and note.days < (1 if note.place == LOBBY else KEPT_AT_MOST)
        }
        return {"notes": dict([*left.items()][-NOTES_KEPT:])} if left else {}

    @classmethod
    def resumed(cls, carried: Mapping[str, Any]) -> Self:
        notes = carried.get("notes", {})
        return cls(notes={id: HandoverNote(*note) for id, note in notes.items()})

    def on_duty(self) -> list[str]:
        """Who is on lobby duty now, by alias."""
        return [stretch.clerk for stretch in self.lobby if not stretch.until]


# -- what is done ------------------------------------------------------------------------------------------------


@key("DUTY", Where.RECORD, CLERK, RELIEVES, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class BeginDuty(RecordCommand):
    """Begin lobby duty, or take it over from somebody, with what is handed over in words."""

    clerk: str = ""
    relieves: str = ""
    words: str = ""


@key("ENDDUTY", Where.RECORD, CLERK, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class EndDuty(RecordCommand):
    """End lobby duty, with what the next to come has to know in words."""

    clerk: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class DutyBegun(RecordEvent):
    """Somebody, by alias, is on lobby duty. `worded`: something was handed over in words, which stand in the table of
    remarks."""

    clerk: str
    by: str
    worded: bool | None = None


@dataclass(frozen=True, slots=True)
class DutyEnded(RecordEvent):
    """Somebody, by alias, is no longer on lobby duty. `worded`: as of `DutyBegun`."""

    clerk: str
    by: str
    worded: bool | None = None


@decides(BeginDuty)
def _begin(facts: Facts, command: BeginDuty) -> Decision:
    on_duty, aliases = facts.part(Duty).on_duty(), [*facts.rules.lobby.clerks.values()]
    if command.clerk not in aliases:  # what was typed may be a person's name or number, and is not repeated
        raise Refused("unknown_alias", aliases=" ".join(aliases) or "-")
    if command.clerk in on_duty:
        raise Refused("on_duty_already", clerk=command.clerk)
    if command.relieves and command.relieves not in on_duty:
        raise Refused("not_on_duty", aliases=" ".join(on_duty) or "-")
    worded = bool(command.words.strip()) or None
    if command.relieves:  # who goes hands over
        return [DutyEnded(command.relieves, command.by, worded), DutyBegun(command.clerk, command.by)]
    return [DutyBegun(command.clerk, command.by, worded)]


@decides(EndDuty)
def _end(facts: Facts, command: EndDuty) -> Decision:
    on_duty = facts.part(Duty).on_duty()
    clerk = command.clerk or (on_duty[0] if len(on_duty) == 1 else "")
    if not clerk and on_duty:
        raise Refused("which_on_duty", aliases=" ".join(on_duty))
    if clerk not in on_duty:
        raise Refused("not_on_duty", aliases=" ".join(on_duty) or "-")
    return [DutyEnded(clerk, command.by, bool(command.words.strip()) or None)]


# -- what it changes ---------------------------------------------------------------------------------------------


@applies(Duty, DutyBegun)
def _duty_begun(duty: Duty, event: DutyBegun, row: Row) -> None:
    duty.lobby.append(Stretch(row.at, event.clerk))
    _trim(duty.lobby)
    if event.worded:
        _note(duty, f"d{row.seq}", HandoverNote(LOBBY, row.at, row.cause, event.clerk))


@applies(Duty, DutyEnded)
def _duty_ended(duty: Duty, event: DutyEnded, row: Row) -> None:
    _leave_lobby(duty, event.clerk, row.at)
    if event.worded:
        _note(duty, f"d{row.seq}", HandoverNote(LOBBY, row.at, row.cause, event.clerk))


def _leave_lobby(duty: Duty, clerk: str, at: Ms) -> None:
    for stretch in duty.lobby:
        if stretch.clerk == clerk and not stretch.until:
            stretch.until = _after(stretch, at)


@applies(Duty, ClerkSignedIn)
def _signed_in(duty: Duty, event: ClerkSignedIn, row: Row) -> None:
    _change(duty, event.counter, row.at, clerk=event.clerk)


@applies(Duty, ClerkSignedOut)
def _signed_out(duty: Duty, event: ClerkSignedOut, row: Row) -> None:
    _change(duty, event.counter, row.at, clerk="")


@applies(Duty, CounterOpened)
def _opened(duty: Duty, event: CounterOpened, row: Row) -> None:
    found = duty.counters.get(event.counter, [])
    if event.undone and len(found) > 1 and not found[-1].until and found[-2].until == found[-1].since:
        found.pop()  # the pause, or the closing, has not been
    if event.undone and found:
        found[-1].until = NEVER
    _change(duty, event.counter, row.at, does=OPEN)


@applies(Duty, CounterPaused)
def _paused(duty: Duty, event: CounterPaused, row: Row) -> None:
    _change(duty, event.counter, row.at, does=PAUSED, reason=event.reason)


@applies(Duty, CounterClosed)
def _closed(duty: Duty, event: CounterClosed, row: Row) -> None:
    _change(duty, event.counter, row.at, does=HERE)


@applies(Duty, CounterProfileSet)
def _profile_set(duty: Duty, event: CounterProfileSet, row: Row) -> None:
    duty.profiles[event.counter] = event.profile
    _change(duty, event.counter, row.at)


@applies(Duty, DayClosed)
def _day_closed(duty: Duty, event: DayClosed, row: Row) -> None:
    """Whoever has not gone has gone now, unless the same day goes on under another date."""
    if event.continued:
        return
    for stretches in (*duty.counters.values(), duty.lobby):
        for stretch in stretches:
            stretch.until = stretch.until or _after(stretch, row.at)


def _change(
    duty: Duty, counter: str, at: Ms, *, clerk: str | None = None, does: str | None = None, reason: str = ""
) -> None:
    """A counter has another clerk or does something else: a stretch ends, and another begins."""
    stretches = duty.counters.setdefault(counter, [])
    last = stretches[-1] if stretches and not stretches[-1].until else None
    now = Stretch(
        at,
        clerk if clerk is not None else last.clerk if last else "",
        does or (last.does if last else HERE),
        reason if does else last.reason if last else "",
        duty.profiles.get(counter, ""),
    )
    if last and replace(last, since=at) == now:
        return
    if last:
        last.until = _after(last, at)
        if last.until == last.since:
            stretches.pop()
    if now.does != HERE or now.clerk:
        stretches.append(now)
    _trim(stretches)


def _after(stretch: Stretch, at: Ms) -> Ms:
    """When a stretch ends, which is never before it begins, even if the clock is set back."""
    return max(at, stretch.since)


def _trim(stretches: list[Stretch]) -> None:
    del stretches[:-KEPT]


@applies(Duty, NoteLeft)
def _note_left(duty: Duty, event: NoteLeft, row: Row) -> None:
    if not event.ticket:
        by = next((s.clerk for s in duty.counters.get(event.counter, ())[-1:] if not s.until), "")
        _note(duty, event.id, HandoverNote(event.counter, row.at, row.cause, by))


@applies(Duty, NoteRemoved)
def _note_removed(duty: Duty, event: NoteRemoved, row: Row) -> None:
    if note := duty.notes.get(event.id):
        note.removed = True


def _note(duty: Duty, id: str, note: HandoverNote) -> None:
    duty.notes.pop(id, None)
    duty.notes[id] = note
    for old in [*duty.notes][:-NOTES_KEPT]:
        del duty.notes[old]


# -- what is shown -----------------------------------------------------------------------------------------------


@pictured("duty")
def _picture(facts: Facts) -> Mapping[str, Any]:
    """The day by place and person: `places` with their stretches, `people` with when they were where, their breaks as
    taken and as planned; who is on lobby duty; the notes, the latest first; and when the branch is open (`hours`)."""
    duty, places = facts.part(Duty), _places(facts)
    return {
        "hours": _hours(facts),
        "clerks": [*facts.rules.lobby.clerks.values()],
        "on_duty": duty.on_duty(),
        "places": [
            {"counter": id, "stretches": [_shown(facts, stretch) for stretch in stretches]}
            for id, stretches in places.items()
        ],
        "people": [*_people(facts, places)],
        "notes": [*_notes(facts)][::-1],
    }


@drafted
def _lines(facts: Facts) -> Iterator[Line]:
    """Who was where and when; of a counter at which nobody signed in, nothing."""

    def clock(at: Ms) -> str:
        return facts.rules.clock(at) if at else ""

    for person in [each for each in _people(facts, _places(facts)) if each["clerk"]]:
        times = " ".join(f"{clock(since)}-{clock(until)}" for since, until in person["times"])
        key = "log.on_duty" if person["counter"] == LOBBY else "log.duty_at_counter"
        text = facts.say(key, clerk=person["clerk"], counter=person["counter"], times=times)
        yield Line("duty", text, person["times"][0][0])


def _places(facts: Facts) -> Mapping[str, list[Stretch]]:
    """The day's stretches by place: the counters in their order, then lobby duty."""
    duty, rules = facts.part(Duty), facts.rules
    counters = [id for id in rules.lobby.counters if duty.counters.get(id)]
    counters += [id for id in duty.counters if id not in rules.lobby.counters and duty.counters[id]]
    return {id: duty.counters[id] for id in counters} | ({LOBBY: duty.lobby} if duty.lobby else {})


def _hours(facts: Facts) -> list[Ms]:
    """When the branch opens and closes on the business day that is open; empty: it is closed."""
    doors = facts.rules.doors(date.fromisoformat(facts.lobby.day)) if facts.lobby.day else None
    return [Ms(round(door.timestamp() * 1000)) for door in doors or ()]


def _shown(facts: Facts, stretch: Stretch) -> Mapping[str, Any]:
    pause = facts.rules.lobby.pauses.get(stretch.reason) if stretch.does == PAUSED else None
    return {
        "since": stretch.since,
        "until": stretch.until,
        "clerk": stretch.clerk,
        "does": stretch.does,
        "reason": pause.name if pause else "",
    }


def _people(facts: Facts, places: Mapping[str, list[Stretch]]) -> Iterator[Mapping[str, Any]]:
    """A row for each place and person: from when until when, and the breaks meanwhile."""
    breaks, rules = facts.of(DutySettings).breaks, facts.rules.lobby
    for place, stretches in places.items():
        for clerk in dict.fromkeys(stretch.clerk for stretch in stretches):
            own = [stretch for stretch in stretches if stretch.clerk == clerk]
            yield {
                "counter": place,
                "clerk": clerk,
                "profiles": [rules.profile_name(id) for id in dict.fromkeys(s.profile for s in own) if id],
                "times": _joined(own),
                "breaks": [_shown(facts, stretch) for stretch in own if stretch.does == PAUSED],
                "planned": " ".join(map(str, breaks.get(clerk, ()))),
            }


def _joined(stretches: list[Stretch]) -> list[list[Ms]]:
    """When somebody was there: [since, until], with stretches that follow each other made one."""
    found: list[list[Ms]] = []
    for stretch in stretches:
        if found and found[-1][1] == stretch.since:
            found[-1][1] = stretch.until
        else:
            found.append([stretch.since, stretch.until])
    return found


def _notes(facts: Facts) -> Iterator[Mapping[str, Any]]:
    """What was handed over today, and what of earlier days is still there."""
    there = facts.lobby.notes
    for id, note in facts.part(Duty).notes.items():
        gone = note.days and not note.removed and note.place != LOBBY and (id not in there or there[id].at != note.at)
        if not gone:
            yield {
                "counter": note.place,
                "at": note.at,
                "by": note.by,
                "removed": note.removed,
                "days": note.days,
                "words": note.words,
            }
