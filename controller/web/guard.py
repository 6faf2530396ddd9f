"""What every request passes before it gets anywhere, and every answer on its way out: limits and headers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

from starlette.responses import JSONResponse

from controller.web.server import CROWDED, App

log = logging.getLogger(__name__)

BODY_LIMIT = 16 * 1024
"""Bytes of a request's body."""
BODY_TIME = 10.0
"""Seconds in which a body must have come."""

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
"""On every answer. Nothing comes from outside, nothing runs that is not a file of ours, nobody frames a page."""
ENCRYPTED = (b"strict-transport-security", b"max-age=31536000")
"""On every answer that is encrypted: for a year a browser that was here comes by no other way."""


class TooLargeError(Exception):
    """The body is longer than `BODY_LIMIT`."""


class TooSlowError(Exception):
    """The body did not come within `BODY_TIME`."""


class GoneError(Exception):
    """Whoever asked has gone before the whole body had come: nobody knows what was asked."""


class Guard:
    """An ASGI application around another."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        started = False

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = [(name, value) for name, value in message.get("headers", ()) if name.lower() != b"server"]
                names = {name.lower() for name, _ in headers}
                if b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = [*headers, *HEADERS, *[ENCRYPTED] * (scope["scheme"] == "https")]
            await send(message)

        if scope["state"].get(CROWDED):
            refusal = problem(503, "busy", "too much is asked from this address at once", {"Retry-After": "5"})
            refusal.headers["connection"] = "close"
            await refusal(scope, receive, answer)
            return
        try:
            body = await _body(scope, receive)
        except TooLargeError:
            await problem(413, "too_large", f"the request is longer than {BODY_LIMIT} bytes")(scope, receive, answer)
            return
        except TooSlowError:
            await problem(408, "too_slow", "the request did not come in time")(scope, receive, answer)
            return
        except GoneError:
            return
        given = False

        async def whole() -> Any:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            await self._app(scope, whole, answer)
        except Exception:
            log.exception("%s %s could not be answered", scope["method"], scope["path"])
            if not started:
                await problem(500, "internal", "this request failed; the log says why")(scope, receive, answer)


async def _body(scope: MutableMapping[str, Any], receive: Any) -> bytes:
    """The whole body, which is short: nothing of ours takes a long one."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    if length.isdigit() and int(length) > BODY_LIMIT:
        raise TooLargeError
    body = b""
    try:
        async with asyncio.timeout(BODY_TIME):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise GoneError
                body += bytes(message.get("body", b""))
                if len(body) > BODY_LIMIT:
                    raise TooLargeError
                if not message.get("more_body"):
                    return body
    except TimeoutError:
        raise TooSlowError from None


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: object) -> JSONResponse:
    """A refusal as problem details (RFC 9457): `code` for programs, `detail` for people."""
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    content = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return JSONResponse(content, status, headers, media_type="application/problem+json")
