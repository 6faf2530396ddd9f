"""A report in a terminal, and as CSV."""

from __future__ import annotations

import csv
import io

from rich.console import Console

from controller.output import table as empty
from controller.reports.document import Report
from controller.reports.forms.values import shown


def show(console: Console, report: Report) -> None:
    """Print the tables."""
    console.print(report.title, style="bold")
    console.print(report.about)
    for section in report.sections:
        console.print()
        for table in section.tables:
            title = section.title if len(section.tables) == 1 else f"{section.title}: {table.title}"
            names = [column.heading for column in table.columns if column.unit == "text"]
            made = empty(title, names, [column.heading for column in table.columns if column.unit != "text"])
            for row, values in enumerate(table.rows):
                made.add_row(*(shown(value, table.unit(row, column)) for column, value in enumerate(values)))
            console.print(made)
        if section.note:
            console.print(section.note, style="italic")


def write_csv(report: Report) -> str:
    """One line a figure: section, table, row, its name, figure, its heading, value; shares from 0 to 1."""
    text = io.StringIO()
    # A spreadsheet takes it for UTF-8 by the mark at its beginning.
    text.write("\ufeff")
    lines = csv.writer(text)
    lines.writerow(("period", "section", "table", "row", "name", "figure", "heading", "value"))
    for section in report.sections:
        for table in section.tables:
            for id, (name, *values) in zip(table.ids, table.rows, strict=True):
                for column, value in zip(table.columns[1:], values, strict=True):
                    about = (report.period["period"], section.key, table.key, _safe(id), _safe(str(name)))
                    cell = "" if value is None else _safe(value) if isinstance(value, str) else value
                    lines.writerow((*about, column.key, column.heading, cell))
    return text.getvalue()


def _safe(text: str) -> str:
    """A spreadsheet takes what begins so for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
