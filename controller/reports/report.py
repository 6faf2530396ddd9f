"""`lobby report`: a day, a week or a month of a journal, or its counters, as a document."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

from controller.journal import JournalError, JournalReader
from controller.lobby.actions.take_ticket import TicketIssued
from controller.lobby.model.rules import Rules
from controller.record.rules import RecordRules
from controller.reports import sections
from controller.reports.counted import Pace, count
from controller.reports.document import Compared, Data, Report
from controller.reports.period import Beside, Kind, Period, beside

KINDS = ("day", "week", "month", "counters")
LENGTHS: dict[int, Kind] = {10: "day", 8: "week"}
"""What period the text of a report of counters is by its length; else a month."""


def period_of(kind: str, text: str) -> Period:
    """The period that a report is to be about; NoPeriodError, in one sentence, if the text is none."""
    of: Kind = LENGTHS.get(len(text), "month") if kind == "counters" else kind  # type: ignore[assignment]
    return Period.read(of, text)


def report(path: Path, about: RecordRules, kind: str, period: Period | None = None, pace: Pace = iter) -> Report:
    """A report from the journal at `path`, counted at a `pace`; without `period` about the newest in which anybody took
    a ticket. JournalError, in one sentence, if the journal cannot be read or has nothing about it."""
    rules = about.lobby
    with closing(JournalReader(path)) as reader:
        last = reader.last_day_with(TicketIssued.KIND)
        if period is None:
            if not last:
                raise JournalError(f"{path}: nobody took a ticket yet")
            period = Period.around("month" if kind == "counters" else kind, date.fromisoformat(last))  # type: ignore[arg-type]
        own = count(period.days(reader), reader, rules, pace)
        if not own.days:
            on = f"on {period.text}" if period.kind == "day" else f"in {period.text}"
            raise JournalError(
                f"{path}: nobody took a ticket {on}; the last day with tickets is {last}"
                if last
                else f"{path}: nobody took a ticket yet"
            )
        sides = [] if kind == "counters" else beside(period, reader, rules)
        compared = [_compared(each, period, reader, rules, pace) for each in sides]
    data = Data(rules, period, own, [each for each in compared if each.groups], about)
    made = (module.section(data) for module in sections.known() if kind in module.KINDS)
    return Report(
        title=data.say(f"title_{kind}", branch=rules.branch_name or rules.branch),
        about=_about(data),
        period={
            "report": kind,
            "branch": rules.branch,
            "period": period.text,
            "first": own.days[0],
            "last": own.days[-1],
            "days": len(own.days),
            "until": own.until,
            "over": own.over,
            "target": rules.target / 60,
            "beside": {each.key: [group.days for group in each.groups] for each in data.beside},
        },
        sections=[section for section in made if section],
    )


def _compared(each: Beside, period: Period, reader: JournalReader, rules: Rules, pace: Pace) -> Compared:
    groups = [counted for days in each.groups if (counted := count(days, reader, rules, pace)).days]
    shown = groups[0].days[-1] if groups and period.kind == "day" else ""
    name = rules.wording.say(f"report.beside_{period.kind}_{each.key}", n=len(groups), day=shown[5:])
    return Compared(each.key, name, groups)


def _about(data: Data) -> str:
    own, say = data.own, data.say
    parts = [say(f"about_{data.period.kind}", **_dates(data.period))]
    if data.period.kind == "day":
        ((kind, _),) = own.kinds.items()
        parts.append(_kind(data.rules, kind))
    else:
        parts.append(say("business_days", n=len(own.days)))
    if not own.over:
        parts.append(say("until", time=f"{data.rules.local(own.until):%Y-%m-%d %H:%M}"))
    return " · ".join(parts)


def _dates(period: Period) -> dict[str, object]:
    year, week, _ = period.first.isocalendar()
    return {
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "year": period.first.year if period.kind == "month" else year,
        "month": period.first.month,
        "week": week,
    }


def _kind(rules: Rules, kind: str) -> str:
    known = rules.wording.templates.get(f"page.console.day_{kind}")
    return known or rules.wording.say("page.console.day_own", profile=kind)
