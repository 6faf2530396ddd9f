"""Bad days from the door to the door: whatever goes wrong, what the journal has was seen, and once."""

from __future__ import annotations

from pathlib import Path

import pytest
from branches import numbers
from checker import Checker
from random_days import plain
from rich.console import Console

from simulators.words import of_the_demo
from system.bad_day import SPEED, BadDay
from system.broker import Mosquitto


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    days, first = metafunc.config.getoption("--bad-days"), metafunc.config.getoption("--from")
    metafunc.parametrize("seed", range(first, first + days))


@pytest.mark.verify
@pytest.mark.timeout(400)
async def test_a_bad_day(tmp_path: Path, broker: Mosquitto, seed: int) -> None:
    day = BadDay(tmp_path, broker, seed)
    try:
        report = await day.run()
    finally:
        log = day.log_file.read_text()
        print(f"seed {seed}: {', '.join(day.done)}\n{log}")
    report.show(Console(), of_the_demo("en"), exact=False)
    assert report.right(exact=False)
    assert "Traceback" not in log
    rows = day.rows()
    checker = Checker(numbers(day.settings.rules))
    for row in rows:
        checker.row(plain(row))
    assert checker.violations == []
    assert len({row.day for row in rows}) == 1, "a clock that jumps ends no day"
    called: dict[str, int] = {}
    for row in rows:
        ticket = row.data.get("ticket")
        if row.event.KIND == "ticket_called":
            called[ticket] = row.at
        elif row.event.KIND == "clock_stepped":
            called = {id: at + row.data["by"] for id, at in called.items()}
        elif row.event.KIND == "ticket_finished":
            assert row.at - called[ticket] > 1.4 * SPEED * 1000, f"{ticket} was finished as soon as it was called"
    for device in day.settings.devices:
        of_it = [row for row in rows if row.event.KIND == "device_changed" and row.data["device"] == device.id]
        assert len(of_it) <= 14, device.id
        assert sum(line.partition(" ")[2].startswith(f"{device.id}:") for line in log.splitlines()) <= 20, device.id
