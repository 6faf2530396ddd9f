"""For everybody: signing in and out, and the redirect to one's own page."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
import logging
import re
from typing import Annotated

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from controller.web.bodies import Session, SignIn
from controller.web.operations import PUBLIC, allowed, refusals
from controller.web.pages import Page
from controller.web.roles import Account
from controller.web.site import COOKIE, Caller, Site

log = logging.getLogger(__name__)


def _ours(site: Site, request: Request) -> dict[str, str]:
    """Where to go after signing in: a path on this very site, or empty.

    Browsers take "//x", and "/" and "/x" with a tab between, for another site.
    """
    path = request.query_params.get("next", "")
    return {"next": path if re.fullmatch(r"/(?!/)[\w.%/?&=-]{0,200}", path) else ""}


PAGES = (
    Page("sign-in", "/sign-in", data=_ours),
    Page("enter", "/enter", data=_ours),
)


def router(site: Site) -> APIRouter:
    api = APIRouter()
    anybody = allowed(site)

    def session_of(account: Account, session: str) -> Session:
        return Session(
            name=account.name,
            role=account.role,
            counter=account.counter,
            csrf=site.accounts.csrf(session) if session else "",
            home=site.home(account),
        )

    @api.get("/", include_in_schema=False)
    @api.head("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        caller = site.caller(request)
        if caller is None:
            return RedirectResponse("/sign-in", 303)
        return RedirectResponse(site.home(caller.account), 303)

    @api.post("/api/session", responses=refusals(401, 429), summary="Sign in", openapi_extra=PUBLIC)
    async def sign_in(content: SignIn, request: Request, response: Response) -> Session:
        address = site.address(request)
        account: Account | None
        if content.token:
            account = site.accounts.by_token(content.token)
            if account is None:
                raise site.problem(401, "wrong_token")
        else:
            account = await site.check_pin(content.name, content.pin, address)
        # A device that signs in again keeps its session, so that its other tabs stay signed in.
        session = request.cookies.get(COOKIE, "") if content.token else ""
        present = site.accounts.of_session(session) if session else None
        if present and present.name == account.name:
            return session_of(account, session)
        session, lasts = site.accounts.begin(account)
        site.remember(request, response, session, lasts)
        log.info("%s (%s) has signed in from %s", account.name, account.role, address)
        return session_of(account, session)

    @api.get("/api/session", responses=refusals(401), summary="Who is signed in")
    async def session(caller: Annotated[Caller, anybody]) -> Session:
        return session_of(caller.account, caller.session)

    @api.delete("/api/session", responses=refusals(401, 403), status_code=204, summary="Sign out")
    async def sign_out(caller: Annotated[Caller, anybody], request: Request, response: Response) -> None:
        if caller.session:
            site.accounts.end(caller.session)
            log.info("%s (%s) has signed out from %s", caller.account.name, caller.account.role, site.address(request))
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")

    return api
