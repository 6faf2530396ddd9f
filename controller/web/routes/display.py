"""For the screen above a counter: the ticket that is called there."""

from __future__ import annotations

from fastapi import APIRouter

from controller.web.operations import allowed, counter_of_page, show_at_counter
from controller.web.pages import Page
from controller.web.site import Site

PACE = 0.1
"""Seconds between two pictures."""

PAGES = (
    Page("display", "/display/{counter}", may=lambda account, data: account.is_one_of("screen"), data=counter_of_page),
)


def router(site: Site) -> APIRouter:
    api = APIRouter()
    screen = allowed(site, lambda account: account.is_one_of("screen"))

    show_at_counter(
        api,
        site,
        "display",
        site.adapter.display,
        who=screen,
        pace=PACE,
        summary="What the screen above a counter shows",
    )
    return api
