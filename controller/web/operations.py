"""What the operations of the API are made of: who may use them, their refusals, and a view with its live stream.

Described by itself at `/api/openapi.json`. Refusals are problem details (RFC 9457). A request that changes something
may carry an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): sent again with it, it acts once and gets
the same answer, also after a restart.
"""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import StreamingResponse

from controller.lobby.answers import Answer
from controller.lobby.model.rules import Counter
from controller.web.bodies import Done
from controller.web.problems import Problem
from controller.web.roles import Account
from controller.web.site import Caller, Site

View = dict[str, Any]


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may answer with, besides those of every request."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {
        status: {"description": _REFUSALS[status], "content": content, "model": None}
        for status in (*statuses, 408, 413, 422, 500, 503)
    }


_REFUSALS = {
    401: "not signed in",
    403: "this account may not do this, or the request is not from a page of ours",
    404: "there is no such thing",
    408: "the body did not come in time",
    409: "refused by the lobby's rules",
    413: "the body is too long",
    422: "the request cannot be read",
    429: "too many tries",
    500: "a fault of the controller's; its log says why",
    503: "nothing can be recorded at the moment, or too many ask at once",
}

PUBLIC: dict[str, Any] = {"security": []}
"""For an operation that needs no sign-in."""

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: hello {build}, with {page} of a device's; view (as the operation without "
        "/live), ping, end {reason}.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

IdempotencyKey = Annotated[str, Header(pattern=r"^[A-Za-z0-9_-]{8,64}$", alias="Idempotency-Key")]
"""The key of a request that is sent again. (As a part of a union it would be taken for a query's parameter.)"""


def allowed(site: Site, may: Callable[[Account], bool] = lambda account: True) -> Any:
    """A dependency that allows an operation only to accounts that `may`; it gives the caller."""

    async def dependency(request: Request) -> Caller:
        return site.must_be(request, may)

    return Depends(dependency)


def at_work(site: Site) -> Any:
    """The same for an operation at a counter: only for accounts that work there."""

    async def dependency(counter: str, request: Request) -> Caller:
        return site.must_be(request, lambda account: account.works_at(counter))

    return Depends(dependency)


def known(site: Site, counter: str) -> Counter:
    """A counter of the branch. Raises Problem 404."""
    if counter not in site.rules.counters:
        raise Problem(404, "unknown_counter", site.say("refused.unknown_counter", counter=counter))
    return site.rules.counters[counter]


def counter_of_page(site: Site, request: Request) -> dict[str, str]:
    """What a page of a counter knows. Raises Problem 404: the way home of its account would lead there again."""
    counter = str(request.path_params["counter"])
    if counter not in site.rules.counters:
        raise site.problem(404, "not_found")
    return {"counter": counter}


def done(answer: Answer) -> Done:
    """An answer as a response body."""
    return Done(result=answer.result, text=answer.text, ticket=answer.ticket, printed=answer.printed)


def show(
    api: APIRouter,
    site: Site,
    name: str,
    picture: Callable[[], View],
    *,
    who: Any,
    pace: float,
    refused: tuple[int, ...],
    summary: str,
    variant: Callable[[Caller], tuple[str, Callable[[], View]]] | None = None,
) -> None:
    """Adds a view and its live stream; `pace`: seconds between two pictures, `refused`: the statuses of refusals.
    `variant`: where callers are shown different ones, the name of a caller's (empty: none of its own) and the view."""

    def of(caller: Caller) -> tuple[str, Callable[[], View]]:
        kind, shown = variant(caller) if variant else ("", picture)
        return (f"{name}/{kind}" if kind else name), shown

    @api.get(f"/api/{name}", responses=refusals(*refused), summary=summary, name=name)
    async def view(caller: Annotated[Caller, who]) -> View:
        await site.settled()
        return of(caller)[1]()

    @api.get(
        f"/api/{name}/live",
        responses=STREAM | refusals(*refused),
        response_class=StreamingResponse,
        name=f"{name}_live",
    )
    async def live(caller: Annotated[Caller, who]) -> Any:
        key, shown = of(caller)
        return site.live.stream(key, shown, site.still(caller), pace, owner=caller.account.owns_page)


def show_at_counter(
    api: APIRouter,
    site: Site,
    name: str,
    picture: Callable[[str], Callable[[], View]],
    *,
    who: Any,
    pace: float,
    summary: str,
) -> None:
    """The same for a view of each counter; `picture`: of the counter with this id."""
    refused = refusals(401, 403, 404)

    @api.get(f"/api/{name}s/{{counter}}", responses=refused, summary=summary, name=name)
    async def view(counter: str, caller: Annotated[Caller, who]) -> View:
        place = known(site, counter)
        await site.settled()
        return picture(place.id)()

    @api.get(
        f"/api/{name}s/{{counter}}/live",
        responses=STREAM | refused,
        response_class=StreamingResponse,
        name=f"{name}_live",
    )
    async def live(counter: str, caller: Annotated[Caller, who]) -> Any:
        shown = picture(known(site, counter).id)
        return site.live.stream(f"{name}/{counter}", shown, site.still(caller), pace, owner=caller.account.owns_page)
