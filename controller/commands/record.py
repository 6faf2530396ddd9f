"""`lobby record`: press one of the keys of the day's record, as the lobby manager does at the console."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from controller.commands.kit import CONFIG, FAILED, NO_ANSWER, WRONG, stop

PATIENCE = 10.0
"""Seconds that a daemon may take."""


@click.command()
@CONFIG
@click.argument("key")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
def record(path: Path, key: str, fields: tuple[str, ...]) -> None:
    """Press a KEY of the day's record or of the manager's panel, such as FAULT thing=water words="it leaks", or ROLL
    numbers=X001-X012; docs/reference/keys.md lists all."""
    from controller.config import read  # noqa: PLC0415
    from controller.control import NotRunningError, ask  # noqa: PLC0415

    given: dict[str, Any] = {}
    for each in fields:
        name, equals, value = each.partition("=")
        if not equals:
            stop(f"{each}: write FIELD=VALUE, such as thing=water", WRONG)
        given[name] = value
    settings = read(path)
    answers: list[Mapping[str, Any]] = []
    try:
        answers += ask(settings.journal_path, {"do": "record", "key": key.upper(), "fields": given}, PATIENCE)
    except PermissionError:
        stop(f"{settings.journal_path.parent} may not be used by you; use sudo", FAILED)
    except NotRunningError as error:
        stop(f"{error}; start it: systemctl start lobby", FAILED)
    answer = answers[-1] if answers else {"ok": False, "text": NO_ANSWER}
    if not answer["ok"]:
        stop(str(answer["text"]), FAILED)
    click.echo(answer["text"])


COMMAND = record
