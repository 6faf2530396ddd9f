"""The headers that every answer has."""

from __future__ import annotations

from controller.web.asgi import App, Message, Receive, Scope, Send

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
"""On every answer. Nothing is loaded from other sites, only files of ours are executed, no page can be framed."""
ENCRYPTED = (b"strict-transport-security", b"max-age=31536000")
"""On every encrypted answer (HSTS): for a year the browser uses no unencrypted connection."""


class SecurityHeaders:
    """Adds `HEADERS`; answers are not cached unless they say so, and do not name the server software."""

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
