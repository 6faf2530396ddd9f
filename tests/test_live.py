"""Open pages on a real port, with scenes of our own: what each is shown, when, and who is dropped."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from system.waiting import until

from controller.web.live import Live
from controller.web.middleware import guarded
from controller.web.server import WebServer

PACE = 0.02
"""Seconds between two pictures where a test does not say."""


class Lobby:
    """What there is to show: `text`, at each of any number of scenes; `settled` False: in the middle of a step."""

    def __init__(self) -> None:
        self.live = Live("build", lambda: self.settled)
        self.server = WebServer(guarded(self._app), "127.0.0.1", 0, closing=self.live.close)
        self.live.cut = self.server.cut
        self.settled = True
        self.text = "nothing"
        self.now = 0
        self.broken = False
        self.drawn = 0
        self.over: set[str] = set()
        self.revoked: set[str] = set()
        self.pace = PACE
        self.serving: asyncio.Task[None]

    async def stop(self) -> None:
        """As the daemon does it."""
        self.serving.cancel()
        await asyncio.wait((self.serving,))

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        name, who = scope["path"].strip("/"), scope["query_string"].decode()
        stream = self.live.stream(name, lambda: self._picture(name), lambda: who not in self.revoked, self.pace)
        await stream(scope, receive, send)

    def _picture(self, name: str) -> Mapping[str, Any] | None:
        assert self.settled, "drawn in the middle of a step"
        self.drawn += 1
        self.now += 1
        if self.broken:
            raise ValueError("a fault of ours")
        return None if name in self.over else {"now": self.now, "text": self.text}

    def change(self, text: str) -> None:
        """Something has happened."""
        self.text = text
        self.live.changed()

    @property
    def pages(self) -> int:
        """How many are open."""
        return sum(1 for _ in self.live.viewers())


class Page:
    """One open page that reads when it is asked to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._rest = b""
        self.head = b""

    async def next(self, seconds: float = 30.0) -> tuple[str, Any]:
        """The next event; ("", None) once there is none."""
        async with asyncio.timeout(seconds):
            while b"\n\n" not in self._rest:
                try:
                    size = int(await self._reader.readuntil(b"\r\n"), 16)
                    self._rest += (await self._reader.readexactly(size + 2))[:size]
                except (asyncio.IncompleteReadError, ConnectionError):
                    return "", None
        event, _, self._rest = self._rest.partition(b"\n\n")
        name, data = event.decode().split("\n")
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    async def text(self) -> str:
        """What the next picture shows."""
        event, data = await self.next()
        while event == "ping":
            event, data = await self.next()
        assert event == "view", (event, data)
        return str(data["text"])

    def close(self) -> None:
        self._writer.transport.abort()


@pytest.fixture
async def lobby(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Lobby]:
    """Served; at the end nothing may have been logged."""
    lobby = Lobby()
    lobby.serving = asyncio.create_task(lobby.server.run())
    showing = asyncio.create_task(lobby.live.run())
    await lobby.server.settled.wait()
    yield lobby
    await lobby.stop()
    showing.cancel()
    await asyncio.wait((showing,))
    records = [record for when in ("call", "teardown") for record in caplog.get_records(when)]
    assert not [record.getMessage() for record in records if record.levelno >= logging.WARNING]


Open = Callable[..., Any]


@pytest.fixture
def open_page(lobby: Lobby) -> Open:
    """Opens a page on a scene, and hears its `hello`."""

    @asynccontextmanager
    async def opened(scene: str = "tv", who: str = "", *, limit: int = 2**16) -> AsyncIterator[Page]:
        page = Page(*await asyncio.open_connection("127.0.0.1", lobby.server.port, limit=limit))
        page._writer.write(f"GET /{scene}?{who} HTTP/1.1\r\nHost: lobby\r\n\r\n".encode())
        try:
            page.head = await page._reader.readuntil(b"\r\n\r\n")
            if page.head.startswith(b"HTTP/1.1 200"):
                assert await page.next() == ("hello", {"build": "build"})
            yield page
        finally:
            page.close()

    return opened


async def test_a_page_hears_hello_then_what_there_is_then_what_changes(lobby: Lobby, open_page: Open) -> None:
    async with open_page() as page:
        assert b"text/event-stream" in page.head
        assert await page.text() == "nothing"
        lobby.change("A001")
        assert await page.text() == "A001"


async def test_what_shows_the_same_is_not_sent_again(lobby: Lobby, open_page: Open) -> None:
    """The time alone is no news; with any there are it is the latest."""
    async with open_page() as page:
        await page.text()
        for _ in range(5):
            drawn = lobby.drawn
            lobby.live.changed()
            await until(lambda drawn=drawn: lobby.drawn > drawn)  # type: ignore[misc]
        lobby.change("A001")
        assert await page.next() == ("view", {"now": lobby.now, "text": "A001"})
        assert lobby.now > 5


async def test_the_time_is_told_again_when_it_is_far_on(lobby: Lobby, open_page: Open) -> None:
    async with open_page() as page:
        await page.text()
        lobby.now += 60_000
        lobby.live.changed()
        assert await page.next() == ("view", {"now": lobby.now, "text": "nothing"})
        lobby.now -= 120_000
        lobby.live.changed()
        assert await page.next() == ("view", {"now": lobby.now, "text": "nothing"})


