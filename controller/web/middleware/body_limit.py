"""The limit on a request's body: no operation of ours takes a long one, so each is read as a whole."""

from __future__ import annotations

from controller.web.asgi import App, Message, Receive, Scope, Send
from controller.web.problems import problem

BODY_LIMIT = 16 * 1024
"""Most bytes of a request's body."""


class TooLargeError(Exception):
    """The body is longer than `BODY_LIMIT`."""


class GoneError(Exception):
    """The client has disconnected before the whole body had arrived."""


class BodyLimit:
    """Passes on whole bodies only: one longer than `BODY_LIMIT` is refused, an incomplete one is dropped."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _whole(scope, receive)
        except TooLargeError:
            await problem(413, "too_large", f"the request is longer than {BODY_LIMIT} bytes")(scope, receive, send)
            return
        except GoneError:
            return
        given = False

        async def whole() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, whole, send)


async def _whole(scope: Scope, receive: Receive) -> bytes:
    length = dict(scope["headers"]).get(b"content-length", b"")
    if length.isdigit() and int(length) > BODY_LIMIT:
        raise TooLargeError
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise GoneError
        body += bytes(message.get("body", b""))
        if len(body) > BODY_LIMIT:
            raise TooLargeError
        if not message.get("more_body"):
            return body
