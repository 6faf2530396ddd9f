"""What tests of the configuration share: the good file with something changed, and what is said of it."""

from __future__ import annotations

from pathlib import Path

from errors import GOOD

from controller.config import ConfigError, Settings, read


def plus(more: str) -> str:
    """The good file with more lines, from line 11 on."""
    return GOOD + more


def swap(old: str, new: str) -> str:
    """The good file with one thing changed."""
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def failure(path: Path) -> ConfigError | None:
    try:
        assert isinstance(read(path), Settings)
    except ConfigError as error:
        return error
    return None


def problems(path: Path, text: str | bytes) -> list[str]:
    """The error lines of a file with that text, from the line number on; empty if it is good."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return [line.removeprefix(f"{path}:") for line in str(failure(path) or "").splitlines()]
