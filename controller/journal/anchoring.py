"""While the daemon runs: each business day gets its anchor in the journal once it is over, and is named in the log.

It reads on a thread of its own that rests between rows, so that no press waits for it, also where an old journal has
years of days without anchors.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice

from controller.journal import Journal, JournalError, JournalReader, JournalWriteError
from controller.journal.chain import Anchor, Chain, MisfitError, Stored, ends
from controller.threads import one_thread

log = logging.getLogger(__name__)

LOOK = 60.0
"""Seconds between two looks for rows that have come."""
AT_A_TIME = 1000
"""Rows that are read in one go, after which the thread can be ended."""
REST_AFTER = 50
"""Rows between two rests."""
REST = 0.001
"""Seconds of a rest."""


class Anchoring:
    """Follows the chain of a journal that is open, from its newest anchor on. `every`: seconds between two looks."""

    def __init__(self, journal: Journal, every: float = LOOK) -> None:
        self._journal, self._every = journal, every
        self._chain: Chain | None = None
        self._told = ""
        """What does not fit, as it was logged."""

    async def run(self) -> None:
        """Until cancelled; the thread has ended then."""
        thread = one_thread("anchors")
        try:
            while True:
                more = False
                try:
                    found, more = await asyncio.get_running_loop().run_in_executor(thread, self._some)
                    if found:
                        await asyncio.wrap_future(self._journal.anchor(found))
                        _log(found)
                except MisfitError as error:
                    self._misfit(error)
                except (JournalError, JournalWriteError):
                    self._chain = None  # told by those who need it to write; tried again
                if not more:
                    await asyncio.sleep(self._every)
        finally:
            thread.shutdown()

    def _some(self) -> tuple[list[Anchor], bool]:
        """The anchors of days that are over among the next rows, and whether there may be more rows."""
        with closing(JournalReader(self._journal.path)) as reader:
            chain = self._chain = self._chain or Chain(reader.last_anchor())
            before = chain.seq
            found = list(ends(chain, _unhurried(islice(reader.stored(before + 1), AT_A_TIME))))
            return found, chain.seq - before == AT_A_TIME

    def _misfit(self, error: MisfitError) -> None:
        self._chain = None
        if str(error) != self._told:
            self._told = str(error)
            log.error("%s: %s; keep the file as it is, and compare it with its backups", self._journal.path, error)


def _log(found: list[Anchor]) -> None:
    last = found[-1]
    days = last.day if len(found) == 1 else f"{found[0].day} .. {last.day}"
    log.info("business day %s is over; the anchor of its row %d is %s", days, last.seq, last.hash)


def _unhurried(rows: Iterable[Stored]) -> Iterator[Stored]:
    for number, row in enumerate(rows, 1):
        yield row
        if number % REST_AFTER == 0:
            time.sleep(REST)