async def test_who_comes_later_is_told_the_time_of_now(lobby: Lobby, open_page: Open) -> None:
    async with open_page() as page:
        await page.text()
        lobby.now += 1000
        await asyncio.sleep(PACE * 2)
        async with open_page() as other:
            assert await other.next() == ("view", {"now": lobby.now, "text": "nothing"})
            assert lobby.now > 1000


@pytest.fixture
def pings_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """To be used before there is a lobby: its first ping is as soon as all others."""
    monkeypatch.setattr("controller.web.live.PING", 0.05)


pinging_often = pytest.mark.usefixtures("pings_often")


@pytest.fixture
async def pinging(lobby: Lobby, open_page: Open) -> AsyncIterator[Page]:
    """A page that has just heard a ping."""
    async with open_page() as page:
        assert await page.text() == "nothing"
        assert await page.next(10) == ("ping", {})
        yield page


@pinging_often
async def test_while_nothing_changes_there_is_a_ping(pinging: Page) -> None:
    assert await pinging.next() == ("ping", {})
    assert await pinging.next() == ("ping", {})


async def silence(page: Page) -> None:
    """A page hears nothing, but for what may have been on its way."""
    with suppress(TimeoutError):
        assert await page.next(0.4) == ("ping", {})
    with pytest.raises(TimeoutError):
        await page.next(0.4)


@pinging_often
async def test_what_cannot_be_drawn_is_not_vouched_for(
    lobby: Lobby, pinging: Page, caplog: pytest.LogCaptureFixture
) -> None:
    lobby.broken = True
    lobby.live.changed()
    await until(lambda: "a page could not be drawn" in caplog.text)
    await silence(pinging)
    lobby.broken = False
    lobby.live.changed()
    assert await pinging.next() == ("ping", {})
    caplog.clear()


@pinging_often
@pytest.mark.parametrize("changed", [True, False])
async def test_while_a_step_hangs_nothing_is_vouched_for(lobby: Lobby, pinging: Page, changed: bool) -> None:
    """As it does where a disk hangs; before, something may have happened that is not shown yet."""
    lobby.settled = False
    if changed:
        lobby.live.changed()
    await silence(pinging)
    lobby.settled = True
    lobby.change("A001")
    assert await pinging.text() == "A001"
    assert await pinging.next() == ("ping", {})


@pinging_often
async def test_who_may_look_no_longer_is_told_also_while_a_step_hangs(lobby: Lobby, open_page: Open) -> None:
    async with open_page(who="li") as li:
        await li.text()
        lobby.settled = False
        lobby.revoked.add("li")
        event: tuple[str, Any] = ("ping", {})
        while event == ("ping", {}):
            event = await li.next(10)
        assert event == ("end", {"reason": "revoked"})


async def test_a_change_reaches_those_who_look_already_when_somebody_comes_in_between(
    lobby: Lobby, open_page: Open
) -> None:
    lobby.pace = 0.3
    async with open_page() as first:
        assert await first.text() == "nothing"
        lobby.change("A001")
        async with open_page() as second:
            assert await first.text() == "A001"
            text = await second.text()
            if text == "nothing":
                text = await second.text()
            assert text == "A001"


async def test_no_more_pictures_than_the_pace_and_the_last_one_counts(lobby: Lobby, open_page: Open) -> None:
    lobby.pace = 0.2
    async with open_page() as page:
        await page.text()
        began, drawn = time.monotonic(), lobby.drawn
        for number in range(200):
            lobby.change(f"A{number:03}")
            await asyncio.sleep(0)
        while await page.text() != "A199":
            pass
        assert lobby.drawn - drawn <= (time.monotonic() - began) / lobby.pace + 1


async def test_nothing_is_drawn_in_the_middle_of_a_step(lobby: Lobby, open_page: Open) -> None:
    async with open_page() as page:
        await page.text()
        lobby.settled = False
        lobby.change("half done")
        drawn = lobby.drawn
        async with open_page("other") as comes:
            with pytest.raises(TimeoutError):
                await comes.next(0.3)
            assert lobby.drawn == drawn
            lobby.settled = True
            lobby.change("done")
            assert await page.text() == "done"
            assert await comes.text() == "done"


async def test_a_line_break_or_a_script_in_a_name_breaks_no_frame(lobby: Lobby, open_page: Open) -> None:
    async with open_page() as page:
        await page.text()
        for text in (
            "a\n\nevent: end\ndata: {}",
            "a\r\ndata: x\r\r",
            "\u2028\u2029\x00\x85",
            "<script>{{7*7}}</script>",
            "\ufeff",
        ):
            lobby.change(text)
            assert await page.text() == text


