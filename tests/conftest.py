from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator

import pytest


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
