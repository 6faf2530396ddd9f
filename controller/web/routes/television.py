"""For a television, and everybody who is signed in: the view for the hall or a zone of it; pictures and clips."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response, StreamingResponse

from controller.lobby.model.rules import HallZone
from controller.web.operations import STREAM, View, allowed, refusals
from controller.web.pages import Page
from controller.web.site import Caller, Site

PACE = 0.2
"""Seconds between two pictures."""
ZoneId = Annotated[str, Query(alias="zone", max_length=32, description="a zone's id; empty: the whole branch")]


def _about(site: Site, request: Request) -> dict[str, Any]:
    """The zone that the page's address says, else that of the account; what a page of a zone that is not there says;
    and what is spoken, in each language that a customer can choose."""
    zone, caller = request.query_params.get("zone"), site.caller(request)
    zones = site.rules.hall_zones
    if zone is None and caller:
        zone = next((each.id for each in zones.values() if caller.account.name in each.televisions), "")
    wrong = ""
    if zone and zone not in zones:
        wrong = site.say("http.unknown_zone", zone=zone[:32], known=", ".join(zones) or "-")
    settings = site.settings.television
    spoken = {
        language: {key: rules.wording.templates[key] for key in ("voice.call", "page.tv.digits")}
        for language, rules in site.rules.languages.items()
    }
    return {
        "spoken": spoken,
        "zone": zone or "",
        "noZone": wrong,
        "media": {"seconds": settings.seconds, "sound": settings.sound},
    }


PAGES = (Page("tv", "/tv", may=lambda account, data: True, data=_about, words=("voice.",)),)


def router(site: Site) -> APIRouter:
    api = APIRouter()
    anybody = allowed(site)

    def of(zone: str) -> HallZone | None:
        if zone and zone not in site.rules.hall_zones:
            raise site.problem(404, "unknown_zone", zone=zone, known=", ".join(site.rules.hall_zones) or "-")
        return site.rules.hall_zones.get(zone)

    @api.get(
        "/api/television",
        responses=refusals(401, 404),
        summary="The calls, who is next, how long it takes",
        name="television",
    )
    async def television(caller: Annotated[Caller, anybody], zone: ZoneId = "") -> View:
        shown = of(zone)
        await site.settled()
        return site.adapter.television(shown)()

    @api.get(
        "/api/television/live",
        responses=STREAM | refusals(401, 404),
        response_class=StreamingResponse,
        name="television_live",
    )
    async def television_live(caller: Annotated[Caller, anybody], zone: ZoneId = "") -> Any:
        picture = site.adapter.television(of(zone))
        return site.live.stream(
            f"television/{zone}" if zone else "television",
            picture,
            site.still(caller),
            PACE,
            owner=caller.account.owns_page,
        )

    @api.get("/media/{name}", include_in_schema=False)
    async def medium(name: str, caller: Annotated[Caller, anybody]) -> Response:
        found = site.media.get(name)
        if found is None or not found.path.is_file():
            raise site.problem(404, "not_found")
        headers = {"cache-control": "private, max-age=86400"}
        return FileResponse(found.path, media_type=found.kind.type, headers=headers)

    return api
