"""For pages that are devices of the branch: they report their state."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from typing import Annotated

from fastapi import APIRouter

from controller.web.bodies import Report
from controller.web.operations import allowed, refusals
from controller.web.problems import Problem
from controller.web.roles import HAVE_PAGES
from controller.web.site import Caller, Site


def router(site: Site) -> APIRouter:
    api = APIRouter()
    device = allowed(site, lambda account: account.role in HAVE_PAGES)

    @api.post(
        "/api/reports",
        responses=refusals(401, 403, 404, 429),
        status_code=204,
        summary="Tell how a device's open page does",
    )
    async def report(content: Report, caller: Annotated[Caller, device]) -> None:
        name = caller.account.name
        if wait := site.page_health.must_wait(name):
            raise Problem(429, "too_many_reports", site.say("http.too_many_reports", seconds=wait), wait)
        if not site.page_health.report(name, content.page, content.state):
            raise site.problem(404, "not_open")

    return api
