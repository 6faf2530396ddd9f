"""`lobby simulators`: only the far ends of a branch."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from controller.commands.kit import CONFIG, PAGE


@click.command()
@CONFIG
@click.option("--dev", "directory", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where.")
@PAGE
def simulators(path: Path, directory: Path, page: int | None) -> None:
    """Only the far ends, each as a link DIR/<device id> to its pseudo-terminal."""
    from controller.config import read  # noqa: PLC0415
    from simulators.virtual_lobby.alone import run_far_ends  # noqa: PLC0415

    asyncio.run(run_far_ends(read(path), directory, click.echo, page))


COMMAND = simulators
