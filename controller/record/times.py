"""The times that a part of the record holds, found by their type, and put right when the clock was set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass, replace
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple, get_args, get_origin, get_type_hints

from controller.lobby.model.units import Ms


class ReckonedFrom(NamedTuple):
    """Annotates a time that was reckoned from another one of the same object, `field`, and moves with it."""

    field: str


@cache
def _hints(kind: type) -> dict[str, Any]:
    """The types of a class's fields by name, without its constants."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar}


def put_right(part: Any, right: Callable[[Ms], Ms]) -> None:
    """Put right every time that a part holds, however deep: fields of the type `Ms`. The record has none in seconds."""
    for name, value in _moved(part, right).items():
        setattr(part, name, value)


def _moved(value: Any, right: Callable[[Ms], Ms]) -> dict[str, Any]:
    """The fields of an object with their times put right."""
    kind: type = type(value)
    hints = _hints(kind)
    moved = {name: _right(getattr(value, name), hint, right) for name, hint in hints.items()}
    for name, hint in hints.items():
        for about in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
            if isinstance(about, ReckonedFrom):
                by = moved[about.field] - getattr(value, about.field)
                moved[name] = Ms(getattr(value, name) + by)
    return moved


def _right(value: Any, hint: Any, right: Callable[[Ms], Ms]) -> Any:
    if hint is Ms:
        return right(value)
    of = get_args(hint)
    if isinstance(value, tuple) and hasattr(value, "_replace"):
        return value._replace(**_moved(value, right))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **_moved(value, right))
    if isinstance(value, dict) and len(of) == 2:
        return {_right(key, of[0], right): _right(each, of[1], right) for key, each in value.items()}
    if isinstance(value, list) and of:
        return [_right(each, of[0], right) for each in value]
    if isinstance(value, tuple) and of:
        kinds = [of[0]] * len(value) if of[-1] is Ellipsis else of
        return tuple(_right(each, kind, right) for each, kind in zip(value, kinds, strict=True))
    return value
