"""`lobby emergency`: the emergency plans on paper, for when no screen can show them."""

from __future__ import annotations

from pathlib import Path

import click

from controller.commands.kit import CONFIG


@click.command()
@CONFIG
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False), required=False)
def emergency(path: Path, out: Path | None) -> None:
    """The emergency plans in both languages and the register of paper numbers, as a page to be printed on A4 (HTML).

    To the file OUT, else to the output.
    """
    from controller.config import read  # noqa: PLC0415
    from controller.output import writing  # noqa: PLC0415
    from controller.reports.emergency_sheet import sheet  # noqa: PLC0415

    page = sheet(read(path).rules)
    if out is None:
        click.echo(page, nl=False)
        return
    with writing(out):
        out.write_text(page, "utf-8")


COMMAND = emergency
