"""`lobby restore`: put a backup of the journal in its place."""

from __future__ import annotations

from pathlib import Path

import click

from controller.commands.kit import CONFIG


@click.command()
@CONFIG
@click.argument("backup", type=click.Path(path_type=Path, dir_okay=False))
def restore(path: Path, backup: Path) -> None:
    """Put the file BACKUP in the place of the journal. The daemon must be stopped; what is replaced is kept."""
    from datetime import datetime  # noqa: PLC0415

    from controller.commands.purge import purged  # noqa: PLC0415
    from controller.config import read  # noqa: PLC0415
    from controller.journal.backups import restore as put_back  # noqa: PLC0415

    settings = read(path)
    journal, rules = settings.journal_path, settings.rules
    kept, aside = put_back(backup, journal, rules.branch, datetime.now(rules.zone))
    click.echo(f"{journal}: {kept.rows} rows, {kept.days} business days, the last {kept.last_day or '-'}")
    click.echo(purged(settings)["text"])  # a backup has what has been deleted since
    if aside:
        click.echo(f"what was there before is kept as {aside}")


COMMAND = restore
