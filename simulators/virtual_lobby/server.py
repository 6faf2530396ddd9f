"""The server of the virtual lobby: page, live view, pictures of paper, presses and knobs. On the loopback only."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

import controller.web
from controller.config import Settings
from controller.web.live import Live
from controller.web.middleware import guarded
from controller.web.problems import problem
from controller.web.server import WebServer
from simulators.branch import SimulatedBranch
from simulators.buttons import Buttons
from simulators.clock import SPEEDS, PeoplesClock
from simulators.devices.kit import NobodyAnswersError, Press, UnknownDeviceError, UnknownKeyError, UnknownKnobError
from simulators.virtual_lobby.hands import Hands
from simulators.virtual_lobby.view import HERE, View, words

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
"""Host names by which browsers on this machine reach us. Any other is another site's name that resolves to us."""
PORT = 8079
LOOK = 0.1
"""Seconds between two looks at the far ends, which do not report changes; only while a page is open."""

OURS, COMMON = HERE / "pages", Path(controller.web.__file__).parent / "pages"
FILES: Mapping[str, Path] = {
    "lobby.js": OURS / "lobby.js",
    "lobby_time.js": OURS / "lobby_time.js",
    "lobby.css": OURS / "lobby.css",
    "common.js": COMMON / "common.js",
    "common.css": COMMON / "common.css",
}


class Turned(RootModel[dict[str, bool | int | float | str | None]]):
    """Knobs to turn, by name; what is not named stays as it is."""


class People(BaseModel):
    """Whether the simulated people are active."""

    model_config = ConfigDict(strict=True, extra="forbid")

    on: bool


class Time(BaseModel):
    """How the time runs; what is not given stays as it is."""

    model_config = ConfigDict(strict=True, extra="forbid")

    speed: Annotated[float, Field(ge=SPEEDS[0], le=SPEEDS[-1])] | None = None
    stopped: bool | None = None


B = TypeVar("B", bound=BaseModel)


