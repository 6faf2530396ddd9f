"""A report as one HTML file with its pictures in it, which reads on a screen and on A4; and as PDF, made of it."""

from __future__ import annotations

import logging
from html import escape
from importlib import import_module

from controller.reports.document import Chart, Report, Section, Table
from controller.reports.forms import svg
from controller.reports.forms.values import shown

STYLE = """
@page { size: A4 portrait; margin: 14mm 12mm; }
* { box-sizing: border-box; }
html { background: #e9edf0; }
body { max-width: 190mm; margin: 8mm auto; padding: 10mm; background: #fff; color: #10202e;
  font: 10.5pt/1.4 system-ui, "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC",
  "WenQuanYi Zen Hei", sans-serif; }
header { padding-bottom: 2mm; border-bottom: 2px solid #10202e; }
h1 { margin: 0; font-size: 17pt; line-height: 1.25; }
header p { margin: 1mm 0 0; color: #4a5a68; }
h2 { margin: 7mm 0 2mm; font-size: 13pt; break-after: avoid; }
h2 + * { break-before: avoid; }
table { width: 100%; border-collapse: collapse; margin: 0 0 4mm; font-size: 9.5pt; break-inside: auto; }
.whole { break-inside: avoid; }
caption { padding: 1mm 0; text-align: left; font-weight: 700; break-after: avoid; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th, td { padding: .7mm 1.4mm; border-bottom: 1px solid #dde4ea; text-align: right; font-weight: 400;
  font-variant-numeric: tabular-nums; vertical-align: bottom; }
thead th { border-bottom: 1px solid #10202e; color: #4a5a68; word-break: keep-all; }
.text { text-align: left; }
tbody .text { white-space: nowrap; }
tr.all > * { border-top: 1px solid #10202e; font-weight: 700; }
.charts { margin: 0 0 3mm; }
.charts::after { content: ""; display: block; clear: both; }
figure { float: left; width: 49%; margin: 0 2% 3mm 0; break-inside: avoid; }
figure:nth-child(2n) { margin-right: 0; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { font-size: 9.5pt; }
.soft, .note { color: #4a5a68; }
.note { margin: 0 0 2mm; font-size: 9pt; }
ul { margin: 1mm 0 0; padding: 0; list-style: none; font-size: 9pt; }
li { display: inline-block; margin-right: 4mm; }
svg.key { display: inline-block; width: 26px; height: 12px; margin-right: 1.5mm; vertical-align: -1px; }
@media print {
  html { background: #fff; }
  body { max-width: none; margin: 0; padding: 0; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
@media screen and (max-width: 40rem) {
  body { margin: 0; padding: 4mm; }
  section { overflow-x: auto; }
  figure { float: none; width: 100%; }
}
"""


SHORT = 16
"""Rows of a table that stays on one page."""


class NoPdfError(Exception):
    """What makes PDF is not installed; the text says what to do."""


def write(report: Report, language: str) -> str:
    """The file; `language` as in a configuration."""
    lang = "zh-CN" if language == "zh" else language
    title, about = escape(report.title), escape(report.about)
    body = "\n".join(_section(section) for section in report.sections)
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title} · {about}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<header><h1>{title}</h1><p>{about}</p></header>\n{body}\n</body>\n</html>\n"
    )


def write_pdf(report: Report, language: str) -> bytes:
    """The same as PDF, with the fonts that it needs in it. NoPdfError if WeasyPrint, or Pango below it, is missing."""
    for name in ("weasyprint", "weasyprint.progress"):  # it tells each step, and every rule that is for screens
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        weasyprint = import_module("weasyprint")
    except (ImportError, OSError) as error:
        raise NoPdfError(
            "a PDF needs WeasyPrint (pip install 'lobby-controller[pdf]', and Pango from the system); or write it with "
            "--format html and print that to PDF in a browser"
        ) from error
    pdf: bytes = weasyprint.HTML(string=write(report, language)).write_pdf()
    return pdf


def _section(section: Section) -> str:
    parts = [f"<section>\n<h2>{escape(section.title)}</h2>"]
    if section.charts:
        parts.append(f'<div class="charts">{"".join(_chart(chart) for chart in section.charts)}</div>')
    parts += [_table(table, named=len(section.tables) > 1) for table in section.tables]
    if section.note:
        parts.append(f'<p class="note">{escape(section.note)}</p>')
    return "\n".join([*parts, "</section>"])


def _chart(chart: Chart) -> str:
    legend = ""
    if len(chart.lines) > 1:
        entries = (
            f"<li>{svg.key(colour, dashes, bar=chart.bars and line == 'own')}{escape(chart.names[line])}</li>"
            for line, colour, dashes in svg.styles(chart)
        )
        legend = f"<ul>{''.join(entries)}</ul>"
    caption = f'<strong>{escape(chart.title)}</strong> <span class="soft">{escape(chart.unit)}</span>'
    return f"<figure><figcaption>{caption}</figcaption>{svg.draw(chart)}{legend}</figure>"


def _table(table: Table, *, named: bool) -> str:
    caption = f"<caption>{escape(table.title)}</caption>" if named else ""
    head = "".join(f'<th scope="col"{_class(column.unit)}>{escape(column.heading)}</th>' for column in table.columns)
    rows = []
    for place, (id, values) in enumerate(zip(table.ids, table.rows, strict=True)):
        cells = []
        for column, value in enumerate(values):
            text, tag = escape(shown(value, table.unit(place, column))), "td" if column else 'th scope="row"'
            cells.append(f"<{tag}{_class(table.columns[column].unit)}>{text}</{tag.partition(' ')[0]}>")
        kind = ' class="all"' if id == "all" else ""
        rows.append(f"<tr{kind}>{''.join(cells)}</tr>")
    whole = ' class="whole"' if len(table.rows) <= SHORT else ""
    return f"<table{whole}>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _class(unit: str) -> str:
    return ' class="text"' if unit == "text" else ""
