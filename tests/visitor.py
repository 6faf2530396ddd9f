"""Somebody who looks at the virtual lobby without a browser."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    """What a request was answered with."""

    status: int
    kind: str
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Browser:
    """Asks the page's server what a browser would."""

    origin: str
    token: str = ""

    async def get(self, path: str, **headers: str) -> Answer:
        return await asyncio.to_thread(self._ask, path, None, headers)

    async def post(self, path: str, content: object, token: str | None = None) -> Answer:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return await asyncio.to_thread(self._ask, path, body, {"X-CSRF-Token": self.token if token is None else token})

    def _ask(self, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        request = urllib.request.Request(self.origin + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as got:
                return Answer(got.status, got.headers.get_content_type(), got.read(), dict(got.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers.get_content_type(), error.read(), dict(error.headers))


async def page_data(browser: Browser) -> dict[str, Any]:
    """What the page is given."""
    text = (await browser.get("/lobby")).body.decode()
    found = re.search(r'<script type="application/json" id="page">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data
