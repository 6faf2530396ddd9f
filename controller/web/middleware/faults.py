"""Unexpected errors: one log line with the request that failed, and an answer."""

from __future__ import annotations

import logging

from controller.web.asgi import App, Message, Receive, Scope, Send
from controller.web.problems import problem

log = logging.getLogger(__name__)


class Faults:
    """Answers in place of an application that has failed, unless it had begun its answer."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            log.exception("%s %s could not be answered", scope["method"], scope["path"])
            if not started:
                await problem(500, "internal", "this request failed; the log says why")(scope, receive, send)
