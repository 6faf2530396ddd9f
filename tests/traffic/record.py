"""Records what the controller says on every wire on one seeded day: `python -m traffic SEED`.

The controller is the whole one, with all its drivers, sessions and pages. Its devices are the simulators' far ends, its
broker is in memory, HTTP is asked of its application; its clocks are virtual (`traffic.virtual`), the wall clock 60
times as fast as the wires', as in the demo. So a seed is a day, to the byte.

A recording has a stream for each wire, and a line for each moment in which something was said on it: seconds since the
start, and what was said. What the program makes up by chance is masked: `<session N>`, the cookie of a browser;
`<csrf N>`, what its pages show for it; `<page N>`, by which a device's open page names itself; `<key>`, of a request
that brings no Idempotency-Key; `<build>`, which stands for the pages' files, and the files themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import logging
import lzma
import re
import socket
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from simulators.faults import Faults
from traffic import house, virtual
from traffic.browser import call
from traffic.people import BRANCH, People
from traffic.recording import Recording, kept
from traffic.troubles import Troubles
from traffic.visitors import Visitors
from traffic.wires import Broker, Cable

HERE = Path(__file__).parent
LASTS = 210.0
"""Seconds of a day, as the wires go; three and a half hours of people's."""
OPENS = 3.0
"""Seconds from a start of the controller until people come."""
STOPS = 4.0
"""Seconds that a stop may take."""
SPEED = 60.0


class Seen:
    """What people can know of the lobby: what has been published."""

    def __init__(self) -> None:
        self.tickets: list[str] = []
        self.pages: list[str] = []

    def published(self, topic: str, payload: bytes) -> None:
        """Look at something that was published."""
        if topic == f"{BRANCH}event":
            event = json.loads(payload)
            if event["kind"] == "ticket_issued":
                self.tickets.append(event["data"]["ticket"])
            elif event["kind"] == "day_opened" and "continues" not in event["data"]:
                self.tickets.clear()

    def some(self, chance: Random) -> str:
        """A ticket: one of the latest, of all, or none."""
        if not self.tickets or chance.random() < 0.06:
            return chance.choice(("", "A001", "Z999", "B002"))
        return chance.choice(self.tickets[-12:] if chance.random() < 0.75 else self.tickets)


