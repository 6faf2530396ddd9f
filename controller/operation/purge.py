"""`lobby purge`: free text that is past its limit is deleted from the journal's table of remarks, and that it was is
written in the journal.

Rows of the journal hold no free text, so they stay, and so does the hash chain over them. What is deleted is
overwritten in the file; it stays in backups until they have gone by rotation.

A text is past its limit if both its own time and the business day of its row are, reckoned from the earlier of what the
clock says and what the journal's newest row says. So a clock that is wrong for the first time deletes nothing early;
one that has leapt ahead and stays there is noticed by the leap in the journal's days, and nothing is deleted until a
time server or a person says that it is right.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from controller.clock import Clock, may_be_wrong, synchronised, system_clock
from controller.config import PrivacySettings, Settings
from controller.engine import Engine
from controller.journal import Journal, JournalError, JournalReader
from controller.journal.reader import Text
from controller.lobby.model.rules import Rules
from controller.lobby.model.units import Ms
from controller.record.actions.purge import Purged, RecordPurge

TABLE = "remark"
AT_ONCE = 200
"""Texts deleted in one transaction: a press waits for no more."""
LEAP = 31
"""Days without a business day after which a clock that no time server sets is doubted."""
DAY = 86_400_000
COPIES = ("before-*", "format-*", "saved")
"""What stands beside a journal as NAME.COPY: it was replaced, or had an older format, or was deleted while in use."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was found past its limit: (the day before which it must be, the causes), in order; `kept`: how many texts
    stay. `doubt`: why nothing may be deleted, in words. `copies`: older copies of the journal, with text in them."""

    due: Sequence[tuple[str, Sequence[str]]] = ()
    kept: int = 0
    doubt: str = ""
    copies: Sequence[str] = ()

    @property
    def count(self) -> int:
        """How many texts are past their limit."""
        return sum(len(causes) for _, causes in self.due)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine says of its clock: whether a time server sets it (None: nobody can tell), and whether it has
    just been started and may be wrong."""

    synchronised: bool | None = field(default_factory=synchronised)
    starting: bool = field(default_factory=may_be_wrong)


def look(
    path: Path,
    privacy: PrivacySettings,
    rules: Rules,
    now: Ms,
    machine: Machine,
    *,
    doubted: bool = False,
    sure: bool = False,
) -> Look:
    """What of a journal is past its limit `now` (ms since 1970, UTC). `doubted`: the lobby waits for somebody to
    confirm the day; `sure`: somebody says that the clock is right. JournalError."""
    with closing(JournalReader(path)) as reader:
        newest = reader.newest()
        if newest is None:
            return Look()
        open_day, by_clock = str(newest[2]), rules.day_of(now)
        texts, days, purged = reader.texts(), reader.first_rows(), reader.last_of(Purged.KIND)
    today, at = min(open_day, by_clock), min(now, Ms(newest[1]))
    limits = {kind: privacy.limit(kind) for kind in {text.kind for text in texts}}
    due: dict[str, list[str]] = {}
    for text, day in _days(texts, days, today):
        before = _before(today, limits[text.kind])
        if day < before and (text.at < at - limits[text.kind] * DAY or text.at > now):
            due.setdefault(before, []).append(text.cause)
    doubt = ""
    if doubted or by_clock < open_day:
        doubt = rules.wording.say("purge.day", day=open_day, clock=by_clock)
    elif machine.starting and not sure:
        doubt = rules.wording.say("purge.starting")
    elif machine.synchronised is not True and not sure:
        since = _before(today, min([privacy.remarks, *limits.values()]))
        if leap := next(_leaps([*days, (by_clock, newest[0] + 1)], since, purged), None):
            doubt = rules.wording.say("purge.leap", before=leap[0], after=leap[1])
    found = sorted(due.items())
    kept = len(texts) - sum(len(causes) for _, causes in found)
    return Look(found, kept, doubt, [*_copies(path, now, privacy)])


