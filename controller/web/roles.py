"""Who somebody may be, and what that lets them do. Apart from the accounts' file: the command line names roles without
opening any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["manager", "counter", "kiosk", "screen"]
ROLES: tuple[Role, ...] = get_args(Role)
DEVICES: tuple[Role, ...] = ("kiosk", "screen")
"""Roles of things, which sign in with a token."""
HAVE_PAGES: tuple[Role, ...] = ("counter", *DEVICES)
"""Roles whose pages are devices of the branch's where they sign in with a token."""
HOMES: Mapping[Role, str] = {"manager": "/console", "counter": "/counter/", "kiosk": "/kiosk", "screen": "/tv"}
"""Where each role's own page is; a counter's goes on with its name."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody or something that may sign in; `counter`: the only one it works at, empty: any. Times in seconds."""

    name: str
    role: Role
    counter: str
    kind: Literal["pin", "token"]
    made_at: int
    seen_at: int

    def is_one_of(self, *roles: Role) -> bool:
        """Whether it may do what these roles may; a manager may do everything."""
        return self.role == "manager" or self.role in roles

    def works_at(self, counter: str) -> bool:
        """Whether it may press a counter's keys."""
        return self.is_one_of("counter") and self.counter in ("", counter)

    @property
    def owns_page(self) -> str:
        """Its name if a page of its is a device of the branch's; empty: a person's page, which is none."""
        return self.name if self.kind == "token" and self.role in HAVE_PAGES else ""
