"""A key and a file of cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from cards.files import KEY, SMALL


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "cards.key"
    path.write_bytes(KEY + b"\n")
    path.chmod(0o640)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cards.tokens"
    path.write_bytes(SMALL)
    return path
