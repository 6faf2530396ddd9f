"""A webhook: another system is sent the journal's rows, signed, at least once and in order.

The rows are read from the journal, so nothing is lost however long the receiver is away. How far it has come is kept in
the journal's side table `position`, after each answer 2xx: what was sent before a power cut, and not noted, is sent
again, and a journal that is put back from a backup has the position of that time. A request has the next rows, in
order; it stays the same until it is taken. Nobody waits for a receiver, and its state is that of a device.

The form of a request: the Standard Webhooks specification 1.0.0 (see `controller.feed.signing`); status codes as its
section "Delivery success and failure" has them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from controller import __version__
from controller.devices.kit import Adapter, Context
from controller.feed.lines import line, page
from controller.feed.post import Names, PostError, Reply, context_for, post
from controller.feed.settings import WebhookSettings
from controller.feed.signing import SecretError, secrets_in, signatures
from controller.journal import JournalError, JournalReader, JournalWriteError
from controller.lobby.aggregate import Row
from controller.lobby.model.state import State
from controller.threads import one_thread
from drivers.device import OK, Health

log = logging.getLogger(__name__)

ROWS = 100
"""Most rows of a request."""
SIZE = 20_000
"""Bytes of a request's body from which it takes no more rows: the specification's "Payload size"."""
GATHER = 0.2
"""Seconds for which rows gather once one has come."""
LOOK = 30.0
"""Seconds between two looks at the journal where no row was told of, or where it could not be read."""
FIRST, LONGEST = 1.0, 600.0
"""Seconds of the first pause after a failure, each next one twice as long, and of the longest."""
ASKED = 3600.0
"""Most seconds for which a receiver can ask to be left alone."""
SKIPPED = 1000
"""Rows of other kinds that are passed before the position is kept."""
GONE, TOO_LARGE = 410, 413


def device_of(id: str) -> str:
    """The device id of a webhook; ids of configured devices contain no dot."""
    return f"webhook.{id}"


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of a request: its id, which is the same whenever it is sent, and its body."""

    id: str
    body: bytes
    last: int
    count: int


