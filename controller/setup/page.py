"""The questions on a page for a browser of this machine, behind a code that works once.

It is served on the loopback alone, for as long as `lobby setup --page` runs. Whoever has the code gets a cookie that
only this page gets back; a request of another site has neither it nor our name in its Host header.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

import controller.web
from controller.config import ConfigError, wording
from controller.lobby.model.wording import LANGUAGES, Wording
from controller.setup.questions import Question, usual_language
from controller.setup.session import Wishes, with_questions
from controller.web.middleware import guarded
from controller.web.problems import problem
from controller.web.server import WebServer

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
"""Host names by which browsers on this machine reach us. Any other is another site's name that resolves to us."""
COOKIE = "lobby_setup"
WRONG_CODES = 5
"""Wrong codes after which another one is made."""
LONGEST = 2000
"""Characters of an answer."""
SEEN = 10.0
"""Seconds in which an open page has fetched the last word."""
IDLE = 3600.0
"""Seconds without any request after which nobody is there."""
OURS, COMMON = Path(__file__).parent / "pages", Path(controller.web.__file__).parent / "pages"
FILES: Mapping[str, Path] = {
    "setup.js": OURS / "setup.js",
    "setup.css": OURS / "setup.css",
    "common.js": COMMON / "common.js",
    "common.css": COMMON / "common.css",
}


class Code(BaseModel):
    """The code, as it was typed."""

    model_config = ConfigDict(strict=True, extra="forbid")
    code: str


class Answer(BaseModel):
    """An answer to the question with this number."""

    model_config = ConfigDict(strict=True, extra="forbid")
    number: int
    text: str


class PageDoor:
    """A door to whoever has the page open. What was said is kept, so that a page that is loaded again has it all."""

    welcome = "welcome_page"

    def __init__(self, words: Wording) -> None:
        self.words = words
        self.number = 0
        self.is_over = False
        self._said: list[Mapping[str, Any]] = []
        self._question: Mapping[str, Any] | None = None
        self._answer: asyncio.Future[str] | None = None

    def speak(self, words: Wording) -> None:
        self.words = words

    async def ask(self, question: Question[Any], wrong: str) -> str:
        if wrong:
            self._keep("wrong", text=wrong)
        self.number += 1
        self._answer = asyncio.get_running_loop().create_future()
        self._question = {
            "number": self.number,
            "id": question.id,
            "text": question.text,
            "why": question.why,
            "default": question.default,
            "choices": [{"value": value, "label": label} for value, label in question.choices],
            "wrong": wrong,
        }
        try:
            text = await self._answer
        finally:
            self._question = self._answer = None
        label = dict(question.choices).get(text.strip() or question.default, text.strip() or question.default)
        if label:
            self._keep("answer", question=question.text, text=label)
        return text

    def answer(self, number: int, text: str) -> bool:
        """Take an answer; False: that question is not open any more."""
        if self._answer is None or self._answer.done() or number != self.number:
            return False
        self._answer.set_result(text)
        return True

    def say(self, text: str) -> None:
        self._keep("line", text=text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._keep("table", title=title, columns=list(columns), rows=[list(row) for row in rows])

    def file(self, name: str, text: str) -> None:
        self._keep("file", name=name, text=text)

    def _keep(self, kind: str, **about: object) -> None:
        self._said.append({"kind": kind, **about})

    def state(self, after: int) -> Mapping[str, Any]:
        """What has been said after so many pieces, and what is asked now."""
        return {
            "language": self.words.language,
            "said": self._said[max(0, after) :],
            "total": len(self._said),
            "question": self._question,
            "over": self.is_over,
        }


class SetupPage:
    """Serves the page. `tell` is called with what stands in the terminal."""

    def __init__(self, words: Wording, port: int, tell: Callable[[str], None]) -> None:
        self.door = PageDoor(words)
        self.entered = asyncio.Event()
        """Somebody has given the code."""
        self.over_seen = asyncio.Event()
        """The page has the last word."""
        self.used_at = time.monotonic()
        self._tell = tell
        self._code = _code()
        self._wrong = 0
        self._session = ""
        self._build = secrets.token_hex(4)
        pages = Environment(loader=FileSystemLoader(COMMON), autoescape=True, undefined=StrictUndefined)
        self._shell = pages.get_template("shell.html")
        self._web = WebServer(guarded(self._at_home), HOST, _free(port))
        self._app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/static/{name}", self._file),
                Route("/api/enter", self._enter, methods=["POST"]),
                Route("/api/state", self._state),
                Route("/api/answer", self._take, methods=["POST"]),
            ]
        )

    def tell(self) -> None:
        """Say where the page is, and its code."""
        self._tell(self.door.words.say("setup.page.told", address=f"{self._web.address}/", code=self._code))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve it for as long as the context lasts."""
        task = asyncio.create_task(self._web.run(), name="setup page")
        try:
            await self._web.settled.wait()
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _at_home(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        name = host.rpartition(":")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if (name[0] or name[2]) not in NAMES or origin not in ("", f"http://{host}"):
            await problem(421, "not_here", "this page is for a browser on this machine")(scope, receive, send)
            return
        self.used_at = time.monotonic()
        await self._app(scope, receive, send)

    # -- looking ---------------------------------------------------------------------------------------------------

    async def _page(self, request: Request) -> Response:
        words = self.door.words
        spoken = {language: _words_of(wording(language)) for language in LANGUAGES}
        text = self._shell.render(
            language="zh-CN" if words.language == "zh" else words.language,
            title=words.say("setup.page.title"),
            noscript=words.say("page.noscript"),
            name="setup",
            styled=True,
            build=self._build,
            data={
                "build": self._build,
                "language": words.language,
                "languages": spoken,
                "words": spoken[words.language],
                "entered": self._is_ours(request),
                "taken": self.entered.is_set(),
            },
        )
        return HTMLResponse(text)

    async def _file(self, request: Request) -> Response:
        path = FILES.get(request.path_params["name"])
        return FileResponse(path) if path else problem(404, "not_found", "there is no such file")

    async def _state(self, request: Request) -> Response:
        if not self._is_ours(request):
            return self._stranger()
        after = request.query_params.get("after", "0")
        if self.door.is_over:
            self.over_seen.set()
        return JSONResponse(self.door.state(int(after) if after.isdecimal() and len(after) < 9 else 0))

    # -- doing -----------------------------------------------------------------------------------------------------

    async def _enter(self, request: Request) -> Response:
        said = await _body(request, Code)
        if isinstance(said, Response):
            return said
        if self.entered.is_set():
            return problem(403, "used", self.door.words.say("setup.page.used"))
        typed = "".join(filter(str.isdigit, said.code))
        if not hmac.compare_digest(typed.encode(), self._code.replace(" ", "").encode()):
            self._wrong += 1
            if self._wrong % WRONG_CODES == 0:
                self._code = _code()
                self.tell()
            return problem(403, "wrong_code", self.door.words.say("setup.page.wrong_code"))
        self._session = secrets.token_urlsafe(32)
        self.entered.set()
        response = JSONResponse({})
        response.set_cookie(COOKIE, self._session, httponly=True, samesite="strict", path="/")
        return response

    async def _take(self, request: Request) -> Response:
        if not self._is_ours(request):
            return self._stranger()
        said = await _body(request, Answer)
        if isinstance(said, Response):
            return said
        if not self.door.answer(said.number, said.text[:LONGEST]):
            return problem(409, "answered", self.door.words.say("setup.page.other"))
        return JSONResponse({})

    def _is_ours(self, request: Request) -> bool:
        given = request.cookies.get(COOKIE, "")
        return bool(self._session) and hmac.compare_digest(given.encode(), self._session.encode())

    def _stranger(self) -> Response:
        return problem(401, "code", self.door.words.say("setup.page.code_why"))


async def _body(request: Request, kind: type[Any]) -> Any:
    """The body of a request of ours: a form of another site could not send JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return problem(415, "unreadable", "it takes JSON")
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError:
        return problem(422, "unreadable", "it takes what the page sends")


