"""The headers that every answer has."""

from __future__ import annotations

from controller.web.asgi import App, Message, Receive, Scope, Send

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


class SecurityHeaders:
    """Adds `HEADERS`; nothing is kept by a browser that does not say so, and no answer says what serves it."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, value) for name, value in message.get("headers", ()) if name.lower() != b"server"]
                names = {name.lower() for name, _ in headers}
                if b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = [*headers, *HEADERS, *[ENCRYPTED] * (scope["scheme"] == "https")]
            await send(message)

        await self._app(scope, receive, answer)
