"""What open pages are shown, as server-sent events: each page is a viewer of one view.

Views are levels, as displays are: a viewer has room for one picture, the latest. One that does not read loses the
pictures between, and after `STALLED` seconds its connection. After a change the devices come first: pages are told a
moment later, a few at a time, and no view more often than its pace. A ping vouches for what a page shows: while that
cannot be drawn there is none, and the page says that it is old.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from controller.web.problems import problem
from controller.web.server import STALLED

log = logging.getLogger(__name__)

VIEWERS = 300
"""Pages that may be open."""
SLICE = 4
"""Pages told before the loop has a turn for everybody else."""
PAUSE = 0.05
"""Seconds from a change until pages are told: what is still to come of it comes too."""
PING = 5.0
"""Seconds after which a page hears that nothing has changed; it gives up on us after three of them."""
TELL_TIME = 60_000
"""Milliseconds by which the time that a page was told (`now`) may be old when there is no other news for it."""

Picture = Callable[[], Mapping[str, Any] | None]
"""What a view shows now; None: there is no such thing any more."""


class Viewer:
    """One open page; `owner`: the account of the branch's whose device it is, empty: it is no device."""

    def __init__(self, view: str, allowed: Callable[[], bool], owner: str = "") -> None:
        self.view = view
        self.allowed = allowed
        """Whether it may still look: whoever opened it may have been revoked."""
        self.owner = owner
        self.page = secrets.token_hex(8) if owner else ""
        """What it names itself by when it tells its state."""
        self.state = ""
        """What it has told; empty: nothing yet."""
        self._next = b""
        self._wake = asyncio.Event()
        self._end = ""

    def show(self, message: bytes) -> None:
        """Show this, in place of what has not gone out yet."""
        self._next = message
        self._wake.set()

    def ping(self) -> None:
        """Say that nothing has changed."""
        if not self._next:
            self.show(message("ping", {}))

    def end(self, reason: str) -> None:
        """Show nothing any more; `reason`: `restart`, `revoked`, `gone`."""
        self._end = reason
        self._wake.set()

    async def messages(self) -> Any:
        """What is to go out, until the end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._end:
                yield message("end", {"reason": self._end})
                return
            content, self._next = self._next, b""
            if content:
                yield content


@dataclass(slots=True)
class View:
    """What some of the pages show."""

    picture: Picture
    pace: float
    """Seconds between two pictures."""
    viewers: set[Viewer] = field(default_factory=set)
    shown: bytes = b""
    content: str = ""
    """What `shown` says but for the time."""
    now: int = 0
    """The time that was told last, in ms since 1970."""
    over: bool = False
    """Whether there is no such thing any more."""
    due: float = 0.0
    dirty_since: float | None = None
    """Since when there may be news that are not drawn, in the loop's time; None: there are none."""
    failed: bool = False
    """Whether it could not be drawn the last time."""

    def mark_dirty(self, now: float) -> None:
        """There may be news."""
        if self.dirty_since is None:
            self.dirty_since = now

    def tell(self, viewer: Viewer) -> None:
        """Show a viewer what there is to show."""
        if self.over:
            viewer.end("gone")
        else:
            viewer.show(self.shown)