def _words_of(words: Wording) -> Mapping[str, str]:
    """The sentences of the page itself."""
    return {
        key: text
        for key, text in words.templates.items()
        if key.startswith("setup.page.") or (key.startswith("page.") and key.count(".") == 1)
    }


def _code() -> str:
    digits = f"{secrets.randbelow(10**8):08d}"
    return f"{digits[:4]} {digits[4:]}"


def _free(wanted: int) -> int:
    """The port, or any free one if another program has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def serve(wishes: Wishes, port: int, environment: Mapping[str, str], tell: Callable[[str], None]) -> bool:
    """Serve the page until everything is done, or nobody is there any more. False: nothing was written."""
    logging.getLogger("controller.web.server").setLevel(logging.WARNING)
    page = SetupPage(wording(usual_language(environment)), port, tell)
    async with page.serving():
        page.tell()
        work = asyncio.create_task(_work(page, wishes), name="setup")
        try:
            while not work.done():
                await asyncio.wait((work,), timeout=IDLE / 60)
                if time.monotonic() - page.used_at > IDLE:
                    tell(page.door.words.say("setup.page.idle"))
                    return False
            done = work.result()
            try:
                async with asyncio.timeout(SEEN):
                    await page.over_seen.wait()
            except TimeoutError:
                pass  # it was closed before the end
            return done
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


async def _work(page: SetupPage, wishes: Wishes) -> bool:
    await page.entered.wait()
    try:
        return await with_questions(page.door, wishes, page.door.words.language)
    except (ConfigError, OSError) as error:
        page.door.say(str(error))
        page._tell(str(error))
        return False
    finally:
        page.door.is_over = True
