"""For a counter: its keys, and what its keypad shows."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from typing import Annotated, Any

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from controller.lobby.actions.press import Where
from controller.web.bodies import Done, KeyPress
from controller.web.operations import STREAM, IdempotencyKey, View, at_work, done, known, refusals
from controller.web.pages import Page
from controller.web.site import Caller, Site

PACE = 0.1
"""Seconds between two pictures."""


def _counter(site: Site, request: Request) -> dict[str, str]:
    counter = str(request.path_params["counter"])
    if counter not in site.rules.counters:
        raise site.problem(404, "not_found")  # the way home of an account of this counter would lead here again
    return {"counter": counter}


PAGES = (
    Page(
        "counter",
        "/counter/{counter}",
        may=lambda account, data: account.works_at(data["counter"]),
        data=_counter,
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

    @api.get("/api/counters/{counter}", responses=refusals(401, 403, 404), summary="What a counter's keypad shows")
    async def counter(counter: str, caller: Annotated[Caller, worker]) -> View:
        place = known(site, counter)
        await site.settled()
        return site.adapter.counter(place.id)()

    @api.get(
        "/api/counters/{counter}/live", responses=STREAM | refusals(401, 403, 404), response_class=StreamingResponse
    )
    async def counter_live(counter: str, caller: Annotated[Caller, worker]) -> Any:
        place = known(site, counter)
        return site.live.stream(
            f"counter/{counter}",
            site.adapter.counter(place.id),
            site.still(caller),
            PACE,
            owner=caller.account.owns_page,
        )

    return api
