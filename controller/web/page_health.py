"""The state of the branch's own pages, told as any device's: a television that may not speak, a kiosk that is closed.

A page tells of itself, and only while its stream is open: what it has told ends with that. Of an account that has
several open the worst counts; when none has been open for a while, the device is offline, and of an account that has
been revoked there is none.
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
"""What a page tells of itself; `silent`: it is to speak and cannot."""

SILENT, CLOSED = Health("degraded", "page_silent"), Health("offline", "page_closed")
CLOSED_AFTER = 60.0
"""Seconds after which a page that has not come back is closed: a restart of ours or of its browser takes less."""
REPORTS, REPORTS_IN = 30, 60.0
"""What the pages of an account may tell, and in how many seconds."""


class PageHealth:
    """Tells `health` (device, health, note) of the pages that are open on `live`, and `forget` of devices that are no
    longer there: their account does not exist (`exists`) any more. `steady`: monotonic seconds."""

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
        """Count something that an account's page tells: seconds until it may; 0: it may now."""
        now = self._steady()
        told = self._told.setdefault(account, deque(maxlen=REPORTS))
        if len(told) == REPORTS and now - told[0] < REPORTS_IN:
            return int(REPORTS_IN - (now - told[0])) + 1
        told.append(now)
        return 0

    def report(self, account: str, page: str, state: PageState) -> bool:
        """An open page of an account tells its state; False: there is no such page."""
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
