"""What the console shows of emergencies: the plans, the one that is followed, and the numbers of the paper roll."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controller.lobby.model.rules import Rules
from controller.lobby.model.state import ENDED, State, Ticket
from controller.lobby.model.units import NEVER


def console(state: State, rules: Rules) -> dict[str, Any]:
    """`on`: the failure whose plan is followed since `since` (ms since 1970, UTC), empty: none; the `plans`; the
    `rolls`, empty: the branch has none; what of them was `entered` today."""
    return {
        "on": state.emergency.plan if state.emergency else "",
        "since": state.emergency.at if state.emergency else NEVER,
        "plans": [
            {"id": id, "name": plan.name, "notice": plan.notice, "steps": list(plan.steps), "roll": plan.roll}
            for id, plan in rules.emergency_plans.items()
        ],
        "rolls": [{"range": roll.range, "service": roll.service} for roll in rules.rolls],
        "entered": list(_entered(state)),
    }


def _entered(state: State) -> Iterator[dict[str, Any]]:
    """Numbers of the roll without a gap between them and for one service: how many, and how many have not ended."""
    tickets = sorted((t for t in state.tickets.values() if t.roll), key=lambda t: (t.id.rstrip("0123456789"), t.number))
    run: list[Ticket] = []
    for ticket in tickets:
        if run and not _follows(run[-1], ticket):
            yield _told(run)
            run = []
        run.append(ticket)
    if run:
        yield _told(run)


def _follows(one: Ticket, other: Ticket) -> bool:
    return (
        other.number == one.number + 1
        and other.service == one.service
        and other.id.rstrip("0123456789") == one.id.rstrip("0123456789")
    )


def _told(run: list[Ticket]) -> dict[str, Any]:
    return {
        "first": run[0].id,
        "last": run[-1].id,
        "service": run[0].service,
        "count": len(run),
        "open": sum(ticket.stage not in ENDED for ticket in run),
    }
