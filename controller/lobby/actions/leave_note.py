"""A clerk leaves a note: about a ticket for the next counter, or at a counter for whoever takes it over."""

from __future__ import annotations

from dataclasses import dataclass

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


@key("NOTE", Where.COUNTER, WORDS)
@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveNote(CounterCommand):
    """Leave a note: about the ticket in hand, for whoever serves it next; with none in hand, at the counter, for
    whoever takes it over. No words: remove the last one that is shown here."""

    words: str = ""


@dataclass(frozen=True, slots=True)
class NoteLeft(Event):
    """A clerk left a note, about a ticket or (none) at the counter; `id` is unique on its day. Its words are those of a
    person, and stand in the journal's table of remarks under the row's cause."""

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
    state.notes[event.id] = Note(event.counter, event.ticket or "")
    state.noted += 1


@evolves(NoteRemoved)
def _note_removed(state: State, at: Ms, event: NoteRemoved) -> None:
    state.notes.pop(event.id, None)
