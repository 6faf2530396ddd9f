"""Server-sent events for open pages: each page is a viewer of one view.

Views are levels, as displays are: a viewer's queue has room for one picture, the latest. One that does not read loses
the pictures between, and after `STALLED` seconds its connection. After a change the devices come first: pages are told
a moment later, a few at a time, and no view more often than its pace. A ping confirms that what a page shows is
current: while its picture cannot be made there is no ping, and the page says that it is stale.
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

from controller.lobby.model.units import NEVER, Ms
from controller.web.problems import problem
from controller.web.server import STALLED

log = logging.getLogger(__name__)

VIEWERS = 300
"""Most pages that may be open."""
SLICE = 4
"""Pages told before other tasks of the loop get a turn."""
PAUSE = 0.05
"""Seconds from a change until pages are told, so that changes close together are told as one."""
PING = 5.0
"""Seconds between two pings to a page to which nothing else is sent; it reconnects after missing three."""
TELL_TIME = 60_000
"""Milliseconds by which the time on a page (`now`) may lag while nothing else changes on it."""

Picture = Callable[[], Mapping[str, Any] | None]
"""The content of a view; None: its object no longer exists."""


class Viewer:
    """One open page; `owner`: the account whose device the page is, empty: it is not a device."""

    MEDIA = "text/event-stream; charset=utf-8"

    def __init__(self, view: str, allowed: Callable[[], bool], owner: str = "") -> None:
        self.view = view
        self.allowed = allowed
        """Whether it may still be shown anything: the account may have been revoked."""
        self.owner = owner
        self.page = secrets.token_hex(8) if owner else ""
        """The id by which it reports its state."""
        self.state = ""
        """The state that it has reported; empty: none yet."""
        self._next = b""
        self._wake = asyncio.Event()
        self._end = ""

    def hello(self, build: str) -> bytes:
        """The first message: a page of another build reloads itself; one that is a device reports its state."""
        return message("hello", {"build": build, **({"page": self.page} if self.page else {})})

    def show(self, message: bytes) -> None:
        """Send this, in place of what has not been sent yet."""
        self._next = message
        self._wake.set()

    def ping(self) -> None:
        """Send a ping: nothing has changed."""
        if not self._next:
            self.show(message("ping", {}))

    def end(self, reason: str) -> None:
        """End the stream; `reason`: `restart`, `revoked`, `gone`."""
        self._end = reason
        self._wake.set()

    async def messages(self) -> Any:
        """The messages to send, until the end."""
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
    """A view, and the pages that show it."""

    picture: Picture
    pace: float
    """Seconds between two pictures."""
    viewers: set[Viewer] = field(default_factory=set)
    shown: bytes = b""
    content: str = ""
    """The content of `shown` without the time."""
    now: Ms = NEVER
    """The time that was told last."""
    over: bool = False
    """Whether its object no longer exists."""
    due: float = 0.0
    dirty_since: float | None = None
    """Since when there may be changes that are not drawn, in the loop's time; None: there are none."""
    failed: bool = False
    """Whether it could not be drawn the last time."""

    def mark_dirty(self, now: float) -> None:
        """The view may have changed."""
        if self.dirty_since is None:
            self.dirty_since = now

    def tell(self, viewer: Viewer) -> None:
        """Send a viewer the latest picture, or the end."""
        if self.over:
            viewer.end("gone")
        else:
            viewer.show(self.shown)


