"""`lobby feed`: the journal's rows for other programs, a line of JSON each."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click

from controller.commands.kit import CONFIG, WRONG, stop

LOOK = 0.5
"""Seconds between two looks for rows that have come."""


@click.command()
@CONFIG
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="SEQ", help="The last row that is known. Default: none."
)
@click.option("--follow", is_flag=True, help="Go on with rows as they come.")
@click.option(
    "--kind", "kinds", multiple=True, help="Only rows of this kind; may be given several times. Default: all."
)
def feed(path: Path, after: int, follow: bool, kinds: tuple[str, ...]) -> None:
    """Write the journal's rows to standard output, oldest first, as lines {"seq","at","day","kind","data"}, also while
    the daemon runs; it is only read. To go on later: --after with the seq of the last line."""
    from controller.config import read  # noqa: PLC0415
    from controller.devices.settings import nearest  # noqa: PLC0415
    from controller.feed.lines import lines  # noqa: PLC0415
    from controller.lobby.actions.event import kinds as known  # noqa: PLC0415

    journal = read(path).journal_path
    for kind in kinds:
        if kind not in known():
            stop(f'--kind: there is no kind of row "{kind}"; {nearest(kind, sorted(known()))}', WRONG)
    position = after
    try:
        while True:
            for text, seq in lines(journal, position, kinds):
                position = seq
                if text:
                    sys.stdout.buffer.write(text.encode() + b"\n")
            sys.stdout.buffer.flush()
            if not follow:
                return
            time.sleep(LOOK)
    except BrokenPipeError:
        # Nobody reads any more; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


COMMAND = feed
