"""For the lobby manager: the day in pictures, the day sheet, and the day's report."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from collections.abc import Awaitable
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
    Page(
        "record-day",
        "/record/day",
        may=lambda account, data: account.is_one_of(),
        words=("page.console.day_", "page.today.", "reason."),
    ),
)

WHICH = "YYYY-MM-DD; empty: the day that is open"
DAY = r"^(\d{4}-\d{2}-\d{2})?$"


def router(site: Site) -> APIRouter:
    api = APIRouter()
    context = site.adapter.context
    days = Days(site.settings.journal_path, lambda: site.rules, context.now, lambda: context.facts().rules)
    manager = allowed(site, lambda account: account.is_one_of())

    @api.get(
        "/api/today",
        responses=refusals(401, 403, 404),
        summary="A day in half hours and in figures, beside the day before it and the mean of days of its kind",
    )
    async def today(
        caller: Annotated[Caller, manager], day: Annotated[str, Query(pattern=DAY, description=WHICH)] = ""
    ) -> View:
        return await told(days.about(day))

    @api.get(
        "/api/record/day",
        responses=refusals(401, 403, 404),
        summary="The report of a day: figures, peaks, what was drafted and entered in the log, what is to be done",
    )
    async def record_day(
        caller: Annotated[Caller, manager], day: Annotated[str, Query(pattern=DAY, description=WHICH)] = ""
    ) -> View:
        return await told(days.report(day))

    async def told(asked: Awaitable[View | None]) -> View:
        try:
            found = await asked
        except JournalError:
            raise Problem(503, "journal_down", site.say("page.today.unread"), 5) from None
        if found is None:
            raise site.problem(404, "no_day")
        return {"now": context.now(), "build": site.live.build, **found}

    return api
