"""Accounts in a file of the test, with a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from access.clocks import Times
from controller.web.accounts import Accounts


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.db"


@pytest.fixture
def accounts(path: Path, times: Times) -> Iterator[Accounts]:
    with closing(Accounts(path, times)) as accounts:
        yield accounts
