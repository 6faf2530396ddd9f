"""Tests of many cases: a few of them in every `make test`, and the rest in `make verify` alone."""

from __future__ import annotations

from typing import Any

import pytest


def long(*values: Any, id: str | None = None) -> Any:
    """A parameter of a test, with which it is in `make verify` alone."""
    return pytest.param(*values, marks=pytest.mark.long, id=id)
