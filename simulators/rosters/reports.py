"""A plan as figures for `--json`, and as tables in the branch's language and with its names. No figure is truncated on
a terminal of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from controller.lobby.model.rules import Rules
from controller.output import table
from simulators.days.scores import minutes
from simulators.rosters.judge import DAYS, SHARE, Waits
from simulators.rosters.plan import JUDGED, Hindsight, Limit, Plan, Side

SIDES = ("found", "one_less", "constant", "erlang", "everything")
"""The rosters that are set side by side; `constant` may be missing."""


def figures(plan: Plan, back: Hindsight | None, journal: str, seed: int, seconds: float) -> dict[str, Any]:
    """The figures: in minutes and hours, shares from 0 to 1; `seconds` of real time."""
    grid, expected, rules = plan.grid, plan.expected, plan.branch.rules
    periods = []
    for n, period in enumerate(grid.periods):
        customers = expected.customers(n)
        start, _, end = str(period).partition("-")
        p90 = plan.found.by_period[n]
        periods.append(
            {
                "from": start,
                "to": end,
                "services": {service: round(number, 1) for service, number in customers.items()},
                "customers": round(sum(customers.values()), 1),
                "counters": grid.open_in(plan.found.roster, n),
                "breaks": grid.breaks_in(plan.found.roster, n),
                "p90": _finite(p90),
            }
        )
    sides = {name: side for name in SIDES if (side := getattr(plan, name)) is not None}
    return {
        "branch": rules.branch,
        "day": str(plan.branch.day),
        "kind": expected.kind,
        "target": minutes(rules.target),
        "share": SHARE,
        "days": DAYS,
        "journal": journal,
        "history": {"own": expected.own, "others": expected.others},
        "customers": round(expected.total, 1),
        "door": round(sum(expected.door.values()), 1),
        "periods": periods,
        "rosters": {name: _side(side, plan) for name, side in sides.items()},
        "without": plan.without,
        "reachable": plan.reachable,
        "limit": _limit(plan.limit, plan),
        "services": {service: round(share, 3) for service, share in plan.by_service.items()},
        "looked_back": _look_back(plan, back) if back else None,
        "seed": seed,
        "simulated": plan.simulated,
        "judged": JUDGED,
        "seconds": round(seconds, 1),
    }


def _side(side: Side, plan: Plan) -> dict[str, Any]:
    shifts = plan.grid.shifts(side.roster)
    return {
        "hours": round(side.seconds / 3600, 2),
        **_waits(side.waits),
        "met": round(side.waits.met / side.waits.days, 3),
        "counters": {
            id: [str(span) for span in spans] for id, spans in zip(plan.grid.counters, shifts, strict=True) if spans
        },
    }


def _finite(minutes: float) -> float | None:
    """Minutes to a tenth; None: for ever."""
    return round(minutes, 1) if math.isfinite(minutes) else None


def _waits(waits: Waits) -> dict[str, Any]:
    return {
        "p50": _finite(waits.minutes(50)),
        "p90": _finite(waits.minutes(90)),
        "within": round(waits.within, 3),
        "above_3": round(waits.above_3, 3),
        "never_called": waits.never_called,
    }


def _limit(limit: Limit, plan: Plan) -> dict[str, Any]:
    return {"kind": limit.kind, "from": str(plan.grid.periods[limit.period])[:5], "service": limit.service}


def _look_back(plan: Plan, back: Hindsight) -> dict[str, Any]:
    """What was expected and what came."""
    services = {}
    for service in plan.branch.rules.services:
        expected = sum(plan.expected.customers(n)[service] for n in range(len(plan.grid.periods)))
        services[service] = {"expected": round(expected, 1), "came": sum(each.get(service, 0) for each in back.came)}
    came = [sum(each.values()) for each in back.came]
    errors = [abs(sum(plan.expected.customers(n).values()) - number) for n, number in enumerate(came)]
    return {
        "services": services,
        "expected": round(plan.expected.total, 1),
        "came": back.total,
        "periods": came,
        "off_by": round(sum(errors) / len(errors), 1),
        "was": {"hours": round(back.was_seconds / 3600, 2), **_waits(back.was)},
        "would_be": {"hours": round(plan.found.seconds / 3600, 2), **_waits(back.would_be)},
    }


class _Words:
    """The words of a plan, in the branch's language."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def __call__(self, key: str, **about: object) -> str:
        return self._rules.wording.say(f"roster.{key}", **about)

    def service(self, id: str) -> str:
        return self._rules.service_name(id)


def kind_name(rules: Rules, kind: str) -> str:
    """The name of a kind of day: its id, for one of the branch's own."""
    key = f"roster.kind_{kind}"
    return rules.wording.say(key) if key in rules.wording.templates else kind


def _minutes(minutes: float | None, say: _Words, digits: int = 1) -> str:
    return say("never") if minutes is None else f"{minutes:.{digits}f}"


def _percent(part: float) -> str:
    return f"{100 * part:.0f}"


