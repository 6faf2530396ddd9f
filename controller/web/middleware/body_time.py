"""The time limit for a request's body."""

from __future__ import annotations

import asyncio

from controller.web.asgi import App, Message, Receive, Scope, Send
from controller.web.problems import problem

BODY_TIME = 10.0
"""Seconds in which a body must have arrived."""


class TooSlowError(Exception):
    """The body did not arrive within `BODY_TIME`."""


class BodyTime:
    """Refuses a body that does not arrive within `BODY_TIME`; the application reads it whole before it answers."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ends = asyncio.get_running_loop().time() + BODY_TIME
        whole = False

        async def in_time() -> Message:
            nonlocal whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError:
                raise TooSlowError from None
            whole = not message.get("more_body")
            return message

        try:
            await self._app(scope, in_time, send)
        except TooSlowError:
            await problem(408, "too_slow", "the request did not come in time")(scope, receive, send)
