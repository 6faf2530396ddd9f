"""The application that the server serves: pages, API, metrics, health, and how refusals go out."""

# No postponed annotations here: FastAPI reads them, and some name what is known only inside a function.
import asyncio
import logging
import math
import time
from collections.abc import Collection, Sequence
from ipaddress import ip_address
from typing import Annotated, Any, Self

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route

from controller.config import Settings
from controller.devices.hub import Hub
from controller.web import routes
from controller.web.accounts import Accounts
from controller.web.adapter import PagesAdapter
from controller.web.asgi import App
from controller.web.bodies import ProblemDetails
from controller.web.commands import Ask
from controller.web.live import Live
from controller.web.media import Media
from controller.web.middleware import guarded
from controller.web.operations import allowed
from controller.web.pages import Files, make_pages
from controller.web.private_files import AccessError
from controller.web.problems import Problem, problem
from controller.web.server import WebServer
from controller.web.site import COOKIE, Caller, Examine, Site

log = logging.getLogger(__name__)

TELL_AGAIN = 600.0
"""Seconds between two log lines that the accounts cannot be used."""


def _spoken(settings: Settings) -> Collection[str]:
    """The zones whose calls a device speaks. Only one thing speaks in a place, rather a device than a television: it
    keeps quiet hours, and its failures are noticed."""
    return {getattr(device, "zone", "") for device in settings.devices if device.speaks}


class Screens:
    """Serves the pages of a running branch. `served` is set once they are served, or the port is found taken."""

    @classmethod
    async def make(cls, settings: Settings, accounts: Accounts, hub: Hub, ask: Ask, examine: Examine) -> Self:
        """Build it; what takes long is done in a thread, so that no press waits for it."""
        accounts.hurry()
        files = await asyncio.to_thread(Files, *settings.rules.wording.templates.values())
        live = Live(files.build, hub.context.settled)
        adapter = PagesAdapter(hub.context, live, spoken=_spoken(settings), media=Media(settings.television.media))
        hub.add(adapter)
        site = Site(settings, accounts, adapter, live, ask, examine)
        app = await asyncio.to_thread(make_app, site, files)
        return cls(site, app)

    def __init__(self, site: Site, app: App) -> None:
        web, live = site.settings.web, site.live
        assert web
        self._site = site
        self._live, self._media = live, site.media
        self.server = WebServer(
            app,
            web.host,
            web.port,
            closing=live.close,
            knows=site.knows,
            certificate=web.certificate,
            key=web.key,
        )
        live.cut = self.server.cut
        self.served = self.server.settled
        if not ip_address(web.host).is_loopback and not web.certificate:
            log.warning(
                "the screens are open to the network at %s, unencrypted: PINs and tokens can be read on the way; set "
                "certificate and key in [web]",
                self.server.address,
            )

    def reconfigured(self, settings: Settings) -> None:
        """The branch's rules or devices are others now: open pages load themselves again."""
        self._site.adapter.spoken = _spoken(settings)
        self._live.begin_again()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.server.run(), name="web server")
            group.create_task(self._live.run(), name="open pages")
            group.create_task(self._media.run(self._live.changed), name="media")


def make_app(site: Site, files: Files) -> App:
    """The ASGI application of a site."""
    app = FastAPI(title="Lobby", version="1", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    modules = list(routes.modules())
    parts = [module.router(site) for module in modules if hasattr(module, "router")]
    parts.append(make_pages(site, files, routes.pages().values()))
    for part in parts:
        app.include_router(part)
    described = b""

    @app.get("/api/openapi.json", include_in_schema=False)
    async def openapi(caller: Annotated[Caller, allowed(site)]) -> Response:
        return Response(described, media_type="application/json")

    _refuse(app, site, [route for part in parts for route in part.routes])
    described = bytes(JSONResponse(describe(app)).body)
    return guarded(app)


def _refuse(app: FastAPI, site: Site, known: Sequence[BaseRoute]) -> None:
    """Send every refusal as problem details; `known`: the routes, besides the application's own."""
    told_at = -math.inf

    @app.exception_handler(Problem)
    async def refused(request: Request, error: Problem) -> JSONResponse:
        return error.answer()

    @app.exception_handler(AccessError)
    async def no_accounts(request: Request, error: AccessError) -> JSONResponse:
        nonlocal told_at
        if (now := time.monotonic()) - told_at > TELL_AGAIN:  # every open page keeps asking
            log.error("%s", error)
            told_at = now
        return problem(503, "accounts", site.say("http.accounts"), {"Retry-After": "1"})

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        where = ", ".join(".".join(str(part) for part in each["loc"]) for each in error.errors()[:5])
        return problem(422, "unreadable", site.say("http.unreadable", where=where[:200]))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "not_allowed"}.get(error.status_code, "unreadable")
        # A body that is no JSON at all is a 400 of FastAPI's where it is not even text: one status for both.
        status = 422 if error.status_code == 400 else error.status_code
        headers = dict(error.headers or {})
        if error.status_code == 405:  # Starlette names the methods of the first route alone
            found = (route for route in (*known, *app.routes) if isinstance(route, Route))
            fits = (route.methods or () for route in found if route.matches(request.scope)[0] is not Match.NONE)
            headers["Allow"] = ", ".join(sorted({method for methods in fits for method in methods}))
        return problem(status, code, site.say(f"http.{code}", where=request.method), headers)


def describe(app: FastAPI) -> dict[str, Any]:
    """The API's OpenAPI description."""
    found = get_openapi(
        title="Lobby controller",
        version="1",
        summary="A bank branch's lobby: tickets, counters, the lobby manager's buttons, and what displays show.",
        routes=app.routes,
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    found["components"]["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        "token": {"type": "http", "scheme": "bearer"},
    }
    found["security"] = [{"session": []}, {"token": []}]
    return found
