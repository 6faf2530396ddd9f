"""The configuration's keys: what each takes and its default from the program, what it means from the example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from controller.config import shipped
from controller.config.keys import AnswerKeys, Config, Listen
from controller.config.values import Share
from controller.devices.reference import default, takes
from docs.generate.markdown import code, page, table

KEY = re.compile(r"#?(\w+) = .*?\s# (.*)")
MORE = re.compile(r"#?\s+# *(.*)|#\]\s+# *(.*)")
SECTION = re.compile(r"#?\[+([\w.]+)\]+")


def meanings() -> dict[tuple[str, str], str]:
    """(section, key) -> the comment beside the key, where the example first has one."""
    found: dict[tuple[str, str], str] = {}
    section, key = "", None
    for line in shipped("branch.example.toml").read_text("utf-8").splitlines():
        if match := SECTION.match(line):
            section, key = match[1].partition(".")[0], None
        elif match := KEY.match(line):
            key = (section, match[1])
            if key in found:
                key = None
            else:
                found[key] = match[2]
        elif key and (match := MORE.fullmatch(line)):
            found[key] += " " + (match[1] or match[2])
        else:
            key = None
    return found


def configuration() -> str:
    """The page."""
    source = (
        "The words beside each key are those of `config/branch.example.toml`, which is a whole configuration. "
        "`lobby check` finds every mistake, with its line. The tables of devices: [devices.md](devices.md)."
    )
    return page("Configuration", source, _sections())


def _sections() -> Iterator[str]:
    known = meanings()
    for name, field in Config.model_fields.items():
        section = field.alias or name
        if section == "device":
            continue
        model, heading = _model(field), _heading(section, field)
        yield from ("", f"## {heading}")
        if model.__doc__:
            yield from ("", " ".join(model.__doc__.split()))
        yield from _keys(model, section, known)
        if section == "question":
            yield from ("", "### Each of `answers`")
            yield from _keys(AnswerKeys, "answers", known)


def _heading(section: str, field: FieldInfo) -> str:
    shape = str(field.annotation)
    if "dict[" in shape:
        return f"[{section}.ID]"
    return f"[[{section}]]" if "list[" in shape else f"[{section}]"


def _model(field: FieldInfo) -> type[BaseModel]:
    """The model of a section, alone or in a list, a mapping or an optional one."""
    waiting: list[Any] = [field.annotation]
    while waiting:
        part = waiting.pop()
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
        waiting += get_args(part)
    raise TypeError(f"{field} is no section")


def _keys(model: type[BaseModel], section: str, known: dict[tuple[str, str], str]) -> Iterator[str]:
    yield from table(
        ("key", "takes", "default", "means"),
        (
            (code(key), takes(field), _default(field), known.get((section, key), ""))
            for key, field in ((field.alias or name, field) for name, field in model.model_fields.items())
        ),
    )


def _default(field: FieldInfo) -> str:
    """The default as it is written in the file."""
    match field.default:
        case timedelta() as time:
            minutes = int(time.total_seconds()) // 60
            return code(f"{minutes // 60:02}:{minutes % 60:02}")
        case Listen(host, port):
            return code(f"{host}:{port}")
        case Share(normal=share):
            return code(f"{share:g}")
    return default(field)
