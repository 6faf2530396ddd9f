"""The files of routes: each is found by itself, and none takes what is another's."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from controller.web import routes
from controller.web.pages import Page


def test_every_file_of_routes_has_operations_or_pages() -> None:
    found = {module.__name__.rpartition(".")[2]: module for module in routes.modules()}
    assert found.keys() == {path.stem for path in Path(routes.__file__).parent.glob("*.py")} - {"__init__"}
    assert [name for name, module in found.items() if not (hasattr(module, "router") or hasattr(module, "PAGES"))] == []


def test_no_page_takes_anothers_name_or_path() -> None:
    pages: list[Page] = [page for module in routes.modules() for page in getattr(module, "PAGES", ())]
    assert len(routes.pages()) == len(pages) > 6
    assert [path for path, times in Counter(page.path for page in pages).items() if times > 1] == []


def test_a_file_that_is_put_there_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lounge.py").write_text(
        "from controller.web.pages import Page\n"
        'PAGES = (Page("lounge", "/lounge", may=lambda account, data: account.is_one_of("counter")),)\n'
    )
    monkeypatch.setattr(routes, "__path__", [*routes.__path__, str(tmp_path)])
    try:
        assert routes.pages()["lounge"].path == "/lounge"
    finally:
        sys.modules.pop(f"{routes.__name__}.lounge", None)
