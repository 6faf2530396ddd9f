"""The reference in `docs/reference` is that of the program, and the documents lead to what there is."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from docs.generate.__main__ import PLACE, pages

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MADE = asyncio.run(pages())


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_as_the_program_is(name: str) -> None:
    assert (PLACE / name).read_text("utf-8") == MADE[name], "make it anew: make reference"


def test_no_page_is_left_of_what_is_gone() -> None:
    assert {path.name for path in PLACE.iterdir()} == MADE.keys()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_leads_to_what_there_is(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    assert [link for link in links if ":" not in link and not (path.parent / link).exists()] == []


def test_every_document_can_be_found() -> None:
    """From the README, by links, in any number of steps."""
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop().resolve()
        if path in found or path.suffix != ".md":
            continue
        found.add(path)
        waiting += [path.parent / link for link in re.findall(r"\]\(([^)#:\s]+)", path.read_text("utf-8"))]
    assert {path.resolve() for path in DOCUMENTS} - found == set()
