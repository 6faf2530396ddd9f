"""What a report is made of, whatever it is then written as: sections of facts, tables and charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from controller.lobby.model.rules import Rules
from controller.record.rules import RecordRules, Thing
from controller.reports.counted import Counted, Level, mean
from controller.reports.period import Period

Unit = Literal["text", "count", "minutes", "share", "number", "mean"]
"""`minutes` and `number` with one decimal, `mean` whole where it is, `share` from 0 to 1."""
Value = str | int | float | None
"""None: there is none."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the key of its figure for programs, its heading, its unit."""

    key: str
    heading: str
    unit: Unit = "count"


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column names its rows. `ids`: the rows for programs."""

    key: str
    title: str
    columns: Sequence[Column]
    ids: Sequence[str]
    rows: Sequence[Sequence[Value]]
    units: Sequence[Unit] = ()
    """The unit of each row, where it is not the columns'."""

    def unit(self, row: int, column: int) -> Unit:
        """The unit of a value."""
        return self.units[row] if self.units and column else self.columns[column].unit

    def content(self) -> list[dict[str, Any]]:
        """As plain data: a row's `id`, and its figures by their keys."""
        return [
            {"id": id} | {column.key: value for column, value in zip(self.columns, row, strict=True)}
            for id, row in zip(self.ids, self.rows, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: the values at `labels`, drawn as bars or as a line, with what they are set beside. `mark`: a value to be
    compared with, and its name."""

    key: str
    title: str
    unit: str
    labels: Sequence[str]
    lines: Mapping[str, Sequence[float | None]]
    """`own` and keys of `Beside`."""
    names: Mapping[str, str]
    bars: bool = False
    mark: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report with a heading. `note`: what has to be known to read it."""

    key: str
    title: str
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report: `about` says of which days it is; `period` is that for programs."""

    title: str
    about: str
    period: Mapping[str, Any]
    sections: Sequence[Section] = field(default_factory=tuple)

    def content(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **self.period,
            "sections": {
                section.key: {table.key: table.content() for table in section.tables} for section in self.sections
            },
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """What a report is set beside: `groups` of days, whose mean is taken; `name`: what it is called."""

    key: str
    name: str
    groups: Sequence[Counted]

    def levels(self, name: str) -> dict[Any, Level]:
        """As `Counted.levels`, the mean of all groups."""
        each = [group.levels(name) for group in self.groups]
        ids = {id: None for levels in each for id in levels}
        return {id: found for id in ids if (found := mean([levels.get(id) for levels in each]))}

    def level(self) -> Level | None:
        """As `Counted.level`, the mean of all groups."""
        return mean([group.level() for group in self.groups])

    def tickets(self, name: str) -> dict[Any, float]:
        """As `Counted.tickets`, the mean of all groups."""
        each = [group.tickets(name) for group in self.groups]
        return {id: round(sum(c[id] for c in each) / len(each), 1) for id in {id: None for c in each for id in c}}

    def mean(self, figure: Callable[[Counted], float]) -> float:
        """The mean of a figure of each group."""
        return round(float(sum(figure(group) for group in self.groups)) / len(self.groups), 1)


@dataclass(frozen=True, slots=True)
class Data:
    """What a section is made from."""

    rules: Rules
    period: Period
    own: Counted
    beside: Sequence[Compared]
    record: RecordRules
    """What names things that may break, causes of complaints and check lists."""

    @property
    def things(self) -> Mapping[str, Thing]:
        """The devices and other things that may break, by id."""
        return self.record.things

    def say(self, key: str, /, **about: object) -> str:
        """A text of reports in the branch's language."""
        return self.rules.wording.say(f"report.{key}", **about)

    @property
    def names(self) -> dict[str, str]:
        """What the lines of charts are called."""
        return {"own": self.own_name, **{each.key: each.name for each in self.beside}}

    @property
    def own_name(self) -> str:
        """What the report's own days are called."""
        return self.period.text

    def service(self, id: str) -> str:
        """A service's name."""
        return self.rules.service_name(id)

    def thing(self, id: str) -> str:
        """What people call a device, or something else that may break."""
        return self.record.name_of(id)

    def hour(self, hour: int) -> str:
        """An hour of the day, as people read it."""
        return f"{hour:02d}:00"

    def ordered(self, configured: Mapping[str, Any], seen: Any) -> list[str]:
        """What was seen, in the order of the configuration; then what is no longer configured."""
        found = [id for id in configured if id in seen]
        return [*found, *sorted(set(seen) - set(found))]
