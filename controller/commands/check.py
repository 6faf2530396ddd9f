"""`lobby check`: check a configuration."""

from __future__ import annotations

from pathlib import Path

import click

from controller.commands.kit import CONFIG


@click.command()
@CONFIG
@click.option("--here", is_flag=True, help="Look at this machine as well: ports, files, certificates, programs.")
def check(path: Path, here: bool) -> None:
    """Check a configuration: every error with its line, and what will not be shown whole as a warning."""
    from controller.config import read  # noqa: PLC0415

    settings = read(path, files=True, machine=here)
    for warning in settings.warnings:
        click.echo(warning, err=True)
    verdict = "it can be used" if settings.warnings else "all is well"
    click.echo(f"{path}: {verdict}: {len(settings.rules.counters)} counters, {len(settings.devices)} devices")


COMMAND = check
