"""What tests of the accounts share."""

from __future__ import annotations

from controller.web.accounts import Accounts
from controller.web.pins import fits
from controller.web.roles import Account

PIN = "739154"
HERE, THERE = "192.0.2.1", "192.0.2.2"
DAY = 86400


class Times:
    """Seconds since 1970, as the test says."""

    def __init__(self) -> None:
        self.now = 1_772_416_800.0

    def __call__(self) -> float:
        return self.now


def sign_in(accounts: Accounts, name: str, pin: str, address: str = HERE) -> Account | int | None:
    """The account, None for a wrong PIN, or the seconds to wait, as the site does it."""
    wait = accounts.must_wait(name, address)
    if wait:
        return wait
    accounts.tried(name, address)
    return accounts.succeeded(name, address) if fits(accounts.hash_of(name), pin) else None


def wrong(accounts: Accounts, name: str, address: str = HERE) -> None:
    """A wrong PIN, without the time that it takes to look at one."""
    accounts.tried(name, address)
