"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from controller.reports.document import Report, Table
from controller.reports.forms.values import shown


def write(report: Report) -> str:
    """The text."""
    lines = [f"# {_text(report.title)}", "", _text(report.about), ""]
    for section in report.sections:
        lines += [f"## {_text(section.title)}", ""]
        for table in section.tables:
            if len(section.tables) > 1:
                lines += [f"### {_text(table.title)}", ""]
            lines += [*_table(table), ""]
        if section.note:
            lines += [_text(section.note), ""]
    return "\n".join(lines)


def _table(table: Table) -> Iterator[str]:
    yield _row(column.heading for column in table.columns)
    yield "|" + "|".join("---" if column.unit == "text" else "---:" for column in table.columns) + "|"
    for row, values in enumerate(table.rows):
        yield _row(shown(value, table.unit(row, column)) for column, value in enumerate(values))


def _row(cells: Iterator[str]) -> str:
    return "| " + " | ".join(map(_text, cells)) + " |"


def _text(text: str) -> str:
    """Names of a configuration may hold what Markdown takes for marks."""
    for mark in "\\|`*_<>[]#":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")
