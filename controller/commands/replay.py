"""`lobby replay`: a day of a journal under other rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.commands.kit import DAY, JOURNAL, JSON, WRONG, drawing, rows, stop

if TYPE_CHECKING:
    from controller.lobby.model.calendar import Span


@click.command()
@JOURNAL
@DAY
@click.option("--config", "path", type=click.Path(path_type=Path), help="Other rules to set it against.")
@click.option(
    "--open",
    "opened",
    multiple=True,
    metavar="ID[=HH:MM-HH:MM]",
    help="A counter of these rules that is open as well: all the day, or only then. May be repeated.",
)
@click.option(
    "--branch",
    type=click.Path(path_type=Path),
    help="The configuration of the journal's branch: its clock, language, names and colours. Default: --config.",
)
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Draw it, as SVG.")
@JSON
def replay(
    journal: Path,
    day: str | None,
    path: Path | None,
    opened: tuple[str, ...],
    branch: Path | None,
    picture: Path | None,
    out: Path | None,
) -> None:
    """A day of a journal: as it was, and who would have waited how long under other rules."""
    from controller.config import read  # noqa: PLC0415
    from simulators.days.commands import run_replay  # noqa: PLC0415

    rules, names = (read(file).rules if file else None for file in (path, branch))
    if opened and not rules:
        stop("--open goes with --config, whose counters it opens", WRONG)
    openings = [_opening(text, list(rules.counters)) for text in opened] if rules else []
    of_the_day = rows(journal, day)
    with drawing():
        run_replay(of_the_day, journal, rules, path, names, openings, picture, out)


def _opening(text: str, counters: Sequence[str]) -> tuple[str, Sequence[Span]]:
    """A counter, and when it is to be open; empty: all the day."""
    from controller.lobby.model.calendar import parse_spans  # noqa: PLC0415

    id, equals, times = text.partition("=")
    if id not in counters:
        stop(f"--open {text}: there is no counter {id}; known are {', '.join(counters)}", WRONG)
    try:
        spans = parse_spans(times) if equals else ()
    except ValueError as error:
        stop(f"--open {text}: {error}", WRONG)
    if equals and not spans:
        stop(f"--open {text}: at what time? It takes {id}=HH:MM-HH:MM, or {id} alone for all the day", WRONG)
    return id, spans


COMMAND = replay
