"""What commands show and write: tables on a console, `--json`, and files that cannot be written told in a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

PIPED = 140
"""Columns where there is no terminal."""


def console() -> Console:
    """The standard output. Names are shown as they are: brackets and colons in them are no markup."""
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    shown = Console(**plain)
    return shown if shown.is_terminal else Console(**plain, width=PIPED)


def table(title: str, names: Sequence[str], figures: Sequence[str]) -> Table:
    """A table whose columns begin with `names`, which are broken where there is no room, and end with `figures`, which
    never are."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for name in names:
        made.add_column(name, overflow="fold")
    for figure in figures:
        made.add_column(figure, justify="right", no_wrap=True)
    return made


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What goes wrong with writing below is told in one sentence that names `path`, as OSError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"{path}: cannot be written ({reason}); make room, or name another file") from error


@contextmanager
def room_for(path: Path | None) -> Iterator[None]:
    """OSError before long work rather than after it if `path` cannot be written; no empty file stays behind."""
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
    """A folder for several files, and what it lies in; OSError, in one sentence, if that cannot be."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def write_json(path: Path | None, content: object) -> None:
    """Write it, if somewhere is named; OSError, in one sentence, if that cannot be."""
    if path is None:
        return
    with writing(path):
        path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
