"""`lobby day`: which business day is open, and the return from one that a wrong clock began."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from controller.clock import Clock, system_clock
from controller.config import Settings
from controller.engine import Engine
from controller.journal import Journal, JournalError, JournalReader
from controller.journal.audit import so_far
from controller.journal.chain import MisfitError
from controller.lobby.actions.day import BeginDay


def told(settings: Settings, clock: Clock | None = None) -> str:
    """A sentence about the open day and the day by the clock, and the anchors of the last day that is over and of the
    newest row, a line each. Raises JournalError."""
    say = settings.rules.wording.say
    with closing(JournalReader(settings.journal_path)) as reader:
        day = reader.last_day()
        anchors = [*_anchors(reader, say)]
    today = settings.rules.day_of((clock or system_clock()).wall())
    if not day:
        return say("business_day.none")
    sentence = say("business_day.right" if day == today else "business_day.differs", day=day, clock=today)
    return "\n".join([sentence, *anchors])


def _anchors(reader: JournalReader, say: Callable[..., str]) -> Iterator[str]:
    if over := reader.last_anchor():
        yield say("business_day.anchor", day=over.day, row=over.seq, hash=over.hash)
    try:
        now = so_far(reader)
    except MisfitError as error:
        yield say("business_day.misfit", text=str(error))
        return
    if now and now != over:
        yield say("business_day.anchor_so_far", row=now.seq, hash=now.hash)


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
