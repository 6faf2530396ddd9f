"""`lobby report`: a day, a week or a month in figures and pictures."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from controller.commands.kit import CONFIG, FAILED, JSON, WRONG, stop

FORMATS = ("html", "md", "csv", "json", "pdf")


@click.command()
@click.argument("kind", type=click.Choice(["day", "week", "month", "counters"]))
@click.argument("when", required=False)
@CONFIG
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Default: the branch's own.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: tables in the terminal.")
@click.option("--output", type=click.Path(path_type=Path), help="The file to write. Default: standard output.")
@click.option("--force", is_flag=True, help="Write over the file, if it is there.")
@JSON
def report(
    kind: str,
    when: str | None,
    path: Path,
    journal: Path | None,
    form: str | None,
    output: Path | None,
    force: bool,
    out: Path | None,
) -> None:
    """A day, week or month in figures, beside the days before; WHEN is 2026-01-05, 2026-W02 or 2026-01. Default: the
    newest in which anybody took a ticket. `counters`: the counters alone, by default of a month."""
    from controller.config import read  # noqa: PLC0415
    from controller.output import console, room_for, write_json, writing  # noqa: PLC0415
    from controller.reports.forms import html, markdown, tables  # noqa: PLC0415
    from controller.reports.period import NoPeriodError  # noqa: PLC0415
    from controller.reports.report import period_of, report  # noqa: PLC0415

    if output and output.is_dir():
        stop(f"{output}: is a folder; name a file in it", WRONG)
    if output and not form:
        form = output.suffix.lstrip(".").lower()
        if form not in FORMATS:
            stop(
                f"{output}: name the format by --format, or by the end of the file's name: {', '.join(FORMATS)}", WRONG
            )
    if form == "pdf" and not output:
        stop("a PDF is written into a file: name it by --output FILE", WRONG)
    if output and output.exists() and not force:
        stop(f"{output} is there already; name another file, or write over it by --force", WRONG)
    try:
        period = period_of(kind, when) if when else None
    except NoPeriodError as error:
        stop(str(error), WRONG)
    settings = read(path)
    with room_for(output), room_for(out), _collecting_nothing():
        made = report(journal or settings.journal_path, settings.record, kind, period)
        content: str | bytes = ""
        try:
            match form:
                case "html":
                    content = html.write(made, settings.language)
                case "pdf":
                    content = html.write_pdf(made, settings.language)
                case "md":
                    content = markdown.write(made)
                case "csv":
                    content = tables.write_csv(made)
                case "json":
                    write_json(output, made.content())
        except html.NoPdfError as error:
            stop(str(error), FAILED)
        if form is None:
            tables.show(console(), made)
        elif output and content:
            with writing(output):
                output.write_bytes(content if isinstance(content, bytes) else content.encode())
        elif form == "json" and not output:
            import json  # noqa: PLC0415

            click.echo(json.dumps(made.content(), ensure_ascii=False, indent=2))
        elif content:
            click.echo(content, nl=False)
        write_json(out, made.content())


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """A month of rows is looked through for garbage again and again, and none of it is."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


COMMAND = report
