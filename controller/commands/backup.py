"""`lobby backup`: a copy of the journal that can be restored."""

from __future__ import annotations

from pathlib import Path

import click

from controller.commands.kit import CONFIG


@click.command()
@CONFIG
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(1, 10_000),
    help="OUT is a folder: write lobby-DATE-TIME.db there, and keep this many of the newest.",
)
def backup(path: Path, out: Path, keep: int | None) -> None:
    """Copy the journal to the file OUT, also while the daemon writes it, and replay the copy: it is whole."""
    from datetime import datetime  # noqa: PLC0415

    from controller.config import read  # noqa: PLC0415
    from controller.journal.backups import back_up  # noqa: PLC0415

    settings = read(path)
    if keep:
        out.mkdir(parents=True, exist_ok=True)
        out /= f"lobby-{datetime.now(settings.rules.zone):%Y%m%d-%H%M%S-%f}.db"
    kept = back_up(settings.journal_path, out)
    click.echo(f"{out}: {kept.rows} rows, {kept.days} business days, the last {kept.last_day or '-'}; replayed, whole")
    if keep:
        for old in sorted(out.parent.glob("lobby-*.db"))[:-keep]:
            old.unlink()


COMMAND = backup