def _days(texts: Sequence[Text], days: Sequence[tuple[str, int]], today: str) -> Iterator[tuple[Text, str]]:
    """Each text with the business day by which it is judged: that of its row; but if that lies in the future, since a
    clock was wrong, the day of the first row after it that does not."""
    for text in texts:
        later = (day for day, first in days if first > text.seq and day <= today)
        yield text, text.day if text.day <= today else next(later, today)


def _before(today: str, limit: int) -> str:
    """The business day that is `limit` days before another."""
    return (date.fromisoformat(today) - timedelta(days=limit)).isoformat()


def _leaps(days: Sequence[tuple[str, int]], since: str, purged: int) -> Iterator[tuple[str, str]]:
    """The days between which the journal has leapt, from `since` on; not those before the row `purged`, at which the
    clock was taken as right."""
    for (before, _), (after, first) in pairwise(days):
        gap = date.fromisoformat(after) - date.fromisoformat(before)
        if after >= since and first > purged and gap > timedelta(days=LEAP):
            yield before, after


def _copies(path: Path, now: Ms, privacy: PrivacySettings) -> Iterator[str]:
    for name in COPIES:
        for copy in sorted(path.parent.glob(f"{path.name}.{name}")):
            if copy.stat().st_mtime * 1000 < now - privacy.remarks * DAY and copy.suffix not in (".partial", ".new"):
                yield str(copy)


# -- doing it -------------------------------------------------------------------------------------------------------


async def purge(
    settings: Settings,
    engine: Engine,
    journal: Journal,
    now: Callable[[], Ms],
    *,
    dry: bool = False,
    sure: bool = False,
    machine: Machine | None = None,
) -> dict[str, Any]:
    """Delete what is past its limit, a few at a time, through the engine; what came of it, as `lobby purge --json` has
    it: `ok`, `text` for a person, `purged` (or with `dry`, what would be) by the day before which it was, `kept`,
    `copies`, and whether it is `overwritten` everywhere in the journal's files."""
    say = settings.rules.wording.say
    doubted = engine.state.doubt is not None
    found = await asyncio.to_thread(
        look, journal.path, settings.privacy, settings.rules, now(), machine or Machine(), doubted=doubted, sure=sure
    )
    about: dict[str, Any] = {"dry_run": dry, "purged": {}, "kept": found.kept, "copies": list(found.copies)}
    if found.doubt:
        return {"ok": False, "text": found.doubt, **about}
    done: Counter[str] = Counter()
    about["purged"] = done
    if dry:
        done.update({before: len(causes) for before, causes in found.due})
        return {"ok": True, "text": say("purge.would", count=found.count, kept=found.kept), **about}
    for before, causes in found.due:
        for start in range(0, len(causes), AT_ONCE):
            some, at = causes[start : start + AT_ONCE], now()
            command = RecordPurge(
                at=at, cause=f"purge:{before}:{start}:{at}", table=TABLE, before=before, count=len(some)
            )
            answer = await engine.ask(command, forgets=some)
            if answer.result != "ok":
                return {"ok": False, "text": answer.text, **about}
            done[before] += len(some)
    about["overwritten"] = await asyncio.wrap_future(journal.scrub())
    text = say("purge.done", count=found.count, kept=found.kept)
    return {"ok": True, "text": text if about["overwritten"] else say("purge.held", text=text), **about}


async def purge_alone(
    settings: Settings, *, dry: bool = False, sure: bool = False, clock: Clock | None = None
) -> Mapping[str, Any]:
    """The same while no daemon runs. JournalError, also if one does, or if there is no journal."""
    JournalReader(settings.journal_path).close()
    journal = Journal(settings.journal_path, settings.rules.branch)
    try:
        if journal.trouble:
            raise JournalError(f"{journal.path}: cannot be written ({journal.trouble}); make room on its disk")
        engine = Engine(settings.rules, journal, time.monotonic)
        engine.replay()
        work = asyncio.create_task(engine.run())
        result = await purge(settings, engine, journal, (clock or system_clock()).wall, dry=dry, sure=sure)
        engine.stop()
        await work
        return result
    finally:
        journal.close()