class Day:
    """One seeded day."""

    def __init__(self, seed: int, clock: virtual.Clock, directory: Path) -> None:
        self.seed = seed
        self._clock = clock
        self.record = Recording(self.now)
        self.seen = Seen()
        self.application: Any = None
        self.directory = directory
        self._set_by = 0
        """Milliseconds by which the wall clock was set."""
        self.broker = Broker(self._told)
        self._settings = self._configured()
        self._starts = self._first_moment()
        self.cables: dict[str, Any] = {}
        for id, driver, link in house.links_of(self._settings):
            faults = Faults(Random(f"{seed}:{id}"))
            self.cables[id] = Cable(
                house.far_end(self._settings, id, faults, confirms=seed % 4 != 3),
                faults,
                house.byte_time(link),
                0.02 * faults.random.random(),
                lambda data, id=id, driver=driver: self.record.bytes(f"wire {id} ({driver})", data),
                lambda data, id=id, driver=driver: self.record.bytes(f"device {id} ({driver})", data),
            )
        self._chance = Random(f"{seed}:day")
        self._papers = 0

    # -- the branch --------------------------------------------------------------------------------------------------

    def _configured(self) -> Any:
        text = (HERE / "branch.toml").read_text("utf-8")
        if self.seed % 2 == 0:
            text = text.replace('language = "zh"', 'language = "en"')
        if self.seed % 3 == 0:
            text = text.replace('"mqtt://broker.branch:1883"', '"embedded"')
        path = self.directory / "branch.toml"
        path.write_text(text, "utf-8")
        (self.directory / "cards.key").write_text("the key of a branch that is nowhere\n")
        (self.directory / "cards.key").chmod(0o600)
        self.list_cards({"6222020200112233445": "vip", "4000000000000002": "vip"})
        accounts = self.directory / "access.db"
        with sqlite3.connect(accounts) as db:
            db.executescript((HERE / "access.sql").read_text("utf-8"))
        db.close()
        accounts.chmod(0o600)
        return house.settings_of(path)

    def token(self, number: str) -> str:
        """A card's token."""
        key = (self.directory / "cards.key").read_bytes().strip()
        return hmac.digest(key, number.encode(), "sha256").hex()

    def list_cards(self, cards: Mapping[str, str]) -> None:
        """Head office sends a list: number -> class."""
        lines = [f"{self.token(number)} {klass}" for number, klass in cards.items()]
        text = "\n".join(("lobby-tokens 1", *lines, f"end {len(lines)}\n"))
        new = self.directory / "cards.new"
        new.write_text(text)
        new.replace(self.directory / "cards.tokens")

    def _first_moment(self) -> int:
        hour, minute = (0, 20) if self.seed % 5 == 0 else (8, 50)
        day = datetime(2026, 3, 2 + self.seed % 27, hour, minute, tzinfo=self._settings.rules.zone)
        return int(day.timestamp() * 1000)

    def set_clock(self, by: int) -> None:
        """Somebody sets the wall clock, by so many ms."""
        self._set_by += by

    def now(self) -> float:
        """Seconds since the day began, as the wires go."""
        return self._clock.now() - virtual.STARTS

    def wall(self) -> int:
        """The branch's clock, in ms since 1970, UTC."""
        return self._starts + self._set_by + int(self.now() * 1000 * SPEED)

    def _told(self, what: str, topic: str, retain: bool, payload: bytes) -> None:
        if what == "publish":
            self.seen.published(topic, payload)
            self.record.say("mqtt", f"{topic} {'retained ' if retain else ''}{payload.decode()}")
        else:
            self.record.say("mqtt", f"{what} {topic} {payload.decode()}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The controller, for as long as the context lasts."""
        settings = house.connected(self._settings, self.cables)
        async with house.controller(settings, self.wall, self._clock.now, "boot-one", SPEED) as controller:
            self.application = house.web_application(controller)
            try:
                yield
            finally:
                self.application = None

    # -- the day -----------------------------------------------------------------------------------------------------

    def run(self) -> str:
        """All of it, as text."""
        stops = self._chance.uniform(0.45, 0.6) * LASTS
        starts = stops + self._chance.uniform(STOPS, 9)
        self.broker.kept[f"{BRANCH}keypad/9/screen"] = b'{"waiting":1}'
        self.broker.kept[f"{BRANCH}device/gone"] = b'{"state":"ok"}'
        self.broker.kept[f"{BRANCH}board"] = b'{"old":true}'
        for part, (begin, end) in enumerate(((0.0, stops), (starts, LASTS))):
            # However long a stop takes, the next start is at the same moment.
            assert self.now() <= begin
            self._clock.pass_by(begin - self.now())
            # A loop for each run of the controller, as a process would be: nothing of the first is left.
            loop = virtual.Loop(self._clock)
            for wired in (self.broker, *self.cables.values()):
                wired.run_in(loop)
            asyncio.set_event_loop(loop)
            try:
                loop.run_until_complete(self._part(part, begin, end))
            finally:
                loop.close()
        self._paper_now()
        self._add_journal()
        return self.record.text()

    async def _part(self, part: int, begin: float, end: float) -> None:
        looking = asyncio.create_task(self._look_at_paper())
        for cable in self.cables.values():
            cable.poke()
        self._clock.threads_take = 0.0  # in how many steps it starts does not matter
        async with self.running():
            assert self.now() < begin + OPENS
            await asyncio.sleep(begin + OPENS - self.now())
            self._clock.threads_take = virtual.THREAD
            troubles, people, visitors = Troubles(self, LASTS), People(self, part), Visitors(self, part)
            works = [*troubles.works(self._chance, part), *people.works(), *visitors.works()]
            tasks = {asyncio.create_task(work) for work in works}
            await asyncio.wait(tasks, timeout=end - self.now())
            if not part:
                await self._leave(tasks)
        await self._leave({*tasks, looking})

    def _add_journal(self) -> None:
        """The rows; what is in them has been published, and a digest is enough."""
        lines, whole = self.record.streams["journal"], hashlib.sha256()
        for seq, at, day, kind, version, data, cause, part in house.rows_of(self.directory / "lobby.db"):
            known = re.sub(r"^(http:[^:]*):[0-9a-f]{32}:", r"\1:<key>:", cause)
            lines.append((str(seq), f"{at} {day} {kind} {version} {known} {part}"))
            whole.update(f"{data}\n".encode())
        lines.append(("data", whole.hexdigest()))

    async def _leave(self, tasks: set[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _look_at_paper(self) -> None:
        while True:
            self._paper_now()
            await asyncio.sleep(0.25)

    def _paper_now(self) -> None:
        for id, driver, _ in house.links_of(self._settings):
            if driver == "escpos":
                printer = self.cables[id].far_end
                new = printer.cut - self._papers
                self._papers = printer.cut
                for paper in printer.tickets[len(printer.tickets) - new :] if new else []:
                    self.record.say(f"paper {id}", "\n".join(house.printed(paper)))


def day(seed: int, clock: virtual.Clock) -> str:
    """The recording of a day, as text."""
    clock.ticks = virtual.STARTS * virtual.TICK
    with _directory() as directory:
        one = Day(seed, clock, directory)
        connect, socket.create_connection = socket.create_connection, one.broker.connect  # type: ignore[assignment]
        try:
            return one.run()
        finally:
            socket.create_connection = connect


async def _document(directory: Path, clock: virtual.Clock) -> str:
    """What the HTTP API says of itself, as text of one line a thing."""
    one = Day(1, clock, directory)
    for wired in (one.broker, *one.cables.values()):
        wired.run_in(asyncio.get_running_loop())
    async with one.running():
        headers = {"host": "lobby.branch", "authorization": "Bearer token-of-robot"}
        _, _, payload = await call(one.application, "GET", "/api/openapi.json", headers, b"", "10.0.0.31")
    return json.dumps(json.loads(payload), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def document(clock: virtual.Clock) -> str:
    """The HTTP API's description."""
    with _directory() as directory:
        return virtual.Loop(clock).run_until_complete(_document(directory, clock))


@contextmanager
def _directory() -> Iterator[Path]:
    memory = Path("/dev/shm")  # where syncing takes no time
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        yield Path(directory)


def main(clock: virtual.Clock) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, nargs="*", help="the days")
    parser.add_argument("--openapi", action="store_true", help="show what the HTTP API says of itself")
    parser.add_argument("--keep", action="store_true", help="keep them as what later programs are compared with")
    parser.add_argument("--to", type=Path, help="a directory for the recordings, as text")
    parser.add_argument("--log", action="store_true", help="show what the program logs")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO if options.log else logging.CRITICAL, stream=sys.stderr)
    if options.openapi:
        sys.stdout.write(document(clock))
    for seed in options.seeds:
        text = day(seed, clock)
        if options.keep:
            kept(seed).parent.mkdir(exist_ok=True)
            kept(seed).write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
        if options.to:
            (options.to / f"{seed:02}.txt").write_text(text, "utf-8")
        if not options.keep and not options.to:
            sys.stdout.write(text)
