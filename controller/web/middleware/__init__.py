"""What every request and every response passes through: one concern per file.

Limits on connections, and the time for a request's head, are enforced before, where connections are accepted
(`controller.web.server`).
"""

from __future__ import annotations

from controller.web.asgi import App
from controller.web.middleware.body_limit import BodyLimit
from controller.web.middleware.body_time import BodyTime
from controller.web.middleware.concurrency_limit import ConcurrencyLimit
from controller.web.middleware.faults import Faults
from controller.web.middleware.headers import SecurityHeaders


def guarded(app: App) -> App:
    """An application with all middleware, from the outside in: refusals of inner ones get the headers of outer ones."""
    return SecurityHeaders(ConcurrencyLimit(BodyTime(BodyLimit(Faults(app)))))