async def test_a_scene_that_cannot_be_drawn_darkens_no_other(
    lobby: Lobby, open_page: Open, caplog: pytest.LogCaptureFixture
) -> None:
    good = lobby._picture

    def picture(name: str) -> Mapping[str, Any] | None:
        if name == "broken" and lobby.text != "nothing":
            raise ValueError("a fault of ours")
        return good(name)

    lobby._picture = picture  # type: ignore[method-assign]
    async with open_page("broken") as broken, open_page() as page:
        assert (await broken.text(), await page.text()) == ("nothing", "nothing")
        lobby.change("A001")
        assert await page.text() == "A001"
        await until(lambda: "a page could not be drawn" in caplog.text)
        lobby.text = "nothing"
        lobby.change("nothing")
        assert await page.text() == "nothing"
    caplog.clear()


async def test_what_is_no_more_ends_its_pages_and_what_comes_after_it_is_another(lobby: Lobby, open_page: Open) -> None:
    async with open_page("A001") as page:
        await page.text()
        lobby.over.add("A001")
        lobby.live.changed()
        assert await page.next() == ("end", {"reason": "gone"})
        await until(lambda: not lobby.live.watched("A001"))
        async with open_page("A001") as late:
            assert await late.next() == ("end", {"reason": "gone"})
        lobby.over.clear()
        async with open_page("A001") as again:
            assert await again.text() == "nothing"


@pinging_often
async def test_who_may_look_no_longer(lobby: Lobby, open_page: Open) -> None:
    async with open_page(who="li") as li, open_page(who="wang") as wang:
        assert (await li.text(), await wang.text()) == ("nothing", "nothing")
        lobby.revoked.add("li")
        event: tuple[str, Any] = ("ping", {})
        while event == ("ping", {}):
            event = await li.next(10)
        assert event == ("end", {"reason": "revoked"})
        assert await wang.next() == ("ping", {})


async def test_who_closes_a_page_is_forgotten(lobby: Lobby, open_page: Open) -> None:
    async with open_page() as page:
        await page.text()
        assert lobby.pages == 1
    await until(lambda: lobby.pages == 0)
    assert not lobby.live.watched("tv")


async def test_one_page_too_many(lobby: Lobby, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.live.VIEWERS", 2)
    async with open_page() as one, open_page("other") as two:
        assert (await one.text(), await two.text()) == ("nothing", "nothing")
        async with open_page() as three:
            assert three.head.startswith(b"HTTP/1.1 503"), three.head
            assert b"retry-after" in three.head.lower()
        two.close()
        await until(lambda: lobby.pages == 1)
        async with open_page() as three:
            assert await three.text() == "nothing"


async def test_a_slow_reader_loses_the_pictures_between(lobby: Lobby, open_page: Open) -> None:
    much = "x" * 200_000
    async with open_page(limit=1000) as slow, open_page("quick") as quick:
        lobby.change(f"0{much}")
        while not (await quick.text()).startswith("0"):
            pass
        for number in range(1, 60):
            lobby.change(f"{number:02}{much}")
            assert (await quick.text())[:2] == f"{number:02}"
        seen: list[str] = []
        while not seen or seen[-1] != "59":
            seen.append((await slow.text())[:2])
        assert len(seen) < 40
        assert lobby.live.dropped == 0


async def test_who_never_reads_is_dropped_and_nobody_waits_for_it(
    lobby: Lobby, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.live.STALLED", 1.0)
    much = "x" * 200_000
    async with open_page(limit=1000), open_page(limit=1000), open_page() as quick:
        await until(lambda: lobby.pages == 3)
        number, slowest = 0, 0.0
        began = time.monotonic()
        while lobby.live.dropped < 2:
            number += 1
            lobby.change(f"{number} {much}")
            told = time.monotonic()
            while (await quick.text()).split()[0] != str(number):
                pass
            slowest = max(slowest, time.monotonic() - told)
            assert time.monotonic() - began < 20
        assert slowest < 0.9, slowest
        await until(lambda: lobby.pages == 1)


async def test_a_stop_ends_fifty_pages_at_once(lobby: Lobby, open_page: Open) -> None:
    async with AsyncExitStack() as pages:
        opened = [await pages.enter_async_context(open_page(f"scene-{number % 7}")) for number in range(50)]
        for page in opened:
            await page.text()
        began = time.monotonic()
        stopping = asyncio.create_task(lobby.stop())
        assert [await page.next() for page in opened] == [("end", {"reason": "restart"})] * 50
        assert {await page.next() for page in opened} == {("", None)}
        await stopping
        assert time.monotonic() - began < 3


@pytest.mark.long
async def test_a_stop_waits_for_nobody_who_does_not_read(lobby: Lobby, open_page: Open) -> None:
    async with open_page(limit=1000), open_page("quick") as quick:
        await until(lambda: lobby.pages == 2)
        for number in range(100):
            lobby.change(f"{number} " + "x" * 200_000)
            while (await quick.text()).split()[0] != str(number):
                pass
        began = time.monotonic()
        await lobby.stop()
        assert time.monotonic() - began < 4


async def test_a_page_that_opens_while_everything_ends(lobby: Lobby) -> None:
    stream = lobby.live.stream("tv", lambda: {})
    lobby.live.close()
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    await asyncio.wait_for(stream({"client": None}, asyncio.Event().wait, send), 2)  # type: ignore[arg-type]
    assert b"restart" in sent[-2]
