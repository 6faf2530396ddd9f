"""Why is this ticket not next?"""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import Command
from controller.lobby.actions.press import TICKET, Press, Where, key
from controller.lobby.actions.registry import Decision, decides
from controller.lobby.model.outcome import QueryResult, Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.show import explain


@dataclass(frozen=True, slots=True, kw_only=True)
class AskWhy(Command):
    """Ask why a ticket is not next. A query: it leads to no event."""

    ticket: str


@key("WHY", Where.PANEL, TICKET)
def _key(press: Press) -> AskWhy:
    """Why is this ticket not next? The answer's text says it."""
    return AskWhy(at=press.at, cause=press.cause, ticket=press[TICKET])


@decides(AskWhy)
def _ask_why(state: State, rules: Rules, command: AskWhy) -> Decision:
    if not command.ticket:
        raise Refused("which_ticket")
    found = explain.ticket(state, rules, command.ticket, command.at)
    if not found.ticket:
        raise Refused("unknown_ticket", ticket=command.ticket)
    return QueryResult(found.text, found.ticket)
