"""For a customer's phone: the page of their own ticket. Without signing in; its address cannot be guessed."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from controller.web.operations import PUBLIC, STREAM, View, refusals
from controller.web.pages import Data, Page
from controller.web.site import Site

PACE = 1.0
"""Seconds between two pictures."""
BRANCH_PAGES = 100
"""Pages reserved for the branch's own people and screens, however many ticket pages are open."""


def _data(site: Site, request: Request) -> Data:
    page = request.path_params["page"][:64]
    told = {"language": site.language_of(page), "messages": site.message_page(page)}
    return {"ticketPage": page, **{key: value for key, value in told.items() if value}}


PAGES = (Page("ticket", "/t/{page}", data=_data, everywhere=True),)


def router(site: Site) -> APIRouter:
    api = APIRouter()

    @api.get(
        "/api/pages/{page}",
        responses=refusals(404),
        summary="Where a customer's own ticket stands",
        openapi_extra=PUBLIC,
    )
    async def page(page: str) -> View:
        await site.settled()
        picture = site.adapter.ticket(site.adapter.state.day, site.page_of(page))()
        if picture is None:
            raise site.problem(404, "no_page")
        return picture

    @api.get(
        "/api/pages/{page}/live",
        responses=STREAM | refusals(404),
        response_class=StreamingResponse,
        openapi_extra=PUBLIC,
    )
    async def page_live(page: str) -> Any:
        await site.settled()
        ticket, day = site.page_of(page), site.adapter.state.day
        return site.live.stream(
            f"ticket/{day}/{ticket}", site.adapter.ticket(day, ticket), pace=PACE, spare=BRANCH_PAGES
        )

    return api
