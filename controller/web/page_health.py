"""The state of the branch's own pages, reported as a device's: a television that is silent, a kiosk that is closed.

A page reports its own state, and only while its stream is open: the report ends with the stream. If an account has
several pages open, the worst state counts; when none has been open for a while, the device is offline. The device of a
revoked account is removed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

from controller.lobby.show.screens import page_device
from controller.web.live import Live
from drivers.device import OK, Health

PageState = Literal["ok", "silent"]
"""What a page reports; `silent`: it should speak and cannot."""

SILENT, CLOSED = Health("degraded", "page_silent"), Health("offline", "page_closed")
CLOSED_AFTER = 60.0
"""Seconds after which a page that has not reconnected counts as closed: restarts of ours or of browsers are faster."""
REPORTS, REPORTS_IN = 30, 60.0
"""Most reports from the pages of an account, and in how many seconds."""


class PageHealth:
    """Reports the pages that are open on `live` to `health` (device, health, note), and devices whose account no longer
    exists (`exists`) to `forget`. `steady`: monotonic seconds."""

    def __init__(
        self,
        live: Live,
        health: Callable[[str, Health, str], None],
        forget: Callable[[str], None],
        exists: Callable[[str], bool],
        steady: Callable[[], float],
    ) -> None:
        self._live = live
        self._health = health
        self._forget = forget
        self._exists = exists
        self._steady = steady
        self._closing: dict[str, asyncio.TimerHandle] = {}
        self._told: dict[str, deque[float]] = {}
        live.told = self._changed

    def must_wait(self, account: str) -> int:
        """Count a report from an account's page: seconds until it is allowed; 0: allowed now."""
        now = self._steady()
        told = self._told.setdefault(account, deque(maxlen=REPORTS))
        if len(told) == REPORTS and now - told[0] < REPORTS_IN:
            return int(REPORTS_IN - (now - told[0])) + 1
        told.append(now)
        return 0

    def report(self, account: str, page: str, state: PageState) -> bool:
        """An open page of an account reports its state; False: there is no such page."""
        return self._live.report(account, page, state)

    def _changed(self, account: str) -> None:
        states = self._live.states(account)
        if states:
            if closing := self._closing.pop(account, None):
                closing.cancel()
            self._health(page_device(account), SILENT if "silent" in states else OK, "")
        elif account not in self._closing:
            loop = asyncio.get_running_loop()
            self._closing[account] = loop.call_later(CLOSED_AFTER, self._close, account)

    def _close(self, account: str) -> None:
        del self._closing[account]
        self._told.pop(account, None)
        self._health(page_device(account), CLOSED, "")
        if not self._exists(account):
            self._forget(page_device(account))
