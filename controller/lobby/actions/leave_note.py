"""A clerk leaves a note: about a ticket for the next counter, or at a counter for whoever takes it over (交接).

A note about a ticket ends with the business day, as the ticket does. One at a counter is for the next shift, which may
be that of another day: it goes on in the row that opens the day, until it is removed or has been there long enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.press import WORDS, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Note, State, notes_at
from controller.lobby.model.units import Ms

AT_ONCE = 4
"""Notes that a counter is shown at one time."""
KEPT_FOR = 3
"""Days on which the branch is open, after its own, on which a note at a counter is still there .."""
KEPT_AT_MOST = 31
""".. and days after which it is not, however long the branch was closed."""


@key("NOTE", Where.COUNTER, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveNote(CounterCommand):
    """Leave a note: about the ticket in hand, for whoever serves it next; with none in hand, at the counter, for
    whoever takes it over. No words: remove the last one that is shown here."""

    words: str = ""


@dataclass(frozen=True, slots=True)
class NoteLeft(Event):
    """A clerk left a note, about a ticket or (none) at the counter; `id` is unique on its day, and among the notes of
    days before that are still there. Its words are those of a person, and stand in the journal's table of remarks under
    the row's cause."""

    id: str
    counter: str
    ticket: str | None = None


@dataclass(frozen=True, slots=True)
class NoteRemoved(Event):
    """A note was removed by the counter that was shown it."""

    id: str
    counter: str


@decides(LeaveNote)
def _leave_note(state: State, rules: Rules, command: LeaveNote) -> Decision:
    counter = counter_of(rules, command)
    shown = notes_at(state, counter.id)
    if not command.words.strip():
        if not shown:
            raise Refused("no_note", counter=counter.id)
        return [NoteRemoved(shown[-1], counter.id)]
    if len(shown) >= AT_ONCE:
        raise Refused("notes_full", most=AT_ONCE)
    return [NoteLeft(f"n{state.noted + 1}", counter.id, state.counter(counter.id).ticket or None)]


@evolves(NoteLeft)
def _note_left(state: State, at: Ms, event: NoteLeft) -> None:
    state.notes[event.id] = Note(event.counter, event.ticket or "", at, state.day)
    state.noted += 1


@evolves(NoteRemoved)
def _note_removed(state: State, at: Ms, event: NoteRemoved) -> None:
    state.notes.pop(event.id, None)


def handed_on(state: State, rules: Rules, day: str) -> list[dict[str, Any]]:
    """The notes at counters that are still there when the business day `day` begins, as `DayOpened` has them."""
    return [
        {"id": id, "counter": note.counter, "at": note.at, "day": note.day}
        for id, note in state.notes.items()
        if not note.ticket and _kept(rules, date.fromisoformat(note.day), date.fromisoformat(day))
    ]


def _kept(rules: Rules, left: date, day: date) -> bool:
    """Whether a note of the day `left` is still there on another."""
    if (day - left).days > KEPT_AT_MOST:
        return False
    between = (left + timedelta(days=n) for n in range(1, (day - left).days))
    return sum(map(rules.opens_on, between)) < KEPT_FOR


def take_over(state: State, notes: Sequence[Mapping[str, Any]]) -> None:
    """The notes of a day before, as `handed_on` gave them, are there again; later ids follow theirs."""
    state.notes = {each["id"]: Note(each["counter"], "", each["at"], each["day"]) for each in notes}
    state.noted = max((int(id[1:]) for id in state.notes), default=0)
