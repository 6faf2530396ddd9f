"""`lobby simulate`: days in virtual time."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from controller.commands.kit import CONFIG, INTERRUPTED, JSON, WRONG, drawing, stop


@click.command()
@CONFIG
@click.option("--profile", help="normal, busy, pension or the branch's own. Default: each day as the calendar has it.")
@click.option("--days", type=click.IntRange(1, 100_000), default=5, show_default=True, help="How many days.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same customers.")
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="Keep the events, as a new journal.")
@click.option("--pictures", type=click.Path(path_type=Path, file_okay=False), help="Draw each day into here, as SVG.")
@JSON
def simulate(
    path: Path, profile: str | None, days: int, seed: int, journal: Path | None, pictures: Path | None, out: Path | None
) -> None:
    """Days in virtual time: how long people would wait, how good the estimates are, what the advice would do."""
    from controller.config import read  # noqa: PLC0415
    from simulators.days.commands import InterruptedRunError, run_simulation  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it as Ctrl-C does, which may be ignored
    settings = read(path)
    known = settings.rules.calendar.profiles
    if profile and profile not in known:
        stop(f'there is no profile "{profile}"; known are {", ".join(known)}', WRONG)
    if journal and journal.exists():
        stop(f"{journal} is there already; name a new file for the journal, or move that one away", WRONG)
    try:
        with drawing():
            record = settings.record if journal else None
            run_simulation(settings.rules, profile, days, seed, journal, pictures, out, record)
    except InterruptedRunError as error:
        stop(str(error), INTERRUPTED)


COMMAND = simulate
