"""Checking PINs: one at a time and outside the loop, since each check is slow by design; wrong PINs are logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from controller.web import pins
from controller.web.accounts import Accounts
from controller.web.addresses import place_of
from controller.web.problems import Problem
from controller.web.roles import Account

log = logging.getLogger(__name__)

SIGNING_IN = 8
"""Most PINs that may wait to be checked; one more is refused."""
TOLD_EVERY = 60.0
"""Seconds between two log lines about wrong PINs for one account from one address."""


class PinCheck:
    """Checks the PINs of a branch's accounts; `say`: a sentence in its language; `steady`: monotonic seconds."""

    def __init__(self, accounts: Accounts, say: Callable[..., str], steady: Callable[[], float]) -> None:
        self._accounts, self.say, self._steady = accounts, say, steady
        self._one_at_a_time = asyncio.Semaphore(1)
        self._signing_in = 0
        self._told: dict[tuple[str, str], float] = {}

    async def account(self, name: str, pin: str, address: str) -> Account:
        """The account with this name and PIN. Raises Problem: wrong, or too many wrong ones before."""
        wait = self._accounts.must_wait(name, address)
        if wait:
            raise Problem(429, "too_many_tries", self.say("http.too_many_tries", seconds=wait), wait)
        if self._signing_in >= SIGNING_IN:
            raise Problem(503, "busy", self.say("refused.busy"), 1)
        self._accounts.tried(name, address)
        hash = self._accounts.hash_of(name)
        self._signing_in += 1
        try:
            async with self._one_at_a_time:
                good = await asyncio.to_thread(pins.fits, hash, pin)
        finally:
            self._signing_in -= 1
        account = self._accounts.succeeded(name, address) if good else None
        if account is None:
            self._tell_of_wrong_pin(name, address)
            raise Problem(401, "wrong_pin", self.say("http.wrong_pin"))
        return account

    def _tell_of_wrong_pin(self, name: str, address: str) -> None:
        # Log only names of accounts: anything else typed there may be a PIN.
        known = self._accounts.exists(name)
        now, key = self._steady(), (name if known else "", place_of(address))
        self._told = {each: at for each, at in self._told.items() if now - at < TOLD_EVERY}
        if key not in self._told:
            self._told[key] = now
            log.warning("a wrong PIN for %s from %s", name if known else "an unknown name", address)
