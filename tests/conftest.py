from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator

import chance
import pytest

chance.register()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lobby")
    group.addoption("--hours", type=int, default=500, help="random simulated hours for test_invariants (500)")
    group.addoption("--from", type=int, default=1, help="the first seed of test_invariants (1)")
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
