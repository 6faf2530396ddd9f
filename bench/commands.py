"""Durable commands per second: producers that each wait for their answers, on the real engine and journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from bench.branch import configuration
from bench.figures import Figure, against_floor
from bench.floors import Commits
from controller.config import read
from controller.engine import Engine
from controller.journal import Journal
from controller.lobby.actions.call_next import CallNext
from controller.lobby.actions.command import Command
from controller.lobby.actions.take_ticket import TakeTicket
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import Ms

PRODUCERS = 16
LEAST = 5000
"""Commands a second."""


def measure(directory: Path, seconds: float, runs: int, done: Callable[[], None]) -> list[Figure]:
    """Ours and the floor (one row per commit, no other load), alternating."""
    journal, config = directory / "commands.db", directory / "commands.toml"
    config.write_text(configuration(PRODUCERS, journal, {}), "utf-8")
    rules = read(config).rules
    ours, floors = [], []
    for _ in range(runs):
        for old in directory.glob("commands.db*"):
            old.unlink()
        ours.append(asyncio.run(_ours(rules, journal, seconds)))
        synced = Commits(directory / "floor.db")
        floors.append(synced.a_second(seconds / 2))
        synced.close()
        done()
    figure = against_floor("durable commands", ours, floors, "/s", producers=PRODUCERS)
    return [
        Figure(figure.name, figure.value, figure.unit, least=LEAST, detail=figure.detail),
        Figure("the same, beside one row a commit", figure.value, figure.unit, figure.floor, figure.ratio),
    ]


async def _ours(rules: Rules, path: Path, seconds: float) -> float:
    journal = Journal(path)
    engine = Engine(rules, journal)
    engine.replay()
    running = asyncio.create_task(engine.run())
    started = time.perf_counter()
    counts = await asyncio.gather(*(_producer(engine, counter, started + seconds) for counter in rules.counters))
    passed = time.perf_counter() - started
    engine.stop()
    await running
    journal.close()
    return sum(counts) / passed


async def _producer(engine: Engine, counter: str, end: float) -> int:
    """Take a ticket, call a ticket, and so on."""
    count = 0
    while time.perf_counter() < end:
        at = Ms(time.time_ns() // 1_000_000)
        cause = f"bench:{counter}:{count}"
        command: Command = (
            CallNext(at=at, cause=cause, counter=counter, sure=True)
            if count % 2
            else TakeTicket(at=at, cause=cause, by=f"kiosk/{counter}")
        )
        answer = await engine.ask(command)
        if not answer.written:
            raise RuntimeError(answer.text)
        count += 1
    return count
