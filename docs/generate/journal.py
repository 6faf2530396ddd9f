"""The kinds of rows of a journal, from the events of the lobby and of the record."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import controller.lobby.actions
import controller.record.actions  # noqa: F401 - every event is declared there
from controller.lobby.actions.event import Event, kinds
from docs.generate.markdown import code, page, table

INTRODUCTION = """
One SQLite file, append-only: triggers refuse UPDATE and DELETE. The table is

```sql
event(seq INTEGER PRIMARY KEY, at INTEGER, day TEXT, kind TEXT, version INTEGER, data TEXT, cause TEXT, part INTEGER)
```

`at` is in ms since 1970, UTC; `day` the business day, YYYY-MM-DD; `data` a JSON object with the fields below; `cause`
names the one press or request that led to the row, and `part` counts the rows of one cause. A kind is never changed and
never removed, and fields that are added are optional: old rows stay readable. An optional field that has no value is
missing. A row of a terminal's press has `press` in its data as well, the frame as it came. No row holds personal data
or what a person typed: remarks stand in a side table by cause. MQTT tells each row on the topic `event`, as
`{"seq", "at", "kind", "data"}`.

The table `anchor(seq, day, hash)` has the hash of the chain over all rows up to the last of each business day that is
over ([for auditors](../operate.md#for-auditors)).

The table `position(follower, seq)` has how far each webhook has come.

The file's format is in `PRAGMA user_version`; a newer one is refused.

A cause is `mqtt:<where>/<id>:<boot>:<seq>`, `terminal68:<device>:<address>:<ms of the press>`,
`http:<account>:<Idempotency-Key>:<digest of what was asked>`, or one of the controller's own.
""".strip()


def journal() -> str:
    """The page."""
    source = "From the events in `controller/lobby/actions/` and `controller/record/actions/`."
    return page("Journal", source, ["", INTRODUCTION, *_kinds()])


def _kinds() -> Iterator[str]:
    for kind, event in sorted(kinds().items()):
        if not event.__module__.startswith("controller."):
            continue  # of a test
        version = f", version {event.VERSION}" if event.VERSION > 1 else ""
        yield from ("", f"## {kind}{version}", "", inspect.cleandoc(event.__doc__ or ""))
        yield from ("", f"Declared in `{Path(inspect.getfile(event)).name}`.")
        rows = [*_fields(event)]
        if rows:
            yield from table(("field", "is"), rows)


def _fields(event: type[Event]) -> Iterator[tuple[str, str]]:
    shapes = get_type_hints(event)
    for field in fields(event):  # type: ignore[arg-type]
        name = "class" if field.name == "klass" else field.name
        known = [shape for shape in _either(shapes[field.name]) if shape is not NoneType]
        optional = ", optional" if NoneType in _either(shapes[field.name]) else ""
        yield code(name), _is(known[0]) + optional


def _either(shape: Any) -> tuple[Any, ...]:
    return get_args(shape) if get_origin(shape) in (Union, UnionType) else (shape,)


def _is(shape: Any, end: str = "") -> str:
    """What a field is in JSON, of its type in Python; `end`: of several."""
    origin, parts = get_origin(shape), get_args(shape)
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (tuple, list, Sequence):
        number = f"{len(parts)} " if origin is tuple and parts[-1] is not Ellipsis else ""
        return f"list{end} of {number}{_is(parts[0], 's')}"
    if origin is Mapping:
        return f"object{end}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    plain = getattr(shape, "__supertype__", shape)  # units of time are NewTypes of int
    return names[plain] + end