class Live:
    """All open pages. `cut` ends the connection of a peer that does not read.

    Nothing is drawn unless `settled` says that there is something to show; when there is again, `changed` tells.
    """

    def __init__(self, build: str, settled: Callable[[], bool] = lambda: True) -> None:
        self._settled = settled
        self._build = build
        self._views: dict[str, View] = {}
        self._changed = asyncio.Event()
        self.cut: Callable[[tuple[str, int] | None], None] = lambda client: None
        self.told: Callable[[str], None] = lambda owner: None
        """Called when what the open pages of an owner have told is another."""
        self.dropped = 0
        """Pages that did not keep up."""
        self._closed = False

    def viewers(self) -> Iterator[Viewer]:
        """Every open page."""
        for view in self._views.values():
            yield from view.viewers

    def watched(self, name: str) -> bool:
        """Whether anybody looks at a view."""
        return name in self._views

    def hello(self, viewer: Viewer) -> bytes:
        """What a page hears first: from another build, it loads itself anew; as a device, it tells its state."""
        return message("hello", {"build": self._build, **({"page": viewer.page} if viewer.page else {})})

    def states(self, owner: str) -> set[str]:
        """What the open pages of an owner have told."""
        return {viewer.state for viewer in self.viewers() if viewer.owner == owner and viewer.state}

    def report(self, owner: str, page: str, state: str) -> bool:
        """An open page of an owner tells its state; False: there is no such page."""
        viewer = next((each for each in self.viewers() if each.owner == owner and each.page == page), None)
        if not viewer or not page:
            return False
        viewer.state = state
        self.told(owner)
        return True

    def changed(self) -> None:
        """Something has: every view may show something else."""
        now = asyncio.get_running_loop().time()
        for view in self._views.values():
            view.mark_dirty(now)
        self._changed.set()

    def close(self, reason: str = "restart") -> None:
        """End every page, and take no more."""
        self._closed = True
        for viewer in list(self.viewers()):
            viewer.end(reason)

    def stream(
        self,
        name: str,
        picture: Picture,
        allowed: Callable[[], bool] = lambda: True,
        pace: float = 0.2,
        spare: int = 0,
        owner: str = "",
    ) -> Response:
        """An ASGI response that shows a view for as long as its page is open; it leaves room for `spare` others.

        `owner`: the account whose device the page is, if it is one.
        """
        if self._closed or sum(1 for _ in self.viewers()) >= VIEWERS - spare:
            return problem(503, "busy", "too many pages are open; close some", {"Retry-After": "5"})
        return _Stream(self, Viewer(name, allowed, owner), picture, pace)

    async def run(self) -> None:
        """Tell pages of changes, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._show())
            group.create_task(self._ping())

    # -- inside ----------------------------------------------------------------------------------------------

    def _enter(self, viewer: Viewer, picture: Picture, pace: float) -> None:
        view = self._views.get(viewer.view)
        if view is None:
            view = self._views[viewer.view] = View(picture, pace)
            view.mark_dirty(asyncio.get_running_loop().time())
        view.viewers.add(viewer)
        # Drawn anew, since the time is in it; whoever looks already hears of any change.
        if self._settled() and view.due <= asyncio.get_running_loop().time() and self._draw(view):
            for other in view.viewers:
                view.tell(other)
        elif view.shown:
            view.tell(viewer)
        if view.dirty_since is not None:
            self._changed.set()
        if self._closed:  # meanwhile
            viewer.end("restart")

    def _leave(self, viewer: Viewer) -> None:
        view = self._views.get(viewer.view)
        if view:
            view.viewers.discard(viewer)
            if not view.viewers:
                del self._views[viewer.view]
            if viewer.state and not self._closed:  # a stop of ours is none of theirs
                self.told(viewer.owner)

    def _draw(self, view: View) -> bool:
        """Whether there is something new to show."""
        view.dirty_since = None
        view.due = asyncio.get_running_loop().time() + view.pace
        try:
            picture = view.picture()
            content = _text({key: value for key, value in (picture or {}).items() if key != "now"})
        except Exception:
            view.failed = True
            log.exception("a page could not be drawn")
            return False
        now = (picture or {}).get("now")
        news = not view.shown or content != view.content or abs((now or 0) - view.now) >= TELL_TIME
        view.failed, view.over, view.content = False, picture is None, content
        if news:
            view.now = now or 0
        view.shown = message("view", picture or {})
        return news

    async def _show(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            dirty = [view for view in self._views.values() if view.dirty_since is not None]
            if not dirty or not self._settled():
                self._changed.clear()
                await self._changed.wait()
                await asyncio.sleep(PAUSE)
                continue
            now = loop.time()
            due = [view for view in dirty if view.due <= now]
            if not due:
                await asyncio.sleep(min(view.due for view in dirty) - now)
                continue
            for view in due:
                if not self._settled():
                    break
                if self._draw(view):
                    await self._each(list(view.viewers), view.tell)
                await asyncio.sleep(0)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING)
            for view in list(self._views.values()):
                tell = _ping if self._vouches(view) else _check
                await self._each(list(view.viewers), tell)

    def _vouches(self, view: View) -> bool:
        """Whether what it shows is what there is: it is drawn, and no step is on its way that hangs, as on a disk."""
        now, since = asyncio.get_running_loop().time(), view.dirty_since
        return self._settled() and not view.failed and (since is None or now - since <= PING)

    async def _each(self, viewers: list[Viewer], tell: Callable[[Viewer], object]) -> None:
        for start in range(0, len(viewers), SLICE):
            for viewer in viewers[start : start + SLICE]:
                tell(viewer)
            await asyncio.sleep(0)


class _Stream(Response):
    """The response that a page's viewer goes out by."""

    def __init__(self, live: Live, viewer: Viewer, picture: Picture, pace: float) -> None:
        super().__init__(media_type="text/event-stream")
        self._live, self._viewer, self._picture, self._pace = live, viewer, picture, pace

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        viewer = self._viewer
        gone = asyncio.create_task(self._gone(receive), name="page")
        try:
            headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            self._live._enter(viewer, self._picture, self._pace)  # first: it may tell its state as soon as it hears us
            await send({"type": "http.response.body", "body": self._live.hello(viewer), "more_body": True})
            async for content in viewer.messages():
                async with asyncio.timeout(STALLED):
                    await send({"type": "http.response.body", "body": content, "more_body": True})
            async with asyncio.timeout(STALLED):
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            self._live.dropped += 1
            self._live.cut(scope.get("client"))
        finally:
            gone.cancel()
            self._live._leave(viewer)

    async def _gone(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._viewer.end("gone")


def _ping(viewer: Viewer) -> None:
    if _check(viewer):
        viewer.ping()


def _check(viewer: Viewer) -> bool:
    """Whether it may still look; it is ended if not."""
    allowed = viewer.allowed()
    if not allowed:
        viewer.end("revoked")
    return allowed


def message(event: str, data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {event}\ndata: {_text(data)}\n\n".encode()


def _text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
