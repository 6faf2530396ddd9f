"""Tables as TOML: plain, and as a configuration with a comment on each table, in the installer's language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from controller.config.keys import TABLES_OF_MANY, Config
from controller.lobby.model.wording import Wording

OWN_TABLES = ("class", "profile")
"""Tables that hold named tables: [class.vip]."""


def value(of: Any) -> str:
    """A value on one line."""
    if isinstance(of, bool):
        return "true" if of else "false"
    if isinstance(of, str):
        return json.dumps(of, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(of, Mapping):
        return "{ " + ", ".join(f"{key(name)} = {value(each)}" for name, each in of.items()) + " }" if of else "{}"
    if isinstance(of, Sequence):
        return "[" + ", ".join(map(value, of)) + "]"
    return str(of)


def key(name: str) -> str:
    """A key, in quotes if it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def plain(tables: Mapping[str, Any], head: str) -> str:
    """Tables one after the other, below a comment."""
    lines = _comment(head)
    for name, table in tables.items():
        for header, content in _parts(name, table):
            lines += ["", header, *(f"{key(each)} = {value(of)}" for each, of in content.items())]
    return "\n".join([*lines, ""])


def commented(tables: Mapping[str, Any], later: Sequence[Mapping[str, Any]], words: Wording, example: str) -> str:
    """A configuration. Tables that it lacks stand as comments, with what they are for; so do the devices of `later`."""
    lines = _comment(words.say("setup.file.head", example=example))
    names = [field.alias or name for name, field in Config.model_fields.items()]
    for name in names:
        lines += ["", *_comment(words.templates[f"setup.file.{name}"])]
        if name not in tables or not _parts(name, tables[name]):
            brackets = "[[{}]]" if name in TABLES_OF_MANY else "[{}]"
            lines += [f"#{brackets.format(name if name not in OWN_TABLES else f'{name}.id')}"]
            lines += _comment(words.say("setup.file.not_asked", example=example))
        for n, (header, content) in enumerate(_parts(name, tables.get(name, []))):
            lines += [*[""] * (n > 0), header]
            lines += [_line(name, each, of, words, told=n > 0) for each, of in content.items()]
    for device in later:
        lines += ["", *_comment(words.say("setup.file.unfinished", example=example)), "#[[device]]"]
        lines += [f"#{key(each)} = {value(of)}" for each, of in device.items()]
    return "\n".join([*lines, ""])


def _line(table: str, name: str, of: Any, words: Wording, *, told: bool) -> str:
    """A key with its value, and with what it means unless that has been told."""
    text = f"{key(name)} = {value(of)}"
    about = words.templates.get(f"setup.file.{table}_{name}")
    return f"{text}  # {about}" if about and not told else text


def _parts(name: str, table: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """The headers of a table, each with what stands below it; nothing may: [web] alone says that there are screens."""
    if isinstance(table, list):
        return [(f"[[{name}]]", each) for each in table]
    if name in OWN_TABLES:
        return [(f"[{name}.{key(own)}]", each) for own, each in table.items()]
    return [(f"[{name}]", table)]


def _comment(text: str) -> list[str]:
    return [f"# {line}".rstrip() for line in text.splitlines()]
