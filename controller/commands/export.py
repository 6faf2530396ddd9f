"""`lobby export`: the rows of the journal with their hash chain, for auditors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.commands.kit import FAILED, NO_DAY, OPTIONAL_CONFIG, OPTIONAL_JOURNAL, WRONG, is_day, journal_of, stop

if TYPE_CHECKING:
    from controller.journal.audit import Format


@click.command()
@OPTIONAL_CONFIG
@OPTIONAL_JOURNAL
@click.option("--from", "first", default="", metavar="DAY", help="The first business day, YYYY-MM-DD. Default: all.")
@click.option("--to", "last", default="", metavar="DAY", help="The last business day, YYYY-MM-DD. Default: all.")
@click.option("--format", "format", type=click.Choice(["jsonl", "csv"]), default="jsonl", help="Default: jsonl.")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
def export(path: Path | None, journal: Path | None, first: str, last: str, format: Format, out: Path) -> None:
    """Write every row of the journal to the file OUT with its hash, also while the daemon writes. The hash of the last
    row is told: kept elsewhere, it is the anchor by which `lobby verify` knows these rows again."""
    from controller.journal.audit import export as write  # noqa: PLC0415
    from controller.journal.chain import MisfitError  # noqa: PLC0415

    source = journal_of(path, journal)
    for option, day in (("--from", first), ("--to", last)):
        if day and not is_day(day):
            stop(NO_DAY.format(option=option, day=day), WRONG)
    try:
        whole = write(source, out, format, first, last)
    except MisfitError as error:
        stop(f"{source}: {error}; keep the file as it is, and compare it with its backups", FAILED)
    click.echo(f"{out}: {whole.rows} rows, {whole.days} days; the anchor of its last row:")
    click.echo(f"{whole.last.seq}={whole.last.hash}")


COMMAND = export
