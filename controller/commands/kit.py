"""What commands have in common: options, exit codes, and how an error is told."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from controller.operation import journald

if TYPE_CHECKING:
    from controller.lobby.aggregate import Row

FAILED, WRONG, INTERRUPTED = 1, 2, 130
"""Exit codes: failed, wrong usage or configuration, interrupted."""
NO_ANSWER = "the daemon has ended meanwhile, or does not answer"
NO_DAY = '{option}: "{day}" is no day; it takes YYYY-MM-DD, such as 2026-01-05'
LINE_LIMIT = 1000
"""Bytes of a line on standard input."""

INSTALLED = "/etc/lobby/branch.toml"
"""The configuration of an installed branch."""


def _configuration(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path:
    if path is None and not os.path.exists(INSTALLED):
        raise click.MissingParameter(f"there is no {INSTALLED} either; make it: sudo lobby setup", context, parameter)
    return path or Path(INSTALLED)


CONFIG = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    envvar="LOBBY_CONFIG",
    callback=_configuration,
    help=f"The branch's TOML configuration. Default: what LOBBY_CONFIG names, else {INSTALLED}.",
)
PAGE = click.option(
    "--page",
    type=click.IntRange(0, 65535),
    help="Port of the page that shows the simulated devices; 0 is any. Default: 8079 where the demo has a screen.",
)
JSON = click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), help="The figures, as JSON.")
JOURNAL = click.option(
    "--journal", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A branch's journal; only read."
)
OPTIONAL_CONFIG = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="The branch's configuration; its journal is meant.",
)
OPTIONAL_JOURNAL = click.option(
    "--journal", type=click.Path(path_type=Path, dir_okay=False), help="A branch's journal; only read."
)
DAY = click.option("--day", help="The business day, YYYY-MM-DD. Default: the last on which a ticket was given.")


def stop(text: str, code: int) -> NoReturn:
    """End with an error for a person; `--debug` shows where it comes from."""
    if "--debug" in sys.argv and sys.exc_info()[1] is not None:
        logging.exception("the error comes from here")
    if journald.reads(sys.stderr, os.environ):
        text = journald.at_level(text, logging.ERROR)
    click.echo(text, err=True)
    sys.exit(code)


def own_address() -> str:
    """This machine's address in its network; empty if it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))  # RFC 5737: an address of nobody's; the route to it tells
        except OSError:
            return ""
        return str(way.getsockname()[0])


def journal_of(path: Path | None, journal: Path | None) -> Path:
    """The journal that one of the options `--config` and `--journal` names."""
    from controller.config import read  # noqa: PLC0415

    if (path is None) == (journal is None):
        stop("give --config FILE or --journal FILE, one of the two", WRONG)
    return journal or read(path).journal_path  # type: ignore[arg-type]


def is_day(text: str) -> bool:
    """Whether it is a date as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def rows(journal: Path, day: str | None) -> list[Row]:
    """The rows of one business day on which a ticket was given, by default the last; JournalError if there is none."""
    from controller.journal import JournalError, JournalReader  # noqa: PLC0415
    from controller.lobby.actions.take_ticket import TicketIssued  # noqa: PLC0415

    if day is not None and not is_day(day):
        stop(NO_DAY.format(option="--day", day=day), WRONG)
    reader = JournalReader(journal)
    try:
        last = reader.last_day_with(TicketIssued.KIND)
        rows = list(reader.rows(day or last))
        if not any(isinstance(row.event, TicketIssued) for row in rows):
            on = f"on {day}; the last day with tickets is {last}" if day and last else "yet"
            raise JournalError(f"{journal}: nobody took a ticket {on}")
        return rows
    finally:
        reader.close()


@contextmanager
def drawing() -> Iterator[None]:
    """Pictures are drawn by what need not be installed."""
    from simulators.days.pictures import NoMatplotlibError  # noqa: PLC0415

    try:
        yield
    except NoMatplotlibError as error:
        stop(str(error), FAILED)
