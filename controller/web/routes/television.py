"""For a television, and everybody who is signed in: the view for the hall."""

from fastapi import APIRouter

from controller.web.operations import allowed, show
from controller.web.pages import Page
from controller.web.site import Site

PAGES = (Page("tv", "/tv", may=lambda account, data: True, words=("voice.",)),)


def router(site: Site) -> APIRouter:
    api = APIRouter()
    show(
        api,
        site,
        "television",
        site.adapter.television,
        who=allowed(site),
        pace=0.2,
        refused=(401,),
        summary="The calls, who is next, how long it takes",
    )
    return api
