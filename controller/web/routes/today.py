"""For the lobby manager: the day in pictures, the day sheet, the day's report, and reports as files."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse

from controller.journal import JournalError
from controller.reports.forms import html
from controller.reports.period import NoPeriodError
from controller.reports.report import period_of, report
from controller.threads import one_thread
from controller.web.days import Days, unhurried
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

    thread = one_thread("reports")
    making = asyncio.Lock()

    @api.get(
        "/api/report",
        response_class=HTMLResponse,
        responses=refusals(401, 403, 404),
        summary="A day, week or month as one HTML file with its pictures, to be kept and printed",
    )
    async def of_period(
        caller: Annotated[Caller, allowed(site, lambda account: account.is_one_of())],
        kind: Annotated[Literal["day", "week", "month", "counters"], Query(description="what it is about")],
        when: Annotated[str, Query(max_length=10, description="2026-01-05, 2026-W02 or 2026-01")],
    ) -> HTMLResponse:
        try:
            period = period_of(kind, when)
        except NoPeriodError:
            raise site.problem(404, "no_day") from None
        if making.locked():
            raise Problem(503, "busy", site.say("page.today.report_busy"), 5)
        about = replace(site.settings.record, lobby=site.rules.configured)
        path, loop = site.settings.journal_path, asyncio.get_running_loop()
        async with making:
            try:
                made = await loop.run_in_executor(thread, lambda: report(path, about, kind, period, unhurried))
            except JournalError:
                raise site.problem(404, "no_day") from None
        name = f'attachment; filename="lobby-{kind}-{period.text}.html"'
        return HTMLResponse(html.write(made, site.settings.language), headers={"content-disposition": name})

    return api
