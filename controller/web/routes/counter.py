"""For a counter: its keys, and what its keypad shows."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from typing import Annotated

from fastapi import APIRouter, Request

from controller.lobby.actions.press import Where
from controller.record.actions.complaints import ComplaintSettings
from controller.web.bodies import Done, KeyPress
from controller.web.operations import IdempotencyKey, at_work, counter_of_page, done, known, refusals, show_at_counter
from controller.web.pages import Data, Page
from controller.web.site import Caller, Site

PACE = 0.1
"""Seconds between two pictures."""


def _data(site: Site, request: Request) -> Data:
    """The counter, and what a complaint may be about."""
    settings = site.adapter.context.facts().of(ComplaintSettings)
    causes = [{"id": id, "name": settings.name_of(id, site.rules)} for id in settings.causes]
    return {**counter_of_page(site, request), "causes": causes}


PAGES = (
    Page(
        "counter",
        "/counter/{counter}",
        may=lambda account, data: account.works_at(data["counter"]),
        data=_data,
        words=("needs.",),
    ),
)


def router(site: Site) -> APIRouter:
    api = APIRouter()
    worker = at_work(site)

    @api.post(
        "/api/counters/{counter}/keys", responses=refusals(401, 403, 404, 409), summary="Press a key at a counter"
    )
    async def press_key(
        counter: str, content: KeyPress, caller: Annotated[Caller, worker], idempotency_key: IdempotencyKey = ""
    ) -> Done:
        place = known(site, counter)
        answer = await site.press(
            caller, idempotency_key, Where.COUNTER, content.key, content, {"counter": counter}, counter=place.id
        )
        return done(answer)

    show_at_counter(
        api, site, "counter", site.adapter.counter, who=worker, pace=PACE, summary="What a counter's keypad shows"
    )
    return api
