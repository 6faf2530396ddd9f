"""The pages: what a page is made of, the HTML shell that all share, and the static files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from controller.web.roles import Account
from controller.web.site import Caller, Site

FILES = Path(__file__).parent / "pages"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}

Data = Mapping[str, Any]
"""The data that a page is given."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page. Its module is `pages/NAME.js`, its style sheet `pages/NAME.css` if there is one; its title is the
    wording's `page.title.NAME`, its sentences are `page.NAME.` with "_" for "-".

    `may`: who may open it, given its data; None: everybody, without signing in. `data`: its data for a request; may
    raise Problem; a `language` in it is the page's, in place of the branch's. `words`: prefixes of the keys of other
    sentences that it uses. `everywhere`: it has them in every language, so that it can turn to another.
    """

    name: str
    path: str
    may: Callable[[Account, Data], bool] | None = None
    data: Callable[[Site, Request], Data] = lambda site, request: {}
    words: tuple[str, ...] = ()
    everywhere: bool = False

    def words_of(self, templates: Mapping[str, str]) -> dict[str, str]:
        """Its sentences: its own, those of all pages and their titles, and `words`. No others are sent."""
        begins = ("page.title.", f"page.{self.name.replace('-', '_')}.", *self.words)
        common = {key for key in templates if key.startswith("page.") and key.count(".") == 1}
        return {key: text for key, text in templates.items() if key in common or key.startswith(begins)}


class Files:
    """The static files, read once. `build` changes with any of them."""

    def __init__(self, *more: str) -> None:
        paths = sorted(path for path in FILES.iterdir() if path.suffix in TYPES)
        self._files = {path.name: (path.read_bytes(), TYPES[path.suffix]) for path in paths}
        self.shell = (FILES / "shell.html").read_text("utf-8")
        content = b"".join(content for content, _ in self._files.values()) + "".join((self.shell, *more)).encode()
        self.build = hashlib.sha256(content).hexdigest()[:12]

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def answer(self, name: str, request: Request) -> Response:
        """A file, or 304 if the browser's copy is current."""
        if name not in self._files:
            return Response(status_code=404)
        content, kind = self._files[name]
        headers = {"etag": f'"{self.build}"', "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)


class Shell:
    """The HTML of every page: it holds the page's data, and links its files."""

    def __init__(self, site: Site, files: Files) -> None:
        self._site, self._files = site, files
        # Strict: a placeholder without a value must be an error, not an empty text.
        self._html = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(files.shell)

    def draw(self, page: Page, data: Data, caller: Caller | None = None) -> Response:
        """A page as it is sent to a caller."""
        site = self._site
        language = data.get("language") or site.settings.language
        rules = site.rules.spoken(language)
        account = None
        if caller:
            data = {
                "services": [{"id": service.id, "name": service.name} for service in site.rules.services.values()],
                "classes": [{"id": klass.id, "name": klass.name} for klass in site.rules.classes.values()],
                "counters": list(site.rules.counters),
                **data,
            }
            csrf = site.accounts.csrf(caller.session) if caller.session else ""
            who = caller.account
            account = {"name": who.name, "role": who.role, "counter": who.counter, "csrf": csrf}
        words = page.words_of(rules.wording.templates)
        if page.everywhere:
            every = {id: page.words_of(spoken.wording.templates) for id, spoken in site.rules.languages.items()}
            data = {**data, "languages": every}
        text = self._html.render(
            name=page.name,
            styled=f"{page.name}.css" in self._files,
            language="zh-CN" if language == "zh" else language,
            title=f"{rules.wording.say(f'page.title.{page.name}')} · {rules.branch_name}",
            build=self._files.build,
            data={
                "language": site.settings.language,
                "timezone": str(rules.zone),
                "build": site.live.build,
                "branch": site.rules.branch_name,
                "url": site.url,
                **data,
                "pageName": page.name,
                "account": account,
                "words": words,
            },
            noscript=rules.wording.say("page.noscript"),
        )
        return HTMLResponse(text)


def make_pages(site: Site, files: Files, pages: Iterable[Page]) -> APIRouter:
    """The pages and their files; none of them is part of the API."""
    router = APIRouter(include_in_schema=False)
    shell = Shell(site, files)
    for page in pages:
        router.get(page.path, name=page.name)(_answering(site, shell, page))

    @router.get("/static/{name}")
    async def static(name: str, request: Request) -> Response:
        return files.answer(name, request)

    for route in router.routes:
        if isinstance(route, Route) and route.methods:
            route.methods.add("HEAD")  # Starlette does so for its own, FastAPI does not
    return router


def _asked(request: Request) -> str:
    """The address that was asked for, on this site."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _answering(site: Site, shell: Shell, page: Page) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        data = page.data(site, request)
        if page.may is None:
            return shell.draw(page, data)
        caller = site.caller(request)
        if caller is None or not page.may(caller.account, data):
            return RedirectResponse(f"/sign-in?next={quote(_asked(request))}", 303)
        response = shell.draw(page, data, caller)
        # A device stays signed in for as long as it is in use: its session is renewed when it loads a page.
        if caller.session and (seconds := site.accounts.renew(caller.session)):
            site.remember(request, response, caller.session, seconds)
        return response

    return answer
