"""A counter brings back a customer whose ticket it finished before their service had started."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.call_next import called_by_hand, ready
from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.press import TerminalKey, Where, key
from controller.lobby.actions.registry import Decision, decides
from controller.lobby.actions.return_ticket import waits_again
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Stage, State


@key("UNDO", Where.COUNTER, terminal=TerminalKey("CANCEL", ""))
@dataclass(frozen=True, slots=True, kw_only=True)
class UndoFinish(CounterCommand):
    """The customer whom the counter finished last, without having started, was not there yet: they are back."""


@decides(UndoFinish)
def _undo_finish(state: State, rules: Rules, command: UndoFinish) -> Decision:
    """Bring back the ticket that the counter finished last: in hand again if the counter is free, else to its line."""
    counter = counter_of(rules, command)
    finished = [t for t in state.tickets.values() if t.counter == counter.id and t.stage is Stage.FINISHED]
    last = max(finished, key=lambda t: (t.finished_at, t.since), default=None)
    if last is None or not last.unstarted:
        raise Refused("nothing_finished", counter=counter.id)
    back = waits_again(state, rules, last, command.at, f"counter/{counter.id}")
    if state.counter(counter.id).ticket:
        return back
    return [*back, *ready(state, counter), called_by_hand(state, rules, counter, last, command.at)]