def show_plan(console: Console, found: Mapping[str, Any], rules: Rules) -> None:
    """Print the figures of a plan."""
    say = _Words(rules)
    head = f"{rules.branch_name or rules.branch}  {found['day']}"
    console.print(say("head", head=head, kind=kind_name(rules, found["kind"])), style="bold")
    console.print(say("target", minutes=f"{found['target']:g}", share=_percent(SHARE), days=_percent(DAYS)))
    console.print(_from(found, rules, say))
    console.print()
    console.print(_arrivals(found, rules, say))
    console.print(say("door", n=f"{found['door']:.0f}"), style="italic")
    console.print()
    console.print(_roster(found, say))
    console.print(say("break_note"), style="italic")
    console.print()
    console.print(_sides(found, say))
    console.print(say("sides_note", n=found["judged"], days=_percent(DAYS)), style="italic")
    parts = [say("of_service", name=say.service(id), share=_percent(share)) for id, share in found["services"].items()]
    if parts:
        console.print(say("services", parts=say("and").join(parts)))
    console.print(_limits(found, say))
    if found["looked_back"]:
        console.print()
        _show_look_back(console, found["looked_back"], say)
    console.print()
    console.print(say("took", seconds=f"{found['seconds']:.0f}", n=f"{found['simulated']:,}", seed=found["seed"]))


def _from(found: Mapping[str, Any], rules: Rules, say: _Words) -> str:
    """Where the expected customers come from."""
    own, others = found["history"]["own"], found["history"]["others"]
    if not own and not others:
        return say("no_history", kind=kind_name(rules, found["kind"]))
    key = "history" if own else "other_history"
    return say(key, own=own, others=others, kind=kind_name(rules, found["kind"]), journal=found["journal"])


def _arrivals(found: Mapping[str, Any], rules: Rules, say: _Words) -> Table:
    services = list(rules.services)
    made = Table(title=say("arrivals"), title_justify="left", title_style="bold")
    made.add_column("")
    for heading in (*map(say.service, services), say("all")):
        made.add_column(heading, justify="right", overflow="fold")
    for period in found["periods"]:
        numbers = [f"{period['services'][service]:.1f}" for service in services]
        made.add_row(f"{period['from']}-{period['to']}", *numbers, f"{period['customers']:.1f}")
    totals = [f"{sum(period['services'][service] for period in found['periods']):.0f}" for service in services]
    made.add_section()
    made.add_row(say("day"), *totals, f"{found['customers']:.0f}")
    return made


def _roster(found: Mapping[str, Any], say: _Words) -> Table:
    headings = (say("time"), say("customers"), say("open"), say("which"), say("break"), say("p90"))
    made = Table(title=say("roster"), title_justify="left", title_style="bold")
    for n, heading in enumerate(headings):
        made.add_column(heading, justify="left" if n in (0, 3, 4) else "right", overflow="fold")
    for period in found["periods"]:
        made.add_row(
            f"{period['from']}-{period['to']}",
            f"{period['customers']:.0f}",
            str(len(period["counters"])),
            " ".join(period["counters"]),
            " ".join(period["breaks"]),
            _minutes(period["p90"], say, 0),
        )
    return made


def _sides(found: Mapping[str, Any], say: _Words) -> Table:
    made = table(
        say("sides", minutes=f"{found['target']:g}"),
        [""],
        [say("hours"), say("half"), say("most"), say("within"), say("above_3"), say("met")],
    )
    for name, side in found["rosters"].items():
        made.add_row(
            say(f"side_{name}", counter=found["without"]),
            f"{side['hours']:.1f}",
            _minutes(side["p50"], say),
            _minutes(side["p90"], say),
            _percent(side["within"]),
            _percent(side["above_3"]),
            _percent(side["met"]),
        )
    if "constant" not in found["rosters"]:
        made.add_row(say("side_constant"), *["-"] * 6)
    return made


def _limits(found: Mapping[str, Any], say: _Words) -> str:
    limit = found["limit"]
    return say(f"limit_{limit['kind']}", at=limit["from"], service=say.service(limit["service"]))


def _show_look_back(console: Console, back: Mapping[str, Any], say: _Words) -> None:
    made = table(say("came"), [""], [say("expected"), say("actual"), say("error")])
    rows: Sequence[tuple[str, float, int]] = [
        *((say.service(id), each["expected"], each["came"]) for id, each in back["services"].items()),
        (say("all"), back["expected"], back["came"]),
    ]
    for name, expected, came in rows:
        made.add_row(name, f"{expected:.0f}", str(came), f"{expected - came:+z.0f}")
    console.print(made)
    console.print(say("off_by", error=f"{back['off_by']:.1f}"))
    for key in ("was", "would_be"):
        side = back[key]
        about = {"share": _percent(side["within"]), "hours": f"{side['hours']:.1f}"}
        console.print(say(key, **about, half=_minutes(side["p50"], say), most=_minutes(side["p90"], say)))
