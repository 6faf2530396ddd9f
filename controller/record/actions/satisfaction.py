"""How satisfied customers are (满意度): by raters, by the ticket's own page and by the opinion form, tied to service,
counter and hour. Figures of the branch; no person is ranked by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from controller.lobby.actions.rating import SCORES, Rated
from controller.lobby.actions.registry import Decision
from controller.lobby.aggregate import Row
from controller.lobby.model.outcome import Refused
from controller.lobby.model.state import Stage, Ticket
from controller.lobby.model.units import Ms
from controller.record.registry import RecordCommand, applies, decides, pictured
from controller.record.state import Facts, Part

PAGE = "page"
"""The `source` of a rating from a ticket's own page or the opinion form."""
TOO_FEW = 3
"""With fewer ratings than this no average is shown: it would be one customer's opinion of one clerk."""


@dataclass(frozen=True, slots=True)
class SatisfactionSettings:
    """`within`: seconds after the service in which it can be rated at the ticket's page; `by_counter`: whether figures
    are shown by counter."""

    within: int = 4 * 3600
    by_counter: bool = False


class Rating(NamedTuple):
    """A rating of today: 1 (very bad) to 5 (very good); `at`: of the service, in ms since 1970, UTC."""

    score: int
    counter: str
    at: Ms


@dataclass(slots=True)
class Ratings(Part):
    """Today's ratings, by ticket."""

    NAME = "ratings"

    of: dict[str, Rating] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateVisit(RecordCommand):
    """A customer rates their visit at their ticket's own page, once. A stranger begins no business day."""

    BEGINS_DAY: ClassVar[bool] = False

    ticket: str
    score: int
    language: str = ""  # type: ignore[misc]


def may_rate(facts: Facts, ticket: Ticket) -> bool:
    """Whether a ticket can be rated now: it was served, not too long ago, and has not been rated."""
    age = facts.at - ticket.finished_at
    served = ticket.stage is Stage.FINISHED and bool(ticket.counter)
    return served and not ticket.rated and age <= facts.of(SatisfactionSettings).within * 1000


def rating_of(ticket: Ticket, score: int) -> Rated:
    """The event by which a ticket that was served is rated by its customer's phone."""
    return Rated(ticket.counter, score, ticket.id, PAGE, ticket.service, ticket.finished_at)


@decides(RateVisit)
def _rate(facts: Facts, command: RateVisit) -> Decision:
    ticket = facts.lobby.tickets.get(command.ticket)
    if command.score not in SCORES:
        raise Refused("bad_score", score=command.score)
    if ticket and ticket.rated:
        raise Refused("rated_already", ticket=ticket.id)
    if ticket is None or not may_rate(facts, ticket):
        raise Refused("no_rating_now")
    return [rating_of(ticket, command.score)]


@applies(Ratings, Rated)
def _rated(part: Ratings, event: Rated, row: Row) -> None:
    part.of[event.ticket] = Rating(event.score, event.counter, event.served or row.at)


# -- what is shown -----------------------------------------------------------------------------------------------


@pictured("satisfaction")
def _picture(facts: Facts) -> Mapping[str, Any]:
    """Today's ratings in all, by service and by hour; by counter, if the branch wants it."""
    rules, found = facts.rules.lobby, facts.part(Ratings).of
    tickets = facts.lobby.tickets

    def service(ticket: str, rating: Rating) -> str:
        return tickets[ticket].service if ticket in tickets else ""

    def hour(ticket: str, rating: Rating) -> str:
        return rules.local(rating.at).strftime("%H:00")

    shown: dict[str, Any] = {
        "all": _figures(found.values()),
        "services": [
            {"name": rules.service_name(id), **_figures(ratings)} for id, ratings in _by(found, service).items() if id
        ],
        "hours": [{"name": name, **_figures(ratings)} for name, ratings in _by(found, hour).items()],
    }
    if facts.of(SatisfactionSettings).by_counter:
        by_counter = _by(found, lambda ticket, rating: rating.counter)
        shown["counters"] = [{"name": id, **_figures(ratings)} for id, ratings in by_counter.items()]
    return shown


def _by(found: Mapping[str, Rating], key: Callable[[str, Rating], str]) -> dict[str, list[Rating]]:
    """Ratings in groups, by the names of these."""
    groups: dict[str, list[Rating]] = {}
    for ticket, rating in found.items():
        groups.setdefault(key(ticket, rating), []).append(rating)
    return dict(sorted(groups.items()))


def _figures(ratings: Iterable[Rating]) -> dict[str, Any]:
    """How many there are, of each score, and their average; None: too few."""
    scores = [rating.score for rating in ratings]
    average = round(sum(scores) / len(scores), 1) if len(scores) >= TOO_FEW else None
    return {"count": len(scores), "scores": [scores.count(score) for score in SCORES], "average": average}
