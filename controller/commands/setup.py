"""`lobby setup`: from ports and questions to a configuration."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.commands.kit import FAILED, WRONG, stop

if TYPE_CHECKING:
    from controller.setup.session import Wishes

USUAL = Path("etc/lobby/branch.toml")
"""Below the root."""
PORT = 8078


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path, dir_okay=False), help="Default: /etc/lobby/branch.toml."
)
@click.option(
    "--answers", "given", type=click.Path(path_type=Path, dir_okay=False), help="Ask nothing: it is all in here."
)
@click.option(
    "--write-answers", "keep", type=click.Path(path_type=Path, dir_okay=False), help="Keep the answers there."
)
@click.option("--replace", is_flag=True, help="Also if there is a configuration; the old one is kept beside it.")
@click.option("--dry-run", "dry", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--page", is_flag=True, help="Ask in a browser on this machine instead; a code for it is shown here.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="The page's; 0 is any.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/"),
    help="Look for ports, and write, below this directory, as if it were /.",
)
def setup(
    path: Path | None,
    given: Path | None,
    keep: Path | None,
    replace: bool,
    dry: bool,
    page: bool,
    port: int,
    root: Path,
) -> None:
    """Make the configuration of a branch: find out what is on the ports, ask what only people know, give the ports
    lasting names, check it, and try the devices."""
    from controller.setup.ports import Machine  # noqa: PLC0415
    from controller.setup.session import Wishes  # noqa: PLC0415

    root = root.absolute()
    wishes = Wishes((path or root / USUAL).absolute(), Machine(root), replace, keep, dry)
    if given and page:
        stop("--answers asks nothing, so there is no page; leave out one of the two", WRONG)
    if not dry:
        _may_write(wishes)
    if given:
        _from_answers(given, wishes)
    elif page:
        _on_a_page(wishes, port)
    else:
        _in_a_terminal(wishes)


def _may_write(wishes: Wishes) -> None:
    """Stop before the first question if nothing could be written at the end."""
    folder = next(above for above in wishes.path.parents if above.exists())
    if not os.access(folder, os.W_OK):
        stop(f"{folder} may not be written by you; say sudo lobby setup, or name another file by --config", FAILED)


def _from_answers(given: Path, wishes: Wishes) -> None:
    from controller.config import wording  # noqa: PLC0415
    from controller.setup import answers  # noqa: PLC0415
    from controller.setup.session import from_answers  # noqa: PLC0415
    from controller.setup.terminal import Terminal  # noqa: PLC0415

    if wishes.path.exists() and not (wishes.replace or wishes.dry):
        stop(f"{wishes.path} is there already; --replace writes another, and keeps this one beside it", FAILED)
    said = answers.read(given)
    words = wording(said.language)
    if not asyncio.run(from_answers(Terminal(words), said, wishes, words)):
        sys.exit(FAILED)


def _in_a_terminal(wishes: Wishes) -> None:
    from controller.config import wording  # noqa: PLC0415
    from controller.setup.questions import is_bare, usual_language  # noqa: PLC0415
    from controller.setup.session import with_questions  # noqa: PLC0415
    from controller.setup.terminal import EndOfInputError, Terminal  # noqa: PLC0415

    if not sys.stdin.isatty():
        stop("the questions need a terminal; give the answers by --answers FILE, or ask in a browser by --page", WRONG)
    usual = usual_language(os.environ)
    language = "en" if is_bare(os.environ) else usual
    terminal = Terminal(wording(language), source=sys.stdin.fileno())
    try:
        done = asyncio.run(with_questions(terminal, wishes, language, usual if is_bare(os.environ) else ""))
    except EndOfInputError:
        stop("the terminal has gone; nothing that was asked after that is done", FAILED)
    if not done and not wishes.dry:
        sys.exit(FAILED)


def _on_a_page(wishes: Wishes, port: int) -> None:
    from controller.setup.page import serve  # noqa: PLC0415

    if not asyncio.run(serve(wishes, port, os.environ, click.echo)) and not wishes.dry:
        sys.exit(FAILED)


COMMAND = setup
