"""`lobby verify`: whether a journal or an export of it is whole, by its hash chain."""

from __future__ import annotations

from pathlib import Path

import click

from controller.commands.kit import FAILED, OPTIONAL_CONFIG, OPTIONAL_JOURNAL, WRONG, journal_of, stop


@click.command()
@OPTIONAL_CONFIG
@OPTIONAL_JOURNAL
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="DAY=HASH",
    help="An anchor kept elsewhere, of a day's last row or (ROW=HASH) of a row; may be given several times.",
)
@click.argument("export", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=False)
def verify(path: Path | None, journal: Path | None, anchors: tuple[str, ...], export: Path | None) -> None:
    """Follow the hash chain of the journal, or of the file EXPORT, from row to row: it is whole, or the first row is
    named that does not fit. With both, the rows of EXPORT must also be in the journal as they are. Without an anchor
    from elsewhere nothing is proved against somebody who could write the file."""
    from controller.journal.audit import verify_export, verify_journal  # noqa: PLC0415
    from controller.journal.chain import MisfitError, wanted  # noqa: PLC0415

    try:
        given = [wanted(anchor) for anchor in anchors]
    except ValueError as error:
        stop(f"--anchor: {error}", WRONG)
    source = None if export and path is None and journal is None else journal_of(path, journal)
    try:
        whole = verify_export(export, given, source) if export else verify_journal(source, given)  # type: ignore[arg-type]
    except MisfitError as error:
        stop(f"{export or source}: {error}", FAILED)
    click.echo(f"{export or source}: whole, {whole.rows} rows, {whole.days} days; the anchor of its last row:")
    click.echo(f"{whole.last.seq}={whole.last.hash}")


COMMAND = verify
