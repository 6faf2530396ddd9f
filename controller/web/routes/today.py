"""For the lobby manager: the day in pictures, and the day sheet."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from typing import Annotated

from fastapi import APIRouter, Query

from controller.journal import JournalError
from controller.web.days import Days
from controller.web.operations import View, allowed, refusals
from controller.web.pages import Page
from controller.web.problems import Problem
from controller.web.site import Caller, Site

PAGES = (
    Page(
        "today",
        "/today",
        may=lambda account, data: account.is_one_of(),
        words=("page.console.day_", "reason."),
    ),
)

DAY = r"^(\d{4}-\d{2}-\d{2})?$"


def router(site: Site) -> APIRouter:
    api = APIRouter()
    days = Days(site.settings.journal_path, lambda: site.rules, site.adapter.context.now)

    @api.get(
        "/api/today",
        responses=refusals(401, 403, 404),
        summary="A day in half hours and in figures, beside the day before it and the mean of days of its kind",
    )
    async def today(
        caller: Annotated[Caller, allowed(site, lambda account: account.is_one_of())],
        day: Annotated[str, Query(pattern=DAY, description="YYYY-MM-DD; empty: the day that is open")] = "",
    ) -> View:
        try:
            found = await days.about(day)
        except JournalError:
            raise Problem(503, "journal_down", site.say("page.today.unread"), 5) from None
        if found is None:
            raise site.problem(404, "no_day")
        return {"now": site.adapter.context.now(), "build": site.live.build, **found}

    return api
