"""`lobby why`: why a ticket was called when it was, from the journal, and why a waiting one is not next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from controller.journal import Row
from controller.lobby import explain
from controller.lobby.events import TicketCalled
from controller.lobby.explain import Explanation
from controller.lobby.rules import Rules
from controller.lobby.state import Stage, State, evolve
from controller.output import write_json


def explanations(rows: Iterable[Row], rules: Rules, ticket: str) -> list[tuple[int, Explanation]]:
    """(ms since 1970, why) for each call of a ticket in one day's rows, and for where it stands at their end."""
    state = State()
    found = []
    wanted = ticket
    last = 0
    for row in rows:
        if isinstance(row.event, TicketCalled) and row.event.ticket.upper() == ticket.upper():
            wanted = row.event.ticket
            found.append((row.at, explain.call(state, rules, row.event)))
        evolve(state, row.at, row.event)
        last = row.at
    stands = state.tickets.get(wanted)
    if not found or (stands and stands.stage is Stage.WAITING):
        found.append((last, explain.ticket(state, rules, ticket, last)))
    return found


def show(rows: Iterable[Row], rules: Rules, ticket: str, out: Path | None) -> bool:
    """Print it, and write it to `out` as JSON; whether there is such a ticket."""
    console = Console()
    found = explanations(rows, rules, ticket)
    for at, explanation in found:
        console.print(f"{_clock(rules, at // 1000)}  {explanation.text}", markup=False, highlight=False)
        if explanation.table:
            table = Table("ticket", "service", "class", "came at", "counts as come at")
            for line in explanation.table:
                came, counts = _clock(rules, line.came), _clock(rules, line.counts)
                table.add_row(line.ticket, line.service, line.klass, came, counts)
            console.print(table)
    write_json(out, [{"at": at, **asdict(explanation)} for at, explanation in found])
    return bool(found[0][1].ticket)


def _clock(rules: Rules, seconds: int) -> str:
    return rules.local(seconds * 1000).strftime("%H:%M:%S")
