"""Makes the manual pages from the commands: `python -m docs.generate.manual FOLDER`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from controller import __version__
from controller.cli import lobby
from controller.commands.kit import INSTALLED

FILES = (
    (INSTALLED, "The branch's configuration."),
    ("/var/lib/lobby/lobby.db", "The journal. It is copied by lobby backup, never by hand while the branch is open."),
    ("/opt/lobby", "The program."),
)
EXIT_CODES = (
    ("0", "Done."),
    ("1", "Failed."),
    ("2", "Wrong usage or configuration."),
    ("130", "Interrupted (Ctrl-C)."),
)


def pages() -> dict[str, str]:
    """Every page by the name of its file, in troff's man macros."""
    found = {}
    for context in _contexts(click.Context(lobby, info_name="lobby", **lobby.context_settings)):
        name = context.command_path.replace(" ", "-")
        found[f"{name}.1"] = "".join(f"{line}\n" for line in _page(name, context))
    return found


def _contexts(context: click.Context) -> Iterator[click.Context]:
    yield context
    for inner in _inner(context):
        yield from _contexts(inner)


def _inner(context: click.Context) -> Iterator[click.Context]:
    if isinstance(group := context.command, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command and not command.hidden:
                yield click.Context(command, info_name=name, parent=context)


def _page(name: str, context: click.Context) -> Iterator[str]:
    command = context.command
    day = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    yield f'.TH "{_escaped(name.upper())}" 1 "{day:%Y-%m-%d}" "lobby {__version__}" "Lobby Controller"'
    yield ".SH NAME"
    yield f"{_escaped(name)} \\- {_escaped(command.get_short_help_str(200).rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f".B {_escaped(context.command_path)}"
    yield _escaped(" ".join(command.collect_usage_pieces(context)))
    yield ".SH DESCRIPTION"
    for paragraph in (command.help or "").split("\n\n"):
        yield ".PP"
        yield _escaped(" ".join(paragraph.split()))
    options = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    yield from _list("OPTIONS", (record for record in options if record))
    inner = list(_inner(context))
    yield from _list("COMMANDS", ((each.command_path, each.command.get_short_help_str(200)) for each in inner))
    if context.parent is None:
        yield from _list("ENVIRONMENT", [("LOBBY_CONFIG", "The configuration, where --config names none.")])
        yield from _list("FILES", FILES)
        yield from _list("EXIT STATUS", EXIT_CODES)
    related = [context.parent] if context.parent else []
    yield from _see_also([each.command_path.replace(" ", "-") for each in (*related, *inner)])


def _list(title: str, entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    head = f".SH {title}"
    for term, means in entries:
        if head:
            yield head
            head = ""
        yield ".TP"
        yield f".B {_escaped(term)}"
        yield _escaped(" ".join(means.split()))


def _see_also(names: list[str]) -> Iterator[str]:
    if names:
        yield ".SH SEE ALSO"
        yield ",\n".join(f".BR {_escaped(name)} (1)" for name in names)


def _escaped(text: str) -> str:
    """Text that troff shows as it is: backslashes, hyphens, and points and apostrophes at the start of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def main() -> None:
    """Write them into the folder that is named."""
    folder = Path(sys.argv[1])
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