class VirtualLobby:
    """Serves the page of a simulated branch, on which devices can be used and broken.

    `links`, each {name, href}, lead to the controller's own screens. `buttons`: None while there is no broker.
    """

    def __init__(
        self,
        settings: Settings,
        simulated: SimulatedBranch,
        *,
        port: int = 0,
        buttons: Buttons | None = None,
        people: asyncio.Event | None = None,
        links: Sequence[Mapping[str, str]] = (),
        clock: PeoplesClock | None = None,
    ) -> None:
        self.view = View(settings, simulated, buttons, people, clock)
        self.links = links
        self._settings = settings
        self._words = words(settings.language)
        self._hands = Hands(settings, simulated, lambda: self.view.buttons, self._words)
        self._token = secrets.token_urlsafe(24)
        self._build = secrets.token_hex(4)
        self._live = Live(self._build)
        pages = Environment(loader=FileSystemLoader(COMMON), autoescape=True, undefined=StrictUndefined)
        self._shell = pages.get_template("shell.html")
        self._web = WebServer(guarded(self._at_home), HOST, port, closing=self._live.close)
        self._live.cut = self._web.cut
        self._app = Starlette(
            routes=[
                Route("/", self._index),
                Route("/lobby", self._page),
                Route("/lobby/view", self._picture),
                Route("/lobby/stream", self._stream),
                Route("/lobby/paper/{printer}/{number:int}.png", self._paper),
                Route("/lobby/devices/{device}/press", self._press, methods=["POST"]),
                Route("/lobby/devices/{device}/knobs", self._turn, methods=["POST"]),
                Route("/lobby/people", self._send_people, methods=["POST"]),
                Route("/lobby/time", self._run_time, methods=["POST"]),
                Route("/static/{name}", self._file),
            ],
            exception_handlers={HTTPException: _refused},
        )

    @property
    def address(self) -> str:
        """The URL of the page."""
        return f"{self._web.address}/lobby"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve it for as long as the context lasts; the page's address."""
        tasks = [
            asyncio.create_task(run, name="virtual lobby") for run in (self._web.run(), self._live.run(), self._look())
        ]
        try:
            await self._web.settled.wait()
            yield self.address
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            if self._live.watched("lobby"):
                self._live.changed()

    async def _at_home(self, scope: Any, receive: Any, send: Any) -> None:
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").rpartition(":")
        if (host[0] or host[2]) in NAMES:
            await self._app(scope, receive, send)
        else:
            await problem(421, "not_here", "this page is for a browser on this machine")(scope, receive, send)

    # -- looking ---------------------------------------------------------------------------------------------

    async def _index(self, request: Request) -> Response:
        return RedirectResponse("/lobby")

    async def _page(self, request: Request) -> Response:
        data = {
            "build": self._build,
            "language": self._settings.language,
            "timezone": str(self._settings.rules.zone),
            "words": self._words,
            "account": {"csrf": self._token},
            "links": list(self.links),
            "lobby": self.view.layout(),
        }
        text = self._shell.render(
            language="zh-CN" if self._settings.language == "zh" else self._settings.language,
            title=self._words["page.title"],
            noscript=self._words["page.noscript"],
            name="lobby",
            styled=True,
            build=self._build,
            data=data,
        )
        return HTMLResponse(text)

    async def _file(self, request: Request) -> Response:
        path = FILES.get(request.path_params["name"])
        return FileResponse(path) if path else problem(404, "not_found", "there is no such file")

    async def _picture(self, request: Request) -> Response:
        return JSONResponse(self.view.picture())

    async def _stream(self, request: Request) -> Any:
        return self._live.stream("lobby", self.view.picture, pace=LOOK)

    async def _paper(self, request: Request) -> Response:
        paper = self.view.paper(request.path_params["printer"], request.path_params["number"])
        if paper is None:
            return problem(404, "no_paper", "there is no such paper, or it has been thrown away")
        # In a thread: drawing takes longer than a byte on a wire may be delayed.
        return Response(await asyncio.to_thread(paper.png), media_type="image/png")

    # -- doing -----------------------------------------------------------------------------------------------

    async def _press(self, request: Request) -> Response:
        press = await self._asked(request, Press)
        if isinstance(press, Response):
            return press
        device = request.path_params["device"]
        try:
            return JSONResponse(await self._hands.press(device, press))
        except UnknownDeviceError as error:
            return _no_device(error)
        except UnknownKeyError as error:
            return problem(422, "unknown_key", str(error))
        except NobodyAnswersError as error:
            return problem(504, "no_answer", self._words[error.why])

    async def _turn(self, request: Request) -> Response:
        turned = await self._asked(request, Turned)
        if isinstance(turned, Response):
            return turned
        try:
            self.view.drawer.turn(request.path_params["device"], turned.root)
        except KeyError as error:
            return _no_device(UnknownDeviceError(*error.args))
        except UnknownKnobError as error:
            return problem(422, "unknown_knob", str(error))
        return Response(status_code=204)

    async def _send_people(self, request: Request) -> Response:
        wanted = await self._asked(request, People)
        if isinstance(wanted, Response):
            return wanted
        people = self.view.people
        if people is None:
            return problem(404, "no_people", "there are no simulated people here")
        if wanted.on:
            people.set()
        else:
            people.clear()
        if self.view.clock:
            self.view.clock.by_hand = not wanted.on
        return Response(status_code=204)

    async def _run_time(self, request: Request) -> Response:
        wanted = await self._asked(request, Time)
        if isinstance(wanted, Response):
            return wanted
        clock = self.view.clock
        if clock is None:
            return problem(404, "no_time", "the time here is the controller's own")
        if wanted.speed is not None:
            clock.speed = wanted.speed
        if wanted.stopped is not None:
            clock.stopped = wanted.stopped
        return Response(status_code=204)

    async def _asked(self, request: Request, kind: type[B]) -> B | Response:
        """The body of a request from our own page; other pages do not know the token."""
        if not hmac.compare_digest(request.headers.get("x-csrf-token", "").encode(), self._token.encode()):
            return problem(403, "forbidden", "this press does not come from the page; load it again")
        try:
            return kind.model_validate_json(await request.body())
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(map(str, fault["loc"])) or "the body"
            return problem(422, "bad_request", f"{where}: {fault['msg']}")


def free_port(wanted: int) -> int:
    """The port, or any free one if it is 0 or another program has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _no_device(error: UnknownDeviceError) -> Response:
    return problem(404, "unknown_device", f"there is no device {error} here")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, "not_found" if error.status_code == 404 else "refused", error.detail.lower())
