"""A counter asks its customer for a rating, and the customer gives one."""

from __future__ import annotations

from dataclasses import dataclass

from controller.lobby.actions.command import CounterCommand
from controller.lobby.actions.event import Event
from controller.lobby.actions.finding import counter_of
from controller.lobby.actions.press import Field, TerminalKey, Where, key
from controller.lobby.actions.registry import Decision, decides, evolves, for_the_record
from controller.lobby.model.outcome import Refused
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State
from controller.lobby.model.units import Ms


@key("EVALUATE", Where.COUNTER, terminal=TerminalKey("EVALUATE"))
@dataclass(frozen=True, slots=True, kw_only=True)
class AskRating(CounterCommand):
    """Ask the customer for a rating."""


SCORES = range(1, 6)
SCORE = Field("score", 0, "1 to 5")


@key("RATE", Where.RATER, SCORE)
@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(CounterCommand):
    """Give the score of a customer who was asked for one."""

    score: int


@dataclass(frozen=True, slots=True)
class RatingAsked(Event):
    """A counter asked its customer for a rating."""

    counter: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Rated(Event):
    """A customer gave a score (1: very bad, to 5: very good) for a counter, at its rater or from their own phone
    (`source` "page"): then with the `service`, and when it was over (`served`, ms since 1970, UTC)."""

    counter: str
    score: int
    ticket: str
    source: str | None = None
    service: str | None = None
    served: Ms | None = None


@decides(AskRating)
def _ask_rating(state: State, rules: Rules, command: AskRating) -> Decision:
    counter = counter_of(rules, command)
    if not counter.rater:
        raise Refused("no_rater", counter=counter.id)
    here = state.counter(counter.id)
    ticket = here.ticket or here.last_ticket
    if not ticket:
        raise Refused("nothing_in_hand", counter=counter.id)
    return [RatingAsked(counter.id, ticket)]


@decides(Rate)
def _rate(state: State, rules: Rules, command: Rate) -> Decision:
    counter = counter_of(rules, command)
    if command.score not in SCORES:
        raise Refused("bad_score", score=command.score)
    here = state.counter(counter.id)
    ticket = here.ticket or here.last_ticket
    if not ticket:
        raise Refused("nothing_in_hand", counter=counter.id)
    if state.tickets[ticket].rated:
        raise Refused("rated_already", ticket=ticket)
    return [Rated(counter.id, command.score, ticket)]


@evolves(Rated)
def _rated(state: State, at: Ms, event: Rated) -> None:
    state.tickets[event.ticket].rated = True


for_the_record(RatingAsked)
