"""The report of a business day (当日小结): its figures, what was drafted and entered in the log, what is to be done.

Pure: from the day's rows, taken in one after the other. Figures of customers and counters are those of the day sheet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from controller.lobby.model.rules import Rules
from controller.lobby.model.state import CounterStage
from controller.lobby.model.units import Ms
from controller.record.actions import logbook, reminders
from controller.record.actions.logbook import PRIVATE
from controller.record.rules import RecordRules
from controller.record.state import Facts, Record
from controller.reports.day_figures import ALL, DayLog, Series, Spell, Steps, spells


def report(log: DayLog, record: Record, rules: RecordRules, until: Ms, series: Mapping[str, Series]) -> dict[str, Any]:
    """What the report has beside the figures of the day sheet. Fields called `words` are causes of rows with remarks;
    times are in ms since 1970, UTC. What only the lobby manager may see is a number here, `private`."""
    facts = Facts(record, log.state, rules, until)
    book, tasks = logbook.shown(facts), reminders.shown(facts)
    entries = [each for each in book["entries"] if each["topic"] not in PRIVATE]
    return {
        "peaks": peaks(log, series, log.state.day, rules.lobby),
        "pauses": pauses(log, rules.lobby, until),
        "drafted": book["drafted"],
        "entries": entries,
        "private": len(book["entries"]) - len(entries),
        "todo": [each for each in tasks["open"] if each["day"] <= tasks["next"]],
        "later": sum(each["day"] > tasks["next"] for each in tasks["open"]),
        "next": tasks["next"],
        "signed": book["signed"],
    }


def peaks(log: DayLog, series: Mapping[str, Series], day: str, rules: Rules) -> dict[str, Any]:
    """When most customers waited at once, when the customer was called who had waited longest, and the half hour in
    which most tickets were taken; without those that there were not."""
    found: dict[str, Any] = {}
    at, waiting = max(log.queue, key=lambda each: sum(each[1].values()), default=(0, {}))
    if any(waiting.values()):
        found["waiting"] = {"at": at, "count": sum(waiting.values())}
    called = [each for each in log.waited if each.called]
    if called:
        longest = max(called, key=lambda each: each.seconds)
        name = rules.service_name(longest.service)
        found["longest"] = {"at": longest.at, "minutes": round(longest.seconds / 60, 1), "service": name}
    arrivals = [value or 0 for value in series[ALL].arrivals]
    if any(arrivals):
        step = arrivals.index(max(arrivals))
        found["busiest"] = {"at": Steps.of(day, rules).edges[step], "count": arrivals[step]}
    return found


class _Paused(NamedTuple):
    times: int = 0
    lasted: int = 0
    """Milliseconds in which customers waited."""
    most: int = 0


def pauses(log: DayLog, rules: Rules, until: Ms) -> list[dict[str, Any]]:
    """Counters that paused while customers waited whom they serve: how often, for how many minutes of their waiting,
    and how many waited at most."""
    found: dict[str, _Paused] = {}
    times = [at for at, _ in log.queue]
    for spell in spells(log, until):
        if spell.stage is not CounterStage.PAUSED or spell.counter not in rules.counters:
            continue
        waited = [each for each in _waiting(log, times, rules, spell) if each[1]]
        if waited:
            before = found.get(spell.counter, _Paused())
            lasted, most = sum(length for length, _ in waited), max(count for _, count in waited)
            found[spell.counter] = _Paused(before.times + 1, before.lasted + lasted, max(before.most, most))
    return [
        {"counter": id, "times": each.times, "minutes": -(-each.lasted // 60_000), "most": each.most}
        for id in rules.counters
        if (each := found.get(id))
    ]


def _waiting(log: DayLog, times: list[Ms], rules: Rules, spell: Spell) -> Iterator[tuple[int, int]]:
    """During a spell of a counter: for how many ms how many waited whom it serves."""
    counter = rules.counters[spell.counter]
    first = max(0, bisect_right(times, spell.start) - 1)
    for place in range(first, len(log.queue)):
        at, waiting = log.queue[place]
        if at >= spell.end:
            return
        after = log.queue[place + 1][0] if place + 1 < len(log.queue) else spell.end
        serves = (count for id, count in waiting.items() if counter.handicap(id, rules.default_class) is not None)
        yield max(0, min(after, spell.end) - max(at, spell.start)), sum(serves)
