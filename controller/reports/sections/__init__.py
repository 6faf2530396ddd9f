"""The sections of reports, one file each, found by being in this directory.

`PLACE`: their order; `KINDS`: in which reports it is; `section`: makes it, or None where there is nothing to tell.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def known() -> list[ModuleType]:
    """All of them, in order."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return sorted(modules, key=lambda module: module.PLACE)
