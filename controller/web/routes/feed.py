"""For programs of other systems: the journal's rows as lines of JSON, a page at a time and as they come."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.responses import StreamingResponse

from controller.feed.lines import Page, line, page
from controller.journal import JournalError
from controller.web.live import Viewer
from controller.web.operations import allowed, refusals
from controller.web.roles import Account
from controller.web.site import Caller, Site

MEDIA = "application/x-ndjson"
POSITION = "Feed-Position"
"""The header with the last row that was looked at: where to go on, also where no row of the wanted kinds came."""
PAGE = 1000
PACE = 0.2
"""Seconds between two looks for those who follow."""

LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": 'A line of JSON a row, {"seq","at","day","kind","data"}; an empty line: nothing is new.',
        "content": {MEDIA: {"schema": {"type": "string"}}},
    }
}
After = Annotated[int, Query(ge=0, le=1 << 53, description="The last row that is known; 0: none.")]
Kinds = Annotated[list[str], Query(max_length=50, description="Only rows of these kinds; none: of all.")]


def _may(account: Account) -> bool:
    return account.is_one_of("feed")


class Follower(Viewer):
    """One who follows: sent the rows after one as they are read by `read`, and an empty line where none came."""

    MEDIA = MEDIA

    def __init__(self, after: int, read: Callable[[int], Any], allowed: Callable[[], bool]) -> None:
        super().__init__("feed", allowed)
        self._after, self._read = after, read

    def hello(self, build: str) -> bytes:
        return b"\n"

    def show(self, message: bytes) -> None:
        self._wake.set()

    def ping(self) -> None:
        self._next = b"\n"
        self._wake.set()

    async def messages(self) -> AsyncIterator[bytes]:
        more = True
        while True:
            if not more:
                await self._wake.wait()
            self._wake.clear()
            if self._end:
                return
            try:
                part: Page = await self._read(self._after)
            except JournalError:
                return  # told when it is asked for again
            self._after, more = part.upto, part.more
            content, self._next = _text(part) or self._next, b""
            if content:
                yield content


def _text(part: Page) -> bytes:
    return "".join(f"{line(row)}\n" for row in part.rows).encode()


def router(site: Site) -> APIRouter:
    api = APIRouter()
    programs = allowed(site, _may)
    path = site.adapter.context.journal.path

    async def read(after: int, kinds: list[str], limit: int) -> Page:
        return await asyncio.to_thread(page, path, after, frozenset(kinds), limit)

    async def readable(after: int, kinds: list[str], limit: int) -> Page:
        """Raises Problem 409 if there is no row `after`, or the journal cannot be read."""
        try:
            return await read(after, kinds, limit)
        except JournalError as error:
            raise site.problem(409, "no_row", text=str(error)) from error

    @api.get(
        "/api/feed",
        responses=LINES | refusals(401, 403, 409),
        response_class=Response,
        summary=f"The journal's rows after one, a line each; the header {POSITION} says where to go on",
        name="feed",
    )
    async def feed(
        caller: Annotated[Caller, programs],
        after: After = 0,
        kind: Kinds = [],  # noqa: B006 - FastAPI copies it
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> Response:
        part = await readable(after, kind, limit)
        return Response(_text(part), media_type=MEDIA, headers={POSITION: str(part.upto)})

    @api.get(
        "/api/feed/live",
        responses=LINES | refusals(401, 403, 409),
        response_class=StreamingResponse,
        name="feed_live",
    )
    async def feed_live(
        caller: Annotated[Caller, programs],
        after: After = 0,
        kind: Kinds = [],  # noqa: B006
    ) -> Any:
        await readable(after, kind, 1)
        follower = Follower(after, lambda seq: read(seq, kind, PAGE), site.still(caller))
        return site.live.follow(follower, lambda: {"newest": site.adapter.newest}, PACE)

    return api
