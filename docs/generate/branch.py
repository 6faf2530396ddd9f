"""A branch that the reference is taken from: the demo's, in English."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controller.config import read, shipped
from controller.config.settings import wording
from controller.devices.home_assistant import PREFIX, HomeAssistant
from controller.devices.hub import Hub
from controller.devices.kit import Adapter
from controller.devices.mqtt import MqttAdapter
from controller.engine import Request, Step
from controller.journal import Journal
from controller.lobby.actions.windows import CheckWindows
from controller.lobby.aggregate import Aggregate
from controller.lobby.answers import Answer, answer
from controller.lobby.model.paper import Printer
from controller.lobby.model.units import Ms
from controller.presses import PAYLOADS
from controller.web.accounts import Accounts
from controller.web.adapter import PagesAdapter
from controller.web.app import make_app
from controller.web.asgi import App
from controller.web.live import Live
from controller.web.pages import Files
from controller.web.roles import ROLES
from controller.web.site import Site
from drivers.device import Health
from drivers.mqtt import Message, MqttLobby

NINE = Ms(1_764_205_200_000)
"""A Thursday, 9:00 in Shanghai."""
SECOND = 1000


class Branch:
    """It decides at once and writes nothing: `said` is what it has published, `app` what answers HTTP."""

    def __init__(self, directory: Path) -> None:
        text = shipped("demo.toml").read_text("utf-8").replace('language = "zh"', 'language = "en"')
        path = directory / "branch.toml"
        path.write_text(text, "utf-8")
        settings = read(path)
        self.now = NINE
        self.said: list[Message] = []
        self._journal = Journal(directory / "lobby.db")
        self._lobby = Aggregate(settings.rules)
        self._hub = Hub(
            settings.rules,
            self._journal,
            self._decide,
            lambda: True,
            lambda: self.now,
            steady=lambda: self.now / 1000,
            shipped=shipped(""),
            wording=wording,
        )
        self._mqtt = MqttLobby("demo", PAYLOADS)
        self._adapter = MqttAdapter(
            self._mqtt, {"pad-4": "4"}, ["manager"], {"kiosk": (2, True)}, self._hub.context, self._flush
        )
        self._hub.add(self._adapter)
        self._hub.add(HomeAssistant(PREFIX, self._mqtt, self._adapter, self._hub.context, self._flush))
        self._mqtt.connected()
        accounts = self._accounts = Accounts(directory / "access.db", lambda: self.now / 1000)
        counters = {"counter": "1"}
        self.tokens: dict[str, str] = {role: accounts.add(role, role, counters.get(role, "")) for role in ROLES}
        files = Files()
        live = Live(files.build, lambda: True)
        post = PagesAdapter(self._hub.context, live)
        self._hub.add(post)
        self.app: App = make_app(Site(settings, accounts, post, live, self._ask, self._examine), files)
        self._hub.begin(self._lobby.state)

    def close(self) -> None:
        """Give back its files."""
        self._journal.close()
        self._accounts.close()

    # -- what it does ------------------------------------------------------------------------------------------------

    def press(self, place: str, key: str, after: float = 60.0, **typed: Any) -> dict[str, Any]:
        """A key `after` so many seconds over MQTT; the payload. `place`: as in `keypad/4`."""
        self.now = Ms(self.now + int(after * SECOND))
        sent = {"key": key, **typed, "boot": "a1b2", "seq": len(self.said)}
        fact = self._mqtt.receive(f"{self._mqtt.root}{place}/press", json.dumps(sent).encode())
        assert fact
        self._adapter.heard(fact)
        return sent

    def device(self, id: str, health: Health) -> None:
        """A device says how it does."""
        self._hub.health(id, health, "")

    def add_printer(self) -> None:
        """From now on it has a ticket printer."""
        self._hub.add(_Printer("printer", self._hub.context))

    def look_ahead(self) -> None:
        """Reckon how long people will wait."""
        for service in self._lobby.rules.services:
            self._hub.look_ahead(service)
        self._hub.looked_ahead()

    def check_windows(self) -> None:
        """Look whether there are enough windows, as often as it takes until something is advised."""
        for _ in range(10):
            self.now = Ms(self.now + 60 * SECOND)
            self._decide(Request(CheckWindows(at=self.now, cause=f"windows:{self.now}")))

    def latest(self, topic: str) -> Any:
        """What it said last on a topic below the root."""
        return self.latest_of(self._mqtt.root + topic)

    def latest_of(self, topic: str) -> Any:
        """What it said last on a topic anywhere."""
        return json.loads(next(each.payload for each in reversed(self.said) if each.topic == topic))

    def topics(self) -> set[str]:
        """All topics below the root that it has said something on, and its last will's."""
        root = self._mqtt.root
        said = (*self.said, self._mqtt.will)
        return {each.topic.removeprefix(root) for each in said if each.topic.startswith(root)}

    def announced(self) -> set[str]:
        """All topics on which it has announced itself elsewhere."""
        return {each.topic for each in self.said if not each.topic.startswith(self._mqtt.root)}

    def _decide(self, request: Request) -> None:
        lobby = self._lobby
        answered = answer(lobby.rules, lobby.state, lobby.do(request.command))
        rows, lobby.rows = lobby.rows, []
        request.reply(request.instead or answered)
        self._hub.answered(request, request.instead or answered)
        if rows:
            self._hub.published(Step(rows, lobby.state))

    async def _ask(self, command: Any, remark: str = "") -> Answer:
        answers: list[Answer] = []
        self._decide(Request(command, answers.append, remark))
        return answers[0]

    async def _examine(self, device: str) -> None:
        """No device here has a line."""

    def _flush(self) -> None:
        while message := self._mqtt.next_message():
            self.said.append(message)

    # -- what it answers ---------------------------------------------------------------------------------------------

    async def ask(self, method: str, path: str, role: str = "", body: bytes = b"") -> Response:
        """What a request is answered; of a stream, its head alone. `role`: who asks, a stranger if empty."""
        headers = [(b"host", b"lobby.branch"), (b"content-type", b"application/json")]
        if role:
            headers.append((b"authorization", f"Bearer {self.tokens[role]}".encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8080),
            "state": {},
        }
        answered: list[Any] = []
        over = asyncio.Event()
        asked = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            for each in asked:
                return each
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            answered.append(message)
            is_stream = any(b"event-stream" in value for _, value in answered[0]["headers"])
            if is_stream or (message["type"] == "http.response.body" and not message.get("more_body")):
                over.set()

        answering: asyncio.Task[None] = asyncio.create_task(self.app(scope, receive, send))  # type: ignore[arg-type]
        waiting = asyncio.create_task(over.wait())
        await asyncio.wait((answering, waiting), timeout=10, return_when=asyncio.FIRST_COMPLETED)
        answering.cancel()
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await answering
        return Response(answered[0]["status"], b"".join(each.get("body", b"") for each in answered[1:]))


class _Printer(Adapter):
    """A ticket printer that can print."""

    @property
    def printer(self) -> Printer:
        return Printer(self.id, "ready")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer over HTTP."""

    status: int
    body: bytes


@asynccontextmanager
async def branch() -> AsyncIterator[Branch]:
    """One, for as long as the context lasts."""
    with TemporaryDirectory() as directory:
        made = Branch(Path(directory))
        try:
            yield made
        finally:
            made.close()
