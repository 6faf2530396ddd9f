from __future__ import annotations

import asyncio
import inspect
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import chance
import pytest

chance.register()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lobby")
    group.addoption("--hours", type=int, default=200, help="random simulated hours for test_invariants (200)")
    group.addoption("--from", type=int, default=1, help="the first seed of test_invariants (1)")
    group.addoption("--bad-days", type=int, default=0, help="bad days of test_bad_day (none)")
    group.addoption("--traffic-days", type=int, default=1, help="recorded days of test_traffic, at most 20 (1)")
    group.addoption("--seed", type=int, default=None, help="only this run of test_invariants")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How to have again what exploring found, and over how many simulated hours the invariants held."""
    if config.getoption("hypothesis_profile") == chance.EXPLORE:
        seed = config.getoption("hypothesis_seed")
        for report in terminalreporter.getreports("failed"):
            if "hypothesis" in report.keywords:
                name = report.nodeid.rpartition("::")[2].partition("[")[0]
                terminalreporter.write_line(f'again with: make verify ARGS="--hypothesis-seed {seed} -k {name}"')
    runs = [dict(report.user_properties) for report in terminalreporter.getreports("passed")]
    figures = [run["lobby"] for run in runs if "lobby" in run]
    if figures:
        hours, rows, calls, forced = (sum(column) for column in zip(*figures, strict=True))
        terminalreporter.write_line(
            f"The ten invariants held over {hours:,.0f} simulated hours in {len(figures)} runs: {rows:,} rows, "
            f"{calls:,} calls by the rule, {forced:,} by hand."
        )


RUN = "LOBBY_TEST_RUN"
"""In the environment of all programs that this process starts, and of those that they start: whose they are."""
TIME_TO_END = 10.0
"""Seconds that programs have to end after the last test."""


@pytest.fixture(scope="session", autouse=True)
def no_program_left_behind() -> Iterator[None]:
    """Fails the run if a program that a test has started is there after the last one: it is set up before all else."""
    os.environ[RUN] = f"{os.getpid()}-{time.monotonic_ns()}"
    yield
    deadline = time.monotonic() + TIME_TO_END
    while (left := started_in(os.environ[RUN])) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "the tests leave programs behind:\n" + "\n".join(left.values())


def started_in(run: str) -> dict[int, str]:
    """The programs started in a run of the tests, by process id."""
    mark = f"{RUN}={run}".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            pass  # it has ended, or is somebody else's
    return found


@pytest.fixture(autouse=True)
def no_task_left_behind(request: pytest.FixtureRequest) -> None:
    """Fails an asynchronous test that leaves a task behind, its fixtures included: it is set up before them."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_tasks_of_the_loop")


@pytest.fixture
async def _tasks_of_the_loop() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    names = sorted(f"{task.get_name()}: {task.get_coro()}" for task in left)
    for task in left:
        task.cancel()
    assert not left, "the test leaves tasks behind:\n" + "\n".join(names)
