"""`lobby purge`: delete free text that is past its limit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.commands.kit import CONFIG, FAILED, NO_ANSWER, stop

if TYPE_CHECKING:
    from controller.config import Settings

PATIENCE = 120.0
"""Seconds in which a daemon has deleted everything."""


@click.command()
@CONFIG
@click.option("--dry-run", "dry", is_flag=True, help="Delete nothing; say what would be.")
@click.option("--clock-is-right", "sure", is_flag=True, help="The clock was looked at, though no time server sets it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def purge(path: Path, dry: bool, sure: bool, as_json: bool) -> None:
    """Delete what people typed once it is past its limit in [privacy], also while the daemon runs; the rows of the
    journal stay. Nothing is deleted while the clock is in doubt (exit code 1)."""
    from controller.config import read  # noqa: PLC0415

    result = purged(read(path), dry=dry, sure=sure)
    if as_json:
        import json  # noqa: PLC0415

        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        click.echo(result["text"], err=not result["ok"])
        for copy in result.get("copies", ()):
            click.echo(f"{copy} is an old copy of the journal with what was typed in it; delete it if it is not needed")
    if not result["ok"]:
        raise SystemExit(FAILED)


def purged(settings: Settings, *, dry: bool = False, sure: bool = False) -> Mapping[str, Any]:
    """What the daemon says, or what is done where none runs."""
    from controller.control import NotRunningError, ask  # noqa: PLC0415
    from controller.operation.purge import purge_alone  # noqa: PLC0415

    wish = {"do": "purge", "dry": dry, "sure": sure}
    try:
        for answer in ask(settings.journal_path, wish, PATIENCE):
            return answer
    except PermissionError:
        stop(settings.rules.wording.say("status.no_permission", path=settings.journal_path.parent), FAILED)
    except NotRunningError:
        return asyncio.run(purge_alone(settings, dry=dry, sure=sure))
    stop(NO_ANSWER, FAILED)


COMMAND = purge
