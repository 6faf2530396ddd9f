"""Somebody who asks over HTTP: of the application itself, without a socket."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traffic.record import Day

ROOM = 200
"""Characters of a request's body that are shown."""


class Browser:
    """Somebody who asks over HTTP, one request after the other."""

    def __init__(self, day: Day, name: str, address: str, token: str = "") -> None:
        self._day, self._name, self._token = day, name, token
        self.address = address
        self.cookie = self.csrf = self.etag = ""
        self.last: Any = None

    async def ask(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        raw: bytes | None = None,
        key: str = "",
        bare: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> int:
        """The status of an answer; `bare`: without what tells who asks that it is no foreign page."""
        day = self._day
        if not day.application:
            return 0
        body = raw if raw is not None else b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        headers = {"host": "lobby.branch"}
        if body:
            headers |= {"content-type": "application/json", "content-length": str(len(body))}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if self.cookie:
            headers["cookie"] = f"lobby={self.cookie}"
        if self.csrf and not bare:
            headers["x-csrf-token"] = self.csrf
        if key:
            headers["idempotency-key"] = key
        headers |= more or {}
        stream = f"http {self._name}"
        shown = body.decode("utf-8", "replace")
        told = " ".join(f"{name}={value}" for name, value in headers.items() if name not in ("host", "content-length"))
        day.record.say(stream, day.record.masked(f"> {method} {path} {told} {shown[:ROOM]}"))
        status, answered, payload = await call(day.application, method, path, headers, body, self.address)
        self._learn(status, answered, payload)
        text = payload.decode("utf-8", "replace")
        if path.startswith("/static/") and status == 200:
            text = "<file>"
        if path == "/api/openapi.json" and status == 200:
            text = "<openapi>"
        lines = [f"{name}: {value}" for name, value in sorted(answered) if name != "content-length"]
        day.record.answer(stream, day.record.masked("\n".join((f"< {status}", *lines, "", text))))
        return status

    def _learn(self, status: int, headers: list[tuple[str, str]], payload: bytes) -> None:
        day = self._day
        for name, value in headers:
            if name == "set-cookie" and value.startswith("lobby="):
                given = value.partition("=")[2].partition(";")[0].strip('"')
                if given:
                    self.cookie = given
                    day.record.masks("session", given)
            elif name == "etag":
                self.etag = value
                day.record.masks("build", value.strip('"'))
        if found := re.search(rb'lobby_build_info{commit="([^"]+)"', payload):
            day.record.masks("commit", found[1].decode())
        if found := re.search(rb'"build": ?"([0-9a-f]{12})"', payload):
            day.record.masks("build", found[1].decode())
        self.last = None
        if dict(headers).get("content-type") == "application/json" and payload:
            self.last = json.loads(payload)
            if isinstance(self.last, dict) and "csrf" in self.last:
                self.csrf = self.last["csrf"]
                day.record.masks("csrf", self.csrf)
            if isinstance(self.last, dict) and (page := self.last.get("page")):
                day.seen.pages.append(page)

    async def look(self, path: str, seconds: float) -> None:
        """Open a live view for a while."""
        day, name = self._day, f"live {path} {self._name}"
        if not day.application:
            return
        headers = {"host": "lobby.branch"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if self.cookie:
            headers["cookie"] = f"lobby={self.cookie}"

        def hear(data: bytes) -> None:
            text = data.decode()
            if found := re.search(r'"build": ?"([0-9a-f]{12})"', text):
                day.record.masks("build", found[1])
            if text.startswith("event: hello") and (found := re.search(r'"page": ?"([0-9a-f]{16})"', text)):
                day.record.masks("page", found[1])
                self.open_page = found[1]
            if text.startswith("event: ping"):
                day.record.answer(name, "ping")  # its moment depends on the server's start
            else:
                day.record.say(name, day.record.masked(text))

        day.record.say(name, "> open")
        status, _, _ = await call(day.application, "GET", path, headers, b"", self.address, hear, seconds)
        day.record.say(name, f"< {status}, over")

    open_page = ""


async def call(
    application: Any,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    address: str,
    hear: Callable[[bytes], None] | None = None,
    seconds: float = 30.0,
) -> tuple[int, list[tuple[str, str]], bytes]:
    """An answer of an ASGI application: status, headers, body; with `hear` its parts as they come, for `seconds`."""
    path, _, query = path.partition("?")
    loop = asyncio.get_running_loop()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (address, 40_000),
        "server": ("127.0.0.1", 8080),
        "state": {},
    }
    status, answered, payload = 0, [], b""
    gone = loop.create_future()
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.shield(gone)
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        nonlocal status, payload
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.extend((name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"])
        elif message["type"] == "http.response.body" and hear and status == 200:
            if part := message.get("body", b""):
                hear(part)
        elif message["type"] == "http.response.body":
            payload += message.get("body", b"")

    def leave() -> None:
        if not gone.done():
            gone.set_result(None)

    timer = loop.call_later(seconds, leave)
    try:
        await application(scope, receive, send)
    finally:
        timer.cancel()
        leave()
    return status, answered, payload
