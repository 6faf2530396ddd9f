"""What every request passes before it gets anywhere, and every answer on its way out: one concern a file.

Who is let in, how long a head may take and who leaves for one more is decided before, where connections are taken
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
    """An application behind all of it. From the outside in: refusals of the inner ones get the outer ones' headers."""
    return SecurityHeaders(ConcurrencyLimit(BodyTime(BodyLimit(Faults(app)))))
