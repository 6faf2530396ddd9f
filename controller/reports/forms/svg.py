"""Charts as SVG, drawn like those of the page of the day: the own values, and what they are set beside.

All colours are attributes, so that every program that draws SVG draws them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import count, groupby

from controller.reports.document import Chart

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 440, 190, 34, 8, 10, 22
NAMED = 12
"""Labels that stand below a chart at most."""
INK, SOFT, LINE, BRAND, STOP = "#10202e", "#4a5a68", "#b9c4cd", "#0b5394", "#b42318"
LINES = (("#8a6d1f", "5 3"), ("#6a7d8c", "1.5 2.5"), ("#2e7d4f", "8 3 2 3"))
"""Colour and dashes of what the values are set beside."""

Values = Sequence[float | None]
Scale = Callable[[float], float]


def styles(chart: Chart) -> Iterator[tuple[str, str, str]]:
    """(line, colour, dashes) of a chart, its own first."""
    yield "own", BRAND, ""
    for line, (colour, dashes) in zip((key for key in chart.lines if key != "own"), LINES, strict=False):
        yield line, colour, dashes


def draw(chart: Chart) -> str:
    """The picture."""
    known = [value for values in chart.lines.values() for value in values if value is not None]
    top, gap = _scale(max([*known, chart.mark[0] * 1.2 if chart.mark else 0, 0]))
    steps = max(1, len(chart.labels))

    def x(step: float) -> float:
        return LEFT + step / steps * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    parts = [*_axes(chart, x, y, top, gap)]
    # Bars would cover lines; the own line covers others.
    for line, colour, dashes in [*styles(chart)][:: 1 if chart.bars else -1]:
        values = chart.lines.get(line, ())
        if line == "own" and chart.bars:
            parts += _bars(values, x, y)
        else:
            parts += _line(values, colour, dashes, x, y, flat=chart.bars)
    if chart.mark:
        value, name = chart.mark
        parts.append(_path(f"M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}", STOP, 1, "2 3"))
        parts.append(_label(WIDTH - RIGHT, y(value) - 3, name, "end", STOP, 11))
    about = escape(f"{chart.title} ({chart.unit})", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{about}">'
        f"{''.join(parts)}</svg>"
    )


def key(colour: str, dashes: str, *, bar: bool) -> str:
    """A line of the legend, as a picture."""
    mark = f'<rect width="26" height="10" y="1" fill="{colour}"/>' if bar else _path("M0 6H26", colour, 2, dashes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="key" viewBox="0 0 26 12" width="26" height="12">{mark}</svg>'
    )


def _scale(most: float) -> tuple[float, float]:
    """The top of a scale for values up to `most`, and the distance of its lines: a round number."""
    rough = max(most, 1) / 4
    power = 10 ** math.floor(math.log10(rough))
    times = (1, 2, 5 if power < 10 else 2.5, 5, 10)
    gap = max(1, next(each for each in times if each * power >= rough - 1e-9) * power)
    return max(gap, math.ceil(most / gap) * gap), gap


def _axes(chart: Chart, x: Scale, y: Scale, top: float, gap: float) -> Iterator[str]:
    for step in count():
        value = step * gap
        if value > top:
            break
        yield _path(f"M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}", LINE, 1)
        yield _label(LEFT - 5, y(value) + 4, f"{value:,g}", "end", SOFT, 12)
    every = math.ceil(len(chart.labels) / NAMED)
    for place, label in enumerate(chart.labels):
        if place % every == 0:
            yield _label(x(place + 0.5), HEIGHT - 5, label, "middle", SOFT, 11)


def _bars(values: Values, x: Scale, y: Scale) -> Iterator[str]:
    for step, value in enumerate(values):
        if value:
            yield (
                f'<rect x="{x(step + 0.16):.1f}" y="{y(value):.1f}" width="{x(0.68) - x(0):.1f}" '
                f'height="{y(0) - y(value):.1f}" fill="{BRAND}"/>'
            )


def _line(values: Values, colour: str, dashes: str, x: Scale, y: Scale, *, flat: bool) -> Iterator[str]:
    """A line with a gap where nothing is known; `flat`: level all through each step, as bars are."""
    for is_known, run in groupby(enumerate(values), lambda each: each[1] is not None):
        if not is_known:
            continue
        known = [(step, value) for step, value in run if value is not None]
        if flat:
            points = [(x(end), y(value)) for step, value in known for end in (step, step + 1)]
        else:
            points = [(x(step + 0.5), y(value)) for step, value in known]
        path = "L".join(f"{left:.1f} {up:.1f}" for left, up in points)
        if flat:  # on bars a line needs a light edge
            yield _path(f"M{path}", "#fff", 3.6)
        yield _path(f"M{path}", colour, 2.2 if not dashes else 1.6, dashes)
        if not flat and (not dashes or len(points) == 1):
            for left, up in points:
                yield f'<circle cx="{left:.1f}" cy="{up:.1f}" r="2.6" fill="{colour}"/>'


def _path(path: str, colour: str, width: float, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"{dashed}/>'


def _label(left: float, up: float, text: str, anchor: str, colour: str, size: int) -> str:
    place = f'x="{left:.1f}" y="{up:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(text)}</text>'
