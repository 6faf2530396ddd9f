"""The limit on concurrent requests from one address."""

from __future__ import annotations

from controller.web.asgi import App, Receive, Scope, Send
from controller.web.problems import problem

OVER_LIMIT = "over_limit"
"""The key in a request's state that says that it must be refused; set where connections are counted."""


class ConcurrencyLimit:
    """Refuses requests over the limit before their body is read, and ends their connection."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["state"].get(OVER_LIMIT):
            await self._app(scope, receive, send)
            return
        refusal = problem(503, "busy", "too much is asked from this address at once", {"Retry-After": "5"})
        refusal.headers["connection"] = "close"
        await refusal(scope, receive, send)
