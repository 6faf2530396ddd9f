"""The roles of accounts. A module of its own: the command line names them without opening any accounts."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["manager", "counter", "kiosk", "screen"]
ROLES: tuple[Role, ...] = get_args(Role)
DEVICES: tuple[Role, ...] = ("kiosk", "screen")
"""Roles of things, which sign in with a token."""
HAVE_PAGES: tuple[Role, ...] = ("counter", *DEVICES)
"""Roles whose pages are devices of the branch's where they sign in with a token."""
