"""`lobby labels`: a sheet of A4 labels with QR codes, for the opinion form and for things that may break."""

from __future__ import annotations

from pathlib import Path

import click

from controller.commands.kit import CONFIG, FAILED, WRONG, stop


@click.command()
@CONFIG
@click.option("--language", type=click.Choice(["zh", "en"]), help="Default: the branch's.")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
def labels(path: Path, language: str | None, out: Path) -> None:
    """Write labels with QR codes into OUT, a file that any browser prints on A4: the opinion form at each counter and
    in the lobby, for customers; and for each thing the page where the staff report that it is out of order."""
    from controller.config import read  # noqa: PLC0415
    from controller.output import writing  # noqa: PLC0415
    from controller.reports.labels import sheet  # noqa: PLC0415

    settings = read(path)
    if settings.web is None or not settings.web.url:
        stop(f"{path}: web.url: labels lead to the branch's pages; set the address that phones open, as url", WRONG)
    text = sheet(settings.record, settings.web.url, language or settings.language)
    try:
        with writing(out):
            out.write_text(text, "utf-8")
    except OSError as error:
        stop(str(error), FAILED)
    click.echo(settings.rules.wording.say("labels.written", path=out))


COMMAND = labels
