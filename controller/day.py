"""`lobby day`: which business day is open, and the return from one that a wrong clock began."""

from __future__ import annotations

import asyncio
import time

from controller.clock import Clock, system_clock
from controller.config import Settings
from controller.engine import Engine
from controller.journal import Journal, JournalError, JournalReader
from controller.lobby.actions.day import BeginDay


def told(settings: Settings, clock: Clock | None = None) -> str:
    """A sentence about the open day and the day by the clock. Raises JournalError."""
    say = settings.rules.wording.say
    reader = JournalReader(settings.journal_path)
    try:
        day = reader.last_day()
    finally:
        reader.close()
    today = settings.rules.day_of((clock or system_clock()).wall())
    if not day:
        return say("business_day.none")
    return say("business_day.right" if day == today else "business_day.differs", day=day, clock=today)


async def begin_day(settings: Settings, clock: Clock | None = None) -> str:
    """Continue in the day by the clock, and return a sentence with the result. JournalError if a controller is running,
    or if there is nothing to begin."""
    clock = clock or system_clock()
    try:
        journal = Journal(settings.journal_path)
    except JournalError as error:
        raise JournalError(f"{error}; or press NEWDAY at the console or a panel, while it works") from error
    try:
        engine = Engine(settings.rules, journal, time.monotonic)
        engine.replay()
        work = asyncio.create_task(engine.run())
        now = clock.wall()
        answer = await engine.ask(BeginDay(at=now, cause=f"day:{now}", by="command"))
        engine.stop()
        await work
    finally:
        journal.close()
    if answer.result != "ok":
        raise JournalError(answer.text)
    return answer.text
