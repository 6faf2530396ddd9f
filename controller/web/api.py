"""The HTTP API: the commands that keys and buttons give, and the views that displays show.

Described by itself at `/api/openapi.json`. Refusals are problem details (RFC 9457). A request that changes something
may carry an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): sent again with it, it acts once and gets
the same answer, also after a restart.
"""

# Annotations are not put off here: FastAPI reads them, and some name what is known inside of a function only.
import logging
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.responses import StreamingResponse

from controller import keys
from controller.lobby.actions.take_ticket import APPOINTMENT, SELF_SERVICE, TakeTicket
from controller.lobby.answers import Answer
from controller.lobby.model.rules import Counter
from controller.lobby.show import explain, views
from controller.web.access import Account
from controller.web.bodies import (
    Done,
    KeyPress,
    PanelPress,
    Report,
    Session,
    SignIn,
    Take,
    Taken,
    Why,
)
from controller.web.roles import HAVE_PAGES
from controller.web.site import COOKIE, Caller, Problem, Site

log = logging.getLogger(__name__)

PACE = {"television": 0.2, "console": 0.5, "kiosk": 0.5, "counter": 0.1, "ticket": 1.0}
"""Seconds between two pictures of a scene."""
BRANCH_PAGES = 100
"""Pages that the branch's own people and screens can always open, however many customers look at theirs."""


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
"""Of an operation that asks nobody who they are."""

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: hello {build}, with {page} of a device's; view (as the operation without "
        "/live), ping, end {reason}.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

IdempotencyKey = Annotated[str, Header(pattern=r"^[A-Za-z0-9_-]{8,64}$", alias="Idempotency-Key")]
"""The key of a request that is sent again. (As a part of a union it would be taken for a query's parameter.)"""


def allowed(site: Site, may: Callable[[Account], bool]) -> Any:
    """What an operation depends on that is for those who may alone; it gives who asks."""

    async def dependency(request: Request) -> Caller:
        return site.must_be(request, may)

    return Depends(dependency)


