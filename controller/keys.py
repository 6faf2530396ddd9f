"""From a key press to a command: digits, function keys and the manager's buttons, the same whatever they came by.

A function here gives the command, or None when there is no such key.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from controller.lobby.actions.ask_why import AskWhy
from controller.lobby.actions.call_by_hand import CallByHand
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.call_number import CallNumber
from controller.lobby.actions.cancel import Cancel
from controller.lobby.actions.close_counter import Close
from controller.lobby.actions.command import Command
from controller.lobby.actions.day import BeginDay
from controller.lobby.actions.finish import Finish
from controller.lobby.actions.hold import Hold
from controller.lobby.actions.no_show import NoShow
from controller.lobby.actions.open_counter import Open
from controller.lobby.actions.pause_counter import Pause
from controller.lobby.actions.promote import Promote
from controller.lobby.actions.rating import AskRating
from controller.lobby.actions.reassign import Reassign
from controller.lobby.actions.recall import Recall
from controller.lobby.actions.reprint import Reprint
from controller.lobby.actions.return_ticket import Return
from controller.lobby.actions.start import Start
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.actions.transfer import Transfer
from controller.lobby.actions.undo import Undo
from controller.lobby.actions.undo_finish import UndoFinish
from controller.lobby.actions.unhold import Unhold
from controller.lobby.actions.windows import AnswerAdvice
from controller.lobby.model.paper import Paper
from drivers.terminal68 import Key

TERMINAL_KEYS: dict[tuple[int, str | None], tuple[str, str | None]] = {
    (Key.CALL, None): ("CALL", None),
    (Key.RECALL, None): ("RECALL", None),
    (Key.EVALUATE, None): ("EVALUATE", None),
    (Key.PAUSE, "9"): ("CLOSE", ""),
    (Key.PAUSE, None): ("PAUSE", None),
    (Key.TRANSFER, None): ("TRANSFER", None),
    (Key.CANCEL, ""): ("UNDO", ""),
    (Key.CONFIRM, "6"): ("NOSHOW", ""),
    (Key.CONFIRM, "0"): ("HOLD", ""),
    (Key.CONFIRM, "3"): ("UNHOLD", ""),
}
"""(key byte, digits; None: any) on a 68-terminal -> (key at a counter, digits; None: as typed)."""

_AT_COUNTER: dict[str, Callable[[str, int, str, str], Command]] = {
    "CALL": lambda counter, at, cause, digits: (
        CallNumber(counter=counter, at=at, cause=cause, digits=digits)
        if digits
        else CallNext(counter=counter, at=at, cause=cause)
    ),
    "RECALL": lambda counter, at, cause, digits: Recall(counter=counter, at=at, cause=cause),
    "START": lambda counter, at, cause, digits: Start(counter=counter, at=at, cause=cause),
    "FINISH": lambda counter, at, cause, digits: Finish(counter=counter, at=at, cause=cause),
    "UNDO": lambda counter, at, cause, digits: UndoFinish(counter=counter, at=at, cause=cause),
    "NOSHOW": lambda counter, at, cause, digits: NoShow(counter=counter, at=at, cause=cause),
    "HOLD": lambda counter, at, cause, digits: Hold(counter=counter, at=at, cause=cause),
    "UNHOLD": lambda counter, at, cause, digits: Unhold(counter=counter, at=at, cause=cause, digits=digits),
    "TRANSFER": lambda counter, at, cause, digits: Transfer(counter=counter, at=at, cause=cause, digits=digits),
    "PAUSE": lambda counter, at, cause, digits: Pause(counter=counter, at=at, cause=cause, reason=digits),
    "OPEN": lambda counter, at, cause, digits: Open(counter=counter, at=at, cause=cause),
    "CLOSE": lambda counter, at, cause, digits: Close(counter=counter, at=at, cause=cause),
    "EVALUATE": lambda counter, at, cause, digits: AskRating(counter=counter, at=at, cause=cause),
}


def terminal_key(key: int, digits: str) -> tuple[str, str] | None:
    """The key at a counter (and its digits) that a 68-terminal's key stands for; None: it has no function."""
    for wanted in ((key, digits), (key, None)):
        found = TERMINAL_KEYS.get(wanted)
        if found:
            name, fixed = found
            return name, digits if fixed is None else fixed
    return None


GRANTED = ("green", "urgent")
"""Classes that the lobby manager gives, with a reason: no button takes a ticket of one."""


def at_counter(key: str, digits: str, counter: str, at: int, cause: str) -> Command | None:
    """The command for a key at a counter; None: there is no such key."""
    command = _AT_COUNTER.get(key)
    return command(counter, at, cause, digits) if command else None


def at_panel(
    key: str,
    by: str,
    at: int,
    cause: str,
    *,
    ticket: str,
    service: str,
    counter: str,
    reason: str,
    paper: Paper,
    screen: bool = False,
) -> Command | None:
    """The command for one of the lobby manager's buttons; None: there is no such button.

    `screen`: the number of a ticket can be read where it was pressed, should the printer be down.
    """
    match key:
        case "GREEN" if ticket:
            return Promote(at=at, cause=cause, by=by, ticket=ticket, klass="green", reason=reason)
        case "GREEN":
            return TakeTicket(
                at=at,
                cause=cause,
                by=by,
                service=service,
                klass="green",
                paper=paper,
                screen=screen,
                reason=reason or None,
                granted=True,
            )
        case "URGENT":
            return Promote(at=at, cause=cause, by=by, ticket=ticket, klass="urgent", reason=reason)
        case "WHY":
            return AskWhy(at=at, cause=cause, ticket=ticket)
        case "NEWDAY":
            return BeginDay(at=at, cause=cause, by=by, reason=reason)
        case "ACCEPT" | "DECLINE":
            return AnswerAdvice(at=at, cause=cause, by=by, accept=key == "ACCEPT", counter=counter)
        case "REASSIGN":
            return Reassign(at=at, cause=cause, by=by, ticket=ticket, service=service, counter=counter, reason=reason)
        case "UNDO":
            return Undo(at=at, cause=cause, by=by, ticket=ticket, reason=reason)
        case "CALL":
            return CallByHand(at=at, cause=cause, by=by, ticket=ticket, counter=counter, reason=reason)
        case "RETURN":
            return Return(at=at, cause=cause, by=by, ticket=ticket, reason=reason)
        case "CANCEL":
            return Cancel(at=at, cause=cause, by=by, ticket=ticket, reason=reason)
        case "REPRINT":
            return Reprint(at=at, cause=cause, by=by, ticket=ticket, reason=reason, paper=paper)
    return None


def reason_and_remark(text: str) -> tuple[str, str]:
    """A reason as events hold it, and a person's own words, which they never hold: those go to a side table."""
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}|", text):
        return text, ""
    return "remark", text
