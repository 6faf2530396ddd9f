"""Roles of accounts, and what they allow. Separate from the accounts' file: the command line names roles without
opening it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from controller.lobby.model.units import Seconds

Role = Literal["manager", "counter", "kiosk", "screen", "feed"]
ROLES: tuple[Role, ...] = get_args(Role)
DEVICES: tuple[Role, ...] = ("kiosk", "screen", "feed")
"""Roles of devices and programs, which sign in with a token."""
HAVE_PAGES: tuple[Role, ...] = ("counter", "kiosk", "screen")
"""Roles whose pages count as devices of the branch if they sign in with a token."""
AT_COUNTERS: tuple[Role, ...] = ("counter", "screen")
"""Roles of accounts that may belong to one counter: who works there, the screen above it."""
HOMES: Mapping[Role, str] = {
    "manager": "/console",
    "counter": "/counter/",
    "kiosk": "/kiosk",
    "screen": "/tv",
    "feed": "/api/feed",
}
"""The path of each role's own page; a counter's is followed by its id."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person or device that may sign in; `counter`: the only one it may work at, empty: any. Times in seconds since
    1970."""

    name: str
    role: Role
    counter: str
    kind: Literal["pin", "token"]
    made_at: Seconds
    seen_at: Seconds

    def is_one_of(self, *roles: Role) -> bool:
        """Whether it has one of these roles; a manager has all."""
        return self.role == "manager" or self.role in roles

    def works_at(self, counter: str) -> bool:
        """Whether it may press a counter's keys."""
        return self.is_one_of("counter") and self.counter in ("", counter)

    @property
    def owns_page(self) -> str:
        """Its name, if its pages count as a device of the branch; empty for a person."""
        return self.name if self.kind == "token" and self.role in HAVE_PAGES else ""
