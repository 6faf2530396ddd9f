"""Devices that flap: what is told of them, counted by somebody who knows nothing of how."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from branches import NINE, branch

from controller.devices.flapping import KEPT, QUIET, TIMES, UNSTEADY, Flapping
from controller.devices.hub import Hub
from controller.engine import Request
from controller.journal import Journal
from controller.lobby.actions.report_device import ReportDevice
from drivers.device import OK, Health

LOW = Health("degraded", "paper_low")
OPEN = Health("degraded", "cover_open")
END = Health("degraded", "paper_end")
HOUR = 3600


def told_of(changes: Iterator[tuple[float, Health]], until: float) -> list[tuple[float, Health]]:
    """What is told, looking every five seconds."""
    flapping, told, look = Flapping(), [], 0.0
    upcoming = next(changes, None)
    while look < until:
        while upcoming and upcoming[0] <= look:
            at, health = upcoming
            if news := flapping.hears(health, at):
                told.append((at, news))
            upcoming = next(changes, None)
        if news := flapping.looks(look):
            told.append((look, news))
        look += 5
    return told


def flips(period: float, until: float) -> Iterator[tuple[float, Health]]:
    at, n = 0.0, 0
    while at < until:
        yield at, (OK, LOW)[n % 2]
        at, n = at + period, n + 1


@pytest.mark.long
@pytest.mark.parametrize("period", [0.01, 0.2, 5, 31, 150, 299, 301, 450, 600, 899, 901, 1200, 1799, 1801, 2701])
def test_a_flapping_device_is_told_of_ten_times_an_hour_at_most(period: float) -> None:
    told = [at for at, _ in told_of(flips(period, 12 * HOUR), 12 * HOUR)]
    for start in range(0, 12 * HOUR, 60):
        assert sum(start <= at < start + HOUR for at in told) <= 10, (period, start)


@pytest.mark.parametrize("seed", range(20))
def test_however_it_flaps(seed: int) -> None:
    chance = Random(seed)

    def changes() -> Iterator[tuple[float, Health]]:
        at = 0.0
        while at < 6 * HOUR:
            yield at, chance.choice((OK, LOW, OPEN, END))
            at += chance.choice((0.1, 1, chance.uniform(0, 400), chance.uniform(0, 2000)))

    told = [at for at, _ in told_of(changes(), 6 * HOUR)]
    for start in range(0, 6 * HOUR, 60):
        assert sum(start <= at < start + HOUR for at in told) <= 16, start


def test_somebody_who_changes_the_paper_is_no_flapping() -> None:
    changes = [(0.0, OK), (60.0, LOW), (300.0, END), (310.0, OPEN), (330.0, END), (332.0, OPEN), (340.0, OK)]
    assert told_of(iter(changes), 400) == [(at, health) for at, health in changes]


def test_what_it_is_in_truth_is_told_once_it_stays_so() -> None:
    burst = [(n * 0.2, (OK, LOW)[n % 2]) for n in range(100)]
    told = told_of(iter([*burst, (20.0, END)]), HOUR)
    # The first is no change; the fourth time that it is low, it flaps.
    assert [health for _, health in told] == [*[OK, LOW] * (TIMES - 1), OK, UNSTEADY, END]
    assert told[-1] == (20 + QUIET[0], END)


def test_it_remembers_no_more_than_it_needs() -> None:
    flapping = Flapping()
    for n in range(10_000):
        flapping.hears((OK, LOW)[n % 2], n * 0.001)
    assert len(flapping._heard) <= KEPT


def test_a_hundred_flips_are_one_line_and_one_row(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    journal = Journal(tmp_path / "lobby.db")
    requests: list[Request] = []
    seconds = 0.0
    desk = Hub(
        branch({"1": {"cash": 0}}), journal, requests.append, lambda: False, lambda: NINE, steady=lambda: seconds
    )
    for n in range(100):
        seconds = n * 0.2
        desk.health("printer", (OK, LOW)[n % 2], "")
    reports = [request.command for request in requests]
    assert all(isinstance(report, ReportDevice) for report in reports)
    assert [(r.state, r.detail) for r in reports][-1] == ("degraded", "unsteady")  # type: ignore[attr-defined]
    assert len(reports) <= 8
    assert len(caplog.messages) <= 8
    assert caplog.messages[-1] == (
        "printer: unsteady: paper low, again and again: 7 times in 1 s; have a new roll at hand; "
        "no further messages until it is steady"
    )
    seconds += QUIET[0]
    desk.looked_ahead()
    assert caplog.messages[-2] == "printer: steady again, after 99 changes"
    assert "paper low" in caplog.messages[-1]
    journal.close()