def make_api(site: Site) -> APIRouter:
    """The API of a branch."""
    api = APIRouter(prefix="/api")

    anybody = allowed(site, lambda account: True)
    manager = allowed(site, lambda account: account.is_one_of())
    taker = allowed(site, lambda account: account.is_one_of("kiosk"))

    async def who_works_at(counter: str, request: Request) -> Caller:
        return site.must_be(request, lambda account: account.works_at(counter))

    worker = Depends(who_works_at)
    device = allowed(site, lambda account: account.role in HAVE_PAGES)

    def session_of(account: Account, session: str) -> Session:
        return Session(
            name=account.name,
            role=account.role,
            counter=account.counter,
            csrf=site.accounts.csrf(session) if session else "",
            home=site.home(account),
        )

    # -- sessions --------------------------------------------------------------------------------------------

    @api.post("/session", responses=refusals(401, 429), summary="Sign in", openapi_extra=PUBLIC)
    async def sign_in(content: SignIn, request: Request, response: Response) -> Session:
        address = site.address(request)
        account: Account | None
        if content.token:
            account = site.accounts.by_token(content.token)
            if account is None:
                raise site.problem(401, "wrong_token")
        else:
            account = await site.check_pin(content.name, content.pin, address)
        # A device that comes again goes on with the same session, so that no other tab of it loses its own.
        session = request.cookies.get(COOKIE, "") if content.token else ""
        present = site.accounts.of_session(session) if session else None
        if present and present.name == account.name:
            return session_of(account, session)
        session, lasts = site.accounts.begin(account)
        site.remember(request, response, session, lasts)
        log.info("%s (%s) has signed in from %s", account.name, account.role, address)
        return session_of(account, session)

    @api.get("/session", responses=refusals(401), summary="Who is signed in")
    async def session(caller: Annotated[Caller, anybody]) -> Session:
        return session_of(caller.account, caller.session)

    @api.delete("/session", responses=refusals(401, 403), status_code=204, summary="Sign out")
    async def sign_out(caller: Annotated[Caller, anybody], request: Request, response: Response) -> None:
        if caller.session:
            site.accounts.end(caller.session)
            log.info("%s (%s) has signed out from %s", caller.account.name, caller.account.role, site.address(request))
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")

    # -- commands --------------------------------------------------------------------------------------------

    @api.post("/counters/{counter}/keys", responses=refusals(401, 403, 404, 409), summary="Press a key at a counter")
    async def press_key(
        counter: str, content: KeyPress, caller: Annotated[Caller, worker], idempotency_key: IdempotencyKey = ""
    ) -> Done:
        place = known(counter)
        about = {"counter": counter, **content.model_dump()}
        answer = await site.do(
            caller,
            idempotency_key,
            about,
            lambda at, cause: keys.at_counter(content.key, content.digits, place.id, at, cause),
        )
        return done(answer)

    @api.post("/panel", responses=refusals(401, 403, 409), summary="Press one of the lobby manager's buttons")
    async def press_panel(
        content: PanelPress, caller: Annotated[Caller, manager], idempotency_key: IdempotencyKey = ""
    ) -> Done:
        reason, remark = keys.reason_and_remark(content.reason)
        answer = await site.do(
            caller,
            idempotency_key,
            content.model_dump(),
            lambda at, cause: keys.at_panel(
                content.key,
                f"user/{caller.account.name}",
                at,
                cause,
                ticket=content.ticket,
                service=content.service,
                counter=content.counter,
                reason=reason,
                paper=site.post.lobby.paper(),
                screen=True,
            ),
            remark,
        )
        return done(answer)

    @api.post("/tickets", responses=refusals(401, 403, 409), summary="Take a ticket")
    async def take(content: Take, caller: Annotated[Caller, taker], idempotency_key: IdempotencyKey = "") -> Taken:
        usual = ("", site.rules.default_class, *([APPOINTMENT] if content.slot else []))
        if caller.account.role == "kiosk" and content.klass not in usual:
            # Nobody gives themselves privilege at a touch screen.
            raise Problem(403, "class_is_granted", site.say("refused.class_is_granted"))
        answer = await site.do(
            caller,
            idempotency_key,
            content.model_dump(),
            lambda at, cause: TakeTicket(
                at=at,
                cause=cause,
                by=f"user/{caller.account.name}",
                service=content.service,
                klass=content.klass,
                paper=site.post.lobby.paper(),
                screen=True,
                asks=True,
                choice=content.choice,
                insist=content.insist,
                form=content.form,
                needs=tuple(content.needs),
                slot=content.slot,
            ),
        )
        state = site.post.state
        ticket = state.tickets.get(answer.ticket)
        told = views.in_minutes(ticket.expected) if ticket and ticket.expected else None
        return Taken(
            **done(answer).model_dump(),
            advice=answer.code == SELF_SERVICE,
            page=f"/t/{site.accounts.page(state.day, answer.ticket)}" if answer.ticket else "",
            ahead=views.ahead_of(state, site.rules, ticket, ticket.issued_at) if ticket else 0,
            wait=views.in_words(site.rules, told),
        )

    @api.post(
        "/reports",
        responses=refusals(401, 403, 404, 429),
        status_code=204,
        summary="Tell how a device's open page does",
    )
    async def report(content: Report, caller: Annotated[Caller, device]) -> None:
        name = caller.account.name
        if wait := site.page_health.must_wait(name):
            raise Problem(429, "too_many_reports", site.say("http.too_many_reports", seconds=wait), wait)
        if not site.page_health.report(name, content.page, content.state):
            raise site.problem(404, "not_open")

    # -- views -----------------------------------------------------------------------------------------------

    def known(counter: str) -> Counter:
        if counter not in site.rules.counters:
            raise Problem(404, "unknown_counter", site.say("refused.unknown_counter", counter=counter))
        return site.rules.counters[counter]

    def show(name: str, picture: Callable[[], View], who: Any, statuses: tuple[int, ...], summary: str) -> None:
        """A view, and the same live."""

        @api.get(f"/{name}", responses=refusals(*statuses), summary=summary, name=name)
        async def view(caller: Annotated[Caller, who]) -> View:
            await site.settled()
            return picture()

        @api.get(
            f"/{name}/live",
            responses=STREAM | refusals(*statuses),
            response_class=StreamingResponse,
            name=f"{name}_live",
        )
        async def live(caller: Annotated[Caller, who]) -> Any:
            return site.live.stream(name, picture, site.still(caller), PACE[name], owner=site.owner(caller.account))

    show("television", site.post.television, anybody, (401,), "The calls, who is next, how long it takes")
    show("kiosk", site.post.kiosk, taker, (401, 403), "What there is to take")
    show("console", site.post.console, manager, (401, 403), "All that the lobby manager acts on")

    @api.get("/counters/{counter}", responses=refusals(401, 403, 404), summary="What a counter's keypad shows")
    async def counter(counter: str, caller: Annotated[Caller, worker]) -> View:
        place = known(counter)
        await site.settled()
        return site.post.counter(place)()

    @api.get("/counters/{counter}/live", responses=STREAM | refusals(401, 403, 404), response_class=StreamingResponse)
    async def counter_live(counter: str, caller: Annotated[Caller, worker]) -> Any:
        place = known(counter)
        return site.live.stream(
            f"counter/{counter}",
            site.post.counter(place),
            site.still(caller),
            PACE["counter"],
            owner=site.owner(caller.account),
        )

    @api.get("/tickets/{ticket}/why", responses=refusals(401, 403, 404), summary="Why a ticket is not next")
    async def why(ticket: str, caller: Annotated[Caller, manager]) -> Why:
        await site.settled()
        found = explain.ticket(site.post.state, site.rules, ticket, site.post.lobby.now())
        if not found.ticket:
            raise Problem(404, "unknown_ticket", found.text)
        table = [
            {
                "ticket": line.ticket,
                "service": line.service,
                "class": line.klass,
                "came": line.came,
                "counts": line.counts,
            }
            for line in found.table
        ]
        return Why(ticket=found.ticket, text=found.text, table=table)

    @api.get(
        "/pages/{page}",
        responses=refusals(404),
        summary="Where a customer's own ticket stands",
        openapi_extra=PUBLIC,
    )
    async def page(page: str) -> View:
        await site.settled()
        picture = site.post.ticket(site.post.state.day, site.page_of(page))()
        if picture is None:
            raise site.problem(404, "no_page")
        return picture

    @api.get(
        "/pages/{page}/live",
        responses=STREAM | refusals(404),
        response_class=StreamingResponse,
        openapi_extra=PUBLIC,
    )
    async def page_live(page: str) -> Any:
        await site.settled()
        ticket, day = site.page_of(page), site.post.state.day
        return site.live.stream(
            f"ticket/{day}/{ticket}", site.post.ticket(day, ticket), pace=PACE["ticket"], spare=BRANCH_PAGES
        )

    return api


def done(answer: Answer) -> Done:
    """An answer as clients read it."""
    return Done(result=answer.result, text=answer.text, ticket=answer.ticket, printed=answer.printed)
