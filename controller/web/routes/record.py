"""For the lobby manager: the day's record, and its keys."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from typing import Annotated

from fastapi import APIRouter

from controller.lobby.actions.press import Where
from controller.web.bodies import Done, RecordPress
from controller.web.operations import IdempotencyKey, allowed, done, refusals, show
from controller.web.pages import Page
from controller.web.site import Caller, Site

PAGES = (
    Page(
        "record",
        "/record",
        may=lambda account, data: account.is_one_of(),
    ),
)


def router(site: Site) -> APIRouter:
    api = APIRouter()
    manager = allowed(site, lambda account: account.is_one_of())

    @api.post("/api/record", responses=refusals(401, 403, 409), summary="Press one of the keys of the day's record")
    async def press_record(
        content: RecordPress, caller: Annotated[Caller, manager], idempotency_key: IdempotencyKey = ""
    ) -> Done:
        by = f"user/{caller.account.name}"
        return done(await site.press(caller, idempotency_key, Where.RECORD, content.key, content, by=by))

    show(
        api,
        site,
        "record",
        site.adapter.record,
        who=manager,
        pace=1.0,
        refused=(401, 403),
        summary="The day's record: repairs, alarms, and what else is kept of the day beside the tickets",
    )

    return api
