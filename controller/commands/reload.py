"""`lobby reload`: have the running daemon go over to what its configuration says now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from controller.commands.kit import CONFIG, FAILED, NO_ANSWER, stop

PATIENCE = 60.0
"""Seconds that a daemon may take."""


@click.command()
@CONFIG
def reload(path: Path) -> None:
    """Have the running daemon read its configuration again: all of it comes into force, or nothing."""
    from controller.config import read  # noqa: PLC0415
    from controller.control import NotRunningError, ask  # noqa: PLC0415

    settings = read(path)  # a mistake is told here, also where no daemon runs
    answer: Mapping[str, Any] = {}
    try:
        for answer in ask(settings.journal_path, {"do": "reload"}, PATIENCE):
            if "ok" not in answer:
                click.echo(answer["text"])
    except PermissionError:
        stop(f"{settings.journal_path.parent} may not be used by you; use sudo", FAILED)
    except NotRunningError as error:
        stop(f"{error}; start it: systemctl start lobby", FAILED)
    if not answer.get("ok"):
        stop(f"{path}: {answer.get('text', NO_ANSWER)}", FAILED)
    click.echo(f"{path}: {answer['text']}")


COMMAND = reload
