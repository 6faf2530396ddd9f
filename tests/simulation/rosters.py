"""What tests of rosters share: branches, days, and the lobby's own core as the judge."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from controller.config import read
from controller.lobby.actions.call_next import TicketCalled
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.aggregate import Aggregate
from controller.lobby.model.calendar import Span
from controller.lobby.model.rules import Rules
from simulators.customers import Customer
from simulators.days.virtual import VirtualDay
from simulators.rosters.quick import NEVER_CALLED

SMALL = """
[branch]
id = "small"
name = "Small"
language = "en"

[[service]]
id = "cash"
name = "Cash"
prefix = "A"
minutes = 4
share = 70

[[service]]
id = "personal"
name = "Personal"
prefix = "B"
minutes = 8
share = 30

[[counter]]
id = "1"
serves = {{ cash = 0 }}

[[counter]]
id = "2"
serves = {{ personal = 0, cash = 10 }}

[[counter]]
id = "3"
serves = {{ cash = 0, personal = 5 }}

[calendar]
hours = "09:00-12:00"
holidays = ["2027-01-01"]

[profile.small]
when = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
hours = "09:00-12:00"
arrivals = {arrivals}
burst = {burst}

[waiting]
target = {target}
"""
"""Three counters, three hours; some combinations of arrivals, burst and target are in `SMALL_DAYS`."""
SMALL_DAYS = (
    ("[20, 12, 6]", "[2, 6]", 15),
    ("[6, 20, 8]", "[1, 3]", 12),
    ("[8, 8, 16]", "[0, 2]", 10),
    ("[14, 14, 14]", "[4, 6]", 15),
)
SERVES = (
    *("cash = 0", "cash = 0", "cash = 0, personal = 10", "cash = 0, personal = 10", "personal = 0, cash = 5"),
    *("personal = 0, cash = 5", "corporate = 0, cash = 10, personal = 10", "corporate = 0, cash = 10"),
    *("cash = 0", "cash = 0, personal = 5"),
)
PENSION = """
[branch]
id = "pension"
name = "Pension"
language = "en"

[[service]]
id = "cash"
name = "Cash"
prefix = "A"
minutes = 3
share = { normal = 60, pension = 75 }

[[service]]
id = "personal"
name = "Personal"
prefix = "B"
minutes = 6
share = { normal = 28, pension = 17 }

[[service]]
id = "corporate"
name = "Corporate"
prefix = "C"
minutes = 5
share = { normal = 12, pension = 8 }
""" + "".join(f'[[counter]]\nid = "{n}"\nserves = {{ {serves} }}\n' for n, serves in enumerate(SERVES, 1))
"""Ten counters, as many as it takes for the crowd at the door of a pension day."""


def small(folder: Path, arrivals: str = "[20, 12, 6]", burst: str = "[2, 6]", target: int = 15, more: str = "") -> Path:
    """The small branch's configuration."""
    path = folder / "small.toml"
    path.write_text(SMALL.format(arrivals=arrivals, burst=burst, target=target) + more, "utf-8")
    return path


def rules_of(text: str, folder: Path) -> Rules:
    """The rules of a configuration."""
    path = folder / "branch.toml"
    path.write_text(text, "utf-8")
    return read(path).rules


def waits_in_the_lobby(
    rules: Rules, day: date, customers: Sequence[Customer], shifts: Sequence[Sequence[Span]]
) -> list[int]:
    """The wait of each customer with a ticket, in the order of their tickets, in ms: by the lobby's own core."""
    lobby = Aggregate(rules)
    by_counter = dict(zip(rules.counters, shifts, strict=True))
    VirtualDay(lobby, day, customers, shifts=lambda counter: by_counter[counter]).run()
    issued: dict[str, int] = {}
    called: dict[str, int] = {}
    for row in lobby.rows:
        if isinstance(row.event, TicketIssued):
            issued[row.event.ticket] = row.at
        elif isinstance(row.event, TicketCalled):
            called.setdefault(row.event.ticket, row.at)
    return [called[ticket] - at if ticket in called else NEVER_CALLED for ticket, at in issued.items()]
