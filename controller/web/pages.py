"""The pages themselves: one shell of HTML for all of them, and files that come with the program."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import qrcode
import qrcode.image.svg
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from controller.web.access import Account
from controller.web.site import Caller, Site

FILES = Path(__file__).parent / "pages"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
BESIDES: Mapping[str, tuple[str, ...]] = {
    "console": ("needs.", "reason.", "wait."),
    "counter": ("needs.",),
    "kiosk": ("needs.", "wait."),
    "tv": ("voice.",),
}
"""What a page says beside its own words, by the beginning of its key."""


class Files:
    """What is served as it stands, read once. `build` changes with any of it."""

    def __init__(self, *more: str) -> None:
        paths = sorted(path for path in FILES.iterdir() if path.suffix in TYPES)
        self._files = {path.name: (path.read_bytes(), TYPES[path.suffix]) for path in paths}
        self.shell = (FILES / "shell.html").read_text("utf-8")
        content = b"".join(content for content, _ in self._files.values()) + "".join((self.shell, *more)).encode()
        self.build = hashlib.sha256(content).hexdigest()[:12]

    def answer(self, name: str, request: Request) -> Response:
        """A file, or that the browser's is still right."""
        if name not in self._files:
            return Response(status_code=404)
        content, kind = self._files[name]
        headers = {"etag": f'"{self.build}"', "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)


def make_pages(site: Site, files: Files) -> APIRouter:
    """The pages of a branch; none of them is part of the API."""
    router = APIRouter(include_in_schema=False)
    # Strict: a blank that nobody fills must not go out as an empty one.
    shell = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(files.shell)
    rules, language, templates = site.rules, site.settings.language, site.rules.wording.templates
    common = {
        "language": language,
        "timezone": str(rules.zone),
        "build": files.build,
        "branch": rules.branch_name,
        "url": site.url,
    }
    inside = {
        "services": [{"id": service.id, "name": service.name} for service in rules.services.values()],
        "classes": [{"id": klass.id, "name": klass.name} for klass in rules.classes.values()],
        "counters": list(rules.counters),
    }
    """For those who are signed in."""

    def draw(name: str, caller: Caller | None = None, **more: Any) -> Response:
        account = None
        if caller:
            more = {**inside, **more}
            csrf = site.accounts.csrf(caller.session) if caller.session else ""
            who = caller.account
            account = {"name": who.name, "role": who.role, "counter": who.counter, "csrf": csrf}
        title = f"{site.say(f'page.title.{name}')} · {rules.branch_name}"
        text = shell.render(
            name=name,
            language="zh-CN" if language == "zh" else language,
            title=title,
            build=files.build,
            data={**common, **more, "pageName": name, "account": account, "words": words_of(name, templates)},
            noscript=site.say("page.noscript"),
        )
        return HTMLResponse(text)

    def private(request: Request, name: str, may: Callable[[Account], bool], **more: Any) -> Response:
        caller = site.caller(request)
        if caller is None or not may(caller.account):
            return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)
        response = draw(name, caller, **more)
        # A device stays signed in for as long as it is in use; its pages begin here, also after a power cut.
        if caller.session and (seconds := site.accounts.renew(caller.session)):
            site.remember(request, response, caller.session, seconds)
        return response

    @router.get("/")
    async def home(request: Request) -> Response:
        caller = site.caller(request)
        if caller is None:
            return RedirectResponse("/sign-in", 303)
        return RedirectResponse(site.home(caller.account), 303)

    @router.get("/sign-in")
    async def sign_in(next: str = "") -> Response:
        # A path of ours alone: browsers take "//x", and "/" and "/x" with a tab between, for another site.
        return draw("sign-in", next=_ours(next))

    @router.get("/enter")
    async def enter(next: str = "") -> Response:
        return draw("enter", next=_ours(next))

    @router.get("/console")
    async def console(request: Request) -> Response:
        return private(request, "console", lambda account: account.is_one_of())

    @router.get("/tv")
    async def television(request: Request) -> Response:
        return private(request, "tv", lambda account: True)

    @router.get("/kiosk")
    async def kiosk(request: Request) -> Response:
        return private(request, "kiosk", lambda account: account.is_one_of("kiosk"))

    @router.get("/counter/{counter}")
    async def counter(counter: str, request: Request) -> Response:
        if counter not in rules.counters:
            raise site.problem(404, "not_found")  # the way home of an account of this counter would lead here again
        return private(request, "counter", lambda account: account.works_at(counter), counter=counter)

    @router.get("/t/{page}")
    async def ticket(page: str) -> Response:
        return draw("ticket", ticketPage=page[:64])

    @router.get("/t/{page}/qr.svg")
    async def qr(page: str, request: Request) -> Response:
        # For those who give out tickets: whoever has the page's address needs no picture of it.
        site.must_be(request, lambda account: account.is_one_of("kiosk"))
        await site.settled()
        site.page_of(page)
        if not site.url:
            raise site.problem(404, "not_found")  # a phone could not come here
        picture = await asyncio.to_thread(_qr, f"{site.url}/t/{page}")
        return Response(picture, media_type="image/svg+xml")

    @router.get("/static/{name}")
    async def static(name: str, request: Request) -> Response:
        return files.answer(name, request)

    for route in router.routes:
        if isinstance(route, Route) and route.methods:
            route.methods.add("HEAD")  # Starlette does so for its own, FastAPI does not
    return router


def words_of(name: str, templates: Mapping[str, str]) -> dict[str, str]:
    """What a page says: its own words, all pages' and their titles, and `BESIDES`. A stranger learns no others."""
    begins = ("page.title.", f"page.{name.replace('-', '_')}.", *BESIDES.get(name, ()))
    common = {key for key in templates if key.startswith("page.") and key.count(".") == 1}
    return {key: text for key, text in templates.items() if key in common or key.startswith(begins)}


def _ours(path: str) -> str:
    """A path on this very site, to go to after signing in; empty: it is none."""
    return path if re.fullmatch(r"/(?!/)[\w.%/-]{0,200}", path) else ""


def _qr(text: str) -> bytes:
    """A QR code as SVG; takes a few milliseconds."""
    picture = io.BytesIO()
    qrcode.make(text, image_factory=qrcode.image.svg.SvgPathImage, box_size=10, border=4).save(picture)
    return picture.getvalue()
