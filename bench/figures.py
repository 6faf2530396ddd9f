"""Figures: what was measured, its floor and its target; the table for people and the JSON for the rest."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `ratio` is the median of the runs' ratios, so not exactly `value / floor`.

    The target is `most` or `least`, for the ratio where there is one, else for the value; without either, the figure
    is for information.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    most: float | None = None
    least: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None if there is none."""
        judged = self.value if self.ratio is None else self.ratio
        if self.most is not None:
            return judged <= self.most
        return None if self.least is None else judged >= self.least

    @property
    def target(self) -> str:
        """The target as it stands in the table."""
        limit = self.least if self.most is None else self.most
        if limit is None:
            return ""
        sign = ">=" if self.most is None else "<="
        return f"{sign} {limit:g} x" if self.ratio is not None else f"{sign} {limit:,g} {self.unit}"

    def as_json(self) -> dict[str, Any]:
        """The figure for programs."""
        keys = ("name", "value", "unit", "floor", "ratio", "most", "least", "met")
        return {key: getattr(self, key) for key in keys} | {"detail": dict(self.detail)}


def against_floor(
    name: str, ours: Sequence[float], floors: Sequence[float], unit: str, *, most: float | None = None, **detail: Any
) -> Figure:
    """A figure from one value and one floor per run: medians, and the median of the ratios."""
    ratios = [value / floor for value, floor in zip(ours, floors, strict=True)]
    median = statistics.median
    runs = {"runs": list(ours), "floors": list(floors), "ratios": ratios}
    return Figure(name, median(ours), unit, median(floors), median(ratios), most=most, detail=runs | detail)


def table(figures: Sequence[Figure]) -> Table:
    """The figures for people."""
    shown = Table(title="lobby: measurements")
    for column in ("measurement", "value", "floor", "ratio", "target", ""):
        shown.add_column(column, justify="right" if column in ("value", "floor", "ratio") else "left")
    marks = {True: "[green]met[/]", False: "[red]not met[/]", None: ""}
    for figure in figures:
        floor = "" if figure.floor is None else f"{_number(figure.floor)} {figure.unit}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} x"
        value = f"{_number(figure.value)} {figure.unit}"
        shown.add_row(figure.name, value, floor, ratio, figure.target, marks[figure.met])
    return shown


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def write_json(path: Path, figures: Sequence[Figure], *, quick: bool) -> None:
    """All figures with their runs, and the machine they are of."""
    machine = {"python": platform.python_version(), "system": platform.platform(), "processors": cpu_count()}
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine,
        "figures": [figure.as_json() for figure in figures],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
