"""A plan drawn: who is expected when, which counter is open when, and the waits that follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from controller.lobby.model.calendar import Span, clock
from simulators.days.pictures import (
    BELOW_TIME,
    BOTTOM,
    BUSY,
    FAINT,
    FILLS,
    GAP,
    INK,
    LEFT,
    PAIR,
    PAUSED,
    RIGHT,
    ROW,
    TOP,
    WIDTH,
    head,
    legend,
    panel,
    sheet,
    style,
)
from simulators.rosters.plan import Hindsight, Plan, Side
from simulators.rosters.reports import kind_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIGHEST = 4.0
"""How many times the target the waits go up to; those above it, and those of people who are never called, are at the
edge."""


def draw(plan: Plan, back: Hindsight | None = None) -> Figure:
    """The picture; with what came of it, if the day has been."""
    rules = plan.branch.rules
    with style():
        heights = (2.4, ROW * max(len(plan.grid.counters), 2) + 0.1, 2.3)
        gaps = (GAP, BELOW_TIME, BOTTOM)
        where = f"{rules.branch_name or rules.branch}  {plan.branch.day}"
        title = rules.wording.say("roster.head", head=where, kind=kind_name(rules, plan.expected.kind))
        figure = sheet(title, TOP + sum(heights) + sum(gaps))
        wide, top = WIDTH - LEFT - RIGHT, figure.get_figheight() - TOP
        panels = []
        for deep, below in zip(heights, gaps, strict=True):
            panels.append(panel(figure, LEFT, top, wide, deep))
            top -= deep + below
        _draw_arrivals(panels[0], plan, back)
        _draw_roster(panels[1], plan)
        _draw_waits(panels[2], plan)
        for axes in panels:
            _time_axis(axes, plan.grid.periods, labels=axes is panels[-1])
        return figure


def _say(plan: Plan, key: str, **about: object) -> str:
    return plan.branch.rules.wording.say(f"roster.{key}", **about)


def _time_axis(axes: Axes, periods: Sequence[Span], *, labels: bool) -> None:
    first, last = periods[0].start, periods[-1].end
    hours = range(-(-first // 3600) * 3600, last + 1, 3600)
    axes.set_xlim(first, last)
    axes.set_xticks(list(hours), [clock(hour) for hour in hours])
    axes.tick_params(axis="x", labelbottom=labels)


def _draw_arrivals(axes: Axes, plan: Plan, back: Hindsight | None) -> None:
    periods, rules = plan.grid.periods, plan.branch.rules
    head(axes, _say(plan, "arrivals"), _say(plan, "arrivals_total", n=f"{plan.expected.total:.0f}"))
    axes.set_ylabel(_say(plan, "customers"))
    starts, widths = [period.start for period in periods], [period.end - period.start for period in periods]
    below = [0.0] * len(periods)
    customers = [plan.expected.customers(n) for n in range(len(periods))]
    for place, service in enumerate(rules.services):
        numbers = [each[service] for each in customers]
        axes.bar(
            starts,
            numbers,
            widths,
            below,
            align="edge",
            color=FILLS[place % len(FILLS)],
            edgecolor="white",
            linewidth=0.8,
            label=rules.service_name(service),
            gid=f"arrivals-{service}",
            zorder=2,
        )
        below = [base + number for base, number in zip(below, numbers, strict=True)]
    if back:
        middles = [(period.start + period.end) / 2 for period in periods]
        came = [sum(each.values()) for each in back.came]
        axes.scatter(middles, came, s=26, color=INK, label=_say(plan, "actual"), gid="came", zorder=3, clip_on=False)
        below = [max(pair) for pair in zip(below, came, strict=True)]
    axes.set_ylim(0, max(4.0, 1.08 * max(below)))
    axes.locator_params(axis="y", nbins=6, integer=True)
    legend(axes, upside_down=True)


def _draw_roster(axes: Axes, plan: Plan) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415

    grid, rules = plan.grid, plan.branch.rules
    hours = f"{plan.found.seconds / 3600:.1f}"
    head(axes, _say(plan, "roster"), _say(plan, "roster_hours", hours=hours))
    for row, (id, mask) in enumerate(zip(grid.counters, plan.found.roster, strict=True)):
        where = (row - 0.36, 0.72)
        spans = grid.spans(mask)
        between = [(one.end, other.start - one.end) for one, other in grid.breaks(mask)]
        axes.broken_barh(between, where, facecolor=PAUSED, hatch="/////", linewidth=0, gid=f"break-{id}", zorder=2)
        bars = [(span.start, span.end - span.start) for span in spans]
        axes.broken_barh(bars, where, facecolor=BUSY, edgecolor="white", linewidth=0.8, gid=f"open-{id}", zorder=3)
    numbers = [(period, str(len(grid.open_in(plan.found.roster, n)))) for n, period in enumerate(grid.periods)]
    below: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": 9}
    for period, number in numbers:
        axes.annotate(number, ((period.start + period.end) / 2, 0), xytext=(0, -14), ha="center", **below)
    axes.annotate(_say(plan, "open"), (grid.periods[0].start, 0), xytext=(-8, -14), ha="right", color=FAINT, **below)
    axes.set_ylim(max(len(grid.counters), 2) - 0.4, -0.6)
    names = [rules.wording.say("picture.counter", counter=id) for id in grid.counters]
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    legend(
        axes,
        [
            Patch(facecolor=BUSY, label=_say(plan, "open_bar")),
            Patch(facecolor=PAUSED, hatch="/////", linewidth=0, label=_say(plan, "break")),
        ],
    )


def _draw_waits(axes: Axes, plan: Plan) -> None:
    target = plan.branch.rules.target / 60
    within = f"{100 * plan.found.waits.within:.0f}"
    minutes = f"{target:g}"
    head(axes, _say(plan, "waits"), _say(plan, "waits_within", share=within, minutes=minutes))
    axes.set_ylabel(_say(plan, "minutes"))
    periods = plan.grid.periods
    sides: tuple[tuple[Side, str], ...] = (
        (plan.one_less, _say(plan, "side_one_less", counter=plan.without)),
        (plan.found, _say(plan, "side_found")),
    )
    top = HIGHEST * target
    highest = target * 1.25
    for which, ((side, label), (colour, line)) in enumerate(zip(sides, PAIR, strict=True)):
        values = [min(top, value) if math.isfinite(value) else top for value in side.by_period]
        highest = max(highest, *(1.06 * value for value in values))
        edges = [period.start for period in periods] + [periods[-1].end]
        axes.step(
            edges,
            [*values, values[-1]],
            where="post",
            color=colour,
            linestyle=line,
            linewidth=1.6,
            label=label,
            gid=f"waits-{'one-less' if which == 0 else 'found'}",
            zorder=3,
        )
    label = plan.branch.rules.wording.say("picture.target", minutes=minutes)
    axes.axhline(target, color=INK, linewidth=1, linestyle="--", label=label, zorder=2, gid="line-target")
    axes.set_ylim(0, min(top, highest))
    axes.locator_params(axis="y", nbins=6)
    legend(axes)
