"""`lobby token`: card numbers into their tokens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from controller.commands.kit import CONFIG, FAILED, LINE_LIMIT, WRONG, stop


@click.command()
@CONFIG
def token(path: Path) -> None:
    """Card numbers, one a line on standard input, into their tokens, for the tokens file of [cards]."""
    from controller.cards import CardsError, check_digit_fits, number_of, read_key, token_of  # noqa: PLC0415
    from controller.config import read  # noqa: PLC0415

    settings = read(path)
    if settings.cards is None:
        stop(f"{path}: cards: there is no [cards] table; add it with key_file and tokens_file", WRONG)
    try:
        key = read_key(settings.cards.key_file)
    except CardsError as error:
        stop(str(error), WRONG)
    failed = False
    for line, text in enumerate(_unseen_lines(), 1):
        number = number_of(text)
        if number is None:
            failed = True
            click.echo(f"line {line}: this is no card number; it takes 12 to 19 digits", err=True)
            continue
        if not check_digit_fits(number):
            click.echo(f"line {line}: the last digit does not fit the others; look whether it is typed right", err=True)
        click.echo(token_of(key, number).hex())
    sys.exit(FAILED if failed else 0)


def _unseen_lines() -> Iterator[str]:
    """The lines of standard input; at a terminal without showing what is typed, up to an empty one."""
    if not sys.stdin.isatty():
        while line := sys.stdin.buffer.readline(LINE_LIMIT):
            yield line.decode("ascii", "replace")
        return
    while line := click.prompt("Card number", hide_input=True, default="", show_default=False, err=True):
        yield line


COMMAND = token
