"""For monitors and programs: figures, health, and the description of the API."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from typing import Annotated

from fastapi import APIRouter, Response

from controller.web import metrics
from controller.web.bodies import Health
from controller.web.operations import PUBLIC, allowed, refusals
from controller.web.problems import Problem
from controller.web.site import Caller, Site


def router(site: Site) -> APIRouter:
    api = APIRouter()
    registry = metrics.make_metrics(site.adapter, site.live)

    @api.get("/metrics", responses=refusals(401), summary="Figures for Prometheus", response_class=Response)
    async def scrape(caller: Annotated[Caller, allowed(site)]) -> Response:
        await site.settled()
        return Response(metrics.text(registry), headers={"content-type": metrics.CONTENT_TYPE})

    @api.head("/health", include_in_schema=False)
    @api.get(
        "/health", responses=refusals(), summary="Whether presses are recorded, and devices work", openapi_extra=PUBLIC
    )
    async def health() -> Health:
        await site.settled()
        if site.adapter.trouble:
            raise Problem(503, "journal_down", site.adapter.trouble, 1)
        faulty = site.adapter.faulty
        return Health(status="degraded" if faulty else "ok", devices=site.adapter.known, faulty=faulty)

    return api
