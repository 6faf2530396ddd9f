"""For the screen above a counter: the ticket that is called there."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from controller.web.operations import STREAM, View, allowed, known, refusals
from controller.web.pages import Page
from controller.web.site import Caller, Site

PACE = 0.1
"""Seconds between two pictures."""


def _counter(site: Site, request: Request) -> dict[str, str]:
    counter = str(request.path_params["counter"])
    if counter not in site.rules.counters:
        raise site.problem(404, "not_found")
    return {"counter": counter}


PAGES = (Page("display", "/display/{counter}", may=lambda account, data: account.is_one_of("screen"), data=_counter),)


def router(site: Site) -> APIRouter:
    api = APIRouter()
    screen = allowed(site, lambda account: account.is_one_of("screen"))

    @api.get(
        "/api/displays/{counter}", responses=refusals(401, 403, 404), summary="What the screen above a counter shows"
    )
    async def display(counter: str, caller: Annotated[Caller, screen]) -> View:
        place = known(site, counter)
        await site.settled()
        return site.adapter.display(place.id)()

    @api.get(
        "/api/displays/{counter}/live", responses=STREAM | refusals(401, 403, 404), response_class=StreamingResponse
    )
    async def display_live(counter: str, caller: Annotated[Caller, screen]) -> Any:
        place = known(site, counter)
        return site.live.stream(
            f"display/{counter}",
            site.adapter.display(place.id),
            site.still(caller),
            PACE,
            owner=caller.account.owns_page,
        )

    return api
