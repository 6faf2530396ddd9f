"""The reference of device settings: every key of every kind of device that is installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from controller.devices.kit import Kind, kinds
from controller.devices.settings import Keys


def reference(drivers: Iterable[str] | None = None) -> str:
    """Markdown: a section for each kind, with a row for each key. `drivers`: only these."""
    named = kinds() if drivers is None else {driver: kinds()[driver] for driver in drivers}
    return "\n".join(line for driver in sorted(named) for line in _section(named[driver]))


def _section(kind: Kind[Any]) -> Iterator[str]:
    yield f"## {kind.driver}"
    yield ""
    yield " ".join((kind.settings.__doc__ or "").split())
    yield ""
    yield "| key | takes | default |"
    yield "|---|---|---|"
    for name, field in kind.settings.model_fields.items():
        if name == "driver":
            yield f'| `driver` | `"{kind.driver}"` | required |'
        else:
            yield f"| `{name}` | {takes(field)} | {default(field)} |"
            yield from _inside(name, field)
    yield ""


def _inside(name: str, field: FieldInfo) -> Iterator[str]:
    """Rows for the keys of the tables that a key holds by name, such as the units on a line."""
    for table in _parts(field):
        if isinstance(table, type) and issubclass(table, Keys):
            for key, inner in table.model_fields.items():
                yield f"| `{name}.*.{key}` | {takes(inner)} | {default(inner)} |"


def takes(field: FieldInfo) -> str:
    """The words that complete "it takes ..", as the errors say them."""
    described = next((said for part in _parts(field) if (said := getattr(part, "description", None))), "")
    return described.replace("|", "\\|")


def _parts(field: FieldInfo) -> Iterator[Any]:
    yield field
    waiting = [field.annotation, *field.metadata]
    while waiting:
        part = waiting.pop(0)
        yield part
        inside = get_args(part)[1:] if get_origin(part) is dict else get_args(part)  # what a mapping holds
        waiting += [*inside, *getattr(part, "__metadata__", ())]


def default(field: FieldInfo) -> str:
    """What a key that is left out is taken for."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value in (None, (), [], {}):
        return "none"
    if isinstance(value, dict):
        return f"`{{ {', '.join(f'{key} = {json.dumps(each)}' for key, each in value.items())} }}`"
    if isinstance(value, tuple):
        return f"`{' '.join(map(str, value))}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
