"""The sections of reports, one file each with its `PLACE` (their order), `KINDS` (in which reports it is) and `section`,
which returns None where there is nothing to tell. A file is found by being in this directory.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def known() -> list[ModuleType]:
    """All of them, in order."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return sorted(modules, key=lambda module: module.PLACE)
