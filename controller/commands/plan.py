"""`lobby plan`: a roster for a coming day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from controller.commands.kit import CONFIG, FAILED, JSON, NO_DAY, WRONG, drawing, is_day, stop


@click.command()
@CONFIG
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The branch's journal; only read. Default: the configuration's, if there is one yet.",
)
@click.option("--for", "day", required=True, metavar="DAY", help="The day to plan, YYYY-MM-DD.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same roster.")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw it, as SVG or PNG.")
@JSON
def plan(path: Path, journal: Path | None, day: str, seed: int, picture: Path | None, out: Path | None) -> None:
    """A roster for a coming day: who is expected, the fewest counter-hours that keep the target wait, and what one
    counter less would cost."""
    from controller.config import read  # noqa: PLC0415
    from simulators.rosters.commands import NoPlanError, run_plan  # noqa: PLC0415

    if not is_day(day):
        stop(NO_DAY.format(option="--for", day=day), WRONG)
    settings = read(path)
    if journal is None and settings.journal_path.exists():
        journal = settings.journal_path
    try:
        with drawing():
            run_plan(settings.rules, journal, date.fromisoformat(day), seed, picture, out)
    except NoPlanError as error:
        stop(str(error), FAILED)


COMMAND = plan
