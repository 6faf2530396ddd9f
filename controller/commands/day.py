"""`lobby day`: which business day is open."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from controller.commands.kit import CONFIG


@click.command()
@CONFIG
@click.option("--begin", is_flag=True, help="The clock is right: go on in its day, with everybody who waits.")
def day(path: Path, begin: bool) -> None:
    """Which business day is open; where a clock was wrong, --begin ends a day that is not today."""
    from controller.config import read  # noqa: PLC0415
    from controller.reports.day import begin_day, told  # noqa: PLC0415

    settings = read(path)
    if begin:
        click.echo(asyncio.run(begin_day(settings)))
    else:
        click.echo(told(settings))


COMMAND = day
