"""Records what the controller says on every wire on one seeded day: `python -m traffic.record SEED [--to FILE]`.

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
import errno
import hashlib
import json
import logging
import lzma
import math
import os
import re
import socket
import sqlite3
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

from traffic import virtual

HERE = Path(__file__).parent
LASTS = 210.0
"""Seconds of a day, as the wires go; three and a half hours of people's."""
SPEED = 60.0
BRANCH = "lobby/traffic/"
ROOM = 200
"""Characters of a request's body that are shown."""

PINS = {"manager-1": "480213", "clerk-1": "739105", "clerk": "739106"}


class Recording:
    """What was said on each wire."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.streams: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._masks: dict[str, str] = {}
        self._counts: dict[str, int] = defaultdict(int)

    def at(self) -> str:
        """The present moment."""
        return f"{self._now() - virtual.STARTS:.3f}"

    def say(self, stream: str, text: str) -> None:
        """Something is said."""
        self.streams[stream].append((self.at(), text))

    def bytes(self, stream: str, data: bytes) -> None:
        """Bytes are said; those of one moment are one line, however many writes they came in."""
        lines, at = self.streams[stream], self.at()
        if lines and lines[-1][0] == at:
            lines[-1] = (at, f"{lines[-1][1]} {data.hex(' ')}")
        else:
            lines.append((at, data.hex(" ")))

    def masks(self, kind: str, value: str) -> None:
        """From now on `value` is chance."""
        if value and value not in self._masks:
            self._counts[kind] += 1
            self._masks[value] = f"<{kind} {self._counts[kind]}>" if kind != "build" else "<build>"

    def masked(self, text: str) -> str:
        """A text without what is chance."""
        for value, name in self._masks.items():
            text = text.replace(value, name)
        return text

    def text(self) -> str:
        """All of it."""
        return "".join(
            f"## {name}\n" + "".join(f"{at}\t{_one_line(text)}\n" for at, text in self.streams[name])
            for name in sorted(self.streams)
        )


def _one_line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


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


class Browser:
    """Somebody who asks over HTTP, one request after the other."""

    def __init__(self, day: Day, name: str, address: str, token: str = "") -> None:
        self._day, self._name, self._token = day, name, token
        self.address = address
        self.cookie = self.csrf = self.etag = ""
        self.last: Any = None

    async def ask(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        raw: bytes | None = None,
        key: str = "",
        bare: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> int:
        """The status of an answer; `bare`: without what tells who asks that it is no foreign page."""
        day = self._day
        if not day.application:
            return 0
        body = raw if raw is not None else b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        headers = {"host": "lobby.branch"}
        if body:
            headers |= {"content-type": "application/json", "content-length": str(len(body))}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if self.cookie:
            headers["cookie"] = f"lobby={self.cookie}"
        if self.csrf and not bare:
            headers["x-csrf-token"] = self.csrf
        if key:
            headers["idempotency-key"] = key
        headers |= more or {}
        stream = f"http {self._name}"
        shown = body.decode("utf-8", "replace")
        told = " ".join(f"{name}={value}" for name, value in headers.items() if name not in ("host", "content-length"))
        day.record.say(stream, day.record.masked(f"> {method} {path} {told} {shown[:ROOM]}"))
        status, answered, payload = await _call(day.application, method, path, headers, body, self.address)
        self._learn(status, answered, payload)
        text = payload.decode("utf-8", "replace")
        if path.startswith("/static/") and status == 200:
            text = "<file>"
        if path == "/api/openapi.json" and status == 200:
            text = "<openapi>"
        lines = [f"{name}: {value}" for name, value in sorted(answered) if name != "content-length"]
        day.record.say(stream, day.record.masked("\n".join((f"< {status}", *lines, "", text))))
        return status

    def _learn(self, status: int, headers: list[tuple[str, str]], payload: bytes) -> None:
        day = self._day
        for name, value in headers:
            if name == "set-cookie" and value.startswith("lobby="):
                given = value.partition("=")[2].partition(";")[0].strip('"')
                if given:
                    self.cookie = given
                    day.record.masks("session", given)
            elif name == "etag":
                self.etag = value
                day.record.masks("build", value.strip('"'))
        if dict(headers).get("content-type", "").startswith("text/html"):
            if found := re.search(rb'"build": ?"([0-9a-f]{12})"', payload):
                day.record.masks("build", found[1].decode())
        self.last = None
        if dict(headers).get("content-type") == "application/json" and payload:
            self.last = json.loads(payload)
            if isinstance(self.last, dict) and "csrf" in self.last:
                self.csrf = self.last["csrf"]
                day.record.masks("csrf", self.csrf)
            if isinstance(self.last, dict) and (page := self.last.get("page")):
                day.seen.pages.append(page)

    async def look(self, path: str, seconds: float) -> None:
        """Open a live view for a while."""
        day, name = self._day, f"live {path} {self._name}"
        if not day.application:
            return
        headers = {"host": "lobby.branch"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if self.cookie:
            headers["cookie"] = f"lobby={self.cookie}"

        def hear(data: bytes) -> None:
            text = data.decode()
            if found := re.search(r'"build": ?"([0-9a-f]{12})"', text):
                day.record.masks("build", found[1])
            if text.startswith("event: hello") and (found := re.search(r'"page": ?"([0-9a-f]{16})"', text)):
                day.record.masks("page", found[1])
                self.open_page = found[1]
            day.record.say(name, day.record.masked(text))

        day.record.say(name, "> open")
        status, _, _ = await _call(day.application, "GET", path, headers, b"", self.address, hear, seconds)
        day.record.say(name, f"< {status}, over")

    open_page = ""


async def _call(
    application: Any,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    address: str,
    hear: Callable[[bytes], None] | None = None,
    seconds: float = 30.0,
) -> tuple[int, list[tuple[str, str]], bytes]:
    """An answer of an ASGI application: status, headers, body; with `hear` its parts as they come, for `seconds`."""
    path, _, query = path.partition("?")
    loop = asyncio.get_running_loop()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (address, 40_000),
        "server": ("127.0.0.1", 8080),
        "state": {},
    }
    status, answered, payload = 0, [], b""
    gone = loop.create_future()
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.shield(gone)
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status, payload
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.extend((name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"])
        elif message["type"] == "http.response.body" and hear and status == 200:
            if part := message.get("body", b""):
                hear(part)
        elif message["type"] == "http.response.body":
            payload += message.get("body", b"")

    def leave() -> None:
        if not gone.done():
            gone.set_result(None)

    timer = loop.call_later(seconds, leave)
    try:
        await application(scope, receive, send)
    finally:
        timer.cancel()
        leave()
    return status, answered, payload


class Day:
    """One seeded day."""

    def __init__(self, seed: int, clock: virtual.Clock, directory: Path) -> None:
        # Not before time is virtual: functions take clocks as defaults.
        from simulators.faults import Faults
        from traffic import house
        from traffic.wires import Broker, Cable

        self.house = house
        self.seed = seed
        self._clock = clock
        self.record = Recording(clock.now)
        self.seen = Seen()
        self.application: Any = None
        self._directory = directory
        self._set_by = 0
        """Milliseconds by which the wall clock was set."""
        self.broker = Broker(self._told)
        self._settings = self._configured()
        self._starts = self._first_moment()
        self.cables: dict[str, Any] = {}
        for id, driver, link in house.links_of(self._settings):
            faults = Faults(Random(f"{seed}:{id}"))
            self.cables[id] = Cable(
                house.far_end(self._settings, id, faults),
                faults,
                house.byte_time(link),
                lambda data, id=id, driver=driver: self.record.bytes(f"wire {id} ({driver})", data),
                lambda data, id=id, driver=driver: self.record.bytes(f"device {id} ({driver})", data),
            )
        self._chance = Random(f"{seed}:day")
        self._papers = 0
        self._numbers: dict[str, int] = defaultdict(int)

    # -- the branch --------------------------------------------------------------------------------------------------

    def _configured(self) -> Any:
        text = (HERE / "branch.toml").read_text("utf-8")
        if self.seed % 2 == 0:
            text = text.replace('language = "zh"', 'language = "en"')
        if self.seed % 3 == 0:
            text = text.replace('"mqtt://broker.branch:1883"', '"embedded"')
        path = self._directory / "branch.toml"
        path.write_text(text, "utf-8")
        (self._directory / "cards.key").write_text("the key of a branch that is nowhere\n")
        (self._directory / "cards.key").chmod(0o600)
        self._list_cards({"6222020200112233445": "vip", "4000000000000002": "vip"})
        accounts = self._directory / "access.db"
        with sqlite3.connect(accounts) as db:
            db.executescript((HERE / "access.sql").read_text("utf-8"))
        db.close()
        accounts.chmod(0o600)
        return self.house.settings_of(path)

    def _list_cards(self, cards: Mapping[str, str]) -> None:
        import hmac

        key = (self._directory / "cards.key").read_bytes().strip()
        lines = [f"{hmac.digest(key, number.encode(), 'sha256').hex()} {klass}" for number, klass in cards.items()]
        text = "\n".join(("lobby-tokens 1", *lines, f"end {len(lines)}\n"))
        new = self._directory / "cards.new"
        new.write_text(text)
        new.replace(self._directory / "cards.tokens")

    def _first_moment(self) -> int:
        hour, minute = (0, 20) if self.seed % 5 == 0 else (8, 50)
        day = datetime(2026, 3, 2 + self.seed % 27, hour, minute, tzinfo=self._settings.rules.zone)
        return int(day.timestamp() * 1000)

    def wall(self) -> int:
        """The branch's clock, in ms since 1970, UTC."""
        return self._starts + self._set_by + int((self._clock.now() - virtual.STARTS) * 1000 * SPEED)

    def _told(self, what: str, topic: str, retain: bool, payload: bytes) -> None:
        if what == "publish":
            self.seen.published(topic, payload)
            self.record.say("mqtt", f"{topic} {'retained ' if retain else ''}{payload.decode()}")
        else:
            self.record.say("mqtt", f"{what} {topic} {payload.decode()}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The controller, for as long as the context lasts."""
        settings = self.house.connected(self._settings, self.cables)
        async with self.house.controller(settings, self.wall, self._clock.now, "boot-one", SPEED) as controller:
            self.application = self.house.web_application(controller)
            try:
                yield
            finally:
                self.application = None

    # -- the day -----------------------------------------------------------------------------------------------------

    def run(self) -> str:
        """All of it, as text."""
        restarts = self._chance.uniform(0.45, 0.6) * LASTS
        self.broker.kept[f"{BRANCH}keypad/9/screen"] = b'{"waiting":1}'
        self.broker.kept[f"{BRANCH}device/gone"] = b'{"state":"ok"}'
        self.broker.kept[f"{BRANCH}board"] = b'{"old":true}'
        for part, until in enumerate((restarts, LASTS)):
            # A loop for each run of the controller, as a process would be: nothing of the first is left.
            loop = virtual.Loop(self._clock)
            for wired in (self.broker, *self.cables.values()):
                wired.run_in(loop)
            asyncio.set_event_loop(loop)
            try:
                loop.run_until_complete(self._part(part, until))
            finally:
                loop.close()
            self._clock.pass_by(self._chance.uniform(0.5, 6))
        self._paper_now()
        self._add_journal()
        return self.record.text()

    async def _part(self, part: int, until: float) -> None:
        looking = asyncio.create_task(self._look_at_paper())
        for cable in self.cables.values():
            cable.poke()
        async with self.running():
            tasks = {asyncio.create_task(work) for work in self._faults(self._chance, part) + self._people(part)}
            await asyncio.wait(tasks, timeout=until - (self._clock.now() - virtual.STARTS))
            if not part:
                await self._leave(tasks)
        await self._leave({*tasks, looking})

    def _add_journal(self) -> None:
        """The rows; what is in them has been published, and a digest is enough."""
        lines, whole = self.record.streams["journal"], hashlib.sha256()
        for seq, at, day, kind, version, data, cause, part in self.house.rows_of(self._directory / "lobby.db"):
            cause = re.sub(r"^(http:[^:]*):[0-9a-f]{32}:", r"\1:<key>:", cause)
            lines.append((str(seq), f"{at} {day} {kind} {version} {cause} {part}"))
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
        for id, driver, _ in self.house.links_of(self._settings):
            if driver == "escpos":
                printer = self.cables[id].far_end
                new = printer.cut - self._papers
                self._papers = printer.cut
                for paper in printer.tickets[len(printer.tickets) - new :] if new else []:
                    self.record.say(f"paper {id}", "\n".join(self.house.printed(paper)))

    # -- what goes wrong ---------------------------------------------------------------------------------------------

    def _faults(self, chance: Random, part: int) -> list[Coroutine[Any, Any, None]]:
        length = 0.4 * LASTS

        def between(least: float = 0.1, most: float = 0.85) -> float:
            return chance.uniform(least, most) * length

        works = [self._after(between(), self._unplugged(id, chance.uniform(0.2, 9))) for id in self.cables]
        works.append(self._after(between(), self._hangs(chance.choice(list(self.cables)), chance.uniform(3, 12))))
        works.append(self._after(between(), self._noisy("terminals", chance.uniform(8, 20))))
        works.append(self._after(between(), self._noisy(chance.choice(("hall", "hall-2", "printer")), 6)))
        works.append(
            self._after(between(), self._printer(chance.choice(("low", "out", "cover")), chance.uniform(3, 20)))
        )
        works.append(self._after(between(), self._busy_board(chance.uniform(3, 8))))
        works.append(self._after(between(), self._no_broker(chance.uniform(0.5, 12), chance.random() < 0.5)))
        steps = ((400_000, -170_000), (900_000, -2_400_000), (61_000, 250), (-7_200_000, 7_200_000))
        works.append(self._after(between(), self._steps(steps[(self.seed + part) % 4], chance.uniform(4, 30))))
        if self.seed % 7 == 3 and part:
            works.append(self._after(between(0.2, 0.3), self._steps((86_400_000, -86_400_000 * (self.seed % 2)), 45)))
        if self.seed % 4 == 2:
            works.append(self._after(between(), self._journal_away(chance.uniform(0.5, 4))))
        if self.seed % 4 == 1:
            works.append(self._after(between(), self._new_list()))
        return works

    async def _after(self, seconds: float, work: Coroutine[Any, Any, None]) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            work.close()
            raise
        await work

    def _happens(self, what: str) -> None:
        self.record.say("happens", what)

    async def _unplugged(self, id: str, seconds: float) -> None:
        cable = self.cables[id]
        self._happens(f"{id} is unplugged")
        cable.unplug()
        try:
            await asyncio.sleep(seconds)
            cable.faults.unplugged, cable.refuses = False, errno.EBUSY
            await asyncio.sleep(0.4)
        finally:
            self._happens(f"{id} is plugged in")
            cable.refuses = 0
            cable.plug()

    async def _hangs(self, id: str, seconds: float) -> None:
        self._happens(f"{id} hangs")
        await self._with(id, {"hang": True}, seconds)

    async def _noisy(self, id: str, seconds: float) -> None:
        self._happens(f"the line of {id} is noisy")
        await self._with(id, {"loss": 0.1, "garble": 0.1}, seconds)

    async def _printer(self, what: str, seconds: float) -> None:
        self._happens(f"the printer: {what}")
        await self._with("printer", {"cover_open": True} if what == "cover" else {"paper": what}, seconds)

    async def _with(self, id: str, knobs: Mapping[str, Any], seconds: float) -> None:
        faults = self.cables[id].faults
        before = {name: getattr(faults, name) for name in knobs}
        try:
            for name, value in knobs.items():
                setattr(faults, name, value)
            self.cables[id].poke()
            await asyncio.sleep(seconds)
        finally:
            for name, value in before.items():
                setattr(faults, name, value)
            self._happens(f"{id} is well")
            self.cables[id].poke()

    async def _busy_board(self, seconds: float) -> None:
        board = self.cables["hall"].far_end
        self._happens("hall is busy")
        board.busy = True
        try:
            await asyncio.sleep(seconds)
        finally:
            self._happens("hall is not busy")
            board.busy = False

    async def _no_broker(self, seconds: float, dropped_only: bool) -> None:
        self._happens("the broker drops the connection" if dropped_only else "the broker is away")
        if dropped_only:
            self.broker.drop()
            return
        self.broker.stop()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._happens("the broker is back")
            self.broker.is_up = True

    async def _steps(self, steps: tuple[int, ...], apart: float) -> None:
        for by in steps:
            self._happens(f"the clock is set by {by} ms")
            self._set_by += by
            await asyncio.sleep(apart)

    async def _journal_away(self, seconds: float) -> None:
        path = self._directory / "lobby.db"
        self._happens("the journal is moved away")
        away = path.rename(path.with_suffix(".away"))
        try:
            await asyncio.sleep(seconds)
        finally:
            self._happens("the journal is back")
            away.rename(path)

    async def _new_list(self) -> None:
        self._happens("head office sends another list of cards")
        self._list_cards({"6222020200112233445": "green", "5105105105105100": "vip", "4000000000000002": "nothing"})
        await asyncio.sleep(20)
        self._list_cards({"6222020200112233445": "green", "5105105105105100": "vip"})

    # -- people ------------------------------------------------------------------------------------------------------

    def _people(self, part: int) -> list[Coroutine[Any, Any, None]]:
        def chance(who: str) -> Random:
            return Random(f"{self.seed}:{part}:{who}")

        return [
            self._customers(chance("customers")),
            self._second_kiosk(chance("second")),
            *(self._terminal(address, chance(f"terminal {address}")) for address in (1, 2, 3)),
            self._raters(chance("raters")),
            *(self._keypad(counter, chance(f"keypad {counter}")) for counter in ("4", "5")),
            self._panel(chance("panel")),
            self._strange(chance("strange")),
            self._cards(chance("cards")),
            self._manager(chance("manager")),
            self._clerk(chance("clerk")),
            self._kiosk_page(chance("kiosk page")),
            self._television(chance("television")),
            self._stranger(chance("stranger")),
            self._robot(chance("robot")),
            self._phones(chance("phones")),
        ]

    @staticmethod
    async def _gap(chance: Random, mean: float) -> None:
        await asyncio.sleep(chance.expovariate(1 / mean) + 0.004)

    def _press(self, device: str, chance: Random, *, retain: bool = False, **content: Any) -> bytes:
        """Press something on MQTT, as its `boot`'s next; the payload, to be sent again."""
        self._numbers[device] += 1
        payload = json.dumps(
            {**content, "boot": f"{device}-{self.seed}", "seq": self._numbers[device]}, ensure_ascii=False
        ).encode()
        self._publish(f"{device}/press", payload, retain=retain)
        return payload

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        shown = payload[:ROOM].decode("utf-8", "replace")
        self.record.say("pressed", f"{topic} {'retained ' if retain else ''}{shown}")
        self.broker.publish(BRANCH + topic, payload, retain=retain)

    def _take(self, chance: Random) -> dict[str, Any]:
        content: dict[str, Any] = {
            "key": "TAKE",
            "service": chance.choice(("cash", "cash", "personal", "corporate", "")),
        }
        kind = chance.random()
        if kind < 0.12:
            content["class"] = chance.choice(("vip", "green", "urgent", "normal", "nobody", "appointment"))
        elif kind < 0.24:
            content |= {
                "service": "",
                "choice": chance.choice(("small", "small", "large", "accounts", "wealth", "what")),
            }
            content["insist"] = chance.random() < 0.4
        elif kind < 0.34:
            content["form"] = True
            content["needs"] = chance.sample(("wheelchair", "sign", "english", "escort", "bad"), 2)
        elif kind < 0.42:
            content |= {
                "class": "appointment",
                "slot": chance.choice(("09:30", "10:00", "14:00", "23:30", "07:00", "x")),
            }
        elif kind < 0.46:
            content["service"] = "nothing"
        elif kind < 0.52:
            content["at"] = self.wall() + chance.choice((0, 3_000, -4_000, 700_000, -400_000))
        elif kind < 0.54:
            content["key"] = "GIVE"
        return content

    async def _customers(self, chance: Random) -> None:
        while True:
            await self._gap(chance, 1.6)
            payload = self._press("kiosk/kiosk", chance, **self._take(chance))
            if chance.random() < 0.12:  # a delivery twice
                await asyncio.sleep(chance.choice((0.0, 0.3)))
                self._publish("kiosk/kiosk/press", payload)
            elif chance.random() < 0.12:  # an impatient finger: another press of the same
                content = json.loads(payload)
                del content["boot"], content["seq"]
                await asyncio.sleep(0.02)
                self._press("kiosk/kiosk", chance, **content)

    async def _second_kiosk(self, chance: Random) -> None:
        while True:
            await self._gap(chance, 12)
            token = chance.choice(("", "00" * 32, "ff" * 32, "zz"))
            self._press("kiosk/hall-kiosk", chance, **self._take(chance), **({"token": token} if token else {}))

    async def _terminal(self, address: int, chance: Random) -> None:
        bus, keys = self.cables["terminals"].far_end, self.house.KEYS_OF_A_TERMINAL
        while True:
            await self._gap(chance, 5.5)
            key, digits = "CALL", ""
            if chance.random() > 0.62:
                key, digits = chance.choice(
                    (
                        ("RECALL", ""),
                        ("EVALUATE", ""),
                        ("PAUSE", ""),
                        ("PAUSE", "3"),
                        ("PAUSE", "9"),
                        ("CALL", "01"),
                        ("TRANSFER", "2"),
                        ("TRANSFER", "04"),
                        ("TRANSFER", "9"),
                        ("CANCEL", ""),
                        ("CONFIRM", "6"),
                        ("CONFIRM", "6"),
                        ("CONFIRM", "0"),
                        ("CONFIRM", "3"),
                        ("CONFIRM", "5"),
                        ("LINE", ""),
                    )  # fmt: skip
                )
            if key == "CALL" and digits:
                digits = f"{chance.randrange(1, 40):02}"
            self.record.say("pressed", f"terminal {address} {key} {digits}")
            self.house.press_terminal(bus, address, keys[key], digits)
            self.cables["terminals"].poke()

    async def _raters(self, chance: Random) -> None:
        bus = self.cables["terminals"].far_end
        while True:
            await self._gap(chance, 14)
            address, score = chance.choice((11, 12, 13, 14)), chance.randint(1, 5)
            self.record.say("pressed", f"rater {address} {score}")
            bus.rate(address, score)
            self.cables["terminals"].poke()

    async def _keypad(self, counter: str, chance: Random) -> None:
        while True:
            await self._gap(chance, 3.6)
            key, digits = "CALL", ""
            if chance.random() > 0.5:
                key = chance.choice((*self.house.COMMANDS_OF_A_COUNTER, "START", "FINISH", "NOSHOW", "UNDO", "NOTHING"))
                digits = chance.choice(("", "", "1", "04", "007", "12"))
            payload = self._press(f"keypad/{counter}", chance, key=key, digits=digits)
            if chance.random() < 0.08:
                await asyncio.sleep(chance.choice((0.0, 0.2, 3.0)))
                self._publish(f"keypad/{counter}/press", payload)

    def _button(self, chance: Random) -> dict[str, Any]:
        content: dict[str, Any] = {
            "key": chance.choice((*self.house.COMMANDS_OF_THE_PANEL, "GREEN", "URGENT", "RETURN"))
        }
        if content["key"] == "GREEN" and chance.random() < 0.5:
            content["service"] = chance.choice(("", "personal", "corporate", "nothing"))
        elif chance.random() < 0.85:
            content["ticket"] = self.seen.some(chance)
        if content["key"] in ("REASSIGN", "CALL", "ACCEPT", "DECLINE") and chance.random() < 0.8:
            content["counter"] = chance.choice(("1", "2", "3", "4", "5", "9", ""))
        if content["key"] == "REASSIGN" and chance.random() < 0.4:
            content |= {"counter": "", "service": chance.choice(("cash", "personal", "corporate"))}
        if chance.random() < 0.7:
            content["reason"] = chance.choice(
                ("elderly", "ill", "pregnant", "left", "老人不便久站", "has a train: 11:40")
            )
        return content

    async def _panel(self, chance: Random) -> None:
        while True:
            await self._gap(chance, 3.5)
            content = self._button(chance)
            payload = self._press("panel/manager", chance, **content)
            if content["key"] in ("REASSIGN", "URGENT", "GREEN") and content.get("ticket") and chance.random() < 0.4:
                await asyncio.sleep(chance.uniform(0.3, 2))
                payload = self._press("panel/manager", chance, key="UNDO", ticket=content["ticket"])
            if chance.random() < 0.1:
                await asyncio.sleep(chance.choice((0.0, 0.4)))
                self._publish("panel/manager/press", payload)

    async def _strange(self, chance: Random) -> None:
        wrong: tuple[tuple[str, bytes, bool], ...] = (
            ("keypad/4/press", b"{", False),
            ("keypad/4/press", b"[1, 2]", False),
            ("keypad/4/press", b'{"key": "CALL"}', False),
            ("keypad/4/press", b'{"key": "CALL", "boot": "b", "seq": "1"}', False),
            ("keypad/4/press", b'{"key": "CALL", "boot": "b", "seq": 1, "digits": "12x"}', False),
            ("keypad/4/press", b'{"key": "CALL", "boot": "\\ud800", "seq": -1}', False),
            ("keypad/4/press", b'{"key": "' + b"C" * 2100 + b'", "boot": "b", "seq": 1}', False),
            ("keypad/1/press", b'{"key": "CALL", "boot": "b", "seq": 2}', False),
            ("keypad/77/press", b'{"key": "CALL", "boot": "b", "seq": 3}', False),
            ("keypad/5/press", b'{"key": "CALL", "boot": "kept", "seq": 4}', True),
            ("keypad/5/press", b"", True),
            ("panel/nobody/press", b'{"key": "GREEN", "boot": "b", "seq": 5}', False),
            ("panel/manager/press", b'{"key": "GREEN", "boot": "b", "seq": 6, "reason": "' + b"x" * 201 + b'"}', False),
            ("kiosk/nowhere/press", b'{"key": "TAKE", "boot": "b", "seq": 7}', False),
            ("kiosk/kiosk/press", b'{"key": "TAKE", "boot": "b", "seq": 8, "needs": "all"}', False),
            ("kiosk/kiosk/press", b'{"key": "TAKE", "boot": "b", "seq": 9, "insist": 1}', False),
            ("kiosk/kiosk/press", b'{"key": "TAKE", "boot": "b", "seq": 10, "unknown": true}', False),
            ("board", b'{"calls": []}', True),
            ("device/hall", b"{}", False),
            ("keypad/4/screen", b"", True),
            ("status", b"offline", True),
            ("event", b'{"seq": 1}', False),
            ("something/else", b"?", False),
            ("day", b"null", True),
        )
        while True:
            await self._gap(chance, 9)
            topic, payload, retain = chance.choice(wrong)
            self._publish(topic, payload, retain=retain)

    async def _cards(self, chance: Random) -> None:
        reader = self.cables["reader"].far_end
        while True:
            await self._gap(chance, 16)
            if chance.random() < 0.2:
                self.record.say("pressed", "a card that cannot be read")
                reader.noise(b";62220\r%E?\n")
            else:
                number = chance.choice(("6222020200112233445", "4000000000000002", "5105105105105100"))
                self.record.say("pressed", f"card {number}")
                reader.swipe(number)
            self.cables["reader"].poke()
            await asyncio.sleep(chance.choice((0.9, 2.5)))
            self._press("kiosk/kiosk", chance, key="TAKE", service=chance.choice(("cash", "personal")))

    # -- over HTTP ---------------------------------------------------------------------------------------------------

    async def _manager(self, chance: Random) -> None:
        browser = Browser(self, "manager", "10.0.0.21")
        await self._gap(chance, 4)
        await browser.ask("POST", "/api/session", {"name": "manager-1", "pin": "000000"})
        await browser.ask("POST", "/api/session", {"name": "manager-1", "pin": PINS["manager-1"]})
        await browser.ask("GET", "/console")
        looking = asyncio.create_task(self._looks(browser, "/api/console/live", chance, 14, 20))
        number = 0
        try:
            while True:
                await self._gap(chance, 5)
                number += 1
                kind = chance.random()
                content = self._button(chance)
                key = f"manager-{self.seed}-{number}" if chance.random() < 0.7 else ""
                if kind < 0.6:
                    await browser.ask("POST", "/api/panel", content, key=key)
                    if key and chance.random() < 0.25:
                        await asyncio.sleep(chance.choice((0.0, 0.5)))
                        await browser.ask("POST", "/api/panel", content, key=key)
                    elif key and chance.random() < 0.15:
                        await browser.ask("POST", "/api/panel", {"key": "GREEN", "reason": "another"}, key=key)
                elif kind < 0.68:
                    await browser.ask("GET", "/api/console")
                elif kind < 0.8:
                    await browser.ask("GET", f"/api/tickets/{self.seen.some(chance) or 'A000'}/why")
                elif kind < 0.86:
                    await browser.ask("POST", "/api/panel", content, bare=True)
                elif kind < 0.9:
                    await browser.ask("POST", "/api/panel", {"key": "DANCE"})
                elif kind < 0.94:
                    await browser.ask("POST", f"/api/counters/{chance.choice('129')}/keys", {"key": "CALL"}, key=key)
                else:
                    await browser.ask("GET", chance.choice(("/api/session", "/", "/sign-in", "/kiosk", "/api/kiosk")))
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _looks(self, browser: Browser, path: str, chance: Random, pause: float, seconds: float) -> None:
        while True:
            await self._gap(chance, pause)
            await browser.look(path, chance.uniform(0.3, 1) * seconds)

    async def _clerk(self, chance: Random) -> None:
        browser = Browser(self, "clerk", "10.0.0.22")
        name = chance.choice(("clerk-1", "clerk"))
        counter = "1" if name == "clerk-1" else "5"
        await self._gap(chance, 6)
        await browser.ask("POST", "/api/session", {"name": name, "pin": PINS[name]})
        await browser.ask("GET", "/")
        await browser.ask("GET", f"/counter/{counter}")
        looking = asyncio.create_task(self._looks(browser, f"/api/counters/{counter}/live", chance, 15, 60))
        try:
            while True:
                await self._gap(chance, 4)
                kind = chance.random()
                if kind < 0.75:
                    key = chance.choice(
                        (*self.house.COMMANDS_OF_A_COUNTER, "CALL", "CALL", "CALL", "START", "FINISH", "NO")
                    )
                    digits = chance.choice(("", "", "", "2", "03", "013", "x"))
                    place = counter if chance.random() < 0.9 else chance.choice(("2", "99"))
                    await browser.ask("POST", f"/api/counters/{place}/keys", {"key": key, "digits": digits})
                elif kind < 0.85:
                    await browser.ask("GET", f"/api/counters/{chance.choice((counter, '4', '99'))}")
                elif kind < 0.9:
                    await browser.ask("POST", "/api/panel", {"key": "GREEN"})
                elif kind < 0.95:
                    await browser.ask("GET", chance.choice(("/counter/4", "/counter/99", "/console", "/tv")))
                else:
                    await browser.ask("DELETE", "/api/session")
                    await browser.ask("GET", "/api/session")
                    await browser.ask("POST", "/api/session", {"name": name, "pin": PINS[name]})
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _kiosk_page(self, chance: Random) -> None:
        browser = Browser(self, "kiosk", "10.0.0.23")
        await self._gap(chance, 5)
        await browser.ask("GET", "/enter?next=/kiosk")
        await browser.ask("POST", "/api/session", {"token": "token-of-hall"})
        await browser.ask("GET", "/kiosk")
        looking = asyncio.create_task(self._looks(browser, "/api/kiosk/live", chance, 10, 60))
        number = 0
        try:
            while True:
                await self._gap(chance, 6)
                number += 1
                content = self._take(chance)
                content.pop("key")
                content.pop("at", None)
                key = f"kiosk-{self.seed}-{number}" if chance.random() < 0.5 else ""
                await browser.ask("POST", "/api/tickets", content, key=key)
                if key and chance.random() < 0.4:
                    await browser.ask("POST", "/api/tickets", content, key=key)
                if chance.random() < 0.3 and self.seen.pages:
                    await browser.ask("GET", f"{self.seen.pages[-1]}/qr.svg")
                if chance.random() < 0.2:
                    await browser.ask("GET", "/api/kiosk")
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _television(self, chance: Random) -> None:
        browser = Browser(self, "television", "10.0.0.24", "token-of-tv-1")
        await self._gap(chance, 5)
        await browser.ask("GET", "/tv")
        looking = asyncio.create_task(self._looks(browser, "/api/television/live", chance, 14, 60))
        try:
            while True:
                await self._gap(chance, 14)
                kind = chance.random()
                if kind < 0.5:
                    state = chance.choice(("ok", "silent", "ok", "loud"))
                    page = browser.open_page if chance.random() < 0.8 else "0" * 16
                    await browser.ask("POST", "/api/reports", {"page": page, "state": state})
                elif kind < 0.8:
                    await browser.ask("GET", "/api/television")
                else:
                    await browser.ask(
                        "GET", chance.choice(("/api/console", "/api/kiosk", "/api/counters/1", "/metrics"))
                    )
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _stranger(self, chance: Random) -> None:
        browser = Browser(self, "stranger", "10.0.0.66")
        asks: tuple[tuple[str, str, bytes | None], ...] = (
            ("GET", "/", None),
            ("GET", "/sign-in", None),
            ("GET", "/sign-in?next=//evil.example", None),
            ("GET", "/enter", None),
            ("GET", "/console", None),
            ("GET", "/counter/1", None),
            ("GET", "/nothing", None),
            ("GET", "/api/nothing", None),
            ("GET", "/api/console", None),
            ("GET", "/api/television/live", None),
            ("GET", "/api/session", None),
            ("GET", "/api/openapi.json", None),
            ("GET", "/metrics", None),
            ("GET", "/health", None),
            ("HEAD", "/health", None),
            ("HEAD", "/sign-in", None),
            ("PUT", "/api/session", b"{}"),
            ("POST", "/health", b""),
            ("OPTIONS", "/api/panel", None),
            ("POST", "/api/session", b"{"),
            ("POST", "/api/session", b"\xff\xfe"),
            ("POST", "/api/session", b'{"name": "x", "pin": "y", "token": "z"}'),
            ("POST", "/api/session", b'{"name": "nobody", "pin": "123456"}'),
            ("POST", "/api/session", b'{"token": "wrong"}'),
            ("POST", "/api/session", b'{"name": "clerk", "pin": "111222"}'),
            ("POST", "/api/session", b'{"name": "' + b"n" * 17_000 + b'"}'),
            ("POST", "/api/panel", b'{"key": "GREEN"}'),
            ("POST", "/api/tickets", b"{}"),
            ("GET", "/static/common.js", None),
            ("GET", "/static/nothing.js", None),
            ("GET", "/static/../access.db", None),
            ("GET", "/t/A001.0", None),
            ("GET", "/api/pages/A001.00000000000000000000000000000000", None),
            ("GET", "/t/A001.0/qr.svg", None),
        )
        for ask in asks:
            await self._gap(chance, 1.5)
            await browser.ask(ask[0], ask[1], raw=ask[2])
        while True:
            await self._gap(chance, 7)
            method, path, raw = chance.choice(asks)
            more = {"if-none-match": browser.etag} if path.startswith("/static") and browser.etag else None
            await browser.ask(method, path, raw=raw, more=more)

    async def _robot(self, chance: Random) -> None:
        browser = Browser(self, "robot", "10.0.0.31", "token-of-robot")
        while True:
            await self._gap(chance, 13)
            kind = chance.random()
            if kind < 0.25:
                await browser.ask("GET", "/metrics")
            elif kind < 0.35:
                await browser.ask("GET", "/api/openapi.json")
            elif kind < 0.6:
                await browser.ask(
                    "POST", "/api/tickets", {"service": "cash", "class": chance.choice(("green", "vip", ""))}
                )
            elif kind < 0.8:
                await browser.ask(
                    "POST", "/api/panel", {**self._button(chance), "extra": 1} if kind < 0.65 else self._button(chance)
                )
            else:
                await browser.ask("GET", chance.choice(("/health", "/api/television", "/api/session")))

    async def _phones(self, chance: Random) -> None:
        browser = Browser(self, "phone", "10.9.0.7")
        while True:
            await self._gap(chance, 20)
            if self.seen.pages:
                page = chance.choice(self.seen.pages[-5:])
                await browser.ask("GET", page)
                await browser.ask("GET", f"/api/pages/{page.removeprefix('/t/')}")
                await browser.look(f"/api/pages/{page.removeprefix('/t/')}/live", chance.uniform(5, 40))


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


def streams(text: str) -> dict[str, list[str]]:
    """A recording's lines, by stream."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("## "):
            lines = found[line[3:]] = []
        else:
            lines.append(line)
    return found


def kept(seed: int) -> Path:
    """Where the recording of a day is kept."""
    return HERE / "days" / f"{seed:02}.xz"


def difference(old: str, new: str) -> str:
    """Where two recordings of a day part first, in words; empty: nowhere."""
    before, after = streams(old), streams(new)
    found: list[tuple[float, str, str, str]] = []
    for name in sorted({*before, *after}):
        for was, now in zip_longest(before.get(name, []), after.get(name, []), fillvalue="nothing more"):
            if was != now:
                times = [line.partition("\t")[0] for line in (was, now)]
                at = min((float(time) for time in times if re.fullmatch(r"[0-9.]+", time)), default=math.inf)
                found.append((at if name != "journal" else math.inf, name, was, now))
                break
    if not found:
        return ""
    at, name, was, now = min(found)
    same = len(os.path.commonprefix((was, now)))
    start = max(0, same - 60)
    others = ", ".join(sorted(each for _, each, _, _ in found if each != name)) or "none"
    return (
        f"{name} at {at:.3f} s, from character {same} of the line on\n"
        f"old: {was[start : same + 200]}\nnew: {now[start : same + 200]}\nother streams that differ: {others}"
    )


async def _document(directory: Path, clock: virtual.Clock) -> str:
    """What the HTTP API says of itself, as text of one line a thing."""
    one = Day(1, clock, directory)
    for wired in (one.broker, *one.cables.values()):
        wired.run_in(asyncio.get_running_loop())
    async with one.running():
        headers = {"host": "lobby.branch", "authorization": "Bearer token-of-robot"}
        _, _, payload = await _call(one.application, "GET", "/api/openapi.json", headers, b"", "10.0.0.31")
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, nargs="*", help="the days")
    parser.add_argument("--openapi", action="store_true", help="show what the HTTP API says of itself")
    parser.add_argument("--keep", action="store_true", help="keep them as what later programs are compared with")
    parser.add_argument("--to", type=Path, help="a directory for the recordings, as text")
    parser.add_argument("--log", action="store_true", help="show what the program logs")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO if options.log else logging.CRITICAL, stream=sys.stderr)
    clock = virtual.install()
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


if __name__ == "__main__":
    main()
