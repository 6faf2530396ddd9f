"""A bank of six counters."""

from __future__ import annotations

from pathlib import Path

import pytest
from branches import BANK

from controller.config import read
from controller.lobby.model.rules import Rules


@pytest.fixture(scope="module")
def bank_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bank") / "bank.toml"
    path.write_text(BANK, "utf-8")
    return path


@pytest.fixture(scope="module")
def bank(bank_toml: Path) -> Rules:
    return read(bank_toml).rules
