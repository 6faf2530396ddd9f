"""Errors of a configuration file, in an installer's words: where they are and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from controller.config.keys import TABLES_OF_MANY, Config
from controller.config.lines import Place
from controller.devices.kit import kinds
from controller.devices.settings import Keys, nearest

Table = dict[str, Any]
"""A table as `tomllib` reads it."""

Fault = tuple[Place, str]
"""A place in the file, and what is wrong there."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong: the line (from 1; 0: the file as a whole), the key and a sentence."""

    line: int
    key: str
    text: str


class ConfigError(Exception):
    """The configuration cannot be used. `problems` are sorted by line; the text has one a line."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = sorted(set(problems))
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        return "\n".join(one_line(self.path, problem) for problem in self.problems)


def one_line(path: Path, problem: Problem) -> str:
    """`FILE:LINE: key: what is wrong`."""
    where = f"{path}:{problem.line}" if problem.line else str(path)
    text = ": ".join(part for part in (where, problem.key, problem.text) if part)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def problem(fault: Fault, data: Table, lines: Mapping[Place, int]) -> Problem:
    """A fault with its place as people write it and its line, or the line of the table that it is missing from."""
    place, text = fault
    line = next((lines[place[:depth]] for depth in range(len(place), 0, -1) if place[:depth] in lines), 1)
    return Problem(line, _written(place, data), text)


def _written(place: Place, data: Table) -> str:
    """Such as `device[hall].lines`: a list's element is named by its id, or by its number from 1 if it has none."""
    written = ""
    node: Any = data
    for part in place:
        if isinstance(part, int):
            node = node[part]
            id = node.get("id") if isinstance(node, dict) else None
            written += f"[{id if isinstance(id, str) else part + 1}]"
        else:
            node = node.get(part) if isinstance(node, dict) else None
            written += "." * bool(written) + (part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"')
    return written


def key_fault(error: ErrorDetails, data: Table) -> Fault:
    """What pydantic found, as a place that `data` has (or, of a missing key, would have) and a sentence."""
    kind, loc, value = error["type"], error["loc"], error["input"]
    table, takes = _expected(loc)
    place = _within(loc, data)
    if kind == "missing":
        return place, f"is missing; it takes {takes}"
    if kind == "extra_forbidden":
        known = (field.alias or name for name, field in table.model_fields.items())
        return place, f"unknown key; {nearest(str(place[-1]), known)}"
    if kind == "union_tag_not_found":
        return (*place, "driver"), f"is missing; it takes one of {', '.join(sorted(kinds()))}"
    if kind == "union_tag_invalid":
        tag = error["ctx"]["tag"]
        return (*place, "driver"), f'there is no driver "{tag}"; {nearest(tag, sorted(kinds()))}'
    if len(place) == 1 and place[0] in TABLES_OF_MANY and isinstance(value, dict):
        return place, f"write [[{place[0]}]], in two brackets: there may be several"
    said = str(error["ctx"]["error"]) if kind == "value_error" else f"it takes {takes}"
    return place, f"{_shown(value)} does not fit; {said}" if said.startswith("it takes") else said


def _within(loc: Place, data: Table) -> Place:
    """Pydantic's place as a place in the file: without what pydantic inserts (a device's driver, parts of values)."""
    place: Place = ()
    node: Any = data
    for part in loc[:2] + loc[3:] if loc[0] == "device" else loc:
        if not isinstance(node, dict | list) or part == "[key]":
            break
        node = node[int(part)] if isinstance(node, list) else node.get(str(part))
        place += (part,)
    return place


def _expected(loc: Place) -> tuple[type[Keys], str]:
    """The kind of table that a place is in, and what the key there takes."""
    table: type[Keys] = Config
    takes = ""
    parts = iter(enumerate(loc))
    for n, part in parts:
        if loc[0] == "device" and n == 2 and part in kinds():
            table = kinds()[str(part)].settings
            continue
        field = next((field for name, field in table.model_fields.items() if part == (field.alias or name)), None)
        if field is None:
            break
        inside = list(_components(field.annotation))
        table = next((kind for kind in inside if isinstance(kind, type) and issubclass(kind, Keys)), table)
        takes = _description([field, *inside]) or takes
        if get_origin(field.annotation) in (list, dict) and next(parts, None) is not None:
            of = get_args(field.annotation)[0 if loc[-1] == "[key]" else -1]
            takes = _description(_components(of)) or takes
    return table, takes


def _components(annotation: Any) -> Iterator[Any]:
    """An annotation and everything it is made of."""
    yield annotation
    for inner in get_args(annotation):
        yield from _components(inner)


def _description(components: Iterable[Any]) -> str | None:
    return next((info.description for info in components if isinstance(info, FieldInfo) and info.description), None)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f'"{value if len(value) <= 40 else value[:40] + ".."}"'
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return str(value).lower() if isinstance(value, bool) else str(value)