class Live:
    """All open pages. `cut` ends the connection of a peer that does not read.

    Nothing is drawn unless `settled`: while it is False, the state is not what the journal holds.
    """

    def __init__(self, build: str, settled: Callable[[], bool] = lambda: True) -> None:
        self._settled = settled
        self.build = self._build = build
        self._times = 0
        self._views: dict[str, View] = {}
        self._changed = asyncio.Event()
        self.cut: Callable[[tuple[str, int] | None], None] = lambda client: None
        self.told: Callable[[str], None] = lambda owner: None
        """Called when the reported states of an owner's open pages have changed."""
        self.dropped = 0
        """Pages that did not keep up."""
        self._closed = False

    def viewers(self) -> Iterator[Viewer]:
        """Every open page."""
        for view in self._views.values():
            yield from view.viewers

    def watched(self, name: str) -> bool:
        """Whether a view has viewers."""
        return name in self._views

    def states(self, owner: str) -> set[str]:
        """The states that the open pages of an owner have reported."""
        return {viewer.state for viewer in self.viewers() if viewer.owner == owner and viewer.state}

    def report(self, owner: str, page: str, state: str) -> bool:
        """An open page of an owner reports its state; False: there is no such page."""
        viewer = next((each for each in self.viewers() if each.owner == owner and each.page == page), None)
        if not viewer or not page:
            return False
        viewer.state = state
        self.told(owner)
        return True

    def changed(self) -> None:
        """The lobby has changed: every view may have changed."""
        now = asyncio.get_running_loop().time()
        for view in self._views.values():
            view.mark_dirty(now)
        self._changed.set()

    def begin_again(self) -> None:
        """Have every open page load itself again, since what pages are made of has changed."""
        self._times += 1
        self.build = f"{self._build}.{self._times}"
        for viewer in list(self.viewers()):
            viewer.end("restart")

    def close(self, reason: str = "restart") -> None:
        """End every stream, and accept no more."""
        self._closed = True
        for viewer in list(self.viewers()):
            viewer.end(reason)

    def follow(self, viewer: Viewer, picture: Picture, pace: float) -> Response:
        """The same for a viewer of another kind, whose messages are not pictures: it is shown each as a sign that there
        is something new."""
        if self._closed or sum(1 for _ in self.viewers()) >= VIEWERS:
            return _busy()
        return _Stream(self, viewer, picture, pace)

    def stream(
        self,
        name: str,
        picture: Picture,
        allowed: Callable[[], bool] = lambda: True,
        pace: float = 0.2,
        spare: int = 0,
        owner: str = "",
    ) -> Response:
        """An ASGI response that streams a view for as long as its page is open; refused if fewer than `spare` places
        would remain. `owner`: the account whose device the page is, if it is one.
        """
        if self._closed or sum(1 for _ in self.viewers()) >= VIEWERS - spare:
            return _busy()
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
        # Drawn again, since it contains the time; its other viewers are told of any change.
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
            if viewer.state and not self._closed:  # that we stop is not a fault of the page
                self.told(viewer.owner)

    def _draw(self, view: View) -> bool:
        """Draw the view; whether it has changed."""
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
            view.now = now or NEVER
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
        """Whether what a view shows is current: it is drawn, and no step hangs, for example on the disk."""
        now, since = asyncio.get_running_loop().time(), view.dirty_since
        return self._settled() and not view.failed and (since is None or now - since <= PING)

    async def _each(self, viewers: list[Viewer], tell: Callable[[Viewer], object]) -> None:
        for start in range(0, len(viewers), SLICE):
            for viewer in viewers[start : start + SLICE]:
                tell(viewer)
            await asyncio.sleep(0)


def _busy() -> Response:
    return problem(503, "busy", "too many pages are open; close some", {"Retry-After": "5"})


class _Stream(Response):
    """The response that streams a viewer's messages."""

    def __init__(self, live: Live, viewer: Viewer, picture: Picture, pace: float) -> None:
        super().__init__(media_type=viewer.MEDIA)
        self._live, self._viewer, self._picture, self._pace = live, viewer, picture, pace

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        viewer = self._viewer
        gone = asyncio.create_task(self._gone(receive), name="page")
        try:
            headers = [(b"content-type", viewer.MEDIA.encode()), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            self._live._enter(viewer, self._picture, self._pace)  # first: it may report its state at once
            await send({"type": "http.response.body", "body": viewer.hello(self._live.build), "more_body": True})
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
    """Whether a viewer is still allowed; if not, its stream is ended."""
    allowed = viewer.allowed()
    if not allowed:
        viewer.end("revoked")
    return allowed


def message(event: str, data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {event}\ndata: {_text(data)}\n\n".encode()


def _text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
