"""Ratings that customers gave, by service, counter and hour."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable
from typing import Any

from controller.reports.counted import in_order
from controller.reports.document import Column, Data, Section, Table, Value

PLACE = 80
KINDS = ("day", "week", "month", "counters")
GOOD, POOR = 4, 2
"""Scores from which and up to which a rating is good or poor; 1 to 5."""


def section(data: Data) -> Section | None:
    """How many were asked, how many answered, and what."""
    own, say = data.own, data.say
    if not own.ratings:
        return None
    places = {"service": 1, "counter": 2, "hour": 0}
    names: dict[str, Callable[[Any], str]] = {
        "service": data.service,
        "counter": lambda id: say("counter_named", counter=id),
        "hour": data.hour,
    }
    orders: dict[str, Callable[[Any], list[Any]]] = {
        "service": lambda seen: data.ordered(data.rules.services, seen),
        "counter": lambda seen: data.ordered(data.rules.counters, seen),
        "hour": lambda seen: in_order(seen, data.rules),
    }
    tables = []
    for key, place in places.items():
        groups: dict[Any, Count[int]] = {}
        for about, count in own.ratings.items():
            groups.setdefault(about[place], Count())[about[3]] += count
        ids: list[Any] = orders[key](groups)
        rows = [[names[key](id), *_values(groups.get(id, Count()))] for id in ids]
        columns = [
            Column("name", say(key), "text"),
            Column("asked", say("asked")),
            Column("rated", say("rated")),
            Column("mean", say("score"), "number"),
            Column("good", say("good"), "share"),
            Column("poor", say("poor"), "share"),
        ]
        tables.append(Table(key, say(f"by_{key}"), columns, [str(id) for id in ids], rows))
    return Section("satisfaction", say("satisfaction"), tables, note=say("satisfaction_note"))


def _values(scores: Count[int]) -> list[Value]:
    given = {score: count for score, count in scores.items() if score}
    rated = sum(given.values())
    if not rated:
        return [scores[0], 0, None, None, None]
    return [
        scores[0],
        rated,
        round(sum(score * count for score, count in given.items()) / rated, 2),
        round(sum(count for score, count in given.items() if score >= GOOD) / rated, 3),
        round(sum(count for score, count in given.items() if score <= POOR) / rated, 3),
    ]
