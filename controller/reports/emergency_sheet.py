"""The emergency plans on paper: a page of HTML that needs nothing else, on A4, in the branch's language and the other.

First what to do in each failure, one on a sheet, then the register in which the lobby manager writes the numbers that
she hands out: empty lines, since the roll goes on where it was last used. One register is for as many numbers as it has
lines; it is copied as often as needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from controller.lobby.model.emergency import Plan
from controller.lobby.model.rules import Rules

LINES = 22
"""Numbers on a register: what fits on a sheet with room to write by hand."""
COLUMNS = ("number", "service", "klass", "taken", "served", "entered")

STYLE = """
@page { size: A4; margin: 14mm 14mm 12mm; }
* { box-sizing: border-box; margin: 0; padding: 0; }
body { font: 13pt/1.4 "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #000; background: #fff; }
section { break-after: page; max-width: 182mm; margin: 0 auto; padding: 6mm 0; }
section:last-child { break-after: auto; }
@media print { section { padding: 0; } }
header { border-bottom: 1.2mm solid #000; padding-bottom: 2mm; margin-bottom: 4mm; }
header p { font-size: 11pt; }
h1 { font-size: 24pt; line-height: 1.2; }
h1 small { font-size: 15pt; font-weight: 400; }
article + article { margin-top: 6mm; padding-top: 5mm; border-top: .3mm solid #000; }
h2 { font-size: 18pt; margin-bottom: 2mm; }
ol { padding-left: 9mm; }
li { padding: .9mm 0; }
.tell { border: .5mm solid #000; padding: 2.5mm 3mm; margin: 2mm 0 3mm; font-size: 15pt; font-weight: 700; }
.tell small { display: block; font-size: 10pt; font-weight: 400; }
article[lang="en"] { font-size: 11.5pt; }
article[lang="en"] h2 { font-size: 15pt; }
article[lang="en"] .tell { font-size: 12.5pt; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { border: .3mm solid #000; padding: 1mm 1.5mm; text-align: left; vertical-align: middle; }
th { font-size: 9.5pt; line-height: 1.25; }
th small { display: block; font-weight: 400; }
td { height: 8.6mm; }
col.number { width: 15%; } col.service { width: 22%; } col.klass { width: 15%; }
col.taken { width: 15%; } col.served { width: 20%; } col.entered { width: 13%; }
.fill { display: flex; gap: 8mm; margin: 2mm 0; font-size: 11pt; }
.fill span { flex: 1; border-bottom: .3mm solid #000; }
"""


def sheet(rules: Rules) -> str:
    """The page."""
    languages = list(rules.languages.values())
    title = _both(languages, "title")
    plans = ([spoken.emergency_plans[failure] for spoken in languages] for failure in rules.emergency_plans)
    body = "".join([*(_plan(plan, languages) for plan in plans), _register(languages)])
    head = f'<meta charset="utf-8"><title>{title} · {escape(rules.branch_name)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="{rules.wording.language}"><head>{head}</head><body>{body}</body></html>\n'


def _both(languages: Iterable[Rules], key: str) -> str:
    """A text of the sheet in every language."""
    return " · ".join(escape(spoken.wording.say(f"emergency_sheet.{key}")) for spoken in languages)


def _plan(plans: list[Plan], languages: list[Rules]) -> str:
    """What to do in a failure, in each language."""
    return f"<section>{_head(languages, 'title')}{''.join(map(_in_language, plans, languages))}</section>"


def _head(languages: list[Rules], key: str) -> str:
    usual, *others = (escape(spoken.wording.say(f"emergency_sheet.{key}")) for spoken in languages)
    about = f"{escape(languages[0].branch_name)} · {_both(languages, 'roll')}: {escape(_rolls(languages[0]))}"
    keep = "".join(f"<p>{escape(spoken.wording.say('emergency_sheet.intro'))}</p>" for spoken in languages)
    keep = keep if key == "title" else ""
    return f"<header><h1>{usual} <small>{' · '.join(others)}</small></h1><p>{about}</p>{keep}</header>"


def _rolls(rules: Rules) -> str:
    """The rolls, and what each is for."""
    say = rules.wording.say
    told = [
        f"{roll.range} ({rules.service_name(roll.service) if roll.service else say('emergency_sheet.any_service')})"
        for roll in rules.rolls
    ]
    return "; ".join(told) or say("emergency_sheet.no_roll")


def _in_language(plan: Plan, rules: Rules) -> str:
    tell = escape(rules.wording.say("emergency_sheet.tell"))
    steps = "".join(f"<li>{escape(step)}</li>" for step in plan.steps)
    return (
        f'<article lang="{rules.wording.language}"><h2>{escape(plan.name)}</h2>'
        f'<p class="tell"><small>{tell}</small>{escape(plan.notice)}</p><ol>{steps}</ol></article>'
    )


def _register(languages: list[Rules]) -> str:
    columns = "".join(f'<col class="{column}">' for column in COLUMNS)
    heads = "".join(f"<th>{'<br>'.join(_column(languages, column))}</th>" for column in COLUMNS)
    rows = f"<tr>{'<td></td>' * len(COLUMNS)}</tr>" * LINES
    how = "".join(f"<p>{escape(spoken.wording.say('emergency_sheet.register_how'))}</p>" for spoken in languages)
    fills = "".join(f"{_both(languages, key)} <span></span>" for key in ("date", "signed"))
    table = f"<table><colgroup>{columns}</colgroup><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<section>{_head(languages, "register")}{how}<p class="fill">{fills}</p>{table}</section>'


def _column(languages: Iterable[Rules], column: str) -> Iterator[str]:
    return (escape(spoken.wording.say(f"emergency_sheet.{column}")) for spoken in languages)
