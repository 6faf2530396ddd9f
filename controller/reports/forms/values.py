"""How values stand in reports that people read."""

from __future__ import annotations

from controller.reports.document import Unit, Value

NONE = "—"


def shown(value: Value, unit: Unit) -> str:
    """A value as people read it; its unit is in the heading, but for shares."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    if unit == "share":
        return f"{100 * value:.1f}%"
    if unit == "count" or (unit == "mean" and value == int(value)):
        return f"{int(value):,}"
    return f"{value:,.1f}"
