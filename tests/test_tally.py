"""What reports count of a day, against what the lobby and the day sheet count of it."""

from __future__ import annotations

from collections import Counter as Count
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from branches import long_steps
from test_day_figures import RULES, Told, logged

from controller.journal import Journal, JournalReader
from controller.lobby.actions.day import DayOpened
from controller.reports import day_figures
from controller.reports.day_figures import DayLog
from controller.reports.tally import KINDS, OF_TICKETS, DayTally, tally


def of_the_log(log: DayLog) -> dict[str, object]:
    state = log.state
    return {
        "taken": sorted(log.taken),
        "waited": Count(log.waited),
        "classes": {each.ticket: state.tickets[each.ticket].klass for each in log.taken},
        "finished": Count(log.finished),
        "missed": Count(log.missed),
        "returned": Count(log.returned),
        "granted": log.granted,
        "turns": log.turns,
        "last": log.last,
        "over": log.over,
        "effects": {klass: each for klass, each in state.effects.items() if each.passed},
        "sent_away": state.sent_away,
        "insisted": state.insisted,
        "profile": state.profile,
    }


def of_the_tally(found: DayTally) -> dict[str, object]:
    return {
        "taken": sorted(found.taken.values()),
        "waited": Count(found.waited.values()),
        "classes": {each.ticket: found.klass(each.ticket) for each in found.taken.values()},
        "finished": Count((each.ticket, each.counter) for each in found.finished.values()),
        "missed": Count(each.ticket for each in found.missed),
        "returned": Count(found.returned),
        "granted": found.granted,
        "turns": found.turns,
        "last": found.last,
        "over": found.over,
        "effects": {klass: each for klass, each in found.effects.items() if each.passed},
        "sent_away": found.sent_away,
        "insisted": found.insisted,
        "profile": found.profile,
    }


@pytest.mark.parametrize("seed", range(12))
def test_a_day_counted_from_bare_rows_is_the_day_that_the_lobby_had(seed: int, tmp_path: Path) -> None:
    lobby = Told()
    for step in long_steps(seed, 700):
        lobby.step(step)
    with closing(Journal(tmp_path / "lobby.db")) as journal:
        # A clock that goes back begins days twice.
        journal.append([replace(row, cause=f"{row.cause}:{row.seq - row.part}") for row in lobby.told]).result()
    with closing(JournalReader(tmp_path / "lobby.db")) as reader:
        days = reader.days()
        for day in days:
            log = logged([*reader.rows(day)], RULES)
            found = tally(day, reader.bare_rows(day, KINDS, OF_TICKETS - KINDS))
            begun = [row.event for row in reader.rows(day) if isinstance(row.event, DayOpened)]
            if sum(event.continues is None for event in begun) > 1:
                continue  # numbers were given twice on one day, and DayLog takes them for the same
            assert of_the_tally(found) == of_the_log(log), day
            sheet = day_figures.sheet(log, RULES, lobby.now)
            assert found.left == sheet.left, day
            assert (found.advice[-1][1] if found.advice else 0) == sum(
                {"open": 1, "close": -1}.get(each.action, 0) for each in log.state.windows.advice
            ) or found.over
    assert days
