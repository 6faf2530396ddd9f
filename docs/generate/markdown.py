"""What pages of Markdown are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MADE = "Made by `make reference`; not to be edited here."


def page(title: str, source: str, parts: Iterable[str]) -> str:
    """A whole page; `source` says what it was made of."""
    return "\n".join([f"# {title}", "", f"{MADE} {source}".rstrip(), *parts]) + "\n"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table, with a blank line before it."""
    heads = [*heads]
    yield ""
    yield row(*heads)
    yield "|" + "---|" * len(heads)
    for cells in rows:
        yield row(*cells)


def row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def code(text: str) -> str:
    """As it is written, in the line; nothing stays nothing."""
    return f"`{text}`" if text else ""


def block(language: str, text: str) -> Iterator[str]:
    """As it is written, in lines of its own."""
    yield from ("", f"```{language}", text, "```")