def batch(rows: Sequence[Row], branch: str, journal: str, *, people: bool) -> Batch:
    """As many of these rows as a request takes, at least one."""
    taken: list[str] = []
    size = 0
    for row in rows:
        text = line(row, people=people)
        size += len(text.encode())
        if taken and size > SIZE:
            break
        taken.append(text)
    first, last = rows[0], rows[len(taken) - 1]
    about = {
        "type": "lobby.rows",
        "timestamp": datetime.fromtimestamp(last.at / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "branch": branch,
        "journal": journal,
    }
    head = json.dumps(about, ensure_ascii=False, separators=(",", ":")).removesuffix("}")
    body = f'{head},"data":[{",".join(taken)}]}}'
    # Times too, since a journal that was put back gives numbers again. No full stop, as the specification demands.
    id = f"lobby-{journal}-{first.seq}-{last.seq}-{last.at}"
    return Batch(id, body.encode(), last.seq, len(taken))


class Webhook(Adapter):
    """One webhook: an adapter, which is told that there are rows, and its own session. `chance`: random numbers from 0
    to 1."""

    def __init__(
        self, settings: WebhookSettings, context: Context, chance: Callable[[], float] = random.random
    ) -> None:
        super().__init__(device_of(settings.id), context)
        self.settled = asyncio.Event()
        self._settings = settings
        self._chance = chance
        self._news = asyncio.Event()
        self._names = Names()
        self._most = ROWS
        self._position = 0
        """The last row that was taken, or passed since it is of another kind."""
        self._kept = 0
        """The same, as the journal has it."""
        self._unread = ""
        """Why the journal cannot be read, as it was logged."""

    def told(self, rows: Sequence[Row], state: State) -> None:
        self._news.set()

    async def run(self) -> None:
        """Send rows until cancelled."""
        self.settled.set()
        self._thread = one_thread(self.id)
        try:
            await self._begin()
            while True:
                self._news.clear()
                found, more = await self._next()
                if found:
                    await self._deliver(found)
                elif not more:
                    await self._wait_for_news()
        finally:
            self._thread.shutdown()

    async def _begin(self) -> None:
        journal = self.context.journal
        self._branch, self._journal_id = self.context.rules.branch, journal.identity()[0]
        known = journal.position(self._settings.id)
        newest = journal.newest()
        last = newest[0] if newest else 0
        self._position = known if known is not None else last if self._settings.after_start else 0
        self._kept = -1 if known is None else known
        await self._keep()

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(LOOK):
                await self._news.wait()
            await asyncio.sleep(GATHER)
        except TimeoutError:
            pass

    # -- what to send ----------------------------------------------------------------------------------------

    async def _next(self) -> tuple[Batch | None, bool]:
        """The next request, None if there is nothing to send; and whether there may be more rows."""
        try:
            found, upto, more = await asyncio.get_running_loop().run_in_executor(self._thread, self._read)
        except JournalError as error:
            if str(error) != self._unread:
                self._unread = str(error)
                log.error("%s: %s", self.id, error)
            return None, False
        self._unread = ""
        if found is None:
            self._position = upto
            if upto - self._kept >= SKIPPED:
                await self._keep()
        return found, more

    def _read(self) -> tuple[Batch | None, int, bool]:
        path = self.context.journal.path
        with closing(JournalReader(path)) as reader:
            if reader.identity()[0] != self._journal_id:
                raise JournalError(f"{path}: this is not the journal that the controller writes; put that one back")
        part = page(path, self._position, self._settings.kinds, self._most)
        if not part.rows:
            return None, part.upto, part.more
        return batch(part.rows, self._branch, self._journal_id, people=self._settings.people), part.upto, True

    async def _keep(self) -> None:
        """Keep the position. Where the journal cannot be written, the engine says so; the next answer keeps it."""
        if self._position == self._kept:
            return
        try:
            await asyncio.wrap_future(self.context.journal.keep_position(self._settings.id, self._position))
            self._kept = self._position
        except JournalWriteError:
            pass

    # -- sending it ------------------------------------------------------------------------------------------

    async def _deliver(self, sent: Batch) -> None:
        """Send a request until it is taken, or has to be cut smaller."""
        failures = 0
        while True:
            reply = await self._attempt(sent)
            if reply and 200 <= reply.status < 300:
                self.context.health(self.id, OK, "")
                self._position = sent.last
                await self._keep()
                return
            if reply and reply.status == TOO_LARGE and sent.count > 1:
                self._most = sent.count // 2
                return
            if reply:
                self._say(_detail(reply.status), f"HTTP {reply.status}")
                if reply.status == GONE:
                    await asyncio.Event().wait()  # until a restart
            failures += 1
            await asyncio.sleep(self.back_off(failures, reply.retry_after if reply else 0.0))

    def back_off(self, failures: int, asked: float) -> float:
        """Seconds until the next attempt, after so many failures; `asked`: what the receiver has asked for."""
        pause = min(LONGEST, FIRST * float(2 ** min(failures - 1, 20)))
        return max(pause * (0.5 + self._chance() / 2), min(asked, ASKED))

    async def _attempt(self, sent: Batch) -> Reply | None:
        """Send it once; None: there was no answer, which has been told."""
        now = self.context.now() // 1000
        settings = self._settings
        try:
            secrets, tls = await asyncio.get_running_loop().run_in_executor(self._thread, self._files)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": f"lobby-controller/{__version__}",
                "webhook-id": sent.id,
                "webhook-timestamp": str(now),
                "webhook-signature": signatures(secrets, sent.id, now, sent.body),
            }
            return await post(settings.url, headers, sent.body, self._names, tls, settings.proxy)
        except SecretError as error:
            self._say("webhook_secret", str(error))
        except PostError as error:
            self._say(error.detail, error.about)
        except OSError as error:
            self._say("webhook_authority", f"{settings.ca_file}: {(error.strerror or str(error)).lower()}")
        return None

    def _files(self) -> tuple[list[bytes], ssl.SSLContext | None]:
        settings = self._settings
        tls = context_for(settings.ca_file) if settings.url.startswith("https:") else None
        return secrets_in(settings.secret_file), tls

    def _say(self, detail: str, about: str) -> None:
        self.context.health(self.id, Health("offline", detail), about)


def _detail(status: int) -> str:
    """The wording key of what a receiver's status means."""
    if status == GONE:
        return "webhook_gone"
    return "webhook_moved" if 300 <= status < 400 else "webhook_refused"
