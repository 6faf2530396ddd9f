"""What a press is answered, in the branch's language or the customer's: the same before and after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.emergency import EmergencyDeclared, EmergencyEnded
from controller.lobby.actions.enter_roll import RollEntered
from controller.lobby.actions.event import Event
from controller.lobby.actions.finish import TicketFinished
from controller.lobby.actions.pause_counter import CounterPaused
from controller.lobby.actions.press import REMARK
from controller.lobby.actions.reassign import TicketReassigned
from controller.lobby.actions.registry import Decision
from controller.lobby.actions.return_ticket import TicketReturned
from controller.lobby.actions.set_profile import CounterProfileSet
from controller.lobby.actions.take_ticket import SELF_SERVICE, SelfServiceAdvised, TicketIssued
from controller.lobby.actions.transfer import TicketTransferred
from controller.lobby.actions.windows import WindowAdviceAnswered
from controller.lobby.model.outcome import AlreadyDone, Choice, QueryResult, Refusal
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import Print, State

NAMED = 6
"""Numbers that are named in a sentence."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request. `error` with `written` False: nothing was decided, so the request may be repeated."""

    result: Literal["ok", "refused", "error"]
    text: str
    ticket: str = ""
    code: str = ""
    """The refusal's code, for devices that show less than a sentence."""
    printed: bool = True
    """False: the ticket was issued, but is not printed now."""
    written: bool = True
    choices: tuple[Choice, ...] = ()
    """What may have been meant, if digits fit several tickets."""


def answer(rules: Rules, state: State, decision: Decision) -> Answer:
    """The answer to a decision; `state`: before or after it."""
    match decision:
        case Refusal():
            return Answer("refused", decision.text(rules.wording), code=decision.code, choices=decision.choices)
        case AlreadyDone(ticket):
            found = state.tickets[ticket]
            paper = found.print is not Print.NONE and not (found.late and found.print is Print.QUEUED)
            return Answer("ok", rules.wording.say("answer.ticket_issued", ticket=ticket), ticket, printed=paper)
        case QueryResult():
            return Answer("ok", decision.text, ticket=decision.ticket, code=decision.code)
    return answer_to(rules, decision)


def answer_to(rules: Rules, events: Sequence[Event]) -> Answer:
    """The answer to the request that led to these events."""
    if not events:
        return Answer("ok", "")
    issued = next((event for event in events if isinstance(event, TicketIssued)), None)
    # That other counters take over a ticket follows from what a person did, and is not what they are answered.
    follows = isinstance(events[0], TicketReturned) or not all(isinstance(event, TicketReassigned) for event in events)
    acts = [event for event in events if not (follows and isinstance(event, TicketReassigned))] or events
    # A number of the roll that is entered and called in one is answered as a call, and many as what became of all.
    last = acts[-1] if isinstance(acts[-1], TicketCalled | RollEntered) else issued or acts[-1]
    rules = rules.spoken(getattr(last, "language", None) or "")
    if isinstance(last, SelfServiceAdvised):
        choice = rules.triage.choice(last.choice)
        return Answer("ok", choice.advice if choice else sentence(rules, last), code=SELF_SERVICE)
    if isinstance(last, TicketFinished) and last.none_waiting:
        return Answer("ok", rules.wording.say("refused.none_waiting"), code="none_waiting")
    printed = not isinstance(last, TicketIssued) or (last.paper and not last.late)
    return Answer("ok", sentence(rules, last), ticket=getattr(last, "ticket", "") or "", printed=printed)


def reason(rules: Rules, event: Event) -> str:
    """Why somebody did what the event tells, in words; empty if no reason was given, or one that is not known."""
    code = getattr(event, "reason", None) or ""
    if code == REMARK:
        return rules.wording.say("answer.other_reason")
    if isinstance(event, CounterPaused) and (pause := rules.pauses.get(code)):
        return pause.name
    return rules.wording.templates.get(f"reason.{code}", "")


def _where_to(rules: Rules, event: TicketReassigned | TicketTransferred) -> str:
    """Where a ticket waits now: for one counter, for a service, or for any counter that knows its service."""
    if event.counter:
        return rules.wording.say("answer.at_counter", counter=event.counter)
    if event.service:
        return rules.service_name(event.service)
    return rules.wording.say("answer.at_any")


def sentence(rules: Rules, event: Event) -> str:
    """The sentence for an event."""
    about = event.to_row()
    about["klass"] = rules.class_name(str(about.get("class", "")))
    if isinstance(event, CounterProfileSet):
        about["profile"] = rules.profile_name(event.profile)
    if isinstance(event, TicketReassigned | TicketTransferred):
        about["where"] = _where_to(rules, event)
    key = event.KIND
    if isinstance(event, WindowAdviceAnswered):
        key = f"{event.action}_{'accepted' if event.accepted else 'declined'}"
    if isinstance(event, EmergencyDeclared | EmergencyEnded):
        plan = rules.emergency_plans.get(event.plan)
        about["plan"] = plan.name if plan else event.plan
    if isinstance(event, RollEntered):
        about |= {"first": event.first, "last": event.last}
        key += "_served" if event.served else ""
        key += "_one" if event.count == 1 else ""
        if event.skipped:
            text = rules.wording.say(f"answer.{key}", **about)
            named = " ".join(event.skipped[:NAMED]) + (" .." if len(event.skipped) > NAMED else "")
            return rules.wording.say("answer.roll_skipped", text=text, skipped=named, count=len(event.skipped))
    return rules.wording.say(f"answer.{key}", **about)
