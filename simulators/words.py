"""The sentences of simulators: by language (zh or en), by dotted key."""

from __future__ import annotations

import tomllib
from pathlib import Path


def words(language: str, directory: Path) -> dict[str, str]:
    """Those of the files words.zh.toml and words.en.toml in a directory."""
    tables = tomllib.loads((directory / f"words.{language}.toml").read_text("utf-8"))
    return {f"{name}.{key}": text for name, table in tables.items() for key, text in table.items()}


def of_the_demo(language: str) -> dict[str, str]:
    """What `lobby demo` shows in a terminal."""
    return words(language, Path(__file__).parent)
