"""The output of commands: tables on a console, `--json`, and errors of files that cannot be written, in a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

PIPED = 140
"""Columns where there is no terminal."""


def console() -> Console:
    """The standard output. Names are printed literally: brackets and colons in them are not markup."""
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    shown = Console(**plain)
    return shown if shown.is_terminal else Console(**plain, width=PIPED)


def table(title: str, names: Sequence[str], figures: Sequence[str]) -> Table:
    """A table with columns of `names`, which are wrapped if there is no room, and then of `figures`, which never
    are."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for name in names:
        made.add_column(name, overflow="fold")
    for figure in figures:
        made.add_column(figure, justify="right", no_wrap=True)
    return made


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of texts in columns, in a terminal's cells: a Chinese character has two. The last column is never cut."""
    rows = [tuple(row) for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A context that turns errors of writing into an OSError with one sentence that names `path`."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"{path}: cannot be written ({reason}); make room, or name another file") from error


@contextmanager
def room_for(path: Path | None) -> Iterator[None]:
    """A context that raises OSError before long work if `path` cannot be written; no empty file stays behind."""
    if path is None:
        yield
        return
    new = not path.exists()
    with writing(path):
        path.touch()
    try:
        yield
    finally:
        if new and path.exists() and not path.stat().st_size:
            path.unlink()


def make_folder(path: Path) -> None:
    """Create a folder and its parents; OSError, in one sentence, if that fails."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def write_json(path: Path | None, content: object) -> None:
    """Write `content` as JSON, if a path is given; OSError, in one sentence, if that fails."""
    if path is None:
        return
    with writing(path):
        path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
