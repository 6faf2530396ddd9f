"""What tests of the engine share: one that runs, and who listens to it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from branches import NINE, branch

from controller.engine import Engine, Step
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command
from controller.lobby.actions.event import from_row
from controller.lobby.actions.registry import evolve
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.answers import Answer
from controller.lobby.model.rules import Rules
from controller.lobby.model.state import State

RULES = branch({"1": {"cash": 0}, "2": {"cash": 10, "personal": 0}}, raters=("1",))


SOON = 30
"""Seconds within which anything here happens, also on a busy machine."""


@dataclass
class Listener:
    """What the engine tells."""

    steps: list[list[str]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    beats: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def published(self, step: Step) -> None:
        self.steps.append([row.event.KIND for row in step.rows])

    def trouble(self, reason: str) -> None:
        self.troubles.append(reason)
        self.news.set()

    def stepped(self) -> None:
        self.beats += 1
        self.news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the engine tells to fulfil a condition."""
        async with asyncio.timeout(SOON):
            while not condition():
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def running(path: Path, listener: Listener | None = None, rules: Rules = RULES) -> AsyncIterator[Engine]:
    """An engine at work on a journal, which is opened before and closed after."""
    listener = listener or Listener()
    journal = Journal(path)
    try:
        engine = Engine(rules, journal)
        engine.replay()
        work = asyncio.create_task(engine.run(listener.published, listener.trouble, listener.stepped), name="engine")
        try:
            yield engine
        finally:
            engine.stop()
            async with asyncio.timeout(SOON):
                await work
    finally:
        journal.close()


def journalled(path: Path) -> list[dict[str, Any]]:
    """The rows, as an outsider reads them."""
    with closing(sqlite3.connect(path)) as connection:
        select = "SELECT seq, at, kind, version, data, cause, part FROM event ORDER BY seq"
        names = ("seq", "at", "kind", "version", "data", "cause", "part")
        rows = [dict(zip(names, columns, strict=True)) for columns in connection.execute(select)]
    return [row | {"data": json.loads(row["data"])} for row in rows]


def kinds(path: Path) -> list[str]:
    return [row["kind"] for row in journalled(path)]


def replayed(path: Path) -> State:
    """The state that the file alone leads to."""
    state = State()
    for row in journalled(path):
        evolve(state, row["at"], from_row(row["kind"], row["version"], row["data"]))
    return state


def take(cause: str, at: int = NINE, **more: Any) -> TakeTicket:
    return TakeTicket(at=at, cause=cause, by="kiosk", **more)


def call(cause: str, counter: str = "1", at: int = NINE) -> CallNext:
    return CallNext(at=at, cause=cause, counter=counter)


async def asked(engine: Engine, *commands: Command) -> list[Answer]:
    """Ask for all of it at once."""
    async with asyncio.timeout(SOON):
        return list(await asyncio.gather(*(engine.ask(command) for command in commands)))
