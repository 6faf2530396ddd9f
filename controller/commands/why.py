"""`lobby why`: why a ticket was called, or is not next."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from controller.commands.kit import CONFIG, DAY, FAILED, JSON, rows


@click.command()
@CONFIG
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Default: the branch's own.")
@DAY
@click.argument("ticket")
@JSON
def why(path: Path, journal: Path | None, day: str | None, ticket: str, out: Path | None) -> None:
    """Why a ticket was called when it was, or is not next: a sentence, and the table behind it."""
    from controller.config import read  # noqa: PLC0415
    from controller.reports.why import show  # noqa: PLC0415

    settings = read(path)
    if not show(rows(journal or settings.journal_path, day), settings.rules, ticket, out):
        sys.exit(FAILED)


COMMAND = why
