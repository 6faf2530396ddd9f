"""`lobby support`: a bundle for whoever helps from afar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.commands.kit import CONFIG

if TYPE_CHECKING:
    from controller.config import Settings


@click.command()
@CONFIG
@click.option(
    "--log-lines", type=click.IntRange(0, 100_000), default=2000, help="Newest lines of the log. Default: 2000."
)
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
def support(path: Path, log_lines: int, out: Path) -> None:
    """Write a support bundle to OUT, such as support.tar.gz: versions, check, status, configuration, log, the journal's
    shape, the machine. Secrets and people are blanked; a README inside lists what is in it."""
    from controller.operation.support import write  # noqa: PLC0415
    from controller.output import writing  # noqa: PLC0415

    with writing(out):
        names = write(path, out, log_lines, _status)
    click.echo(f"{out}: {', '.join(names)}")
    click.echo("Secrets and people are blanked. Read it before you send it.")


def _status(settings: Settings) -> str:
    from controller.commands.status import collected, lines  # noqa: PLC0415
    from controller.operation.status import troubles  # noqa: PLC0415

    found = collected(settings)
    shown = lines(settings, found, list(troubles(found, settings.rules)))
    return "\n".join([*shown, "", json.dumps(found, ensure_ascii=False, indent=2), ""])


COMMAND = support
