"""Ratings: by raters and by customers' phones, once a visit, shown without ranking anybody."""

from __future__ import annotations

from controller.lobby.actions.press import Where
from controller.lobby.actions.rating import Rated
from controller.record.actions.satisfaction import RateVisit, SatisfactionSettings
from record.desk import Desk


def served(desk: Desk, finish: bool = True) -> str:
    (issued,) = desk.press("GREEN", where=Where.PANEL, service="cash")[-1:]
    for key in ("CALL", "START", *(["FINISH"] if finish else [])):
        desk.press(key, where=Where.COUNTER, counter="1")
    return str(issued.ticket)  # type: ignore[union-attr]


def rate(desk: Desk, ticket: str, score: int = 5) -> object:
    desk._causes += 1
    return desk.do(RateVisit(at=desk.now, cause=f"rating:{desk._causes}", ticket=ticket, score=score))


def test_a_visit_is_rated_once_from_the_phone_after_it_and_within_some_hours() -> None:
    desk = Desk()
    early = served(desk, finish=False)
    assert str(rate(desk, early)) == "this visit can be rated for some hours after it, once"
    desk.press("FINISH", where=Where.COUNTER, counter="1")
    ended = desk.now
    (rated,) = rate(desk.go(60), early, 4)  # type: ignore[misc]
    assert isinstance(rated, Rated)
    assert rated == Rated("1", 4, early, "page", "cash", ended)
    assert rate(desk, early) == f"{early} has been rated"
    assert rate(desk.replayed(), early) == f"{early} has been rated"
    assert rate(desk, "A999") == "this visit can be rated for some hours after it, once"
    late = served(desk)
    assert rate(desk, late, 9) == "9 is not a score; scores are 1 to 5"
    assert "some hours" in str(rate(desk.go(4 * 60 + 1), late))


def test_figures_are_tied_to_service_and_hour_and_to_counters_only_if_wanted() -> None:
    desk = Desk()
    for score in (5, 4, 4):
        rate(desk, served(desk), score)
    ticket = served(desk.go(60))
    desk.go(30)
    desk.press("RATE", where=Where.RATER, counter="1", score=1)
    shown = desk.picture("satisfaction")
    assert shown["all"] == {"count": 4, "scores": [1, 0, 0, 2, 1], "average": 3.5}
    assert [(each["name"], each["count"]) for each in shown["services"]] == [("Cash", 4)]
    # By when the service ended, where that is known; one alone has no average.
    hours = [(each["name"], each["count"], each["average"]) for each in shown["hours"]]
    assert hours == [("09:00", 3, 4.3), ("10:00", 1, None)]
    assert "counters" not in shown
    assert desk.replayed().picture("satisfaction") == shown
    wanted = Desk(SatisfactionSettings(by_counter=True))
    rate(wanted, served(wanted), 5)
    assert wanted.picture("satisfaction")["counters"] == [
        {"name": "1", "count": 1, "scores": [0, 0, 0, 0, 1], "average": None}
    ]
    assert ticket in desk.branch.state.tickets
